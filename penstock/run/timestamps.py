"""The event time of a row: read from the column that WITH (TIMESTAMP=...) names.

In:  a key and a row. Out: milliseconds since 1970; ValueError in words for what is no time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.functions.registry import find_scalar
from penstock.language.catalog import Source
from penstock.language.scope import payload_columns
from penstock.types import STRING

TimeOf = Callable[[Any, Any], int]


def time_reader(source: Source) -> TimeOf | None:
    """None when the record's own timestamp counts."""
    if source.timestamp is None:
        return None
    name = source.timestamp.name
    column = source.schema.find(name)
    assert column is not None, name
    read = _column_reader(source, name)
    to_ms = _parser(source.timestamp.format) if column.type == STRING else _as_given

    def time_of(key: Any, row: Any) -> int:
        value = read(key, row)
        if value is None:
            raise ValueError(f"Timestamp column `{name}` is NULL")
        try:
            time = to_ms(value)
        except Exception as error:
            raise ValueError(f"Timestamp column `{name}` holds no time: {error}") from error
        if time < 0:
            raise ValueError(f"Timestamp column `{name}` holds {time}, a time before 1970-01-01")
        return time

    return time_of


def _as_given(value: Any) -> int:
    return value


def _column_reader(source: Source, name: str) -> Callable[[Any, Any], Any]:
    for position, column in enumerate(payload_columns(source)):
        if column.name == name:
            attribute = f"c{position}"
            return lambda key, row: getattr(row, attribute)
    position = [column.name for column in source.schema.key].index(name)
    if len(source.schema.key) == 1:
        return lambda key, row: key
    return lambda key, row: key[position]


def _parser(pattern: str | None) -> Callable[[Any], int]:
    function = find_scalar("PARSE_TIMESTAMP")
    assert function is not None and pattern is not None
    bound = function.bind([STRING, STRING])
    call = (bound.specialize and bound.specialize({1: pattern})) or bound.call
    return lambda text: call(text, pattern)
