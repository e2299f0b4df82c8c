"""Where the worker remembers: connector configs and states rest in two topics of the log.

    connect-configs  connector-<name>     {"properties": {...}}           null: it was deleted
                     target-state-<name>  {"state": "STARTED" | "PAUSED" | "STOPPED"}
    connect-status   status-connector-<name>, status-task-<name>-<n>      {"state", "trace", "worker_id"}

Both are compacted, with the keys and values Connect itself writes. configs are read back at a start;
status is written for others to see.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from connect.dead_letters import ensure_topic
from penstock.clock import Clock
from penstock.errors import PenstockError
from penstock.topics.base import Log, Outgoing

CONFIGS, STATUS = "connect-configs", "connect-status"
CONNECTOR, TARGET = "connector-", "target-state-"
STARTED = "STARTED"
READ_RECORDS = 10_000


class Store:
    def __init__(self, log: Log, clock: Clock) -> None:
        self._log, self._clock = log, clock
        for topic in (CONFIGS, STATUS):
            ensure_topic(log, topic, {"cleanup.policy": "compact"})

    def connectors(self) -> dict[str, tuple[dict[str, str], str]]:
        """Each connector's config and target state."""
        latest = self._latest(CONFIGS)
        configs = {
            key.removeprefix(CONNECTOR): value for key, value in latest.items() if key.startswith(CONNECTOR)
        }
        return {
            name: (dict(value["properties"]), latest.get(TARGET + name, {}).get("state", STARTED))
            for name, value in configs.items()
        }

    def put_connector(self, name: str, config: Mapping[str, str], target: str) -> None:
        self._write(
            CONFIGS, {CONNECTOR + name: {"properties": dict(config)}, TARGET + name: {"state": target}}
        )

    def put_target(self, name: str, target: str) -> None:
        self._write(CONFIGS, {TARGET + name: {"state": target}})

    def delete_connector(self, name: str) -> None:
        self._write(CONFIGS, {CONNECTOR + name: None, TARGET + name: None})

    def put_status(self, entries: Mapping[str, Mapping[str, Any] | None]) -> None:
        if entries:
            self._write(STATUS, entries)

    def _write(self, topic: str, entries: Mapping[str, Mapping[str, Any] | None]) -> None:
        keys = [key.encode() for key in entries]
        values = [None if value is None else json.dumps(value).encode() for value in entries.values()]
        self._log.append(Outgoing(topic, keys, values, [self._clock()] * len(keys)))

    def _latest(self, topic: str) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        reader = self._log.reader({topic: "earliest"})
        try:
            while chunks := reader.poll(READ_RECORDS):
                for chunk in chunks:
                    for key, value in zip(chunk.keys, chunk.values, strict=True):
                        _take(found, topic, key, value)
        finally:
            reader.close()
        return found


def _take(found: dict[str, dict[str, Any]], topic: str, key: bytes | None, value: bytes | None) -> None:
    try:
        name = (key or b"").decode()
        if value is None:
            found.pop(name, None)
        else:
            found[name] = json.loads(value)
    except ValueError as error:
        raise PenstockError(f"The topic {topic} holds a record that is not the worker's: {error}") from error
