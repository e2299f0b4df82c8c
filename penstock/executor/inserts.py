"""INSERT INTO ... VALUES, and the rows of /inserts-stream: values become one record.

In:  expressions without columns, or values of a JSON row; the target source.
Out: the record to append, encoded as the source's formats say; or StatementError in ksqlDB's words.

A value is widened to its column where nothing is lost: INT -> BIGINT -> DECIMAL -> DOUBLE, text to times and
bytes. Nothing is narrowed, and text is never read as a number.
"""

from __future__ import annotations

import decimal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.errors import Position, StatementError, UnknownName
from penstock.executor.naming import is_hidden
from penstock.executor.words import PREPARING, failures_show
from penstock.executor.world import AppendRecord, Decision, Task
from penstock.formats.formats import key_codec, value_codec
from penstock.formats.registry import Registry, Subject
from penstock.language import ast
from penstock.language.catalog import TABLE, Catalog, Source
from penstock.language.expressions import Literal, Typed
from penstock.language.printer import masked
from penstock.language.resolve import resolve
from penstock.language.scope import payload_columns
from penstock.language.trees import walk
from penstock.run.cast import cast_function
from penstock.run.evaluate import compile_each, describe
from penstock.topics.base import Outgoing
from penstock.types import (
    BIGINT,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Column,
    Decimal,
    Map,
    Primitive,
    SqlType,
    Struct,
    row_class,
    struct_value,
    struct_values,
)

ROWTIME = Column("ROWTIME", BIGINT)
WIDER: dict[SqlType, tuple[SqlType, ...]] = {
    INTEGER: (BIGINT, DOUBLE),
    BIGINT: (DOUBLE,),
    STRING: (TIME, DATE, TIMESTAMP, BYTES),
}


@dataclass(frozen=True, slots=True)
class Given:
    """A value with its SQL type; `type` None is a bare NULL."""

    type: SqlType | None
    value: Any


def insert_values(task: Task) -> Decision:
    node: ast.InsertValues = task.node
    text = masked(node) or task.text
    with failures_show(text):
        if task.config.get("ksql.insert.into.values.enabled") == "false":
            raise StatementError(
                "The server has disabled INSERT INTO ... VALUES functionality. To enable it, restart "
                "your ksqlDB "
                "server with 'ksql.insert.into.values.enabled'=true"
            )
        _check_no_columns(node.values)
        source = target_of(task.catalog, node.target)
        columns = _columns(source, node.columns)
        with failures_show(text, f"Failed to insert values into '{node.target}'. "):
            record = record_of(source, columns, node.values, task.now_ms, task.config.registry)
    return Decision(task.world, effects=(AppendRecord(record),))


def _check_no_columns(values: Sequence[ast.Expression]) -> None:
    for value in values:
        bound = {name for node in walk(value) if isinstance(node, ast.Lambda) for name in node.parameters}
        for node in walk(value):
            if isinstance(node, ast.Name) and (node.qualifier is not None or node.name not in bound):
                shown = node.qualifier or node.name
                raise StatementError(
                    f"{PREPARING}'{shown}' is not a valid stream/table name or alias.", node.at
                )


def target_of(catalog: Catalog, name: str) -> Source:
    """The source rows may be inserted into."""
    source = catalog.sources.get(name)
    if source is None:
        folded = next((known for known in catalog.sources if known.upper() == name.upper()), None)
        message = f"Cannot insert values into an unknown stream/table: `{name}`"
        if folded is not None:
            hint = "Hint: try removing double quotes from the source name."
            raise StatementError(f"{message}\nDid you mean {folded}? {hint}")
        raise UnknownName(message, name, catalog.sources)
    if source.window is not None:
        raise StatementError("Cannot insert values into windowed stream/table!")
    if is_hidden(source.topic):
        raise StatementError(f"Cannot insert values into read-only topic: {source.topic}")
    if source.read_only:
        raise StatementError(f"Cannot insert values into read-only {source.kind.lower()}: {name}")
    return source


def _columns(source: Source, names: Sequence[str]) -> list[Column]:
    headers = [name for name, _ in source.headers]
    hit = [name for name in names if name in headers] if names else headers
    if hit:
        raise StatementError(f"Cannot insert into HEADER columns: {', '.join(hit)}")
    if not names:
        return list(source.schema.columns)
    return [_column(source, name) for name in names]


def _column(source: Source, name: str) -> Column:
    if name == ROWTIME.name:
        return ROWTIME
    if name in ("ROWPARTITION", "ROWOFFSET"):
        raise StatementError(f"Inserting into column `{name}` is not allowed.")
    column = source.schema.find(name)
    if column is None:
        known = [each.name for each in source.schema.columns]
        start = f"Failed to insert values into '{source.name}'. "
        raise UnknownName(f"{start}Column name `{name}` does not exist.", name, known)
    return column


