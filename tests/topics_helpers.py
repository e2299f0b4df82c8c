"""What the tests of the topic log share: the logs themselves, batches in short, records in a flat list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from penstock.topics.base import Chunk, Log, Outgoing, Reader, Start
from penstock.topics.memory import MemoryLog
from penstock.topics.sqlite import SqliteLog

OpenLog = Callable[[Path], Log]

LOGS: Mapping[str, OpenLog] = {
    "sqlite": lambda folder: SqliteLog(folder / "log.db", synchronous="OFF"),
    # Without a cache every chunk is read back from the file, also by the process that wrote it.
    "sqlite uncached": lambda folder: SqliteLog(folder / "log.db", synchronous="OFF", cache_bytes=0),
    "memory": lambda folder: MemoryLog(),
}

Record = tuple[str, int, int, bytes | None, bytes | None, int]
"""Topic, partition, offset, key, value, timestamp."""


def batch(
    topic: str,
    *values: bytes | None,
    keys: Sequence[bytes | None] | None = None,
    partitions: Sequence[int] | None = None,
    timestamps: Sequence[int] | None = None,
) -> Outgoing:
    """Records of these values; without keys they have none, without timestamps all are of time 0."""
    count = len(values)
    return Outgoing(topic, keys or [None] * count, values, timestamps or [0] * count, partitions)


def records(chunks: Iterable[Chunk]) -> list[Record]:
    return [
        (chunk.topic, *record)
        for chunk in chunks
        for record in zip(
            chunk.partitions, chunk.offsets, chunk.keys, chunk.values, chunk.timestamps, strict=True
        )
    ]


def drain(reader: Reader, records_max: int = 1000) -> list[Chunk]:
    """All chunks up to the end."""
    chunks: list[Chunk] = []
    while polled := reader.poll(records_max):
        assert sum(map(len, polled)) <= records_max
        chunks += polled
    return chunks


def read(log: Log, *topics: str, start: Start | Mapping[int, int] = "earliest") -> list[Record]:
    return records(drain(log.reader(dict.fromkeys(topics, start))))


def values(log: Log, topic: str) -> list[bytes | None]:
    return [record[4] for record in read(log, topic)]
