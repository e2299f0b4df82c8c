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
AS_IT_IS = "{x}"


@dataclass(slots=True)
class Side:
    """A side as source: `first` evaluates it, `again` is its value after that; `convert` holds {x}.

    `tested` sides are looked at for NULL before they are compared.
    """

    first: str
    again: str
    convert: str
    tested: bool

    @property
    def compared(self) -> str:
        return self.convert.format(x=self.again if self.tested else self.first)


def compare(emit: Emitter, operator: str, left: Typed, right: Typed, common: SqlType) -> str:
    left, right, common = _as_doubles(left, right, common)
    symbol = OPERATORS.get(operator, operator)
    conversions = [_conversion(emit, side, common) for side in (left, right)]
    if operator.startswith("IS"):
        return _distinct(emit, (left, right), conversions, symbol, common)
    tests = _tested(emit, (left, right), conversions, symbol)
    sides = [
        _side(emit, node, convert, tested)
        for node, convert, tested in zip((left, right), conversions, tests, strict=True)
    ]
    return _checked(sides, symbol, common)


def between(emit: Emitter, node: BetweenOf) -> str:
    """The value is evaluated once; the second comparison only happens when the first holds."""
    first, again = emit.atom(node.value)
    lower = _bound(emit, node, node.low, node.common_low)
    upper = _bound(emit, node, node.high, node.common_high)
    if lower is not None and upper is not None:
        tested = emit.may_be_null(node.value)
        chain = f"{lower} <= {again if tested else first} <= {upper}"
        return f"({first} is not None and {chain})" if tested else f"({chain})"
    # The test also sets the temporary, so it stands even where the value can't be NULL.
    test = f"{first} is not None and " if first != again or emit.may_be_null(node.value) else ""
    with emit.known(node.value, again):
        low = compare(emit, ">=", node.value, node.low, node.common_low)
        high = compare(emit, "<=", node.value, node.high, node.common_high)
    return f"({test}{low} and {high})"


def _bound(emit: Emitter, node: BetweenOf, bound: Typed, common: SqlType) -> str | None:
    """A bound that is a constant and compares as it is."""
    value, constant, kind = _as_doubles(node.value, bound, common)
    conversions = {_conversion(emit, side, kind) for side in (value, constant)}
    if not isinstance(constant, Literal) or constant.value is None or conversions != {AS_IT_IS}:
        return None
    return None if _holds_struct(kind) else emit.expression(constant)


def _side(emit: Emitter, node: Typed, convert: str, tested: bool) -> Side:
    if tested:
        return Side(*emit.atom(node), convert, tested)
    source = emit.expression(node)
    return Side(source, source, convert, tested)


def _tested(emit: Emitter, nodes: tuple[Typed, Typed], conversions: list[str], symbol: str) -> list[bool]:
    """Which sides are tested for NULL. Equality needs one test at most: None never equals a value."""
    suspects = [emit.may_be_null(node) for node in nodes]
    if symbol == "==" and conversions == [AS_IT_IS, AS_IT_IS]:
        return [all(suspects), False]
    return suspects


def _checked(sides: list[Side], symbol: str, common: SqlType) -> str:
    tests = [f"{side.first} is not None" for side in sides if side.tested]
    joined = _joined([side.compared for side in sides], symbol, common)
    return f"({' and '.join([*tests, joined])})" if tests else f"({joined})"


def _joined(values: list[str], symbol: str, common: SqlType) -> str:
    if not _holds_struct(common):
        return f"{values[0]} {symbol} {values[1]}"
    same = f"same_value({values[0]}, {values[1]})"
    return same if symbol == "==" else f"not {same}"


def _distinct(
    emit: Emitter, nodes: tuple[Typed, Typed], conversions: list[str], symbol: str, common: SqlType
) -> str:
    """NULL is a value here. Where a side must be converted, only two values are."""
    converts = conversions != [AS_IT_IS, AS_IT_IS]
    sides = [
        _side(emit, node, convert, converts and emit.may_be_null(node))
        for node, convert in zip(nodes, conversions, strict=True)
    ]
    compared = _joined([side.compared for side in sides], symbol, common)
    tested = [side for side in sides if side.tested]
    if not tested:
        return f"({compared})"
    # `|` looks at both sides in any case, so that both temporaries are set.
    null = " | ".join(f"({side.first} is None)" for side in tested)
    both_null = " and ".join(f"{side.again} is None" for side in tested) if len(tested) == 2 else "False"
    return f"(({both_null}) {symbol} True if {null} else {compared})"


# --- conversions -------------------------------------------------------------------------------------


def _conversion(emit: Emitter, node: Typed, common: SqlType) -> str:
    if is_number(node.type) and is_number(common):
        return _number_conversion(node, common)
    code = cast_code(node.type, common)
    source = code.source
    for name, helper in code.helpers.items():
        source = source.replace(f"{name}(", f"{emit.constant(helper, name)}(")
    return source


def _number_conversion(node: Typed, common: SqlType) -> str:
    """Python compares whole numbers exactly, as Java does; a BIGINT beside a DOUBLE rounds there."""
    if isinstance(common, Decimal):
        return "comparable_decimal({x})" if node.type == DOUBLE else AS_IT_IS
    if common == DOUBLE and node.type == BIGINT:
        small = isinstance(node, Literal) and abs(node.value or 0) <= EXACT_IN_DOUBLE
        return AS_IT_IS if small else "float({x})"
    return AS_IT_IS


def _as_doubles(left: Typed, right: Typed, common: SqlType) -> tuple[Typed, Typed, SqlType]:
    """A DOUBLE beside a DECIMAL constant that prints like a double compares as a double."""
    for node, other in ((left, right), (right, left)):
        if isinstance(common, Decimal) and other.type == DOUBLE and isinstance(node, Literal):
            value = node.value
            if isinstance(value, Number) and Number(repr(float(value))) == value:
                constant = Literal(DOUBLE, float(value))
                return (constant, right, DOUBLE) if node is left else (left, constant, DOUBLE)
    return left, right, common


def _holds_struct(kind: SqlType) -> bool:
    match kind:
        case Array(item):
            return _holds_struct(item)
        case Map(_, value):
            return _holds_struct(value)
    return isinstance(kind, Struct)
