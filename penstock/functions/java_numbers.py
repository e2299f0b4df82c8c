"""Numbers as Java has them: wrapping integers, HALF_UP decimals, and the text of a double.

In:  Python numbers. Out: Python numbers or text, as java.lang and java.math would give them.
Used by the functions here, by CAST and by arithmetic.
"""

from __future__ import annotations

import decimal
import math
from decimal import Decimal

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1

# Wide enough for any DECIMAL(p, s) that a program writes; nothing is ever rounded by the context itself.
EXACT = decimal.Context(prec=2000, Emax=999_999, Emin=-999_999, traps=[decimal.InvalidOperation])


def wrap_int(value: int) -> int:
    """Two's complement of 32 bits."""
    return (value + 2147483648 & 0xFFFFFFFF) - 2147483648


def wrap_long(value: int) -> int:
    """Two's complement of 64 bits."""
    return (value + 9223372036854775808 & 0xFFFFFFFFFFFFFFFF) - 9223372036854775808


def double_text(value: float) -> str:
    """Double.toString: 1.0, 1.0E10, 9.0E-9, NaN, Infinity. The digits are the shortest that read back."""
    text = repr(value)
    size = abs(value)
    if 1e-3 <= size < 1e7:
        return text
    if size == 0.0:
        return text
    if size != size:
        return "NaN"
    if size == math.inf:
        return "Infinity" if value > 0 else "-Infinity"
    return scientific(text)


def scientific(text: str) -> str:
    """Python's repr of a double as d.dddE±n."""
    sign, digits, exponent = Decimal(text).as_tuple()
    assert isinstance(exponent, int)
    figures = "".join(map(str, digits))
    power = exponent + len(figures) - 1
    fraction = figures[1:].rstrip("0") or "0"
    return f"{'-' if sign else ''}{figures[0]}.{fraction}E{power}"


def double_to_int(value: float) -> int:
    """The narrowing (int): towards zero, clamped, NaN is 0."""
    return clamp(value, INT_MIN, INT_MAX)


def double_to_long(value: float) -> int:
    """The narrowing (long): towards zero, clamped, NaN is 0."""
    return clamp(value, LONG_MIN, LONG_MAX)


def clamp(value: float, low: int, high: int) -> int:
    if value != value:
        return 0
    if value <= low:
        return low
    return high if value >= high else int(value)


def with_scale(value: Decimal, scale: int, rounding: str = decimal.ROUND_HALF_UP) -> Decimal:
    """BigDecimal.setScale; HALF_UP is away from zero on a tie. A negative scale rounds before the point."""
    return value.quantize(Decimal((0, (1,), -scale)), rounding=rounding, context=EXACT)


def decimal_text(value: Decimal) -> str:
    """BigDecimal.toPlainString."""
    return format(value, "f")


def fits(value: Decimal, precision: int, scale: int) -> bool:
    """Whether DECIMAL(precision, scale) holds a value that already has this scale."""
    return value.is_zero() or value.adjusted() < precision - scale


def overflow(value: Decimal, precision: int, scale: int) -> ArithmeticError:
    """The error of a number too large for its DECIMAL, worded as ksqlDB words it."""
    limit = precision - scale
    return ArithmeticError(
        f"Numeric field overflow: A field with precision {precision} and scale {scale} must round to an "
        f"absolute value less than 10^{limit}. Got {decimal_text(value)}"
    )


def to_decimal(value: float, precision: int, scale: int) -> Decimal:
    """A double as DECIMAL(precision, scale): by its shortest text, HALF_UP; raises on overflow."""
    rounded = with_scale(Decimal(repr(value)), scale)
    if not fits(rounded, precision, scale):
        raise overflow(rounded, precision, scale)
    return rounded
