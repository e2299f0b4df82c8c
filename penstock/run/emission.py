"""From the state of a group to an output row: results, HAVING, projection, tombstones.

In:  group keys with their states. Out: rows in an Output. One generated function for a whole flush, and the
same lines inlined after each update when there is no cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from penstock.language.expressions import Typed
from penstock.plan.steps import Aggregate, Having, QueryPlan
from penstock.run.codegen import Emitter
from penstock.run.evaluate import compile_each, describe
from penstock.run.processing_log import Entry, Place, processing_entry
from penstock.run.program import Output, Text, compile_function
from penstock.run.slots import bases, helpers, result_source
from penstock.run.state import GroupState, SessionState
from penstock.types import row_class


class Emission:
    """Writes and runs the code that turns a state `st` of group `g` in window [ws, we] into a row."""

    def __init__(
        self,
        plan: QueryPlan,
        step: Aggregate,
        having: Having | None,
        query_id: str,
        topic: str,
        cached: bool,
    ) -> None:
        self.plan = plan
        self.cached = cached
        self.step = step
        self.having = having
        self.window = step.window
        self.constants: dict[str, Any] = {"Row": row_class(plan.schema.value), **helpers(step)}
        self.emitter = Emitter(self.constants)
        self.constants["slow_emit"] = _SlowEmission(plan, step, having, query_id, topic)
        self.opening = [
            "add_key = out.keys.append",
            "add_row = out.rows.append",
            "add_ts = out.timestamps.append",
        ]
        self.lines = self._lines()
        self.function = compile_function("flush", self._flush_text(), self.constants)

    def write_row(self, body: Text) -> None:
        """Emit the group just updated; `g`, `st` and, with a window, `ws` are bound."""
        if self.window is not None:
            body.add(f"we = ws + {self.window.size_ms}")
        body.add(*self.lines)

    def write_session_rows(self, body: Text) -> None:
        """Emit what the updates left: tombstones of merged sessions, then the sessions.

        With a cache a session that came back with the same bounds is one that was emitted and has changed.
        """
        with body.block("for old in store.tombstones:"):
            if self.cached:
                body.add("back = store.pending.get(old)")
                body.add("if back is not None: back[1] = True; continue")
            body.add("add_key(old); add_row(None); add_ts(old[2])")
        with body.block("for (g, ws, we), st in store.pending.items():"):
            body.add(*self.lines)
        body.add("store.pending.clear()", "store.tombstones.clear()")

    def flush(self, store: GroupState | SessionState, out: Output, errors: list[Entry]) -> None:
        self.function(store, out, errors)

    def rows(self, items: Iterable[tuple[Any, int, int, list[Any]]]) -> Output:
        """The current rows of (g, start, end, state): what a pull query reads. States are not changed."""
        text = Text()
        with text.block("def one(g, ws, we, st, out, errors):"):
            text.add(*self.opening, *self.lines)
        one = compile_function("one", str(text), self.constants)
        out = Output()
        for g, start, end, state in items:
            one(g, start, end, [state[0], False, *state[2:]], out, [])
        return out

    def many(self) -> Callable[[Iterable[tuple[int, int, Any, list[Any]]], Output, list[Entry]], None]:
        """A function that emits (start, end, g, state) one after another."""
        text = Text()
        with text.block("def many(items, out, errors):"):
            text.add(*self.opening)
            with text.block("for ws, we, g, st in items:"):
                text.add(*self.lines)
        return compile_function("many", str(text), self.constants)

    @property
    def _key(self) -> str:
        return "g" if self.window is None else "(g, ws, we)"

    def _lines(self) -> list[str]:
        """st -> row, or a tombstone where a row was emitted that HAVING no longer lets through."""
        text = Text()
        with text.block("try:"):
            for n, (call, base) in enumerate(zip(self.step.calls, bases(self.step), strict=True)):
                text.add(f"agg{n} = {result_source(call, base)}")
            if self.having is not None:
                condition = self.emitter.condition(self.having.condition)
                text.add(*self._drained(), f"matches = {condition}")
            values = [typed for _, typed in self.plan.root.value]
            with text.block("if matches:" if self.having is not None else "if True:"):
                self.emitter.share(values)
                sources = [self.emitter.expression(value) for value in values]
                text.add(*self._drained(), f"row = Row({', '.join(sources)})")
            if self.having is not None:
                text.add("else: row = None")
        with text.block("except Exception:"):
            we = "we" if self.window is not None else "None"
            ws = "ws" if self.window is not None else "None"
            text.add(f"row = slow_emit(g, {ws}, {we}, st, errors)")
        if self.having is None:
            text.add("st[1] = True", f"add_key({self._key}); add_row(row); add_ts(st[0])")
        else:
            with text.block("if row is not None or st[1]:"):
                text.add("st[1] = row is not None")
                text.add(f"add_key({self._key}); add_row(row); add_ts(st[0])")
        return text.lines

    def _drained(self) -> list[str]:
        lines = list(self.emitter.lines)
        self.emitter.lines.clear()
        return lines

    def _flush_text(self) -> str:
        text = Text()
        with text.block("def flush(store, out, errors):"):
            text.add(*self.opening)
            if self.window is not None and self.window.kind == "SESSION":
                self.write_session_rows(text)
            else:
                with text.block("for ws, groups in store.dirty.items():"):
                    if self.window is not None:
                        text.add(f"we = ws + {self.window.size_ms}")
                    with text.block("for g, st in groups.items():"):
                        text.add(*self.lines)
        return str(text)


class _SlowEmission:
    """The same row with each expression on its own: NULL where one fails, with a log entry."""

    def __init__(
        self, plan: QueryPlan, step: Aggregate, having: Having | None, query_id: str, topic: str
    ) -> None:
        self.step = step
        self.row = row_class(plan.schema.value)
        self.query_id = query_id
        self.topic = topic
        self.parameters = ["g", "ws", "we", *(f"agg{n}" for n in range(len(step.calls)))]
        self.results = _results(step)
        self.names = [name for name, _ in plan.root.value]
        values: list[Typed] = [typed for _, typed in plan.root.value]
        self.values = compile_each(values, self.parameters)
        self.having = compile_each([having.condition], self.parameters)[0] if having else None

    def __call__(self, g: Any, ws: Any, we: Any, st: list[Any], errors: list[Entry]) -> Any:
        bound = [g, ws, we, *self.results(st)]
        if (
            self.having is not None
            and self._guarded("HavingFilter", "HAVING", self.having, bound, errors) is not True
        ):
            return None
        return self.row(
            *[
                self._guarded("Project", name, value, bound, errors)
                for name, value in zip(self.names, self.values, strict=True)
            ]
        )

    def _guarded(self, step: str, what: str, function: Any, bound: list[Any], errors: list[Entry]) -> Any:
        try:
            return function(*bound)
        except Exception as error:
            reason = f"Error computing expression {what}: {describe(error)}"
            place = Place(self.topic, -1, -1)
            errors.append(processing_entry(f"processing.{self.query_id}.{step}", reason, None, place))
            return None


def _results(step: Aggregate) -> Any:
    """A function from a state to the results of all calls."""
    text = Text()
    parts = [result_source(call, base) for call, base in zip(step.calls, bases(step), strict=True)]
    with text.block("def results(st):"):
        text.add(f"return [{', '.join(parts)}]")
    return compile_function("results", str(text), helpers(step))
