"""Joins that keep rows: a tree of nodes in front of a query's own program.

In:  batches of any source. Out: what the inner program makes of joined rows, which it reads as one source.

    batch 1 --leaf--> (key, row, time) --.
    batch 2 --leaf--> ------------------- node --> node --> Joined rows --Batch--> inner program --> Output
    batch 3 --leaf--> ----------------------------'

One record at a time goes through the whole tree, so the answer is the same whatever the batches are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Any

from penstock.language.catalog import TABLE
from penstock.language.expressions import Typed
from penstock.plan.steps import (
    ForeignJoin,
    Joined,
    Lookup,
    QueryPlan,
    Read,
    Step,
    StreamJoin,
    TableJoin,
    find,
)
from penstock.run.batch import Batch
from penstock.run.evaluate import describe
from penstock.run.joins_rows import KeyOrder, Row, SideLayout, key_function, side_layouts, windowed_key
from penstock.run.joins_state import Stores, StreamRows, TableRows
from penstock.run.joins_streams import Emit, StreamJoinNode, kept_ms
from penstock.run.joins_tables import ForeignJoinNode, ForeignRows, LookupNode, TableJoinNode, TableLeaf
from penstock.run.processing_log import Entry, Place, processing_entry
from penstock.run.program import Output, Program
from penstock.run.state import StateStore, key_type
from penstock.run.tables import TableStore
from penstock.topics.base import Chunk
from penstock.types import SqlType, frozen

Accept = Callable[[Any, Any, int, int], None]


class JoinProgram:
    """The program of a query with a tree of joins; `inner` reads what the joins give."""

    def __init__(self, plan: QueryPlan, query_id: str, inner: Program) -> None:
        joined = find(plan.root, Joined)
        assert isinstance(joined, Joined)
        self.inner = inner
        self.source_text = inner.source_text
        self.tables: dict[int, TableStore] = {}
        self.results = _Results()
        self.reading = _Reading(query_id)
        tree = _Tree(plan, self.reading)
        tree.build(joined.input, self.results.add)
        self.leaves = tree.leaves
        self.windowed = joined.source.source.window is not None
        own = [] if inner.store is None else [inner.store]
        self.store: StateStore | None = Stores([*tree.states, *own])

    @property
    def late(self) -> int:
        return self.inner.late

    def take(self, index: int, batch: Batch, out: Output, errors: list[Entry]) -> None:
        """Records of the source with this number."""
        leaf = self.leaves[index]
        self.reading.batch, self.reading.topic, self.reading.errors = batch, leaf.topic, errors
        leaf.feed(batch)
        if self.results.rows:
            self.inner.process(self.results.batch(batch, self.windowed), out, errors)
            self.results.clear()

    def process(self, batch: Batch, out: Output, errors: list[Entry]) -> None:
        self.take(min(self.leaves), batch, out, errors)

    def flush(self, out: Output, errors: list[Entry]) -> None:
        self.inner.flush(out, errors)


def in_order(chunk: Chunk, taken: Sequence[tuple[int, Batch]]) -> Iterator[tuple[int, Batch]]:
    """Batches of one chunk for several sources of one query: record by record, each to all of them."""
    if len(taken) < 2:
        yield from taken
        return
    found = [
        {place: i for i, place in enumerate(zip(batch.partitions, batch.offsets, strict=True))}
        for _, batch in taken
    ]
    if chunk.partitions:
        for index, batch in taken:
            yield index, replace(_one(batch, 0, 0), failures=batch.failures)
    for place in zip(chunk.partitions, chunk.offsets, strict=True):
        for (index, batch), places in zip(taken, found, strict=True):
            if place in places:
                yield index, _one(batch, places[place], 1)


def _one(batch: Batch, i: int, count: int) -> Batch:
    """`count` records from the one at i."""

    def at(column: Sequence[Any]) -> Sequence[Any]:
        return column[i : i + count]

    return Batch(
        at(batch.keys),
        at(batch.rows),
        at(batch.timestamps),
        at(batch.partitions),
        at(batch.offsets),
        at(batch.headers),
        at(batch.window_starts),
        at(batch.window_ends),
        records=count,
    )


class _Reading:
    """The batch that is being read, and the failures of its records."""

    def __init__(self, query_id: str) -> None:
        self.query_id = query_id
        self.batch: Any = None
        self.topic = ""
        self.errors: list[Entry] = []

    def guarded(self, function: Callable[[Row], Any]) -> Callable[[Row, int], Any]:
        """A join key that can't be computed is NULL, with a line in the processing log."""

        def key(row: Row, i: int) -> Any:
            try:
                return function(row)
            except Exception as error:
                place = Place(self.topic, self.batch.partitions[i], self.batch.offsets[i])
                reason = f"Error computing expression JOIN ON: {describe(error)}"
                self.errors.append(processing_entry(f"processing.{self.query_id}.Join", reason, None, place))
                return None

        return key


