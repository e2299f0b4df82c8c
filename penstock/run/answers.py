"""Pull and push queries: rows for one who asks, not for a topic.

In:  a plan without a sink. Out: pull: the current rows of a table's state, or a bounded scan of a stream;
push: rows handed on as they come. Both run the same generated programs as persistent queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.errors import StatementError
from penstock.formats.formats import key_codec
from penstock.formats.registry import Registry
from penstock.language.catalog import Source
from penstock.plan.steps import Aggregate, Flatten, Joined, QueryPlan, find
from penstock.run.aggregate import AggregateProgram
from penstock.run.batch import Batch, Decoder
from penstock.run.compiler import StatelessProgram
from penstock.run.flatten import FlattenProgram
from penstock.run.joins import JoinProgram, in_order
from penstock.run.processing_log import Entry
from penstock.run.program import Output, Program
from penstock.run.state import GroupState, SessionState, TableState
from penstock.run.table_aggregate import aggregate_program
from penstock.topics.base import Log, Start
from penstock.types import Array, Schema, SqlType, struct_values


@dataclass(frozen=True, slots=True)
class PullResult:
    """`rows` hold one value for each column of `schema.value`, in order."""

    schema: Schema
    rows: list[list[Any]]


@dataclass(frozen=True, slots=True)
class PushRow:
    """One value for each column. A tombstone is a deleted row of a table: its key, and NULL elsewhere."""

    values: list[Any]
    tombstone: bool = False


class RowSink(Protocol):
    """Takes the rows of a push query. Called on the engine's thread: must not block."""

    def ready(self) -> bool:
        """False while the receiver is behind: nothing is read for it meanwhile."""
        ...

    def rows(self, rows: list[PushRow]) -> None:
        """Rows in order."""
        ...

    def failed(self, reason: str) -> None:
        """The query has ended; no rows follow."""
        ...


class PushQuery:
    """A query that lives as long as someone listens."""

    def __init__(
        self,
        plan: QueryPlan,
        log: Log,
        decoder_of: Callable[[Any], Decoder],
        sink: RowSink,
        properties: Mapping[str, str],
    ) -> None:
        self.sink = sink
        self.is_table = plan.is_table
        self.closed = False
        self.program: Program = _program(plan, "transient")
        self.inputs = [(each.index, each.source.topic, decoder_of(each.source)) for each in plan.froms]
        starts: dict[str, Start | Mapping[int, int]] = {}
        for each in plan.froms:
            earliest = not each.source.is_stream or _from_earliest(properties)
            starts[each.source.topic] = "earliest" if earliest else "latest"
        self.reader = log.reader(starts)
        self.windowed = plan.windowed or plan.froms[0].source.window is not None
        self.slots = [getattr(typed, "slot", "") for _, typed in plan.root.value]

    def step(self, records_max: int) -> int:
        if self.closed or not self.sink.ready():
            return 0
        out, errors, records = Output(), list[Entry](), 0
        for chunk in self.reader.poll(records_max):
            records += len(chunk)
            taken = [
                (index, decoder.batch(chunk)) for index, topic, decoder in self.inputs if topic == chunk.topic
            ]
            for index, batch in in_order(chunk, taken) if isinstance(self.program, JoinProgram) else taken:
                _take(self.program, index, batch, out, errors)
        self.program.flush(out, errors)
        if self.program.store is not None:
            self.program.store.changes()
        if not self.is_table:
            # A stream's null row says nothing to one who asks for its columns.
            out = _without_nulls(out)
        if out.rows:
            self.sink.rows([self._row(key, row) for key, row in zip(out.keys, out.rows, strict=True)])
        return records

    def _row(self, key: Any, row: Any) -> PushRow:
        if row is not None:
            return PushRow(struct_values(row))
        inner, start, end = key if self.windowed else (key, None, None)
        bound = {"k0": inner, "ws0": start, "we0": end, "g": inner, "ws": start, "we": end}
        parts = inner if isinstance(inner, tuple) else (inner,)
        bound |= {f"(None if k0 is None else k0[{n}])": part for n, part in enumerate(parts)}
        return PushRow([bound.get(slot) for slot in self.slots], tombstone=True)

    def close(self) -> None:
        """May be called from any thread; the engine forgets the query in its next cycle."""
        self.closed = True


def _without_nulls(out: Output) -> Output:
    kept = [place for place, row in enumerate(out.rows) if row is not None]
    if len(kept) == len(out.rows):
        return out
    return Output([out.keys[place] for place in kept], [out.rows[place] for place in kept])


def pull_stream(plan: QueryPlan, log: Log, registry: Registry | None = None) -> PullResult:
    """From the earliest record to the last one there is now."""
    _check_pull(plan)
    source = plan.froms[0].source
    program, decoder = _program(plan, "pull"), Decoder(source, registry=registry)
    reader = log.reader({source.topic: "earliest"})
    left = reader.lag()
    out, errors = Output(), list[Entry]()
    while left > 0 and (chunks := reader.poll(min(left, 8_192))):
        for chunk in chunks:
            left -= len(chunk)
            program.process(decoder.batch(chunk), out, errors)
        if plan.limit is not None and len(out.rows) >= plan.limit:
            break
    reader.close()
    return _result(plan, out)


