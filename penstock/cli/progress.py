"""How far each reader of the log is behind, told by the log itself: no service has to be asked.

In:  the log's groups and the ends of their topics. Out: records behind, by group or by service.

    group `_confluent-ksql-default_query_CSAS_X_7`   a query        server
    group `connect-silver-transactions`              a connector    connect
    group `penstock-scoring`                         a sidecar      scoring
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.topics.base import Log, TopicPartition

GROUPS: Mapping[str, str] = {
    "_confluent-ksql-": "server",
    "connect-": "connect",
    "penstock-scoring": "scoring",
}


@dataclass(frozen=True, slots=True)
class Behind:
    """One group: the records it has committed, and those before it."""

    group: str
    service: str
    read: int
    behind: int


def behind_of(
    group: str, committed: Mapping[TopicPartition, int], ends: Mapping[str, Mapping[int, int]]
) -> Behind:
    """Every partition of the topics a group reads counts, also those it has not committed yet."""
    topics = {topic for topic, _ in committed if topic in ends}
    places = [(topic, partition) for topic in topics for partition in ends[topic]]
    read = sum(min(committed.get(place, 0), ends[place[0]][place[1]]) for place in places)
    total = sum(ends[topic][partition] for topic, partition in places)
    return Behind(group, service_of(group), read, total - read)


def service_of(group: str) -> str:
    """Empty for groups that are no reader's, as the one a connector notes its dead letters in."""
    if group.endswith(".dead-letters"):
        return ""
    return next((service for prefix, service in GROUPS.items() if group.startswith(prefix)), "")


def every_group(log: Log) -> list[Behind]:
    committed = {group: log.committed(group) for group in log.groups()}
    topics = {topic for offsets in committed.values() for topic, _ in offsets}
    known = log.topics()
    ends = {topic: log.end_offsets(topic) for topic in topics if topic in known}
    return [behind_of(group, offsets, ends) for group, offsets in sorted(committed.items())]


def by_service(groups: Iterable[Behind]) -> dict[str, int]:
    """The largest lag among the groups of each service: what its slowest reader has before it."""
    slowest: dict[str, int] = {}
    for each in groups:
        if each.service:
            slowest[each.service] = max(slowest.get(each.service, 0), each.behind)
    return slowest
