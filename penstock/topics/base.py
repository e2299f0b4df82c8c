"""What a topic log promises. Everything above reads and writes records through this contract alone.

In:  batches of records in columns (Outgoing), offsets of consumer groups.
Out: the same records in the log's order, in columns (Chunk), each with its partition and offset.

A log keeps topics; a topic has partitions; a record has key, value, timestamp, headers. One transaction
covers records of several topics and the offsets of groups: all of it is visible at once, or none.

    Outgoing --append--> Transaction --commit--> | topic a | c1 |    | c4 |        log order: c1 c2 c3 c4
                                                 | topic b |    | c2 c3 |   |      Reader.poll gives chunks
                                                                                   of its topics in this order

Names of settings are Kafka's topic configurations: retention.ms, cleanup.policy, compression.type,
max.message.bytes. One test suite, tests/test_topics.py, is passed by every log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Protocol, TypeAlias

Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]
TopicPartition: TypeAlias = tuple[str, int]
Start: TypeAlias = Literal["earliest", "latest"]

RETENTION_FOREVER = "-1"
TOPIC_DEFAULTS: Mapping[str, str] = {
    "cleanup.policy": "delete",
    "retention.ms": "604800000",
    "compression.type": "producer",
    "max.message.bytes": "1048588",
}


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """A topic as it stands. `config` holds every setting of TOPIC_DEFAULTS, given or default."""

    name: str
    partitions: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Records to append to one topic, in columns of equal length.

    `partitions` None: the log chooses by Kafka's murmur2 of the key; keyless records go round robin.
    A single record may also be left to choose by a negative partition. `headers` None: no record has any.
    """

    topic: str
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    timestamps: Sequence[int]
    partitions: Sequence[int] | None = None
    headers: Sequence[Headers] | None = None


@dataclass(slots=True, eq=False)
class Chunk:
    """Records of one topic as they were appended together, in columns of equal length. Never changed.

    `sequence` orders the chunks of all topics as they were committed. Readers of one process that meet the
    same chunk are handed the identical object while it is cached, so `memo` may keep what was derived from
    it (decoded rows), for as long as the chunk lives.
    """

    topic: str
    sequence: int
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    timestamps: Sequence[int]
    partitions: Sequence[int]
    offsets: Sequence[int]
    headers: Sequence[Headers] | None = None
    memo: dict[Any, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)


class Reader(Protocol):
    """Reads topics forward in the log's order, read-committed. Belongs to one thread."""

    def poll(self, records_max: int) -> list[Chunk]:
        """The next chunks, at most `records_max` records in all (at least one record when there is any).

        Does not wait. Chunks of one topic keep append order; chunks of several topics come in log order.
        """
        ...

    def positions(self) -> dict[TopicPartition, int]:
        """The offset each partition is read from next."""
        ...

    def lag(self) -> int:
        """Records that stand before the end of the log and were not polled yet."""
        ...

    def close(self) -> None: ...


class Transaction(Protocol):
    """Collects records and offsets; nothing is visible before commit(). As a context: commits on success."""

    def append(self, batch: Outgoing) -> None: ...

    def commit_offsets(self, group: str, offsets: Mapping[TopicPartition, int]) -> None: ...

    def commit(self) -> list[Chunk]:
        """Make all visible at once and durable. Returns the chunks written, in the order of append().

        Raises Fenced when a later producer took the same transactional id, UnknownTopic, LogUnavailable.
        """
        ...

    def abort(self) -> None: ...

    def __enter__(self) -> Transaction: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Producer(Protocol):
    """Writes under one transactional id. Opening the same id again fences the earlier producer."""

    def begin(self) -> Transaction: ...


class Log(Protocol):
    """A topic log. Its methods may be called from any thread; readers and transactions are one thread's."""

    def create_topic(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        """Raises TopicExists when there is one of this name, SettingError for a setting that can't be."""
        ...

    def delete_topic(self, name: str) -> None:
        """Raises UnknownTopic."""
        ...

    def alter_topic(self, name: str, config: Mapping[str, str]) -> None: ...

    def topics(self) -> dict[str, TopicInfo]: ...

    def topic(self, name: str) -> TopicInfo | None: ...

    def append(self, *batches: Outgoing) -> list[Chunk]:
        """One transaction of its own, without a transactional id."""
        ...

    def producer(self, transactional_id: str) -> Producer: ...

    def reader(self, starts: Mapping[str, Start | Mapping[int, int]]) -> Reader:
        """A reader of these topics. A topic starts at its earliest or latest record, or at given offsets.

        Partitions that a mapping leaves out start at the earliest. Offsets below the earliest kept record
        start there; an offset above the end raises LogError.
        """
        ...

    def committed(self, group: str) -> dict[TopicPartition, int]: ...

    def groups(self) -> list[str]: ...

    def delete_group(self, group: str) -> None: ...

    def end_offsets(self, topic: str) -> dict[int, int]:
        """The next offset of each partition."""
        ...

    def begin_offsets(self, topic: str) -> dict[int, int]:
        """The earliest kept offset of each partition."""
        ...

    def delete_records(self, topic: str, before: Mapping[int, int]) -> None:
        """Forget the records of each partition below an offset (Kafka's DeleteRecords)."""
        ...

    def wait(self, timeout_s: float) -> bool:
        """Sleep until a process commits something, at most `timeout_s`. True when something was committed."""
        ...

    def clean(self, now_ms: int) -> None:
        """Apply retention and compaction to every topic by its settings."""
        ...

    def close(self) -> None: ...
