"""STEPS BECOME MOVING ROWS: the generated function of a GROUP BY.

In:  a plan Read -> Lookup* -> Where -> Aggregate -> Having -> Project. Out: a Program with a GroupState or
SessionState. The functions' own code (functions/aggregates) is inlined, one slot of the state for each value.

    row --(lookups, filter)--> group key g, arguments x0_0, ... --(window)--> st = [time, emitted, slots...]

With a cache (ksqlDB's cache.max.bytes.buffering, on by default) the updates of one key between two commits
are emitted as one, its last; without, each row emits at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.language import ast
from penstock.language.expressions import Typed
from penstock.plan.steps import Aggregate, Having, QueryPlan, find
from penstock.run.batch import Batch
from penstock.run.compiler import RowCode
from penstock.run.emission import Emission
from penstock.run.processing_log import Entry
from penstock.run.program import Output, Text, compile_function, loop_header
from penstock.run.sessions import SessionMerger, write_session
from penstock.run.slots import bases, fill, helpers, slot_names
from penstock.run.state import GroupState, SessionState
from penstock.run.windows import write_windows
from penstock.types import Array, SqlType, frozen


class AggregateProgram:
    """Groups of a stream. `cached` merges updates until flush()."""

    def __init__(self, plan: QueryPlan, query_id: str, cached: bool) -> None:
        code = RowCode(plan, query_id)
        step = find(plan.root, Aggregate)
        assert isinstance(step, Aggregate)
        having = find(plan.root, Having)
        self.tables = code.tables
        self.cached = cached
        self.window = step.window
        slots = [slot for call in step.calls for slot in call.function.slots]
        group = [part.type for part in step.group]
        self.store: GroupState | SessionState = _store(step, group, slots)
        self.emission = Emission(
            plan, step, having if isinstance(having, Having) else None, query_id, code.topic, cached
        )
        outputs = [("GROUP BY", part) for part in step.group]
        outputs += [(call.function.name, argument) for call in step.calls for argument in call.arguments]
        code.constants |= {
            "slow": code.slow(outputs),
            "frozen": frozen,
            **helpers(step),
            **self.emission.constants,
        }
        if step.window is not None and step.window.kind == "SESSION":
            code.constants["merge_sessions"] = SessionMerger(step).merge
        self.source_text = _Writer(code, step, self.emission, cached).text()
        self.function = compile_function("process", self.source_text, code.constants)

    @property
    def late(self) -> int:
        return self.store.late

    def process(self, batch: Batch, out: Output, errors: list[Entry]) -> None:
        self.function(batch, out, errors, self.store)

    def flush(self, out: Output, errors: list[Entry]) -> None:
        if self.cached:
            self.emission.flush(self.store, out, errors)


def _store(step: Aggregate, group: Sequence[SqlType], slots: Sequence[Any]) -> GroupState | SessionState:
    window = step.window
    if window is None:
        return GroupState(group, slots, None)
    grace = grace_ms(window)
    if window.kind == "SESSION":
        return SessionState(group, slots, max(window.retention_ms or 0, grace + window.size_ms))
    return GroupState(group, slots, max(window.retention_ms or 0, window.size_ms + grace))


def grace_ms(window: ast.Window) -> int:
    """Given, or ksqlDB's default: what is left of 24 hours after the size (of a session: the gap)."""
    if window.grace_ms is not None:
        return window.grace_ms
    return max(86_400_000 - window.size_ms, 0)


class _Writer:
    """Writes `process`."""

    def __init__(self, code: RowCode, step: Aggregate, emission: Emission, cached: bool) -> None:
        self.code = code
        self.step = step
        self.emission = emission
        self.cached = cached

    def text(self) -> str:
        body = Text()
        body.depth = 2
        body.add("if r0 is None: continue")
        names = [f"x{n}_{m}" for n, call in enumerate(self.step.calls) for m in range(len(call.arguments))]
        with body.block("try:"):
            self._row(body, names)
        with body.block("except Exception:"):
            body.add("found = slow(b, i, errors)", "if found is None: continue")
            parts = [f"found[{n}]" for n in range(len(self.step.group))]
            body.add(f"g = {self._group_source(parts)}")
            if names:
                body.add(f"{', '.join(names)}, = found[{len(parts)}:]")
        body.add(self._null_check())
        self._update(body)
        text = Text()
        with text.block("def process(b, out, errors, store):"):
            self._opening(text)
            text.add(loop_header(str(body), always=("r0", "ts0")))
            text.lines += body.lines
            text.add("store.stream_time = stream_time", "store.late += late")
        return str(text)

    def _row(self, body: Text, names: Sequence[str]) -> None:
        arguments = [argument for call in self.step.calls for argument in call.arguments]
        wanted: list[Typed] = [*self.step.group, *arguments]
        probe = RowCode(self.code.plan, self.code.query_id)
        before, sources = probe.values(wanted)
        self.code.write(body, "\n".join(before + sources))
        before, sources = self.code.values(wanted)
        body.add(*before)
        split = len(self.step.group)
        body.add(f"g = {self._group_source(sources[:split])}")
        for name, source in zip(names, sources[split:], strict=True):
            body.add(f"{name} = {source}")

    def _null_check(self) -> str:
        if len(self.step.group) == 1:
            return "if g is None: continue"
        return "if " + " or ".join(f"g[{n}] is None" for n in range(len(self.step.group))) + ": continue"

    def _opening(self, text: Text) -> None:
        text.add("stream_time = store.stream_time", "late = 0", *self.code.emitter.opening)
        if self.step.window is None:
            text.add("w = store.windows.setdefault(0, {})", "d = store.dirty.setdefault(0, {})")
        elif self.step.window.kind != "SESSION":
            text.add("last = None")
        if not self.cached:
            text.add(*self.emission.opening)

    def _update(self, body: Text) -> None:
        window = self.step.window
        if window is None:
            self._group(body)
            return
        body.add("if ts0 > stream_time: stream_time = ts0")
        if window.kind == "SESSION":
            write_session(body, window, grace_ms(window), self._new_state(), self._add(), self.cached)
            if not self.cached:
                self.emission.write_session_rows(body)
        else:
            write_windows(body, window, grace_ms(window), self._group)

    def _group(self, body: Text) -> None:
        """With `w` the groups of one window and `d` those of them that changed: update the state of g."""
        body.add("st = w.get(g)")
        with body.block("if st is None:"):
            body.add(f"st = w[g] = {self._new_state()}")
        body.add("elif ts0 > st[0]: st[0] = ts0", *self._add())
        body.add("d[g] = st")
        if not self.cached:
            self.emission.write_row(body)

    def _new_state(self) -> str:
        slots = [slot.initial for call in self.step.calls for slot in call.function.slots]
        return f"[ts0, False{''.join(', ' + initial for initial in slots)}]"

    def _add(self) -> list[str]:
        lines = []
        for n, (call, base) in enumerate(zip(self.step.calls, bases(self.step), strict=True)):
            values = {f"x{m}": f"x{n}_{m}" for m in range(len(call.arguments))}
            lines += fill(call.function.add, slot_names(call, base) | values)
        return lines

    def _group_source(self, sources: Sequence[str]) -> str:
        """The key of the group; an ARRAY becomes a tuple, which can be looked up."""
        arrays = [isinstance(part.type, Array) for part in self.step.group]
        parts = [f"frozen({each})" if array else each for each, array in zip(sources, arrays, strict=True)]
        return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
