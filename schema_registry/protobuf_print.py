"""A File as text, in the layout of Confluent's registry, so that one schema has one text on both sides.

In:  a tree, and for normalize=true how type names are made full. Out: text.

    syntax, package | imports | options | messages, then enums | extends | services
    in a message:  reserved | options | fields | oneofs | extensions | nested messages, then enums | extends

Blocks are separated by an empty line and keep their order. Normalized, imports, options and keys are sorted
by name, fields and constants by number; messages are not: payloads name a message by its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from schema_registry.protobuf_tokens import HIGH_BYTE
from schema_registry.protobuf_tree import (
    SCALARS,
    Aggregate,
    Constant,
    Enum,
    Extend,
    Extensions,
    Field,
    File,
    Literal,
    Message,
    OneOf,
    Option,
    Range,
    Reserved,
    Rpc,
    Service,
    Value,
    is_map_entry,
)

Lines = list[str]
FullName = Callable[[str, tuple[str, ...]], str]
"""A type's name and the scope it is written in, to its full name with a leading dot."""

ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    **{chr(byte): f"\\{byte:03o}" for byte in (*range(7), *range(14, 32), 127)},
    **{chr(HIGH_BYTE + byte): f"\\{byte:03o}" for byte in range(128, 256)},
}
ESCAPED = str.maketrans(ESCAPES)


def print_proto(file: File) -> str:
    return Printer().file(file)


def print_normalized(file: File, full_name: FullName) -> str:
    return Printer(full_name).file(file)


