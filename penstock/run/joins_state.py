"""The memory of joins, and several memories of one query as one.

In:  the nodes of joins_streams.py and joins_tables.py. Out: StateStores, each written to the changelog as
what changed; `Stores` puts those of a whole query into one payload.

    TableRows    key -> (time, row)                                       a side of a join of tables
    StreamRows   side -> key -> [(time, row), ...] in order of time       rows that may still be joined
                 side -> time -> key -> [row, ...]                        rows held until their window closes
"""

from __future__ import annotations

from bisect import bisect_left, insort_right
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from operator import itemgetter
from typing import Any

import msgspec

from penstock.run.joins_rows import Row
from penstock.run.state import StateStore

_encode = msgspec.msgpack.Encoder().encode
LEFT, RIGHT = 0, 1
KEPT, HELD, RELEASED = range(3)
time_of = itemgetter(0)


class Stores:
    """All memories of a query under one roof, in a fixed order."""

    def __init__(self, stores: Sequence[StateStore]) -> None:
        self.stores = stores
        self._decoder = msgspec.msgpack.Decoder(list[tuple[int, bytes]])

    def changes(self) -> bytes | None:
        changed = [(n, store.changes()) for n, store in enumerate(self.stores)]
        parts = [part for part in changed if part[1] is not None]
        return _encode(parts) if parts else None

    def changed_keys(self) -> int:
        return sum(store.changed_keys() for store in self.stores)

    def live_keys(self) -> int:
        return sum(store.live_keys() for store in self.stores)

    def snapshot(self) -> bytes:
        return _encode([(n, store.snapshot()) for n, store in enumerate(self.stores)])

    def restore(self, payload: bytes) -> None:
        for n, part in self._decoder.decode(payload):
            self.stores[n].restore(part)

    def clear(self) -> None:
        for store in self.stores:
            store.clear()


class TableRows:
    """The current row of every key: the latest by offset, whatever the times."""

    def __init__(self, key: Any, row: Sequence[Any]) -> None:
        self.rows: dict[Any, tuple[int, Row]] = {}
        self.dirty: dict[Any, None] = {}
        entry: Any = tuple[key, tuple[int, tuple[tuple(row)]] | None]  # type: ignore[misc]
        self._decoder = msgspec.msgpack.Decoder(list[entry])

    def put(self, key: Any, row: Row | None, time: int) -> bool:
        """Returns whether there was a row before."""
        self.dirty[key] = None
        if row is None:
            return self.rows.pop(key, None) is not None
        known = key in self.rows
        self.rows[key] = (time, row)
        return known

    def changed_keys(self) -> int:
        return len(self.dirty)

    def live_keys(self) -> int:
        return len(self.rows)

    def changes(self) -> bytes | None:
        if not self.dirty:
            return None
        payload = _encode([(key, self.rows.get(key)) for key in self.dirty])
        self.dirty.clear()
        return payload

    def snapshot(self) -> bytes:
        return _encode(list(self.rows.items()))

    def restore(self, payload: bytes) -> None:
        for key, entry in self._decoder.decode(payload):
            if entry is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = entry

    def clear(self) -> None:
        self.rows.clear()
        self.dirty.clear()


