"""JSON payloads to Arrow columns, without changing a value.

In:  payloads (bytes, none of them null) and the columns of the table.
Out: an Arrow table in the types of the lake, the place of each of its rows, and the reason of each refusal.

    payloads --all at once, Arrow's reader--> table                      several 100,000 rows a second
        `- it stumbles --per 1,000--> table
                            `- it stumbles --row by row, exact.py--> table + refusals

The fast way may accept only what the slow way accepts, with the same values. Arrow's reader was tried with
every trick we know; it refuses fractions, overflow, text for numbers, numbers for text and double names.
What it lets pass is checked here: several objects on one line, none on another, bytes that are no UTF-8, a
double rounded to infinity. A `null` where a row should begin ends its process, so a line must begin with {.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from connect.converters import Converter
from connect.delta import exact
from connect.delta.columns import arrow_schema, arrow_type
from penstock.errors import PenstockError, RecordError
from penstock.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIMESTAMP,
    Array,
    Column,
    Decimal,
    SqlType,
)

Unknown = Literal["error", "ignore"]

SLICE_ROWS = 1000
BLOCK_BYTES = 1 << 20
BLOCK_BYTES_MAX = 1 << 30
THREADS_FROM_BYTES = 8 << 20


class NotPlain(Exception):
    """The fast way can't read these payloads; the slow way decides."""


