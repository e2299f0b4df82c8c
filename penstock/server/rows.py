"""Rows in the three spellings clients ask for, and values as JSON has them.

In:  columns and rows of a query. Out: pieces of the response's body.

    delimited   {"queryId":..,"columnNames":[..],"columnTypes":[..]}\\n  [1,"a"]\\n
    json        [{"queryId":..}  ,\\n[1,"a"]  ]
    v1+json     [{"header":{..}} ,\\n{"row":{"columns":[1,"a"]}} ,\\n{"finalMessage":".."}  ]

Times are ISO text, BYTES base64, DECIMAL a number, STRUCT an object.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from penstock.executor.select import OutputColumn, header_schema
from penstock.server.answers import DELIMITED, ENCODER, JSON, V1_JSON
from penstock.types import DATE, TIME, TIMESTAMP, Array, Map, SqlType, Struct, struct_values

EPOCH = date(1970, 1, 1)
MIDNIGHT = datetime(1970, 1, 1, tzinfo=UTC)
Convert = Callable[[Any], Any]


# --- values ------------------------------------------------------------------------------------------


def converter(kind: SqlType) -> Convert | None:
    """What makes a value of the type ready for JSON; None when it is already."""
    match kind:
        case Array(item):
            inner = converter(item)
            return inner and (lambda items: [None if each is None else inner(each) for each in items])
        case Map(_, value):
            held = converter(value)
            return held and (
                lambda entries: {key: None if each is None else held(each) for key, each in entries.items()}
            )
        case Struct(fields):
            return _struct(fields)
    return TEXTS.get(kind)


def _struct(fields: Sequence[tuple[str, SqlType]]) -> Convert | None:
    parts = [(name, converter(field)) for name, field in fields]
    if not any(part for _, part in parts):
        return None

    def convert(value: Any) -> dict[str, Any]:
        return {
            name: part(each) if part is not None and each is not None else each
            for (name, part), each in zip(parts, struct_values(value), strict=True)
        }

    return convert


def time_text(ms: int) -> str:
    """10:11:12, with milliseconds only where there are any."""
    seconds, rest = divmod(ms, 1000)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
    if seconds % 60 or rest:
        text += f":{seconds % 60:02d}"
    return f"{text}.{rest:03d}" if rest else text


def date_text(days: int) -> str:
    return (EPOCH + timedelta(days=days)).isoformat()


def timestamp_text(ms: int) -> str:
    moment = MIDNIGHT + timedelta(milliseconds=ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}"


TEXTS: dict[SqlType, Convert] = {TIME: time_text, DATE: date_text, TIMESTAMP: timestamp_text}


class RowValues:
    """Rows with each value ready for JSON."""

    def __init__(self, columns: Sequence[OutputColumn]) -> None:
        found = [(position, converter(column.type)) for position, column in enumerate(columns)]
        self.changed = [(position, convert) for position, convert in found if convert is not None]

    def __call__(self, row: list[Any]) -> list[Any]:
        if not self.changed:
            return row
        ready = list(row)
        for position, convert in self.changed:
            if ready[position] is not None:
                ready[position] = convert(ready[position])
        return ready


# --- bodies ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spelling:
    """`between` stands before every piece but the first; `tombstones`: whether deletions are shown."""

    media: str
    header: Callable[[str, Sequence[OutputColumn]], bytes]
    row: Callable[[list[Any], bool], bytes]
    message: Callable[[str], bytes]
    error: Callable[[dict[str, Any]], bytes]
    between: bytes = b""
    end: bytes = b""
    tombstones: bool = False


def _names(query_id: str, columns: Sequence[OutputColumn]) -> dict[str, Any]:
    return {
        "queryId": query_id,
        "columnNames": [column.name for column in columns],
        "columnTypes": [str(column.type) for column in columns],
    }


def _v1_row(row: list[Any], tombstone: bool) -> bytes:
    return ENCODER.encode({"row": {"columns": row, "tombstone": True} if tombstone else {"columns": row}})


def _v1_header(query_id: str, columns: Sequence[OutputColumn]) -> bytes:
    return b"[" + ENCODER.encode({"header": {"queryId": query_id, "schema": header_schema(tuple(columns))}})


SPELLINGS: dict[str, Spelling] = {
    DELIMITED: Spelling(
        DELIMITED,
        header=lambda query_id, columns: ENCODER.encode(_names(query_id, columns)) + b"\n",
        row=lambda row, _: ENCODER.encode(row) + b"\n",
        message=lambda _: b"",
        error=lambda body: ENCODER.encode(body) + b"\n",
    ),
    JSON: Spelling(
        JSON,
        header=lambda query_id, columns: b"[" + ENCODER.encode(_names(query_id, columns)),
        row=lambda row, _: ENCODER.encode(row),
        message=lambda _: b"",
        error=ENCODER.encode,
        between=b",\n",
        end=b"]",
    ),
    V1_JSON: Spelling(
        V1_JSON,
        header=_v1_header,
        row=_v1_row,
        message=lambda text: ENCODER.encode({"finalMessage": text}),
        error=lambda body: ENCODER.encode({"errorMessage": body}),
        between=b",\n",
        end=b"]",
        tombstones=True,
    ),
}