class _Results:
    """What came out of the tree, until the batch is through."""

    def __init__(self) -> None:
        self.keys: list[Any] = []
        self.rows: list[Row | None] = []
        self.times: list[int] = []
        self.causes: list[int] = []

    def add(self, key: Any, row: Row | None, time: int, i: int, known: bool) -> None:
        self.keys.append(key)
        self.rows.append(row)
        self.times.append(time)
        self.causes.append(i)

    def batch(self, read: Batch, windowed: bool) -> Batch:
        """The joined rows, each with the place and the headers of the record that caused it."""
        causes, keys = self.causes, self.keys
        carries = bool(read.headers) and any(read.headers)
        starts: Sequence[int | None] = ()
        ends: Sequence[int | None] = ()
        if windowed:
            starts = [None if key is None else key[1] for key in keys]
            ends = [None if key is None else key[2] for key in keys]
            keys = [None if key is None else key[0] for key in keys]
        return Batch(
            list(keys),
            list(self.rows),
            list(self.times),
            [read.partitions[i] for i in causes],
            [read.offsets[i] for i in causes],
            [read.headers[i] for i in causes] if carries else (),
            starts,
            ends,
            records=len(keys),
        )

    def clear(self) -> None:
        for column in (self.keys, self.rows, self.times, self.causes):
            column.clear()


class _Leaf:
    """From the records of one source to keys, rows and times."""

    def __init__(
        self, layout: SideLayout, key: Callable[[Row, int], Any] | None, accept: Accept, size_ms: int | None
    ) -> None:
        source = layout.source.source
        self.layout = layout
        self.key = key
        self.accept = accept
        self.topic = source.topic
        self.keeps_nulls = source.kind == TABLE
        self.windowed = source.window is not None
        self.size_ms = size_ms

    def feed(self, batch: Batch) -> None:
        accept, key_of = self.accept, self.key
        keys = self._keys(batch) if key_of is None else repeat(None)
        columns = zip(keys, batch.rows, self.layout.rows(batch), batch.timestamps, strict=False)
        for i, (key, value, row, time) in enumerate(columns):
            if value is not None:
                accept(key if key_of is None else key_of(row, i), row, time, i)
            elif self.keeps_nulls:
                accept(key, None, time, i)

    def _keys(self, batch: Batch) -> Sequence[Any]:
        """A windowed key is told apart by its window; of windows of one size the start decides."""
        if not self.windowed:
            return batch.keys
        size = self.size_ms
        return [
            None if key is None else (key, start, end if size is None or start is None else start + size)
            for key, start, end in zip(batch.keys, batch.window_starts, batch.window_ends, strict=True)
        ]


