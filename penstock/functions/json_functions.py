"""Functions over JSON text, and TO_JSON_STRING."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from penstock.functions import jackson
from penstock.functions.iso_times import text_from_date, text_from_time, text_from_timestamp
from penstock.functions.java_numbers import decimal_text as plain_decimal_text
from penstock.functions.java_numbers import double_text
from penstock.functions.patterns import T
from penstock.functions.registry import scalar
from penstock.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Map,
    SqlType,
    Struct,
    struct_values,
)
from penstock.types import Decimal as DecimalType

PATH_STEP = re.compile(r"\.([^.\[\]\s'\"]+)|\[(\d+)\]|\[\"((?:[^\"\\]|\\.)*)\"\]|\['((?:[^'\\]|\\.)*)'\]")


@lru_cache(maxsize=1024)
def path_steps(path: str) -> tuple[str | int, ...]:
    """The steps of a path like $.a[0]["b c"]; raises ValueError when it is none."""
    text = path.strip()
    if not text.startswith("$"):
        raise ValueError(f"Invalid JSON path: {path}")
    found: list[str | int] = []
    at = 1
    while at < len(text):
        step = PATH_STEP.match(text, at)
        if step is None:
            raise ValueError(f"Invalid JSON path: {path}")
        name, index, double, single = step.groups()
        quoted = double if double is not None else single
        found.append(int(index) if index is not None else name or re.sub(r"\\(.)", r"\1", quoted or ""))
        at = step.end()
    return tuple(found)


def member(node: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return node[step] if isinstance(node, list) and step < len(node) else jackson.MISSING
    return node.get(step, jackson.MISSING) if isinstance(node, dict) else jackson.MISSING


@scalar("EXTRACTJSONFIELD", STRING, STRING, returns=STRING, category="JSON", spelling="extractjsonfield",
        example=("EXTRACTJSONFIELD('{\"a\": {\"b\": [1, 2]}}', '$.a.b[1]')", "2"))  # fmt: skip
def extract_json_field(input: str, path: str) -> str | None:
    """The value at a path within JSON text: text without quotes, all else as JSON."""
    steps = path_steps(path)
    node = jackson.read(input)
    for step in steps:
        node = member(node, step)
        if node is jackson.MISSING:
            return None
    if node is jackson.MISSING:
        return ""
    return node if isinstance(node, str) else jackson.write(node)


@scalar("IS_JSON_STRING", STRING, returns=BOOLEAN, nulls="pass", category="JSON", spelling="is_json_string",
        example=("IS_JSON_STRING('[1, 2]')", True))  # fmt: skip
def is_json_string(input: str | None) -> bool:
    """Whether a text is JSON."""
    if input is None:
        return False
    try:
        return jackson.read(input) is not jackson.MISSING
    except (ValueError, RecursionError):
        return False


@scalar("JSON_ARRAY_LENGTH", STRING, returns=INTEGER, category="JSON", spelling="json_array_length",
        example=("JSON_ARRAY_LENGTH('[1, 2, 3]')", 3))  # fmt: skip
def json_array_length(json_array: str) -> int | None:
    """How many elements a JSON array has; NULL for other JSON."""
    node = jackson.read(json_array)
    return len(node) if isinstance(node, list) else None


def equality(kind: SqlType) -> Callable[[Any, Any], bool]:
    """Whether a JSON element is a value of a SQL type."""
    if kind in (INTEGER, BIGINT):
        return lambda node, value: type(node) is int and node == value
    if kind == DOUBLE or isinstance(kind, DecimalType):
        return lambda node, value: isinstance(node, Decimal) and float(node) == float(value)
    if kind == BOOLEAN:
        return lambda node, value: node is value
    return lambda node, value: isinstance(node, str) and node == value


@scalar("JSON_ARRAY_CONTAINS", STRING, T, returns=BOOLEAN, typed=True, nulls="pass",
        names=("jsonArray", "val"), category="JSON", spelling="json_array_contains",
        example=("JSON_ARRAY_CONTAINS('[1, 2]', 2)", True))  # fmt: skip
def json_array_contains(kinds: Sequence[Any]) -> Callable[[str | None, Any], bool | None]:
    """Whether a JSON array holds a value of the same kind; NULL stands for JSON's null."""
    equal = equality(kinds[1])

    def of(json_array: str | None, val: Any) -> bool | None:
        if json_array is None:
            return None
        try:
            node = jackson.read(json_array)
        except ValueError:
            return False
        return isinstance(node, list) and any(
            each is None if val is None else equal(each, val) for each in node
        )

    return of


