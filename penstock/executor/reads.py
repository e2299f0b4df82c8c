"""What answers look at beside the World: how queries fare, where offsets stand, which topics there are.

In:  the engine and the log. Out: plain values; a query the engine does not know yet fares as RUNNING.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from penstock.executor.world import ERROR, PAUSED, Query
from penstock.run.engine import QueryStatus
from penstock.topics.base import Log, TopicInfo

T = TypeVar("T")

UNKNOWN = QueryStatus("RUNNING", None, 0, 0, 0, 0, 0, 0, {}, "")


class Statuses(Protocol):
    """What is asked of the engine here. Inside call(), status() answers at once."""

    def status(self, query_id: str) -> QueryStatus: ...

    def call(self, function: Callable[[], T]) -> T: ...


@dataclass(slots=True)
class Reads:
    """`failed` holds queries that could not be started, with the reason; `pushes` the open push queries."""

    engine: Statuses
    log: Log
    failed: Mapping[str, str] = field(default_factory=dict)
    pushes: Mapping[str, str] = field(default_factory=dict)
    known: dict[str, QueryStatus] = field(default_factory=dict)

    def look_at(self, queries: Iterable[Query]) -> None:
        """Ask for all at once: the engine answers between two cycles, and each question waits for that."""
        ids = [query.id for query in queries if query.id not in self.known]
        if ids:
            self.known |= self.engine.call(lambda: {query_id: self._asked(query_id) for query_id in ids})

    def _asked(self, query_id: str) -> QueryStatus:
        try:
            return self.engine.status(query_id)
        except KeyError:
            return UNKNOWN

    def status(self, query: Query) -> QueryStatus:
        if query.id in self.failed:
            return replace(UNKNOWN, state=ERROR, error=self.failed[query.id])
        self.look_at([query])
        found = self.known[query.id]
        return replace(found, state=PAUSED, error=None) if query.paused else found

    def topics(self) -> Mapping[str, TopicInfo]:
        return self.log.topics()

    def groups_of_topics(self) -> dict[str, set[str]]:
        """The consumer groups that have committed offsets of each topic."""
        found: dict[str, set[str]] = {}
        for group in self.log.groups():
            for topic, _ in self.log.committed(group):
                found.setdefault(topic, set()).add(group)
        return found
