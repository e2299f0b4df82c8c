"""Functions over numbers. INT and BIGINT wrap, DOUBLE follows Java's Math (NaN instead of an error),
DECIMAL keeps its scale unless the declaration says otherwise."""

from __future__ import annotations

import decimal
import math
import random as randoms
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from penstock.functions.java_numbers import double_to_long, with_scale, wrap_int, wrap_long
from penstock.functions.patterns import DECIMAL
from penstock.functions.registry import scalar
from penstock.types import BIGINT, DOUBLE, INTEGER, STRING, SqlType
from penstock.types import Decimal as DecimalType

MATHS = "MATHEMATICAL"
NAN, INF = math.nan, math.inf


def whole_part(kinds: Sequence[Any]) -> SqlType:
    """The type of a DECIMAL without its fraction."""
    kind = kinds[0]
    return DecimalType(max(kind.precision - kind.scale, 1), 0)


# --- ABS, SIGN, CEIL, FLOOR ---------------------------------------------------------------------------


@scalar(
    "ABS", DECIMAL, returns=DECIMAL, category=MATHS, spelling="Abs", example=("ABS(-1.50)", Decimal("1.50"))
)
def abs_decimal(val: Decimal) -> Decimal:
    """The absolute value."""
    return val.copy_abs()


@scalar("ABS", DOUBLE, returns=DOUBLE, category=MATHS, example=("ABS(-1.5E0)", 1.5))
def abs_double(val: float) -> float:
    """The absolute value."""
    return abs(val)


@scalar("ABS", INTEGER, returns=INTEGER, category=MATHS, example=("ABS(-3)", 3))
def abs_int(val: int) -> int:
    """The absolute value; the least INT stays as it is."""
    return wrap_int(-val) if val < 0 else val


@scalar("ABS", BIGINT, returns=BIGINT, category=MATHS, example=("ABS(CAST(-3 AS BIGINT))", 3))
def abs_bigint(val: int) -> int:
    """The absolute value; the least BIGINT stays as it is."""
    return wrap_long(-val) if val < 0 else val


@scalar("SIGN", INTEGER, returns=INTEGER, category=MATHS, spelling="Sign", example=("SIGN(-3)", -1))
@scalar("SIGN", BIGINT, returns=INTEGER, category=MATHS, example=("SIGN(CAST(3 AS BIGINT))", 1))
@scalar("SIGN", DOUBLE, returns=INTEGER, category=MATHS, example=("SIGN(0E0)", 0))
def sign(value: float) -> int:
    """-1, 0 or 1."""
    return (value > 0) - (value < 0)


def same(value: Any) -> Any:
    """The value itself: it has no fraction."""
    return value


def ceil_double(value: float) -> float:
    """The nearest whole number not below."""
    return float(math.ceil(value)) if math.isfinite(value) else value


def floor_double(value: float) -> float:
    """The nearest whole number not above."""
    return float(math.floor(value)) if math.isfinite(value) else value


def ceil_decimal(value: Decimal) -> Decimal:
    """The nearest whole number not below, with the scale kept."""
    return rescaled(value, 0, decimal.ROUND_CEILING)


def floor_decimal(value: Decimal) -> Decimal:
    """The nearest whole number not above, with the scale kept."""
    return rescaled(value, 0, decimal.ROUND_FLOOR)


def rescaled(value: Decimal, scale: int, rounding: str) -> Decimal:
    """Rounded to a scale (negative: before the point), then shown with the scale it had."""
    return with_scale(with_scale(value, scale, rounding), scale_of(value))


