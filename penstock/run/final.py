"""EMIT FINAL: a window gives one row for each of its groups, when stream time closes it, and nothing before.

In:  the state that aggregate.py's loop keeps, and the stream time it has reached. Out: rows in an Output, and
the stream time at which there will be more. The end of the input closes nothing.

    tumbling, hopping   closed when   end <= stream_time - grace          in order of start, then of key bytes
    session             closed when   end <  stream_time - grace - gap    in order of end, start, key bytes

A window that the store no longer keeps when it closes gives nothing, as in ksqlDB: one that starts before
`newest - retention`, where `newest` is the start of the latest window and retention is size + grace or more.
That happens when stream time leaps; a longer RETENTION keeps such windows.
Source of the rules: ksqlDB's tests of EMIT FINAL (Kafka Streams, EmitStrategy.onWindowClose).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any

from penstock.errors import StatementError
from penstock.formats.codec import KeyCodec
from penstock.formats.formats import order_codec
from penstock.language import ast
from penstock.language.catalog import Format
from penstock.plan.steps import Aggregate, QueryPlan
from penstock.run.emission import Emission
from penstock.run.processing_log import Entry
from penstock.run.program import Output
from penstock.run.state import GroupState, SessionState
from penstock.types import Column

NEVER = 2**63

Closed = tuple[int, int, Any, list[Any]]
"""Start, end, group key and state of what a window holds for one group."""


class Final:
    """What both kinds of windows share: the emission, ordered by key bytes."""

    def __init__(self, plan: QueryPlan, step: Aggregate, emission: Emission) -> None:
        self.emit = emission.many()
        self.keys = _key_order(plan, step)

    def by_key(self, closed: Sequence[Closed]) -> list[Closed]:
        payloads, _ = self.keys.encode([group for _, _, group, _ in closed])
        places = sorted(range(len(closed)), key=lambda place: payloads[place] or b"")
        return [closed[place] for place in places]


class FinalWindows(Final):
    """TUMBLING and HOPPING. `opened` is the heap of the starts of windows that are not closed yet."""

    def __init__(
        self, plan: QueryPlan, step: Aggregate, emission: Emission, window: ast.Window, grace_ms: int
    ) -> None:
        super().__init__(plan, step, emission)
        self.size_ms = window.size_ms
        self.advance_ms = window.advance_ms or window.size_ms
        self.open_ms = window.size_ms + grace_ms
        self.kept_ms = max(window.retention_ms or 0, self.open_ms)
        self.opened: list[int] | None = None

    @property
    def opening(self) -> list[str]:
        return ["opened, next_close = final.start(store)"]

    @property
    def on_new(self) -> list[str]:
        """For a window that has just got its first group."""
        return [
            "heappush(opened, ws)",
            f"if ws + {self.open_ms} < next_close: next_close = ws + {self.open_ms}",
        ]

    def start(self, store: GroupState) -> tuple[list[int], int]:
        """What was closed before the state was committed has been emitted."""
        if self.opened is None:
            self.opened = [start for start in store.windows if start + self.open_ms > store.stream_time]
            heapify(self.opened)
        return self.opened, self._next()

    def close(self, store: GroupState, stream_time: int, out: Output, errors: list[Entry]) -> int:
        assert self.opened is not None
        newest = stream_time - stream_time % self.advance_ms
        while self.opened and self.opened[0] + self.open_ms <= stream_time:
            start = heappop(self.opened)
            if start >= newest - self.kept_ms:
                end, groups = start + self.size_ms, store.windows[start]
                closed = [(start, end, group, state) for group, state in groups.items()]
                self.emit(self.by_key(closed), out, errors)
        return self._next()

    def _next(self) -> int:
        return self.opened[0] + self.open_ms if self.opened else NEVER


class FinalSessions(Final):
    """SESSION. The heap holds a point of each session with the end it had when it was looked at last."""

    def __init__(
        self, plan: QueryPlan, step: Aggregate, emission: Emission, window: ast.Window, grace_ms: int
    ) -> None:
        super().__init__(plan, step, emission)
        self.open_ms = window.size_ms + grace_ms
        self.opened: list[tuple[int, int, Any, int]] | None = None
        self.numbers = count()

    @property
    def opening(self) -> list[str]:
        return ["opened, next_close = final.start(store)", "number = final.numbers.__next__"]

    @property
    def on_new(self) -> list[str]:
        """For a session that has just begun, or goes on after it was emitted."""
        return [
            "heappush(opened, (ts0, number(), g, ts0))",
            f"if ts0 + {self.open_ms} < next_close: next_close = ts0 + {self.open_ms + 1}",
        ]

    def start(self, store: SessionState) -> tuple[list[tuple[int, int, Any, int]], int]:
        if self.opened is None:
            self.opened = [
                (end, next(self.numbers), group, end)
                for group, sessions in store.groups.items()
                for _, end, state in sessions
                if not state[1]
            ]
            heapify(self.opened)
        return self.opened, self._next()

    def close(self, store: SessionState, stream_time: int, out: Output, errors: list[Entry]) -> int:
        assert self.opened is not None
        horizon = stream_time - self.open_ms
        due: dict[int, Closed] = {}
        while self.opened and self.opened[0][0] < horizon:
            _, _, group, point = heappop(self.opened)
            for start, end, state in store.groups.get(group, ()):
                if start <= point <= end and not state[1]:
                    if end < horizon:
                        due[id(state)] = (start, end, group, state)
                    else:
                        heappush(self.opened, (end, next(self.numbers), group, point))
        self._close(store, due.values(), out, errors)
        return self._next()

    def _close(self, store: SessionState, due: Iterable[Closed], out: Output, errors: list[Entry]) -> None:
        ordered = sorted(self.by_key(list(due)), key=lambda closed: (closed[1], closed[0]))
        self.emit(ordered, out, errors)
        for _, _, group, state in ordered:
            # Also where HAVING let nothing through: the session has had its turn.
            state[1] = True
            store.touched[group] = None

    def _next(self) -> int:
        return self.opened[0][0] + self.open_ms + 1 if self.opened else NEVER


FINALS: dict[str, type[FinalWindows] | type[FinalSessions]] = {
    "TUMBLING": FinalWindows,
    "HOPPING": FinalWindows,
    "SESSION": FinalSessions,
}


def _key_order(plan: QueryPlan, step: Aggregate) -> KeyCodec:
    """Keys are ordered by their bytes as the store has them: in the result's format, or else in JSON."""
    columns = tuple(Column(f"GROUP_{n}", part.type) for n, part in enumerate(step.group))
    source = plan.sink or plan.froms[0].source
    try:
        return order_codec(source.key_format, columns)
    except StatementError:
        return order_codec(Format("JSON"), columns)
