"""STEPS BECOME MOVING ROWS: the generated function of a query without an aggregate.

In:  a plan Read -> Lookup* -> Where -> Project. Out: a Program: one loop over a batch, expressions inlined,
one `try` around each row. A row that raises goes to slow.py.

    for k0, r0, ts0, i in zip(b.keys, b.rows, b.timestamps, range(len(b.rows))):
        if r0 is None: ...                 a null value: passed on, or dropped where ksqlDB drops it
        try:
            r1 = table1.get(r0.c4, N1)        lookups
            if not (r0.c2 > 0): continue   filter
            row = Row(r0.c0, ...)          projection
        except Exception:
            ...slow path
        add_key(k0); add_row(row); add_ts(ts0)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.language.catalog import TABLE
from penstock.language.expressions import ColumnRef, Literal, Typed, rebuilt
from penstock.language.scope import payload_columns
from penstock.plan.steps import Lookup, Project, QueryPlan, Step, Where, row_steps
from penstock.run.batch import Batch
from penstock.run.codegen import Emitter
from penstock.run.joins_rows import joined_names
from penstock.run.processing_log import Entry
from penstock.run.program import Output, Text, compile_function, loop_header, mentions
from penstock.run.slow import SlowRows
from penstock.run.state import StateStore, TableState
from penstock.run.tables import TableStore
from penstock.types import Array, frozen, row_class


class RowCode:
    """The part every query has: lookups and filter, as lines inside the row's `try`."""

    def __init__(self, plan: QueryPlan, query_id: str) -> None:
        self.plan = plan
        self.query_id = query_id
        self.steps: list[Step] = [step for step in row_steps(plan.root) if isinstance(step, Lookup | Where)]
        self.joined = joined_names(plan)
        driver = plan.driver
        self.froms = plan.froms if driver is plan.froms[0] else (driver, *plan.froms)
        self.constants: dict[str, Any] = {}
        self.emitter = Emitter(self.constants)
        self.tables: dict[int, TableStore] = {}
        self.null_rows: dict[int, Any] = {}
        for step in self.steps:
            if isinstance(step, Lookup):
                source = step.table.source
                self.tables[source.index] = TableStore()
                self.null_rows[source.index] = row_class(payload_columns(source.source))()
                self.constants[f"N{source.index}"] = self.null_rows[source.index]
                self.constants[f"table{source.index}"] = self.tables[source.index].rows
                self.constants[f"times{source.index}"] = self.tables[source.index].times

    @property
    def topic(self) -> str:
        return self.froms[0].source.topic

    def slow(self, outputs: Sequence[tuple[str, Typed]]) -> SlowRows:
        return SlowRows(
            self.steps,
            outputs,
            len(self.froms),
            self.null_rows,
            self.tables,
            self.query_id,
            self.topic,
            joined=self.joined,
        )

    def write(self, text: Text, later: str, dropped: Sequence[str] = ("continue",)) -> None:
        """Lookups and filter; `later` is the text that follows, to leave out what nobody reads.

        `dropped` is what happens to a row that the filter lets go.
        """
        if self.joined:
            text.add(f"{''.join(name + ', ' for name in self.joined)}= r0")
        for step in self.steps:
            if isinstance(step, Lookup):
                self._write_lookup(text, step, later)
            elif isinstance(step, Where):
                condition = self.emitter.condition(step.condition)
                self._drain(text)
                with text.block(f"if not ({condition}):"):
                    text.add(*dropped)

    def _write_lookup(self, text: Text, step: Lookup, later: str) -> None:
        n = step.table.source.index
        key = self.emitter.expression(step.key)
        self._drain(text)
        text.add(f"j{n} = {key}")
        if step.kind == "INNER":
            text.add(f"r{n} = table{n}.get(j{n})", f"if r{n} is None: continue")
            if self._needs(f"k{n}", later):
                text.add(f"k{n} = j{n}")
        else:
            text.add(f"r{n} = table{n}.get(j{n}, N{n})")
            if self._needs(f"k{n}", later):
                text.add(f"k{n} = None if r{n} is N{n} else j{n}")
        if self._needs(f"ts{n}", later):
            text.add(f"ts{n} = times{n}.get(j{n})")

    def _needs(self, name: str, later: str) -> bool:
        own = " ".join(repr(step.condition if isinstance(step, Where) else step.key) for step in self.steps)  # type: ignore[attr-defined]
        return mentions(later, name) or f"slot='{name}'" in own

    def _drain(self, text: Text) -> None:
        """Move the statements the emitter made on the way into the text."""
        text.add(*self.emitter.lines)
        self.emitter.lines.clear()

    def values(self, typed: Sequence[Typed]) -> tuple[list[str], list[str]]:
        """Source of each value, and the statements that must come before them."""
        self.emitter.hold(typed)
        self.emitter.share(typed)
        sources = [self.emitter.expression(part) for part in typed]
        before = list(self.emitter.lines)
        self.emitter.lines.clear()
        return before, sources


