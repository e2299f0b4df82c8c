"""The embedded topic log: one SQLite file, used by several processes at once.

In:  packed batches, offsets, topic states. Out: rows of sqlite_schema.py, and chunks again from them.

    threads of this process          other processes
      write --lock--> writer ----BEGIN IMMEDIATE----+
      read  --------> pool of readers               |--> file + write-ahead log
      poll  --------> watcher, asks "did anything change?" (3 us) before anything else

A commit is one transaction and, with synchronous FULL, one fsync.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from penstock.clock import Clock, now_ms
from penstock.errors import SettingError
from penstock.topics.base import TopicPartition
from penstock.topics.batch import Batch
from penstock.topics.cache import ChunkCache, Stored
from penstock.topics.framing import chunk_from, ends_from_bytes, ends_to_bytes, frame_batch, frame_chunk
from penstock.topics.log import ChunkLog
from penstock.topics.reading import Listed
from penstock.topics.sqlite_file import SYNCHRONOUS, SqliteFile
from penstock.topics.state import Directory, Snapshot, TopicState
from penstock.topics.store import Entry, Packed, Rewrite
from penstock.topics.watch import Watch

CACHE_BYTES = 64 * 1024 * 1024
BUSY_S = 15.0


class SqliteLog(ChunkLog):
    """`synchronous` is SQLite's: FULL survives a power cut, NORMAL a crash of the process only.

    `cache_bytes` bounds the records kept for readers of this process, `busy_s` the wait for other processes.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        synchronous: str = "FULL",
        cache_bytes: int = CACHE_BYTES,
        busy_s: float = BUSY_S,
        clock: Clock = now_ms,
    ) -> None:
        if synchronous not in SYNCHRONOUS:
            raise SettingError(f"synchronous is '{synchronous}'; it must be one of {', '.join(SYNCHRONOUS)}.")
        file = SqliteFile(Path(path).absolute(), synchronous, busy_s)
        self.path = file.path
        super().__init__(SqliteStore(file, cache_bytes), clock)


class SqliteStore:
    def __init__(self, file: SqliteFile, cache_bytes: int) -> None:
        self._file = file
        self._cache = ChunkCache(cache_bytes)
        self._directory = Directory()
        self._known_version: int | None = None
        self.watch = Watch(self._version)

    def _version(self) -> int:
        with self._file.watch() as db:
            return data_version(db)

    def snapshot(self) -> Snapshot:
        with self._file.watch() as db:
            version = data_version(db)
            if version != self._known_version:
                self._directory.learn(changed_topics(db, self._directory.snapshot.head))
                self._known_version = version
        self.watch.saw(version)
        return self._directory.snapshot

    @contextmanager
    def change(self) -> Iterator[SqliteChange]:
        with self._file.write() as db:
            news = changed_topics(db, self._directory.snapshot.head)
            change = SqliteChange(db, self._directory.learn(news))
            yield change
        self._directory.learn(change.states)
        for stored in change.stored:
            self._cache.put(stored)
        self.watch.notify()

    def pack(self, batch: Batch, config: Mapping[str, str]) -> Packed:
        framed = frame_batch(batch, config)
        return Packed(batch, framed.memory_bytes, framed)

    def listed(self, topic_id: int, after: int, upto: int, limit: int) -> Sequence[Listed]:
        with self._file.read() as db:
            return list(map(Listed._make, db.execute(SELECT_LISTED, (topic_id, after, upto, limit))))

    def entries(self, topic_id: int, after: int, upto: int, limit: int) -> Sequence[Entry]:
        with self._file.read() as db:
            rows = db.execute(SELECT_ENTRIES, (topic_id, after, upto, limit)).fetchall()
        return [entry_of(*row) for row in rows]

    def load(self, topic: TopicState, listed: Listed, keep: bool = True) -> Stored | None:
        stored = self._cache.get(listed.sequence, listed.version)
        if stored is not None:
            return stored
        with self._file.read() as db:
            row = db.execute(SELECT_CHUNK, (listed.sequence,)).fetchone()
        if row is None:
            return None
        version, ends, codec, payload = row
        ends = ends_from_bytes(ends)
        chunk, memory_bytes = chunk_from(topic.name or "", listed.sequence, codec, payload, ends)
        stored = Stored(chunk, ends, version, memory_bytes)
        return self._cache.put(stored) if keep else stored

    def ends_from(self, topic_id: int, sequence: int) -> tuple[int, Sequence[int]] | None:
        with self._file.read() as db:
            row = db.execute(SELECT_ENDS_FROM, (topic_id, sequence)).fetchone()
        return None if row is None else (row[0], ends_from_bytes(row[1]))

    def deleted_topics(self) -> Sequence[int]:
        with self._file.read() as db:
            return [row[0] for row in db.execute(SELECT_DELETED_TOPICS)]

    def committed(self, group: str) -> dict[TopicPartition, int]:
        with self._file.read() as db:
            return {(row[0], row[1]): row[2] for row in db.execute(SELECT_COMMITTED, (group,))}

    def groups(self) -> list[str]:
        with self._file.read() as db:
            return [row[0] for row in db.execute("SELECT DISTINCT name FROM offsets ORDER BY name")]

    def close(self) -> None:
        self._file.close()
        self._cache.clear()


