"""A scalar of one type read as a column of another, as ksqlDB reads Connect data.

In:  the type a writer's schema gives, the column's type.
Out: the conversion; or Incompatible in ksqlDB's words.

Numbers are widened, never narrowed; a STRING takes any number, text or truth; a DECIMAL must have its scale.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable
from typing import Any

from penstock import types
from penstock.errors import RecordError
from penstock.formats import java_numbers

Convert = Callable[[Any], Any]


class Incompatible(RecordError):
    """A writer's type that a column can't take."""

    def __init__(self, source: types.SqlType | None, target: types.SqlType, path: str) -> None:
        shown = "a type without SQL counterpart" if source is None else connect_name(source)
        super().__init__(f"Cannot deserialize type {shown} as type {connect_name(target)} for path: {path}")


def same(value: Any) -> Any:
    return value


def _boolean_text(value: bool) -> str:
    return "true" if value else "false"


CONVERSIONS: dict[tuple[types.SqlType, types.SqlType], Convert] = {
    **{(kind, kind): same for kind in types.PRIMITIVES.values()},
    (types.INTEGER, types.BIGINT): same,
    (types.INTEGER, types.STRING): str,
    (types.BIGINT, types.STRING): str,
    (types.DOUBLE, types.STRING): java_numbers.double_text,
    (types.BOOLEAN, types.STRING): _boolean_text,
}


def scalar(source: types.SqlType | None, target: types.SqlType, path: str) -> Convert:
    """The conversion of values that are never None."""
    if isinstance(source, types.Decimal) and isinstance(target, types.Decimal):
        return _decimal(source, target, path)
    found = None if source is None else CONVERSIONS.get((source, target))
    if found is None:
        raise Incompatible(source, target, path)
    return found


def _decimal(source: types.Decimal, target: types.Decimal, path: str) -> Convert:
    if source == target:
        return same

    def convert(value: decimal.Decimal) -> decimal.Decimal:
        try:
            return java_numbers.fit(value, target)
        except ValueError as problem:
            raise RecordError(f"{problem}, path: {path}") from None

    return convert


def unscaled(value: decimal.Decimal) -> bytes:
    """The digits as a signed big-endian number, as short as it can be: BigInteger.toByteArray()."""
    sign, digits, _ = value.as_tuple()
    number = int("".join(map(str, digits)) or "0") * (-1 if sign else 1)
    return number.to_bytes((number + (number < 0)).bit_length() // 8 + 1, "big", signed=True)


def scaled(data: bytes, scale: int) -> decimal.Decimal:
    # A tuple is taken as it is; arithmetic would round to the context's precision.
    number = int.from_bytes(data, "big", signed=True)
    return decimal.Decimal((int(number < 0), tuple(map(int, str(abs(number)))), -scale))


CONNECT_NAMES: dict[types.SqlType, str] = {
    types.BOOLEAN: "BOOLEAN",
    types.INTEGER: "INT32",
    types.BIGINT: "INT64",
    types.DOUBLE: "FLOAT64",
    types.STRING: "STRING",
    types.BYTES: "BYTES",
    types.TIME: "TIME",
    types.DATE: "DATE",
    types.TIMESTAMP: "TIMESTAMP",
}


def connect_name(kind: types.SqlType) -> str:
    return CONNECT_NAMES.get(kind) or type(kind).__name__.upper()


def member(names: dict[str, Any], wanted: str) -> Any | None:
    """By exact name, else by upper-cased name; of several the last."""
    if wanted in names:
        return names[wanted]
    return {name.upper(): value for name, value in names.items()}.get(wanted.upper())
