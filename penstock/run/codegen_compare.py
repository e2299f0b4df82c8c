"""Comparisons as Python: NULL decides first, then each side is brought to the common type, then compared.

a > 0          (a is not None and a > 0)           a = 5     (a == 5): None equals nothing that is written
text = DATE    (a is not None and b is not None and date_from_text(a) == b)
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal as Number
from typing import TYPE_CHECKING

from penstock.language.expressions import BetweenOf, Literal, Typed
from penstock.run.cast import cast_code
from penstock.types import BIGINT, DOUBLE, Array, Decimal, Map, SqlType, Struct, is_number

if TYPE_CHECKING:
    from penstock.run.codegen import Emitter

OPERATORS = {"=": "==", "<>": "!=", "IS DISTINCT FROM": "!=", "IS NOT DISTINCT FROM": "=="}
EXACT_IN_DOUBLE = 2**53


@dataclass(frozen=True, slots=True)
class Side:
    """A side as source: `first` evaluates it, `again` is its value after that; `convert` holds {x}."""

    first: str
    again: str
    nullable: bool
    convert: str

    def value(self, source: str) -> str:
        return self.convert.format(x=source)


def compare(emit: Emitter, operator: str, left: Typed, right: Typed, common: SqlType) -> str:
    sides = [_side(emit, left, right, common), _side(emit, right, left, common)]
    symbol = OPERATORS.get(operator, operator)
    if operator.startswith("IS"):
        return _distinct(sides, symbol, common)
    return _checked(sides, symbol, common)


def between(emit: Emitter, node: BetweenOf) -> str:
    """The value is evaluated once; the second comparison only happens when the first holds."""
    first, again = emit.atom(node.value)
    nullable = emit.may_be_null(node.value)
    lower = [
        Side(first, again, nullable, _conversion(emit, node.value, node.low, node.common_low)),
        _side(emit, node.low, node.value, node.common_low),
    ]
    upper = [
        Side(again, again, False, _conversion(emit, node.value, node.high, node.common_high)),
        _side(emit, node.high, node.value, node.common_high),
    ]
    return f"({_checked(lower, '>=', node.common_low)} and {_checked(upper, '<=', node.common_high)})"


def _side(emit: Emitter, node: Typed, other: Typed, common: SqlType) -> Side:
    first, again = emit.atom(node)
    return Side(first, again, emit.may_be_null(node), _conversion(emit, node, other, common))


def _checked(sides: list[Side], symbol: str, common: SqlType) -> str:
    """FALSE when a side is NULL. Equality needs only one test: None never equals a value."""
    suspects = [side for side in sides if side.nullable]
    if symbol == "==" and all(side.convert == "{x}" for side in sides):
        suspects = suspects[:-1] if len(suspects) == len(sides) else []
    tests = [f"{side.first} is not None" for side in suspects]
    values = [side.value(side.again if side in suspects else side.first) for side in sides]
    joined = _joined(values, symbol, common)
    return f"({' and '.join([*tests, joined])})" if tests else joined


def _joined(values: list[str], symbol: str, common: SqlType) -> str:
    if not _holds_struct(common):
        return f"({values[0]} {symbol} {values[1]})"
    same = f"same_value({values[0]}, {values[1]})"
    return same if symbol == "==" else f"(not {same})"


def _distinct(sides: list[Side], symbol: str, common: SqlType) -> str:
    """NULL is a value here. Where a side must be converted, only two values are."""
    suspects = [side for side in sides if side.nullable]
    if not suspects or all(side.convert == "{x}" for side in sides):
        return _joined([side.value(side.first) for side in sides], symbol, common)
    # `|` looks at both sides in any case, so that both temporaries are set.
    null = " | ".join(f"({side.first} is None)" for side in suspects)
    both_null = " and ".join(f"{side.again} is None" for side in suspects) if len(suspects) == 2 else "False"
    compared = _joined(
        [side.value(side.again if side in suspects else side.first) for side in sides], symbol, common
    )
    return f"(({both_null}) {symbol} True if {null} else {compared})"


def _conversion(emit: Emitter, node: Typed, other: Typed, common: SqlType) -> str:
    if is_number(node.type) and is_number(common):
        return _number_conversion(node, other, common)
    code = cast_code(node.type, common)
    source = code.source
    for name, helper in code.helpers.items():
        source = source.replace(f"{name}(", f"{emit.constant(helper, name)}(")
    return source


def _number_conversion(node: Typed, other: Typed, common: SqlType) -> str:
    """Python compares whole numbers with anything exactly, as Java does; DOUBLE takes two roads."""
    if isinstance(common, Decimal):
        if node.type == DOUBLE:
            return "{x}" if _is_same_double(other) else "comparable_decimal({x})"
        return "float({x})" if other.type == DOUBLE and _is_same_double(node) else "{x}"
    if common == DOUBLE and node.type == BIGINT:
        small = isinstance(node, Literal) and abs(node.value or 0) <= EXACT_IN_DOUBLE
        return "{x}" if small else "float({x})"
    return "{x}"


def _is_same_double(node: Typed) -> bool:
    """Whether a DECIMAL constant is what its nearest DOUBLE prints as: then doubles compare the same way."""
    value = node.value if isinstance(node, Literal) else None
    return isinstance(value, Number) and Number(repr(float(value))) == value


def _holds_struct(kind: SqlType) -> bool:
    match kind:
        case Array(item):
            return _holds_struct(item)
        case Map(_, value):
            return _holds_struct(value)
    return isinstance(kind, Struct)
