"""Files of expressions over one row, with their type and value, or with the message that refuses them.

In:  the file's table, its row and its expressions. Out: a Result for each.

The row is read by the product's own JSON; an expression is compiled as for a pull query. Doubles are held to
14 digits: Java's StrictMath rounds the last one otherwise.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal as Number
from functools import lru_cache
from pathlib import Path
from typing import Any

from penstock.cases.model import FAILED, PASSED, Result
from penstock.cases.payloads import encode_json
from penstock.errors import Position, StatementError, UnknownName
from penstock.formats.json_codec import JsonRows
from penstock.functions.iso_times import text_from_date, text_from_time, text_from_timestamp
from penstock.language import ast
from penstock.language.expressions import ColumnRef, Typed
from penstock.language.parser import parse_expression, parse_statement
from penstock.language.resolve import resolve
from penstock.run.evaluate import compile_each
from penstock.types import (
    BIGINT,
    BYTES,
    DATE,
    TIME,
    TIMESTAMP,
    Array,
    Column,
    Decimal,
    Map,
    SqlType,
    Struct,
)

DIGITS = 1e-14


@dataclass(frozen=True, slots=True)
class ExpressionCase:
    """`table` is its CREATE statement, `row` the key and the value as JSON."""

    file: str
    table: str
    row: bytes
    timestamp: int
    expression: str
    type: str | None
    value: Any
    error: str | None

    @property
    def title(self) -> str:
        return f"{Path(self.file).stem}: {self.expression}"


def read_expressions(path: Path, content: Mapping[str, Any]) -> list[ExpressionCase]:
    table, stated = content["table"], content["row"]
    key = _columns(table)[0].name
    row = encode_json({key: stated["key"], **stated["value"]})
    return [
        ExpressionCase(
            str(path),
            table,
            row,
            stated.get("timestamp", 0),
            each["expression"],
            each.get("type"),
            each.get("value"),
            each.get("error"),
        )
        for each in content["expressions"]
    ]


@lru_cache(maxsize=8)
def _columns(table: str) -> tuple[Column, ...]:
    node = parse_statement(table if "WITH" in table.upper() else f"{table} WITH (kafka_topic='one');")
    assert isinstance(node, ast.CreateSource)
    return tuple(Column(element.name, element.type) for element in node.elements)


@lru_cache(maxsize=8)
def _row(table: str, payload: bytes) -> Any:
    decoded = JsonRows(_columns(table)).decode([payload])
    assert not decoded.failures, decoded.failures
    return decoded.values[0]


@dataclass(frozen=True, slots=True)
class OneRow:
    """The scope of the row: every column by its place."""

    columns: Sequence[Column]

    def column(self, name: str, qualifier: str | None, at: Position) -> Typed:
        if name == "ROWTIME":
            return ColumnRef(BIGINT, "ts0", nullable=False)
        for position, column in enumerate(self.columns):
            if column.name == name:
                return ColumnRef(column.type, f"r0.c{position}")
        known = [column.name for column in self.columns]
        place = f"Line: {at.line}, Col: {at.column}: "
        raise UnknownName(f"{place}SELECT column '{name}' cannot be resolved.", name, known, at)

    def has_column(self, name: str) -> bool:
        return any(column.name == name for column in self.columns)


def run_expression(case: ExpressionCase) -> Result:
    try:
        typed = resolve(parse_expression(case.expression), OneRow(_columns(case.table)), interpreted=True)
    except StatementError as refused:
        if case.error is not None:
            return Result(case.title, PASSED)
        return Result(case.title, FAILED, f"refused: {refused.message}")
    if case.error is not None:
        return Result(case.title, FAILED, f"no error, expected:\n  - {case.error}")
    found = (str(typed.type), shown(_value(case, typed), typed.type))
    if found[0] == case.type and same(found[1], case.value):
        return Result(case.title, PASSED)
    return Result(case.title, FAILED, f"  - {case.type} {case.value}\n  + {found[0]} {found[1]}")


def _value(case: ExpressionCase, typed: Typed) -> Any:
    """NULL where the evaluation fails, as a query has it."""
    try:
        return compile_each([typed], ["r0", "ts0"])[0](_row(case.table, case.row), case.timestamp)
    except Exception:
        return None


def shown(value: Any, kind: SqlType | None) -> Any:
    """A value as the file holds it: times as ISO text, BYTES as base64."""
    if value is None or kind is None:
        return value
    match kind:
        case Array(item):
            return [shown(each, item) for each in value]
        case Map(_, item):
            return {key: shown(each, item) for key, each in value.items()}
        case Struct(fields):
            pairs = enumerate(fields)
            return {name: shown(getattr(value, f"c{at}"), field) for at, (name, field) in pairs}
        case Decimal():
            return value
    return SHOWN[kind](value) if kind in SHOWN else value


SHOWN: dict[SqlType, Callable[[Any], Any]] = {
    DATE: text_from_date,
    TIME: text_from_time,
    TIMESTAMP: text_from_timestamp,
    BYTES: lambda value: base64.b64encode(value).decode(),
}
SPECIAL = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping) and wanted.keys() == {"$number"}:
        wanted = Number(wanted["$number"])
    if isinstance(found, float) and isinstance(wanted, str):
        return SPECIAL.get(str(found)) == wanted
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, int | float | Number) and isinstance(wanted, int | float | Number):
        return math.isclose(float(found), float(wanted), rel_tol=DIGITS)
    if isinstance(found, str) and isinstance(wanted, str):
        return found == wanted or shorter_time(found) == shorter_time(wanted)
    if isinstance(found, list | tuple) and isinstance(wanted, list | tuple):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        return found.keys() == wanted.keys() and all(same(found[key], wanted[key]) for key in found)
    return bool(found == wanted)


def shorter_time(text: str) -> str:
    """A server's answers leave milliseconds and a zero second of TIME away."""
    if len(text) in (8, 12) and text[2:3] == text[5:6] == ":":
        return text[:8].removesuffix(":00")
    return text