class SqliteChange:
    """Statements of one transaction; what readers are to know after it is collected beside."""

    def __init__(self, db: sqlite3.Connection, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.states: list[TopicState] = []
        self.stored: list[Stored] = []
        self._db = db
        self._sequence = snapshot.head

    def next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence

    def put_topic(self, state: TopicState) -> None:
        self._db.execute(PUT_TOPIC, row_of(state))
        self.states.append(state)

    def put_chunk(self, packed: Packed, stored: Stored) -> None:
        framed, chunk = packed.framed, stored.chunk
        ends = ends_to_bytes(stored.ends)
        size = len(framed.payload)
        newest = max(packed.batch.timestamps)
        self._db.execute(
            "INSERT INTO chunks VALUES (?, ?, 0, ?, ?, ?, ?, ?)",
            (chunk.sequence, packed.batch.topic_id, size, newest, ends, framed.codec, framed.payload),
        )
        self.stored.append(stored)

    def rewrite(self, topic: TopicState, rewrites: Iterable[Rewrite]) -> bool:
        for each in rewrites:
            entry = each.entry
            if each.chunk is not None and not self._replace(topic, each.chunk, entry.version):
                return False
            if each.horizon_ms is None:
                self._db.execute("DELETE FROM horizons WHERE sequence = ?", (entry.sequence,))
            else:
                self._db.execute(PUT_HORIZON, (entry.sequence, each.horizon_ms))
        return True

    def _replace(self, topic: TopicState, chunk: Any, version: int) -> bool:
        if not len(chunk):
            gone = self._db.execute(DELETE_CHUNK, (chunk.sequence, version))
            return gone.rowcount > 0
        framed = frame_chunk(chunk, topic.config)
        newest, size = max(chunk.timestamps), len(framed.payload)
        changed = self._db.execute(
            "UPDATE chunks SET version = version + 1, bytes = ?, timestamp_max = ?, codec = ?, payload = ? "
            "WHERE sequence = ? AND version = ?",
            (size, newest, framed.codec, framed.payload, chunk.sequence, version),
        )
        return changed.rowcount > 0

    def drop_chunks(self, topic_id: int, upto: int) -> None:
        self._db.execute(DELETE_HORIZONS, (topic_id, upto))
        self._db.execute("DELETE FROM chunks WHERE topic = ? AND sequence <= ?", (topic_id, upto))

    def put_offsets(self, group: str, topic_id: int, offsets: Mapping[int, int]) -> None:
        rows = [(group, topic_id, partition, offset) for partition, offset in offsets.items()]
        self._db.executemany("INSERT OR REPLACE INTO offsets VALUES (?, ?, ?, ?)", rows)

    def drop_offsets(self, topic_id: int) -> None:
        self._db.execute("DELETE FROM offsets WHERE topic = ?", (topic_id,))

    def drop_group(self, group: str) -> bool:
        return self._db.execute("DELETE FROM offsets WHERE name = ?", (group,)).rowcount > 0

    def epoch(self, transactional_id: str) -> int:
        row = self._db.execute("SELECT epoch FROM producers WHERE id = ?", (transactional_id,)).fetchone()
        return 0 if row is None else row[0]

    def put_epoch(self, transactional_id: str, epoch: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO producers VALUES (?, ?)", (transactional_id, epoch))


SELECT_LISTED = (
    "SELECT sequence, version FROM chunks WHERE topic = ? AND sequence > ? AND sequence <= ? "
    "ORDER BY sequence LIMIT ?"
)
SELECT_ENTRIES = (
    "SELECT sequence, version, bytes, timestamp_max, ends, horizon_ms FROM chunks LEFT JOIN horizons "
    "USING (sequence) WHERE topic = ? AND sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?"
)
SELECT_CHUNK = "SELECT version, ends, codec, payload FROM chunks WHERE sequence = ?"
SELECT_ENDS_FROM = (
    "SELECT sequence, ends FROM chunks WHERE topic = ? AND sequence >= ? ORDER BY sequence LIMIT 1"
)
SELECT_DELETED_TOPICS = (
    "SELECT id FROM topics WHERE name IS NULL AND EXISTS (SELECT 1 FROM chunks WHERE topic = topics.id)"
)
SELECT_COMMITTED = (
    "SELECT topics.name, partition, next FROM offsets JOIN topics ON topics.id = topic "
    "WHERE offsets.name = ? AND topics.name IS NOT NULL"
)
SELECT_CHANGED = (
    "SELECT id, name, partitions, config, last, edits, cleaned, begins, ends FROM topics WHERE last > ?"
)
PUT_TOPIC = (
    "INSERT INTO topics VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
    "name = excluded.name, config = excluded.config, last = excluded.last, edits = excluded.edits, "
    "cleaned = excluded.cleaned, begins = excluded.begins, ends = excluded.ends"
)
PUT_HORIZON = "INSERT OR REPLACE INTO horizons VALUES (?, ?)"
DELETE_CHUNK = "DELETE FROM chunks WHERE sequence = ? AND version = ?"
DELETE_HORIZONS = (
    "DELETE FROM horizons WHERE sequence IN (SELECT sequence FROM chunks WHERE topic = ?1 AND sequence <= ?2)"
)


def data_version(db: sqlite3.Connection) -> int:
    version: int = db.execute("PRAGMA data_version").fetchone()[0]
    return version


def changed_topics(db: sqlite3.Connection, head: int) -> list[TopicState]:
    """The topics that changed after a sequence."""
    return [state_of(row) for row in db.execute(SELECT_CHANGED, (head,))]


def state_of(row: tuple[Any, ...]) -> TopicState:
    topic_id, name, partitions, config, last, edits, cleaned, begins, ends = row
    return TopicState(
        topic_id,
        name,
        partitions,
        msgspec.json.decode(config, type=dict[str, str]),
        last,
        edits,
        cleaned,
        ends_from_bytes(begins),
        ends_from_bytes(ends),
    )


def entry_of(
    sequence: int, version: int, size: int, timestamp_max: int, ends: bytes, horizon_ms: int | None
) -> Entry:
    return Entry(sequence, version, size, timestamp_max, ends_from_bytes(ends), horizon_ms)


def row_of(state: TopicState) -> tuple[Any, ...]:
    return (
        state.id,
        state.name,
        state.partitions,
        msgspec.json.encode(state.config).decode(),
        state.last,
        state.edits,
        state.cleaned,
        ends_to_bytes(state.begins),
        ends_to_bytes(state.ends),
    )
