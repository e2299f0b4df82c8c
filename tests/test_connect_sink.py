"""The Delta sink by cases: tests/cases/connect/{append,upsert,configs}.json say what lands, what is refused.

Every case runs three ways: all records in one commit, a commit for each record, and a sink started anew for
each record that goes on where its table says. All three must leave the same table and dead letters.
"""

from __future__ import annotations

import datetime
import decimal
import json
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("deltalake")

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from connect import plugins
from connect.api import Batch, Context
from connect.delta.sink import DeltaSink
from connect.errors import TaskError
from connect.plugins import Connector
from connect.worker import Gathered, Limits, Surroundings, Task, context, due, ends
from penstock.topics.base import Chunk, Log, Outgoing
from penstock.topics.open import open_log

CASES = Path(__file__).parent / "cases" / "connect"
DEFAULTS = {"name": "c", "connector.class": "DeltaSink", "topics": "t", "errors.tolerance": "all"}
WAYS = ("at once", "one by one", "started anew")


def cases(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((CASES / name).read_text(encoding="utf-8"))["tests"]
    return found


def ids(case: dict[str, Any]) -> str:
    return str(case["name"])


def key_of(record: dict[str, Any]) -> bytes | None:
    text = record.get("key")
    if text is None:
        return None
    bounds = record.get("window", [])
    return str(text).encode() + struct.pack(f">{len(bounds)}q", *reversed(bounds))


def value_of(record: dict[str, Any]) -> bytes | None:
    if "hex" in record:
        return bytes.fromhex(record["hex"])
    if "text" in record:
        return str(record["text"]).encode()
    return None if record["value"] is None else json.dumps(record["value"], ensure_ascii=False).encode()


def shown(value: Any) -> Any:
    """A value of the table as a case writes it."""
    if isinstance(value, dict):
        return {name: shown(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [shown(inner) for inner in value]
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal) or (isinstance(value, float) and not math.isfinite(value)):
        return str(value)
    return value.hex() if isinstance(value, bytes) else value


def read_table(folder: Path) -> pa.Table:
    """All rows. Not by to_pyarrow_table(): two of five processes that called it abort when they end."""
    return pa.table(DeltaTable(str(folder)).scan())


def table_of(folder: Path) -> list[dict[str, Any]]:
    rows = read_table(folder).to_pylist()
    return sorted((shown(row) for row in rows), key=lambda row: json.dumps(row, sort_keys=True))


def records(log: Log, topic: str) -> list[Chunk]:
    return log.reader({topic: "earliest"}).poll(1000) if log.topic(topic) else []


def letters(log: Log) -> list[tuple[int, str]]:
    found = []
    for chunk in records(log, plugins.DEAD_LETTER_TOPIC):
        for headers in chunk.headers or ():
            told = {name: (value or b"").decode() for name, value in headers}
            offset, reason = told["__connect.errors.offset"], told["__connect.errors.exception.message"]
            found.append((int(offset), reason))
    return found


def sink(connector: Connector, log: Log, folder: Path) -> tuple[DeltaSink, Context]:
    around = Surroundings(log, folder, lambda: 0, lambda: None)
    surroundings = context(Task(connector, 0, 1, around), around)
    made = DeltaSink()
    made.start(surroundings)
    return made, surroundings


def batches(chunks: list[Chunk], way: str) -> Iterator[Batch]:
    if way == "at once":
        yield Batch(tuple(chunks), ends(chunks))
        return
    for chunk in chunks:
        for at in range(len(chunk)):
            one = slice(at, at + 1)
            part = Chunk(
                chunk.topic,
                chunk.sequence,
                chunk.keys[one],
                chunk.values[one],
                chunk.timestamps[one],
                chunk.partitions[one],
                chunk.offsets[one],
            )
            yield Batch((part,), ends([part]))


def land(case: dict[str, Any], way: str, log: Log, folder: Path) -> None:
    inputs = case["inputs"]
    log.create_topic("t")
    keys, values = [key_of(record) for record in inputs], [value_of(record) for record in inputs]
    log.append(Outgoing("t", keys, values, [0] * len(inputs)))
    connector = plugins.understood("c", {**DEFAULTS, "delta.table.path": "table", **case["config"]})
    made, _ = sink(connector, log, folder)
    for batch in batches(records(log, "t"), way):
        if way == "started anew":
            made, _ = sink(connector, log, folder)
            assert made.committed([("t", 0)]).get(("t", 0), 0) == batch.offsets["t", 0] - len(batch)
        made.write(batch)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", cases("append.json") + cases("upsert.json"), ids=ids)
def test_lands(case: dict[str, Any], way: str, tmp_path: Path) -> None:
    if way != "at once" and not case.get("one_by_one", True):
        pytest.skip("the columns depend on how many rows are seen first")
    log = open_log("memory://")
    if "error" in case:
        with pytest.raises(TaskError) as raised:
            land(case, way, log, tmp_path)
        assert str(raised.value) == case["error"]
        return
    land(case, way, log, tmp_path)
    wanted = sorted(case["rows"], key=lambda row: json.dumps(row, sort_keys=True))
    assert table_of(tmp_path / "table") == wanted
    assert letters(log) == [(one["offset"], one["reason"]) for one in case.get("dead_letters", [])]


@pytest.mark.parametrize("case", cases("configs.json"), ids=ids)
def test_config(case: dict[str, Any]) -> None:
    base = {**DEFAULTS, "delta.columns": "id STRING, n BIGINT", "delta.table.path": "table"}
    config = {**base, **case["config"]}
    found = plugins.checked(plugins.plugin_named("DeltaSink"), config)
    assert {name: list(words) for name, words in found.errors.items()} == case["errors"]


def test_dead_letters_are_sent_once(tmp_path: Path) -> None:
    """A batch that is read again after a kill before its commit doesn't send its letters again."""
    log = open_log("memory://")
    log.create_topic("t")
    log.append(Outgoing("t", [None] * 2, [b"{", b'{"n":1}'], [7, 8], headers=[(("h", b"x"),), ()]))
    connector = plugins.understood("c", {**DEFAULTS, "delta.columns": "n INT"})
    batch = next(batches(records(log, "t"), "at once"))
    for _ in range(3):
        made, surroundings = sink(connector, log, tmp_path)
        report = made._read(batch.values).refusals
        surroundings.dead_letters.report(batch, report)
    (chunk,) = records(log, plugins.DEAD_LETTER_TOPIC)
    assert (list(chunk.values), list(chunk.timestamps)) == ([b"{"], [7])
    assert chunk.headers is not None
    assert chunk.headers[0][0] == ("h", b"x")
    assert dict(chunk.headers[0])["__connect.errors.connector.name"] == b"c"


DUE = [
    ("nothing gathered", 0, 0, False, 0, 10_000, False),
    ("full by rows", 100, 10, True, 0, 0, True),
    ("full by bytes", 1, 1000, True, 0, 0, True),
    ("young", 1, 10, False, 0, 999, False),
    ("of age", 1, 10, False, 0, 1000, True),
    ("of age, but there is more to gather", 1, 10, True, 0, 1000, False),
    ("of great age", 1, 10, True, 0, 5000, True),
    ("commits are slow", 1, 10, False, 500, 1999, False),
    ("commits are slow, and it is time", 1, 10, False, 500, 2000, True),
]


@pytest.mark.parametrize("case", DUE, ids=lambda case: case[0])
def test_due(case: tuple[str, int, int, bool, int, int, bool]) -> None:
    _, rows, size, backlog, last_write_ms, age_ms, wanted = case
    gathered = Gathered(opened_ms=50, rows=rows, bytes=size)
    limits = Limits(rows=100, bytes=1000, interval_ms=1000)
    assert due(gathered, limits, backlog, last_write_ms, 50 + age_ms) is wanted


def test_statistics_let_readers_skip_files(tmp_path: Path) -> None:
    """A reader finds exactly the rows it asks for, whatever it skips by our statistics."""
    columns = "i INT, s STRING, d DATE, ts TIMESTAMP, long STRING"
    log = open_log("memory://")
    made, _ = sink(plugins.understood("c", {**DEFAULTS, "delta.columns": columns}), log, tmp_path)
    log.create_topic("t")
    for number in range(-3, 4):
        row = {
            "i": number,
            "s": f"é{number}",
            "d": number,
            "ts": number * 1000 + 1,
            "long": "x" * 40 + str(number),
        }
        (chunk,) = log.append(Outgoing("t", [None], [json.dumps(row).encode()], [0]))
        made.write(Batch((chunk,), ends([chunk])))
    table = DeltaTable(str(tmp_path / "c"))
    for wanted in (
        "i = 2",
        "s = 'é2'",
        "d = date '1970-01-03'",
        "ts = timestamp '1970-01-01 00:00:02.001Z'",
        f"long = '{'x' * 40}2'",
    ):
        found = QueryBuilder().register("t", table).execute(f"SELECT i FROM t WHERE {wanted}").read_all()
        assert pa.table(found).column("i").to_pylist() == [2], wanted


REFUSED_PLACES = [
    ("a file stands there", "is a file; a table needs a folder"),
    ("a folder of other files", "holds other files and no Delta table"),
    ("another table", "column n is long in the table and integer here"),
]


@pytest.mark.parametrize(("place", "words"), REFUSED_PLACES)
def test_place_is_taken(place: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "c"
    if place == "a file stands there":
        path.write_text("x")
    elif place == "a folder of other files":
        path.mkdir()
        (path / "x.txt").write_text("x")
    else:
        sink(
            plugins.understood("c", {**DEFAULTS, "delta.columns": "n BIGINT"}),
            open_log("memory://"),
            tmp_path,
        )
    with pytest.raises(TaskError, match=words):
        sink(plugins.understood("c", {**DEFAULTS, "delta.columns": "n INT"}), open_log("memory://"), tmp_path)
