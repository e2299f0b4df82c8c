"""Typed expressions: what an expression means once every name and type is looked up.

In:  resolve.py makes them from the syntax tree and a scope. Out: run/codegen.py makes Python of them.

Nodes are frozen and hashable, so equal sub-expressions are the same key and are computed once.
Each knows its SQL type; `type` None is the bare NULL. Implicit casts are explicit CastTo nodes here: nothing
below has to guess a coercion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from penstock.functions.registry import BoundScalar
from penstock.types import BOOLEAN, SqlType


@dataclass(frozen=True, slots=True)
class Typed:
    type: SqlType


@dataclass(frozen=True, slots=True)
class ColumnRef(Typed):
    """A column of the row at hand: `slot` is a name that the code generator binds (`r.c3`, `k`, `ts`)."""

    slot: str


@dataclass(frozen=True, slots=True)
class Literal(Typed):
    """A constant as its Python value; None is NULL of a known type."""

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
    """Both sides have comparable Python values. NULL on a side gives FALSE, except IS [NOT] DISTINCT FROM."""

    operator: str
    left: Typed
    right: Typed


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
    value: Typed
    low: Typed
    high: Typed


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
