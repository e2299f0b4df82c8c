"""The memory of a query: what it keeps between rows, and how that is written and read back.

In:  generated code changes the dictionaries below. Out: changes() since the last commit and snapshot() of
all, as msgpack; restore() applies either. State, outputs and offsets are committed together, so what is
restored is exactly what the committed outputs were made from.

    GroupState    window start -> group key -> [time, emitted, slots...]     (0 when there is no window)
    SessionState  group key -> [[start, end, [time, emitted, slots...]], ...] in order of time
    TableState    key -> (time, row)        of a query over a table: the rows it has let through
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from penstock.functions.registry import Slot
from penstock.types import Array, Schema, SqlType, python_type, row_class

_encode = msgspec.msgpack.Encoder().encode


class StateStore(Protocol):
    def changes(self) -> bytes | None:
        """What changed since the last call, or None. Applied in order, changes give the state again."""
        ...

    def changed_keys(self) -> int: ...

    def live_keys(self) -> int: ...

    def snapshot(self) -> bytes: ...

    def restore(self, payload: bytes) -> None: ...

    def clear(self) -> None: ...


def key_type(parts: Sequence[SqlType]) -> Any:
    """The Python type of a group key: the value of one part, a tuple of several."""
    if len(parts) == 1:
        return _part_type(parts[0])
    return tuple[tuple(_part_type(part) | None for part in parts)]  # type: ignore[misc]


def _part_type(kind: SqlType) -> Any:
    """As types.frozen() leaves it: an ARRAY is a tuple."""
    if isinstance(kind, Array):
        return tuple[_part_type(kind.item) | None, ...]  # type: ignore[misc]
    return python_type(kind)


def state_type(slots: Sequence[Slot]) -> Any:
    return tuple[(int, bool, *(slot.type for slot in slots))]  # type: ignore[misc]


class GroupState:
    """Groups by window. `stream_time` is the latest event time seen; windows close by it."""

    def __init__(self, group: Sequence[SqlType], slots: Sequence[Slot], kept_ms: int | None) -> None:
        self.windows: dict[int, dict[Any, list[Any]]] = {}
        self.dirty: dict[int, dict[Any, list[Any]]] = {}
        self.stream_time = -1
        self.late = 0
        self.kept_ms = kept_ms
        self._late_written = 0
        self._decoder = msgspec.msgpack.Decoder(
            tuple[int, int, dict[int, dict[key_type(group), state_type(slots)]]]  # type: ignore[misc]
        )

    def changed_keys(self) -> int:
        return sum(map(len, self.dirty.values()))

    def live_keys(self) -> int:
        return sum(map(len, self.windows.values()))

    def changes(self) -> bytes | None:
        if not self.changed_keys() and self.late == self._late_written:
            return None
        payload = _encode((self.stream_time, self.late, self.dirty))
        self._late_written = self.late
        self.dirty.clear()
        self._expire()
        return payload

    def snapshot(self) -> bytes:
        return _encode((self.stream_time, self.late, self.windows))

    def restore(self, payload: bytes) -> None:
        self.stream_time, self.late, windows = self._decoder.decode(payload)
        self._late_written = self.late
        for start, groups in windows.items():
            known = self.windows.setdefault(start, {})
            for key, state in groups.items():
                known[key] = list(state)
        self._expire()

    def clear(self) -> None:
        self.windows.clear()
        self.dirty.clear()

    def _expire(self) -> None:
        """Forget windows that can't change any more and are past their retention."""
        if self.kept_ms is None:
            return
        horizon = self.stream_time - self.kept_ms
        for start in [start for start in self.windows if start <= horizon]:
            del self.windows[start]


class SessionState:
    """Sessions by group. A session is [start, end, state]; both bounds are event times."""

    def __init__(self, group: Sequence[SqlType], slots: Sequence[Slot], kept_ms: int) -> None:
        self.groups: dict[Any, list[list[Any]]] = {}
        self.touched: dict[Any, None] = {}
        self.pending: dict[tuple[Any, int, int], list[Any]] = {}
        self.tombstones: dict[tuple[Any, int, int], None] = {}
        self.stream_time = -1
        self.late = 0
        self.kept_ms = kept_ms
        self._swept_at = 0
        self._late_written = 0
        session: Any = tuple[int, int, state_type(slots)]  # type: ignore[misc]
        self._decoder = msgspec.msgpack.Decoder(
            tuple[int, int, dict[key_type(group), list[session]]]  # type: ignore[misc]
        )

    def changed_keys(self) -> int:
        return len(self.touched)

    def live_keys(self) -> int:
        return len(self.groups)

    def changes(self) -> bytes | None:
        if not self.touched and self.late == self._late_written:
            return None
        self._late_written = self.late
        self._expire()
        changed = {key: self.groups.get(key, ()) for key in self.touched}
        self.touched.clear()
        return _encode((self.stream_time, self.late, changed))

    def snapshot(self) -> bytes:
        return _encode((self.stream_time, self.late, self.groups))

    def restore(self, payload: bytes) -> None:
        self.stream_time, self.late, groups = self._decoder.decode(payload)
        self._late_written = self.late
        for key, sessions in groups.items():
            if sessions:
                self.groups[key] = [[start, end, list(state)] for start, end, state in sessions]
            else:
                self.groups.pop(key, None)
        self._swept_at = 0
        self._expire()

    def clear(self) -> None:
        self.groups.clear()
        self.touched.clear()
        self.pending.clear()
        self.tombstones.clear()

    def _expire(self) -> None:
        """Forget closed sessions, at most once in a tenth of the time they are kept."""
        if self.stream_time - self._swept_at < max(self.kept_ms // 10, 1):
            return
        self._swept_at = self.stream_time
        horizon = self.stream_time - self.kept_ms
        for key in list(self.groups):
            kept = [session for session in self.groups[key] if session[1] >= horizon]
            if not kept:
                del self.groups[key]
            elif len(kept) != len(self.groups[key]):
                self.groups[key] = kept


class TableState:
    """Rows a query over a table has let through, so that it can take them back."""

    def __init__(self, schema: Schema) -> None:
        self.passed: dict[Any, tuple[int, Any]] = {}
        self.dirty: dict[Any, tuple[int, Any] | None] = {}
        self.key = [column.type for column in schema.key]
        row = row_class(schema.value)
        key = key_type([column.type for column in schema.key])
        self._decoder = msgspec.msgpack.Decoder(dict[key, tuple[int, row] | None])  # type: ignore[valid-type]

    def changed_keys(self) -> int:
        return len(self.dirty)

    def live_keys(self) -> int:
        return len(self.passed)

    def changes(self) -> bytes | None:
        if not self.dirty:
            return None
        payload = _encode(self.dirty)
        self.dirty.clear()
        return payload

    def snapshot(self) -> bytes:
        return _encode(self.passed)

    def restore(self, payload: bytes) -> None:
        for key, entry in self._decoder.decode(payload).items():
            if entry is None:
                self.passed.pop(key, None)
            else:
                self.passed[key] = entry

    def clear(self) -> None:
        self.passed.clear()
        self.dirty.clear()