class StatelessProgram:
    """Rows in, rows out. A query over a table also keeps which keys it has let through."""

    def __init__(self, plan: QueryPlan, query_id: str, keep_partition: bool) -> None:
        self.late = 0
        self.plan = plan
        code = self.code = RowCode(plan, query_id)
        self.tables = code.tables
        self.over_table = plan.froms[0].source.kind == TABLE and not code.tables
        self.store: StateStore | None = None
        root: Project = plan.root
        outputs = [*root.key, *root.value]
        if self.over_table:
            self.store = TableState(plan.schema)
        self.keep_partition = keep_partition
        self.slow = code.slow(outputs)
        code.constants |= {
            "Row": row_class(tuple(plan.schema.value)),
            "slow": self.slow,
            "slow_row": slow_row(len(root.key)),
            "frozen": frozen,
            "null_row_key": _NullRowKey(code, root),
        }
        self.source_text, self.function = self._written(carries_headers=False)
        self.with_headers: Callable[..., None] | None = None

    def _written(self, carries_headers: bool) -> tuple[str, Callable[..., None]]:
        emitter = self.code.emitter
        self.code.emitter = Emitter(self.code.constants)
        text = _stateless_text(
            self.code, self.plan.root, self.keep_partition, self.over_table, carries_headers
        )
        self.code.emitter = emitter
        return text, compile_function("process", text, self.code.constants)

    def process(self, batch: Batch, out: Output, errors: list[Entry]) -> None:
        if self.keep_partition and out.partitions is None:
            out.partitions = []
        if out.headers is None and not (batch.headers and any(batch.headers)):
            self.function(batch, out, errors, self.store)
        else:
            self._process_with_headers(batch, out, errors)

    def _process_with_headers(self, batch: Batch, out: Output, errors: list[Entry]) -> None:
        """Records with headers are rare: the function that hands them on is written when the first comes."""
        if self.with_headers is None:
            self.with_headers = self._written(carries_headers=True)[1]
        if out.headers is None:
            out.headers = [()] * len(out.rows)
        self.with_headers(batch, out, errors, self.store)

    def flush(self, out: Output, errors: list[Entry]) -> None:
        """Nothing is ever held back."""


class _NullRowKey:
    """The key PARTITION BY gives to a null row: computed from the old key, NULL for what reads a value."""

    def __init__(self, code: RowCode, root: Project) -> None:
        outputs = [(name, _without_record(part)) for name, part in root.key]
        null_row = row_class(payload_columns(code.froms[0].source))()
        self.slow = SlowRows([], outputs, len(code.froms), {0: null_row}, {}, code.query_id, code.topic)
        self.single = len(outputs) == 1

    def __call__(self, batch: Batch, i: int) -> Any:
        found = self.slow(batch, i, [])
        assert found is not None
        return found[0] if self.single else tuple(found) or None


def _without_record(part: Typed) -> Typed:
    """ksqlDB finds ROWTIME and the record's place in the value, so that a null row has none."""
    if isinstance(part, ColumnRef):
        return Literal(part.type, None) if part.slot in ("ts0", "p0", "o0", "h0") else part
    return rebuilt(part, _without_record)


def slow_row(key_parts: int) -> Any:
    """Splits the slow path's outputs into key and row values."""

    def split(values: list[Any]) -> tuple[Any, list[Any]]:
        if key_parts == 0:
            return None, values
        if key_parts == 1:
            return values[0], values[1:]
        return tuple(values[:key_parts]), values[key_parts:]

    return split


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the text of a query without an aggregate depends on."""

    key_name: str
    computed_key: bool
    keep_partition: bool
    over_table: bool
    array_key: bool
    carries_headers: bool
    whole: bool
    """Every record gives a row with its own key: what stands beside the rows is handed on by the column."""

    @property
    def kept_key(self) -> str:
        """The key as a table's state is looked up by it: an ARRAY as a tuple."""
        return f"frozen({self.key_name})" if self.array_key else self.key_name

    @property
    def beside(self) -> list[str]:
        """What a row keeps of its record."""
        partition = ["add_partition(p0)"] if self.keep_partition else []
        return [*partition, "add_headers(h0)"] if self.carries_headers else partition

    @property
    def emit(self) -> list[str]:
        if self.whole:
            return ["add_row(row)"]
        return [f"add_key({self.key_name}); add_row(row); add_ts(ts0)", *self.beside]

    @property
    def emit_tombstone(self) -> list[str]:
        if self.whole:
            return ["add_row(None)"]
        key = "null_row_key(b, i)" if self.computed_key else self.key_name
        return [f"add_key({key}); add_row(None); add_ts(ts0)", *self.beside]

    @property
    def columns(self) -> list[str]:
        """Statements after the loop, for all rows at once."""
        if not self.whole:
            return []
        keys = "b.keys" if self.key_name == "k0" else "[None] * len(b.rows)"
        partition = ["out.partitions.extend(b.partitions)"] if self.keep_partition else []
        return [f"out.keys.extend({keys})", "out.timestamps.extend(b.timestamps)", *partition]

    @property
    def dropped(self) -> list[str]:
        """A filter over a table answers a row that no longer matches with a tombstone."""
        if not self.over_table:
            return ["continue"]
        inside = [f"dirty[{self.kept_key}] = None", *self.emit_tombstone]
        return [f"if passed.pop({self.kept_key}, None) is not None:", *_indented(inside), "continue"]


