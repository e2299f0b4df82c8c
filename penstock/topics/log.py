"""The topic log on a store: everything base.py promises, but for where the chunks lie.

In:  batches, offsets, settings. Out: changes of the store, each exclusive and complete; readers on it.

Checks and compression happen before the store is locked, and what was checked is compared again under the
lock: a topic may have been deleted meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from penstock.clock import Clock
from penstock.errors import Fenced, LogError, TopicExists, UnknownTopic, did_you_mean
from penstock.topics.base import Chunk, Outgoing, Reader, Start, TopicInfo, TopicPartition
from penstock.topics.batch import Turns, chunk_of, prepare
from penstock.topics.cache import Stored
from penstock.topics.cleaning import clean_topic, drop_dead, purge
from penstock.topics.config import check_config, check_new_topic, with_defaults
from penstock.topics.reading import LogReader, check_offsets
from penstock.topics.state import Snapshot, TopicState
from penstock.topics.store import Change, Packed, Store
from penstock.topics.transaction import BufferedTransaction, FencingProducer, GroupOffsets, ProducerEpoch


class ChunkLog:
    """A Log; see base.py for what each method promises."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._turns = Turns()

    # Topics

    def create_topic(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        check_new_topic(name, partitions)
        checked = check_config(name, config)
        with self._store.change() as change:
            known = change.snapshot.by_name.get(name)
            if known is not None:
                raise TopicExists(name, difference(known, partitions, checked))
            ids = max(change.snapshot.by_id, default=0) + 1
            none = (0,) * partitions
            change.put_topic(
                TopicState(
                    ids,
                    name,
                    partitions,
                    checked,
                    change.next_sequence(),
                    0,
                    cleaned=0,
                    begins=none,
                    ends=none,
                )
            )

    def delete_topic(self, name: str) -> None:
        with self._store.change() as change:
            state = change.snapshot.topic(name)
            change.drop_offsets(state.id)
            change.put_topic(
                replace(state, name=None, config={}, last=change.next_sequence(), edits=state.edits + 1)
            )
        purge(self._store, state.id)

    def alter_topic(self, name: str, config: Mapping[str, str]) -> None:
        checked = check_config(name, config)
        with self._store.change() as change:
            state = change.snapshot.topic(name)
            merged = {**state.config, **checked}
            change.put_topic(replace(state, config=merged, last=change.next_sequence()))

    def topics(self) -> dict[str, TopicInfo]:
        return {name: state.info for name, state in sorted(self._store.snapshot().by_name.items())}

    def topic(self, name: str) -> TopicInfo | None:
        state = self._store.snapshot().by_name.get(name)
        return None if state is None else state.info

    def end_offsets(self, topic: str) -> dict[int, int]:
        return dict(enumerate(self._store.snapshot().topic(topic).ends))

    def begin_offsets(self, topic: str) -> dict[int, int]:
        return dict(enumerate(self._store.snapshot().topic(topic).begins))

    def delete_records(self, topic: str, before: Mapping[int, int]) -> None:
        """The records can't be read from now on; their chunks go as soon as no record of them is kept."""
        with self._store.change() as change:
            state = change.snapshot.topic(topic)
            check_offsets(state, before)
            begins = tuple(max(begin, before.get(at, 0)) for at, begin in enumerate(state.begins))
            change.put_topic(
                replace(state, begins=begins, last=change.next_sequence(), edits=state.edits + 1)
            )
        drop_dead(self._store, state.id)

    # Writing

    def append(self, *batches: Outgoing) -> list[Chunk]:
        transaction = BufferedTransaction(self)
        for batch in batches:
            transaction.append(batch)
        return transaction.commit()

    def producer(self, transactional_id: str) -> FencingProducer:
        with self._store.change() as change:
            epoch = change.epoch(transactional_id) + 1
            change.put_epoch(transactional_id, epoch)
        return FencingProducer(self, ProducerEpoch(transactional_id, epoch))

    def pack(self, outgoing: Outgoing) -> Packed:
        state = self._known(outgoing.topic)
        return self._store.pack(prepare(outgoing, state, self._turns, self._clock), state.config)

    def check_offsets(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        if not group:
            raise LogError("A consumer group needs a name; '' is none.")
        for (topic, partition), offset in offsets.items():
            partitions = self._known(topic).partitions
            if not 0 <= partition < partitions or offset < 0:
                raise LogError(
                    f"Group '{group}' can't commit offset {offset} of topic '{topic}' partition {partition}. "
                    f"Offsets count from 0, and the topic has {partitions} partitions, from 0 up."
                )

    def write(
        self, packed: list[Packed], offsets: GroupOffsets, producer: ProducerEpoch | None
    ) -> list[Chunk]:
        if not packed and not offsets and producer is None:
            return []
        with self._store.change() as change:
            if producer is not None:
                check_epoch(change, producer)
            chunks = put_batches(change, packed)
            put_group_offsets(change, offsets)
        return chunks

    def _known(self, topic: str) -> TopicState:
        return self._store.snapshot().topic(topic)

    # Reading

    def reader(self, starts: Mapping[str, Start | Mapping[int, int]]) -> Reader:
        return LogReader(self._store, starts)

    def committed(self, group: str) -> dict[TopicPartition, int]:
        return self._store.committed(group)

    def groups(self) -> list[str]:
        return self._store.groups()

    def delete_group(self, group: str) -> None:
        with self._store.change() as change:
            known = change.drop_group(group)
        if not known:
            raise LogError(f"Group '{group}' has no offsets here.{did_you_mean(group, self.groups())}")

    def wait(self, timeout_s: float) -> bool:
        return self._store.watch.wait(timeout_s)

    # Upkeep

    def clean(self, now_ms: int) -> None:
        for topic_id in self._store.deleted_topics():
            purge(self._store, topic_id)
        for topic_id in self._store.snapshot().by_id:
            clean_topic(self._store, topic_id, now_ms)

    def close(self) -> None:
        self._store.close()


def difference(known: TopicState, partitions: int, config: Mapping[str, str]) -> str:
    """` with 3 partitions instead of 4`, when the topic there is not the topic wanted."""
    if known.partitions != partitions:
        return f" with {known.partitions} partitions instead of {partitions}"
    there, wanted = with_defaults(known.config), with_defaults(config)
    for name in sorted(there.keys() | wanted.keys()):
        if there.get(name) != wanted.get(name):
            return f" with {name} '{there.get(name)}' instead of '{wanted.get(name)}'"
    return ""


def check_epoch(change: Change, producer: ProducerEpoch) -> None:
    if change.epoch(producer.transactional_id) != producer.epoch:
        raise Fenced(
            f"Another process took over the transactional id '{producer.transactional_id}', so nothing of "
            "this transaction was written. Stop this process, or the other one and start this one again."
        )


def put_batches(change: Change, packed: list[Packed]) -> list[Chunk]:
    """Each batch takes the next sequence, its records the next offsets; each topic is written once."""
    states: dict[int, TopicState] = {}
    chunks = []
    for each in packed:
        batch = each.batch
        state = states.get(batch.topic_id) or unchanged(change.snapshot, batch.topic, batch.topic_id)
        ends = list(state.ends)
        for partition, records in batch.counts.items():
            ends[partition] += records
        sequence = change.next_sequence()
        states[state.id] = state = replace(state, last=sequence, ends=tuple(ends))
        chunks.append(chunk_of(batch, sequence, ends))
        change.put_chunk(each, Stored(chunks[-1], state.ends, 0, each.memory_bytes))
    for state in states.values():
        change.put_topic(state)
    return chunks


def unchanged(snapshot: Snapshot, topic: str, topic_id: int) -> TopicState:
    """The topic the batch was made for, unless it is gone."""
    state = snapshot.by_id[topic_id]
    if state.name is not None:
        return state
    if topic in snapshot.by_name:
        raise LogError(
            f"Topic '{topic}' was deleted and made anew while a transaction wrote to it; nothing of the "
            "transaction was written. Begin it again."
        )
    raise UnknownTopic(topic, snapshot.by_name)


def put_group_offsets(change: Change, offsets: GroupOffsets) -> None:
    for group, places in offsets.items():
        by_topic: dict[int, dict[int, int]] = {}
        for (topic, partition), offset in places.items():
            by_topic.setdefault(change.snapshot.topic(topic).id, {})[partition] = offset
        for topic_id, partitions in by_topic.items():
            change.put_offsets(group, topic_id, partitions)
