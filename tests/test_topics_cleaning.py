"""The contract of a topic log, continued: retention, compaction and deletion, also under a reader's feet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from topics_helpers import LOGS, batch, drain, read, records, values

from penstock.errors import LogError
from penstock.topics import cleaning
from penstock.topics.base import Log
from penstock.topics.reading import cut
from penstock.topics.store import Rewrite, Store

DAY_MS = 86_400_000


@pytest.fixture(params=LOGS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    opened = LOGS[request.param](tmp_path)
    yield opened
    opened.close()


def test_retention_drops_the_front(log: Log) -> None:
    log.create_topic("t", 2, {"retention.ms": str(DAY_MS)})
    for day in range(5):
        log.append(batch("t", b"%d" % day, b"x", partitions=[day % 2, 0], timestamps=[day * DAY_MS] * 2))
    old = log.reader({"t": "earliest"})
    middle = log.reader({"t": "earliest"})
    assert len(records(middle.poll(3))) == 2
    log.clean(now_ms=4 * DAY_MS)
    assert values(log, "t") == [b"3", b"x", b"4", b"x"]
    assert log.begin_offsets("t") == {0: 5, 1: 1}
    assert log.end_offsets("t") == {0: 8, 1: 2}
    assert log.reader({"t": {0: 0}}).positions() == {("t", 0): 5, ("t", 1): 1}
    for reader in (old, middle):
        assert [record[4] for record in records(drain(reader))] == [b"3", b"x", b"4", b"x"]
    log.clean(now_ms=400 * DAY_MS)
    assert values(log, "t") == []
    assert log.begin_offsets("t") == log.end_offsets("t") == {0: 8, 1: 2}
    log.append(batch("t", b"new", partitions=[0], timestamps=[401 * DAY_MS]))
    assert read(log, "t") == [("t", 0, 8, None, b"new", 401 * DAY_MS)]


def test_a_reader_caught_up_by_retention_has_no_lag(log: Log) -> None:
    log.create_topic("t", 1, {"retention.ms": "10"})
    reader = log.reader({"t": "earliest"})
    log.append(batch("t", b"v"))
    log.clean(now_ms=1000)
    assert reader.lag() == 0
    assert reader.poll(5) == []
    assert reader.positions() == {("t", 0): 1}


def test_retention_by_size(log: Log) -> None:
    log.create_topic("t", 1, {"retention.ms": "-1", "compression.type": "uncompressed"})
    for number in range(10):
        log.append(batch("t", b"%d" % number + b"." * 10_000))
    log.clean(now_ms=DAY_MS)
    assert len(values(log, "t")) == 10
    log.alter_topic("t", {"retention.bytes": "35000"})
    log.clean(now_ms=DAY_MS)
    assert [value[:1] for value in values(log, "t") if value] == [b"6", b"7", b"8", b"9"]


def keyed(log: Log, *pairs: tuple[bytes, bytes | None]) -> None:
    log.append(batch("t", *[value for _, value in pairs], keys=[key for key, _ in pairs]))


def test_compaction_keeps_the_last_of_each_key(log: Log) -> None:
    log.create_topic("t", 1, {"cleanup.policy": "compact"})
    keyed(log, (b"a", b"1"), (b"b", b"2"), (b"a", b"3"))
    keyed(log, (b"c", b"4"))
    keyed(log, (b"a", b"5"), (b"c", b"6"))
    middle = log.reader({"t": "earliest"})
    assert [record[4] for record in records(middle.poll(2))] == [b"1", b"2"]
    at_second = log.reader({"t": {0: 3}})
    log.clean(now_ms=DAY_MS)
    assert [(record[2], record[3], record[4]) for record in read(log, "t")] == [
        (1, b"b", b"2"),
        (4, b"a", b"5"),
        (5, b"c", b"6"),
    ]
    assert log.end_offsets("t") == {0: 6}
    assert dict(record[3:5] for record in records(drain(middle))) | {b"b": b"2"} == {
        b"a": b"5",
        b"b": b"2",
        b"c": b"6",
    }
    assert [record[4] for record in records(drain(at_second))][-2:] == [b"5", b"6"]
    # Offsets that are gone may still be started from.
    assert [record[4] for record in read(log, "t", start={0: 2})] == [b"5", b"6"]


def test_tombstones_stay_for_their_time_after_the_compaction(log: Log) -> None:
    log.create_topic("t", 1, {"cleanup.policy": "compact", "delete.retention.ms": "1000"})
    keyed(log, (b"a", b"1"), (b"b", b"2"))
    keyed(log, (b"a", None))
    log.clean(now_ms=DAY_MS)
    assert values(log, "t") == [b"2", None]
    log.clean(now_ms=DAY_MS + 900)
    assert values(log, "t") == [b"2", None]
    reader = log.reader({"t": "earliest"})
    log.clean(now_ms=DAY_MS + 2000)
    assert values(log, "t") == [b"2"]
    drain(reader)
    assert (reader.lag(), reader.positions()) == (0, {("t", 0): 3})
    keyed(log, (b"a", b"again"))
    assert [record[2] for record in read(log, "t")] == [1, 3]


def test_compaction_waits_until_enough_is_dirty(log: Log) -> None:
    log.create_topic("t", 1, {"cleanup.policy": "compact", "compression.type": "uncompressed"})
    for number in range(10):
        keyed(log, (b"%d" % number, b"v" * 100))
    log.clean(now_ms=DAY_MS)
    keyed(log, (b"0", b"w" * 100))
    log.clean(now_ms=DAY_MS)
    assert len(values(log, "t")) == 11
    log.alter_topic("t", {"min.cleanable.dirty.ratio": "0.01"})
    log.clean(now_ms=DAY_MS)
    assert len(values(log, "t")) == 10


def test_compact_and_delete(log: Log) -> None:
    log.create_topic("t", 1, {"cleanup.policy": "compact,delete", "retention.ms": "100"})
    log.append(batch("t", b"old", keys=[b"a"], timestamps=[0]))
    log.append(batch("t", b"1", b"2", keys=[b"b", b"b"], timestamps=[1000, 1000]))
    log.clean(now_ms=1050)
    assert values(log, "t") == [b"2"]


@settings(max_examples=25, deadline=None)
@given(
    writes=st.lists(
        st.lists(st.tuples(st.sampled_from(b"abcdef"), st.booleans()), min_size=1, max_size=8), max_size=12
    ),
    cleans=st.sets(st.integers(0, 11)),
    taken=st.integers(0, 30),
)
def test_compaction_never_changes_the_final_table(
    writes: list[list[tuple[int, bool]]],
    cleans: set[int],
    taken: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A reader from the start, and one that stood anywhere, end with the newest value of each key."""
    config = {"cleanup.policy": "compact", "delete.retention.ms": "1000", "min.cleanable.dirty.ratio": "0"}
    for name in LOGS:
        log = LOGS[name](tmp_path_factory.mktemp("log"))
        log.create_topic("t", 2, config)
        standing = log.reader({"t": "earliest"})
        table: dict[bytes, bytes | None] = {}
        seen: dict[bytes | None, bytes | None] = {}
        for round_, write in enumerate(writes):
            pairs = [
                (b"%c" % key, None if gone else b"%d-%d" % (round_, place))
                for place, (key, gone) in enumerate(write)
            ]
            keyed(log, *pairs)
            table.update(pairs)
            if round_ * 3 <= taken:
                seen.update((record[3], record[4]) for record in records(standing.poll(4)))
            if round_ in cleans:
                log.clean(now_ms=round_ * 100)
        seen.update((record[3], record[4]) for record in records(drain(standing, 3)))
        assert seen == table
        left = {key: value for key, value in table.items() if value is not None}
        log.clean(now_ms=DAY_MS)
        log.clean(now_ms=2 * DAY_MS)
        assert {record[3]: record[4] for record in read(log, "t")} == left
        assert len(read(log, "t")) == len(left)
        log.close()