@scalar("JSON_CONCAT", STRING, returns=STRING, nulls="pass", category="JSON", spelling="json_concat",
        example=("JSON_CONCAT('{\"a\":1}', '{\"b\":2}')", '{"a":1,"b":2}'))  # fmt: skip
def json_concat(*json_strings: str | None) -> str | None:
    """JSON objects merged, the later wins; with other JSON among them, one array of all elements."""
    if not json_strings or None in json_strings:
        return None
    nodes = [jackson.read(each) for each in json_strings if each is not None]
    if jackson.MISSING in nodes:
        return None
    if all(isinstance(node, dict) for node in nodes):
        return jackson.write({key: value for node in nodes for key, value in node.items()})
    every: list[Any] = []
    for node in nodes:
        every += node if isinstance(node, list) else [node]
    return jackson.write(every)


@scalar("JSON_ITEMS", STRING, returns=Array(STRING), category="JSON", spelling="json_items",
        example=("JSON_ITEMS('[1, \"a\"]')", ["1", '"a"']))  # fmt: skip
def json_items(json_items: str) -> list[str]:
    """The elements of a JSON array, each as JSON text."""
    node = jackson.read(json_items)
    if not isinstance(node, list):
        raise ValueError("not a JSON array")
    return [jackson.write(each) for each in node]


@scalar("JSON_KEYS", STRING, returns=Array(STRING), category="JSON", spelling="json_keys",
        example=("JSON_KEYS('{\"b\": 1, \"a\": 2}')", ["b", "a"]))  # fmt: skip
def json_keys(json_obj: str) -> list[str] | None:
    """The names of a JSON object's members; NULL for other JSON."""
    node = jackson.read(json_obj)
    return list(node) if isinstance(node, dict) else None


@scalar("JSON_RECORDS", STRING, returns=Map(STRING, STRING), category="JSON", spelling="json_records",
        example=("JSON_RECORDS('{\"a\": \"x\", \"b\": 2}')", {"a": '"x"', "b": "2"}))  # fmt: skip
def json_records(json_obj: str) -> dict[str, str] | None:
    """A JSON object as a map of names to JSON text; NULL for other JSON."""
    node = jackson.read(json_obj)
    return {key: jackson.write(each) for key, each in node.items()} if isinstance(node, dict) else None


# --- TO_JSON_STRING -----------------------------------------------------------------------------------

Writer = Callable[[Any], str]


def double_json(value: float) -> str:
    text = double_text(value)
    return text if text[-1].isdigit() else f'"{text}"'


PRIMITIVE_WRITERS: dict[SqlType, Writer] = {
    BOOLEAN: lambda value: "true" if value else "false",
    INTEGER: str,
    BIGINT: str,
    DOUBLE: double_json,
    STRING: jackson.quoted,
    BYTES: lambda value: f'"{base64.b64encode(value).decode()}"',
    DATE: lambda value: f'"{text_from_date(value)}"',
    TIME: lambda value: f'"{text_from_time(value)}"',
    TIMESTAMP: lambda value: f'"{text_from_timestamp(value)}"',
}


def writer(kind: SqlType) -> Writer:
    """Writes values of a type, NULL as null."""
    inner = writer_of(kind)
    return lambda value: "null" if value is None else inner(value)


def writer_of(kind: SqlType) -> Writer:
    match kind:
        case DecimalType():
            return plain_decimal_text
        case Array(item):
            each = writer(item)
            return lambda value: "[" + ",".join([each(one) for one in value]) + "]"
        case Map(_, item):
            each = writer(item)
            return lambda value: braced([(str(key), each(value[key])) for key in value])
        case Struct(fields):
            return struct_writer(fields)
    return PRIMITIVE_WRITERS[kind]


def struct_writer(fields: Sequence[tuple[str, SqlType]]) -> Writer:
    writers = [(name, writer(kind)) for name, kind in fields]

    def write(value: Any) -> str:
        return braced(
            [(name, each(one)) for (name, each), one in zip(writers, struct_values(value), strict=True)]
        )

    return write


def braced(members: list[tuple[str, str]]) -> str:
    """Members by name, as ksqlDB sorts them."""
    return "{" + ",".join([f"{jackson.quoted(name)}:{text}" for name, text in sorted(members)]) + "}"


@scalar("TO_JSON_STRING", T, returns=STRING, typed=True, nulls="pass", names=("val",), category="JSON",
        spelling="to_json_string", example=("TO_JSON_STRING(ARRAY[1, 2])", "[1,2]"))  # fmt: skip
def to_json_string(kinds: Sequence[Any]) -> Writer:
    """Any value as JSON text."""
    return writer(kinds[0])
