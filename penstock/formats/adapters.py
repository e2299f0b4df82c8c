"""Codecs made of codecs: rows of bare values or cells, keys of rows or cells, windowed keys, no keys.

In:  a codec of bare values (JsonScalars, KafkaScalars), of cells (DelimitedCells) or of rows (JsonRows).
Out: the ValueCodec and KeyCodec that codec.py promises.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from penstock import types
from penstock.formats.codec import Decoded, KeyCodec, ValueCodec

Encoded = tuple[list[bytes | None], Mapping[int, str]]

LONG = struct.Struct(">q")
TWO_LONGS = struct.Struct(">qq")


class Cells(Protocol):
    def decode(self, payloads: Sequence[bytes | None]) -> Decoded: ...

    def encode(self, rows: Sequence[Sequence[Any] | None]) -> Encoded: ...


class RowsOfScalars:
    """Values of a single unwrapped column. `null_text` is how a row with a NULL column is written."""

    def __init__(self, scalars: KeyCodec, column: types.Column, null_text: bytes | None) -> None:
        self._scalars = scalars
        self._class = types.row_class((column,))
        self._null_text = null_text

    def decode(self, payloads: Sequence[bytes | None]) -> Decoded:
        decoded = self._scalars.decode(payloads)
        decoded.values = [
            None if payload is None or position in decoded.failures else self._class(value)
            for position, (payload, value) in enumerate(zip(payloads, decoded.values, strict=True))
        ]
        return decoded

    def encode(self, rows: Sequence[msgspec.Struct | None]) -> Encoded:
        payloads, failures = self._scalars.encode([None if row is None else row.c0 for row in rows])  # type: ignore[attr-defined]
        for position, row in enumerate(rows):
            if row is not None and payloads[position] is None and position not in failures:
                payloads[position] = self._null_text
        return payloads, failures


class RowsOfCells:
    def __init__(self, cells: Cells, columns: Sequence[types.Column]) -> None:
        self._cells = cells
        self._class = types.row_class(tuple(columns))

    def decode(self, payloads: Sequence[bytes | None]) -> Decoded:
        decoded = self._cells.decode(payloads)
        decoded.values = [None if cells is None else self._class(*cells) for cells in decoded.values]
        return decoded

    def encode(self, rows: Sequence[msgspec.Struct | None]) -> Encoded:
        attributes = self._class.__struct_fields__
        return self._cells.encode(
            [None if row is None else [getattr(row, name) for name in attributes] for row in rows]
        )


class KeysOfCells:
    """The value itself for one key column, a tuple for several. A NULL in the only column is a null key."""

    def __init__(self, cells: Cells, single: bool) -> None:
        self._cells = cells
        self._single = single

    def decode(self, payloads: Sequence[bytes | None]) -> Decoded:
        decoded = self._cells.decode(payloads)
        decoded.values = [None if cells is None else self._key(cells) for cells in decoded.values]
        return decoded

    def _key(self, cells: Sequence[Any]) -> Any:
        return cells[0] if self._single else tuple(cells)

    def encode(self, keys: Sequence[Any]) -> Encoded:
        if self._single:
            return self._cells.encode([None if key is None else (key,) for key in keys])
        return self._cells.encode(keys)


class KeysOfRows:
    """Keys in a format of objects: of several columns, or of one that is always wrapped."""

    def __init__(self, rows: ValueCodec, columns: Sequence[types.Column]) -> None:
        self._rows = rows
        self._class = types.row_class(tuple(columns))
        self._single = len(columns) == 1

    def decode(self, payloads: Sequence[bytes | None]) -> Decoded:
        decoded = self._rows.decode(payloads)
        if self._single:
            decoded.values = [None if row is None else row.c0 for row in decoded.values]
            return decoded
        names = self._class.__struct_fields__
        decoded.values = [
            None if row is None else tuple([getattr(row, name) for name in names]) for row in decoded.values
        ]
        return decoded

    def encode(self, keys: Sequence[Any]) -> Encoded:
        if self._single:
            return self._rows.encode([None if key is None else self._class(key) for key in keys])
        return self._rows.encode([None if key is None else self._class(*key) for key in keys])


class NoKeys:
    """The NONE format: key bytes are not looked at, and none are written."""

    def decode(self, payloads: Sequence[bytes | None]) -> Decoded:
        return Decoded([None] * len(payloads), {})

    def encode(self, keys: Sequence[Any]) -> Encoded:
        return [None] * len(keys), {}


class NoColumns:
    """Values without columns: any payload is an empty row."""

    def __init__(self) -> None:
        self._class = types.row_class(())

    def decode(self, payloads: Sequence[bytes | None]) -> Decoded:
        return Decoded([None if payload is None else self._class() for payload in payloads], {})

    def encode(self, rows: Sequence[msgspec.Struct | None]) -> Encoded:
        return [None] * len(rows), {}


class WindowedKeys:
    """Keys as (key, window start, window end).

    time window     inner key bytes | start             the end is start + size
    session window  inner key bytes | end | start
    """

    def __init__(self, inner: KeyCodec, size_ms: int | None) -> None:
        self._inner = inner
        self._size_ms = size_ms
        self._suffix = 16 if size_ms is None else 8

    def decode(self, payloads: Sequence[bytes | None]) -> Decoded:
        suffix = self._suffix
        cut = [
            None if payload is None or len(payload) < suffix else payload[:-suffix] for payload in payloads
        ]
        decoded = self._inner.decode(cut)
        failures = dict(decoded.failures)
        values: list[Any] = []
        for position, (payload, key) in enumerate(zip(payloads, decoded.values, strict=True)):
            if payload is not None and len(payload) < suffix:
                failures[position] = f"A windowed key has at least {suffix} bytes, this one {len(payload)}."
            readable = payload is not None and position not in failures
            values.append((key, *self._bounds(payload or b"")) if readable else None)
        return Decoded(values, failures)

    def _bounds(self, payload: bytes) -> tuple[int, int]:
        if self._size_ms is None:
            end, start = TWO_LONGS.unpack(payload[-16:])
            return start, end
        (start,) = LONG.unpack(payload[-8:])
        return start, start + self._size_ms

    def encode(self, keys: Sequence[Any]) -> Encoded:
        payloads, failures = self._inner.encode([None if key is None else key[0] for key in keys])
        for position, (payload, key) in enumerate(zip(payloads, keys, strict=True)):
            if payload is not None:
                window = LONG.pack(key[1]) if self._size_ms is not None else TWO_LONGS.pack(key[2], key[1])
                payloads[position] = payload + window
        return payloads, failures
