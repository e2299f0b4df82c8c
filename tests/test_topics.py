"""The contract of a topic log: every log passes every test here, and in the two files beside."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from topics_helpers import LOGS, batch, drain, read, records, values

from penstock.errors import Fenced, LogError, UnknownTopic
from penstock.topics.base import Log, Outgoing
from penstock.topics.partition import choose_partitions, murmur2, partitions_of


@pytest.fixture(params=LOGS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    opened = LOGS[request.param](tmp_path)
    yield opened
    opened.close()


# Appending and reading


def test_records_come_back_as_they_were(log: Log) -> None:
    log.create_topic("t", 2)
    headers = [(("trace", b"1"), ("none", None)), (), ()]
    written = log.append(
        Outgoing("t", [b"k", None, b""], [b"v", None, b""], [1, -1, 2**60], [1, 0, 1], headers)
    )
    (chunk,) = log.reader({"t": "earliest"}).poll(10)
    assert records([chunk]) == records(written)
    assert records([chunk]) == [
        ("t", 1, 0, b"k", b"v", 1),
        ("t", 0, 0, None, None, -1),
        ("t", 1, 1, b"", b"", 2**60),
    ]
    assert chunk.headers is not None
    assert [tuple(each) for each in chunk.headers] == headers


@pytest.mark.parametrize("codec", ["uncompressed", "producer", "snappy", "lz4", "zstd", "gzip"])
def test_every_compression_gives_the_same_bytes(log: Log, codec: str) -> None:
    log.create_topic("t", 3, {"compression.type": codec})
    sent = [b'{"number": %d, "text": "the same again"}' % number for number in range(500)]
    written = log.append(Outgoing("t", [b"%d" % n for n in range(500)], sent, range(500)))
    assert read(log, "t") == records(written)
    assert log.end_offsets("t") == {
        p: sum(1 for record in records(written) if record[1] == p) for p in range(3)
    }


def test_topics_are_read_in_log_order(log: Log) -> None:
    log.create_topic("b")
    log.create_topic("a")
    log.append(batch("b", b"1"), batch("a", b"2"), batch("b", b"3"))
    log.append(batch("a", b"4"))
    assert [record[4] for record in read(log, "a", "b")] == [b"1", b"2", b"3", b"4"]
    chunks = drain(log.reader({"a": "earliest", "b": "earliest"}), 1)
    assert [chunk.sequence for chunk in chunks] == sorted(chunk.sequence for chunk in chunks)


def test_readers_meet_the_identical_chunk(tmp_path: Path) -> None:
    for name in ("sqlite", "memory"):
        log = LOGS[name](tmp_path)
        log.create_topic("t")
        (written,) = log.append(batch("t", *[b"v"] * 600))
        first, second = (log.reader({"t": "earliest"}) for _ in range(2))
        assert first.poll(600)[0] is written
        assert second.poll(1000)[0] is written
        first, second = (log.reader({"t": "earliest"}) for _ in range(2))
        for _ in range(3):
            (left,), (right,) = first.poll(256), second.poll(256)
            assert left is right or len(left) < 256
        log.close()


def test_a_chunk_stays_whole_when_it_fits_the_next_poll(log: Log) -> None:
    log.create_topic("t")
    log.append(batch("t", *[b"a"] * 6))
    log.append(batch("t", *[b"b"] * 6))
    reader = log.reader({"t": "earliest"})
    assert [len(chunk) for chunk in reader.poll(10)] == [6]
    assert [len(chunk) for chunk in reader.poll(10)] == [6]
    assert reader.poll(10) == []


def test_a_poll_never_gives_more_than_asked(log: Log) -> None:
    log.create_topic("t")
    log.append(batch("t", *[b"%d" % n for n in range(10)]))
    reader = log.reader({"t": "earliest"})
    sizes = []
    while polled := reader.poll(3):
        sizes.append(sum(map(len, polled)))
    assert sizes == [3, 3, 3, 1]


def test_start_at_latest_and_at_offsets(log: Log) -> None:
    log.create_topic("t", 2)
    for number in range(6):
        log.append(batch("t", b"%d" % number, b"%d" % (number + 10), partitions=[number % 2, 1]))
    latest = log.reader({"t": "latest"})
    assert latest.poll(10) == []
    assert latest.positions() == {("t", 0): 3, ("t", 1): 9}
    everything = read(log, "t")
    for starts in ({0: 2, 1: 4}, {0: 3, 1: 9}, {1: 8}, {0: 1, 1: 0}, {}):
        wanted = [record for record in everything if record[2] >= starts.get(record[1], 0)]
        assert read(log, "t", start=starts) == wanted
    log.append(batch("t", b"new", partitions=[0]))
    assert [record[4] for record in records(latest.poll(10))] == [b"new"]


def test_a_reader_goes_on_from_its_positions(log: Log) -> None:
    log.create_topic("a", 3)
    log.create_topic("b", 2)
    for number in range(8):
        log.append(*(batch(topic, *[b"%d" % number] * 5, keys=list_of_keys(number)) for topic in "ab"))
    everything = read(log, "a", "b")
    for taken in range(1, len(everything), 7):
        first = log.reader({"a": "earliest", "b": "earliest"})
        start = [record for _ in range(taken) for record in records(first.poll(1))]
        positions = first.positions()
        rest = log.reader(
            {topic: {p: offset for (name, p), offset in positions.items() if name == topic} for topic in "ab"}
        )
        assert rest.lag() == first.lag() == len(everything) - taken
        assert start + records(drain(rest, 4)) == everything


def list_of_keys(number: int) -> list[bytes]:
    return [b"key %d" % (number * 7 + place) for place in range(5)]


def test_lag_counts_what_is_left(log: Log) -> None:
    log.create_topic("t", 2)
    log.append(batch("t", *[b"v"] * 7))
    reader = log.reader({"t": "earliest"})
    assert reader.lag() == 7
    reader.poll(5)
    assert reader.lag() == 2
    log.append(batch("t", b"v"))
    drain(reader)
    assert reader.lag() == 0


def test_an_empty_batch_writes_nothing(log: Log) -> None:
    log.create_topic("t")
    assert log.append(batch("t")) == []
    assert log.append() == []
    assert log.reader({"t": "earliest"}).poll(1) == []


def test_columns_may_be_any_sequence_and_stay_the_logs_own(log: Log) -> None:
    log.create_topic("t")
    sent: list[bytes | None] = [b"a", b"b"]
    log.append(Outgoing("t", (None, None), sent, range(2), (0, 0)))
    sent[0] = b"changed"
    assert values(log, "t") == [b"a", b"b"]


operations = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.sampled_from("ab"), st.integers(0, 40)),
        st.tuples(st.just("poll"), st.integers(0, 2), st.integers(1, 50)),
    ),
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(operations=operations)
def test_any_polls_give_the_records_of_a_plain_list(
    operations: list[tuple[str, Any, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in ("sqlite", "sqlite uncached", "memory"):
        log = LOGS[name](tmp_path_factory.mktemp("log"))
        check_against_list(log, operations)
        log.close()


def check_against_list(log: Log, operations: list[tuple[str, Any, int]]) -> None:
    subscriptions = ["a", "b", "ab"]
    for topic in "ab":
        log.create_topic(topic, 3)
    readers = [log.reader(dict.fromkeys(topics, "earliest")) for topics in subscriptions]
    model: list[tuple[str, bytes | None]] = []
    seen: list[list[tuple[str, bytes | None]]] = [[], [], []]
    for operation, which, count in operations:
        if operation == "append":
            added = [b"%d" % (len(model) + place) for place in range(count)]
            log.append(batch(which, *added, partitions=[int(value) * 7 % 3 for value in added]))
            model += [(which, value) for value in added]
        else:
            polled = readers[which].poll(count)
            assert sum(map(len, polled)) <= count
            seen[which] += [(record[0], record[4]) for record in records(polled)]
    for topics, reader, had in zip(subscriptions, readers, seen, strict=True):
        had += [(record[0], record[4]) for record in records(drain(reader, 7))]
        assert had == [record for record in model if record[0] in topics]
        assert reader.positions() == {(t, p): end for t in topics for p, end in log.end_offsets(t).items()}


# Partitions


MURMUR2 = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


def test_murmur2_is_kafkas() -> None:
    assert {key: (murmur2(key) ^ 0x80000000) - 0x80000000 for key in MURMUR2} == MURMUR2


@settings(max_examples=30, deadline=None)
@given(keys=st.lists(st.binary(max_size=300), min_size=64, max_size=90), partitions=st.integers(1, 500))
def test_many_keys_are_hashed_like_one(keys: list[bytes], partitions: int) -> None:
    assert partitions_of(keys, partitions) == [(murmur2(key) & 0x7FFFFFFF) % partitions for key in keys]


def test_keyless_records_take_turns() -> None:
    assert choose_partitions([None, b"21", None, None], 3, 1) == ([1, partitions_of([b"21"], 3)[0], 2, 0], 4)


def test_keys_choose_partitions_and_a_negative_one_is_chosen_for(log: Log) -> None:
    log.create_topic("t", 12)
    keys = [b"%d" % number for number in range(100)]
    chosen = partitions_of(keys, 12)
    (left_open,) = log.append(batch("t", *[b"v"] * 100, keys=keys))
    assert left_open.partitions == chosen
    (given_some,) = log.append(batch("t", b"v", b"v", keys=[b"21", b"21"], partitions=[-1, 7]))
    assert given_some.partitions == [partitions_of([b"21"], 12)[0], 7]


# Transactions, groups


def test_a_transaction_is_seen_whole_or_not_at_all(log: Log) -> None:
    log.create_topic("a")
    log.create_topic("b")
    transaction = log.producer("p").begin()
    transaction.append(batch("a", b"1"))
    transaction.append(batch("b", b"2"))
    transaction.commit_offsets("g", {("a", 0): 5})
    assert read(log, "a", "b") == []
    assert log.committed("g") == {}
    chunks = transaction.commit()
    assert [chunk.topic for chunk in chunks] == ["a", "b"]
    assert read(log, "a", "b") == records(chunks)
    assert log.committed("g") == {("a", 0): 5}


def test_an_aborted_or_failed_transaction_leaves_nothing(log: Log) -> None:
    log.create_topic("t")
    producer = log.producer("p")
    with pytest.raises(ZeroDivisionError), producer.begin() as transaction:
        transaction.append(batch("t", b"1"))
        raise ZeroDivisionError
    aborted = producer.begin()
    aborted.append(batch("t", b"2"))
    aborted.abort()
    with pytest.raises(LogError, match="committed or aborted before"):
        aborted.commit()
    refused = producer.begin()
    refused.append(batch("t", b"3"))
    with pytest.raises(UnknownTopic):
        refused.append(batch("nowhere", b"4"))
    with pytest.raises(LogError, match="refused a batch"):
        refused.commit()
    assert values(log, "t") == []
    with producer.begin() as transaction:
        transaction.append(batch("t", b"5"))
    assert values(log, "t") == [b"5"]


def test_a_later_producer_fences_the_earlier(log: Log) -> None:
    log.create_topic("t")
    first = log.producer("p")
    late = first.begin()
    late.append(batch("t", b"late"))
    second = log.producer("p")
    other = log.producer("q")
    with pytest.raises(Fenced, match="took over the transactional id 'p'"):
        late.commit()
    for producer, value in ((second, b"2"), (other, b"3")):
        with producer.begin() as transaction:
            transaction.append(batch("t", value))
    with pytest.raises(Fenced):
        first.begin().commit()
    assert values(log, "t") == [b"2", b"3"]


def test_a_topic_deleted_meanwhile_stops_the_commit(log: Log) -> None:
    log.create_topic("t")
    log.create_topic("u")
    lost, replaced = log.producer("p").begin(), log.producer("q").begin()
    for transaction in (lost, replaced):
        transaction.append(batch("u", b"kept from being written"))
        transaction.append(batch("t", b"1"))
    log.delete_topic("t")
    with pytest.raises(UnknownTopic):
        lost.commit()
    log.create_topic("t")
    with pytest.raises(LogError, match="made anew"):
        replaced.commit()
    assert read(log, "t", "u") == []


def test_groups(log: Log) -> None:
    log.create_topic("t", 2)
    log.create_topic("u", 1)
    for offsets in ({("t", 0): 3, ("t", 1): 4, ("u", 0): 1}, {("t", 1): 9}):
        with log.producer("p").begin() as transaction:
            transaction.commit_offsets("g", offsets)
            transaction.commit_offsets("h", {("t", 0): 1})
    assert log.committed("g") == {("t", 0): 3, ("t", 1): 9, ("u", 0): 1}
    assert log.groups() == ["g", "h"]
    log.delete_group("h")
    assert log.groups() == ["g"]
    with pytest.raises(LogError, match="Group 'gg' has no offsets here"):
        log.delete_group("gg")
    log.delete_topic("t")
    assert log.committed("g") == {("u", 0): 1}
    log.delete_topic("u")
    assert log.groups() == []


# Waiting


def test_wait_wakes_for_a_commit_and_not_without(log: Log) -> None:
    log.create_topic("t")
    reader = log.reader({"t": "earliest"})
    reader.poll(1)
    started = time.monotonic()
    assert not log.wait(0.05)
    assert 0.04 < time.monotonic() - started < 1
    # A commit between a poll and the wait is not slept through, even when another reader polled after it.
    other = log.reader({"t": "latest"})
    reader.poll(1)
    log.append(batch("t", b"v"))
    other.poll(1)
    log.topics()
    started = time.monotonic()
    assert log.wait(5)
    assert time.monotonic() - started < 1


def test_all_that_wait_wake_up(log: Log) -> None:
    log.create_topic("t")
    woken: list[bool] = []
    threads = [threading.Thread(target=lambda: woken.append(log.wait(10))) for _ in range(6)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    started = time.monotonic()
    log.append(batch("t", b"v"))
    for thread in threads:
        thread.join()
    assert woken == [True] * 6
    assert time.monotonic() - started < 2