@dataclass(frozen=True, slots=True)
class Printer:
    """With a `full_name` it prints normalized text. Editions have reserved names without quotes."""

    full_name: FullName | None = None
    bare_names: bool = False

    def file(self, file: File) -> str:
        if file.edition and not self.bare_names:
            return replace(self, bare_names=True).file(file)
        head = [f'syntax = "{file.syntax}";'] if file.syntax else []
        head += [f'edition = "{file.edition}";'] if file.edition else []
        head += [f"package {file.package};"] if file.package else []
        scope = tuple(file.package.split(".")) if file.package else ()
        blocks = [
            self.imports(file),
            self.options(file.options),
            [*self.messages(file.messages, scope), *self.enums(file.enums)],
            [line for extend in file.extends for line in self.extend(extend, scope)],
            [line for service in file.services for line in self.service(service, scope)],
        ]
        lines = head + [line for block in blocks if block for line in ("", *block)]
        return "".join(f"{line}\n" for line in lines)

    def imports(self, file: File) -> Lines:
        lines = []
        for kind in ("", "public", "weak"):
            names = [each.file for each in file.imports if each.kind == kind]
            names = sorted(set(names)) if self.full_name else names
            lines += [f'import {kind} "{name}";'.replace("  ", " ") for name in names]
        return lines

    def messages(self, messages: Iterable[Message], scope: tuple[str, ...]) -> Lines:
        return [
            line
            for each in messages
            if not (self.full_name and is_map_entry(each))
            for line in self.message(each, (*scope, each.name))
        ]

    def enums(self, enums: Iterable[Enum]) -> Lines:
        return [line for each in enums for line in self.enum(each)]

    def message(self, message: Message, scope: tuple[str, ...]) -> Lines:
        return block(f"message {message.name}", *self.blocks(message, scope))

    def blocks(self, message: Message, scope: tuple[str, ...]) -> list[Lines]:
        fields, oneofs = message.fields, message.oneofs
        if self.full_name:
            oneofs = tuple(sorted(map(by_number, filter(has_fields, oneofs)), key=first_number))
            fields = tuple(sorted(fields, key=number_of))
        plain = [line for each in fields if each.group is None for line in self.field(each, scope)]
        groups = [line for each in fields if each.group is not None for line in self.field(each, scope)]
        return [
            self.reserved(message.reserved),
            self.options(message.options),
            plain,
            [line for each in oneofs for line in self.oneof(each, scope)],
            groups,
            [line for each in message.extensions for line in self.extensions(each)],
            [*self.messages(message.messages, scope), *self.enums(message.enums)],
            [line for each in message.extends for line in self.extend(each, scope)],
        ]

    def field(self, field: Field, scope: tuple[str, ...]) -> Lines:
        kind = self.type_name(field.type, scope)
        if field.group is not None:
            head = f"{field.label} group {field.type} = {field.number}".strip()
            (first, *rest) = self.options_of(head, field.options)
            body = block("", *self.blocks(field.group, (*scope, field.type)))
            return [
                *([first] if not rest else [first, *rest])[:-1],
                (rest or [first])[-1] + body[0],
                *body[1:],
            ]
        if field.key:
            kind = f"map<{field.key}, {kind}>"
        head = f"{field.label} {kind} {field.name} = {field.number}".strip()
        return ended(self.options_of(head, field.options))

    def type_name(self, name: str, scope: tuple[str, ...]) -> str:
        return name if self.full_name is None or name in SCALARS else self.full_name(name, scope)

    def oneof(self, oneof: OneOf, scope: tuple[str, ...]) -> Lines:
        fields = [line for each in oneof.fields for line in self.field(each, scope)]
        return block(f"oneof {oneof.name}", self.options(oneof.options), fields, spaced=False)

    def enum(self, enum: Enum) -> Lines:
        constants = sorted(enum.constants, key=constant_order) if self.full_name else enum.constants
        values = [line for each in constants for line in self.constant(each)]
        return block(
            f"enum {enum.name}",
            self.reserved(enum.reserved),
            self.options(enum.options),
            values,
            spaced=False,
        )

    def constant(self, constant: Constant) -> Lines:
        return ended(self.options_of(f"{constant.name} = {constant.number}", constant.options))

    def reserved(self, statements: Sequence[Reserved]) -> Lines:
        if self.full_name:
            values = sorted((value for each in statements for value in each.values), key=reserved_order)
            statements = [Reserved((value,)) for value in values]
        return [f"reserved {', '.join(map(self.reserved_text, each.values))};" for each in statements]

    def reserved_text(self, value: Range | str) -> str:
        if isinstance(value, str):
            return value if self.bare_names else quoted(value)
        return range_text(value)

    def extensions(self, extensions: Extensions) -> Lines:
        groups = [(each,) for each in extensions.ranges] if self.full_name else [extensions.ranges]
        heads = (f"extensions {', '.join(map(range_text, group))}" for group in groups)
        return [line for head in heads for line in ended(self.options_of(head, extensions.options))]

    def extend(self, extend: Extend, scope: tuple[str, ...]) -> Lines:
        fields = [line for each in extend.fields for line in self.field(each, scope)]
        return block(f"extend {self.type_name(extend.name, scope)}", fields)

    def service(self, service: Service, scope: tuple[str, ...]) -> Lines:
        rpcs = [line for each in service.rpcs for line in self.rpc(each, scope)]
        return block(f"service {service.name}", self.options(service.options), rpcs)

    def rpc(self, rpc: Rpc, scope: tuple[str, ...]) -> Lines:
        request = "stream " * rpc.request_streams + self.type_name(rpc.request, scope)
        response = "stream " * rpc.response_streams + self.type_name(rpc.response, scope)
        head = f"rpc {rpc.name} ({request}) returns ({response})"
        options = self.options(rpc.options)
        return [f"{head} {{", *indented(options), "};"] if options else [f"{head};"]

    # -- options

    def options(self, options: Sequence[Option]) -> Lines:
        return [line for option in self.ordered(options) for line in ended(self.option(option, "option "))]

    def ordered(self, options: Sequence[Option]) -> Sequence[Option]:
        if self.full_name:
            return sorted(merged(options), key=option_order)
        special = [each for each in options if each.written in ("default", "json_name")]
        return [*(each for each in options if each not in special), *sorted(special, key=option_order)]

    def option(self, option: Option, before: str = "") -> Lines:
        first, *rest = self.value(option.value)
        return [f"{before}{option.written} = {first}", *rest]

    def options_of(self, head: str, options: Sequence[Option]) -> Lines:
        """head [option], or one line for each when there are several."""
        if not options:
            return [head]
        every = [self.option(each) for each in self.ordered(options)]
        if len(every) == 1:
            first, *rest = every[0]
            lines = [f"{head} [{first}", *rest]
            return [*lines[:-1], f"{lines[-1]}]"]
        return [f"{head} [", *indented(separated(every)), "]"]

    def value(self, value: Value) -> Lines:
        if isinstance(value, Literal):
            return [quoted(value.text) if value.quoted else value.text]
        if isinstance(value, Aggregate):
            entries = sorted(value.entries, key=lambda entry: entry[0]) if self.full_name else value.entries
            return ["{", *indented(separated([self.entry(key, each) for key, each in entries])), "}"]
        return ["[", *indented(separated([self.value(each) for each in value.values])), "]"]

    def entry(self, key: str, value: Value) -> Lines:
        first, *rest = self.value(value)
        return [f"{key}: {first}", *rest]


