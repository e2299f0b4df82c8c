"""Record keys to columns: what ksqlDB writes as the key of a table's record.

In:  key bytes. Out: the values of the key columns, and of the window columns for a windowed table.

    KAFKA   one column: text as UTF-8, INT and BIGINT and DOUBLE big-endian
    JSON    one column: the JSON value itself; several: an object
    window  TIME     inner key + start (8 bytes, big-endian, milliseconds)
            SESSION  inner key + end + start, as Kafka Streams' SessionKeySchema lays them out
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connect.converters import read_json, read_string
from connect.delta import exact
from penstock.errors import RecordError, SettingError
from penstock.types import BIGINT, DOUBLE, INTEGER, STRING, Column, SqlType

INSTANT = struct.Struct(">q")
SPAN = struct.Struct(">qq")


def _packed(layout: str) -> Callable[[bytes], Any]:
    packer = struct.Struct(layout)

    def read(data: bytes) -> Any:
        if len(data) != packer.size:
            raise RecordError(f"The key has {len(data)} bytes where its column has {packer.size}.")
        return packer.unpack(data)[0]

    return read


KAFKA: Mapping[SqlType, Callable[[bytes], Any]] = {
    STRING: read_string,
    INTEGER: _packed(">i"),
    BIGINT: _packed(">q"),
    DOUBLE: _packed(">d"),
}


@dataclass(frozen=True, slots=True)
class KeyReader:
    """`columns` are the key's own columns; `start` and `end` those of the window, TIMESTAMP or BIGINT."""

    columns: tuple[Column, ...]
    format: str
    window: str
    start: Column | None = None
    end: Column | None = None

    def __post_init__(self) -> None:
        if self.format == "KAFKA" and (len(self.columns) != 1 or self.columns[0].type not in KAFKA):
            raise SettingError(
                "delta.key.format=KAFKA reads a key of one column that is STRING, INT, BIGINT or DOUBLE. "
                "Name one such column in delta.key.columns, or set delta.key.format=JSON."
            )

    @property
    def all(self) -> tuple[Column, ...]:
        """The key's own columns and those of the window."""
        return self.columns + tuple(column for column in (self.start, self.end) if column is not None)

    def read(self, key: bytes | None) -> tuple[Any, ...]:
        """The values of `all`, as exact.py makes them. Raises RecordError or ValueError."""
        if key is None:
            raise RecordError("The record has no key, and delta.key.from=record_key finds the row by it.")
        inner, start, end = split(self.window, key)
        bounds = ((self.start, start), (self.end, end))
        return (*self._inner(inner), *(_cast(column, at) for column, at in bounds if column is not None))

    def _inner(self, data: bytes) -> Sequence[Any]:
        if self.format == "KAFKA":
            column = self.columns[0]
            return (KAFKA[column.type](data),)
        value = read_json(data)
        if len(self.columns) == 1 and not isinstance(value, dict):
            return (_cast(self.columns[0], value),)
        if not isinstance(value, dict):
            names = ", ".join(column.name for column in self.columns)
            raise RecordError(f"The key is not an object with the fields {names}.")
        fields = {name.lower(): inner for name, inner in value.items()}
        return [_cast(column, fields.get(column.name.lower())) for column in self.columns]


def _cast(column: Column, value: Any) -> Any:
    if value is None:
        raise RecordError(f"Key column {column.name} is null.")
    return exact.cast(column.type)(value)


def split(window: str, key: bytes) -> tuple[bytes, int, int | None]:
    """The inner key, window start and, for sessions, window end."""
    if window == "none":
        return key, 0, None
    layout = INSTANT if window == "time" else SPAN
    if len(key) < layout.size:
        raise RecordError(f"The key has {len(key)} bytes, too few for a {window} window.")
    inner, tail = key[: -layout.size], key[-layout.size :]
    if window == "time":
        return inner, INSTANT.unpack(tail)[0], None
    end, start = SPAN.unpack(tail)
    return inner, start, end
