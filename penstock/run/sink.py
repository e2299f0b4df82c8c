"""Typed rows leave a query: encoded for the sink topic, with their time and their partition.

In:  an Output of a program. Out: an Outgoing for the log, and an entry for each row that can't be written.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from penstock.formats.formats import key_codec, value_codec
from penstock.formats.registry import Registry, Subject
from penstock.language.catalog import Source
from penstock.run.processing_log import Entry, serialization_entry
from penstock.run.program import Output
from penstock.run.timestamps import time_reader
from penstock.topics.base import Outgoing
from penstock.topics.partition import choose_partitions


class SinkWriter:
    """Encodes for one source's topic."""

    def __init__(
        self, sink: Source, partitions: int, query_id: str, registry: Registry | None = None
    ) -> None:
        self.sink = sink
        self.partitions = partitions
        self.logger = f"processing.{query_id}.{sink.name}.serializer"
        window = sink.window
        self.inner_keys = None
        self.keys = None
        if sink.schema.key:
            subject = Subject.of(registry, sink.topic, is_key=True)
            self.keys = key_codec(sink.key_format, sink.schema.key, window, subject)
            if window is not None:
                self.inner_keys = key_codec(sink.key_format, sink.schema.key, subject=subject)
        self.values = value_codec(
            sink.value_format,
            sink.schema.value,
            unwrapped=sink.unwrapped_value,
            subject=Subject.of(registry, sink.topic, is_key=False),
        )
        self.time_of = time_reader(sink)

    def outgoing(self, out: Output, errors: list[Entry]) -> tuple[Outgoing, bool]:
        """The records, and whether they are exactly the rows of `out` (then readers may share them)."""
        count = len(out.rows)
        keys: list[bytes | None] = [None] * count
        bad: dict[int, tuple[str, str]] = {}
        if self.keys is not None:
            keys, failed = self.keys.encode(out.keys)
            bad |= {position: ("key", reason) for position, reason in failed.items()}
        values, failed = self.values.encode(out.rows)
        bad |= {position: ("value", reason) for position, reason in failed.items()}
        timestamps: Sequence[int] = out.timestamps
        if self.time_of is not None:
            timestamps = self._times(out, bad)
        records = Outgoing(self.sink.topic, keys, values, timestamps, self._partitions(out), out.headers)
        if not bad:
            return records, True
        for position, (target, reason) in sorted(bad.items()):
            shown = repr(out.rows[position])[:1000]
            errors.append(serialization_entry(self.logger, target, reason, shown, self.sink.topic))
        return _without(records, bad), False

    def _partitions(self, out: Output) -> Sequence[int] | None:
        if out.partitions is not None:
            return out.partitions
        if self.inner_keys is None:
            return None
        # Windows of one key stay together: the partition is chosen by the key without its window.
        inner, _ = self.inner_keys.encode([None if key is None else key[0] for key in out.keys])
        return choose_partitions(inner, self.partitions)[0]

    def _times(self, out: Output, bad: dict[int, tuple[str, str]]) -> list[int]:
        assert self.time_of is not None
        times = []
        for position, (key, row, time) in enumerate(zip(out.keys, out.rows, out.timestamps, strict=True)):
            if row is not None:
                try:
                    time = self.time_of(_inner(key, self.sink), row)
                except ValueError as error:
                    bad[position] = ("value", str(error))
            times.append(time)
        return times


def _inner(key: Any, sink: Source) -> Any:
    """A windowed key without its bounds."""
    return key[0] if sink.window is not None and key is not None else key


def _without(records: Outgoing, bad: Collection[int]) -> Outgoing:
    kept = [position for position in range(len(records.values)) if position not in bad]
    return Outgoing(
        records.topic,
        [records.keys[position] for position in kept],
        [records.values[position] for position in kept],
        [records.timestamps[position] for position in kept],
        None if records.partitions is None else [records.partitions[position] for position in kept],
        None if records.headers is None else [records.headers[position] for position in kept],
    )
