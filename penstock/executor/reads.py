"""What answers look at beside the World: how queries fare, where offsets stand, which topics there are.

In:  the engine and the log. Out: plain values; a query the engine does not know yet fares as RUNNING.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from penstock.executor.world import ERROR, PAUSED, Query
from penstock.run.engine import QueryStatus
from penstock.topics.base import Log, TopicInfo

UNKNOWN = QueryStatus("RUNNING", None, 0, 0, 0, 0, 0, 0, {}, "")


class Statuses(Protocol):
    """What is asked of the engine here."""

    def status(self, query_id: str) -> QueryStatus: ...


@dataclass(frozen=True, slots=True)
class Reads:
    """`failed` holds queries that could not be started, with the reason; `pushes` the open push queries."""

    engine: Statuses
    log: Log
    failed: Mapping[str, str] = field(default_factory=dict)
    pushes: Mapping[str, str] = field(default_factory=dict)

    def status(self, query: Query) -> QueryStatus:
        if query.id in self.failed:
            return QueryStatus(ERROR, self.failed[query.id], 0, 0, 0, 0, 0, 0, {}, "")
        try:
            found = self.engine.status(query.id)
        except KeyError:
            return UNKNOWN
        if query.paused:
            return QueryStatus(
                PAUSED,
                None,
                found.rows_in,
                found.rows_out,
                found.errors,
                found.late_dropped,
                found.lag,
                found.state_keys,
                found.offsets,
                found.code,
            )
        return found

    def topics(self) -> Mapping[str, TopicInfo]:
        return self.log.topics()

    def groups_of_topics(self) -> dict[str, set[str]]:
        """The consumer groups that have committed offsets of each topic."""
        found: dict[str, set[str]] = {}
        for group in self.log.groups():
            for topic, _ in self.log.committed(group):
                found.setdefault(topic, set()).add(group)
        return found
