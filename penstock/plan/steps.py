"""Plan steps: frozen values, each with the schema of what it gives. A query is one chain of them.

In:  the planner makes them. Out: run/compiler.py makes one generated function of the chain; explain.py
prints it. A rewrite takes a plan and returns a plan.

    Read -> Lookup* -> Where -> Flatten? -> Project            a stream of rows
    Read -> Lookup* -> Where -> Aggregate -> Having -> Project  a table by group (and window)

    Read, Read, ... -> StreamJoin | TableJoin | ForeignJoin | Lookup -> Joined -> Where -> ...

What stands under a Joined is a tree of sources (run/joins.py); what stands above it sees one row at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from penstock.functions.registry import BoundAggregate, BoundTable
from penstock.language import ast
from penstock.language.catalog import Source
from penstock.language.expressions import Typed
from penstock.language.scope import From
from penstock.types import Column, Schema


@dataclass(frozen=True, slots=True)
class Step:
    @property
    def schema(self) -> Schema:
        raise NotImplementedError

    @property
    def inputs(self) -> tuple[Step, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class Read(Step):
    """Rows of a stream, or changes of a table, as they come."""

    source: From

    @property
    def schema(self) -> Schema:
        return self.source.source.schema


@dataclass(frozen=True, slots=True)
class Lookup(Step):
    """A stream meets the current row of a table: stream-table join, kind INNER or LEFT."""

    input: Step
    table: Read
    kind: str
    key: Typed

    @property
    def schema(self) -> Schema:
        left, right = self.input.schema, self.table.schema
        return Schema(left.key, left.value + right.columns)

    @property
    def inputs(self) -> tuple[Step, ...]:
        return (self.input, self.table)


@dataclass(frozen=True, slots=True)
class StreamJoin(Step):
    """Rows of two streams meet in a window of event time. kind INNER LEFT RIGHT OUTER.

    A key of None is the key the row has already. `grace_ms` None: ksqlDB's join of before GRACE was there.
    """

    left: Step
    right: Read
    kind: str
    left_key: Typed | None
    right_key: Typed | None
    before_ms: int
    after_ms: int
    grace_ms: int | None

    @property
    def schema(self) -> Schema:
        return _beside(self.left, self.right)

    @property
    def inputs(self) -> tuple[Step, ...]:
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class TableJoin(Step):
    """Two tables by their primary keys. kind INNER LEFT RIGHT OUTER."""

    left: Step
    right: Read
    kind: str

    @property
    def schema(self) -> Schema:
        return _beside(self.left, self.right)

    @property
    def inputs(self) -> tuple[Step, ...]:
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class ForeignJoin(Step):
    """A table whose rows name, by `key`, the primary key of another. kind INNER LEFT."""

    left: Read
    right: Read
    kind: str
    key: Typed

    @property
    def schema(self) -> Schema:
        return _beside(self.left, self.right)

    @property
    def inputs(self) -> tuple[Step, ...]:
        return (self.left, self.right)


def _beside(left: Step, right: Step) -> Schema:
    return Schema(left.schema.key, left.schema.value + right.schema.columns)


@dataclass(frozen=True, slots=True)
class Joined(Step):
    """The rows of a tree of joins as those of one source, number 0: its key and time are the join's.

    The sources themselves are numbered from 1.
    """

    input: Step
    source: From

    @property
    def schema(self) -> Schema:
        return self.source.source.schema

    @property
    def inputs(self) -> tuple[Step, ...]:
        return (self.input,)


@dataclass(frozen=True, slots=True)
class Where(Step):
    input: Step
    condition: Typed

    @property
    def schema(self) -> Schema:
        return self.input.schema

    @property
    def inputs(self) -> tuple[Step, ...]:
        return (self.input,)


@dataclass(frozen=True, slots=True)
class TableCall:
    """One table function; `arguments` are evaluated per row, its element is read from the slot `xN`."""

    function: BoundTable
    arguments: tuple[Typed, ...]


@dataclass(frozen=True, slots=True)
class Flatten(Step):
    """A row becomes several, by the lists its table functions give."""

    input: Step
    calls: tuple[TableCall, ...]

    @property
    def schema(self) -> Schema:
        elements = tuple(Column(f"ELEMENT_{n}", call.function.returns) for n, call in enumerate(self.calls))
        return Schema(self.input.schema.key, self.input.schema.value + elements)

    @property
    def inputs(self) -> tuple[Step, ...]:
        return (self.input,)


@dataclass(frozen=True, slots=True)
class AggregateCall:
    """One aggregate; `arguments` are evaluated per row, its result is read from the slot `aggN`."""

    function: BoundAggregate
    arguments: tuple[Typed, ...]


@dataclass(frozen=True, slots=True)
class Aggregate(Step):
    """Rows with one group key become one state; a window splits the group by event time."""

    input: Step
    group: tuple[Typed, ...]
    calls: tuple[AggregateCall, ...]
    window: ast.Window | None

    @property
    def schema(self) -> Schema:
        group = tuple(Column(f"GROUP_{n}", part.type) for n, part in enumerate(self.group))
        results = tuple(Column(f"AGG_{n}", call.function.returns) for n, call in enumerate(self.calls))
        return Schema(group, results)

    @property
    def inputs(self) -> tuple[Step, ...]:
        return (self.input,)


@dataclass(frozen=True, slots=True)
class Having(Step):
    input: Step
    condition: Typed

    @property
    def schema(self) -> Schema:
        return self.input.schema

    @property
    def inputs(self) -> tuple[Step, ...]:
        return (self.input,)


@dataclass(frozen=True, slots=True)
class Project(Step):
    """The output columns. `rekeyed`: the key is computed, so the row may move to another partition."""

    input: Step
    key: tuple[tuple[str, Typed], ...]
    value: tuple[tuple[str, Typed], ...]
    rekeyed: bool

    @property
    def schema(self) -> Schema:
        return Schema(
            tuple(Column(name, part.type) for name, part in self.key),
            tuple(Column(name, part.type) for name, part in self.value),
        )

    @property
    def inputs(self) -> tuple[Step, ...]:
        return (self.input,)


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """A query ready to run. `sink` is where its rows go: None for pull and push queries.

    `node` is the statement with names qualified and properties filled in, for the printer.
    `topic_config` holds Kafka settings of the sink topic to create; `partitions` its partition count.
    """

    node: ast.Statement
    root: Project
    sink: Source | None
    is_table: bool
    window: ast.Window | None
    partitions: int
    topic_config: Mapping[str, str]
    creates_sink: bool
    limit: int | None = None
    emit: str | None = None

    @property
    def schema(self) -> Schema:
        return self.root.schema

    @property
    def windowed(self) -> bool:
        return self.window is not None

    @property
    def froms(self) -> tuple[From, ...]:
        return tuple(step.source for step in steps_of(self.root) if isinstance(step, Read))

    @property
    def driver(self) -> From:
        """What the row's own code reads one row at a time: the first source, or what a join tree gives."""
        joined = find(self.root, Joined)
        return joined.source if isinstance(joined, Joined) else self.froms[0]

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(each.source.name for each in self.froms)

    @property
    def source_topics(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.source.topic for each in self.froms))


def steps_of(root: Step) -> Iterator[Step]:
    """All steps, inputs before what they feed."""
    for step in root.inputs:
        yield from steps_of(step)
    yield root


def row_steps(root: Step) -> Iterator[Step]:
    """The steps that see one row at a time: all, or those above a tree of joins."""
    for step in () if isinstance(root, Joined) else root.inputs:
        yield from row_steps(step)
    yield root


def find(root: Step, kind: type[Step]) -> Step | None:
    return next((step for step in steps_of(root) if isinstance(step, kind)), None)
