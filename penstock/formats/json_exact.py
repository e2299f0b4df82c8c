"""JSON read exactly as ksqlDB reads it: the slow path, and the judge of the fast one.

In:  one payload and the SQL type of what it holds (a row is a STRUCT of its columns).
Out: the typed value, or RecordError with ksqlDB's message and the path of the member that can't be read.

    b'{"a": "7", "B": 1.9}'  --parse-->  {"a": "7", "B": Decimal("1.9")}  --convert-->  Row(c0=7, c1=1)

Numbers keep their text's exact value (int, Decimal), as Jackson's IntNode and DecimalNode do. Names match
exactly, else by their upper-cased spelling. Text after the first value is ignored. Anything wrong anywhere
refuses the whole record. Unlike Jackson, numbers of more than 1,000 characters are read.
"""

from __future__ import annotations

import decimal
import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

from penstock import types
from penstock.errors import RecordError
from penstock.formats import base64_text, java_numbers

Convert = Callable[[Any], Any]

BLANKS = re.compile(r"[ \t\r\n]*")
GLUED = re.compile(r"[^ \t\r\n]")
DAY_MS = 86_400_000
DATE_DAYS_MAX = types.BIGINT_MAX // DAY_MS
ESCAPED = re.compile(r'["\\\x00-\x1f]')
ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Missing:
    """What Jackson makes of a payload without any value."""


MISSING = Missing()


class Refused(Exception):
    """A member that can't be converted; `path` grows outwards while the exception rises."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.path = ""


class ExactReader:
    """Reads payloads of one type."""

    def __init__(self, kind: types.SqlType) -> None:
        self._convert = converter(kind)

    def read(self, payload: bytes) -> Any:
        return self.convert(parse(payload))

    def convert(self, tree: Any) -> Any:
        """The typed value of a parsed tree; raises RecordError."""
        try:
            return enforce("$", self._convert, tree)
        except Refused as refused:
            raise RecordError(f"{refused.message}, path: {refused.path}") from None
        except RecursionError:
            raise RecordError("The JSON document is nested too deeply.") from None


def parse(payload: bytes) -> Any:
    """The first JSON value of a payload, or MISSING when there is none; raises RecordError."""
    text = _text(payload)
    start = BLANKS.match(text).end()  # type: ignore[union-attr]
    if start == len(text):
        return MISSING
    try:
        tree, end = DECODER.raw_decode(text, start)
    except json.JSONDecodeError as problem:
        raise RecordError(f"Malformed JSON: {problem.msg} at character {problem.pos}.") from None
    except (ValueError, decimal.InvalidOperation) as problem:
        raise RecordError(f"Malformed JSON: {problem}") from None
    except RecursionError:
        raise RecordError("The JSON document is nested too deeply.") from None
    _check_end(text, end)
    return tree


def _text(payload: bytes) -> str:
    # Bad bytes become lone surrogates, so that those after the first value can be ignored later.
    return payload.decode(json.detect_encoding(payload), "surrogateescape")


def _check_end(text: str, end: int) -> None:
    """Text after a value is ignored, but a number or word must not run into it, nor hold bad UTF-8."""
    if text[end - 1] not in '}]"' and GLUED.match(text, end):
        raise RecordError(f"Malformed JSON: unexpected character at {end}, expected space between values.")
    try:
        text[:end].encode()
    except UnicodeEncodeError as problem:
        raise RecordError(f"Malformed JSON: invalid UTF-8 at character {problem.start}.") from None


def _whole(text: str) -> int | decimal.Decimal:
    return int(text) if len(text) <= java_numbers.INT_DIGITS_MAX else decimal.Decimal(text)


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"Non-standard token '{text}'.")


DECODER = json.JSONDecoder(
    parse_float=java_numbers.parse_decimal, parse_int=_whole, parse_constant=_no_constant, strict=True
)


def enforce(part: str, convert: Convert, value: Any) -> Any:
    """NULL for null; else the converted value, naming the part of the path where it failed."""
    if value is None:
        return None
    try:
        return convert(value)
    except Refused as refused:
        refused.path = part + refused.path
        raise


def converter(kind: types.SqlType) -> Convert:
    """The conversion from a parsed tree (never None) to a value of the type."""
    match kind:
        case types.Decimal():
            return _decimal_converter(kind)
        case types.Array(item):
            return _array_converter(kind, converter(item))
        case types.Map(_, value):
            return _map_converter(kind, converter(value))
        case types.Struct():
            return _struct_converter(kind)
        case types.Primitive(name):
            return PRIMITIVES[name]
    raise AssertionError(kind)


def _decimal_converter(kind: types.Decimal) -> Convert:
    def convert(value: Any) -> decimal.Decimal:
        if isinstance(value, bool) or not isinstance(value, int | decimal.Decimal | str):
            raise _wrong_type(value, schema_text(kind))
        try:
            exact = java_numbers.parse_decimal(value) if isinstance(value, str) else decimal.Decimal(value)
            return java_numbers.fit(exact, kind)
        except ValueError as problem:
            raise Refused(str(problem)) from None

    return convert


def _array_converter(kind: types.Array, item: Convert) -> Convert:
    def convert(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise _wrong_type(value, schema_text(kind))
        return [enforce(f"[{index}]", item, element) for index, element in enumerate(value)]

    return convert


def _map_converter(kind: types.Map, inner: Convert) -> Convert:
    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong_type(value, schema_text(kind))
        return {name: enforce(f".{name}.value", inner, member) for name, member in value.items()}

    return convert


def _struct_converter(kind: types.Struct) -> Convert:
    fields = [(name, f".{name}", converter(field)) for name, field in kind.fields]
    make = types.python_type(kind)

    def convert(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _wrong_type(value, schema_text(kind))
        folded = {name.upper(): member for name, member in value.items()}
        return make(*[enforce(part, inner, _member(value, folded, name)) for name, part, inner in fields])

    return convert


def _member(value: dict[str, Any], folded: dict[str, Any], name: str) -> Any:
    """By exact name, even when it is null there; else by upper-cased name, the last of several."""
    return value[name] if name in value else folded.get(name)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise _wrong_type(value, "BOOLEAN")


def _integer(value: Any) -> int:
    return _whole_number(value, "INTEGER", 32)


def _bigint(value: Any) -> int:
    return _whole_number(value, "BIGINT", 64)


def _whole_number(value: Any, target: str, bits: int = 64) -> int:
    """A number is narrowed silently, a text must be in range."""
    if isinstance(value, str):
        half = 1 << (bits - 1)
        try:
            return java_numbers.parse_whole(value, -half, half - 1)
        except ValueError:
            raise _bad_text(target) from None
    if isinstance(value, bool) or not isinstance(value, int | decimal.Decimal):
        raise _wrong_type(value, target)
    return java_numbers.narrow(value, bits)


def _double(value: Any) -> float:
    if isinstance(value, str):
        try:
            return java_numbers.parse_double(value)
        except ValueError:
            raise _bad_text("DOUBLE") from None
    if isinstance(value, bool) or not isinstance(value, int | decimal.Decimal):
        raise _wrong_type(value, "DOUBLE")
    return java_numbers.to_double(value)


def _string(value: Any) -> str:
    """Anything has a text: an object its compact JSON, an array its elements' texts in brackets."""
    if isinstance(value, dict):
        return compact(value)
    if isinstance(value, list):
        return "[" + ", ".join("null" if item is None else _string(item) for item in value) + "]"
    return value if isinstance(value, str) else _scalar_text(value)


