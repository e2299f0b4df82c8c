"""A batch made ready to be written: checked, in columns of its own, each record with its partition.

In:  Outgoing, as the caller gave it, and the topic as it stands.
Out: Batch, whose columns nobody else holds and which fits the topic; or an error that names the record.

Everything here happens before the log is locked.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import msgspec

from penstock.clock import Clock
from penstock.errors import LogError
from penstock.topics.base import Chunk, Headers, Outgoing
from penstock.topics.config import is_compacted, setting
from penstock.topics.partition import choose_partitions
from penstock.topics.state import TopicState

BytesColumn = list[bytes | None]
HeadersColumn = list[tuple[tuple[str, bytes | None], ...]]

# What Kafka adds to a record and its batch besides key, value and headers, at most about this much.
RECORD_OVERHEAD_BYTES = 70
VECTOR_RECORDS_MIN = 128


@dataclass(frozen=True, slots=True)
class Batch:
    topic: str
    topic_id: int
    keys: list[bytes | None]
    values: list[bytes | None]
    timestamps: array[int]
    partitions: array[int]
    headers: list[Headers] | None
    counts: Mapping[int, int]
    """Records of each partition that has any."""

    def __len__(self) -> int:
        return len(self.values)


class Turns:
    """Whose turn it is among the partitions of a topic, for records without a key."""

    def __init__(self) -> None:
        self._next: dict[int, int] = {}

    def choose(self, state: TopicState, keys: Sequence[bytes | None]) -> list[int]:
        # A writer that lives for one record must not always begin at partition 0.
        turn = self._next.get(state.id, sum(state.ends))
        chosen, self._next[state.id] = choose_partitions(keys, state.partitions, turn)
        return chosen


def prepare(outgoing: Outgoing, state: TopicState, turns: Turns, clock: Clock) -> Batch:
    """Check everything that can be wrong with a batch; raises LogError."""
    keys = bytes_column(outgoing.topic, "key", outgoing.keys)
    values = bytes_column(outgoing.topic, "value", outgoing.values)
    timestamps = timestamp_column(outgoing, state, clock)
    headers = headers_column(outgoing)
    partitions = partition_column(outgoing, state, keys, turns)
    same = {
        len(keys),
        len(values),
        len(timestamps),
        len(partitions),
        len(values if headers is None else headers),
    }
    if len(same) > 1:
        raise LogError(
            f"Topic '{outgoing.topic}': the columns of a batch have different lengths: {sorted(same)}."
        )
    check_keys(state, keys)
    check_sizes(state, keys, values, headers)
    return Batch(outgoing.topic, state.id, keys, values, timestamps, partitions, headers, count(partitions))


def bytes_column(topic: str, what: str, column: Sequence[bytes | None]) -> BytesColumn:
    """A copy of the column, which msgspec makes and checks in one go."""
    given = column if isinstance(column, list | tuple) else list(column)
    try:
        return msgspec.convert(given, BytesColumn, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise LogError(f"Topic '{topic}': a {what} must be bytes or None. {error}") from error


def headers_column(outgoing: Outgoing) -> list[Headers] | None:
    if outgoing.headers is None or not any(outgoing.headers):
        return None
    try:
        return msgspec.convert(list(outgoing.headers), HeadersColumn, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise LogError(f"Topic '{outgoing.topic}': headers must be (name, bytes) pairs. {error}") from error


def timestamp_column(outgoing: Outgoing, state: TopicState, clock: Clock) -> array[int]:
    if setting(state.config, "message.timestamp.type") == "LogAppendTime":
        return array("q", repeat(clock(), len(outgoing.values)))
    return int_column(outgoing.topic, "timestamp", "q", outgoing.timestamps)


def int_column(topic: str, what: str, code: str, column: Sequence[int]) -> array[int]:
    try:
        return array(code, column)
    except (TypeError, OverflowError) as error:
        raise LogError(f"Topic '{topic}': a {what} can't be written: {error}.") from error


def partition_column(outgoing: Outgoing, state: TopicState, keys: BytesColumn, turns: Turns) -> array[int]:
    if outgoing.partitions is None:
        return array("i", turns.choose(state, keys))
    given = int_column(outgoing.topic, "partition", "i", outgoing.partitions)
    if not given:
        return given
    if max(given) >= state.partitions:
        raise LogError(
            f"Topic '{outgoing.topic}' has no partition {max(given)}; it has {state.partitions}, from 0 up."
        )
    if min(given) < 0 and len(given) == len(keys):
        open_ = [at for at, partition in enumerate(given) if partition < 0]
        for at, partition in zip(open_, turns.choose(state, [keys[at] for at in open_]), strict=True):
            given[at] = partition
    return given


def check_keys(state: TopicState, keys: BytesColumn) -> None:
    if is_compacted(state.config) and None in keys:
        raise LogError(
            f"Topic '{state.name}' is compacted and takes no record without a key (record "
            f"{keys.index(None)} of the batch has none). Give each a key, or set cleanup.policy=delete."
        )


def check_sizes(
    state: TopicState, keys: BytesColumn, values: BytesColumn, headers: list[Headers] | None
) -> None:
    most = int(setting(state.config, "max.message.bytes")) - RECORD_OVERHEAD_BYTES
    if largest(keys) + largest(values) <= most and headers is None:
        return
    for at, (key, value) in enumerate(zip(keys, values, strict=True)):
        size = len(key or b"") + len(value or b"") + (headers_size(headers[at]) if headers else 0)
        if size > most:
            raise LogError(
                f"Topic '{state.name}': record {at} of the batch has {size} bytes and max.message.bytes "
                f"allows {most + RECORD_OVERHEAD_BYTES} with {RECORD_OVERHEAD_BYTES} of overhead. "
                "Make the record smaller or raise max.message.bytes of the topic."
            )


def largest(column: BytesColumn) -> int:
    return max(map(len, filter(None, column)), default=0)


def headers_size(headers: Headers) -> int:
    return sum(len(name.encode()) + len(value or b"") for name, value in headers)


def count(partitions: array[int]) -> dict[int, int]:
    if len(partitions) < VECTOR_RECORDS_MIN:
        return dict(Counter(partitions))
    import numpy as np

    counts = np.bincount(np.frombuffer(partitions, dtype=np.int32))
    return {partition: records for partition, records in enumerate(counts.tolist()) if records}


def offsets_of(partitions: array[int], counts: Mapping[int, int], ends: Sequence[int]) -> list[int]:
    """The offset of each record, given that these records are the last before `ends` of each partition."""
    if len(counts) == 1:
        (partition,) = counts
        return list(range(ends[partition] - len(partitions), ends[partition]))
    bases = {partition: ends[partition] - records for partition, records in counts.items()}
    if len(partitions) < VECTOR_RECORDS_MIN:
        return take_numbers(partitions, bases)
    return take_numbers_sorted(partitions, bases)


def take_numbers(partitions: array[int], bases: dict[int, int]) -> list[int]:
    offsets = []
    for partition in partitions:
        offsets.append(bases[partition])
        bases[partition] += 1
    return offsets


def take_numbers_sorted(partitions: array[int], bases: Mapping[int, int]) -> list[int]:
    """Sorted by partition, a record's offset is its position plus a shift that its partition shares."""
    import numpy as np

    column: Any = np.frombuffer(partitions, dtype=np.int32)
    # Sixteen bits let numpy sort by radix; PARTITIONS_MAX fits.
    order = np.argsort(column.astype(np.uint16), kind="stable")
    counts = np.bincount(column)
    starts = np.cumsum(counts) - counts
    shifts = np.zeros(len(counts), dtype=np.int64)
    for partition, base in bases.items():
        shifts[partition] = base - starts[partition]
    offsets = np.empty(len(column), dtype=np.int64)
    offsets[order] = np.arange(len(column)) + shifts[column[order]]
    numbers: list[int] = offsets.tolist()
    return numbers


def chunk_of(batch: Batch, sequence: int, ends: Sequence[int]) -> Chunk:
    """The batch as readers will see it once it is written."""
    return Chunk(
        batch.topic,
        sequence,
        batch.keys,
        batch.values,
        batch.timestamps.tolist(),
        batch.partitions.tolist(),
        offsets_of(batch.partitions, batch.counts, ends),
        batch.headers,
    )
