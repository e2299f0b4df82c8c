"""Reading forward: which chunk comes next, and how much of it.

In:  a source of chunks (SQLite or memory) and where each topic starts.
Out: chunks in the log's order, positions and lag.

    topic a   | 1 |   | 3 |       | 7 |       each topic has a cursor; the poll takes the lowest sequence,
    topic b       | 2 |   | 5 | 6 |           whole when it fits, so that all readers share the one object

A poll reads the log as of one moment: what is committed meanwhile belongs to the next poll.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from operator import lt
from typing import Any, NamedTuple, Protocol

from penstock.errors import LogError, UnknownTopic
from penstock.topics.base import Chunk, Start, TopicPartition
from penstock.topics.cache import Stored
from penstock.topics.state import Snapshot, TopicState

# Chunks whose place is looked up at once.
LISTED_MAX = 64
# A part of a chunk this large is shared between readers like a whole one; smaller ones only fill memory.
SHARED_PART_RECORDS_MIN = 256


class Listed(NamedTuple):
    sequence: int
    version: int


class Source(Protocol):
    """Where a reader finds chunks."""

    def snapshot(self) -> Snapshot:
        """The topics as they stand now. Cheap when nothing changed."""
        ...

    def listed(self, topic_id: int, after: int, upto: int, limit: int) -> Sequence[Listed]:
        """The chunks of a topic with after < sequence <= upto, lowest first."""
        ...

    def load(self, topic: TopicState, listed: Listed, keep: bool = True) -> Stored | None:
        """A chunk, or None when it was taken away meanwhile. `keep` it for the next who asks."""
        ...

    def ends_from(self, topic_id: int, sequence: int) -> tuple[int, Sequence[int]] | None:
        """The first chunk at or after a sequence: its sequence and the end offsets after it."""
        ...


class LogReader:
    """The reader of every log here. Belongs to one thread."""

    def __init__(self, source: Source, starts: Mapping[str, Start | Mapping[int, int]]) -> None:
        self._source = source
        self._closed = False
        snapshot = source.snapshot()
        self._cursors = [
            open_cursor(source, snapshot.topic(name), start) for name, start in sorted(starts.items())
        ]

    def poll(self, records_max: int) -> list[Chunk]:
        assert records_max > 0, records_max
        waiting = self._waiting()
        chunks: list[Chunk] = []
        room = records_max
        while waiting and room:
            cursor = min(waiting, key=Cursor.next_sequence)
            chunk = cursor.take(room, records_max)
            if chunk is None:
                break
            if len(chunk):
                chunks.append(chunk)
                room -= len(chunk)
            waiting = [each for each in waiting if each.seek()]
        return chunks

    def _waiting(self) -> list[Cursor]:
        """The cursors that have something to read as of now, each standing before its next chunk."""
        states = self._states()
        return [cursor for cursor in self._cursors if cursor.follow(states[cursor.topic_id])]

    def _states(self) -> Mapping[int, TopicState]:
        if self._closed:
            raise LogError("This reader is closed. Open a new one with reader().")
        snapshot = self._source.snapshot()
        for cursor in self._cursors:
            if snapshot.by_id[cursor.topic_id].name is None:
                raise UnknownTopic(cursor.name, snapshot.by_name)
        return snapshot.by_id

    def positions(self) -> dict[TopicPartition, int]:
        return {
            (cursor.name, partition): offset
            for cursor in self._cursors
            for partition, offset in enumerate(cursor.positions)
        }

    def lag(self) -> int:
        states = self._states()
        return sum(cursor.lag(states[cursor.topic_id]) for cursor in self._cursors)

    def close(self) -> None:
        self._closed = True
        self._cursors = []


class Cursor:
    """How far one topic was read.

    after          every chunk up to this sequence was read
    chunk, at      the chunk being read now, and the records of it that were taken
    positions      the offset each partition is read from next
    skip_upto      chunks up to this sequence may hold records from before the start
    """

    def __init__(
        self, source: Source, state: TopicState, after: int, positions: Sequence[int], skip_upto: int
    ) -> None:
        self._source = source
        self._state = state
        self._after = after
        self._skip_upto = skip_upto
        self._listed: deque[Listed] = deque()
        self._open: Stored | None = None
        self._chunk: Chunk | None = None
        self._at = 0
        self.positions = list(positions)
        self.name = state.name or ""
        self.topic_id = state.id

    def follow(self, state: TopicState) -> bool:
        """Take note of the topic as it is now; True when there is a chunk to read."""
        if state.edits != self._state.edits:
            self._forget_places(state)
        self._state = state
        return self.seek()

    def _forget_places(self, state: TopicState) -> None:
        """Chunks were rewritten or taken away: look again, unless we stand in the middle of one."""
        self._listed.clear()
        if self._at == 0:
            self._open = self._chunk = None
        if any(map(lt, self.positions, state.begins)):
            self._advance(state.begins)
            self._skip_upto = state.last

    def seek(self) -> bool:
        """Stand before the next chunk that has records for us; False when there is none."""
        while self._chunk is None:
            if self._after >= self._state.last:
                return False
            self._open_next()
        return True

    def next_sequence(self) -> int:
        assert self._chunk is not None
        return self._chunk.sequence

    def take(self, room: int, records_max: int) -> Chunk | None:
        """Records for a poll that has room left; None to leave the chunk whole for the next poll."""
        assert self._chunk is not None
        rest = len(self._chunk) - self._at
        if rest > room and room < records_max:
            return None
        if rest > room:
            return self._take_part(self._at + room)
        chunk = self._chunk if self._at == 0 else part_of(self._chunk, self._at, len(self._chunk))
        self._finish()
        return chunk

    def lag(self, state: TopicState) -> int:
        starts = map(max, self.positions, state.begins)
        return sum(max(0, end - start) for end, start in zip(state.ends, starts, strict=True))

    def _take_part(self, stop: int) -> Chunk:
        assert self._chunk is not None
        part = part_of(self._chunk, self._at, stop)
        self._at = stop
        for partition, offset in dict(zip(part.partitions, part.offsets, strict=True)).items():
            self.positions[partition] = offset + 1
        return part

    def _finish(self) -> None:
        assert self._open is not None
        self._advance(self._open.ends)
        self._after = self._open.chunk.sequence
        self._open = self._chunk = None
        self._at = 0

    def _advance(self, ends: Sequence[int]) -> None:
        """All up to these ends was read, save what stands before our start."""
        self.positions = list(map(max, self.positions, ends))

    def _open_next(self) -> None:
        if not self._listed:
            self._listed.extend(self._source.listed(self.topic_id, self._after, self._state.last, LISTED_MAX))
        if not self._listed:
            # What stood between here and the end was taken away; nothing is left to read of it.
            self._advance(self._state.ends)
            self._after = self._state.last
            return
        listed = self._listed.popleft()
        stored = self._source.load(self._state, listed)
        if stored is None:
            self._after = listed.sequence
            return
        self._open = stored
        self._chunk = self._from_start(stored.chunk)
        if not len(self._chunk):
            self._finish()

    def _from_start(self, chunk: Chunk) -> Chunk:
        """The chunk without records from before our start, itself when it has none."""
        if chunk.sequence > self._skip_upto:
            return chunk
        wanted = [
            at
            for at, (partition, offset) in enumerate(zip(chunk.partitions, chunk.offsets, strict=True))
            if offset >= self.positions[partition]
        ]
        return chunk if len(wanted) == len(chunk) else pick(chunk, wanted)


def open_cursor(source: Source, state: TopicState, start: Start | Mapping[int, int]) -> Cursor:
    if isinstance(start, str):
        return START_AT[start](source, state)
    return cursor_at(source, state, start)


def cursor_at_earliest(source: Source, state: TopicState) -> Cursor:
    if not any(state.begins):
        return Cursor(source, state, after=0, positions=state.begins, skip_upto=0)
    return cursor_at(source, state, {})


def cursor_at_latest(source: Source, state: TopicState) -> Cursor:
    return Cursor(source, state, after=state.last, positions=state.ends, skip_upto=0)


START_AT: Mapping[str, Callable[[Source, TopicState], Cursor]] = {
    "earliest": cursor_at_earliest,
    "latest": cursor_at_latest,
}


def cursor_at(source: Source, state: TopicState, offsets: Mapping[int, int]) -> Cursor:
    """From given offsets: begin at the first chunk that has one, skip what stands before the others."""
    check_offsets(state, offsets)
    positions = [max(begin, offsets.get(partition, begin)) for partition, begin in enumerate(state.begins)]
    sequences = [
        find_sequence(source, state, partition, offset) for partition, offset in enumerate(positions)
    ]
    return Cursor(source, state, min(sequences) - 1, positions, max(sequences))


def check_offsets(state: TopicState, offsets: Mapping[int, int]) -> None:
    for partition, offset in offsets.items():
        if not 0 <= partition < state.partitions:
            raise LogError(
                f"Topic '{state.name}' has no partition {partition}; it has {state.partitions}, from 0 up."
            )
        if offset > state.ends[partition]:
            raise LogError(
                f"Topic '{state.name}' partition {partition} ends at offset {state.ends[partition]} and "
                f"can't be read from {offset}. The topic was made anew or the offset belongs to another log; "
                "start from 'earliest', or reset the group's offsets."
            )


def find_sequence(source: Source, state: TopicState, partition: int, offset: int) -> int:
    """The first chunk after which the partition ends beyond an offset, so it holds the record of it.

    End offsets only grow along the log, so halving the sequences finds it.
    """
    holds = state.last + 1
    low, high = 0, holds
    while low < high:
        middle = (low + high) // 2
        found = source.ends_from(state.id, middle)
        if found is None:
            high = middle
        elif found[1][partition] > offset:
            high, holds = middle, found[0]
        else:
            low = found[0] + 1
    return holds


def part_of(chunk: Chunk, start: int, stop: int) -> Chunk:
    """Records start to stop of a chunk; the same object for every reader that cuts a large part here."""
    if stop - start < SHARED_PART_RECORDS_MIN:
        return cut(chunk, start, stop)
    name = ("part", start, stop)
    part = chunk.memo.get(name)
    if part is None:
        part = chunk.memo.setdefault(name, cut(chunk, start, stop))
    return part


def cut(chunk: Chunk, start: int, stop: int) -> Chunk:
    return Chunk(
        chunk.topic,
        chunk.sequence,
        chunk.keys[start:stop],
        chunk.values[start:stop],
        chunk.timestamps[start:stop],
        chunk.partitions[start:stop],
        chunk.offsets[start:stop],
        None if chunk.headers is None else chunk.headers[start:stop],
    )


def pick(chunk: Chunk, wanted: Sequence[int]) -> Chunk:
    """The records at these positions of a chunk."""

    def column(values: Sequence[Any]) -> list[Any]:
        return [values[at] for at in wanted]

    return Chunk(
        chunk.topic,
        chunk.sequence,
        column(chunk.keys),
        column(chunk.values),
        column(chunk.timestamps),
        column(chunk.partitions),
        column(chunk.offsets),
        None if chunk.headers is None else column(chunk.headers),
    )