class StreamRows:
    """Both sides of a join of streams. `kept_ms`: how far behind its side's latest time a row is kept."""

    def __init__(self, key: Any, left: Sequence[Any], right: Sequence[Any], kept_ms: int) -> None:
        self.kept_ms = kept_ms
        self.clear()
        one, other = _log_type(key, left), _log_type(key, right)
        self._decoder: Any = msgspec.msgpack.Decoder(tuple[list[int], one, other])  # type: ignore[valid-type]

    def clear(self) -> None:
        self.rows: tuple[dict[Any, list[tuple[int, Row]]], ...] = ({}, {})
        self.held: tuple[dict[int, dict[Any, list[Row]]], ...] = ({}, {})
        self.held_times: tuple[list[int], list[int]] = ([], [])
        self.log: tuple[list[Any], list[Any]] = ([], [])
        self.newest = [-1, -1]
        self.swept = [-1, -1]
        self.stream_time = -1
        self.count = 0
        self._written = [-1, -1, -1]

    # --- rows that may be joined ---

    def keep(self, side: int, key: Any, time: int, row: Row) -> None:
        if time > self.newest[side]:
            self.newest[side] = time
        elif time <= self.newest[side] - self.kept_ms:
            return
        self._keep(side, key, time, row)
        self.log[side].append((KEPT, time, key, row))
        if self.newest[side] - self.swept[side] > max(self.kept_ms // 10, 1):
            self._sweep(side)

    def _keep(self, side: int, key: Any, time: int, row: Row) -> None:
        known = self.rows[side].get(key)
        self.count += 1
        if known is None:
            self.rows[side][key] = [(time, row)]
        elif known[-1][0] <= time:
            known.append((time, row))
        else:
            insort_right(known, (time, row), key=time_of)

    def between(self, side: int, key: Any, low: int, high: int) -> Iterator[tuple[int, Row]]:
        """The rows of a key with low <= time <= high, in order of time, then of arrival."""
        known = self.rows[side].get(key)
        if known is None:
            return
        low = max(low, self.newest[side] - self.kept_ms + 1)
        for position in range(bisect_left(known, low, key=time_of), len(known)):
            if known[position][0] > high:
                return
            yield known[position]

    def _sweep(self, side: int) -> None:
        """Forget what is too old to be joined."""
        self.swept[side] = self.newest[side]
        low = self.newest[side] - self.kept_ms + 1
        rows = self.rows[side]
        for key in list(rows):
            old = bisect_left(rows[key], low, key=time_of)
            self.count -= old
            if old == len(rows[key]):
                del rows[key]
            elif old:
                del rows[key][:old]

    # --- rows held until their window has closed ---

    def hold(self, side: int, key: Any, time: int, row: Row) -> None:
        self._hold(side, key, time, row)
        self.log[side].append((HELD, time, key, row))

    def _hold(self, side: int, key: Any, time: int, row: Row) -> None:
        self.count += 1
        if time not in self.held[side]:
            self.held[side][time] = {}
            heappush(self.held_times[side], time)
        self.held[side][time].setdefault(key, []).append(row)

    def release(self, side: int, key: Any, time: int) -> None:
        """A held row has been joined after all."""
        if key in self.held[side].get(time, ()):
            self._release(side, key, time)
            self.log[side].append((RELEASED, time, key, None))

    def _release(self, side: int, key: Any, time: int) -> None:
        self.count -= len(self.held[side][time].pop(key))

    def closed(self, side: int, before: int) -> Iterator[tuple[int, dict[Any, list[Row]]]]:
        """Takes out what is held with time < before."""
        times = self.held_times[side]
        while times and times[0] < before:
            time = heappop(times)
            groups = self.held[side].pop(time)
            for key, rows in groups.items():
                self.count -= len(rows)
                self.log[side].append((RELEASED, time, key, None))
            yield time, groups

    # --- the changelog ---

    def changed_keys(self) -> int:
        return len(self.log[LEFT]) + len(self.log[RIGHT])

    def live_keys(self) -> int:
        return self.count

    def changes(self) -> bytes | None:
        times = [self.stream_time, *self.newest]
        if not self.changed_keys() and times == self._written:
            return None
        self._written = times
        payload = _encode((times, *self.log))
        self.log[LEFT].clear()
        self.log[RIGHT].clear()
        return payload

    def snapshot(self) -> bytes:
        return _encode(((self.stream_time, *self.newest), self._all(LEFT), self._all(RIGHT)))

    def _all(self, side: int) -> list[Any]:
        kept = [(KEPT, time, key, row) for key, rows in self.rows[side].items() for time, row in rows]
        held = [
            (HELD, time, key, row)
            for time, groups in self.held[side].items()
            for key, rows in groups.items()
            for row in rows
        ]
        return kept + held

    def restore(self, payload: bytes) -> None:
        times, *logs = self._decoder.decode(payload)
        self.stream_time, *self.newest = times
        self._written = times
        for side, log in enumerate(logs):
            for kind, time, key, row in log:
                if kind == RELEASED:
                    self._restore_release(side, key, time)
                else:
                    (self._keep if kind == KEPT else self._hold)(side, key, time, row)
            self._sweep(side)

    def _restore_release(self, side: int, key: Any, time: int) -> None:
        self._release(side, key, time)
        if not self.held[side][time]:
            del self.held[side][time]
            self.held_times[side].remove(time)
            self.held_times[side].sort()


def _log_type(key: Any, row: Sequence[Any]) -> Any:
    """Of one side: what was done, at which time, for which key, with which row."""
    return list[tuple[int, int, key | None, tuple[tuple(row)] | None]]  # type: ignore[misc]
