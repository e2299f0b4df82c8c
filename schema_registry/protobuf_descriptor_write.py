"""A File becomes a serialized FileDescriptorProto, which clients build their messages from.

In:  a scope, for the types that names mean. Out: its base64 (format=serialized).

What the text leaves out is spelled out: the entry message of a map, the oneof around a proto3 `optional`,
full type names. A name that is nowhere is written as it stands, without a kind, as protoc's own parser does.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from schema_registry.protobuf_descriptor import (
    EDITIONS,
    ENUM_TYPE,
    GROUP_TYPE,
    LABELS,
    MESSAGE_TYPE,
    SCALAR_TYPES,
)
from schema_registry.protobuf_options import (
    ENUM,
    ENUM_VALUE,
    EXTENSION_RANGE,
    FIELD,
    FILE,
    MESSAGE,
    METHOD,
    ONEOF,
    SERVICE,
    write_options,
)
from schema_registry.protobuf_print import quoted
from schema_registry.protobuf_scope import Scope
from schema_registry.protobuf_tree import (
    OPTIONAL,
    PROTO2,
    REPEATED,
    Enum,
    Extend,
    Extensions,
    Field,
    Literal,
    Message,
    OneOf,
    Option,
    Range,
    Reserved,
    Rpc,
    Service,
)
from schema_registry.protobuf_wire import write_all, write_bytes, write_number, write_text

NAME = "default"
"""A schema has no file name of its own; this is what Confluent's registry writes."""

TYPE_NUMBERS = {name: number for number, name in SCALAR_TYPES.items()}
LABEL_NUMBERS = {name: number for number, name in LABELS.items()}
EDITION_NUMBERS = {name: number for number, name in EDITIONS.items()}


def to_base64(scope: Scope) -> str:
    return base64.b64encode(Writer(scope).file()).decode()


@dataclass(frozen=True, slots=True)
class Writer:
    scope: Scope

    def file(self) -> bytes:
        file = self.scope.main
        package = file.package
        kinds = {"public": 10, "weak": 11}
        places = b"".join(
            write_number(kinds[each.kind], at) for at, each in enumerate(file.imports) if each.kind
        )
        syntax = "editions" if file.edition else "" if file.syntax == PROTO2 else file.syntax
        return b"".join(
            (
                write_text(1, NAME),
                write_text(2, package),
                write_all(3, (each.file.encode() for each in file.imports)),
                write_all(4, (self.message(each, package) for each in file.every_message())),
                write_all(5, map(write_enum, file.enums)),
                write_all(6, (self.service(each, package) for each in file.services)),
                self.extends(7, file.extends, package),
                options(8, file.options, FILE),
                places,
                write_text(12, syntax),
                write_number(14, EDITION_NUMBERS[file.edition]) if file.edition in EDITION_NUMBERS else b"",
            )
        )

    def message(self, message: Message, scope: str) -> bytes:
        inside = f"{scope}.{message.name}" if scope else message.name
        homes = {id(each): at for at, oneof in enumerate(message.oneofs) for each in oneof.fields}
        explicit = [each for each in message.fields if self.is_explicit(each)]
        homes |= {id(each): at for at, each in enumerate(explicit, len(message.oneofs))}
        every = [*message.every_field()]
        nested = [self.message(each, inside) for each in message.every_message()]
        nested += [self.entry(each, inside) for each in every if each.key]
        oneofs = [write_oneof(each) for each in message.oneofs]
        oneofs += [write_text(1, f"_{each.name}") for each in explicit]
        return b"".join(
            (
                write_text(1, message.name),
                write_all(2, (self.field(each, inside, homes.get(id(each))) for each in every)),
                write_all(3, nested),
                write_all(4, map(write_enum, message.enums)),
                b"".join(map(write_extensions, message.extensions)),
                self.extends(6, message.extends, inside),
                options(7, message.options, MESSAGE),
                write_all(8, oneofs),
                write_reserved(message.reserved, 9, 1),
            )
        )

    def is_explicit(self, field: Field) -> bool:
        return self.scope.main.proto3 and field.label == OPTIONAL

    def field(self, field: Field, inside: str, home: int | None = None, extendee: str = "") -> bytes:
        label = REPEATED if field.key else field.label or OPTIONAL
        explicit = self.is_explicit(field) and not extendee
        return b"".join(
            (
                write_text(1, field.name),
                write_text(2, extendee),
                write_number(3, field.number),
                write_number(4, LABEL_NUMBERS[label]),
                self.type_of(field, inside),
                write_default(field),
                options(8, field.options, FIELD),
                write_number(9, home) if home is not None else b"",
                write_text(10, literal(field.options, "json_name")),
                write_number(17, 1) if explicit else b"",
            )
        )

    def type_of(self, field: Field, inside: str) -> bytes:
        if field.key:
            return write_number(5, MESSAGE_TYPE) + write_text(6, f".{inside}.{entry_name(field)}")
        if field.group is not None:
            return write_number(5, GROUP_TYPE) + write_text(6, f".{inside}.{field.type}")
        return self.named_type(field.type, inside)

    def named_type(self, name: str, inside: str) -> bytes:
        if name in TYPE_NUMBERS:
            return write_number(5, TYPE_NUMBERS[name])
        found = self.scope.find(name, inside)
        if found is None:
            return write_text(6, name)
        kind = ENUM_TYPE if found.is_enum else MESSAGE_TYPE
        return write_number(5, kind) + write_text(6, f".{found.full}")

    def entry(self, field: Field, inside: str) -> bytes:
        """The message for the entries of a map."""
        members = (Field("key", field.key, 1), Field("value", field.type, 2))
        return b"".join(
            (
                write_text(1, entry_name(field)),
                write_all(2, (self.field(each, inside) for each in members)),
                options(7, (Option("map_entry", Literal("true")),), MESSAGE),
            )
        )

    def extends(self, number: int, extends: tuple[Extend, ...], inside: str) -> bytes:
        return write_all(
            number,
            (
                self.field(each, inside, extendee=self.full_name(extend.name, inside))
                for extend in extends
                for each in extend.fields
            ),
        )

    def full_name(self, name: str, inside: str) -> str:
        found = self.scope.find(name, inside)
        return f".{found.full}" if found is not None else name

    def service(self, service: Service, inside: str) -> bytes:
        rpcs = (self.rpc(each, inside) for each in service.rpcs)
        return write_text(1, service.name) + write_all(2, rpcs) + options(3, service.options, SERVICE)

    def rpc(self, rpc: Rpc, inside: str) -> bytes:
        return b"".join(
            (
                write_text(1, rpc.name),
                write_text(2, self.full_name(rpc.request, inside)),
                write_text(3, self.full_name(rpc.response, inside)),
                options(4, rpc.options, METHOD),
                write_number(5, 1) if rpc.request_streams else b"",
                write_number(6, 1) if rpc.response_streams else b"",
            )
        )


