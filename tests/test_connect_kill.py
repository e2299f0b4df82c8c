"""A kill at any instant: the table neither loses a row nor holds one twice, and dead letters are sent once.

A worker process lands a topic while it is killed again and again at random instants; then one more worker
finishes. Every record carries its number, so what is missing or double is seen.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("deltalake")

from test_connect_sink import DEFAULTS, letters, read_table, records, sink

from connect.api import Batch
from connect.errors import Retriable
from connect.herder import Herder
from connect.plugins import understood
from connect.store import STARTED, Store
from connect.worker import ends
from penstock.clock import now_ms
from penstock.topics.base import Log, Outgoing
from penstock.topics.open import open_log

ROOT = Path(__file__).resolve().parent.parent
ROWS, KILLS = 6000, 8
COMMON = {
    "connector.class": "DeltaSink",
    "topics": "t",
    "errors.tolerance": "all",
    "flush.size": "150",
    "delta.table.path": "table",
    "delta.columns": "id STRING, n BIGINT",
}
MODES: dict[str, dict[str, str]] = {
    "append": {"flush.size": "20"},
    "upsert": {"delta.mode": "upsert", "delta.key.columns": "id", "delta.key.from": "record_key"},
}
KEYS = 97


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/log.db"


def fill(log: Log) -> None:
    """Numbered records; each 500th is refused, and in the upsert each 7th deletes its key."""
    log.create_topic("t", 3)
    for start in range(0, ROWS, 250):
        numbers = range(start, start + 250)
        keys = [b"k%d" % (number % KEYS) for number in numbers]
        values = [value(number) for number in numbers]
        log.append(Outgoing("t", keys, values, [0] * 250))


def value(number: int) -> bytes | None:
    if number % 500 == 499:
        return b'{"N":%d.5}' % number
    return None if number % 7 == 3 else b'{"N":%d}' % number


def work(folder: Path) -> None:
    """The worker's process: land everything, then say so and go."""
    log = open_log(url(folder))
    herder = Herder(log, folder, "worker", now_ms)
    herder.start()
    print("started", flush=True)
    while (
        sum(one["offset"]["kafka_offset"] for one in herder.offsets("c")) < ROWS
        and herder.status("c")["tasks"][0]["state"] == "RUNNING"
    ):
        time.sleep(0.01)
    herder.stop()
    print(herder.metrics("c"), herder.status("c"), flush=True)


def process(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, str(folder)]
    environment = {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wanted(mode: str) -> Counter[Any]:
    """What must be in the table, by the records alone."""
    good = [number for number in range(ROWS) if number % 500 != 499]
    if mode == "append":
        return Counter((None, number) for number in good if number % 7 != 3)
    last = {number % KEYS: number for number in good}
    return Counter((f"k{key}", number) for key, number in last.items() if number % 7 != 3)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_kills(mode: str, tmp_path: Path) -> None:
    log = open_log(url(tmp_path))
    fill(log)
    Store(log, now_ms).put_connector("c", {"name": "c", **COMMON, **MODES[mode]}, STARTED)
    chance = random.Random(7)
    for _ in range(KILLS):
        worker = process(tmp_path)
        assert worker.stdout is not None
        assert worker.stdout.readline() == "started\n"
        time.sleep(chance.uniform(0.0, 0.2))
        worker.kill()
        worker.wait()
    output, errors = process(tmp_path).communicate(timeout=120)
    rows = read_table(tmp_path / "table").to_pylist()
    assert Counter((row["id"], row["n"]) for row in rows) == wanted(mode), (output, errors)
    refused = [number for number in range(ROWS) if number % 500 == 499]
    assert len(letters(log)) == len(refused)


def one_batch(log: Log, count: int) -> Batch:
    log.create_topic("t")
    log.append(Outgoing("t", [b"a"] * count, [b'{"ID":"a","N":%d}' % n for n in range(count)], [0] * count))
    chunks = records(log, "t")
    return Batch(tuple(chunks), ends(chunks))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("zombie_wrote", [False, True], ids=["fresh", "after a commit"])
def test_zombie_is_fenced(mode: str, zombie_wrote: bool, tmp_path: Path) -> None:
    """A worker that was thought dead can't write the same offsets again."""
    log = open_log("memory://")
    batch = one_batch(log, 3)
    connector = understood("c", {**DEFAULTS, **COMMON, **MODES[mode]})
    zombie, _ = sink(connector, log, tmp_path)
    if zombie_wrote:
        zombie.write(batch)
        log.append(Outgoing("t", [b"b"], [b'{"N":9}'], [0]))
        chunks = records(log, "t")[-1:]
        batch = Batch(tuple(chunks), ends(chunks))
    zombie.committed([("t", 0)])
    successor, _ = sink(connector, log, tmp_path)
    successor.write(batch)
    before = read_table(tmp_path / "table")
    with pytest.raises(Retriable):
        zombie.write(batch)
    assert read_table(tmp_path / "table") == before


def test_another_writer_fills_the_table_first(tmp_path: Path) -> None:
    """Then the first rows of an upsert may no longer be appended: they merge."""
    log = open_log("memory://")
    batch = one_batch(log, 3)
    first, _ = sink(understood("c", {**DEFAULTS, **COMMON, **MODES["upsert"]}), log, tmp_path)
    other, _ = sink(understood("d", {**DEFAULTS, **COMMON, **MODES["upsert"]}), log, tmp_path)
    first.committed([("t", 0)])
    other.write(batch)
    with pytest.raises(Retriable):
        first.write(batch)
    again, _ = sink(understood("c", {**DEFAULTS, **COMMON, **MODES["upsert"]}), log, tmp_path)
    again.write(batch)
    assert read_table(tmp_path / "table").num_rows == 1


def test_another_writer_of_other_rows_is_let_in(tmp_path: Path) -> None:
    log = open_log("memory://")
    batch = one_batch(log, 3)
    first, _ = sink(understood("c", {**DEFAULTS, **COMMON, **MODES["append"]}), log, tmp_path)
    other, _ = sink(understood("d", {**DEFAULTS, **COMMON, **MODES["append"]}), log, tmp_path)
    first.committed([("t", 0)])
    for one in (other, first, other, first):
        one.write(batch)
    rows = read_table(tmp_path / "table").num_rows
    assert rows == 12


if __name__ == "__main__":
    work(Path(sys.argv[1]))
