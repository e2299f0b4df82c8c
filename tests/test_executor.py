"""Statements against an executor: cases of tests/cases/server/statements.json, and what a restart finds.

Every case begins with a stream S (ID STRING KEY, N INT) and a table T (K STRING PRIMARY KEY, V STRING).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.errors import CommandTimeout, PenstockError
from penstock.executor.executor import Executor, RequestFailed
from penstock.executor.select import Pulled, select
from penstock.executor.world import Config
from penstock.run.engine import Engine
from penstock.topics.base import Log
from penstock.topics.memory import MemoryLog

CASES = json.loads((Path(__file__).parent / "cases" / "server" / "statements.json").read_text())
BEGIN = """
    CREATE STREAM s (id STRING KEY, n INT) WITH (kafka_topic='s', partitions=1, value_format='JSON');
    CREATE TABLE t (k STRING PRIMARY KEY, v STRING) WITH (kafka_topic='t', partitions=1, value_format='JSON');
"""
CONFIG = Config(properties={"ksql.connect.url": "http://127.0.0.1:1"})
EARLIEST = {"auto.offset.reset": "earliest"}


def server_on(log: Log) -> Executor:
    executor = Executor(log, Engine(log), CONFIG)
    executor.restore()
    return executor


@pytest.fixture
def executor() -> Iterator[Executor]:
    log = MemoryLog()
    made = server_on(log)
    made.run(BEGIN)
    yield made
    log.close()


def run(executor: Executor, text: str) -> list[dict[str, Any]]:
    return json.loads(msgspec.json.encode(executor.run(text)))


def root_of(failure: PenstockError) -> PenstockError:
    return failure.failure if isinstance(failure, RequestFailed) else failure


def error_of(executor: Executor, text: str) -> PenstockError:
    with pytest.raises(PenstockError) as caught:
        executor.run(text)
    return root_of(caught.value)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_statement(case: dict[str, Any], executor: Executor) -> None:
    if "error" in case or "error_start" in case:
        failure = error_of(executor, case["statements"])
        assert failure.message == case.get("error", failure.message)
        assert failure.message.startswith(case.get("error_start", ""))
        assert failure.code == case.get("code", 40001)
    else:
        check(case, run(executor, case["statements"])[-1])
    for statement, names in case.get("then", {}).items():
        assert [each["name"] for each in run(executor, statement)[0]["streams"]] == names[:2]


def check(case: dict[str, Any], last: dict[str, Any]) -> None:
    found = {
        "message": lambda: last["commandStatus"]["message"],
        "queries": lambda: [f"{each['id']} {each['state']}" for each in last["queries"]],
        "fields": lambda: [each["name"] for each in last["sourceDescription"]["fields"]],
        "overridden": lambda: last["queryDescription"]["overriddenProperties"],
    }
    for name, read in found.items():
        if name in case:
            assert read() == case[name]


def cycles(executor: Executor) -> None:
    while executor.engine.cycle():  # type: ignore[attr-defined]
        pass


def pulled(executor: Executor, text: str) -> list[list[Any]]:
    answer = select(executor, text, {}, {})
    assert isinstance(answer, Pulled)
    return sorted(answer.rows)


INSERTS = "INSERT INTO s VALUES ('a', 1); INSERT INTO s VALUES ('a', 2); INSERT INTO s VALUES ('b', 5);"
TOTALS = "CREATE TABLE totals AS SELECT id, SUM(n) AS total, COUNT(*) AS times FROM s GROUP BY id;"


def test_a_new_server_stands_where_the_last_one_stopped(executor: Executor) -> None:
    executor.run(
        TOTALS + "CREATE STREAM big AS SELECT * FROM s WHERE n > 1; CREATE TYPE money AS DECIMAL(9, 2);",
        EARLIEST,
    )
    executor.run(INSERTS + "PAUSE csas_big_7;")
    cycles(executor)
    before = run(executor, "SHOW STREAMS; SHOW TABLES; SHOW QUERIES; SHOW TYPES;")
    again = server_on(executor.log)
    assert run(again, "SHOW STREAMS; SHOW TABLES; SHOW QUERIES; SHOW TYPES;") == before
    assert again.world.statuses.keys() == executor.world.statuses.keys()
    again.run("INSERT INTO s VALUES ('b', 4);")
    cycles(again)
    assert pulled(again, "SELECT * FROM totals;") == [["a", 3, 2], ["b", 9, 2]]
    assert again.run("CREATE STREAM more AS SELECT * FROM s;")[0].command_sequence_number == 14  # type: ignore[attr-defined]


def test_what_could_not_be_started_is_forgotten(executor: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise PenstockError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(executor.engine, "add", broken)
        assert error_of(executor, TOTALS).message == "no room"
    assert "TOTALS" not in executor.world.catalog.sources
    again = server_on(executor.log)
    assert again.world.catalog.sources.keys() == executor.world.catalog.sources.keys()
    assert again.world.commands == executor.world.commands
    again.run(TOTALS)


def test_a_failure_tells_what_was_done_before_it(executor: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise PenstockError("no room")

    monkeypatch.setattr(executor.engine, "add", broken)
    with pytest.raises(RequestFailed) as caught:
        executor.run(
            "CREATE STREAM a (x INT) WITH (kafka_topic='a', partitions=1, value_format='JSON');" + TOTALS
        )
    assert [entity.command_id for entity in caught.value.entities] == ["stream/`A`/create"]  # type: ignore[attr-defined]


def test_insert_values_coerces_and_takes_rowtime(executor: Executor) -> None:
    executor.run(
        "CREATE STREAM w (k STRING KEY, a BIGINT, b DOUBLE, c DECIMAL(6, 2), d DATE, e TIMESTAMP,"
        " f ARRAY<DOUBLE>, g STRUCT<x INT, y STRING>,"
        " h BYTES) WITH (kafka_topic='w', partitions=1, value_format='JSON');"
        "INSERT INTO w (rowtime, k, a, b, c, d, e, f, g, h) VALUES (1234, 'k', 1, 2, 3.5, '2020-01-31',"
        " '2020-01-31T10:11:12.345', ARRAY[1, 2], STRUCT(x := 1, y := UCASE('z')), 'AQI=');"
    )
    chunk = executor.log.reader({"w": "earliest"}).poll(10)[0]
    assert (chunk.keys[0], chunk.timestamps[0]) == (b"k", 1234)
    assert json.loads(chunk.values[0] or b"") == {
        "A": 1, "B": 2.0, "C": 3.5, "D": 18292, "E": 1580465472345,
        "F": [1.0, 2.0], "G": {"X": 1, "Y": "Z"}, "H": "AQI=",
    }  # fmt: skip


def test_a_source_table_can_be_pulled(executor: Executor) -> None:
    executor.run(
        "CREATE SOURCE TABLE q (k STRING PRIMARY KEY, v STRING) WITH (kafka_topic='t', value_format='JSON');"
    )
    executor.run("INSERT INTO t VALUES ('a', 'x'); INSERT INTO t VALUES ('a', 'y');")
    cycles(executor)
    assert pulled(executor, "SELECT * FROM q WHERE k = 'a';") == [["a", "y"]]
    with pytest.raises(PenstockError, match="isn't queryable"):
        pulled(executor, "SELECT * FROM t;")


def test_terminated_tables_are_not_queryable(executor: Executor) -> None:
    executor.run(TOTALS, EARLIEST)
    executor.run("TERMINATE ctas_totals_5;")
    with pytest.raises(PenstockError, match="isn't queryable"):
        pulled(executor, "SELECT * FROM totals;")


def test_a_request_waits_for_the_command_it_names(
    executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.executor.executor.SEQUENCE_WAIT_S", 0.05)
    assert executor.run("SHOW STREAMS;", after_sequence=4)
    with pytest.raises(CommandTimeout, match="command sequence number: 6"):
        executor.run("SHOW STREAMS;", after_sequence=6)
