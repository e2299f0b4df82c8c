"""GROUP BY over a table: a change takes the old row out of its group and puts the new one into its own.

In:  changes of a table: key, row or None. Out: as aggregate.py, whose writer and emission this builds on.

    change --(filter)--> new (group, arguments) or None          rows[key]: what the key stands for now
    old = rows[key]      undo old in its group, add new in its group
                         the same group emits once; another one emits twice, the old group first

An emptied group keeps its row: counts and sums fall back to their beginnings.
Source of the rules: ksqlDB's tests of table aggregation (Kafka Streams, KTableAggregate).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from penstock.functions.registry import Slot
from penstock.plan.steps import Aggregate, QueryPlan
from penstock.run.aggregate import AggregateProgram, Writer, slots_of
from penstock.run.compiler import RowCode
from penstock.run.program import Text, loop_header
from penstock.run.state import GroupState, key_type
from penstock.types import Array, Schema, SqlType, python_type

_encode = msgspec.msgpack.Encoder().encode


def aggregate_program(plan: QueryPlan, query_id: str, cached: bool) -> AggregateProgram:
    """Groups of a stream or of a table, by what the query reads."""
    made = AggregateProgram if plan.froms[0].source.is_stream else TableAggregateProgram
    return made(plan, query_id, cached)


class TableAggregateProgram(AggregateProgram):
    """Groups of a table."""

    def make_store(self, plan: QueryPlan, step: Aggregate) -> GroupState:
        group = [part.type for part in step.group]
        arguments = [argument.type for call in step.calls for argument in call.arguments]
        return TableGroupState(plan.driver.source.schema, group, arguments, slots_of(step))

    def written(self, code: RowCode, step: Aggregate) -> str:
        return _TableWriter(code, step, self.emission, self.cached).text()


class TableGroupState(GroupState):
    """Groups, and of every key of the source what it stands for in them: (group key, arguments...)."""

    def __init__(
        self, source: Schema, group: Sequence[SqlType], arguments: Sequence[SqlType], slots: Sequence[Slot]
    ) -> None:
        super().__init__(group, slots, None)
        self.rows: dict[Any, tuple[Any, ...]] = {}
        self.changed: dict[Any, tuple[Any, ...] | None] = {}
        key: Any = key_type([column.type for column in source.key])
        row: Any = tuple[(key_type(group), *(python_type(kind) | None for kind in arguments))]  # type: ignore[misc]
        self._rows_decoder = msgspec.msgpack.Decoder(tuple[bytes, dict[key, row | None]])

    def changed_keys(self) -> int:
        return super().changed_keys() + len(self.changed)

    def changes(self) -> bytes | None:
        changed = self.changed.copy()
        self.changed.clear()
        # Every row that changed has changed a group.
        groups = super().changes()
        return None if groups is None else _encode((groups, changed))

    def snapshot(self) -> bytes:
        return _encode((super().snapshot(), self.rows))

    def restore(self, payload: bytes) -> None:
        groups, rows = self._rows_decoder.decode(payload)
        super().restore(groups)
        for key, row in rows.items():
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row

    def clear(self) -> None:
        super().clear()
        self.rows.clear()
        self.changed.clear()


class _TableWriter(Writer):
    def text(self) -> str:
        body = Text()
        body.depth = 2
        body.add("if k0 is None: continue", f"key = {self._key()}")
        body.add("new = None")
        with body.block("if r0 is not None:"), body.block("for _ in once:"):
            # One turn: `continue` leaves it for a row that is in no group.
            self.write_row(body)
            body.add(f"new = (g, {', '.join(self.names)})" if self.names else "new = (g,)")
        body.add("old = rows.pop(key, None)")
        body.add("if new is not None: rows[key] = new", "elif old is None: continue")
        body.add("changed[key] = new")
        self._take_out(body)
        self._put_in(body)
        text = Text()
        with text.block("def process(b, out, errors, store):"):
            text.add("w = store.windows.setdefault(0, {})", "d = store.dirty.setdefault(0, {})")
            text.add("rows = store.rows", "changed = store.changed", "once = (None,)")
            text.add(*self.code.emitter.opening, *([] if self.cached else self.emission.opening))
            text.add(loop_header(str(body), always=("k0", "r0", "ts0")))
            text.lines += body.lines
        return str(text)

    def _key(self) -> str:
        keys = self.code.froms[0].source.schema.key
        return "frozen(k0)" if any(isinstance(column.type, Array) for column in keys) else "k0"

    def _take_out(self, body: Text) -> None:
        with body.block("if old is not None:"):
            names = [name.replace("x", "y", 1) for name in self.names]
            body.add(f"{', '.join(['g', *names])}, = old")
            body.add("st = w[g]", "if ts0 > st[0]: st[0] = ts0", *self.change("undo", "y"), "d[g] = st")
            if not self.cached:
                with body.block("if new is None or new[0] != g:"):
                    self.emission.write_row(body)

    def _put_in(self, body: Text) -> None:
        with body.block("if new is not None:"):
            body.add("g = new[0]")
            self.update_group(body)
