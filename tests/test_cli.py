"""The command line: what it takes apart and compares, its refusals, and apply against a server that runs."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ports import free_port

from penstock.cli.definitions import same_definition
from penstock.cli.landing import Expected, readers_behind
from penstock.cli.main import COMMANDS
from penstock.cli.progress import behind_of, by_service
from penstock.cli.queries import same_query
from penstock.cli.script import normal, pieces
from penstock.cli.services import duration

ROOT = Path(__file__).resolve().parent.parent


def penstock(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "penstock", *arguments]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=variables, timeout=60)


# --- statements and their comparison -------------------------------------------------------------------

CASES: dict[str, list[Any]] = json.loads(
    (Path(__file__).parent / "cases" / "cli" / "commands.json").read_text()
)


def cases(kind: str) -> Any:
    ids = [case.get("name") or " ".join(case["arguments"]) for case in CASES[kind]]
    return pytest.mark.parametrize("case", CASES[kind], ids=ids)


@cases("pieces")
def test_pieces(case: dict[str, Any]) -> None:
    assert [[each.line, each.text] for each in pieces(Path("f.ksql"), case["text"])] == case["pieces"]


@cases("normal")
def test_normal(case: dict[str, Any]) -> None:
    assert normal(case["text"]) == case["normal"]


@cases("definitions")
def test_same_definition(case: dict[str, Any]) -> None:
    assert same_definition(case["ours"], case["theirs"]) is case["same"]


@cases("queries")
def test_same_query(case: dict[str, Any]) -> None:
    assert same_query(case["ours"], case["theirs"], case.get("variables")) is case["same"]


# --- how far readers are -------------------------------------------------------------------------------


def test_behind_counts_partitions_a_group_has_not_begun() -> None:
    ends = {"a": {0: 10, 1: 5}, "b": {0: 7}}
    query = behind_of("_confluent-ksql-default_query_CSAS_X_1", {("a", 0): 4, ("gone", 0): 3}, ends)
    assert (query.service, query.read, query.behind) == ("server", 4, 11)
    letters = behind_of("connect-x.dead-letters", {("b", 0): 1}, ends)
    assert by_service([query, letters]) == {"server": 11}


def test_a_reader_without_a_group_has_all_of_its_topics_before_it() -> None:
    groups = {"g": behind_of("g", {("a", 0): 10}, {"a": {0: 10}})}
    expected = (Expected("g", ("a",)), Expected("h", ("a", "b", "none")))
    assert readers_behind(expected, groups, {"a": 10, "b": 3}) == {"g": 0, "h": 13}


@pytest.mark.parametrize(
    ("elapsed_ms", "text"),
    [
        (0, "0 s"),
        (59_999, "59 s"),
        (192_000, "3 min 12 s"),
        (7_500_000, "2 h 5 min"),
        (360_000_000, "4 d 4 h"),
    ],
)
def test_duration(elapsed_ms: int, text: str) -> None:
    assert duration(elapsed_ms) == text


# --- commands ------------------------------------------------------------------------------------------

LIGHT = """
import sys
from penstock.cli.main import main
try:
    main(["--help"])
except SystemExit:
    pass