def test_delete_records_moves_the_begin(log: Log) -> None:
    log.create_topic("t", 2)
    for number in range(4):
        log.append(batch("t", b"a%d" % number, b"b%d" % number, b"c%d" % number, partitions=[0, 1, 0]))
    reader = log.reader({"t": "earliest"})
    reader.poll(1)
    log.delete_records("t", {0: 3})
    kept = [b"b0", b"b1", b"c1", b"a2", b"b2", b"c2", b"a3", b"b3", b"c3"]
    assert values(log, "t") == kept
    assert log.begin_offsets("t") == {0: 3, 1: 0}
    # The chunk it stands in was handed over already.
    assert [record[4] for record in records(drain(reader))][-8:] == kept[1:]
    log.delete_records("t", {0: 3, 1: 4})
    assert values(log, "t") == [b"c1", b"a2", b"c2", b"a3", b"c3"]
    log.delete_records("t", log.end_offsets("t"))
    assert values(log, "t") == []
    with pytest.raises(LogError, match="ends at offset 8"):
        log.delete_records("t", {0: 9})


def test_an_overtaken_cleaner_leaves_the_rest(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """It must not let a tombstone go whose record the other one, who had not seen it, has kept."""
    config = {"cleanup.policy": "compact", "delete.retention.ms": "10", "min.cleanable.dirty.ratio": "0"}
    log.create_topic("t", 1, config)
    keyed(log, (b"x", b"1"), (b"x", b"2"), (b"k", b"deleted later"))
    keyed(log, (b"k", None))
    apply = cleaning.apply

    def overtaken(store: Store, topic_id: int, *decided: Any) -> bool:
        monkeypatch.undo()
        state = store.snapshot().by_id[topic_id]
        entry = store.entries(topic_id, 0, state.last, 1)[0]
        stored = store.load(state, entry.listed)
        assert stored is not None
        with store.change() as change:
            assert change.rewrite(state, [Rewrite(entry, cut(stored.chunk, 1, 3), None)])
        return apply(store, topic_id, *decided)

    monkeypatch.setattr(cleaning, "apply", overtaken)
    log.clean(now_ms=DAY_MS)
    for days in (2, 3, 4):
        log.clean(now_ms=days * DAY_MS)
    assert values(log, "t") == [b"2"]
