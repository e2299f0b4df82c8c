"""What keeps the chunks: the few things SQLite and memory do each in their own way.

In:  chunks and topic states, written inside one exclusive change. Out: the same, and lists of what is there.

log.py builds all that a topic log promises on these; reading.py and cleaning.py need no more either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.topics.base import Chunk, TopicPartition
from penstock.topics.batch import Batch
from penstock.topics.cache import Stored
from penstock.topics.reading import Listed, Source
from penstock.topics.state import Snapshot, TopicState
from penstock.topics.watch import Watch


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch as the store will write it, made before the store is locked."""

    batch: Batch
    memory_bytes: int
    framed: Any = None
    """The payload, in a store that has one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a chunk without reading it."""

    sequence: int
    version: int
    bytes: int
    timestamp_max: int
    ends: tuple[int, ...]
    horizon_ms: int | None
    """When its tombstones may go; None while it was not compacted, or has none."""

    @property
    def listed(self) -> Listed:
        return Listed(self.sequence, self.version)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What becomes of a chunk in compaction: `chunk` None when its records stay as they are."""

    entry: Entry
    chunk: Chunk | None
    horizon_ms: int | None


class Change(Protocol):
    """An exclusive change of the store: all of it happens, or nothing."""

    snapshot: Snapshot
    """The topics as they stand; nobody else changes them before we are done."""

    def next_sequence(self) -> int: ...

    def put_topic(self, state: TopicState) -> None: ...

    def put_chunk(self, packed: Packed, stored: Stored) -> None: ...

    def rewrite(self, topic: TopicState, rewrites: Iterable[Rewrite]) -> bool:
        """Stops at the first chunk that changed since it was looked at, and is False then."""
        ...

    def drop_chunks(self, topic_id: int, upto: int) -> None: ...

    def put_offsets(self, group: str, topic_id: int, offsets: Mapping[int, int]) -> None: ...

    def drop_offsets(self, topic_id: int) -> None: ...

    def drop_group(self, group: str) -> bool:
        """False when there is no such group."""
        ...

    def epoch(self, transactional_id: str) -> int: ...

    def put_epoch(self, transactional_id: str, epoch: int) -> None: ...


class Store(Source, Protocol):
    watch: Watch

    def change(self) -> AbstractContextManager[Change]:
        """Commits when the block ends well; then readers of this process know, and waiting ones wake up."""
        ...

    def pack(self, batch: Batch, config: Mapping[str, str]) -> Packed: ...

    def entries(self, topic_id: int, after: int, upto: int, limit: int) -> Sequence[Entry]:
        """The chunks of a topic with after < sequence <= upto, lowest first."""
        ...

    def deleted_topics(self) -> Sequence[int]:
        """Topics that are gone and whose chunks are not."""
        ...

    def committed(self, group: str) -> dict[TopicPartition, int]: ...

    def groups(self) -> list[str]: ...

    def close(self) -> None: ...
