"""The contract of a topic log: every log passes every test here."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import Fenced, LogError, PenstockError, SettingError, TopicExists, UnknownTopic
from penstock.topics.base import TOPIC_DEFAULTS, Log, Outgoing
from penstock.topics.partition import choose_partitions, murmur2, partitions_of
from tests.topics_helpers import LOGS, batch, drain, read, records, values

DAY_MS = 86_400_000


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


# Topics and their settings


def test_topics_keep_their_settings(log: Log) -> None:
    log.create_topic("t", 4, {"retention.ms": "-1", "segment.bytes": "1000"})
    info = log.topic("t")
    assert info is not None
    assert (info.name, info.partitions) == ("t", 4)
    assert info.config == {**TOPIC_DEFAULTS, "retention.ms": "-1", "segment.bytes": "1000"}
    log.alter_topic("t", {"retention.ms": "5", "cleanup.policy": "compact"})
    assert log.topics()["t"].config["retention.ms"] == "5"
    assert log.topics()["t"].config["segment.bytes"] == "1000"
    assert log.topic("u") is None


def test_a_deleted_topic_is_gone_and_a_new_one_begins_anew(log: Log) -> None:
    log.create_topic("t", 2)
    log.append(batch("t", b"1", b"2"))
    reader = log.reader({"t": "earliest"})
    log.delete_topic("t")
    with pytest.raises(UnknownTopic, match="Topic 't' does not exist"):
        reader.poll(1)
    log.create_topic("t", 1)
    assert log.end_offsets("t") == {0: 0}
    assert values(log, "t") == []
    with pytest.raises(UnknownTopic):
        reader.poll(1)


Refusal = tuple[type[PenstockError], str]
CREATE_REFUSALS: dict[str, tuple[tuple[Any, ...], Refusal]] = {
    "a name with a blank": (("a b",), (LogError, "'a b' can't be the name of a topic. Use 1 to 249 letters")),
    "a dot": ((".",), (LogError, "'.' can't be the name of a topic")),
    "no name": (("",), (LogError, "'' can't be the name of a topic")),
    "too long a name": (("a" * 250,), (LogError, "can't be the name of a topic")),
    "no partitions": (
        ("t", 0),
        (LogError, "Topic 't' can't have 0 partitions. Use a number from 1 to 10000."),
    ),
    "an unknown setting": (
        ("t", 1, {"retention.sm": "1"}),
        (SettingError, "Topic 't': retention.sm is not a topic setting of Kafka. Did you mean retention.ms?"),
    ),
    "a value that is no number": (
        ("t", 1, {"retention.ms": "1h"}),
        (SettingError, "Topic 't': retention.ms is '1h'; it must be a whole number of at least -1."),
    ),
    "a policy that is none": (
        ("t", 1, {"cleanup.policy": "compact,keep"}),
        (
            SettingError,
            "Topic 't': cleanup.policy is 'compact,keep'; it must be delete, compact, or compact,delete.",
        ),
    ),
    "a codec that is none": (
        ("t", 1, {"compression.type": "brotli"}),
        (
            SettingError,
            "compression.type is 'brotli'; it must be one of uncompressed, zstd, lz4, snappy, gzip, ",
        ),
    ),
    "the same topic": (("there", 2), (TopicExists, "Topic 'there' already exists.")),
    "the same topic with other partitions": (
        ("there", 3),
        (TopicExists, "Topic 'there' already exists with 2 partitions instead of 3."),
    ),
    "the same topic with other settings": (
        ("there", 2, {"retention.ms": "1"}),
        (TopicExists, "Topic 'there' already exists with retention.ms '604800000' instead of '1'."),
    ),
}


@pytest.mark.parametrize("name", CREATE_REFUSALS)
def test_topics_that_can_not_be_made(log: Log, name: str) -> None:
    arguments, (kind, sentence) = CREATE_REFUSALS[name]
    log.create_topic("there", 2)
    with pytest.raises(kind) as refused:
        log.create_topic(*arguments)
    assert sentence in refused.value.message
    assert list(log.topics()) == ["there"]


APPEND_REFUSALS: dict[str, tuple[Outgoing, str]] = {
    "an unknown topic": (batch("others", b"v"), "Topic 'others' does not exist. Did you mean other?"),
    "text": (Outgoing("t", ["k"], [b"v"], [0]), "a key must be bytes or None"),  # type: ignore[list-item]
    "a number": (Outgoing("t", [None], [b"v", 1], [0]), "a value must be bytes or None"),  # type: ignore[list-item]
    "columns of different length": (
        Outgoing("t", [None, None], [b"v"], [0]),
        "the columns of a batch have different lengths: [1, 2].",
    ),
    "too few headers": (
        Outgoing("t", [None] * 2, [b"v"] * 2, [0] * 2, None, [(("h", b""),)]),
        "the columns of a batch have different lengths",
    ),
    "a partition that is not there": (
        batch("t", b"v", partitions=[2]),
        "Topic 't' has no partition 2; it has 2, from 0 up.",
    ),
    "a time beyond 64 bits": (batch("t", b"v", timestamps=[2**63]), "a timestamp can't be written"),
    "a record too large": (
        batch("t", b"v", b"v" * 1000),
        "Topic 't': record 1 of the batch has 1000 bytes and max.message.bytes allows 1000",
    ),
    "headers too large": (
        Outgoing("t", [None], [b"v"], [0], None, [(("h", b"v" * 1000),)]),
        "record 0 of the batch has 1002 bytes",
    ),
    "no key in a compacted topic": (
        batch("compacted", b"v", b"v", keys=[b"k", None]),
        "Topic 'compacted' is compacted and takes no record without a key (record 1 of the batch has none)",
    ),
}


@pytest.mark.parametrize("name", APPEND_REFUSALS)
def test_batches_that_are_refused(log: Log, name: str) -> None:
    outgoing, sentence = APPEND_REFUSALS[name]
    log.create_topic("t", 2, {"max.message.bytes": "1000"})
    log.create_topic("other")
    log.create_topic("compacted", 1, {"cleanup.policy": "compact"})
    with pytest.raises(LogError) as refused:
        log.append(batch("other", b"goes with the refused one"), outgoing)
    assert sentence in refused.value.message
    assert read(log, "t", "other", "compacted") == []


READER_REFUSALS: dict[str, tuple[Mapping[str, Any], str]] = {
    "an unknown topic": ({"tt": "earliest"}, "Topic 'tt' does not exist."),
    "an offset beyond the end": (
        {"t": {0: 2}},
        "Topic 't' partition 0 ends at offset 1 and can't be read from 2.",
    ),
    "a partition that is not there": ({"t": {1: 0}}, "Topic 't' has no partition 1; it has 1, from 0 up."),
}


@pytest.mark.parametrize("name", READER_REFUSALS)
def test_readers_that_can_not_be(log: Log, name: str) -> None:
    starts, sentence = READER_REFUSALS[name]
    log.create_topic("t")
    log.append(batch("t", b"v"))
    with pytest.raises(LogError) as refused:
        log.reader(starts)
    assert sentence in refused.value.message


def test_a_closed_log_says_so(log: Log) -> None:
    log.create_topic("t")
    reader = log.reader({"t": "earliest"})
    log.close()
    log.close()
    for use in (log.topics, lambda: reader.poll(1), lambda: log.append(batch("t", b"v"))):
        with pytest.raises(LogError, match="is closed"):
            use()


def test_log_append_time_replaces_timestamps(log: Log) -> None:
    log.create_topic("t", 1, {"message.timestamp.type": "LogAppendTime"})
    before = time.time_ns() // 1_000_000
    (chunk,) = log.append(batch("t", b"v", timestamps=[5]))
    assert before <= chunk.timestamps[0] <= before + 60_000


# Waiting


def test_wait_wakes_for_a_commit_and_not_without(log: Log) -> None:
    log.create_topic("t")
    reader = log.reader({"t": "earliest"})
    reader.poll(1)
    started = time.monotonic()
    assert not log.wait(0.05)
    assert 0.04 < time.monotonic() - started < 1
    # A commit between the poll and the wait is not slept through.
    reader.poll(1)
    log.append(batch("t", b"v"))
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


# Retention, compaction, deletion


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
