"""Waits until nothing is under way: every query, connector and sidecar stands at the end of what it reads.

In:  the log, what is expected to read it. Out: the moment when all of it has landed.

    replay ends      |#########|
    queries behind     \\__________0
    connectors behind    \\____________0         two looks that agree and find 0 everywhere: landed
    scoring behind           \\__________0

One look reads several topics, one after the other; between them a query may commit and hand new records
to the next reader. Two equal looks with nothing behind leave no such gap.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.cli.progress import Behind, every_group
from penstock.errors import PenstockError

if TYPE_CHECKING:
    from penstock.client import KsqlClient
    from penstock.topics.base import Log

LOOK_S = 0.1
STUCK_S = 120.0
QUERY_GROUP = "_confluent-ksql-default_query_"


@dataclass(frozen=True, slots=True)
class Expected:
    """A reader that will have a group once it has read: its group and the topics it reads."""

    group: str
    topics: tuple[str, ...]


class NotLanded(PenstockError):
    pass


def readers_behind(
    expected: Iterable[Expected], groups: Mapping[str, Behind], ends: Mapping[str, int]
) -> dict[str, int]:
    """Records before each reader: its group's count, or all of its topics when it has not begun."""
    return {
        each.group: groups[each.group].behind
        if each.group in groups
        else sum(ends.get(topic, 0) for topic in each.topics)
        for each in expected
    }


def wait_until_landed(
    log: Log, expected: tuple[Expected, ...], on_look: Callable[[Mapping[str, int]], None]
) -> None:
    """Look until two looks agree. Raises NotLanded when nothing moves any more though something is behind."""
    before: Any = None
    moved_s = time.monotonic()
    while True:
        groups = {each.group: each for each in every_group(log)}
        ends = ends_of(log, {topic for each in expected for topic in each.topics})
        behind = readers_behind(expected, groups, ends)
        on_look(behind)
        now = (behind, ends, {name: each.read for name, each in groups.items()})
        if now == before and not any(behind.values()):
            return
        if now != before:
            moved_s = time.monotonic()
        elif time.monotonic() - moved_s > STUCK_S:
            stuck = ", ".join(f"{name} ({count:,})" for name, count in behind.items() if count)
            raise NotLanded(
                f"Nothing moved for {STUCK_S:.0f} s; still behind: {stuck}. See the services' logs."
            )
        before = now
        log.wait(LOOK_S)


def ends_of(log: Log, topics: Iterable[str]) -> dict[str, int]:
    """Records ever written to each topic; a topic that its writer has not made yet holds none."""
    known = log.topics()
    return {topic: sum(log.end_offsets(topic).values()) for topic in topics if topic in known}


def expected_queries(client: KsqlClient) -> list[Expected]:
    """The persistent queries of a server with the topics of their sources."""
    sources = [*client.entity("SHOW STREAMS;")["streams"], *client.entity("SHOW TABLES;")["tables"]]
    topics = {each["name"]: each["topic"] for each in sources}
    described = client.entity("SHOW QUERIES EXTENDED;")["queryDescriptions"]
    return [
        Expected(QUERY_GROUP + each["id"], tuple(topics[name] for name in each["sources"] if name in topics))
        for each in described
        if each["queryType"] == "PERSISTENT"
    ]


def expected_connectors(connect_url: str) -> list[Expected]:
    """The sink connectors of a worker with their topics."""
    import httpx

    try:
        known = httpx.get(f"{connect_url}/connectors", params={"expand": "info"}).raise_for_status().json()
    except httpx.HTTPError as error:
        raise NotLanded(f"The connect worker at {connect_url} can't be asked: {error}.") from error
    configs = {name: each["info"]["config"] for name, each in known.items()}
    return [Expected(f"connect-{name}", topics_of(config)) for name, config in configs.items()]


def topics_of(config: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(topic.strip() for topic in config.get("topics", "").split(",") if topic.strip())
