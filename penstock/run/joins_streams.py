"""Two streams meet in a window of event time.

In:  rows of either side, in order of arrival. Out: joined rows, to `emit`.

    left at t joins right in [t - before, t + after]; the right's own window is the mirror of it

    no GRACE    an outer row without a match is emitted at once, and joined rows may follow it
    GRACE       it is held until no row can match it any more: stream time > t + after + grace

Rules: Kafka Streams' KStreamKStreamJoin. Stream time is shared by both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.plan.steps import StreamJoin
from penstock.run.joins_rows import KeyOrder, Row
from penstock.run.joins_state import LEFT, RIGHT, StreamRows

DAY_MS = 86_400_000
Emit = Callable[[Any, Row | None, int, int, bool], None]


def kept_ms(step: StreamJoin) -> int:
    """How long a row may find a match: both arms of the window, and the grace."""
    grace = max(DAY_MS - 2 * step.before_ms, 0) if step.grace_ms is None else step.grace_ms
    return step.before_ms + step.after_ms + grace


class StreamJoinNode:
    def __init__(
        self, step: StreamJoin, state: StreamRows, nulls: tuple[Row, Row], order: KeyOrder, emit: Emit
    ) -> None:
        self.state = state
        self.nulls = nulls
        self.order = order
        self.emit = emit
        self.outer = (step.kind in ("LEFT", "OUTER"), step.kind in ("RIGHT", "OUTER"))
        self.before = (step.before_ms, step.after_ms)
        self.after = (step.after_ms, step.before_ms)
        self.grace_ms = step.grace_ms or 0
        self.holds = step.grace_ms is not None and step.kind != "INNER"

    def left(self, key: Any, row: Row, time: int, i: int) -> None:
        self._arrived(LEFT, key, row, time, i)

    def right(self, key: Any, row: Row, time: int, i: int) -> None:
        self._arrived(RIGHT, key, row, time, i)

    def _arrived(self, side: int, key: Any, row: Row, time: int, i: int) -> None:
        """`i` is the place of the record that is being read in its batch."""
        state = self.state
        if time > state.stream_time:
            state.stream_time = time
        if key is None:
            if self.outer[side]:
                self.emit(None, self._padded(side, row), time, i, False)
            return
        state.keep(side, key, time, row)
        if self.holds and time == state.stream_time:
            self._emit_closed(i)
        if not self._emit_matches(side, key, row, time, i) and self.outer[side]:
            if self.holds and time + self.after[side] >= state.stream_time:
                state.hold(side, key, time, row)
            else:
                self.emit(key, self._padded(side, row), time, i, False)

    def _emit_matches(self, side: int, key: Any, row: Row, time: int, i: int) -> bool:
        state, other, matched = self.state, 1 - side, False
        for met, found in state.between(other, key, time - self.before[side], time + self.after[side]):
            matched = True
            if self.holds:
                state.release(other, key, met)
            joined = row + found if side == LEFT else found + row
            self.emit(key, joined, max(time, met), i, False)
        return matched

    def _emit_closed(self, i: int) -> None:
        """Held rows whose window has closed: by time, the right side first, then by key."""
        stream_time = self.state.stream_time
        closed = [
            (time, 1 - side, groups)
            for side in (LEFT, RIGHT)
            for time, groups in self.state.closed(side, stream_time - self.after[side] - self.grace_ms)
        ]
        for time, mirrored, groups in sorted(closed, key=lambda each: each[:2]):
            for key in sorted(groups, key=self.order) if len(groups) > 1 else groups:
                for row in groups[key]:
                    self.emit(key, self._padded(1 - mirrored, row), time, i, False)

    def _padded(self, side: int, row: Row) -> Row:
        return row + self.nulls[RIGHT] if side == LEFT else self.nulls[LEFT] + row