def entry_name(field: Field) -> str:
    return "".join(part[:1].upper() + part[1:] for part in field.name.split("_")) + "Entry"


def options(number: int, found: tuple[Option, ...], where: str) -> bytes:
    data = write_options(found, where)
    return write_bytes(number, data) if data else b""


def literal(found: tuple[Option, ...], name: str) -> str:
    values = [each.value for each in found if each.written == name]
    return values[0].text if values and isinstance(values[0], Literal) else ""


def write_default(field: Field) -> bytes:
    if not any(each.written == "default" for each in field.options):
        return b""
    default = literal(field.options, "default")
    return write_bytes(7, (quoted(default)[1:-1] if field.type == "bytes" else default).encode())


def write_oneof(oneof: OneOf) -> bytes:
    return write_text(1, oneof.name) + options(2, oneof.options, ONEOF)


def write_enum(enum: Enum) -> bytes:
    constants = (
        write_text(1, each.name) + write_number(2, each.number) + options(3, each.options, ENUM_VALUE)
        for each in enum.constants
    )
    return b"".join(
        (
            write_text(1, enum.name),
            write_all(2, constants),
            options(3, enum.options, ENUM),
            write_reserved(enum.reserved, 4, 0),
        )
    )


def write_reserved(statements: tuple[Reserved, ...], number: int, beyond: int) -> bytes:
    values = [value for each in statements for value in each.values]
    ranges = (write_range(each, beyond) for each in values if isinstance(each, Range))
    names = (each.encode() for each in values if isinstance(each, str))
    return write_all(number, ranges) + write_all(number + 1, names)


def write_range(found: Range, beyond: int) -> bytes:
    return write_number(1, found.first) + write_number(2, found.last + beyond)


def write_extensions(extensions: Extensions) -> bytes:
    shared = options(3, extensions.options, EXTENSION_RANGE)
    return write_all(5, (write_range(each, 1) + shared for each in extensions.ranges))