def scale_of(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent


for name, on_double, on_decimal, figures in (
    ("CEIL", ceil_double, ceil_decimal, ("2.0", "2.00")),
    ("FLOOR", floor_double, floor_decimal, ("1.0", "1.00")),
):
    spelling = name.capitalize()
    scalar(name, INTEGER, returns=INTEGER, category=MATHS, spelling=spelling, example=(f"{name}(7)", 7))(same)
    scalar(name, BIGINT, returns=BIGINT, category=MATHS, example=(f"{name}(CAST(7 AS BIGINT))", 7))(same)
    scalar(name, DOUBLE, returns=DOUBLE, category=MATHS, example=(f"{name}(1.5E0)", float(figures[0])))(
        on_double
    )
    scalar(name, DECIMAL, returns=DECIMAL, category=MATHS, example=(f"{name}(1.50)", Decimal(figures[1])))(
        on_decimal
    )


# --- ROUND, TRUNC -------------------------------------------------------------------------------------


def half_up(value: Decimal) -> str:
    """Towards positive infinity on a tie, as ksqlDB's ROUND does for both signs."""
    return decimal.ROUND_HALF_DOWN if value.is_signed() else decimal.ROUND_HALF_UP


def round_long(val: int) -> int:
    """A whole number is round already."""
    return val


scalar("ROUND", BIGINT, returns=BIGINT, primitive=(0,), category=MATHS, spelling="Round",
       example=("ROUND(CAST(7 AS BIGINT))", 7))(round_long)  # fmt: skip
scalar("ROUND", INTEGER, returns=BIGINT, primitive=(0,), category=MATHS, example=("ROUND(7)", 7))(round_long)


@scalar("ROUND", DOUBLE, returns=BIGINT, category=MATHS, example=("ROUND(-2.5E0)", -2))
def round_double(val: float) -> int:
    """The nearest BIGINT, a tie towards positive infinity."""
    below = math.floor(val) if math.isfinite(val) else 0
    return double_to_long(val if not math.isfinite(val) else float(below) + (val - below >= 0.5))


@scalar("ROUND", DOUBLE, INTEGER, returns=DOUBLE, category=MATHS, example=("ROUND(2.345E0, 2)", 2.35))
def round_double_places(val: float, decimal_places: int) -> float:
    """Rounded to a number of decimal places; negative ones round left of the point."""
    return on_digits(val, decimal_places, half_up)


def on_digits(value: float, places: int, rounding: Callable[[Decimal], str]) -> float:
    """Rounding of a double by its shortest decimal text, as BigDecimal.valueOf does."""
    digits = Decimal(repr(value))
    if not digits.is_finite():
        raise ValueError("Infinite or NaN")
    # BigDecimal has no negative zero.
    return float(with_scale(digits, places, rounding(digits))) + 0.0


@scalar("ROUND", DECIMAL, returns=whole_part, category=MATHS, example=("ROUND(2.50)", Decimal(3)))
def round_decimal(val: Decimal) -> Decimal:
    """The nearest whole number, a tie towards positive infinity."""
    return with_scale(val, 0, half_up(val))


@scalar(
    "ROUND", DECIMAL, INTEGER, returns=DECIMAL, category=MATHS, example=("ROUND(2.345, 2)", Decimal("2.350"))
)
def round_decimal_places(val: Decimal, decimal_places: int) -> Decimal:
    """Rounded to a number of decimal places, the scale kept."""
    return rescaled(val, decimal_places, half_up(val))


def downwards(value: Decimal) -> str:
    return decimal.ROUND_DOWN


scalar("TRUNC", BIGINT, returns=BIGINT, category=MATHS, spelling="Trunc",
       example=("TRUNC(CAST(7 AS BIGINT))", 7))(same)  # fmt: skip
scalar("TRUNC", INTEGER, returns=BIGINT, category=MATHS, example=("TRUNC(7)", 7))(same)


@scalar("TRUNC", DOUBLE, returns=BIGINT, category=MATHS, example=("TRUNC(-2.7E0)", -2))
def trunc_double(val: float) -> int:
    """The whole part."""
    return double_to_long(val)


@scalar("TRUNC", DOUBLE, INTEGER, returns=DOUBLE, category=MATHS, example=("TRUNC(2.345E0, 2)", 2.34))
def trunc_double_places(val: float, decimal_places: int) -> float:
    """Cut to a number of decimal places."""
    return on_digits(val, decimal_places, downwards)


@scalar("TRUNC", DECIMAL, returns=whole_part, category=MATHS, example=("TRUNC(2.70)", Decimal(2)))
def trunc_decimal(val: Decimal) -> Decimal:
    """The whole part."""
    return with_scale(val, 0, decimal.ROUND_DOWN)


@scalar(
    "TRUNC", DECIMAL, INTEGER, returns=DECIMAL, category=MATHS, example=("TRUNC(2.345, 2)", Decimal("2.340"))
)
def trunc_decimal_places(val: Decimal, decimal_places: int) -> Decimal:
    """Cut to a number of decimal places, the scale kept."""
    return rescaled(val, decimal_places, decimal.ROUND_DOWN)


# --- Java's Math --------------------------------------------------------------------------------------


def guarded(
    compute: Callable[[float], float], infinite: float | Callable[[float], float] = INF
) -> Callable[..., float]:
    """A function of Java's Math: NaN outside its domain, infinity on overflow."""

    def of(value: float) -> float:
        try:
            return compute(value)
        except ValueError:
            return NAN
        except OverflowError:
            return infinite(value) if callable(infinite) else infinite

    return of


def natural_log(value: float) -> float:
    return math.log(value) if value > 0 else (-INF if value == 0 else NAN)


def cotangent(value: float) -> float:
    tangent = math.tan(value)
    return 1.0 / tangent if tangent else math.copysign(INF, tangent)


def cube_root(value: float) -> float:
    """The cube root; math.cbrt is not exact for perfect cubes on every platform."""
    root = math.cbrt(value)
    nearest = float(round(root)) if math.isfinite(root) and abs(root) < 1e15 else root
    return nearest if nearest**3 == value else root


def signed_infinity(value: float) -> float:
    return math.copysign(INF, value)


# JDK's own Math.toRadians and toDegrees multiply by a constant.
PER_DEGREE, PER_RADIAN = 0.017453292519943295, 57.29577951308232

UNARY: tuple[tuple[str, Callable[[float], float], str, tuple[str, Any]], ...] = (
    ("ACOS", math.acos, "The arc cosine, in radians.", ("ACOS(1)", 0.0)),
    ("ASIN", math.asin, "The arc sine, in radians.", ("ASIN(0)", 0.0)),
    ("ATAN", math.atan, "The arc tangent, in radians.", ("ATAN(0)", 0.0)),
    ("CBRT", cube_root, "The cube root.", ("CBRT(27)", 3.0)),
    ("COS", math.cos, "The cosine of an angle in radians.", ("COS(0)", 1.0)),
    ("COSH", math.cosh, "The hyperbolic cosine.", ("COSH(0)", 1.0)),
    ("COT", cotangent, "The cotangent of an angle in radians.", ("COT(0)", INF)),
    ("DEGREES", lambda value: value * PER_RADIAN, "Radians as degrees.", ("DEGREES(PI())", 180.0)),
    ("EXP", math.exp, "e to the power of a number.", ("EXP(0)", 1.0)),
    ("LN", natural_log, "The natural logarithm.", ("LN(1)", 0.0)),
    ("LOG", natural_log, "The natural logarithm.", ("LOG(1)", 0.0)),
    ("RADIANS", lambda value: value * PER_DEGREE, "Degrees as radians.", ("RADIANS(180)", math.pi)),
    ("SIN", math.sin, "The sine of an angle in radians.", ("SIN(0)", 0.0)),
    ("SINH", math.sinh, "The hyperbolic sine.", ("SINH(0)", 0.0)),
    ("SQRT", math.sqrt, "The square root.", ("SQRT(16)", 4.0)),
    ("TAN", math.tan, "The tangent of an angle in radians.", ("TAN(0)", 0.0)),
    ("TANH", math.tanh, "The hyperbolic tangent.", ("TANH(0)", 0.0)),
)


def logarithm(base: float, value: float) -> float:
    """The logarithm of a number to a base."""
    if base <= 0 or base == 1:
        return NAN
    return natural_log(value) / natural_log(base)


def arc_tangent(y: float, x: float) -> float:
    """The angle of the point (x, y), in radians."""
    return math.atan2(y, x)


def power(base: float, exponent: float) -> float:
    """A number to a power."""
    base, exponent = float(base), float(exponent)
    if abs(base) == 1 and math.isinf(exponent):
        return NAN
    try:
        return math.pow(base, exponent)
    except ValueError:
        return power_of_zero(base, exponent) if base == 0 else NAN
    except OverflowError:
        return -INF if base < 0 and exponent % 2 == 1 else INF


def power_of_zero(base: float, exponent: float) -> float:
    return math.copysign(INF, base) if exponent % 2 == 1 else INF


BINARY: tuple[tuple[str, Callable[[float, float], float], tuple[str, Any]], ...] = (
    ("LOG", logarithm, ("LOG(2, 8)", 3.0)),
    ("ATAN2", arc_tangent, ("ATAN2(0, 1)", 0.0)),
    ("POWER", power, ("POWER(2, 10)", 1024.0)),
)


def declare_maths() -> None:
    """Each for INT, BIGINT and DOUBLE; the example stands at the first."""
    for name, compute, meaning, example in UNARY:
        call = guarded(compute, signed_infinity if name == "SINH" else INF)
        call.__doc__ = meaning
        for kind in (INTEGER, BIGINT, DOUBLE):
            scalar(name, kind, returns=DOUBLE, category=MATHS, spelling=name.lower(), names=("value",),
                   example=example if kind == INTEGER else None)(call)  # fmt: skip
    for name, of_two, example in BINARY:
        for kind in (INTEGER, BIGINT, DOUBLE):
            scalar(name, kind, kind, returns=DOUBLE, category=MATHS, spelling=name.lower(),
                   example=example if kind == INTEGER else None)(of_two)  # fmt: skip


declare_maths()


@scalar("PI", returns=DOUBLE, category=MATHS, spelling="pi", example=("PI()", math.pi))
def pi() -> float:
    """The ratio of a circle's circumference to its diameter."""
    return math.pi


@scalar("RANDOM", returns=DOUBLE, deterministic=False, category=MATHS, spelling="random")
def random() -> float:
    """A random number from 0 to below 1, another one for every row."""
    return randoms.random()


# --- GEO_DISTANCE -------------------------------------------------------------------------------------

UNIT_KM, UNIT_MILES = 6371, 3959
UNITS = {
    "": UNIT_KM, "KM": UNIT_KM, "KILOMETER": UNIT_KM, "KILOMETERS": UNIT_KM, "KILOMETRE": UNIT_KM,
    "KILOMETRES": UNIT_KM, "MI": UNIT_MILES, "MILE": UNIT_MILES, "MILES": UNIT_MILES,
}  # fmt: skip


@scalar("GEO_DISTANCE", DOUBLE, DOUBLE, DOUBLE, DOUBLE, returns=DOUBLE, nulls="pass",
        primitive=(0, 1, 2, 3), spelling="geo_distance",
        example=("ROUND(GEO_DISTANCE(37.4133, -122.1162, 37.4133, -122.1162))", 0))  # fmt: skip
def geo_distance(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """The great circle distance of two points in kilometres."""
    return geo_distance_units(lat1, lon1, lat2, lon2, None)


@scalar("GEO_DISTANCE", DOUBLE, DOUBLE, DOUBLE, DOUBLE, STRING, returns=DOUBLE, nulls="pass",
        primitive=(0, 1, 2, 3), example=("ROUND(GEO_DISTANCE(0E0, 0E0, 0E0, 1E0, 'MILES'))", 69))  # fmt: skip
def geo_distance_units(lat1: float, lon1: float, lat2: float, lon2: float, units: str | None) -> float:
    """The same in KM or MILES."""
    radius = UNITS.get((units or "").strip().upper())
    if radius is None:
        raise ValueError(
            f"GeoDistance function units parameter must be one of {', '.join(filter(None, UNITS))}"
        )
    if abs(lat1) > 90 or abs(lat2) > 90 or abs(lon1) > 180 or abs(lon2) > 180:
        raise ValueError("GeoDistance takes latitudes from -90 to 90 and longitudes from -180 to 180")
    return haversine(
        lat1 * PER_DEGREE, lat2 * PER_DEGREE, (lat2 - lat1) * PER_DEGREE, (lon2 - lon1) * PER_DEGREE, radius
    )


def haversine(lat1: float, lat2: float, lat: float, lon: float, radius: int) -> float:
    chord = math.sin(lat / 2) ** 2 + math.sin(lon / 2) ** 2 * math.cos(lat1) * math.cos(lat2)
    return 2 * math.asin(math.sqrt(chord)) * radius
