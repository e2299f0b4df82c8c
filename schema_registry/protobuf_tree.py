"""What a .proto file says, as values: the tree that everything about Protobuf speaks of.

In:  nothing. Out: frozen nodes, from a text (protobuf_parse.py) or a descriptor (protobuf_descriptor.py).

    File --> Message --> Field, OneOf --> Field, nested Message and Enum, Extend
         --> Enum --> Constant           any of them --> Option
         --> Service --> Rpc, Extend --> Field

Comments are not kept: they are no part of what is compared or stored, as in Confluent's registry.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PROTO2, PROTO3 = "proto2", "proto3"
OPTIONAL, REQUIRED, REPEATED = "optional", "required", "repeated"
NUMBER_MAX = 536_870_911
"""The largest number of a field, also written `max` in its ranges."""
CONSTANT_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, word or text. Bytes above 127 of a text are kept as half surrogates (U+DC80 and on)."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """{ key: value ... }"""

    entries: tuple[tuple[str, Value], ...]

    def get(self, key: str) -> Value | None:
        return dict(self.entries).get(key)


@dataclass(frozen=True, slots=True)
class Items:
    """[ value, ... ]"""

    values: tuple[Value, ...]


Value = Literal | Aggregate | Items


@dataclass(frozen=True, slots=True)
class Option:
    """`(name).path = value`, or `name.path = value` when it is not an extension."""

    name: str
    value: Value
    extension: bool = False
    path: str = ""

    @property
    def written(self) -> str:
        first = f"({self.name})" if self.extension else self.name
        return f"{first}.{self.path}" if self.path else first


@dataclass(frozen=True, slots=True)
class Field:
    """A field. `key` is the type of a map's keys, `type` then of its values; `group` a group's message."""

    name: str
    type: str
    number: int
    label: str = ""
    key: str = ""
    options: tuple[Option, ...] = ()
    group: Message | None = None


@dataclass(frozen=True, slots=True)
class OneOf:
    name: str
    fields: tuple[Field, ...] = ()
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class Range:
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Reserved:
    """One `reserved` statement: numbers and names."""

    values: tuple[Range | str, ...]


@dataclass(frozen=True, slots=True)
class Extensions:
    """One `extensions` statement."""

    ranges: tuple[Range, ...]
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class Constant:
    name: str
    number: int
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class Enum:
    name: str
    constants: tuple[Constant, ...] = ()
    options: tuple[Option, ...] = ()
    reserved: tuple[Reserved, ...] = ()


@dataclass(frozen=True, slots=True)
class Extend:
    name: str
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    name: str
    fields: tuple[Field, ...] = ()
    oneofs: tuple[OneOf, ...] = ()
    messages: tuple[Message, ...] = ()
    enums: tuple[Enum, ...] = ()
    options: tuple[Option, ...] = ()
    reserved: tuple[Reserved, ...] = ()
    extensions: tuple[Extensions, ...] = ()
    extends: tuple[Extend, ...] = ()

    def every_field(self) -> Iterator[Field]:
        yield from self.fields
        for oneof in self.oneofs:
            yield from oneof.fields

    def every_message(self) -> Iterator[Message]:
        """Nested messages, those of groups among them."""
        yield from self.messages
        yield from (field.group for field in self.every_field() if field.group is not None)
        yield from extended_groups(self.extends)


@dataclass(frozen=True, slots=True)
class Rpc:
    name: str
    request: str
    response: str
    request_streams: bool = False
    response_streams: bool = False
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    rpcs: tuple[Rpc, ...] = ()
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class Import:
    file: str
    kind: str = ""
    """public, weak, or nothing."""


@dataclass(frozen=True, slots=True)
class File:
    syntax: str = ""
    edition: str = ""
    package: str = ""
    imports: tuple[Import, ...] = ()
    options: tuple[Option, ...] = ()
    messages: tuple[Message, ...] = ()
    enums: tuple[Enum, ...] = ()
    extends: tuple[Extend, ...] = ()
    services: tuple[Service, ...] = ()

    def every_message(self) -> Iterator[Message]:
        yield from self.messages
        yield from extended_groups(self.extends)

    @property
    def proto3(self) -> bool:
        return self.syntax == PROTO3


def extended_groups(extends: tuple[Extend, ...]) -> Iterator[Message]:
    """The messages of groups in `extend` stand beside the block."""
    return (each.group for extend in extends for each in extend.fields if each.group is not None)


SCALARS = frozenset(
    ("double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64")
) | frozenset(("sfixed32", "sfixed64", "bool", "string", "bytes"))


def is_map_entry(message: Message) -> bool:
    """A message that stands for the entries of a map, as descriptors have them."""
    return any(option.name == "map_entry" and option.value == Literal("true") for option in message.options)
