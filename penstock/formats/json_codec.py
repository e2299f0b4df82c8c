"""The JSON format: rows as objects, single values bare.

In:  payloads. Out: rows (wrapped), bare values (keys of one column), tuples (keys of several), and back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from penstock import types
from penstock.formats.codec import Decoded
from penstock.formats.json_fast import JsonReader
from penstock.formats.json_write import JsonWriter


def row_kind(columns: Sequence[types.Column]) -> types.Struct:
    """Rows are read and written as a STRUCT of their columns."""
    return types.Struct(tuple((column.name, column.type) for column in columns))


class JsonRows:
    """One object a payload; the text null is a null row."""

    def __init__(
        self, columns: Sequence[types.Column], doubles_to_check: Collection[int] | None = None
    ) -> None:
        kind = row_kind(columns)
        self._reader = JsonReader(kind)
        self._writer = JsonWriter(kind, doubles_to_check)

    def decode(self, payloads: Sequence[bytes | None]) -> Decoded:
        return self._reader.decode(payloads)

    def encode(self, rows: Sequence[msgspec.Struct | None]) -> tuple[list[bytes | None], Mapping[int, str]]:
        return self._writer.encode(rows)


class JsonScalars:
    """One bare value a payload; None is null bytes."""

    def __init__(self, kind: types.SqlType) -> None:
        self._reader = JsonReader(kind)
        self._writer = JsonWriter(kind)
        # The reader hands a STRUCT over in the class of its shape; a value must be in its own class.
        self._class = types.python_type(kind) if isinstance(kind, types.Struct) else None

    def decode(self, payloads: Sequence[bytes | None]) -> Decoded:
        decoded = self._reader.decode(payloads)
        if self._class is not None:
            decoded.values = [self._own(value) for value in decoded.values]
        return decoded

    def _own(self, value: Any) -> Any:
        make = self._class
        if value is None or make is None or type(value) is make:
            return value
        return make(*[getattr(value, attribute) for attribute in make.__struct_fields__])

    def encode(self, keys: Sequence[Any]) -> tuple[list[bytes | None], Mapping[int, str]]:
        return self._writer.encode(keys)