heavy = {"rich", "httpx", "sqlite3", "deltalake", "pyarrow", "sklearn", "numpy"} & set(sys.modules)
assert not heavy, heavy
"""


def test_help_loads_nothing_heavy() -> None:
    told = subprocess.run(
        [sys.executable, "-c", LIGHT],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert told.returncode == 0, told.stderr
    assert all(name in told.stdout for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, tmp_path: Path) -> None:
    told = penstock(command, "--help", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "Example" in told.stdout or "Commands:" in told.stdout


@cases("refusals")
def test_a_refusal_is_one_sentence(case: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "open.ksql").write_text("SHOW STREAMS;\nSHOW TABLES")
    told = penstock(*case["arguments"], cwd=tmp_path, **case.get("environment", {}))
    assert told.returncode == 1
    assert told.stderr.startswith("penstock: ")
    assert case["sentence"] in told.stderr
    assert "Traceback" not in told.stderr
    assert told.stderr.count("\n") == 1


# --- apply and sql, against the server -----------------------------------------------------------------

needs_server = pytest.mark.skipif(
    importlib.util.find_spec("penstock.server.app") is None, reason="the server is not part of this build"
)


class Server:
    """`penstock run server` on a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._words = (folder / "server.log").open("wb")
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "penstock",
                "run",
                "server",
                "--port",
                str(self.port),
                "--dir",
                str(folder),
            ],
            stdout=self._words,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._until(lambda: self.run("sql", "SHOW STREAMS;").returncode == 0)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return penstock(*arguments, cwd=self.folder, PENSTOCK_URL=self.url)

    def applied(self, text: str) -> list[dict[str, Any]]:
        (self.folder / "some.ksql").write_text(text)
        told = self.run("apply", "some.ksql", "--output", "json")
        assert told.returncode == 0, told.stderr
        return json.loads(told.stdout)  # type: ignore[no-any-return]

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(15)
        self._words.close()

    def _until(self, ready: Callable[[], bool], seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            words = (self.folder / "server.log").read_text()
            assert self._process.poll() is None, words
            assert time.monotonic() < deadline, words


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("server"))
    yield started
    started.stop()


PIPELINE = """
SET 'auto.offset.reset' = 'earliest';
DEFINE least = '10';
CREATE STREAM orders (id STRING KEY, customer STRING, amount DOUBLE)
  WITH (kafka_topic = 'orders', partitions = 2, value_format = 'JSON');
CREATE STREAM big AS SELECT id, customer, amount FROM orders WHERE amount > ${least} EMIT CHANGES;
CREATE STREAM kept (id STRING KEY, customer STRING, amount DOUBLE)
  WITH (kafka_topic = 'kept', partitions = 2, value_format = 'JSON');
INSERT INTO kept SELECT * FROM big EMIT CHANGES;
INSERT INTO kept WITH (QUERY_ID = 'small_ones')
  SELECT id, customer, amount FROM orders WHERE amount <= ${least};
CREATE TABLE totals AS SELECT customer, COUNT(*) AS n, SUM(amount) AS total FROM kept GROUP BY customer;
"""


@needs_server
def test_applying_twice_changes_nothing(server: Server) -> None:
    first = server.applied(PIPELINE)
    assert [each["action"] for each in first] == ["set", "defined", *["created"] * 6]
    again = server.applied(PIPELINE)
    assert [each["action"] for each in again] == ["set", "defined", *["unchanged"] * 6]
    queries = json.loads(server.run("sql", "SHOW QUERIES;", "--output", "json").stdout)[0]["queries"]
    assert len(queries) == 4


@needs_server
def test_another_definition_stops_at_its_line(server: Server) -> None:
    server.applied("CREATE STREAM other (a INT) WITH (kafka_topic='o', partitions=1, value_format='JSON');")
    (server.folder / "bad.ksql").write_text(
        "-- first line\nCREATE STREAM other (b INT) WITH (kafka_topic='o', value_format='JSON');"
    )
    told = server.run("apply", "bad.ksql")
    assert told.returncode == 1
    assert (
        "bad.ksql:2: OTHER is there already with another definition: CREATE STREAM OTHER (A INT"
        in told.stderr
    )


@needs_server
def test_rows_come_back_as_a_table_and_as_json(server: Server) -> None:
    server.applied(
        "CREATE STREAM few (id STRING KEY, n INT) WITH (kafka_topic='f', partitions=1, value_format='JSON');"
        "INSERT INTO few VALUES ('a', 1); INSERT INTO few VALUES ('b', 2);"
    )
    query = "SELECT * FROM few EMIT CHANGES LIMIT 2;"
    earliest = ("--property", "auto.offset.reset=earliest")
    told = server.run("sql", query, *earliest, "--output", "json")
    assert [json.loads(line) for line in told.stdout.splitlines()] == [
        {"ID": "a", "N": 1},
        {"ID": "b", "N": 2},
    ]
    assert server.run("sql", query, *earliest).stdout == "ID\tN\na\t1\nb\t2\n"
    refused = server.run("sql", "SELECT nope FROM few EMIT CHANGES;")
    assert (refused.returncode, "NOPE" in refused.stderr) == (1, True)
    assert '"f"' in server.run("topics", "list", "--dir", ".", "--output", "json").stdout
