"""A .proto text becomes a File.

In:  text. Out: the tree. What the grammar does not allow raises InvalidSchema: `line 4:7: ...`.

Tables name what may stand where; a word they lack begins a field in a message, and is an error elsewhere.
Names are not looked up here, and numbers not compared: protobuf_check.py does that for new schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from schema_registry.protobuf_cursor import NESTING_MAX, Cursor, named
from schema_registry.protobuf_tokens import END, TEXT, WORD, Token, tokens_of
from schema_registry.protobuf_tree import (
    CONSTANT_MAX,
    NUMBER_MAX,
    OPTIONAL,
    PROTO2,
    PROTO3,
    REPEATED,
    REQUIRED,
    Constant,
    Enum,
    Extend,
    Extensions,
    Field,
    File,
    Import,
    Message,
    OneOf,
    Option,
    Range,
    Reserved,
    Rpc,
    Service,
)

LABELS = (OPTIONAL, REQUIRED, REPEATED)
Parts = dict[str, list[Any]]


def parse_proto(text: str) -> File:
    return Parser(text, tokens_of(text)).file()


@dataclass(slots=True)
class Parser(Cursor):
    syntax: str = PROTO2

    # -- files

    def file(self) -> File:
        parts: Parts = {}
        while self.next.kind != END:
            token = self.next
            word = self.word("A statement") if not self.skip(";") else ";"
            if word == ";":
                continue
            statement = FILE_STATEMENTS.get(word)
            if statement is None:
                known = ", ".join(FILE_STATEMENTS)
                raise self.fail(f"'{word}' begins no statement; a file has {known}", token)
            statement(self, parts)
        return File(
            syntax=only(parts, "syntax"),
            edition=only(parts, "edition"),
            package=only(parts, "package"),
            **several(parts, "imports", "options", "messages", "enums", "extends", "services"),
        )

    def read_syntax(self, parts: Parts) -> None:
        start = self.next
        self.expect("=")
        found = self.quoted("The syntax")
        self.expect(";")
        if found not in (PROTO2, PROTO3) or parts:
            why = f"there is no syntax '{found}'" if not parts else "the syntax stands once, before all else"
            raise self.fail(why, start)
        self.syntax = found
        parts["syntax"] = [found]

    def read_edition(self, parts: Parts) -> None:
        start = self.next
        self.expect("=")
        parts_before = bool(parts)
        parts["edition"] = [self.quoted("The edition")]
        self.expect(";")
        if parts_before:
            raise self.fail("the edition stands once, before all else", start)
        self.syntax = ""

    def read_package(self, parts: Parts) -> None:
        token = self.next
        parts.setdefault("package", []).append(self.word("The name of a package"))
        if len(parts["package"]) > 1 or token.text.startswith("."):
            raise self.fail("a file has one package, whose name begins with a letter", token)
        self.expect(";")

    def read_import(self, parts: Parts) -> None:
        kind = self.take().text if self.next.kind == WORD and self.next.text in ("public", "weak") else ""
        parts.setdefault("imports", []).append(Import(self.quoted("A file"), kind))
        self.expect(";")

    def read_option(self, parts: Parts) -> None:
        parts.setdefault("options", []).append(self.option())
        self.expect(";")

    # -- messages

    def read_message(self, parts: Parts) -> None:
        parts.setdefault("messages", []).append(self.message(self.name("The name of a message")))

    def message(self, name: str) -> Message:
        parts = self.body(MESSAGE_STATEMENTS, Parser.read_field)
        return Message(
            name,
            **several(parts, "fields", "oneofs", "messages", "enums", "options", "reserved"),
            **several(parts, "extensions", "extends"),
        )

    def body(self, statements: Mapping[str, Statement], other: Statement) -> Parts:
        """{ statements }, each by its first word, or by `other` when the table does not have it."""
        parts: Parts = {}
        opened = self.next
        self.expect("{")
        self.depth += 1
        if self.depth > NESTING_MAX:
            raise self.fail(f"nested more than {NESTING_MAX} levels deep", opened)
        while not self.skip("}"):
            if self.next.kind == END:
                raise self.fail("this { is never closed", opened)
            if self.skip(";"):
                continue
            statement = statements.get(self.next.text) if self.next.kind == WORD else None
            if statement is not None and not self.names_field():
                self.take()
                statement(self, parts)
            else:
                other(self, parts)
        self.depth -= 1
        return parts

    def names_field(self) -> bool:
        """`reserved = 1` in an enum, or `message foo = 1`: a keyword that is only a name here."""
        following = [token.text for token in self.tokens[self.at + 1 : self.at + 3]]
        return following[:1] == ["="] or (following[1:] == ["="] and self.next.text != "option")

    def read_field(self, parts: Parts) -> None:
        parts.setdefault("fields", []).append(self.field())

    def field(self, in_oneof: bool = False, in_extend: bool = False) -> Field:
        start = self.next
        label = self.take().text if start.text in LABELS and start.kind == WORD else ""
        if start.kind == WORD and self.next.text == "map" and self.tokens[self.at + 1].text == "<":
            if label or in_oneof or in_extend:
                raise self.fail("a map has no label, and stands neither in a oneof nor in extend", start)
            return self.map_field()
        self.check_label(label, start, in_oneof)
        kind_token = self.next
        kind = self.word("The type of a field")
        if kind == "group":
            return self.group(label, kind_token)
        name = self.name("The name of a field")
        return Field(name, kind, self.number(), label, "", self.field_options())

    def check_label(self, label: str, start: Token, in_oneof: bool) -> None:
        if in_oneof and label:
            raise self.fail(f"a member of a oneof has no label: {label}", start)
        if self.syntax == PROTO2 and not label and not in_oneof:
            found = named(start)
            raise self.fail(f"optional, required or repeated was expected in proto2, {found} found", start)
        if self.syntax == PROTO3 and label == REQUIRED:
            raise self.fail("proto3 has no required fields", start)

    def number(self) -> int:
        self.expect("=")
        start = self.next
        found = self.integer("The number of a field")
        if not 1 <= found <= NUMBER_MAX:
            raise self.fail(f"{found} is no field number; they go from 1 to {NUMBER_MAX}", start)
        return found

    def map_field(self) -> Field:
        self.take()
        self.expect("<")
        key = self.word("The type of a map's keys")
        self.expect(",")
        kind = self.word("The type of a map's values")
        self.expect(">")
        name = self.name("The name of a field")
        return Field(name, kind, self.number(), "", key, self.field_options())

    def group(self, label: str, start: Token) -> Field:
        if self.syntax == PROTO3:
            raise self.fail("proto3 has no groups; use a nested message", start)
        name = self.name("The name of a group")
        number = self.number()
        options = self.bracketed()
        return Field(name.lower(), name, number, label, "", options, self.message(name))

    def field_options(self) -> tuple[Option, ...]:
        options = self.bracketed()
        self.expect(";")
        return options

    def read_oneof(self, parts: Parts) -> None:
        name = self.name("The name of a oneof")
        inner = self.body(
            {"option": Parser.read_option},
            lambda parser, into: into.setdefault("fields", []).append(parser.field(in_oneof=True)),
        )
        parts.setdefault("oneofs", []).append(OneOf(name, **several(inner, "fields", "options")))

    def read_extend(self, parts: Parts) -> None:
        name = self.word("The message to extend")
        inner = self.body(
            {}, lambda parser, into: into.setdefault("fields", []).append(parser.field(in_extend=True))
        )
        parts.setdefault("extends", []).append(Extend(name, **several(inner, "fields")))

    def read_reserved(self, parts: Parts, most: int = NUMBER_MAX) -> None:
        values: list[Range | str] = [self.reserved_value(most)]
        while self.skip(","):
            values.append(self.reserved_value(most))
        self.expect(";")
        parts.setdefault("reserved", []).append(Reserved(tuple(values)))

    def read_reserved_constants(self, parts: Parts) -> None:
        self.read_reserved(parts, CONSTANT_MAX)

    def reserved_value(self, most: int) -> Range | str:
        if self.next.kind == TEXT:
            return self.quoted("A name")
        return self.word("A name") if self.next.kind == WORD else self.range(most)

    def range(self, most: int = NUMBER_MAX) -> Range:
        start = self.next
        first = self.integer("A range")
        last = first
        if self.skip("to"):
            last = most if self.skip("max") else self.integer("A range")
        if last < first:
            raise self.fail(f"the range runs from {first} down to {last}", start)
        return Range(first, last)

    def read_extensions(self, parts: Parts) -> None:
        ranges = [self.range()]
        while self.skip(","):
            ranges.append(self.range())
        parts.setdefault("extensions", []).append(Extensions(tuple(ranges), self.field_options()))

    # -- enums and services

    def read_enum(self, parts: Parts) -> None:
        name = self.name("The name of an enum")
        inner = self.body(ENUM_STATEMENTS, Parser.read_constant)
        parts.setdefault("enums", []).append(Enum(name, **several(inner, "constants", "options", "reserved")))

    def read_constant(self, parts: Parts) -> None:
        name = self.name("The name of a constant")
        self.expect("=")
        number = self.integer("The number of a constant")
        parts.setdefault("constants", []).append(Constant(name, number, self.field_options()))

    def read_service(self, parts: Parts) -> None:
        name = self.name("The name of a service")
        inner = self.body({"option": Parser.read_option}, Parser.read_rpc)
        parts.setdefault("services", []).append(Service(name, **several(inner, "rpcs", "options")))

    def read_rpc(self, parts: Parts) -> None:
        self.expect("rpc")
        name = self.name("The name of an rpc")
        request, request_streams = self.rpc_type()
        self.expect("returns")
        response, response_streams = self.rpc_type()
        options: tuple[Option, ...] = ()
        if self.next.text == "{":
            options = several(self.body({"option": Parser.read_option}, Parser.refuse), "options")["options"]
        else:
            self.expect(";")
        rpc = Rpc(name, request, response, request_streams, response_streams, options)
        parts.setdefault("rpcs", []).append(rpc)

    def refuse(self, parts: Parts) -> None:
        raise self.fail(f"an option was expected, {named(self.next)} found")

    def rpc_type(self) -> tuple[str, bool]:
        self.expect("(")
        streams = self.next.text == "stream" and self.tokens[self.at + 1].text != ")" and self.skip("stream")
        found = self.word("A message")
        self.expect(")")
        return found, streams


Statement = Callable[[Parser, Parts], None]


FILE_STATEMENTS: Mapping[str, Statement] = {
    "syntax": Parser.read_syntax,
    "edition": Parser.read_edition,
    "package": Parser.read_package,
    "import": Parser.read_import,
    "option": Parser.read_option,
    "message": Parser.read_message,
    "enum": Parser.read_enum,
    "extend": Parser.read_extend,
    "service": Parser.read_service,
}
MESSAGE_STATEMENTS: Mapping[str, Statement] = {
    "option": Parser.read_option,
    "message": Parser.read_message,
    "enum": Parser.read_enum,
    "oneof": Parser.read_oneof,
    "extend": Parser.read_extend,
    "reserved": Parser.read_reserved,
    "extensions": Parser.read_extensions,
}
ENUM_STATEMENTS: Mapping[str, Statement] = {
    "option": Parser.read_option,
    "reserved": Parser.read_reserved_constants,
}


def only(parts: Parts, key: str) -> str:
    found = parts.get(key, [])
    return str(found[0]) if found else ""


def several(parts: Parts, *keys: str) -> dict[str, Any]:
    return {key: tuple(parts.get(key, ())) for key in keys}
