"""Typed expressions: what an expression means once every name and type is looked up.

In:  resolve.py makes them from the syntax tree and a scope. Out: run/codegen.py makes Python of them.

Nodes are frozen and hashable, so equal sub-expressions are the same key and are computed once.
Each knows its SQL type. Implicit casts are explicit CastTo nodes here; only comparisons keep their sides as
they are, because NULL on a side decides before anything is converted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from penstock.functions.registry import BoundScalar
from penstock.types import BOOLEAN, Primitive, SqlType


@dataclass(frozen=True, slots=True)
class Typed:
    type: SqlType


@dataclass(frozen=True, slots=True)
class ColumnRef(Typed):
    """A column of the row at hand: `slot` is the Python expression it is read by (`r0.c3`, `k0`, `ts0`).

    `nullable` False saves the checks where a value is always there (ROWTIME).
    """

    slot: str
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Literal(Typed):
    """A constant as its Python value; None is NULL. Only the bare NULL has UNTYPED as its type."""

    value: Any

    def __hash__(self) -> int:
        return hash((self.type, repr(self.value)))


@dataclass(frozen=True, slots=True)
class IntervalLiteral(Typed):
    """A bare interval unit; `type` is BIGINT by convention and not used. Value: milliseconds of one unit."""

    unit: str
    unit_ms: int


@dataclass(frozen=True, slots=True)
class ParameterRef(Typed):
    """A lambda parameter."""

    name: str


@dataclass(frozen=True, slots=True)
class LambdaExpression(Typed):
    """`type` is the type of the body."""

    parameters: tuple[str, ...]
    body: Typed


@dataclass(frozen=True, slots=True)
class CallOf(Typed):
    """A scalar function, resolved to one overload; arguments are already cast to what it takes."""

    function: BoundScalar
    arguments: tuple[Typed, ...]


@dataclass(frozen=True, slots=True)
class CastTo(Typed):
    """To `type`, by ksqlDB's CAST table; implicit ones too."""

    value: Typed


@dataclass(frozen=True, slots=True)
class ArithmeticOf(Typed):
    """+ - * / % on numbers of one type (`type` says which arithmetic), or + of two STRINGs."""

    operator: str
    left: Typed
    right: Typed


@dataclass(frozen=True, slots=True)
class NegateOf(Typed):
    value: Typed


@dataclass(frozen=True, slots=True)
class ComparisonOf(Typed):
    """NULL on a side gives FALSE, except IS [NOT] DISTINCT FROM.

    `common` is what both sides are compared as: STRING = DATE as DATE, DECIMAL < DOUBLE as DECIMAL.
    """

    operator: str
    left: Typed
    right: Typed
    common: SqlType


@dataclass(frozen=True, slots=True)
class LogicalOf(Typed):
    operator: str
    left: Typed
    right: Typed


@dataclass(frozen=True, slots=True)
class NotOf(Typed):
    value: Typed


@dataclass(frozen=True, slots=True)
class IsNullOf(Typed):
    value: Typed
    negated: bool


@dataclass(frozen=True, slots=True)
class BetweenOf(Typed):
    """value >= low AND value <= high, each compared as its own common type."""

    value: Typed
    low: Typed
    high: Typed
    common_low: SqlType
    common_high: SqlType


@dataclass(frozen=True, slots=True)
class InOf(Typed):
    value: Typed
    choices: tuple[Typed, ...]


@dataclass(frozen=True, slots=True)
class LikeOf(Typed):
    value: Typed
    pattern: Typed
    escape: str | None


@dataclass(frozen=True, slots=True)
class CaseOf(Typed):
    whens: tuple[tuple[Typed, Typed], ...]
    default: Typed | None


@dataclass(frozen=True, slots=True)
class FieldOf(Typed):
    """struct->field by position"""

    base: Typed
    position: int


@dataclass(frozen=True, slots=True)
class ItemOf(Typed):
    """array[i], map[k]"""

    base: Typed
    index: Typed


@dataclass(frozen=True, slots=True)
class ArrayOf(Typed):
    items: tuple[Typed, ...]


@dataclass(frozen=True, slots=True)
class MapOf(Typed):
    entries: tuple[tuple[Typed, Typed], ...]


@dataclass(frozen=True, slots=True)
class StructOf(Typed):
    values: tuple[Typed, ...]


TRUE = Literal(BOOLEAN, True)
UNTYPED = Primitive("NULL")
NULL = Literal(UNTYPED, None)


def children(node: Typed) -> Iterator[Typed]:
    """The nodes right under a node, in the order they are evaluated."""
    for name in _fields(type(node)):
        yield from _nodes_in(getattr(node, name))


def walk(node: Typed) -> Iterator[Typed]:
    """The node and all nodes under it, parents first."""
    yield node
    for child in children(node):
        yield from walk(child)


def rebuilt(node: Typed, change: Callable[[Typed], Typed]) -> Typed:
    """The node with `change` applied to each node right under it."""
    found = {name: _changed(getattr(node, name), change) for name in _fields(type(node))}
    return (
        replace(node, **found) if any(getattr(node, name) is not new for name, new in found.items()) else node
    )


def _changed(value: Any, change: Callable[[Typed], Typed]) -> Any:
    if isinstance(value, Typed):
        return change(value)
    if isinstance(value, tuple):
        items = tuple(_changed(item, change) for item in value)
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def _nodes_in(value: Any) -> Iterator[Typed]:
    if isinstance(value, Typed):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes_in(item)


_FIELDS: dict[type[Typed], tuple[str, ...]] = {}


def _fields(kind: type[Typed]) -> tuple[str, ...]:
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(each.name for each in fields(kind))
    return _FIELDS[kind]
