"""A serialized FileDescriptorProto becomes a File, as some clients register it.

In:  its base64. Out: the tree that its .proto text would have given.

What descriptors spell out is taken back: a map's entry message, the oneof around a proto3 `optional`, the
message of a group, a JSON name that is the usual one. The reverse way is protobuf_descriptor_write.py.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, replace

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
    as_bytes,
    as_number,
    as_text,
    read_options,
)
from schema_registry.protobuf_tokens import decoded
from schema_registry.protobuf_tree import (
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
    Literal,
    Message,
    OneOf,
    Option,
    Range,
    Reserved,
    Rpc,
    Service,
    extended_groups,
    is_map_entry,
)
from schema_registry.protobuf_wire import Wire, WireError, read_fields, signed
from schema_registry.schemas import InvalidSchema

BASE64 = re.compile(r"[A-Za-z0-9+/_-]{4,}={0,2}\Z")
NESTING_MAX = 64

SCALAR_TYPES = {
    1: "double",
    2: "float",
    3: "int64",
    4: "uint64",
    5: "int32",
    6: "fixed64",
    7: "fixed32",
    8: "bool",
    9: "string",
    12: "bytes",
    13: "uint32",
    15: "sfixed32",
    16: "sfixed64",
    17: "sint32",
    18: "sint64",
}
GROUP_TYPE, MESSAGE_TYPE, ENUM_TYPE = 10, 11, 14
LABELS = {1: OPTIONAL, 2: REQUIRED, 3: REPEATED}
EDITIONS = {998: "proto2", 999: "proto3", 1000: "2023", 1001: "2024"}

Members = dict[int, list[Wire]]


def is_base64(text: str) -> bool:
    """No .proto text is one word without spaces."""
    return BASE64.match(text.strip()) is not None


def file_of_base64(text: str) -> File:
    try:
        data = base64.b64decode(text.strip().translate(str.maketrans("-_", "+/")), validate=True)
        return read_file(data)
    except (binascii.Error, WireError) as error:
        raise InvalidSchema(
            f"The schema is neither a .proto file nor the base64 of a serialized descriptor: {error}."
        ) from error


def members_of(data: bytes) -> Members:
    found: Members = {}
    for number, value in read_fields(data):
        found.setdefault(number, []).append(value)
    return found


def text(members: Members, number: int, default: str = "") -> str:
    found = members.get(number)
    return as_text(found[-1]) if found else default


def number(members: Members, at: int, default: int = 0) -> int:
    found = members.get(at)
    return signed(as_number(found[-1])) if found else default


def each(members: Members, at: int) -> list[bytes]:
    return [as_bytes(value) for value in members.get(at, ())]


def options(members: Members, at: int, where: str) -> tuple[Option, ...]:
    return tuple(option for data in each(members, at) for option in read_options(data, where))


def read_file(data: bytes) -> File:
    members = members_of(data)
    syntax = text(members, 12, PROTO2)
    edition = EDITIONS.get(number(members, 14), "") if syntax == "editions" else ""
    if syntax not in (PROTO2, PROTO3) and not edition:
        raise WireError(f"there is no syntax '{syntax}'")
    reader = DescriptorReader(syntax == PROTO2)
    messages = [reader.message(each_one, 1) for each_one in each(members, 4)]
    extends = reader.extends(each(members, 7), messages)
    kinds = dict.fromkeys(numbers(members, 10), "public") | dict.fromkeys(numbers(members, 11), "weak")
    return File(
        syntax="" if edition else syntax,
        edition=edition,
        package=text(members, 2),
        imports=tuple(Import(as_text(name), kinds.get(at, "")) for at, name in enumerate(members.get(3, ()))),
        options=options(members, 8, FILE),
        messages=tuple(one for one in messages if one.name not in groups_of(extends)),
        enums=tuple(read_enum(each_one) for each_one in each(members, 5)),
        extends=extends,
        services=tuple(read_service(each_one) for each_one in each(members, 6)),
    )


def numbers(members: Members, at: int) -> list[int]:
    return [as_number(value) for value in members.get(at, ())]


@dataclass(frozen=True, slots=True)
class DescriptorReader:
    proto2: bool
    """Only there a field is called optional without meaning more than usual by it."""

    def message(self, data: bytes, depth: int) -> Message:
        if depth > NESTING_MAX:
            raise WireError(f"messages are nested more than {NESTING_MAX} levels deep")
        members = members_of(data)
        nested = [self.message(each_one, depth + 1) for each_one in each(members, 3)]
        fields = [self.field(each_one, nested) for each_one in each(members, 2)]
        extends = self.extends(each(members, 6), nested)
        groups = {read.group.name for read, _ in fields if read.group is not None} | groups_of(extends)
        return Message(
            text(members, 1),
            fields=tuple(read for read, home in fields if home is None),
            oneofs=tuple(self.oneofs(members, fields)),
            messages=tuple(one for one in nested if not is_map_entry(one) and one.name not in groups),
            enums=tuple(read_enum(each_one) for each_one in each(members, 4)),
            options=options(members, 7, MESSAGE),
            reserved=reserved(each(members, 9), members.get(10, []), 1),
            extensions=tuple(extension_range(each_one) for each_one in each(members, 5)),
            extends=extends,
        )

    def oneofs(self, members: Members, fields: list[tuple[Field, int | None]]) -> list[OneOf]:
        """Those with members: the one made up for a proto3 `optional` has none that count."""
        found = []
        for at, data in enumerate(each(members, 8)):
            inner = members_of(data)
            own = tuple(read for read, home in fields if home == at)
            if own:
                found.append(OneOf(text(inner, 1), own, options(inner, 2, ONEOF)))
        return found

    def field(self, data: bytes, nested: list[Message]) -> tuple[Field, int | None]:
        """A field, and the place of the oneof that it is in."""
        members = members_of(data)
        kind, type_name = number(members, 5), text(members, 6)
        explicit = bool(number(members, 17))
        home = number(members, 9) if 9 in members and not explicit else None
        label = LABELS.get(number(members, 4, 1), OPTIONAL)
        if home is not None or (not self.proto2 and label == OPTIONAL and not explicit):
            label = ""
        found = Field(
            text(members, 1),
            SCALAR_TYPES.get(kind, type_name),
            number(members, 3),
            label,
            "",
            (*options(members, 8, FIELD), *special_options(members, kind)),
        )
        if not found.name or not found.type or not 1 <= found.number <= NUMBER_MAX:
            raise WireError(f"the field '{found.name}' lacks a name, a type or a number")
        inner = next((one for one in nested if one.name == type_name.rpartition(".")[2]), None)
        return shaped(found, kind, inner), home

    def extends(self, datas: list[bytes], nested: list[Message]) -> tuple[Extend, ...]:
        by_name: dict[str, list[Field]] = {}
        for data in datas:
            read, _ = self.field(data, nested)
            by_name.setdefault(text(members_of(data), 2), []).append(read)
        return tuple(Extend(name, tuple(fields)) for name, fields in by_name.items())


def groups_of(extends: tuple[Extend, ...]) -> set[str]:
    return {message.name for message in extended_groups(extends)}


def shaped(read: Field, kind: int, inner: Message | None) -> Field:
    """A map or a group, when the message of the field was made up for one."""
    if inner is None:
        return read
    if kind == GROUP_TYPE:
        return replace(read, type=inner.name, group=inner)
    if not is_map_entry(inner):
        return read
    by_name = {one.name: one.type for one in inner.fields}
    return replace(read, key=by_name.get("key", "string"), type=by_name.get("value", "bytes"), label="")


def special_options(members: Members, kind: int) -> list[Option]:
    found = []
    if 7 in members:
        default = text(members, 7)
        if SCALAR_TYPES.get(kind) == "bytes":
            default = decoded(default)
        found.append(Option("default", Literal(default, quoted=kind in (9, 12))))
    json_name = text(members, 10)
    if json_name and json_name != usual_json_name(text(members, 1)):
        found.append(Option("json_name", Literal(json_name, quoted=True)))
    return found


def usual_json_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def read_enum(data: bytes) -> Enum:
    members = members_of(data)
    constants = []
    for one in each(members, 2):
        inner = members_of(one)
        constants.append(Constant(text(inner, 1), number(inner, 2), options(inner, 3, ENUM_VALUE)))
    return Enum(
        text(members, 1),
        tuple(constants),
        options(members, 3, ENUM),
        reserved(each(members, 4), members.get(5, []), 0),
    )


def reserved(ranges: list[bytes], names: list[Wire], beyond: int) -> tuple[Reserved, ...]:
    """Ranges of messages end before their last number, those of enums at it."""
    values: list[Range | str] = [range_of(members_of(data), beyond) for data in ranges]
    found = [Reserved(tuple(values))] if values else []
    return (*found, *([Reserved(tuple(as_text(name) for name in names))] if names else []))


def range_of(members: Members, beyond: int) -> Range:
    return Range(number(members, 1), number(members, 2) - beyond)


def extension_range(data: bytes) -> Extensions:
    members = members_of(data)
    return Extensions((range_of(members, 1),), options(members, 3, EXTENSION_RANGE))


def read_service(data: bytes) -> Service:
    members = members_of(data)
    rpcs = tuple(read_rpc(members_of(one)) for one in each(members, 2))
    return Service(text(members, 1), rpcs, options(members, 3, SERVICE))


def read_rpc(members: Members) -> Rpc:
    return Rpc(
        text(members, 1),
        text(members, 2),
        text(members, 3),
        bool(number(members, 5)),
        bool(number(members, 6)),
        options(members, 4, METHOD),
    )
