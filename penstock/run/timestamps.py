"""The event time of a row: read from the column that WITH (TIMESTAMP=...) names.

In:  a key and a row, or columns of them. Out: milliseconds since 1970; ValueError in words for no time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from penstock.functions.registry import find_scalar
from penstock.language.catalog import Source
from penstock.language.scope import payload_columns
from penstock.types import STRING

TEXTS_KEPT_MAX = 10_000


def time_reader(source: Source) -> TimeReader | None:
    """None when the record's own timestamp counts."""
    return None if source.timestamp is None else TimeReader(source)


class TimeReader:
    def __init__(self, source: Source) -> None:
        assert source.timestamp is not None
        self.name = source.timestamp.name
        column = source.schema.find(self.name)
        assert column is not None, self.name
        self.is_text = column.type == STRING
        self.to_ms = _parser(source.timestamp.format) if self.is_text else _as_given
        self.attribute = _attribute_of(source, self.name)
        self.of_key = _key_reader(source, self.name)
        # Rows of one time stand together, so a text is mostly one that was read before.
        self.known = _Known(self._time)

    def __call__(self, key: Any, row: Any) -> int:
        return self._time(self.of_key(key) if self.attribute is None else getattr(row, self.attribute))

    def column(self, keys: Sequence[Any], rows: Sequence[Any], given: Sequence[int]) -> list[int]:
        """The times of many rows; a null row has the time given beside it. Raises when any row has none."""
        try:
            values = list(map(attrgetter(self.attribute or ""), rows))
        except AttributeError:  # The time is in the key, or some rows are null.
            pairs = zip(keys, rows, given, strict=True)
            return [time if row is None else self(key, row) for key, row, time in pairs]
        return list(map(self.known.__getitem__ if self.is_text else self._time, values))

    def _time(self, value: Any) -> int:
        if value is None:
            raise ValueError(f"Timestamp column `{self.name}` is NULL")
        try:
            time = self.to_ms(value)
        except Exception as error:
            raise ValueError(f"Timestamp column `{self.name}` holds no time: {error}") from error
        if time < 0:
            raise ValueError(f"Timestamp column `{self.name}` holds {time}, a time before 1970-01-01")
        return time


class _Known(dict[Any, int]):
    """Times by text; it forgets all when it is full."""

    def __init__(self, time: Callable[[Any], int]) -> None:
        super().__init__()
        self.time = time

    def __missing__(self, value: Any) -> int:
        if len(self) >= TEXTS_KEPT_MAX:
            self.clear()
        found = self[value] = self.time(value)
        return found


def _as_given(value: Any) -> int:
    return value


def _attribute_of(source: Source, name: str) -> str | None:
    """Where the column stands in a row, or None when it is part of the key."""
    names = [column.name for column in payload_columns(source)]
    return f"c{names.index(name)}" if name in names else None


def _key_reader(source: Source, name: str) -> Callable[[Any], Any]:
    names = [column.name for column in source.schema.key]
    if name not in names or len(names) == 1:
        return lambda key: key
    position = names.index(name)
    return lambda key: key[position]


def _parser(pattern: str | None) -> Callable[[Any], int]:
    function = find_scalar("PARSE_TIMESTAMP")
    assert function is not None and pattern is not None
    bound = function.bind([STRING, STRING])
    call = (bound.specialize and bound.specialize({1: pattern})) or bound.call
    return lambda text: call(text, pattern)
