"""One value to one column, exactly: the slow and complete half of cast.py.

In:  a decoded JSON value (fractions as Decimal) and the type of its column.
Out: the Python value Arrow stores without changing it; ValueError with the reason where there is none.

    INT     7        7            7.0, "7", 3000000000, true    refused
    DOUBLE  7, 2.5   7.0, 2.5     "NaN", "Infinity" as Jackson writes them; 1e400 refused
    DECIMAL(4,2)     1.5, "1.5"   1.234 refused
"""

from __future__ import annotations

import base64
import decimal
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from penstock.types import (
    BIGINT,
    BIGINT_MAX,
    BIGINT_MIN,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INT_MAX,
    INT_MIN,
    INTEGER,
    PRIMITIVES,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Decimal,
    Map,
    SqlType,
    Struct,
)

Cast = Callable[[Any], Any]
# The years 1 to 9999: what a DATE and a TIMESTAMP of the lake's readers can hold.
DAYS = (-719_162, 2_932_896)
MILLIS = (-62_135_596_800_000, 253_402_300_799_999)
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
WIDE = decimal.Context(prec=80, traps=[decimal.InvalidOperation])


def refuse(value: Any, kind: str) -> ValueError:
    text = repr(value) if isinstance(value, str) else str(value)
    return ValueError(f"{text[:100]} is not {kind}")


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise refuse(value, "BOOLEAN")
    return value


def whole(kind: str, low: int, high: int, value: Any) -> int:
    if type(value) is not int:
        raise refuse(value, kind)
    if not low <= value <= high:
        raise ValueError(f"{value} is outside of {kind}")
    return value


def double(value: Any) -> float:
    if isinstance(value, str) and value in NOT_FINITE:
        return NOT_FINITE[value]
    if isinstance(value, bool) or not isinstance(value, int | float | decimal.Decimal):
        raise refuse(value, "DOUBLE")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if math.isinf(found) and not _infinite(value):
        raise ValueError(f"{str(value)[:100]} is outside of DOUBLE")
    return found


def _infinite(value: int | float | decimal.Decimal) -> bool:
    return value.is_infinite() if isinstance(value, decimal.Decimal) else math.isinf(value)


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise refuse(value, "STRING")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"the text holds half a surrogate pair, which is not Unicode: {error}") from error
    return value


def raw(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError) as error:
        raise refuse(value, "BYTES as base64 text") from error


def number(kind: Decimal, value: Any) -> decimal.Decimal:
    try:
        if isinstance(value, bool | float):
            raise refuse(value, str(kind))
        found = decimal.Decimal(value)
        if not found.is_finite():
            raise refuse(value, str(kind))
        scaled = found.quantize(decimal.Decimal(1).scaleb(-kind.scale), context=WIDE)
    except (decimal.InvalidOperation, TypeError, ValueError) as error:
        raise refuse(value, str(kind)) from error
    if scaled != found or len(scaled.as_tuple().digits) > kind.precision:
        raise ValueError(f"{value} does not fit {kind} without loss")
    return scaled


def timestamp(value: Any) -> int:
    """Microseconds; Arrow takes an int for a timestamp as it stands."""
    return whole("TIMESTAMP, milliseconds since 1970 in the years 1 to 9999", *MILLIS, value) * 1000


def array(item: Cast, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise refuse(value, "ARRAY")
    return [None if inner is None else item(inner) for inner in value]


def mapping(item: Cast, value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise refuse(value, "MAP")
    return [(text(name), None if inner is None else item(inner)) for name, inner in value.items()]


def structure(fields: Mapping[str, tuple[str, Cast]], value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise refuse(value, "STRUCT")
    found: dict[str, Any] = {}
    for name, inner in value.items():
        known = fields.get(name.lower())
        if known is None:
            raise ValueError(f"the STRUCT has no field {name}")
        if known[0] in found:
            raise ValueError(f"field {name} stands twice, in other letters")
        found[known[0]] = None if inner is None else known[1](inner)
    return found


CASTS: Mapping[SqlType, Cast] = {
    BOOLEAN: boolean,
    INTEGER: partial(whole, "INTEGER", INT_MIN, INT_MAX),
    BIGINT: partial(whole, "BIGINT", BIGINT_MIN, BIGINT_MAX),
    DOUBLE: double,
    STRING: text,
    BYTES: raw,
    TIME: partial(whole, "TIME, milliseconds of the day", 0, 86_399_999),
    DATE: partial(whole, "DATE, days since 1970 in the years 1 to 9999", *DAYS),
    TIMESTAMP: timestamp,
}
assert CASTS.keys() == set(PRIMITIVES.values())


def cast(kind: SqlType) -> Cast:
    """The function that makes a value of this type; it is never called with None."""
    match kind:
        case Decimal():
            return partial(number, kind)
        case Array(item):
            return partial(array, cast(item))
        case Map(_, item):
            return partial(mapping, cast(item))
        case Struct(fields):
            return partial(structure, {name.lower(): (name, cast(field)) for name, field in fields})
    return CASTS[kind]
