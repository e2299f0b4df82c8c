"""Chunks become batches of typed rows: each topic is decoded once for all queries that read it alike.

In:  chunks of the log. Out: a Batch in columns, without the records that can't be read; those stand in
`failures`, and each query that reads the batch logs them under its own name.

    Chunk --memo--> Batch(keys, rows, timestamps, partitions, offsets)      one Decoder per way of reading
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from penstock.formats.codec import Decoded, KeyCodec, ValueCodec
from penstock.formats.formats import key_codec, value_codec
from penstock.formats.registry import Registry, Subject
from penstock.language.catalog import Source
from penstock.language.scope import payload_columns
from penstock.run.processing_log import Entry, Place, deserialization_entry, processing_entry
from penstock.run.timestamps import time_reader
from penstock.topics.base import Chunk, Headers


@dataclass(frozen=True, slots=True)
class Failure:
    """A record that was skipped: `target` key or value, or None when its timestamp was no time."""

    target: str | None
    reason: str
    payload: bytes | None
    at: Place


@dataclass(slots=True, eq=False)
class Batch:
    """Columns of equal length. `records` counts what was read, skipped ones too."""

    keys: Sequence[Any]
    rows: Sequence[Any]
    timestamps: Sequence[int]
    partitions: Sequence[int]
    offsets: Sequence[int]
    headers: Sequence[Headers]
    window_starts: Sequence[int | None]
    window_ends: Sequence[int | None]
    failures: tuple[Failure, ...] = ()
    records: int = 0

    def part(self, start: int, end: int) -> Batch:
        """The rows from `start` to before `end`."""
        return Batch(
            self.keys[start:end],
            self.rows[start:end],
            self.timestamps[start:end],
            self.partitions[start:end],
            self.offsets[start:end],
            self.headers[start:end],
            self.window_starts[start:end],
            self.window_ends[start:end],
        )

    def pick(self, order: Sequence[int]) -> Batch:
        """The rows at these places, in this order."""

        def column(values: Sequence[Any]) -> Sequence[Any]:
            return [values[place] for place in order] if values else values

        return Batch(
            column(self.keys),
            column(self.rows),
            column(self.timestamps),
            column(self.partitions),
            column(self.offsets),
            column(self.headers),
            column(self.window_starts),
            column(self.window_ends),
        )


Codecs = dict[Any, ValueCodec]


class Decoder:
    """One way of reading a topic. Equal sources share one (see `decoder_key`)."""

    def __init__(
        self, source: Source, codecs: Codecs | None = None, registry: Registry | None = None
    ) -> None:
        """`codecs` shares the reading of values between sources that differ only in their time column."""
        self.source = source
        columns = payload_columns(source)
        shared = codecs if codecs is not None else {}
        key = (source.value_format, columns, source.unwrapped_value)
        if key not in shared:
            subject = Subject.of(registry, source.topic, is_key=False)
            shared[key] = value_codec(
                source.value_format, columns, unwrapped=source.unwrapped_value, subject=subject
            )
        self.values = shared[key]
        self.keys: KeyCodec | None = None
        if source.schema.key:
            subject = Subject.of(registry, source.topic, is_key=True)
            self.keys = key_codec(source.key_format, source.schema.key, source.window, subject)
        self.time_of = time_reader(source)

    def batch(self, chunk: Chunk) -> Batch:
        """The typed rows of a chunk; the same chunk gives the identical batch."""
        made = chunk.memo.get(self)
        if made is None:
            made = chunk.memo[self] = self._decode(chunk)
        return made

    def hand_over(self, chunk: Chunk, keys: Sequence[Any], rows: Sequence[Any]) -> None:
        """The rows a query has just written to a chunk, so that nobody decodes them again."""
        if self.time_of is None:
            decoded = Decoded(list(keys), {}), Decoded(list(rows), {})
            chunk.memo[self] = self._assemble(chunk, *decoded)

    def _decode(self, chunk: Chunk) -> Batch:
        keys = self.keys.decode(chunk.keys) if self.keys else Decoded([None] * len(chunk), {})
        rows = chunk.memo.get(self.values)
        if rows is None:
            rows = chunk.memo[self.values] = self.values.decode(chunk.values)
        return self._assemble(chunk, keys, rows)

    def _assemble(self, chunk: Chunk, keys: Decoded, rows: Decoded) -> Batch:
        starts: Sequence[int | None] = ()
        ends: Sequence[int | None] = ()
        inner: Sequence[Any] = keys.values
        if self.source.window is not None:
            starts = [None if key is None else key[1] for key in keys.values]
            ends = [None if key is None else key[2] for key in keys.values]
            inner = [None if key is None else key[0] for key in keys.values]
        failures: dict[int, Failure] = {}
        for target, decoded, payloads in (("key", keys, chunk.keys), ("value", rows, chunk.values)):
            for position, reason in decoded.failures.items():
                failures.setdefault(
                    position, Failure(target, reason, payloads[position], _place(chunk, position))
                )
        timestamps: Sequence[int] = chunk.timestamps
        if self.time_of is not None:
            timestamps = self._times(chunk, inner, rows.values, failures)
        batch = Batch(
            inner,
            rows.values,
            timestamps,
            chunk.partitions,
            chunk.offsets,
            chunk.headers or (),
            starts,
            ends,
            records=len(chunk),
        )
        return _without(batch, failures) if failures else batch

    def _times(
        self, chunk: Chunk, keys: Sequence[Any], rows: Sequence[Any], failures: dict[int, Failure]
    ) -> list[int]:
        """ROWTIME of each row; a row whose column holds no time becomes a failure."""
        assert self.time_of is not None
        try:
            return self.time_of.column(keys, rows, chunk.timestamps)
        except Exception:
            pass  # Some row has no time; which one is found one by one.
        times: list[int] = []
        for position, (key, row) in enumerate(zip(keys, rows, strict=True)):
            time = chunk.timestamps[position]
            if row is not None and position not in failures:
                try:
                    time = self.time_of(key, row)
                except ValueError as error:
                    payload = chunk.values[position]
                    failures[position] = Failure(None, str(error), payload, _place(chunk, position))
            times.append(time)
        return times


def decoder_key(source: Source) -> tuple[Any, ...]:
    """Equal for sources that read a topic alike."""
    return (
        source.topic,
        source.schema,
        source.key_format,
        source.value_format,
        source.timestamp,
        source.window,
        source.unwrapped_value,
        source.headers,
    )


def entries_of(batch: Batch, query_id: str) -> list[Entry]:
    """What a query writes to the processing log about the records it had to skip."""
    return [_entry(failure, query_id) for failure in batch.failures]


def _entry(failure: Failure, query_id: str) -> Entry:
    if failure.target is None:
        logger = f"processing.{query_id}.KsqlTopic.timestamp"
        return processing_entry(logger, failure.reason, _text(failure.payload), failure.at)
    logger = f"processing.{query_id}.KsqlTopic.Source.deserializer"
    return deserialization_entry(logger, failure.target, failure.reason, failure.payload, failure.at)


def _text(payload: bytes | None) -> str | None:
    return None if payload is None else payload.decode("utf-8", "replace")


def _place(chunk: Chunk, position: int) -> Place:
    return Place(chunk.topic, chunk.partitions[position], chunk.offsets[position])


def _without(batch: Batch, failures: dict[int, Failure]) -> Batch:
    kept = [position for position in range(len(batch.rows)) if position not in failures]

    def pick(column: Sequence[Any]) -> Sequence[Any]:
        return [column[position] for position in kept] if column else column

    return Batch(
        pick(batch.keys),
        pick(batch.rows),
        pick(batch.timestamps),
        pick(batch.partitions),
        pick(batch.offsets),
        pick(batch.headers),
        pick(batch.window_starts),
        pick(batch.window_ends),
        tuple(failures[position] for position in sorted(failures)),
        batch.records,
    )
