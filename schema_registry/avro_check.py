"""The strict rules for new Avro schemas: letters of names, and defaults that fit their type.

In:  a parsed tree and all named types. Out: nothing, or InvalidSchema with the name or field that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from schema_registry.avro_types import (
    NOTHING,
    Array,
    AvroType,
    Definition,
    Enum,
    Field,
    Fixed,
    Map,
    Named,
    Primitive,
    Record,
    Union,
)
from schema_registry.schemas import InvalidSchema

NAME = re.compile(r"[^\W\d]\w*\Z")
"""Java's parser takes any Unicode letters, digits and the underscore."""

INT, LONG = 2**31, 2**63


def check(tree: AvroType, names: Mapping[str, Definition]) -> None:
    for one in walk(tree):
        if isinstance(one, Record | Enum | Fixed):
            check_full_name(one.full_name)
        if isinstance(one, Enum):
            for symbol in one.symbols:
                check_name(symbol, f"the enum {one.full_name}")
        if isinstance(one, Record):
            for field in one.fields:
                check_field(field, one, names)


def walk(tree: AvroType) -> Iterator[AvroType]:
    yield tree
    for child in children(tree):
        yield from walk(child)


def children(tree: AvroType) -> tuple[AvroType, ...]:
    match tree:
        case Record():
            return tuple(field.type for field in tree.fields)
        case Union():
            return tree.branches
        case Array():
            return (tree.items,)
        case Map():
            return (tree.values,)
    return ()


def check_full_name(full_name: str) -> None:
    for part in full_name.split("."):
        check_name(part, f"the name {full_name}")


def check_name(name: str, where: str) -> None:
    if not NAME.match(name):
        raise InvalidSchema(
            f"Illegal character or empty name in {where}: '{name}'. "
            "Names begin with a letter or _ and go on with letters, digits and _."
        )


def check_field(field: Field, record: Record, names: Mapping[str, Definition]) -> None:
    check_name(field.name, f"the record {record.full_name}")
    if field.default is not NOTHING and not fits(field.default, field.type, names):
        raise InvalidSchema(
            f"Invalid default for field {field.name} of {record.full_name}: "
            f"{field.default!r} does not fit its type."
        )


def whole(bound: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and -bound <= value < bound


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_text(value: Any) -> bool:
    return isinstance(value, str)


PRIMITIVE_FITS: Mapping[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "int": whole(INT),
    "long": whole(LONG),
    "float": is_number,
    "double": is_number,
    "bytes": is_text,
    "string": is_text,
}


def fits(value: Any, kind: AvroType, names: Mapping[str, Definition]) -> bool:
    match kind:
        case Primitive():
            return PRIMITIVE_FITS[kind.name](value)
        case Named():
            return fits(value, names[kind.full_name], names)
        case Union():
            return any(fits(value, branch, names) for branch in kind.branches)
        case Array():
            return isinstance(value, list) and all(fits(one, kind.items, names) for one in value)
        case Map():
            return isinstance(value, dict) and all(fits(one, kind.values, names) for one in value.values())
        case Record():
            return isinstance(value, dict) and all(
                fits(value.get(field.name, field.default), field.type, names) for field in kind.fields
            )
    return is_text(value)