def _scalar_text(value: Any) -> str:
    if value is MISSING:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def compact(value: Any) -> str:
    """JSON without blanks, as Jackson writes a tree; decimals as BigDecimal.toString()."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{quoted(name)}:{compact(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    if isinstance(value, str):
        return quoted(value)
    return "null" if value is None else _scalar_text(value)


def quoted(text: str) -> str:
    return '"' + ESCAPED.sub(lambda found: ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04X}", text) + '"'


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str):
        raise _wrong_type(value, "BYTES")
    try:
        return base64_text.decode_mime(value)
    except ValueError:
        raise Refused(f"Value is not a valid Base64 encoded string: {value}") from None


def _time(value: Any) -> int:
    return time_of_day(_whole_number(value, "TIME"))


def time_of_day(millis: int) -> int:
    if 0 <= millis <= DAY_MS:
        return millis
    raise Refused(f"Time values must use number of milliseconds greater than 0 and less than {DAY_MS}.")


def _date(value: Any) -> int:
    return date_days(_whole_number(value, "DATE"))


def date_days(days: int) -> int:
    if -DATE_DAYS_MAX <= days <= DATE_DAYS_MAX:
        return days
    raise Refused(f"Date values must be between {-DATE_DAYS_MAX} and {DATE_DAYS_MAX} days.")


def _timestamp(value: Any) -> int:
    return _whole_number(value, "TIMESTAMP")


PRIMITIVES: dict[str, Convert] = {
    "BOOLEAN": _boolean,
    "INTEGER": _integer,
    "BIGINT": _bigint,
    "DOUBLE": _double,
    "STRING": _string,
    "BYTES": _bytes,
    "TIME": _time,
    "DATE": _date,
    "TIMESTAMP": _timestamp,
}
assert PRIMITIVES.keys() == types.PRIMITIVES.keys(), PRIMITIVES.keys() ^ types.PRIMITIVES.keys()


def _wrong_type(value: Any, target: str) -> Refused:
    return Refused(f"Can't convert type. sourceType: {node_name(value)}, requiredType: {target}")


def _bad_text(target: str) -> Refused:
    return Refused(f"Can't coerce string to type. targetType: {target}")


def node_name(value: Any) -> str:
    """Jackson's name for a node, as ksqlDB's messages show it."""
    if isinstance(value, int) and not isinstance(value, bool):
        if types.INT_MIN <= value <= types.INT_MAX:
            return "IntNode"
        return "LongNode" if types.BIGINT_MIN <= value <= types.BIGINT_MAX else "BigIntegerNode"
    return NODE_NAMES[type(value)]


NODE_NAMES: dict[type, str] = {
    bool: "BooleanNode",
    decimal.Decimal: "DecimalNode",
    str: "TextNode",
    list: "ArrayNode",
    dict: "ObjectNode",
    Missing: "MissingNode",
}
SCHEMA_NAMES = {"INTEGER": "INT", "STRING": "VARCHAR"}


def schema_text(kind: types.SqlType) -> str:
    """A type as ksqlDB's deserialiser names it: INT and VARCHAR, field names without quotes."""
    match kind:
        case types.Array(item):
            return f"ARRAY<{schema_text(item)}>"
        case types.Map(key, value):
            return f"MAP<{schema_text(key)}, {schema_text(value)}>"
        case types.Struct(fields):
            return f"STRUCT<{', '.join(f'{name} {schema_text(field)}' for name, field in fields)}>"
        case types.Primitive(name):
            return SCHEMA_NAMES.get(name, name)
    return str(kind)
