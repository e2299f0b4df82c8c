"""Numbers as Java reads and prints them, because the bytes of a topic are shared with Java programs.

In:  text of a field or of a JSON token. Out: int, float, Decimal, or ValueError where Java throws.
The rules are those of Integer.parseInt, Long.parseLong, Double.parseDouble, new BigDecimal(String),
Double.toString and of the narrowing of a wide number to 32 or 64 bits.
"""

from __future__ import annotations

import decimal
import math
import re

from penstock import types

WHOLE = re.compile(r"[+-]?\d+\Z")
FLOATING = re.compile(
    r"[+-]?(?:NaN|Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?)\Z", re.ASCII
)
HEX_FLOATING = re.compile(
    r"[+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+[fFdD]?\Z", re.ASCII
)
EXACT = re.compile(r"[+-]?(?:\d+\.?(?P<fraction>\d*)|\.(?P<tail>\d+))(?:[eE](?P<exponent>[+-]?\d+))?\Z")
TRIMMED = "".join(map(chr, range(33)))
INT_DIGITS_MAX = 4000
PLAIN_DIGITS_MAX = 1000


def parse_whole(text: str, low: int, high: int) -> int:
    """Integer.parseInt and Long.parseLong: a sign and digits, no blanks, in range."""
    if not WHOLE.match(text) or len(text) > INT_DIGITS_MAX or not low <= (value := int(text)) <= high:
        raise ValueError(f'For input string: "{text}"')
    return value


def parse_double(text: str) -> float:
    """Double.parseDouble: blanks around it are trimmed; NaN, Infinity, hexadecimal and 1.5d are fine."""
    trimmed = text.strip(TRIMMED)
    if FLOATING.match(trimmed):
        return float(trimmed.rstrip("fFdD") if trimmed[-1] in "fFdD" else trimmed)
    if HEX_FLOATING.match(trimmed):
        return _hex_double(trimmed.rstrip("fFdD") if "p" in trimmed.lower() else trimmed)
    raise ValueError(f'For input string: "{text}"' if trimmed else "empty String")


def _hex_double(text: str) -> float:
    try:
        return float.fromhex(text)
    except OverflowError:
        return -math.inf if text.startswith("-") else math.inf


def parse_decimal(text: str) -> decimal.Decimal:
    """new BigDecimal(text): exact, its scale must fit 32 bits, and zero has no sign."""
    found = EXACT.match(text)
    if found is None:
        raise ValueError(f'For input string: "{text}"')
    exponent = found["exponent"]
    if exponent is not None:
        _check_scale(len(found["fraction"] or found["tail"] or ""), exponent)
    value = decimal.Decimal(text)
    return value if value else value.copy_abs()


def _check_scale(fraction_digits: int, exponent: str) -> None:
    scale = fraction_digits - (int(exponent) if len(exponent) < 20 else 2**63)
    if not types.INT_MIN <= scale <= types.INT_MAX:
        raise ValueError("Too many nonzero exponent digits." if len(exponent) > 10 else "Scale out of range.")


def narrow(value: int | decimal.Decimal, bits: int) -> int:
    """intValue() and longValue(): the fraction is cut, and of a wide number the low bits remain."""
    if isinstance(value, decimal.Decimal):
        # 10^64 is a multiple of 2^64, so a larger power of ten leaves no low bits (and is never built).
        exponent = value.as_tuple().exponent
        value = 0 if value.adjusted() < 0 or int(exponent) >= 64 else int(value)
    half = 1 << (bits - 1)
    return ((value + half) & ((1 << bits) - 1)) - half


def to_double(value: int | decimal.Decimal) -> float:
    """doubleValue(): rounded to the nearest, infinite when too large."""
    try:
        return float(value)
    except OverflowError:
        return -math.inf if value < 0 else math.inf


def fit(value: decimal.Decimal, kind: types.Decimal) -> decimal.Decimal:
    """The same number with the scale of the type. Raises ValueError rather than round or overflow."""
    whole_digits = kind.precision - kind.scale
    if value and value.adjusted() >= whole_digits:
        raise ValueError(
            f"Numeric field overflow: A field with precision {kind.precision} and scale {kind.scale} must "
            f"round to an absolute value less than 10^{whole_digits}. Got {plain_text(value)}"
        )
    exact = decimal.Context(prec=kind.precision + 1, traps=[decimal.Inexact, decimal.InvalidOperation])
    try:
        return value.quantize(decimal.Decimal((0, (1,), -kind.scale)), context=exact)
    except (decimal.Inexact, decimal.InvalidOperation):
        raise ValueError(
            f"Cannot fit decimal '{plain_text(value)}' into DECIMAL({kind.precision}, {kind.scale}) without "
            f"rounding. (Requires {len(value.as_tuple().digits)},{-int(value.as_tuple().exponent)})"
        ) from None


def plain_text(value: decimal.Decimal) -> str:
    """toPlainString(), but short where the exponent would make it enormous."""
    return format(value, "f") if abs(value.adjusted()) <= PLAIN_DIGITS_MAX else str(value)


def double_text(value: float) -> str:
    """Double.toString: 1.0, 1.0E10, 1.0E-5, NaN, Infinity."""
    if not math.isfinite(value):
        return "NaN" if value != value else ("Infinity" if value > 0 else "-Infinity")
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = repr(value)
        return text if "e" not in text else format(decimal.Decimal(text), "f")
    sign, digits, exponent = decimal.Decimal(_two_digits(value)).as_tuple()
    significant = "".join(map(str, digits)).rstrip("0")
    power = len(digits) + int(exponent) - 1
    return f"{'-' if sign else ''}{significant[0]}.{significant[1:] or '0'}E{power}"


def _two_digits(value: float) -> str:
    """The shortest text that reads back; where one digit would do, Java takes the nearest of two digits."""
    text = repr(value)
    return text if "." in text else f"{value:.1e}"