def record_of(
    source: Source,
    columns: Sequence[Column],
    expressions: Sequence[ast.Expression],
    now_ms: int,
    registry: Registry | None = None,
) -> Outgoing:
    if len(columns) != len(expressions):
        listed = ", ".join(f"`{column.name}`" for column in columns)
        raise StatementError(
            f"Expected a value for each column. Expected Columns: [{listed}]. Got {len(expressions)} values."
        )
    given = {
        column.name: coerced(_evaluated(expression), column)
        for column, expression in zip(columns, expressions, strict=True)
    }
    return encoded(source, given, now_ms, registry)


def _evaluated(expression: ast.Expression) -> Given:
    if isinstance(expression, ast.Null):
        return Given(None, None)
    typed = resolve(expression, NoColumns(), "VALUES")
    if isinstance(typed, Literal):
        return Given(typed.type if typed.value is not None else None, typed.value)
    try:
        return Given(typed.type, compile_each([typed], [])[0]())
    except Exception as problem:
        raise StatementError(f"Failed to evaluate a value: {describe(problem)}", expression.at) from problem


class NoColumns:
    """The scope of VALUES: it has no columns."""

    def column(self, name: str, qualifier: str | None, at: Position) -> Typed:
        raise StatementError(f"'{name}' can't stand here: VALUES takes no columns.", at)


# --- coercion ----------------------------------------------------------------------------------------


def coerced(given: Given, column: Column) -> Any:
    if given.type is None or given.value is None:
        return None
    try:
        return _widened(given.value, given.type, column.type)
    except (ValueError, TypeError, ArithmeticError) as problem:
        raise StatementError(
            f"Expected type {column.type} for field `{column.name}` but got "
            f"{given.type}({_shown(given.value)})"
        ) from problem


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _widened(value: Any, kind: SqlType, target: SqlType) -> Any:
    """The value in the target's type; raises ValueError where it can't be without loss."""
    if value is None or kind == target:
        return value
    match kind, target:
        case Array(item), Array(wanted):
            return [_widened(each, item, wanted) for each in value]
        case Map(key, held), Map(wanted_key, wanted):
            return {
                _widened(name, key, wanted_key): _widened(each, held, wanted) for name, each in value.items()
            }
        case Struct(), Struct():
            return _widened_struct(value, kind, target)
        case Decimal(), Primitive("DOUBLE"):
            return float(value)
        case Decimal(), Decimal():
            return _exact(value, target)
        case _ if kind in (INTEGER, BIGINT) and isinstance(target, Decimal):
            return _exact(decimal.Decimal(value), target)
        case _ if target in WIDER.get(kind, ()):
            return cast_function(kind, target)(value)
    raise ValueError


def _widened_struct(value: Any, kind: Struct, target: Struct) -> Any:
    held = {
        name: (field, each) for (name, field), each in zip(kind.fields, struct_values(value), strict=True)
    }
    if held.keys() - dict(target.fields).keys():
        raise ValueError
    return struct_value(
        target,
        [
            _widened(held[name][1], held[name][0], field) if name in held else None
            for name, field in target.fields
        ],
    )


def _exact(value: decimal.Decimal, target: Decimal) -> decimal.Decimal:
    room = decimal.Context(prec=max(target.precision, 1), traps=[decimal.Inexact, decimal.InvalidOperation])
    return value.quantize(decimal.Decimal(1).scaleb(-target.scale), context=room)


# --- the record ---------------------------------------------------------------------------------------


def encoded(
    source: Source, given: Mapping[str, Any], now_ms: int, registry: Registry | None = None
) -> Outgoing:
    """The record of a row; `given` holds typed values by column name, ROWTIME among them."""
    keys = [given.get(column.name) for column in source.schema.key]
    if source.kind == TABLE and any(key is None for key in keys):
        missing = ", ".join(
            column.name for column, key in zip(source.schema.key, keys, strict=True) if key is None
        )
        raise StatementError(f"Value for primary key column(s) {missing} is required for tables")
    payload = payload_columns(source)
    row = row_class(payload)(*(given.get(column.name) for column in payload))
    timestamp = given.get(ROWTIME.name)
    if timestamp is not None and timestamp < 0:
        raise StatementError("ROWTIME can't be below 0.")
    return Outgoing(
        source.topic,
        [_key(source, keys, registry)],
        [_value(source, payload, row, registry)],
        [now_ms if timestamp is None else timestamp],
    )


def _key(source: Source, keys: Sequence[Any], registry: Registry | None) -> bytes | None:
    if all(key is None for key in keys):
        return None
    inner = keys[0] if len(keys) == 1 else tuple(keys)
    subject = Subject.of(registry, source.topic, is_key=True)
    payloads, failures = key_codec(source.key_format, source.schema.key, subject=subject).encode([inner])
    if failures:
        raise StatementError(f"Could not serialize key: {failures[0]}")
    return payloads[0]


def _value(
    source: Source, payload: tuple[Column, ...], row: msgspec.Struct, registry: Registry | None
) -> bytes | None:
    subject = Subject.of(registry, source.topic, is_key=False)
    codec = value_codec(source.value_format, payload, unwrapped=source.unwrapped_value, subject=subject)
    payloads, failures = codec.encode([row])
    if failures:
        raise StatementError(f"Could not serialize value: {failures[0]}")
    return payloads[0]
