"""CAST: one table from (kind, kind) to the code that converts a value which is not NULL.

In:  two SQL types that language/resolve_types.py allows. Out: a CastCode, source with what it calls.

    ("BIGINT", "INTEGER")  wrap_int({x})        ("TIMESTAMP", "DATE")  ({x} // 86400000)

A value that can't be converted raises; the column then is NULL and the log says why. NULL never comes here.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal as Number
from functools import lru_cache
from typing import Any

from penstock.functions.iso_times import (
    date_from_text,
    text_from_date,
    text_from_time,
    text_from_timestamp,
    time_from_text,
    timestamp_from_text,
)
from penstock.functions.java_numbers import (
    EXACT,
    decimal_text,
    double_text,
    double_to_int,
    double_to_long,
    fits,
    overflow,
    with_scale,
    wrap_int,
    wrap_long,
)
from penstock.language.resolve_types import CASTS, base_name
from penstock.types import (
    BIGINT_MAX,
    BIGINT_MIN,
    INT_MAX,
    INT_MIN,
    INTEGER,
    NUMBERS,
    STRING,
    Array,
    Decimal,
    Map,
    SqlType,
    Struct,
    is_number,
    python_type,
    struct_values,
)

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class CastCode:
    """`source` holds {x} for the value. `exact` conversions can't fail."""

    source: str
    helpers: Mapping[str, Any] = field(default_factory=dict)
    exact: bool = False


@lru_cache(maxsize=4096)
def cast_code(source: SqlType, target: SqlType) -> CastCode:
    """The code from one type to another; the same type needs none."""
    if source == target:
        return CastCode("{x}", exact=True)
    return BUILDERS[base_name(source), base_name(target)](source, target)


@lru_cache(maxsize=4096)
def cast_function(source: SqlType, target: SqlType) -> Callable[[Any], Any]:
    """The conversion as a function; NULL stays NULL."""
    code = cast_code(source, target)
    text = f"lambda x: None if x is None else {code.source.format(x='x')}"
    return eval(text, dict(code.helpers))


Builder = Callable[[SqlType, SqlType], CastCode]


def inline(source: str) -> Builder:
    """Python's own operators do it, and always can."""
    code = CastCode(source, exact=True)
    return lambda _source, _target: code


def calling(function: Callable[[Any], Any], exact: bool = False) -> Builder:
    code = CastCode(f"{function.__name__}({{x}})", {function.__name__: function}, exact)
    return lambda _source, _target: code


# --- numbers -----------------------------------------------------------------------------------------


def quantized(value: Number, target: Decimal) -> Number:
    """HALF_UP to the scale of the target; raises when it does not fit its precision."""
    rounded = with_scale(value, target.scale)
    if not fits(rounded, target.precision, target.scale):
        raise overflow(rounded, target.precision, target.scale)
    # A negative zero, which Java's decimals do not have, becomes a plain one.
    return EXACT.plus(rounded)


def decimal_maker(read: Callable[[Any], Number], stem: str) -> Builder:
    """A cast to DECIMAL(p, s) through `read`."""

    def build(_source: SqlType, target: SqlType) -> CastCode:
        assert isinstance(target, Decimal)
        name = f"{stem}_{target.precision}_{target.scale}"
        return CastCode(f"{name}({{x}})", {name: lambda value: quantized(read(value), target)})

    return build


def whole_to_decimal(source: SqlType, target: SqlType) -> CastCode:
    """Any INTEGER fits DECIMAL(10, 0) and any BIGINT DECIMAL(19, 0), which is what arithmetic asks for."""
    assert isinstance(target, Decimal)
    digits = 10 if source == INTEGER else 19
    if target.scale == 0 and target.precision >= digits:
        return CastCode("Decimal({x})", {"Decimal": Number}, exact=True)
    return decimal_maker(Number, "decimal_from_int")(source, target)


def double_to_number(value: float) -> Number:
    """Every binary digit counts: 1.1E0 as DECIMAL(20, 18) is 1.100000000000000089."""
    if value - value != 0:
        raise ArithmeticError(f"{double_text(value)} is no DECIMAL")
    return Number(value)


def decimal_to_int(value: Number) -> int:
    return wrap_int(int(value))


def decimal_to_long(value: Number) -> int:
    return wrap_long(int(value))


