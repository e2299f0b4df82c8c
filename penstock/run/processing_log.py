"""The processing log: every record that could not be read, computed or written, as a row with its reason.

In:  failures of queries. Out: records for the topic `<service.id>ksql_processing_log`, in the shape of
ksqlDB's processing log (its documentation, "Processing log"). Beside ksqlDB's fields we give the partition
and the offset of the record, so that it can be found and replayed.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.topics.base import Outgoing

PROCESSING_LOG_TOPIC = "default_ksql_processing_log"

DESERIALIZATION, RECORD_PROCESSING, PRODUCTION, SERIALIZATION, THREAD = range(5)
MEMBERS = (
    "deserializationError",
    "recordProcessingError",
    "productionError",
    "serializationError",
    "kafkaStreamsThreadError",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the log: its logger, the kind (one of the five above) and the member's fields."""

    logger: str
    kind: int
    fields: dict[str, Any]


def deserialization_entry(logger: str, target: str, reason: str, payload: bytes | None, at: Place) -> Entry:
    return Entry(
        logger,
        DESERIALIZATION,
        {
            "target": target,
            "errorMessage": reason,
            "recordB64": None if payload is None else base64.b64encode(payload).decode(),
            "cause": [reason],
            **_place(at),
        },
    )


def processing_entry(logger: str, reason: str, record: str | None, at: Place) -> Entry:
    return Entry(
        logger,
        RECORD_PROCESSING,
        {"errorMessage": reason, "record": record, "cause": [reason], **_place(at)},
    )


def serialization_entry(logger: str, target: str, reason: str, record: str, topic: str) -> Entry:
    return Entry(
        logger,
        SERIALIZATION,
        {"target": target, "errorMessage": reason, "record": record, "cause": [reason], "topic": topic},
    )


def thread_entry(logger: str, reason: str) -> Entry:
    return Entry(logger, THREAD, {"errorMessage": reason, "threadName": logger, "cause": reason.splitlines()})


def _place(at: Place) -> dict[str, Any]:
    return {"topic": at.topic, "partition": at.partition, "offset": at.offset}


def outgoing(entries: list[Entry], now_ms: int) -> Outgoing:
    values = [msgspec.json.encode(_record(entry, now_ms)) for entry in entries]
    return Outgoing(PROCESSING_LOG_TOPIC, [None] * len(values), values, [now_ms] * len(values))


def _record(entry: Entry, now_ms: int) -> dict[str, Any]:
    message: dict[str, Any] = {"type": entry.kind, **dict.fromkeys(MEMBERS)}
    message[MEMBERS[entry.kind]] = entry.fields
    return {"level": "ERROR", "logger": entry.logger, "time": now_ms, "message": message}
