"""A .proto text becomes a file descriptor, as protoc would make it, as far as payloads need it.

In:  proto2 and proto3 text.
Out: a FileDescriptorProto, and the DECIMAL parameters of its fields; or RecordError.

Services, extensions and options say nothing about bytes and are passed over, but for what Connect keeps in
(confluent.field_meta): the precision and scale of a confluent.type.Decimal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FieldDescriptorProto
from google.protobuf.descriptor_pb2 import FileDescriptorProto as FileProto

from penstock.errors import RecordError

TOKEN = re.compile(
    r"""\s+|//[^\n]*|/\*.*?\*/|("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[\w.+-]+|[{}\[\]()<>=;,:/])""", re.DOTALL
)
SCALARS: dict[str, FieldDescriptorProto.Type] = {
    name: getattr(FieldDescriptorProto, f"TYPE_{name.upper()}")
    for name in [
        "double",
        "float",
        "int32",
        "int64",
        "uint32",
        "uint64",
        "sint32",
        "sint64",
        "fixed32",
        "fixed64",
        "sfixed32",
        "sfixed64",
        "bool",
        "string",
        "bytes",
    ]
}
LABELS: dict[str, FieldDescriptorProto.Label] = {
    "optional": FieldDescriptorProto.LABEL_OPTIONAL,
    "required": FieldDescriptorProto.LABEL_REQUIRED,
    "repeated": FieldDescriptorProto.LABEL_REPEATED,
}
OPEN, CLOSE = frozenset("{[("), frozenset("}])")


@dataclass(slots=True)
class ProtoText:
    """`decimals`: precision and scale by the full name of a field."""

    file: FileProto
    decimals: dict[str, tuple[int, int]] = field(default_factory=dict)


