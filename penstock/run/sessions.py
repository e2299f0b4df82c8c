"""SESSION windows: a row joins every session of its key within the gap, and they become one.

In:  `g`, `ts0`, `stream_time` and the store. Out: the session [start, end, st] that holds the row, and in
`store.pending`, and in `store.tombstones` the sessions it replaced that had been emitted.

    gap 5     0....5....10...15...20
              [--A--]         [-B-]          a row at 10 is within 5 of A's end and of B's start:
              [---------------------]        A and B end as tombstones, one session is left

A merged session is dropped when `end < stream_time - grace - gap`
(Kafka Streams, KStreamSessionWindowAggregate).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from penstock.language import ast
from penstock.plan.steps import Aggregate
from penstock.run.program import Text, compile_function
from penstock.run.slots import bases, fill, helpers, slot_names


def write_session(
    body: Text,
    window: ast.Window,
    grace_ms: int,
    new_state: str,
    add: Sequence[str],
    on_new: Sequence[str] = (),
) -> None:
    """`on_new` are statements for a session that begins, or goes on after it was emitted."""
    gap = window.size_ms
    body.add("known = store.groups.get(g)")
    with body.block("if known is None:"):
        body.add("known = store.groups[g] = []")
    # A session past its retention is gone, also while it has not been swept out: else it would depend on
    # the size of a batch whether a late row still finds it.
    kept = max(window.retention_ms or 0, grace_ms + gap)
    body.add(f"gone = stream_time - {kept} if ts0 < stream_time else -1")
    body.add(f"near = [s for s in known if s[1] >= ts0 - {gap} and s[0] <= ts0 + {gap} and s[1] > gone]")
    body.add("start = ts0 if not near or near[0][0] > ts0 else near[0][0]")
    body.add("end = ts0 if not near or near[-1][1] < ts0 else near[-1][1]")
    with body.block(f"if end < stream_time - {grace_ms + gap}:"):
        body.add("late += 1")
        body.add("if not known: del store.groups[g]", "continue")
    if on_new:
        with body.block("if not near or any(s[2][1] for s in near):"):
            body.add(*on_new)
    with body.block("if not near:"):
        body.add(f"st = {new_state}", "known.append([start, end, st])")
        body.add("if len(known) > 1: known.sort(key=lambda s: s[0])")
    with body.block("else:"):
        body.add("st = merge_sessions(store, g, known, near, start, end, ts0)")
    body.add("st[0] = end", *add, "store.touched[g] = None", "store.pending[g, start, end] = st")


class SessionMerger:
    """Folds the states of several sessions into the first by the aggregates' own merge code."""

    def __init__(self, step: Aggregate) -> None:
        text = Text()
        with text.block("def fold(st, other):"):
            for call, base in zip(step.calls, bases(step), strict=True):
                assert call.function.merge is not None, call.function.name
                later = slot_names(call, base, "t", "other")
                text.add(*fill(call.function.merge, slot_names(call, base) | later))
        self.fold: Callable[[list[Any], list[Any]], None] = compile_function("fold", str(text), helpers(step))

    def merge(
        self, store: Any, g: Any, known: list[Any], near: list[Any], start: int, end: int, ts: int
    ) -> list[Any]:
        """The one state of all near sessions; the old ones leave tombstones where they were emitted."""
        first: list[Any] = near[0][2]
        for session in near[1:]:
            self.fold(first, session[2])
        same = start == end == ts
        for old_start, old_end, state in near:
            if not same:
                self._take_back(store, g, old_start, old_end, state)
        kept = [session for session in known if not any(session is old for old in near)]
        kept.append([start, end, first])
        kept.sort(key=lambda session: session[0])
        known[:] = kept
        first[1] = same and first[1]
        return first

    def _take_back(self, store: Any, g: Any, start: int, end: int, state: list[Any]) -> None:
        """A session nobody has seen yet just goes; one that was emitted goes with a tombstone."""
        store.pending.pop((g, start, end), None)
        if state[1]:
            store.tombstones[g, start, end] = None