def _indented(lines: Sequence[str]) -> list[str]:
    return ["    " + line for line in lines]


def _stateless_text(
    code: RowCode, root: Project, keep_partition: bool, over_table: bool, carries_headers: bool
) -> str:
    key_typed = [part for _, part in root.key]
    # A row for one who asks has no key of its own; a table's keeps its key to tell which row is gone.
    transient = code.plan.sink is None and not key_typed
    computed = not transient and not _is_own_key(code, key_typed)
    key_name = "key" if computed else ("k0" if key_typed or transient else "None")
    if code.froms[0].source.window is not None and not computed:
        key_name = f"({key_name}, ws0, we0)"
    whole = key_name in ("k0", "None") and not (code.steps or over_table or carries_headers)
    arrays = any(isinstance(column.type, Array) for column in code.froms[0].source.schema.key)
    shape = _Shape(key_name, computed, keep_partition, over_table, arrays, carries_headers, whole)
    body = Text()
    body.depth = 2
    _null_row(body, code, shape)
    with body.block("try:"):
        _row(body, code, root, shape)
    with body.block("except Exception:"):
        body.add("found = slow(b, i, errors)")
        with body.block("if found is None:"):
            body.add(*shape.dropped)
        body.add("key, values = slow_row(found)", "row = Row(*values)")
    if over_table:
        body.add(f"passed[{shape.kept_key}] = dirty[{shape.kept_key}] = (ts0, row)")
    body.add(*shape.emit)
    text = Text()
    with text.block("def process(b, out, errors, store):"):
        text.add("add_row = out.rows.append")
        if not whole:
            text.add("add_key = out.keys.append", "add_ts = out.timestamps.append")
        if keep_partition and not whole:
            text.add("add_partition = out.partitions.append")
        if carries_headers:
            text.add("add_headers = out.headers.append")
        if over_table:
            text.add("passed = store.passed", "dirty = store.dirty")
        text.add(*code.emitter.opening)
        text.add(loop_header(str(body), always=("r0",)))
        text.lines += body.lines
        text.add(*shape.columns)
    return str(text)


def _row(body: Text, code: RowCode, root: Project, shape: _Shape) -> None:
    """Inside the `try`: lookups, filter, projection."""
    key_typed = [part for _, part in root.key] if shape.computed_key else []
    value_typed = [part for _, part in root.value]
    probe = RowCode(code.plan, code.query_id)
    before, sources = probe.values([*key_typed, *value_typed])
    code.write(body, "\n".join(before + sources), shape.dropped)
    before, sources = code.values([*key_typed, *value_typed])
    body.add(*before, f"row = Row({', '.join(sources[len(key_typed) :])})")
    if shape.computed_key:
        body.add(f"key = {_key_source(sources[: len(key_typed)])}")


def _null_row(body: Text, code: RowCode, shape: _Shape) -> None:
    """What a null value does: SELECT passes it on, PARTITION BY without its key, WHERE and joins drop it."""
    if shape.over_table:
        body.add("if k0 is None: continue")
    with body.block("if r0 is None:"):
        if shape.over_table:
            body.add(f"passed.pop({shape.kept_key}, None)", f"dirty[{shape.kept_key}] = None")
        if not code.steps or shape.over_table:
            body.add(*shape.emit_tombstone)
        body.add("continue")


def _is_own_key(code: RowCode, key_typed: Sequence[Typed]) -> bool:
    """The key is exactly the source's, in order."""
    source = code.froms[0].source
    if len(key_typed) != len(source.schema.key):
        return False
    if not key_typed:
        return True
    slots = [part.slot for part in key_typed if isinstance(part, ColumnRef)]
    if len(key_typed) == 1:
        return slots == ["k0"]
    return slots == [f"(None if k0 is None else k0[{n}])" for n in range(len(key_typed))]


def _key_source(keys: Sequence[str]) -> str:
    if len(keys) == 1:
        return keys[0]
    return f"({', '.join(keys)})" if keys else "None"
