"""Retention and compaction: what may go, decided here; the store only takes it away.

In:  the entries of a topic, its settings, the time. Out: chunks dropped from the front, chunks rewritten.

    retention    | 1 | 2 | 3 | 4 |      the front goes while it is too old or the topic too large
                 xxxxxxxxx
    compaction   | a b | b c | a |      a record goes when its key comes again in the same partition;
                   x     x     ^        the newest stays, at its offset
    tombstone    | a | a:null |         goes itself delete.retention.ms after the compaction that kept it,
                   x     ...x           so that a reader on its way still learns of the deletion

Work is done in steps from the front, each a short change of its own, so that writers never wait long. A step
that is lost is done again next time. Another process may clean meanwhile: a record only goes when one that
replaces it stays, and whoever finds a chunk changed leaves the rest to the other. Going on would be wrong:
the other may have kept what our tombstone was to delete, and the tombstone would then go before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from penstock.topics.base import Chunk
from penstock.topics.config import is_compacted, policies_of, setting
from penstock.topics.reading import pick
from penstock.topics.state import TopicState
from penstock.topics.store import Entry, Rewrite, Store

STEP_CHUNKS_MAX = 64
STEP_BYTES_MAX = 8 * 1024 * 1024
# Keys one compaction remembers, about 200 bytes each; the rest of the topic waits for the next.
COMPACTION_KEYS_MAX = 1_000_000

Latest = dict[tuple[int, bytes | None], int]
"""The newest offset of each key in each partition."""


def clean_topic(store: Store, topic_id: int, now_ms: int) -> None:
    state = store.snapshot().by_id[topic_id]
    if state.name is None:
        return
    drop_dead(store, topic_id)
    if "delete" in policies_of(setting(state.config, "cleanup.policy")):
        drop_front(store, state, now_ms)
    if is_compacted(state.config):
        compact(store, store.snapshot().by_id[topic_id], now_ms)


# Retention


def drop_front(store: Store, state: TopicState, now_ms: int) -> None:
    """Drop chunks from the front while each is too old, or the topic too large without it too."""
    retention_ms = int(setting(state.config, "retention.ms"))
    excess = excess_bytes(store, state)
    expired: list[Entry] = []
    for entry in entries_of(store, state.id, state.last):
        too_old = retention_ms >= 0 and entry.timestamp_max < now_ms - retention_ms
        if not too_old and excess < entry.bytes:
            break
        excess -= entry.bytes
        expired.append(entry)
        if len(expired) == STEP_CHUNKS_MAX:
            drop_upto(store, state.id, expired[-1])
            expired = []
    if expired:
        drop_upto(store, state.id, expired[-1])


def excess_bytes(store: Store, state: TopicState) -> int:
    """By how much the topic is larger than retention.bytes, which Kafka counts per partition."""
    bytes_max = int(setting(state.config, "retention.bytes"))
    if bytes_max < 0:
        return 0
    return (
        sum(entry.bytes for entry in entries_of(store, state.id, state.last)) - bytes_max * state.partitions
    )


def drop_upto(store: Store, topic_id: int, entry: Entry) -> None:
    """Drop a topic's chunks up to this one; the topic begins behind them."""
    with store.change() as change:
        state = change.snapshot.by_id[topic_id]
        begins = tuple(map(max, state.begins, entry.ends))
        change.drop_chunks(topic_id, entry.sequence)
        change.put_topic(replace(state, begins=begins, last=change.next_sequence(), edits=state.edits + 1))


def drop_dead(store: Store, topic_id: int) -> None:
    """Drop the chunks at the front that hold only records from before the topic's begin."""
    state = store.snapshot().by_id[topic_id]
    dead: Entry | None = None
    steps = 0
    if not any(state.begins):
        return
    for entry in entries_of(store, topic_id, state.last):
        if any(end > begin for end, begin in zip(entry.ends, state.begins, strict=True)):
            break
        dead, steps = entry, steps + 1
        if steps % STEP_CHUNKS_MAX == 0:
            drop_upto(store, topic_id, entry)
            dead = None
    if dead is not None:
        drop_upto(store, topic_id, dead)


