"""The contract of a topic log, continued: topics, their settings, and everything that is refused."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from topics_helpers import LOGS, batch, read, values

from penstock.errors import LogError, PenstockError, SettingError, TopicExists, UnknownTopic
from penstock.topics.base import TOPIC_DEFAULTS, Log, Outgoing


@pytest.fixture(params=LOGS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    opened = LOGS[request.param](tmp_path)
    yield opened
    opened.close()


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