def pull_table(plan: QueryPlan, running: Any) -> PullResult:
    """The current rows of a materialised table. `running` is the RunningQuery that keeps it."""
    _check_pull(plan)
    out = Output()
    batch = materialized(running.program)
    if plan.limit is not None:
        batch = _by_key(batch, plan.froms[0].source)
    if len(batch.rows):
        _program(plan, "pull").process(batch, out, [])
    return _result(plan, out)


def materialized(program: Program) -> Batch:
    """The rows a query's state stands for, as a batch of its table."""
    if isinstance(program, JoinProgram):
        program = program.inner
    store = program.store
    if isinstance(store, TableState):
        keys = list(map(_thaw(store.key), store.passed))
        rows = [row for _, row in store.passed.values()]
        times = [time for time, _ in store.passed.values()]
        return Batch(keys, rows, times, [0] * len(keys), [0] * len(keys), (), (), ())
    assert isinstance(program, AggregateProgram)
    out = program.emission.rows(_states(program))
    kept = [position for position, row in enumerate(out.rows) if row is not None]
    keys = [out.keys[position] for position in kept]
    zeros = [0] * len(kept)
    windowed = program.window is not None
    thaw = _thaw([part.type for part in program.group])
    return Batch(
        [thaw(key[0]) for key in keys] if windowed else list(map(thaw, keys)),
        [out.rows[position] for position in kept],
        [out.timestamps[position] for position in kept],
        zeros,
        zeros,
        (),
        [key[1] for key in keys] if windowed else (),
        [key[2] for key in keys] if windowed else (),
    )


def _by_key(batch: Batch, source: Source) -> Batch:
    """In order of key bytes and window, as a store has its rows: which ones a LIMIT leaves must not vary."""
    payloads, _ = key_codec(source.key_format, source.schema.key).encode(batch.keys)
    starts = batch.window_starts or [0] * len(payloads)
    order = sorted(range(len(payloads)), key=lambda place: (payloads[place] or b"", starts[place] or 0))
    return batch.pick(order)


def _thaw(parts: Sequence[SqlType]) -> Callable[[Any], Any]:
    """A group key as a key of the table: its ARRAYs are lists again."""
    if not any(isinstance(part, Array) for part in parts):
        return lambda key: key
    if len(parts) == 1:
        return _thawed
    return lambda key: tuple(
        _thawed(value) if isinstance(kind, Array) else value for kind, value in zip(parts, key, strict=True)
    )


def _thawed(value: Any) -> Any:
    return [_thawed(each) for each in value] if isinstance(value, tuple) else value


def _states(program: AggregateProgram) -> Iterable[tuple[Any, int, int, list[Any]]]:
    store = program.store
    if isinstance(store, SessionState):
        for g, sessions in store.groups.items():
            yield from ((g, start, end, state) for start, end, state in sessions)
        return
    assert isinstance(store, GroupState)
    size = program.window.size_ms if program.window is not None else 0
    for start in sorted(store.windows):
        yield from ((g, start, start + size, state) for g, state in store.windows[start].items())


def _program(plan: QueryPlan, name: str) -> Program:
    program = _row_program(plan, name)
    return program if find(plan.root, Joined) is None else JoinProgram(plan, name, program)


def _row_program(plan: QueryPlan, name: str) -> Program:
    if find(plan.root, Aggregate) is not None:
        return aggregate_program(plan, name, cached=False)
    if find(plan.root, Flatten) is not None:
        return FlattenProgram(plan, name)
    return StatelessProgram(plan, name, keep_partition=False)


def _take(program: Program, index: int, batch: Batch, out: Output, errors: list[Entry]) -> None:
    if isinstance(program, JoinProgram):
        program.take(index, batch, out, errors)
    elif index > 0:
        program.tables[index].update(batch)
    else:
        program.process(batch, out, errors)


def _result(plan: QueryPlan, out: Output) -> PullResult:
    rows = [struct_values(row) for row in out.rows if row is not None]
    return PullResult(plan.schema, rows if plan.limit is None else rows[: plan.limit])


def _check_pull(plan: QueryPlan) -> None:
    if len(plan.froms) > 1 or find(plan.root, Aggregate) is not None:
        raise StatementError(
            "Pull queries don't support JOIN or GROUP BY clauses. "
            "Add EMIT CHANGES if you intended to issue a push query."
        )


def _from_earliest(properties: Mapping[str, str]) -> bool:
    names = ("auto.offset.reset", "ksql.streams.auto.offset.reset")
    return any(properties.get(name, "").lower() == "earliest" for name in names)
