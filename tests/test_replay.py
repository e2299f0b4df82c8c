"""The replay: every row once, in order, under a key of its own; dirt that the seed decides alone."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from penstock import replay, types
from penstock.cli.replay import replay as command
from penstock.errors import RecordError, SettingError
from penstock.formats import formats
from penstock.language.catalog import Format
from penstock.replay import reference
from penstock.replay.dirt import KINDS, LATE, Dirt
from penstock.replay.rows import Record, clean_records, data_file, file_rows
from penstock.replay.send import due, pause
from penstock.topics.base import Log
from penstock.topics.memory import MemoryLog

SMALL = 20_000
FIRST = {
    "transaction_id": "536365-1",
    "customer_id": "17850",
    "product_id": "85123A",
    "quantity": 6,
    "unit_price": 2.55,
    "transaction_date": "2010-12-01T08:26:00",
    "country": "United Kingdom",
}


@pytest.fixture(scope="module")
def every_record() -> list[Record]:
    return list(clean_records())


@pytest.fixture(scope="module")
def some_records(every_record: list[Record]) -> list[Record]:
    return every_record[:SMALL]


def read_all(log: Log, topic: str) -> list[tuple[bytes | None, bytes | None]]:
    reader = log.reader({topic: "earliest"})
    found: list[tuple[bytes | None, bytes | None]] = []
    while chunks := reader.poll(10_000):
        for chunk in chunks:
            found.extend(zip(chunk.keys, chunk.values, strict=True))
    return found


def test_the_whole_data_set(every_record: list[Record]) -> None:
    assert len(every_record) == 541_909
    assert len({record.key for record in every_record}) == 541_909
    assert len({record.key.partition(b"-")[0] for record in every_record}) == 25_900
    assert json.loads(every_record[0].value) == FIRST
    assert [record.date for record in every_record] == sorted(record.date for record in every_record)


def test_rows_are_those_of_the_file(some_records: list[Record]) -> None:
    for row, record in zip(file_rows(data_file()), some_records, strict=False):
        value = json.loads(record.value)
        assert record.key.decode() == value["transaction_id"]
        assert value["transaction_id"].startswith(row[0] + "-")
        assert (value["product_id"], value["country"]) == (row[1], row[7])
        assert value["customer_id"] == (row[6].removesuffix(".0") or None)
        assert (str(value["quantity"]), repr(value["unit_price"])) == (row[3], row[5])
        assert value["transaction_date"] == row[4].replace(" ", "T")


def test_clean_rows_are_values() -> None:
    assert next(replay.clean_rows())._asdict() == FIRST


def test_clean_replay_keeps_the_order(some_records: list[Record]) -> None:
    log = MemoryLog()
    assert set(replay.ensure_topics(log)) == {
        *("retail-transactions", "customer-events", "streaming-errors", "system-events"),
        *("products", "countries"),
    }
    assert replay.ensure_topics(log) == []
    seen: list[tuple[int, int]] = []
    summary = replay.replay(
        log, limit=SMALL, progress=lambda *counts: seen.append(counts), clock=lambda: 1234
    )
    assert (summary.rows, summary.records, summary.late) == (SMALL, SMALL, 0)
    assert read_all(log, replay.TRANSACTIONS) == [(record.key, record.value) for record in some_records]
    assert seen == sorted(seen) and seen[-1] == (SMALL, SMALL)
    chunk = log.reader({replay.TRANSACTIONS: "earliest"}).poll(1)[0]
    assert list(chunk.timestamps) == [1234]


def test_topics_have_their_settings() -> None:
    log = MemoryLog()
    replay.ensure_topics(log)
    found = {
        name: (info.partitions, info.config["retention.ms"], info.config["cleanup.policy"])
        for name, info in log.topics().items()
    }
    assert found["retail-transactions"] == (12, "604800000", "delete")
    assert found["customer-events"] == (6, "2592000000", "delete")
    assert found["streaming-errors"] == (3, "7776000000", "delete")
    assert found["system-events"] == (3, "2592000000", "delete")
    assert found["products"][::2] == found["countries"][::2] == (12, "compact")
    assert log.topics()["retail-transactions"].config["compression.type"] == "snappy"


@pytest.mark.parametrize("percent", [0.0, 2.0, 30.0, 100.0])
def test_dirt_is_counted_and_adds_up(percent: float, some_records: list[Record]) -> None:
    dirt = Dirt(percent, seed=5)
    sent = list(dirt.mix(some_records))
    added = Counter(sent) - Counter(some_records)
    assert not Counter(some_records) - Counter(sent)  # Every clean row is there.
    assert sum(added.values()) == sum(dirt.counts.values()) - dirt.counts[LATE]
    expected = SMALL * percent / 100
    assert abs(sum(dirt.counts.values()) - expected) <= 5 * (expected**0.5)
    assert all(count > 0 for count in dirt.counts.values()) == (percent > 0)


def test_the_seed_decides(some_records: list[Record]) -> None:
    def sent(seed: int) -> list[Record]:
        return list(Dirt(10, seed).mix(some_records))

    assert sent(3) == sent(3)
    assert sent(3) != sent(4)


def test_dirt_is_what_it_says(some_records: list[Record]) -> None:
    clean = set(some_records)
    kinds: Counter[str] = Counter()
    for record in Dirt(20, seed=9).mix(some_records):
        if record not in clean:
            kinds[spoiled_how(record)] += 1
    assert kinds.keys() == {"malformed", "wrong type"}


def test_dirt_cannot_be_read(some_records: list[Record]) -> None:
    """What is meant to fail fails: no reader of the topic may take a spoiled record for a row."""
    clean = set(some_records)
    spoiled = [record.value for record in Dirt(20, seed=9).mix(some_records) if record not in clean]
    columns = [types.Column("QUANTITY", types.INTEGER), types.Column("UNIT_PRICE", types.DOUBLE)]
    decoded = formats.value_codec(Format("JSON"), columns).decode(spoiled)
    assert len(decoded.failures) == len(spoiled) > 1000


def spoiled_how(record: Record) -> str:
    try:
        value = msgspec.json.decode(record.value)
    except msgspec.DecodeError:
        return "malformed"
    wrong = type(value["quantity"]) is not int or not isinstance(value["unit_price"], float)
    return "wrong type" if wrong else "clean"


def test_late_rows_come_late(some_records: list[Record]) -> None:
    dirt = Dirt(10, seed=2)
    sent = list(dirt.mix(some_records))
    first_of = {record: position for position, record in reversed(list(enumerate(sent)))}
    clean = set(some_records)
    latest = ""
    held: list[timedelta] = []
    for position, record in enumerate(sent):
        if record in clean and first_of[record] == position:
            if record.date < latest:
                held.append(datetime.fromisoformat(latest) - datetime.fromisoformat(record.date))
            latest = max(latest, record.date)
    last = datetime.fromisoformat(some_records[-1].date)
    assert len(held) <= dirt.counts[LATE]
    assert len(held) > dirt.counts[LATE] * 0.9
    assert max(held) <= timedelta(days=31) and max(held) > timedelta(days=1)
    assert sum(late >= timedelta(minutes=19) for late in held) > len(held) * 0.9, last


def test_reference_topics() -> None:
    log = MemoryLog()
    replay.ensure_topics(log)
    assert replay.send_reference(log) == {"products": 4070, "countries": 38}
    products = {key: json.loads(value or b"") for key, value in read_all(log, "products")}
    assert products[b"85123A"] == {
        "product_id": "85123A",
        "description": "WHITE HANGING HEART T-LIGHT HOLDER",
    }
    countries = {key: json.loads(value or b"") for key, value in read_all(log, "countries")}
    assert countries[b"EIRE"]["standard_name"] == "Ireland" and countries[b"RSA"]["iso_code"] == "ZA"
    assert countries[b"Unspecified"]["iso_code"] is None


def test_every_country_is_known(every_record: list[Record]) -> None:
    named = {json.loads(record.value)["country"] for record in every_record[::7]}
    assert named <= {key.decode() for key, _ in reference.countries()}
    assert {row[7] for row in file_rows(data_file())} == {key.decode() for key, _ in reference.countries()}


def test_equal_counts_take_the_first_text() -> None:
    assert reference.most_frequent(Counter({"B": 2, "A": 2, "": 9, "C": 1})) == "A"
    assert reference.most_frequent(Counter({"": 3})) is None


@pytest.mark.parametrize(
    ("rate", "elapsed", "sent", "records"),
    [(None, 0, 0, 5000), (2000, 0.05, 0, 100), (2000, 1.0, 1990, 10), (1, 0.0, 0, 1), (1e6, 10, 0, 5000)],
)
def test_due(rate: float | None, elapsed: float, sent: int, records: int) -> None:
    assert due(rate, elapsed, sent) == records


def test_a_steady_rate() -> None:
    """Held to its rate over simulated time, never ahead of it by more than a tick."""
    now, sent, rate = 0.0, 0, 730.0
    while now < 10:
        sent += due(rate, now, sent)
        assert sent <= rate * now + 1
        now += pause(rate, now, sent)
    assert abs(sent - rate * 10) < rate * 0.11


def write(path: Path, *rows: list[Any]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as text:
        csv.writer(text).writerows(rows)
    return path


HEADER = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
]
GOOD = ["1", 'A"é', "x", "2", "2011-01-01 00:00:00", "0.5", "", "EIRE"]


def test_another_file(tmp_path: Path) -> None:
    rows = list(replay.clean_rows(write(tmp_path / "some.csv", HEADER, GOOD, GOOD)))
    assert [(row.transaction_id, row.product_id, row.customer_id) for row in rows] == [
        ("1-1", 'A"é', None),
        ("1-2", 'A"é', None),
    ]


@pytest.mark.parametrize(
    ("position", "text"), [(3, "two"), (5, "1e3"), (5, "NaN"), (6, "x"), (4, "2011-01-01"), (3, "")]
)
def test_a_bad_row_is_named(tmp_path: Path, position: int, text: str) -> None:
    bad = [*GOOD[:position], text, *GOOD[position + 1 :]]
    with pytest.raises(RecordError, match="line 3"):
        list(clean_records(write(tmp_path / "bad.csv", HEADER, GOOD, bad)))


def test_another_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="does not begin with the columns"):
        list(clean_records(write(tmp_path / "other.csv", ["a", "b"])))


def test_the_command(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'made' / 'log.db'}"
    arguments = ["--log", url, "--limit", "300", "--dirt", "10", "--seed", "4", "--output", "json"]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    counts = json.loads(result.stdout)
    dirt = Dirt(10, 4)
    sent = list(dirt.mix(islice(clean_records(), 300)))
    assert (counts["rows"], counts["records"], counts["products"]) == (300, len(sent), 4070)
    assert [counts[name] for name in ("duplicates", "malformed", "wrong_types", "late")] == [
        dirt.counts[kind] for kind in KINDS
    ]
