"""What the executor knows and what a statement does to it, as frozen values.

In:  nothing runs here. Out: World (catalog, queries, topics, statuses), Task (one statement at hand) and
     Decision (the next world, effects to perform, the answer).

A request of several statements is decided on a copy first; since a World is never changed in place, the copy
costs nothing and a refused request leaves no trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from penstock.executor.entities import CommandState, Entity
from penstock.executor.naming import Naming
from penstock.executor.properties import effective
from penstock.formats.registry import Registry
from penstock.language import ast
from penstock.language.catalog import Catalog
from penstock.plan.steps import QueryPlan
from penstock.topics.base import Outgoing, TopicInfo

RUNNING, PAUSED, ERROR = "RUNNING", "PAUSED", "ERROR"


@dataclass(frozen=True, slots=True)
class Query:
    """A persistent query. `sink` None: it only materialises a source table.

    `properties` are what its statement overrode; `settings` what the engine reads: the server's under them.
    """

    id: str
    statement: str
    plan: QueryPlan
    properties: Mapping[str, str]
    settings: Mapping[str, str]
    sources: tuple[str, ...]
    sink: str | None
    paused: bool = False

    @property
    def is_source_table(self) -> bool:
        return self.sink is None


@dataclass(frozen=True, slots=True)
class World:
    """`commands` counts the commands so far; `statuses` holds the last status of each command id."""

    catalog: Catalog = field(default_factory=Catalog)
    queries: Mapping[str, Query] = field(default_factory=dict)
    topics: Mapping[str, TopicInfo] = field(default_factory=dict)
    statuses: Mapping[str, CommandState] = field(default_factory=dict)
    commands: int = 0

    def with_catalog(self, catalog: Catalog) -> World:
        return replace(self, catalog=catalog)

    def with_query(self, query: Query) -> World:
        return replace(self, queries={**self.queries, query.id: query})

    def without_query(self, query_id: str) -> World:
        return replace(self, queries={key: value for key, value in self.queries.items() if key != query_id})

    def with_topic(self, topic: TopicInfo) -> World:
        return replace(self, topics={**self.topics, topic.name: topic})

    def after(self, command_id: str, status: CommandState) -> World:
        return replace(self, commands=self.commands + 1, statuses={**self.statuses, command_id: status})

    def readers_of(self, source: str) -> list[Query]:
        return [query for query in self.queries.values() if source in query.sources]

    def writers_of(self, source: str) -> list[Query]:
        return [query for query in self.queries.values() if query.sink == source]


@dataclass(frozen=True, slots=True)
class Config:
    """What the server was started with. `registry`: where ksql.schema.registry.url leads."""

    naming: Naming = field(default_factory=Naming)
    properties: Mapping[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1:8088"
    registry: Registry | None = None

    def get(self, name: str, overrides: Mapping[str, str] | None = None) -> str | None:
        return effective(name, overrides or {}, self.properties)


@dataclass(frozen=True, slots=True)
class Session:
    """Properties and variables a request has set so far."""

    properties: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Task:
    """One statement at hand, its text as written, and what it meets. `now_ms` is the time it came.

    `replayed`: it was accepted before and is read back from the command topic.
    """

    text: str
    node: Any
    world: World
    session: Session
    config: Config
    now_ms: int = 0
    replayed: bool = False

    @property
    def catalog(self) -> Catalog:
        return self.world.catalog

    @property
    def settings(self) -> dict[str, str]:
        """The server's properties, and those of the session over them."""
        return {**self.config.properties, **self.session.properties}


# --- effects -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Effect:
    pass


@dataclass(frozen=True, slots=True)
class CreateTopic(Effect):
    topic: TopicInfo


@dataclass(frozen=True, slots=True)
class RegisterSchema(Effect):
    """`if_absent`: only when the subject has no schema yet."""

    subject: str
    kind: str
    schema: str
    if_absent: bool


@dataclass(frozen=True, slots=True)
class DeleteTopic(Effect):
    name: str


@dataclass(frozen=True, slots=True)
class AppendRecord(Effect):
    record: Outgoing


@dataclass(frozen=True, slots=True)
class StartQuery(Effect):
    query: Query


@dataclass(frozen=True, slots=True)
class StopQuery(Effect):
    query_id: str
    delete_state: bool = True


@dataclass(frozen=True, slots=True)
class PauseQuery(Effect):
    query_id: str


@dataclass(frozen=True, slots=True)
class ResumeQuery(Effect):
    query_id: str


EFFECTS = {
    CreateTopic,
    RegisterSchema,
    DeleteTopic,
    AppendRecord,
    StartQuery,
    StopQuery,
    PauseQuery,
    ResumeQuery,
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What goes to the command topic: the statement as it is kept, and the id its status is asked by."""

    command_id: str
    statement: str
    status: CommandState


@dataclass(frozen=True, slots=True)
class Decision:
    """What a statement does. `recorded` None: nothing to remember (INSERT VALUES, SET, a no-op)."""

    world: World
    entity: Entity | None = None
    effects: tuple[Effect, ...] = ()
    recorded: Recorded | None = None
    session: Session | None = None


def relations_of(query: ast.Query) -> list[ast.Relation]:
    return [query.source, *(join.right for join in query.joins)]
