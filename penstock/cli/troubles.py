"""What keeps a running platform from getting on: queries and connectors that stopped, in their own words.

In:  the services' REST APIs. Out: one sentence for each trouble; an exception when they last.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from penstock.client import KsqlClient
from penstock.errors import PenstockError

LATE = re.compile(r'penstock_query_late_dropped_total\{[^"]*"(?P<query>[^"]*)".*\} (?P<count>\S+)')
LOOK_EVERY_S = 2.0
TOLD_MAX = 3
LOOKS_MAX = 3
"""A query that failed is tried again: only what lasts over so many looks is told."""


class Troubled(PenstockError):
    pass


@dataclass(slots=True)
class Troubles:
    """Looks now and then; raises Troubled when the same service stays in trouble."""

    server_url: str
    connect_url: str
    looked_s: float = 0.0
    looks: int = 0

    def look(self) -> None:
        now = time.monotonic()
        if now - self.looked_s < LOOK_EVERY_S:
            return
        self.looked_s = now
        found = [*stopped_queries(self.server_url), *failed_connectors(self.connect_url)]
        self.looks = self.looks + 1 if found else 0
        if self.looks >= LOOKS_MAX:
            told = list(dict.fromkeys(found))
            more = f"\n... and {len(told) - TOLD_MAX} more" if len(told) > TOLD_MAX else ""
            raise Troubled("\n".join(told[:TOLD_MAX]) + more)


def stopped_queries(url: str) -> list[str]:
    try:
        with KsqlClient(url) as client:
            described = client.entity("SHOW QUERIES EXTENDED;")["queryDescriptions"]
    except PenstockError as error:
        return [f"The server can't be asked how its queries are: {error}"]
    return [
        f"A query has stopped: {error['errorMessage']}"
        for each in described
        for error in each["queryErrors"]
        if each["state"] == "ERROR"
    ]


def failed_connectors(url: str) -> list[str]:
    import httpx

    try:
        known = httpx.get(f"{url}/connectors", params={"expand": "status"}).raise_for_status().json()
    except httpx.HTTPError as error:
        return [f"The connect worker at {url} can't be asked how its connectors are: {error}"]
    return [
        f"The connector {name} has failed: {task['trace'].splitlines()[0]}"
        for name, each in known.items()
        for task in each["status"]["tasks"]
        if task["state"] == "FAILED" and task.get("trace")
    ]


def late_rows(url: str) -> dict[str, int]:
    """Rows dropped because their window had closed, by query, as the server's metrics count them."""
    import httpx

    found: dict[str, int] = {}
    for line in httpx.get(f"{url}/metrics").raise_for_status().text.splitlines():
        counted = LATE.fullmatch(line)
        if counted and float(counted["count"]):
            found[counted["query"]] = int(float(counted["count"]))
    return found