def purge(store: Store, topic_id: int) -> None:
    """Drop all chunks of a deleted topic."""
    while entries := store.entries(topic_id, 0, store.snapshot().by_id[topic_id].last, STEP_CHUNKS_MAX):
        with store.change() as change:
            change.drop_chunks(topic_id, entries[-1].sequence)


# Compaction


def compact(store: Store, state: TopicState, now_ms: int) -> None:
    if not worth_compacting(store, state, now_ms):
        return
    latest, upto = newest_offsets(store, state)
    step: list[Rewrite] = []
    step_bytes = 0
    for entry in entries_of(store, state.id, upto):
        if not latest and not due(entry, now_ms):
            continue
        rewrite = decide(store, state, entry, latest, now_ms)
        if rewrite is not None:
            step.append(rewrite)
            step_bytes += entry.bytes
        if len(step) == STEP_CHUNKS_MAX or step_bytes > STEP_BYTES_MAX:
            if not apply(store, state.id, step, state.cleaned):
                return
            step, step_bytes = [], 0
    apply(store, state.id, step, upto)


def worth_compacting(store: Store, state: TopicState, now_ms: int) -> bool:
    """As Kafka decides: when enough of the topic is dirty, or tombstones are due."""
    total = dirty = 0
    for entry in entries_of(store, state.id, state.last):
        if due(entry, now_ms):
            return True
        total += entry.bytes
        dirty += entry.bytes if entry.sequence > state.cleaned else 0
    return dirty > 0 and dirty >= total * float(setting(state.config, "min.cleanable.dirty.ratio"))


def due(entry: Entry, now_ms: int) -> bool:
    return entry.horizon_ms is not None and entry.horizon_ms < now_ms


def newest_offsets(store: Store, state: TopicState) -> tuple[Latest, int]:
    """The newest offset of each key among the dirty chunks, and the sequence up to which they were read."""
    latest: Latest = {}
    for entry in entries_of(store, state.id, state.last, after=state.cleaned):
        stored = store.load(state, entry.listed, keep=False)
        if stored is not None:
            chunk = stored.chunk
            latest.update(zip(zip(chunk.partitions, chunk.keys, strict=True), chunk.offsets, strict=True))
        if len(latest) >= COMPACTION_KEYS_MAX:
            return latest, entry.sequence
    return latest, state.last


def decide(store: Store, state: TopicState, entry: Entry, latest: Latest, now_ms: int) -> Rewrite | None:
    """What becomes of a chunk; None when it may stay as it is."""
    stored = store.load(state, entry.listed, keep=False)
    if stored is None:
        return None
    chunk = stored.chunk
    kept = survivors(chunk, latest, tombstones=not due(entry, now_ms))
    horizon_ms = None
    if any(chunk.values[at] is None for at in kept):
        horizon_ms = entry.horizon_ms or now_ms + int(setting(state.config, "delete.retention.ms"))
    if len(kept) == len(chunk) and horizon_ms == entry.horizon_ms:
        return None
    return Rewrite(entry, None if len(kept) == len(chunk) else pick(chunk, kept), horizon_ms)


def survivors(chunk: Chunk, latest: Latest, tombstones: bool) -> list[int]:
    """The positions of the records that no later one replaces; tombstones only when they may stay."""
    return [
        at
        for at, (partition, key, value, offset) in enumerate(
            zip(chunk.partitions, chunk.keys, chunk.values, chunk.offsets, strict=True)
        )
        if latest.get((partition, key), offset) <= offset and (tombstones or value is not None)
    ]


def apply(store: Store, topic_id: int, rewrites: Sequence[Rewrite], cleaned: int) -> bool:
    """Write what was decided; False when another process cleans this topic, or it is gone."""
    with store.change() as change:
        state = change.snapshot.by_id[topic_id]
        if state.name is None:
            return False
        whole = change.rewrite(state, rewrites)
        cleaned = max(state.cleaned, cleaned) if whole else state.cleaned
        edits = state.edits + bool(rewrites)
        change.put_topic(replace(state, cleaned=cleaned, last=change.next_sequence(), edits=edits))
    return whole


def entries_of(store: Store, topic_id: int, upto: int, after: int = 0) -> Iterator[Entry]:
    while entries := store.entries(topic_id, after, upto, STEP_CHUNKS_MAX * 8):
        yield from entries
        after = entries[-1].sequence
