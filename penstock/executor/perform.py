"""Effects become deeds: topics are created, queries started and stopped, records appended.

In:  one effect. Out: a changed log or engine. One table says how; every deed may be done twice without harm,
     since a request that was cut short is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from penstock.errors import RegistryError, StatementError
from penstock.executor.world import (
    EFFECTS,
    AppendRecord,
    CreateTopic,
    DeleteTopic,
    Effect,
    PauseQuery,
    RegisterSchema,
    ResumeQuery,
    StartQuery,
    StopQuery,
)
from penstock.formats.registry import Registry
from penstock.plan.steps import QueryPlan
from penstock.run.engine import QueryStatus
from penstock.topics.base import TOPIC_DEFAULTS, Log, TopicInfo

T = TypeVar("T")


class EngineOfQueries(Protocol):
    """What the executor asks of the engine; run/engine.py has it."""

    @property
    def registry(self) -> Registry | None: ...

    def add(
        self, query_id: str, plan: QueryPlan, properties: Mapping[str, str], *, keep: bool = False
    ) -> None: ...

    def remove(self, query_id: str, delete_state: bool = True) -> None: ...

    def pause(self, query_id: str) -> None: ...

    def resume(self, query_id: str) -> None: ...

    def status(self, query_id: str) -> QueryStatus: ...

    def call(self, function: Callable[[], T]) -> T: ...

    def pull(self, plan: QueryPlan) -> Any: ...

    def push(self, plan: QueryPlan, sink: Any, properties: Mapping[str, str]) -> Any: ...


Failed = dict[str, str]
"""Queries that could not be started again, with the reason."""


def perform(effect: Effect, log: Log, engine: EngineOfQueries, failed: Failed) -> None:
    DEEDS[type(effect)](effect, log, engine, failed)


def _create_topic(effect: CreateTopic, log: Log, engine: EngineOfQueries, failed: Failed) -> None:
    if log.topic(effect.topic.name) is None:
        given = {
            name: value for name, value in effect.topic.config.items() if TOPIC_DEFAULTS.get(name) != value
        }
        log.create_topic(effect.topic.name, effect.topic.partitions, given)


def _register(effect: RegisterSchema, log: Log, engine: EngineOfQueries, failed: Failed) -> None:
    registry = engine.registry
    assert registry is not None, effect.subject
    try:
        if not effect.if_absent or registry.latest(effect.subject) is None:
            registry.register(effect.subject, effect.kind, effect.schema)
    except RegistryError as problem:
        topic = effect.subject.removesuffix("-key").removesuffix("-value")
        raise StatementError(f"Could not register schema for topic: {topic}\n{problem}") from problem


def _delete_topic(effect: DeleteTopic, log: Log, engine: EngineOfQueries, failed: Failed) -> None:
    if log.topic(effect.name) is not None:
        log.delete_topic(effect.name)


def _append(effect: AppendRecord, log: Log, engine: EngineOfQueries, failed: Failed) -> None:
    log.append(effect.record)


def _start(effect: StartQuery, log: Log, engine: EngineOfQueries, failed: Failed) -> None:
    engine.add(effect.query.id, effect.query.plan, effect.query.settings)


def _stop(effect: StopQuery, log: Log, engine: EngineOfQueries, failed: Failed) -> None:
    failed.pop(effect.query_id, None)
    engine.remove(effect.query_id, effect.delete_state)


def _pause(effect: PauseQuery, log: Log, engine: EngineOfQueries, failed: Failed) -> None:
    if effect.query_id not in failed:
        engine.pause(effect.query_id)


def _resume(effect: ResumeQuery, log: Log, engine: EngineOfQueries, failed: Failed) -> None:
    if effect.query_id not in failed:
        engine.resume(effect.query_id)


DEEDS: dict[type[Effect], Callable[[Any, Log, EngineOfQueries, Failed], None]] = {
    CreateTopic: _create_topic,
    RegisterSchema: _register,
    DeleteTopic: _delete_topic,
    AppendRecord: _append,
    StartQuery: _start,
    StopQuery: _stop,
    PauseQuery: _pause,
    ResumeQuery: _resume,
}
assert DEEDS.keys() == EFFECTS, DEEDS.keys() ^ EFFECTS


class AnyTopics(Mapping[str, TopicInfo]):
    """The topics there are and, while commands are replayed, any other: it may be gone since."""

    def __init__(self, topics: Mapping[str, TopicInfo]) -> None:
        self._topics = topics

    def __getitem__(self, name: str) -> TopicInfo:
        return self._topics.get(name) or TopicInfo(name, 1, TOPIC_DEFAULTS)

    def get(self, name: str, default: Any = None) -> TopicInfo:
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._topics)

    def __len__(self) -> int:
        return len(self._topics)
