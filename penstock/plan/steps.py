"""Plan steps: frozen values, each with the schema of what it gives. A query is one chain of them.

In:  the planner makes them. Out: run/compiler.py makes one generated function of the chain; explain.py
prints it. A rewrite takes a plan and returns a plan.

    Read -> Lookup* -> Where -> Flatten? -> Project            a stream of rows
    Read -> Lookup* -> Where -> Aggregate -> Having -> Project  a table by group (and window)
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


def find(root: Step, kind: type[Step]) -> Step | None:
    return next((step for step in steps_of(root) if isinstance(step, kind)), None)
