"""An Avro schema as a tree of values. Named types are used by name: recursion is a name met again.

    Record "a.R" --fields--> Field "next" --type--> Named("a.R")      names {"a.R": Record}

`props` are the attributes that Avro itself gives no meaning (logicalType among them), in their order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")

Props: TypeAlias = dict[str, Any]

NOTHING: Any = object()
"""The default of a field without one; null is a default like any other."""


@dataclass(frozen=True, slots=True)
class Primitive:
    name: str
    props: Props = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Named:
    """The use of a named type by its full name."""

    full_name: str


@dataclass(frozen=True, slots=True)
class Array:
    items: AvroType
    props: Props = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Map:
    values: AvroType
    props: Props = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Union:
    branches: tuple[AvroType, ...]


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: AvroType
    default: Any = NOTHING
    doc: str | None = None
    order: str = "ascending"
    aliases: tuple[str, ...] = ()
    props: Props = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    full_name: str
    fields: tuple[Field, ...]
    doc: str | None = None
    aliases: tuple[str, ...] = ()
    props: Props = field(default_factory=dict)
    error: bool = False


@dataclass(frozen=True, slots=True)
class Enum:
    full_name: str
    symbols: tuple[str, ...]
    default: str | None = None
    doc: str | None = None
    aliases: tuple[str, ...] = ()
    props: Props = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fixed:
    full_name: str
    size: int
    doc: str | None = None
    aliases: tuple[str, ...] = ()
    props: Props = field(default_factory=dict)


Definition: TypeAlias = Record | Enum | Fixed
AvroType: TypeAlias = Primitive | Named | Array | Map | Union | Record | Enum | Fixed


def space_of(full_name: str) -> str:
    return full_name.rpartition(".")[0]


def bare_name(full_name: str) -> str:
    return full_name.rpartition(".")[2]


def type_word(one: AvroType) -> str:
    """The word of a type for messages and for telling the branches of a union apart."""
    if isinstance(one, Primitive):
        return one.name
    if isinstance(one, Named | Record | Enum | Fixed):
        return one.full_name
    return {Array: "array", Map: "map", Union: "union"}[type(one)]
