"""What a format promises: columns of bytes to columns of typed values and back.

In:  payloads of a chunk (bytes or None). Out: rows, keys, and for what can't be read the reason.

    payloads  [b'{"A":1}', None, b'{oops']
    rows      [Row(c0=1),  None, None    ]      failures {2: "..."}

A failure never stops the others: the caller skips the record and logs it. Codecs are made once per source
and may learn (the spelling of field names); they belong to one thread. formats.py holds the table of formats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec


@dataclass(slots=True)
class Decoded:
    """`values[i]` is None when the payload was null or failed; `failures` tells which, with the reason."""

    values: list[Any]
    failures: Mapping[int, str]


class ValueCodec(Protocol):
    """Rows are instances of types.row_class(columns), or of a class with the same attributes c0, c1, ..."""

    def decode(self, payloads: Sequence[bytes | None]) -> Decoded: ...

    def encode(self, rows: Sequence[msgspec.Struct | None]) -> tuple[list[bytes | None], Mapping[int, str]]:
        """Payloads and, by position, the reason of each row that can't be written (its payload is None)."""
        ...


class KeyCodec(Protocol):
    """Keys are the value itself for one key column, a tuple for several, None for a null key.

    Keys of windowed sources are (key, window_start_ms, window_end_ms).
    """

    def decode(self, payloads: Sequence[bytes | None]) -> Decoded: ...

    def encode(self, keys: Sequence[Any]) -> tuple[list[bytes | None], Mapping[int, str]]: ...