class _Tree:
    """Makes the nodes of a tree of joins, from the last join down to the sources."""

    def __init__(self, plan: QueryPlan, reading: _Reading) -> None:
        self.reading = reading
        self.layouts = {each.source.index: each for each in side_layouts(plan)}
        self.leaves: dict[int, _Leaf] = {}
        self.states: list[StateStore] = []
        window = plan.froms[0].source.window
        self.size_ms = window.size_ms if window is not None else None
        self.first = plan.froms[0].source

    def build(self, step: Step, emit: Emit) -> Any:
        """The node of a step; its results go to `emit`."""
        return BUILDERS[type(step)](self, step, emit)

    # --- joins ---

    def stream_join(self, step: StreamJoin, emit: Emit) -> StreamJoinNode:
        left, right = self._layout(step.left), self._layout(step.right)
        kinds = self._key_types(step)
        window = self.first.window
        key = key_type(kinds)
        state = StreamRows(
            key if window is None else windowed_key(key),
            self._types(left),
            self._types(right),
            kept_ms(step),
        )
        self.states.append(state)
        order = KeyOrder(self.first.key_format, kinds, window)
        node = StreamJoinNode(step, state, (self._null(left), self._null(right)), order, emit)
        self._stream(step.left, step.left_key, node.left)
        self._stream(step.right, step.right_key, node.right)
        return node

    def lookup(self, step: Lookup, emit: Emit) -> LookupNode:
        table = self._leaf_of_table(step.table, None)
        node = LookupNode(table, step.kind, self._null(self._layout(step.table)), emit)
        self._stream(step.input, step.key, node.left)
        return node

    def table_join(self, step: TableJoin, emit: Emit) -> TableJoinNode:
        nulls = self._null(self._layout(step.left)), self._null(self._layout(step.right))
        node = TableJoinNode((_Later(), _Later()), step.kind, nulls, emit)
        if isinstance(step.left, Read):
            left: Any = self._leaf_of_table(step.left, node.left)
        else:
            left = self.build(step.left, node.left)
        node.sides = (left, self._leaf_of_table(step.right, node.right))
        return node

    def foreign_join(self, step: ForeignJoin, emit: Emit) -> ForeignJoinNode:
        (left,), (right,) = self._layout(step.left), self._layout(step.right)
        kinds = [column.type for column in step.left.source.source.schema.key]
        foreign = key_type([step.key.type])
        rows = ForeignRows(key_type(kinds), foreign, left.types)
        others = TableRows(foreign, right.types)
        self.states += [rows, others]
        order = KeyOrder(step.left.source.source.key_format, kinds, None)
        key_of = self.reading.guarded(key_function(step.key, left.names))
        node = ForeignJoinNode(rows, others, step.kind, key_of, right.null, order, emit)
        self.leaves[left.source.index] = _Leaf(left, None, _frozen_keys(kinds, node.left_change), None)
        self.leaves[right.source.index] = _Leaf(
            right, None, _frozen_keys([step.key.type], node.right_change), None
        )
        return node

    # --- what feeds a join ---

    def _stream(self, step: Step, key: Typed | None, accept: Accept) -> None:
        """Rows of a source or of a join before, by the key the next join wants."""
        names = [name for each in self._layout(step) for name in each.names]
        key_of = None if key is None else self.reading.guarded(key_function(key, names))
        if isinstance(step, Read):
            layout = self.layouts[step.source.index]
            if key_of is None:
                accept = _frozen_keys([column.type for column in step.source.source.schema.key], accept)
            self.leaves[step.source.index] = _Leaf(layout, key_of, accept, self.size_ms)
        elif key_of is None:
            self.build(step, lambda k, row, time, i, known: accept(k, row, time, i))
        else:
            self.build(step, _rekeyed(key_of, accept))

    def _leaf_of_table(self, step: Read, emit: Emit | None) -> TableLeaf:
        layout = self.layouts[step.source.index]
        kinds = [column.type for column in step.source.source.schema.key]
        windowed = step.source.source.window is not None
        key = key_type(kinds)
        state = TableRows(windowed_key(key) if windowed else key, layout.types)
        self.states.append(state)
        leaf = TableLeaf(state, emit)
        self.leaves[step.source.index] = _Leaf(layout, None, _frozen_keys(kinds, leaf.change), self.size_ms)
        return leaf

    # --- what a side is made of ---

    def _layout(self, step: Step) -> list[SideLayout]:
        if isinstance(step, Read):
            return [self.layouts[step.source.index]]
        return [each for part in step.inputs for each in self._layout(part)]

    def _types(self, layouts: Sequence[SideLayout]) -> list[Any]:
        return [kind for each in layouts for kind in each.types]

    def _null(self, layouts: Sequence[SideLayout]) -> Row:
        return tuple(part for each in layouts for part in each.null)

    def _key_types(self, step: StreamJoin) -> list[SqlType]:
        if step.right_key is not None:
            return [step.right_key.type]
        return [column.type for column in step.right.source.source.schema.key]


def _rekeyed(key_of: Callable[[Row, int], Any], accept: Accept) -> Emit:
    def emit(key: Any, row: Row | None, time: int, i: int, known: bool) -> None:
        assert row is not None, "only streams get new keys"
        accept(key_of(row, i), row, time, i)

    return emit


class _Later:
    """Stands for a side until it is built: the node must be there before what feeds it."""

    def get(self, key: Any) -> None:
        raise AssertionError(key)


def _frozen_keys(kinds: Sequence[SqlType], accept: Accept) -> Accept:
    """An ARRAY is a key as a tuple."""
    if not any(_holds_list(kind) for kind in kinds):
        return accept
    return lambda key, row, time, i: accept(frozen(key), row, time, i)


def _holds_list(kind: SqlType) -> bool:
    return str(kind).startswith("ARRAY")


BUILDERS: dict[type[Step], Callable[[Any, Any, Emit], Any]] = {
    StreamJoin: _Tree.stream_join,
    Lookup: _Tree.lookup,
    TableJoin: _Tree.table_join,
    ForeignJoin: _Tree.foreign_join,
}
