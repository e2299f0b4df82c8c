"""The DELIMITED format: one line of text separated by a delimiter, by the rules of Apache commons-csv.

In:  payloads. Out: the cells of each as a list of typed values, and back.

    b'17850,"a ""b"" c",,2.5'  <->  [17850, 'a "b" c', None, 2.5]

An empty field is NULL, so an empty text never survives. Only the first line counts. A field is quoted when
it begins a record with anything but a letter or digit, begins below $, ends in a blank, or holds a quote,
a line end or the delimiter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from penstock import types
from penstock.formats import base64_text, java_numbers
from penstock.formats.codec import Decoded
from penstock.formats.json_exact import Refused, date_days, time_of_day

LINE_END = re.compile(r"\r\n|\r|\n")
QUOTE = '"'


class DelimitedCells:
    """Payloads to lists of cells in column order, and back."""

    def __init__(self, columns: Sequence[types.Column], delimiter: str) -> None:
        self._delimiter = delimiter
        self._readers = [reader(column.type) for column in columns]
        self._writers = [writer(column.type) for column in columns]

    def decode(self, payloads: Sequence[bytes | None]) -> Decoded:
        values: list[Any] = []
        failures: dict[int, str] = {}
        for position, payload in enumerate(payloads):
            try:
                values.append(None if payload is None else self._read(payload))
            except (ValueError, Refused) as problem:
                values.append(None)
                failures[position] = str(problem)
        return Decoded(values, failures)

    def _read(self, payload: bytes) -> list[Any]:
        texts = first_record(payload.decode("utf-8", "replace"), self._delimiter)
        if len(texts) != len(self._readers):
            raise ValueError(
                f"Column count mismatch on deserialization. expected: {len(self._readers)}, got: {len(texts)}"
            )
        return [read(text) if text else None for read, text in zip(self._readers, texts, strict=True)]

    def encode(self, rows: Sequence[Sequence[Any] | None]) -> tuple[list[bytes | None], Mapping[int, str]]:
        return [None if row is None else self._write(row) for row in rows], {}

    def _write(self, row: Sequence[Any]) -> bytes:
        cells = [
            "" if value is None else quoted(write(value), not position, self._delimiter)
            for position, (write, value) in enumerate(zip(self._writers, row, strict=True))
        ]
        return self._delimiter.join(cells).encode("utf-8", "replace")


def first_record(text: str, delimiter: str) -> list[str]:
    """The fields of the first line that is not empty. All lines are read, so all must be well formed."""
    if QUOTE not in text:
        line = next((line for line in LINE_END.split(text) if line), None)
        if line is None:
            raise ValueError("No fields in record")
        return line.split(delimiter)
    records = list(_records(text, delimiter))
    if not records:
        raise ValueError("No fields in record")
    return records[0]


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    at = 0
    while at < len(text):
        ended = LINE_END.match(text, at)
        if ended:
            at = ended.end()
            continue
        fields: list[str] = []
        more = True
        while more:
            read = _quoted_field if text[at : at + 1] == QUOTE else _field
            field, at = read(text, at, delimiter)
            fields.append(field)
            more = text[at : at + 1] == delimiter
            at += more
        ended = LINE_END.match(text, at)
        at = ended.end() if ended else at
        yield fields


def _field(text: str, at: int, delimiter: str) -> tuple[str, int]:
    end = at
    while end < len(text) and text[end] not in (delimiter, "\r", "\n"):
        end += 1
    return text[at:end], end


def _quoted_field(text: str, at: int, delimiter: str) -> tuple[str, int]:
    """A field in quotes; blanks may stand between the closing quote and the delimiter."""
    parts: list[str] = []
    start = at + 1
    while True:
        end = text.find(QUOTE, start)
        if end < 0:
            raise ValueError("EOF reached before encapsulated token finished")
        parts.append(text[start:end])
        if text[end + 1 : end + 2] != QUOTE:
            break
        start = end + 2
    after = end + 1
    while after < len(text) and text[after] not in (delimiter, "\r", "\n"):
        if not text[after].isspace():
            raise ValueError("Invalid char between encapsulated token and delimiter")
        after += 1
    return QUOTE.join(parts), after


def quoted(text: str, first: bool, delimiter: str) -> str:
    """The text as a field, in quotes where commons-csv would set them."""
    if not _needs_quotes(text, first, delimiter):
        return text
    return QUOTE + text.replace(QUOTE, QUOTE * 2) + QUOTE


def _needs_quotes(text: str, first: bool, delimiter: str) -> bool:
    if not text:
        return first
    if first and not (text[0].isascii() and text[0].isalnum()):
        return True
    if text[0] <= "#" or text[-1] <= " ":
        return True
    return any(mark in text for mark in (QUOTE, delimiter, "\n", "\r"))


def reader(kind: types.SqlType) -> Callable[[str], Any]:
    if isinstance(kind, types.Decimal):
        exact = kind
        return lambda text: java_numbers.fit(java_numbers.parse_decimal(text), exact)
    return READERS[kind]


def writer(kind: types.SqlType) -> Callable[[Any], str]:
    return _plain_decimal if isinstance(kind, types.Decimal) else WRITERS[kind]


def _int(text: str) -> int:
    return java_numbers.parse_whole(text, types.INT_MIN, types.INT_MAX)


def _long(text: str) -> int:
    return java_numbers.parse_whole(text, types.BIGINT_MIN, types.BIGINT_MAX)


def _plain_decimal(value: Any) -> str:
    return format(value, "f")


READERS: dict[types.SqlType, Callable[[str], Any]] = {
    types.BOOLEAN: lambda text: text.lower() == "true",
    types.INTEGER: _int,
    types.BIGINT: _long,
    types.DOUBLE: java_numbers.parse_double,
    types.STRING: str,
    types.BYTES: base64_text.decode_plain,
    types.TIME: lambda text: time_of_day(_long(text)),
    types.DATE: lambda text: date_days(_long(text)),
    types.TIMESTAMP: _long,
}
WRITERS: dict[types.SqlType, Callable[[Any], str]] = {
    types.BOOLEAN: lambda value: "true" if value else "false",
    types.INTEGER: str,
    types.BIGINT: str,
    types.DOUBLE: java_numbers.double_text,
    types.STRING: str,
    types.BYTES: base64_text.encode,
    types.TIME: str,
    types.DATE: str,
    types.TIMESTAMP: str,
}
assert set(READERS) == set(WRITERS) == set(types.PRIMITIVES.values())
