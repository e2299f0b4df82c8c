"""Parameter patterns: which argument types a declaration takes, and what its generic names then stand for.

In:  declared parameter types, which may hold generic names (T, K, V) or mean a family (DECIMAL, ANY).
Out: a match with the concrete type of each parameter, or none. registry.py chooses between matches.

    declared  ARRAY<T>, T        actual  ARRAY<INTEGER>, INTEGER     T = INTEGER
    declared  DECIMAL, DECIMAL   actual  DECIMAL(4, 1), BIGINT       DECIMAL = DECIMAL(20, 1), by a cast
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from penstock.types import (
    BIGINT,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Decimal,
    Map,
    Primitive,
    SqlType,
    Struct,
    as_decimal,
    common_number,
)


@dataclass(frozen=True, slots=True)
class Generic(SqlType):
    """A name that stands for one type throughout a signature; `decimal` limits it to DECIMALs."""

    name: str
    decimal: bool = False

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class AnyType(SqlType):
    """Any type, another one at each position."""

    def __str__(self) -> str:
        return "ANY"


@dataclass(frozen=True, slots=True)
class LambdaOf(SqlType):
    inputs: tuple[SqlType, ...]
    output: SqlType

    def __str__(self) -> str:
        return f"LAMBDA ({', '.join(spelled(kind) for kind in self.inputs)}) => {spelled(self.output)}"


@dataclass(frozen=True, slots=True)
class LiteralOf(SqlType):
    """A parameter of an aggregate whose argument must be a constant (TOPK's k)."""

    kind: SqlType

    def __str__(self) -> str:
        return str(self.kind)


@dataclass(frozen=True, slots=True)
class LambdaShape:
    """A lambda given as an argument: how many parameters it has and, once typed, what its body returns."""

    arity: int
    returns: SqlType | None = None

    def __str__(self) -> str:
        return "LAMBDA"


T, K, V, R, S = (Generic(name) for name in "TKVRS")
U = Generic("U")
DECIMAL = Generic("DECIMAL", decimal=True)
ANY = AnyType()
INTERVAL_UNIT = Primitive("INTERVALUNIT")

Argument = SqlType | LambdaShape | None
Bindings = dict[str, SqlType]

IMPLICIT: dict[SqlType, tuple[SqlType, ...]] = {
    INTEGER: (BIGINT, DOUBLE),
    BIGINT: (DOUBLE,),
    STRING: (TIME, DATE, TIMESTAMP, BYTES),
}


def match(declared: Sequence[SqlType], actual: Sequence[Argument], casts: bool) -> Bindings | None:
    """What the generic names stand for when every argument fits, else None."""
    bindings: Bindings = {}
    fits = all(
        matches(pattern, given, bindings, casts) for pattern, given in zip(declared, actual, strict=True)
    )
    return bindings if fits else None


def matches(pattern: SqlType, given: Argument, bindings: Bindings, casts: bool) -> bool:
    if isinstance(pattern, LambdaOf):
        return lambda_matches(pattern, given, bindings)
    if isinstance(given, LambdaShape):
        return False
    if given is None or isinstance(pattern, AnyType):
        return True
    return MATCHERS[type(pattern)](pattern, given, bindings, casts)


def lambda_matches(pattern: LambdaOf, given: Argument, bindings: Bindings) -> bool:
    if not isinstance(given, LambdaShape) or given.arity != len(pattern.inputs):
        return False
    return given.returns is None or matches(pattern.output, given.returns, bindings, casts=False)


def generic_matches(pattern: Generic, given: SqlType, bindings: Bindings, casts: bool) -> bool:
    if pattern.decimal and not (isinstance(given, Decimal) or (casts and given in (INTEGER, BIGINT))):
        return False
    bound = bindings.get(pattern.name)
    if bound == given:
        return True
    if bound is None:
        bindings[pattern.name] = as_decimal(given) if pattern.decimal else given
        return True
    # DECIMALs of different precision are one type here: the widest that holds both.
    if isinstance(bound, Decimal) and (pattern.decimal or isinstance(given, Decimal)):
        bindings[pattern.name] = common_number([bound, given]) or bound
        return True
    return False


def primitive_matches(pattern: SqlType, given: SqlType, bindings: Bindings, casts: bool) -> bool:
    return pattern == given or (casts and casts_to(given, pattern))


def casts_to(given: SqlType, wanted: SqlType) -> bool:
    """Implicit casts of arguments: INTEGER < BIGINT < DECIMAL < DOUBLE, text to times and bytes."""
    if isinstance(given, Decimal):
        return wanted == DOUBLE
    return wanted in IMPLICIT.get(given, ())


def array_matches(pattern: Array, given: SqlType, bindings: Bindings, casts: bool) -> bool:
    return isinstance(given, Array) and matches(pattern.item, given.item, bindings, casts=False)


def map_matches(pattern: Map, given: SqlType, bindings: Bindings, casts: bool) -> bool:
    return (
        isinstance(given, Map)
        and matches(pattern.key, given.key, bindings, casts=False)
        and matches(pattern.value, given.value, bindings, casts=False)
    )


def literal_matches(pattern: LiteralOf, given: SqlType, bindings: Bindings, casts: bool) -> bool:
    return matches(pattern.kind, given, bindings, casts)


Matcher = Callable[..., bool]
MATCHERS: dict[type[SqlType], Matcher] = {
    Generic: generic_matches,
    Primitive: primitive_matches,
    Decimal: primitive_matches,
    Struct: primitive_matches,
    Array: array_matches,
    Map: map_matches,
    LiteralOf: literal_matches,
}


class Unbound(Exception):
    """A generic name that no argument gives a type to."""


def concrete(pattern: SqlType, bindings: Bindings, given: Argument = None) -> SqlType:
    """The type a pattern stands for under the bindings."""
    match pattern:
        case Generic(name):
            if name not in bindings:
                raise Unbound(name)
            return bindings[name]
        case Array(item):
            return Array(concrete(item, bindings))
        case Map(key, value):
            return Map(concrete(key, bindings), concrete(value, bindings))
        case Struct(fields):
            return Struct(tuple((name, concrete(kind, bindings)) for name, kind in fields))
        case LiteralOf(kind):
            return concrete(kind, bindings, given)
        case AnyType():
            return given if isinstance(given, SqlType) else STRING
    return pattern


def concrete_parameter(pattern: SqlType, bindings: Bindings, given: Argument) -> SqlType | None:
    """What an argument is cast to; None for a lambda or an interval unit, which are passed as they are."""
    if isinstance(pattern, LambdaOf) or pattern == INTERVAL_UNIT:
        return None
    return concrete(pattern, bindings, given)


def generics_count(patterns: Sequence[SqlType]) -> int:
    """How many positions are generic: the fewer, the closer a signature fits."""
    return sum(holds_generic(pattern) for pattern in patterns)


def holds_generic(pattern: SqlType) -> int:
    match pattern:
        case Generic(decimal=False) | AnyType():
            return 1
        case Array(item):
            return holds_generic(item)
        case Map(key, value):
            return holds_generic(key) | holds_generic(value)
    return 0


SPELLINGS: dict[SqlType, str] = {INTEGER: "INT", STRING: "VARCHAR"}


def spelled(kind: SqlType) -> str:
    """The spelling of signatures: INT and VARCHAR for INTEGER and STRING."""
    match kind:
        case Array(item):
            return f"ARRAY<{spelled(item)}>"
        case Map(key, value):
            return f"MAP<{spelled(key)}, {spelled(value)}>"
        case Struct(fields):
            return f"STRUCT<{', '.join(f'{name} {spelled(field_kind)}' for name, field_kind in fields)}>"
        case LiteralOf(inner):
            return spelled(inner)
    return SPELLINGS.get(kind, str(kind))