def block(head: str, *blocks: Lines, spaced: bool = True) -> Lines:
    """head { blocks }, with an empty line between them unless `spaced` says no."""
    filled = [lines for lines in blocks if lines]
    if not filled:
        return [f"{head} {{}}"]
    lines = [f"{head} {{"]
    for at, inner in enumerate(filled):
        lines += [""] if at and spaced else []
        lines += indented(inner)
    return [*lines, "}"]


def indented(lines: Iterable[str]) -> Lines:
    return [f"  {line}" for line in lines]


def separated(groups: Sequence[Lines]) -> Lines:
    lines: Lines = []
    for group in groups[:-1]:
        lines += [*group[:-1], f"{group[-1]},"]
    return [*lines, *(line for group in groups[-1:] for line in group)]


def ended(lines: Lines) -> Lines:
    return [*lines[:-1], f"{lines[-1]};"]


def quoted(text: str) -> str:
    return f'"{text.translate(ESCAPED)}"'


def range_text(value: Range) -> str:
    return str(value.first) if value.first == value.last else f"{value.first} to {value.last}"


def reserved_order(value: Range | str) -> tuple[int, int, str]:
    return (0, value.first, "") if isinstance(value, Range) else (1, 0, value)


def option_order(option: Option) -> tuple[str, str]:
    return option.name, option.path


def merged(options: Sequence[Option]) -> list[Option]:
    """(name).a = 1, (name).b = 2 says the same as (name) = { a: 1, b: 2 }. A name may be repeated, though."""
    parts: dict[str, list[tuple[str, Value]]] = {}
    others = []
    for option in options:
        if option.extension and option.path and "(" not in option.path:
            parts.setdefault(option.name, []).append(entry_of(option))
        else:
            others.append(option)
    for name, entries in parts.items():
        whole = [each for each in others if each.name == name and isinstance(each.value, Aggregate)]
        if len(whole) == 1 and isinstance(whole[0].value, Aggregate):
            others.remove(whole[0])
            entries[:0] = whole[0].value.entries
        others.append(Option(name, Aggregate(tuple(entries)), extension=True))
    return others


def entry_of(option: Option) -> tuple[str, Value]:
    first, *rest = option.path.split(".")
    value = option.value
    for part in reversed(rest):
        value = Aggregate(((part, value),))
    return first, value


def constant_order(constant: Constant) -> tuple[int, str]:
    return constant.number, constant.name


def number_of(field: Field) -> int:
    return field.number


def has_fields(oneof: OneOf) -> bool:
    return bool(oneof.fields)


def by_number(oneof: OneOf) -> OneOf:
    return replace(oneof, fields=tuple(sorted(oneof.fields, key=number_of)))


def first_number(oneof: OneOf) -> int:
    return oneof.fields[0].number
