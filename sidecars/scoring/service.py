"""Scoring: the current value of each customer in, the segment the model sees in it out.

In:  gold.customer_rfm, key customer id, value JSON with RECENCY_DAYS, FREQUENCY, MONETARY, LIFETIME_VALUE.
Out: customer-segments, key customer id: segment, confidence, model and version, and the record it was
     scored from. A deletion is passed on. What can't be read goes to streaming-errors with its reason.

Only the last state of a customer within a batch is scored: the ones before it are history already. No
wall clock goes into a row, so the same input gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from penstock.settings import DEFAULT_HOST, read
from penstock.topics.base import RETENTION_FOREVER, Chunk, Outgoing
from sidecars.base import Sidecar, run_sidecar
from sidecars.scoring.models import Model, Scores, load, matrix, model_folder

INPUT, OUTPUT, ERRORS = "gold.customer_rfm", "customer-segments", "streaming-errors"
NINETY_DAYS_MS = str(90 * 86_400_000)
LINGER_S = 0.5
WRITES = {
    OUTPUT: (1, {"cleanup.policy": "compact", "retention.ms": RETENTION_FOREVER}),
    ERRORS: (3, {"retention.ms": NINETY_DAYS_MS}),
}


class Rfm(msgspec.Struct, gc=False):
    """A row of customer_rfm as far as a model reads it. All of it must be there and be numbers."""

    recency_days: float = msgspec.field(name="RECENCY_DAYS")
    frequency: float = msgspec.field(name="FREQUENCY")
    monetary: float = msgspec.field(name="MONETARY")
    lifetime_value: float = msgspec.field(name="LIFETIME_VALUE")


class Segment(msgspec.Struct, gc=False):
    """A row of customer-segments."""

    customer_id: str
    segment: str
    confidence: float
    model: str
    model_version: str
    source_partition: int
    source_offset: int
    source_timestamp: int


class Refused(msgspec.Struct, gc=False, rename="upper"):
    """A row of streaming-errors, with the columns that the pipelines declare for it."""

    error_source: str
    error_type: str
    reason: str
    record: str | None
    source_topic: str
    source_partition: int
    source_offset: int
    error_time: int


@dataclass(frozen=True, slots=True)
class Place:
    """A record of a chunk."""

    chunk: Chunk
    at: int

    @property
    def timestamp(self) -> int:
        return self.chunk.timestamps[self.at]


DECODER = msgspec.json.Decoder(Rfm)
ENCODER = msgspec.json.Encoder()


class Scorer:
    """Scores batches with one model. Holds nothing between batches."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._features = tuple(model.manifest.features)

    def process(self, chunks: Sequence[Chunk]) -> list[Outgoing]:
        rows: dict[bytes, tuple[Place, Rfm | None]] = {}
        refused: list[tuple[Place, str]] = []
        for chunk in chunks:
            for at, (key, value) in enumerate(zip(chunk.keys, chunk.values, strict=True)):
                try:
                    row = self._read(key, value)
                except (msgspec.MsgspecError, ValueError) as error:
                    refused.append((Place(chunk, at), str(error)))
                    continue
                assert key is not None
                rows[key] = (Place(chunk, at), row)
        return [batch for batch in (self._segments(rows), errors_of(refused)) if batch is not None]

    def _read(self, key: bytes | None, value: bytes | None) -> Rfm | None:
        """None is a deletion. Raises with the reason what can't be scored."""
        if key is None:
            raise ValueError("The record has no key, so it belongs to no customer")
        key.decode("utf-8")
        if value is None:
            return None
        row = DECODER.decode(value)
        for name in self._features:
            if getattr(row, name) < 0:
                raise ValueError(f"{name.upper()} is {getattr(row, name)}; the model knows none below 0")
        return row

    def _segments(self, rows: dict[bytes, tuple[Place, Rfm | None]]) -> Outgoing | None:
        if not rows:
            return None
        scored = {key: row for key, (_, row) in rows.items() if row is not None}
        values: dict[bytes, bytes | None] = dict.fromkeys(rows)
        if scored:
            scores = self._score(list(scored.values()))
            for key, segment, confidence in zip(scored, scores.segments, scores.confidences, strict=True):
                values[key] = ENCODER.encode(self._segment(key, rows[key][0], segment, confidence))
        times = [place.timestamp for place, _ in rows.values()]
        return Outgoing(OUTPUT, list(rows), list(values.values()), times)

    def _score(self, rows: list[Rfm]) -> Scores:
        return self._model.score(matrix([[getattr(row, name) for row in rows] for name in self._features]))

    def _segment(self, key: bytes, place: Place, segment: str, confidence: float) -> Segment:
        return Segment(
            customer_id=key.decode("utf-8"),
            segment=segment,
            confidence=confidence,
            model=self._model.manifest.name,
            model_version=self._model.manifest.version,
            source_partition=place.chunk.partitions[place.at],
            source_offset=place.chunk.offsets[place.at],
            source_timestamp=place.timestamp,
        )


def errors_of(refused: Sequence[tuple[Place, str]]) -> Outgoing | None:
    if not refused:
        return None
    keys = [place.chunk.keys[place.at] for place, _ in refused]
    values = [ENCODER.encode(refusal(place, reason)) for place, reason in refused]
    return Outgoing(ERRORS, keys, values, [place.timestamp for place, _ in refused])


def refusal(place: Place, reason: str) -> Refused:
    chunk, at = place.chunk, place.at
    return Refused(
        error_source="scoring",
        error_type="processing",
        reason=reason,
        record=text_of(chunk.values[at]),
        source_topic=chunk.topic,
        source_partition=chunk.partitions[at],
        source_offset=chunk.offsets[at],
        error_time=place.timestamp,
    )


def text_of(payload: bytes | None) -> str | None:
    return None if payload is None else payload.decode("utf-8", "backslashreplace")


def sidecar_of(model: Model, topic: str) -> Sidecar:
    return Sidecar("scoring", (topic,), Scorer(model).process, writes=WRITES, linger_s=LINGER_S)


def run(log_url: str, directory: Path, port: int, host: str = DEFAULT_HOST) -> None:
    """The service `scoring`. PENSTOCK_SCORING_TOPIC names another topic to read."""
    topic = read("scoring_topic", str, INPUT)
    run_sidecar(log_url, host, port, sidecar_of(load(model_folder()), topic))