def finite(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pc.all(pc.is_finite(column)).as_py() is False:
        raise NotPlain("not finite")
    return column


def within(column: pa.ChunkedArray, bounds: tuple[int, int]) -> pa.ChunkedArray:
    found = pc.min_max(column).as_py()
    if found["min"] is not None and (found["min"] < bounds[0] or found["max"] > bounds[1]):
        raise NotPlain("outside of the years 1 to 9999")
    return column


def millis(column: pa.ChunkedArray) -> pa.ChunkedArray:
    within(column, exact.MILLIS)
    return pc.multiply_checked(column, 1000).cast(pa.timestamp("us", tz="UTC"))


def days(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return within(column, exact.DAYS).cast(pa.date32())


def raw(column: pa.ChunkedArray) -> pa.Array:
    values = column.to_pylist()
    return pa.array([None if text is None else base64.b64decode(text, validate=True) for text in values])


def as_it_is(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column


Finish = Callable[[pa.ChunkedArray], Any]
PLAIN: Mapping[SqlType, tuple[pa.DataType, Finish]] = {
    BOOLEAN: (pa.bool_(), as_it_is),
    INTEGER: (pa.int32(), as_it_is),
    BIGINT: (pa.int64(), as_it_is),
    DOUBLE: (pa.float64(), finite),
    STRING: (pa.string(), as_it_is),
    BYTES: (pa.string(), raw),
    DATE: (pa.int32(), days),
    TIMESTAMP: (pa.int64(), millis),
}
"""What Arrow's reader is asked for, and what makes the column of it. Types not here go the slow way."""


def plain(kind: SqlType) -> tuple[pa.DataType, Finish] | None:
    if isinstance(kind, Decimal):
        return arrow_type(kind), as_it_is
    if isinstance(kind, Array) and kind.item in (BOOLEAN, INTEGER, BIGINT, STRING):
        return arrow_type(kind), as_it_is
    return PLAIN.get(kind)


@dataclass(frozen=True, slots=True)
class Cast:
    """`places[i]` is the place of row i among the payloads; `refusals` are the other places."""

    table: pa.Table
    places: Sequence[int]
    refusals: Sequence[tuple[int, str]]


class Caster:
    """Reads payloads into these columns. Learns how their names are spelled in the topic."""

    def __init__(self, columns: Sequence[Column], converter: Converter, unknown: Unknown) -> None:
        self._columns, self._converter, self._unknown = tuple(columns), converter, unknown
        self._schema = arrow_schema(columns)
        self._casts = {
            column.name.lower(): (at, column.name, exact.cast(column.type))
            for at, column in enumerate(columns)
        }
        self._spelling = {column.name.lower(): column.name.upper() for column in columns}
        kinds = [plain(column.type) for column in columns]
        self._plain = [kind for kind in kinds if kind is not None]
        self._fast = converter.plain_json and len(self._plain) == len(self._columns) > 0

    def read(self, payloads: Sequence[bytes]) -> Cast:
        if not payloads:
            return Cast(self._schema.empty_table(), (), ())
        if not self._fast:
            return self._exact(payloads, 0)
        try:
            return self._quick(payloads, 0)
        except NotPlain:
            self._learn(payloads[0])
        parts = [
            self._slice(payloads[at : at + SLICE_ROWS], at) for at in range(0, len(payloads), SLICE_ROWS)
        ]
        return joined(parts)

    def _slice(self, payloads: Sequence[bytes], start: int) -> Cast:
        try:
            return self._quick(payloads, start)
        except NotPlain:
            return self._exact(payloads, start)

    # The fast way.

    def _quick(self, payloads: Sequence[bytes], start: int) -> Cast:
        found = self._read_json(payloads)
        columns = []
        for column, (_, finish) in zip(self._columns, self._plain, strict=True):
            try:
                columns.append(finish(found.column(self._spelling[column.name.lower()])))
            except (pa.ArrowException, ValueError) as error:
                raise NotPlain(str(error)) from error
        table = pa.Table.from_arrays(columns, schema=self._schema)
        return Cast(table, range(start, start + len(payloads)), ())

    def _read_json(self, payloads: Sequence[bytes]) -> pa.Table:
        lines = b"\n".join(payloads)
        if not one_a_line(lines, len(payloads)):
            raise NotPlain("not one object on each line")
        names = (self._spelling[column.name.lower()] for column in self._columns)
        schema = pa.schema([(name, kind) for name, (kind, _) in zip(names, self._plain, strict=True)])
        unknown = "error" if self._unknown == "error" else "infer"
        try:
            found = pj.read_json(
                pa.BufferReader(lines),
                read_options=reading(len(lines), max(map(len, payloads))),
                parse_options=pj.ParseOptions(
                    explicit_schema=schema, newlines_in_values=False, unexpected_field_behavior=unknown
                ),
            )
            found.validate(full=True)  # text that is no UTF-8, in a value or a name
        except (pa.ArrowException, ValueError) as error:
            raise NotPlain(str(error)) from error
        if found.num_rows != len(payloads) or self._misspelt(found.column_names):
            raise NotPlain("not one object on each line, or a name spelled in several ways")
        return found

    def _misspelt(self, names: Sequence[str]) -> bool:
        """Whether a field that would be ignored is one of the columns in other letters."""
        spelled = set(self._spelling.values())
        return any(name not in spelled and name.lower() in self._casts for name in names)

    def _learn(self, payload: bytes) -> None:
        try:
            row = self._converter.read(payload)
        except RecordError:
            return
        if isinstance(row, dict):
            self._spell(row)

    def _spell(self, names: Iterable[str]) -> None:
        for name in names:
            if name.lower() in self._spelling:
                self._spelling[name.lower()] = name

    # The slow way.

    def _exact(self, payloads: Sequence[bytes], start: int) -> Cast:
        rows: list[list[Any]] = []
        places: list[int] = []
        refusals: list[tuple[int, str]] = []
        for place, payload in enumerate(payloads, start):
            try:
                rows.append(self._row(self._converter.read(payload)))
                places.append(place)
            except (PenstockError, ValueError) as error:
                refusals.append((place, str(error)))
        return Cast(self._table(rows), places, refusals)

    def _row(self, fields: Any) -> list[Any]:
        if not isinstance(fields, dict):
            raise ValueError(f"The value is not an object with fields: {str(fields)[:100]}")
        row: list[Any] = [None] * len(self._columns)
        seen: dict[int, str] = {}
        for name, value in fields.items():
            known = self._casts.get(name.lower())
            if known is None:
                if self._unknown == "error":
                    raise ValueError(unknown_field(name))
                continue
            at, column, cast = known
            if at in seen:
                raise ValueError(f"The fields {seen[at]} and {name} are both column {column}.")
            seen[at] = name
            row[at] = None if value is None else self._value(column, cast, value)
        self._spell(seen.values())
        return row

    @staticmethod
    def _value(column: str, cast: exact.Cast, value: Any) -> Any:
        try:
            return cast(value)
        except ValueError as error:
            raise ValueError(f"Column {column}: {error}.") from error

    def _table(self, rows: Sequence[Sequence[Any]]) -> pa.Table:
        columns = [
            pa.array([row[at] for row in rows], type=field.type) for at, field in enumerate(self._schema)
        ]
        return pa.Table.from_arrays(columns, schema=self._schema)


def one_a_line(lines: bytes, count: int) -> bool:
    """Whether no object can span two payloads; then as many rows as payloads means one row for each.

    A line that ends with } can't go on in a line that starts with {, which would need a comma between.
    """
    return (
        lines.startswith(b"{")
        and lines.endswith(b"}")
        and lines.count(b"}\n{") == count - 1
        and lines.count(b"\n") == count - 1
    )


def unknown_field(name: str) -> str:
    return (
        f"Field {name} has no column in the table. Add it to delta.columns, or set "
        "delta.unknown.fields=ignore to leave such fields out."
    )


def reading(size: int, longest: int) -> pj.ReadOptions:
    """One block must hold the longest line; threads pay off for large inputs only."""
    block = min(max(BLOCK_BYTES, 2 * longest), BLOCK_BYTES_MAX)
    return pj.ReadOptions(use_threads=size >= THREADS_FROM_BYTES, block_size=block)


def joined(parts: Sequence[Cast]) -> Cast:
    return Cast(
        pa.concat_tables([part.table for part in parts]),
        [place for part in parts for place in part.places],
        [refusal for part in parts for refusal in part.refusals],
    )