# --- text to others ----------------------------------------------------------------------------------

WHOLE_NUMBER = re.compile(r"[+-]?\d+\Z")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z")
ASCII_NUMBER = re.compile(NUMBER.pattern, re.ASCII)
CONTROL_AND_SPACE = "".join(map(chr, range(33)))


def whole(text: str, low: int, high: int) -> int:
    trimmed = text.strip(CONTROL_AND_SPACE)
    if WHOLE_NUMBER.match(trimmed):
        value = int(trimmed)
        if low <= value <= high:
            return value
    raise ValueError(f'For input string: "{trimmed}"')


@lru_cache(maxsize=4096)
def int_from_text(text: str) -> int:
    return whole(text, INT_MIN, INT_MAX)


@lru_cache(maxsize=4096)
def long_from_text(text: str) -> int:
    return whole(text, BIGINT_MIN, BIGINT_MAX)


@lru_cache(maxsize=4096)
def double_from_text(text: str) -> float:
    trimmed = text.strip(CONTROL_AND_SPACE)
    if trimmed == "NaN":
        return float("nan")
    value = float(trimmed) if ASCII_NUMBER.match(trimmed) else float("inf")
    if value - value != 0:
        raise ValueError(f'For input string: "{trimmed}"')
    return value


@lru_cache(maxsize=4096)
def number_from_text(text: str) -> Number:
    trimmed = text.strip(CONTROL_AND_SPACE)
    if not NUMBER.match(trimmed):
        raise ValueError(f'"{trimmed}" is no number')
    return Number(trimmed)


def boolean_from_text(text: str) -> bool:
    """A beginning of `true` or `yes` in any case is TRUE, everything else FALSE."""
    word = text.lower()
    return bool(word) and ("true".startswith(word) or "yes".startswith(word))


