"""STEPS BECOME MOVING ROWS: the generated function of a GROUP BY.

In:  a plan Read -> Lookup* -> Where -> Aggregate -> Having -> Project. Out: a Program with a GroupState or
SessionState. The functions' own code (functions/aggregates) is inlined, one slot of the state for each value.

    row --(lookups, filter)--> group key g, arguments x0_0, ... --(window)--> st = [time, emitted, slots...]

With a cache (ksqlDB's cache.max.bytes.buffering, on by default) the updates of one key between two commits
are emitted as one, its last; without, each row emits at once. With EMIT FINAL a window emits when it closes
(final.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappush

from penstock.functions.registry import Slot
from penstock.language.expressions import Typed
from penstock.plan.steps import Aggregate, Having, QueryPlan, find
from penstock.plan.windows import grace_ms
from penstock.run.batch import Batch
from penstock.run.compiler import RowCode
from penstock.run.emission import Emission
from penstock.run.final import FINALS, FinalSessions, FinalWindows
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
        self.cached = cached and plan.emit != "FINAL"
        self.window = step.window
        self.group = step.group
        self.store: GroupState | SessionState = self.make_store(plan, step)
        self.emission = Emission(
            plan, step, having if isinstance(having, Having) else None, query_id, code.topic, self.cached
        )
        self.final = self._final(plan, step)
        outputs = [("GROUP BY", part) for part in step.group]
        outputs += [(call.function.name, argument) for call in step.calls for argument in call.arguments]
        code.constants |= {
            "slow": code.slow(outputs),
            "frozen": frozen,
            **helpers(step),
            **self.emission.constants,
            "final": self.final,
            "heappush": heappush,
        }
        if step.window is not None and step.window.kind == "SESSION":
            code.constants["merge_sessions"] = SessionMerger(step).merge
        self.source_text = self.written(code, step)
        self.function = compile_function("process", self.source_text, code.constants)

    def make_store(self, plan: QueryPlan, step: Aggregate) -> GroupState | SessionState:
        return _store(step, [part.type for part in step.group], slots_of(step))

    def written(self, code: RowCode, step: Aggregate) -> str:
        return Writer(code, step, self.emission, self.cached, self.final).text()

    def _final(self, plan: QueryPlan, step: Aggregate) -> FinalWindows | FinalSessions | None:
        if plan.emit != "FINAL":
            return None
        assert step.window is not None
        return FINALS[step.window.kind](plan, step, self.emission, step.window, grace_ms(step.window))

    @property
    def late(self) -> int:
        return self.store.late

    def process(self, batch: Batch, out: Output, errors: list[Entry]) -> None:
        if self.cached or (out.headers is None and not (batch.headers and any(batch.headers))):
            self.function(batch, out, errors, self.store)
        else:
            self._process_with_headers(batch, out, errors)

    def _process_with_headers(self, batch: Batch, out: Output, errors: list[Entry]) -> None:
        """A result that is emitted at once has the headers of the record that caused it.

        Records with headers are rare; neighbours with the same ones are taken together.
        """
        if out.headers is None:
            out.headers = [()] * len(out.rows)
        start, headers = 0, batch.headers or [()] * len(batch.rows)
        for end in range(1, len(batch.rows) + 1):
            if end == len(batch.rows) or headers[end] != headers[start]:
                self.function(batch.part(start, end), out, errors, self.store)
                out.headers += [headers[start]] * (len(out.rows) - len(out.headers))
                start = end

    def flush(self, out: Output, errors: list[Entry]) -> None:
        if self.cached:
            self.emission.flush(self.store, out, errors)


def slots_of(step: Aggregate) -> list[Slot]:
    return [slot for call in step.calls for slot in call.function.slots]


def _store(step: Aggregate, group: Sequence[SqlType], slots: Sequence[Slot]) -> GroupState | SessionState:
    window = step.window
    if window is None:
        return GroupState(group, slots, None)
    grace = grace_ms(window)
    if window.kind == "SESSION":
        return SessionState(group, slots, max(window.retention_ms or 0, grace + window.size_ms))
    return GroupState(group, slots, max(window.retention_ms or 0, window.size_ms + grace))


class Writer:
    """Writes `process`."""

    def __init__(
        self,
        code: RowCode,
        step: Aggregate,
        emission: Emission,
        cached: bool,
        final: FinalWindows | FinalSessions | None = None,
    ) -> None:
        self.code = code
        self.step = step
        self.emission = emission
        self.cached = cached
        self.final = final
        self.at_once = not cached and final is None

    def text(self) -> str:
        body = Text()
        body.depth = 2
        body.add("if r0 is None: continue")
        self.write_row(body)
        self._update(body)
        text = Text()
        with text.block("def process(b, out, errors, store):"):
            self._opening(text)
            text.add(loop_header(str(body), always=("r0", "ts0")))
            text.lines += body.lines
            text.add("store.stream_time = stream_time", "store.late += late")
        return str(text)

    @property
    def names(self) -> list[str]:
        """The locals that hold the arguments of all calls."""
        return [f"x{n}_{m}" for n, call in enumerate(self.step.calls) for m in range(len(call.arguments))]

    def write_row(self, body: Text) -> None:
        """From a row to its group `g` and the arguments; `continue` for a row that is in no group."""
        names = self.names
        with body.block("try:"):
            self._row(body, names)
        with body.block("except Exception:"):
            body.add("found = slow(b, i, errors)", "if found is None: continue")
            parts = [f"found[{n}]" for n in range(len(self.step.group))]
            body.add(f"g = {self._group_source(parts)}")
            if names:
                body.add(f"{', '.join(names)}, = found[{len(parts)}:]")
        body.add(*self._null_check())

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

    def _null_check(self) -> list[str]:
        parts = ["g"] if len(self.step.group) == 1 else [f"g[{n}]" for n in range(len(self.step.group))]
        return [f"if {' or '.join(f'{part} is None' for part in parts)}: continue"] if parts else []

    def _opening(self, text: Text) -> None:
        text.add("stream_time = store.stream_time", "late = 0", *self.code.emitter.opening)
        if self.step.window is None:
            text.add("w = store.windows.setdefault(0, {})", "d = store.dirty.setdefault(0, {})")
        elif self.step.window.kind != "SESSION":
            text.add("last = None")
        if self.at_once:
            text.add(*self.emission.opening)
        if self.final is not None:
            text.add(*self.final.opening)

    def _update(self, body: Text) -> None:
        window = self.step.window
        if window is None:
            self.update_group(body)
            return
        body.add("if ts0 > stream_time: stream_time = ts0")
        on_new = self.final.on_new if self.final is not None else ()
        if window.kind == "SESSION":
            write_session(body, window, grace_ms(window), self.new_state(), self.change("add"), on_new)
            self._emit_sessions(body)
        else:
            write_windows(body, window, grace_ms(window), self.update_group, on_new)
        if self.final is not None:
            with body.block("if stream_time >= next_close:"):
                body.add("next_close = final.close(store, stream_time, out, errors)")

    def _emit_sessions(self, body: Text) -> None:
        if self.at_once:
            self.emission.write_session_rows(body)
        elif self.final is not None:
            body.add("store.pending.clear()", "store.tombstones.clear()")

    def update_group(self, body: Text) -> None:
        """With `w` the groups of one window and `d` those of them that changed: update the state of g."""
        body.add("st = w.get(g)")
        with body.block("if st is None:"):
            body.add(f"st = w[g] = {self.new_state()}")
        body.add("elif ts0 > st[0]: st[0] = ts0", *self.change("add"))
        body.add("d[g] = st")
        if self.at_once:
            self.emission.write_row(body)

    def new_state(self) -> str:
        slots = [slot.initial for call in self.step.calls for slot in call.function.slots]
        return f"[ts0, False{''.join(', ' + initial for initial in slots)}]"

    def change(self, kind: str, prefix: str = "x") -> list[str]:
        """The aggregates' own code, `add` or `undo`, over arguments that begin with a prefix."""
        lines = []
        for n, (call, base) in enumerate(zip(self.step.calls, bases(self.step), strict=True)):
            values = {f"x{m}": f"{prefix}{n}_{m}" for m in range(len(call.arguments))}
            lines += fill(getattr(call.function, kind), slot_names(call, base) | values)
        return lines

    def _group_source(self, sources: Sequence[str]) -> str:
        """The key of the group; an ARRAY becomes a tuple, which can be looked up."""
        arrays = [isinstance(part.type, Array) for part in self.step.group]
        parts = [f"frozen({each})" if array else each for each, array in zip(sources, arrays, strict=True)]
        return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
