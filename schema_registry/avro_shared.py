"""Equal types are one object: versions of a schema share what did not change, and comparing them is cheap.

In:  a type as it was parsed, its parts shared already. Out: the object that stands for all types equal to it.

A type that uses another by name is open: what it means depends on the schema around it. Only closed types
are shared. A key holds the identities of the parts, which live as long as the type that the key leads to.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any

from schema_registry.avro_check import children
from schema_registry.avro_types import (
    NOTHING,
    PRIMITIVES,
    Array,
    AvroType,
    Enum,
    Field,
    Fixed,
    Map,
    Named,
    Primitive,
    Record,
    Union,
)

SHARED_MAX = 50_000

PLAIN = {name: Primitive(name) for name in PRIMITIVES}

_shared: dict[Hashable, AvroType] = {}


class Sharing:
    """For one text: knows which of its types are open."""

    def __init__(self) -> None:
        self._open: set[int] = set()

    def shared(self, made: AvroType) -> AvroType:
        if id(made) in self._open:
            return made
        if isinstance(made, Primitive) and not made.props:
            return made
        if isinstance(made, Named) or any(id(part) in self._open for part in children(made)):
            self._open.add(id(made))
            return made
        if len(_shared) >= SHARED_MAX:
            _shared.clear()
        return _shared.setdefault(key_of(made), made)


def key_of(made: AvroType) -> Hashable:
    match made:
        case Primitive():
            return made.name, text_of(made.props)
        case Union():
            return "union", tuple(map(id, made.branches))
        case Array():
            return "array", id(made.items), text_of(made.props)
        case Map():
            return "map", id(made.values), text_of(made.props)
        case Record():
            return "record", made.error, named(made), tuple(map(field_key, made.fields))
        case Enum():
            return "enum", named(made), made.symbols, made.default
        case Fixed():
            return "fixed", named(made), made.size
    raise AssertionError(made)


def named(made: Record | Enum | Fixed) -> Hashable:
    return made.full_name, made.doc, made.aliases, text_of(made.props)


def field_key(field: Field) -> Hashable:
    default = None if field.default is NOTHING else text_of(field.default, always=True)
    return field.name, id(field.type), default, field.doc, field.order, field.aliases, text_of(field.props)


def text_of(value: Any, always: bool = False) -> str:
    return json.dumps(value) if value or always else ""