def bytes_from_text(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not Base64: {error}") from None


# --- others to text ----------------------------------------------------------------------------------


def text_from_boolean(value: bool) -> str:
    return "true" if value else "false"


def text_from_bytes(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def text_or_null(kind: SqlType) -> Callable[[Any], str]:
    text = cast_function(kind, STRING)
    return lambda value: "null" if value is None else text(value)


def array_to_text(source: SqlType, _target: SqlType) -> CastCode:
    """[1, null, 3]"""
    assert isinstance(source, Array)
    text = text_or_null(source.item)
    return _call("text_from_array", lambda items: f"[{', '.join(map(text, items))}]")


def map_to_text(source: SqlType, _target: SqlType) -> CastCode:
    """{a=1, b=null}"""
    assert isinstance(source, Map)
    key_text, text = text_or_null(source.key), text_or_null(source.value)

    def text_from_map(entries: dict[Any, Any]) -> str:
        return "{" + ", ".join(f"{key_text(k)}={text(v)}" for k, v in entries.items()) + "}"

    return _call("text_from_map", text_from_map)


def struct_to_text(source: SqlType, _target: SqlType) -> CastCode:
    """Struct{A=1,B=x}: fields that are NULL are left out."""
    assert isinstance(source, Struct)
    fields = [(name, cast_function(kind, STRING)) for name, kind in source.fields]

    def text_from_struct(value: Any) -> str:
        pairs = zip(fields, struct_values(value), strict=True)
        return "Struct{" + ",".join(f"{name}={text(v)}" for (name, text), v in pairs if v is not None) + "}"

    return _call("text_from_struct", text_from_struct)


def _call(name: str, function: Callable[[Any], Any]) -> CastCode:
    return CastCode(f"{name}({{x}})", {name: function})


# --- containers --------------------------------------------------------------------------------------


def item_cast(source: SqlType, target: SqlType) -> Callable[[Any], Any]:
    """A number in a container becomes another one by a call on it, so that a NULL among them is an error."""
    convert = cast_function(source, target)
    if not (is_number(source) and target in NUMBERS and source != target):
        return convert

    def convert_number(value: Any) -> Any:
        if value is None:
            raise ValueError(f"a NULL {source} can't become {target} inside an ARRAY or MAP")
        return convert(value)

    return convert_number


def array_to_array(source: SqlType, target: SqlType) -> CastCode:
    assert isinstance(source, Array) and isinstance(target, Array)
    convert = item_cast(source.item, target.item)
    return _call("cast_array", lambda items: [convert(each) for each in items])


def map_to_map(source: SqlType, target: SqlType) -> CastCode:
    assert isinstance(source, Map) and isinstance(target, Map)
    key, value = item_cast(source.key, target.key), item_cast(source.value, target.value)
    return _call("cast_map", lambda entries: {key(k): value(v) for k, v in entries.items()})


def struct_to_struct(source: SqlType, target: SqlType) -> CastCode:
    """Field by name; a field that was not there is NULL."""
    assert isinstance(source, Struct) and isinstance(target, Struct)
    make = python_type(target)
    readers: list[tuple[str, Callable[[Any], Any]] | None] = []
    for name, kind in target.fields:
        found = source.field(name)
        readers.append(found and (f"c{found[0]}", cast_function(found[1], kind)))

    def cast_struct(value: Any) -> Any:
        return make(*(each and each[1](getattr(value, each[0])) for each in readers))

    return _call("cast_struct", cast_struct)


BUILDERS: dict[tuple[str, str], Builder] = {
    ("BOOLEAN", "STRING"): calling(text_from_boolean, exact=True),
    ("INTEGER", "BIGINT"): inline("{x}"),
    ("INTEGER", "DECIMAL"): whole_to_decimal,
    ("INTEGER", "DOUBLE"): inline("float({x})"),
    ("INTEGER", "STRING"): inline("str({x})"),
    ("BIGINT", "INTEGER"): calling(wrap_int, exact=True),
    ("BIGINT", "DECIMAL"): whole_to_decimal,
    ("BIGINT", "DOUBLE"): inline("float({x})"),
    ("BIGINT", "STRING"): inline("str({x})"),
    ("DECIMAL", "INTEGER"): calling(decimal_to_int, exact=True),
    ("DECIMAL", "BIGINT"): calling(decimal_to_long, exact=True),
    ("DECIMAL", "DECIMAL"): decimal_maker(lambda value: value, "decimal"),
    ("DECIMAL", "DOUBLE"): inline("float({x})"),
    ("DECIMAL", "STRING"): calling(decimal_text, exact=True),
    ("DOUBLE", "INTEGER"): calling(double_to_int, exact=True),
    ("DOUBLE", "BIGINT"): calling(double_to_long, exact=True),
    ("DOUBLE", "DECIMAL"): decimal_maker(double_to_number, "decimal_from_double"),
    ("DOUBLE", "STRING"): calling(double_text, exact=True),
    ("STRING", "BOOLEAN"): calling(boolean_from_text, exact=True),
    ("STRING", "INTEGER"): calling(int_from_text),
    ("STRING", "BIGINT"): calling(long_from_text),
    ("STRING", "DECIMAL"): decimal_maker(number_from_text, "decimal_from_text"),
    ("STRING", "DOUBLE"): calling(double_from_text),
    ("STRING", "TIME"): calling(time_from_text),
    ("STRING", "DATE"): calling(date_from_text),
    ("STRING", "TIMESTAMP"): calling(timestamp_from_text),
    ("STRING", "BYTES"): calling(bytes_from_text),
    ("TIMESTAMP", "STRING"): calling(text_from_timestamp),
    ("TIMESTAMP", "DATE"): inline(f"({{x}} // {DAY_MS})"),
    ("TIMESTAMP", "TIME"): inline(f"({{x}} % {DAY_MS})"),
    ("DATE", "STRING"): calling(text_from_date),
    ("DATE", "TIMESTAMP"): inline(f"({{x}} * {DAY_MS})"),
    ("TIME", "STRING"): calling(text_from_time),
    ("BYTES", "STRING"): calling(text_from_bytes, exact=True),
    ("ARRAY", "ARRAY"): array_to_array,
    ("ARRAY", "STRING"): array_to_text,
    ("MAP", "MAP"): map_to_map,
    ("MAP", "STRING"): map_to_text,
    ("STRUCT", "STRUCT"): struct_to_struct,
    ("STRUCT", "STRING"): struct_to_text,
}
PAIRS = {
    (source, target)
    for source, targets in CASTS.items()
    for target in targets
    if source != target or source in ("DECIMAL", "ARRAY", "MAP", "STRUCT")
}
assert BUILDERS.keys() == PAIRS, BUILDERS.keys() ^ PAIRS
