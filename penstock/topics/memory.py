"""A topic log in memory, for tests and for trying a pipeline out: nothing is left when it is closed.

In:  chunks. Out: the very same chunks; nothing is encoded. One lock guards it all.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import attrgetter

from penstock.clock import Clock, now_ms
from penstock.errors import LogError
from penstock.topics.base import TopicPartition
from penstock.topics.batch import Batch
from penstock.topics.cache import Stored
from penstock.topics.framing import RECORD_BYTES
from penstock.topics.log import ChunkLog
from penstock.topics.reading import Listed
from penstock.topics.state import Directory, Snapshot, TopicState
from penstock.topics.store import Entry, Packed, Rewrite
from penstock.topics.watch import Watch


class MemoryLog(ChunkLog):
    def __init__(self, clock: Clock = now_ms) -> None:
        super().__init__(MemoryStore(), clock)


@dataclass(frozen=True, slots=True)
class Kept:
    """A chunk and what is known of it."""

    entry: Entry
    stored: Stored

    @property
    def sequence(self) -> int:
        return self.entry.sequence


by_sequence = attrgetter("sequence")


class MemoryStore:
    def __init__(self) -> None:
        self.watch = Watch(lambda: self.version)
        self.version = 0
        self.lock = threading.RLock()
        self.directory = Directory()
        self.kept: dict[int, list[Kept]] = {}
        self.offsets: dict[str, dict[tuple[int, int], int]] = {}
        self.epochs: dict[str, int] = {}
        self._closed = False

    def snapshot(self) -> Snapshot:
        self.check_open()
        self.watch.saw(self.version)
        return self.directory.snapshot

    def check_open(self) -> None:
        if self._closed:
            raise LogError("This log is closed. Open it again with open_log().")

    @contextmanager
    def change(self) -> Iterator[MemoryChange]:
        with self.lock:
            self.check_open()
            change = MemoryChange(self, self.directory.snapshot)
            yield change
            change.carry_out()
            self.version += 1
        self.watch.notify()

    def pack(self, batch: Batch, config: Mapping[str, str]) -> Packed:
        return Packed(batch, bytes_of(batch.keys) + bytes_of(batch.values) + RECORD_BYTES * len(batch))

    def _between(self, topic_id: int, after: int, upto: int, limit: int) -> list[Kept]:
        with self.lock:
            kept = self.kept.get(topic_id, [])
            start = bisect_right(kept, after, key=by_sequence)
            return kept[start : min(bisect_right(kept, upto, key=by_sequence), start + limit)]

    def listed(self, topic_id: int, after: int, upto: int, limit: int) -> Sequence[Listed]:
        return [each.entry.listed for each in self._between(topic_id, after, upto, limit)]

    def entries(self, topic_id: int, after: int, upto: int, limit: int) -> Sequence[Entry]:
        return [each.entry for each in self._between(topic_id, after, upto, limit)]

    def load(self, topic: TopicState, listed: Listed, keep: bool = True) -> Stored | None:
        found = self._between(topic.id, listed.sequence - 1, listed.sequence, 1)
        return found[0].stored if found else None

    def ends_from(self, topic_id: int, sequence: int) -> tuple[int, Sequence[int]] | None:
        with self.lock:
            kept = self.kept.get(topic_id, [])
            at = bisect_left(kept, sequence, key=by_sequence)
            return (kept[at].sequence, kept[at].entry.ends) if at < len(kept) else None

    def deleted_topics(self) -> Sequence[int]:
        by_id = self.snapshot().by_id
        return [topic_id for topic_id, kept in self.kept.items() if kept and by_id[topic_id].name is None]

    def committed(self, group: str) -> dict[TopicPartition, int]:
        with self.lock:
            by_id = self.snapshot().by_id
            places = self.offsets.get(group, {}).items()
            return {(by_id[topic].name or "", partition): offset for (topic, partition), offset in places}

    def groups(self) -> list[str]:
        with self.lock:
            return sorted(self.offsets)

    def close(self) -> None:
        self._closed = True
        self.watch.notify()


class MemoryChange:
    """Notes what is to be done and does it at the end, when nothing can fail any more."""

    def __init__(self, store: MemoryStore, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._store = store
        self._sequence = snapshot.head
        self._states: list[TopicState] = []
        self._kept: dict[int, list[Kept]] = {}
        self._added: list[tuple[int, Kept]] = []
        self._offsets: dict[str, dict[tuple[int, int], int]] | None = None
        self._epochs: dict[str, int] = {}

    def next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence

    def put_topic(self, state: TopicState) -> None:
        self._states.append(state)

    def put_chunk(self, packed: Packed, stored: Stored) -> None:
        chunk = stored.chunk
        entry = Entry(chunk.sequence, 0, stored.memory_bytes, max(chunk.timestamps), stored.ends, None)
        self._added.append((packed.batch.topic_id, Kept(entry, stored)))

    def rewrite(self, topic: TopicState, rewrites: Iterable[Rewrite]) -> bool:
        kept = {each.sequence: each for each in self._list(topic.id)}
        same = True
        for each in rewrites:
            known = kept.get(each.entry.sequence)
            same = known is not None and known.entry.version == each.entry.version
            if known is None or not same:
                break
            kept[known.sequence] = rewritten(known, each)
        self._kept[topic.id] = [each for each in kept.values() if len(each.stored.chunk)]
        return same

    def drop_chunks(self, topic_id: int, upto: int) -> None:
        self._kept[topic_id] = [each for each in self._list(topic_id) if each.sequence > upto]

    def put_offsets(self, group: str, topic_id: int, offsets: Mapping[int, int]) -> None:
        places = self._groups().setdefault(group, {})
        places.update({(topic_id, partition): offset for partition, offset in offsets.items()})

    def drop_offsets(self, topic_id: int) -> None:
        for group, places in list(self._groups().items()):
            rest = {place: offset for place, offset in places.items() if place[0] != topic_id}
            self._groups()[group] = rest
            if not rest:
                del self._groups()[group]

    def drop_group(self, group: str) -> bool:
        return self._groups().pop(group, None) is not None

    def epoch(self, transactional_id: str) -> int:
        return self._store.epochs.get(transactional_id, 0)

    def put_epoch(self, transactional_id: str, epoch: int) -> None:
        self._epochs[transactional_id] = epoch

    def _list(self, topic_id: int) -> list[Kept]:
        if topic_id not in self._kept:
            self._kept[topic_id] = list(self._store.kept.get(topic_id, []))
        return self._kept[topic_id]

    def _groups(self) -> dict[str, dict[tuple[int, int], int]]:
        if self._offsets is None:
            self._offsets = {group: dict(places) for group, places in self._store.offsets.items()}
        return self._offsets

    def carry_out(self) -> None:
        self._store.kept.update(self._kept)
        for topic_id, kept in self._added:
            self._store.kept.setdefault(topic_id, []).append(kept)
        self._store.epochs.update(self._epochs)
        if self._offsets is not None:
            self._store.offsets = self._offsets
        self._store.directory.learn(self._states)


def rewritten(known: Kept, rewrite: Rewrite) -> Kept:
    entry = replace(known.entry, version=known.entry.version + 1, horizon_ms=rewrite.horizon_ms)
    if rewrite.chunk is None:
        return Kept(entry, replace(known.stored, version=entry.version))
    chunk = rewrite.chunk
    size = bytes_of(chunk.keys) + bytes_of(chunk.values) + RECORD_BYTES * len(chunk)
    return Kept(replace(entry, bytes=size), replace(known.stored, chunk=rewrite.chunk, version=entry.version))


def bytes_of(column: Sequence[bytes | None]) -> int:
    return sum(map(len, filter(None, column)))
