"""The shape of JSON records, learned: how their names are spelled and what else they carry.

In:  a SQL type and records seen so far, as parsed trees.
Out: a strict msgspec decoder for records of that shape, with the members of each STRUCT as c0, c1, ...

    type STRUCT<ID INTEGER, PRICE DOUBLE>, seen {"id": 1, "Price": 2.5, "note": "x"}
    shape {ID: "id", PRICE: "Price"}, extras {"note": text}
    class Seen: c0: int32 | None = "id"; c1: float | None = "Price"; x0: str | None = "note"; nothing else

A decoder accepts a record only if each member is spelled as in the shape: a second spelling of a column, or
a member never seen, fails it. Extras are declared with the type they had, so that they are checked as fully
as Jackson checks what it skips. Values that need exact decimals come through the float hook.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec

from penstock import types
from penstock.formats import java_numbers
from penstock.formats.json_exact import DAY_MS

EXTRAS_MAX = 100
TEXT, ANYTHING = "text", "anything"


class Unlearnable(Exception):
    """These records have no one shape."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a STRUCT: the spelling of each field seen, the extras, and the shapes within its fields.

    The shape of an ARRAY or MAP is that of its items; a value without STRUCTs has the empty shape.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    extras: Mapping[str, str] = field(default_factory=dict)
    inner: Mapping[str, Shape] = field(default_factory=dict)


EMPTY = Shape()


def learnable(kind: types.SqlType) -> bool:
    """Not when two fields differ only by case: one member of a record can then feed both."""
    match kind:
        case types.Array(item):
            return learnable(item)
        case types.Map(_, value):
            return learnable(value)
        case types.Struct(fields):
            names = {name for name, _ in fields}
            clash = any(name.upper() != name and name.upper() in names for name in names)
            return not clash and all(learnable(inner) for _, inner in fields)
    return True


def observe(kind: types.SqlType, shape: Shape, tree: Any) -> Shape:
    """The shape that holds what was seen before and this tree; raises Unlearnable."""
    match kind:
        case types.Array(item) if isinstance(tree, list):
            for element in tree:
                shape = observe(item, shape, element)
        case types.Map(_, value) if isinstance(tree, dict):
            for member in tree.values():
                shape = observe(value, shape, member)
        case types.Struct() if isinstance(tree, dict):
            return _observe_struct(kind, shape, tree)
    return shape


def _observe_struct(kind: types.Struct, shape: Shape, tree: dict[str, Any]) -> Shape:
    names, extras, inner = dict(shape.names), dict(shape.extras), dict(shape.inner)
    fields = dict(kind.fields)
    for spelled, member in tree.items():
        name = spelled if spelled in fields else spelled.upper()
        if name not in fields:
            extras[spelled] = _extra_kind(extras.get(spelled), member)
        elif names.setdefault(name, spelled) != spelled:
            raise Unlearnable
        else:
            inner[name] = observe(fields[name], inner.get(name, EMPTY), member)
    if len(extras) > EXTRAS_MAX:
        raise Unlearnable
    return Shape(names, extras, inner)


def _extra_kind(known: str | None, member: Any) -> str:
    if isinstance(member, str) and known in (None, TEXT):
        return TEXT
    return TEXT if member is None and known == TEXT else ANYTHING


def decoder(kind: types.SqlType, shape: Shape) -> msgspec.json.Decoder[Any]:
    """Raises Unlearnable when a name can't be declared to msgspec."""
    declared = annotation(kind, shape)
    target = declared if isinstance(kind, types.Struct) else declared | None
    try:
        return msgspec.json.Decoder(target, float_hook=java_numbers.parse_decimal)
    except (ValueError, TypeError) as problem:
        raise Unlearnable from problem


def annotation(kind: types.SqlType, shape: Shape) -> Any:
    match kind:
        case types.Array(item):
            return list[annotation(item, shape) | None]  # type: ignore[misc]
        case types.Map(_, value):
            return dict[str, annotation(value, shape) | None]  # type: ignore[misc]
        case types.Struct():
            return _struct_class(kind, shape)
        case types.Decimal():
            return Any
        case types.Primitive(name):
            return ANNOTATIONS[name]
    raise AssertionError(kind)


def _struct_class(kind: types.Struct, shape: Shape) -> type[msgspec.Struct]:
    fields: list[tuple[str, Any, Any]] = []
    spelled: dict[str, str] = {}
    for position, (name, inner) in enumerate(kind.fields):
        fields.append((f"c{position}", annotation(inner, shape.inner.get(name, EMPTY)) | None, None))
        spelled[f"c{position}"] = shape.names.get(name, name)
    for position, (name, extra) in enumerate(shape.extras.items()):
        fields.append((f"x{position}", str | None if extra == TEXT else Any, None))
        spelled[f"x{position}"] = name
    try:
        return msgspec.defstruct(
            "Seen", fields, rename=spelled, forbid_unknown_fields=True, weakref=False, gc=False
        )
    except ValueError as problem:
        raise Unlearnable from problem


INT32 = Annotated[int, msgspec.Meta(ge=types.INT_MIN, le=types.INT_MAX)]
INT64 = Annotated[int, msgspec.Meta(ge=types.BIGINT_MIN, le=types.BIGINT_MAX)]
ANNOTATIONS: dict[str, Any] = {
    "BOOLEAN": bool,
    "INTEGER": INT32,
    "BIGINT": INT64,
    "DOUBLE": float,
    "STRING": str,
    "BYTES": bytes,
    "TIME": Annotated[int, msgspec.Meta(ge=0, le=DAY_MS)],
    "DATE": INT32,
    "TIMESTAMP": INT64,
}
assert ANNOTATIONS.keys() == types.PRIMITIVES.keys(), ANNOTATIONS.keys() ^ types.PRIMITIVES.keys()