def parse_proto(text: str, name: str) -> ProtoText:
    return _Parser(_tokens(text), name).file()


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise RecordError(f"The Protobuf schema can't be read at character {at}: {text[at : at + 20]!r}")
        if match[1]:
            found.append(match[1])
        at = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[str], name: str) -> None:
        self._tokens = tokens
        self._at = 0
        self._made = ProtoText(FileProto(name=name, syntax="proto2"))
        self._proto3 = False

    # --- tokens --------------------------------------------------------------------------------------

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise RecordError("The Protobuf schema ends too early.")
        self._at += 1
        return token

    def _take(self, wanted: str) -> bool:
        if self._peek() != wanted:
            return False
        self._at += 1
        return True

    def _expect(self, wanted: str) -> None:
        found = self._next()
        if found != wanted:
            raise RecordError(f"The Protobuf schema has {found!r} where {wanted!r} should stand.")

    def _text(self) -> str:
        return self._next()[1:-1]

    def _skip(self) -> None:
        """To the end of a statement: its semicolon, or its closing brace."""
        depth = 0
        while True:
            token = self._next()
            depth += (token in OPEN) - (token in CLOSE)
            if depth == 0 and token in (";", "}"):
                return

    # --- the file ------------------------------------------------------------------------------------

    def file(self) -> ProtoText:
        made = self._made.file
        while self._peek():
            word = self._next()
            if word == "syntax":
                self._expect("=")
                made.syntax = self._text()
                self._proto3 = made.syntax == "proto3"
                self._expect(";")
            elif word == "package":
                made.package = self._next()
                self._expect(";")
            elif word == "import":
                self._import()
            elif word == "message":
                self._message(made.message_type.add(), made.package)
            elif word == "enum":
                self._enum(made.enum_type.add())
            elif word != ";":
                self._skip()
        return self._made

    def _import(self) -> None:
        if self._peek() in ("public", "weak"):
            self._next()
        self._made.file.dependency.append(self._text())
        self._expect(";")

    def _enum(self, made: EnumDescriptorProto) -> None:
        made.name = self._next()
        self._expect("{")
        while not self._take("}"):
            name = self._next()
            if name in ("option", "reserved") and self._peek() != "=":
                if name == "option":
                    allows_alias = self._peek() == "allow_alias"
                    made.options.allow_alias |= allows_alias
                self._skip()
                continue
            if name == ";":
                continue
            self._expect("=")
            made.value.add(name=name, number=int(self._next(), 0))
            self._options()
            self._expect(";")

    # --- messages ------------------------------------------------------------------------------------

    def _message(self, made: DescriptorProto, outer: str) -> None:
        made.name = self._next()
        path = f"{outer}.{made.name}" if outer else made.name
        self._expect("{")
        while not self._take("}"):
            self._member(made, path)
        # Synthetic oneofs come after all others.
        for each in made.field:
            if each.proto3_optional:
                each.oneof_index = len(made.oneof_decl)
                made.oneof_decl.add(name=f"_{each.name}")

    def _member(self, made: DescriptorProto, path: str) -> None:
        word = self._peek()
        special = {
            "message": lambda: self._message(made.nested_type.add(), path),
            "enum": lambda: self._enum(made.enum_type.add()),
            "oneof": lambda: self._oneof(made, path),
        }
        following = self._tokens[self._at + 2] if self._at + 2 < len(self._tokens) else ""
        if word in special and following == "{":
            self._next()
            special[word]()
        elif word in ("option", "reserved", "extensions", "extend") and following != "=":
            self._skip()
        elif not self._take(";"):
            self._field(made, path, None)

    def _oneof(self, made: DescriptorProto, path: str) -> None:
        index = len(made.oneof_decl)
        made.oneof_decl.add(name=self._next())
        self._expect("{")
        while not self._take("}"):
            if self._peek() == "option":
                self._skip()
            else:
                self._field(made, path, index)

    def _field(self, made: DescriptorProto, path: str, oneof: int | None) -> None:
        label = self._next() if self._peek() in LABELS else ""
        kind = self._next()
        if kind == "map" and self._peek() == "<":
            self._map(made, path)
            return
        if kind == "group":
            raise RecordError("Groups in Protobuf schemas can't be read.")
        each = made.field.add(label=LABELS[label or "optional"])
        _set_type(each, kind)
        each.name = self._next()
        self._number(each, path)
        each.proto3_optional = self._proto3 and label == "optional"
        if oneof is not None:
            each.oneof_index = oneof

    def _map(self, made: DescriptorProto, path: str) -> None:
        self._expect("<")
        key = self._next()
        self._expect(",")
        value = self._next()
        self._expect(">")
        each = made.field.add(label=LABELS["repeated"], name=self._next())
        entry = made.nested_type.add(name=_entry_name(each.name))
        entry.options.map_entry = True
        for number, (name, kind) in enumerate((("key", key), ("value", value)), 1):
            part = entry.field.add(name=name, number=number, label=LABELS["optional"])
            _set_type(part, kind)
        each.type_name = f".{path}.{entry.name}"
        self._number(each, path)

    def _number(self, each: FieldDescriptorProto, path: str) -> None:
        self._expect("=")
        each.number = int(self._next(), 0)
        found = _decimal_of(self._options())
        if found is not None:
            self._made.decimals[f"{path}.{each.name}"] = found
        self._expect(";")

    def _options(self) -> list[str]:
        """The tokens between the brackets that follow a field."""
        if not self._take("["):
            return []
        found: list[str] = []
        depth = 1
        while depth:
            token = self._next()
            depth += (token in OPEN) - (token in CLOSE)
            found.append(token)
        return found


def _set_type(made: FieldDescriptorProto, kind: str) -> None:
    if kind in SCALARS:
        made.type = SCALARS[kind]
    else:
        made.type_name = kind


def _entry_name(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.split("_")) + "Entry"


def _decimal_of(options: list[str]) -> tuple[int, int] | None:
    """precision and scale of {params: [{key: "precision", value: "4"}, ...]}, whichever stands first."""
    pairs: dict[str, str] = {}
    current: dict[str, str] = {}
    for place, token in enumerate(options):
        if token in ("key", "value") and options[place + 1 : place + 2] == [":"]:
            current[token] = options[place + 2].strip("\"'")
            if len(current) == 2:
                pairs[current["key"]] = current["value"]
                current = {}
    if not {"precision", "scale"} & pairs.keys():
        return None
    return int(pairs.get("precision", 64)), int(pairs.get("scale", 0))
