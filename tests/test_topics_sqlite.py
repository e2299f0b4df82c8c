"""What only the file can get wrong: other processes, kill -9, foreign files, a full disk, idle costs."""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from topics_helpers import Record, batch, drain, read, records, values
from topics_processes import start

from penstock.errors import LogError, LogUnavailable, SettingError
from penstock.topics.memory import MemoryLog
from penstock.topics.open import open_log
from penstock.topics.sqlite import SqliteLog


def quick(path: Path) -> SqliteLog:
    return SqliteLog(path, synchronous="OFF")


def test_a_killed_writer_leaves_whole_transactions(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    log = quick(path)
    log.create_topic("left")
    log.create_topic("right", 4)
    chance = random.Random(7)
    for _ in range(4):
        process = start("pairs", path)
        assert process.stdout is not None
        told = int(process.stdout.readline())
        time.sleep(chance.random() * 0.2)
        process.kill()
        told = max([told, *map(int, process.stdout.read().split()[:-1])])
        process.wait()
        process.stdout.close()
        left, right = values(log, "left"), values(log, "right")
        assert left == [b"%d" % number for number in range(len(left))]
        assert right == [value for value in left for _ in range(200)]
        assert log.committed("g") == {("left", 0): len(left)}
        # What was reported as committed is there.
        assert len(left) >= told


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    log = quick(path)
    log.create_topic("t", 3)
    reader = log.reader({"t": "earliest"})
    processes = [start("writer", path, name, 100) for name in "abc"]
    seen: list[Record] = []
    deadline = time.monotonic() + 60
    while len(seen) < 300 and time.monotonic() < deadline:
        polled = records(reader.poll(50))
        seen += polled
        if not polled:
            log.wait(0.2)
    for process in processes:
        assert process.wait(30) == 0
        assert process.stdout is not None
        process.stdout.close()
    assert seen == read(log, "t")
    for name in "abc":
        mine = [record[4] for record in seen if record[3] == name.encode()]
        assert mine == [f"{name} {number}".encode() for number in range(100)]
    for partition, end in log.end_offsets("t").items():
        assert [record[2] for record in seen if record[1] == partition] == list(range(end))


def test_several_threads_write_and_read_at_once(tmp_path: Path) -> None:
    log = quick(tmp_path / "log.db")
    log.create_topic("t", 2)
    seen: list[list[bytes | None]] = [[] for _ in range(3)]

    def write(name: str) -> None:
        for number in range(50):
            log.append(batch("t", f"{name} {number}".encode()))

    def follow(into: list[bytes | None]) -> None:
        reader = log.reader({"t": "earliest"})
        deadline = time.monotonic() + 30
        while len(into) < 200 and time.monotonic() < deadline:
            into += [record[4] for record in records(reader.poll(7))]
            if len(into) < 200 and not reader.lag():
                log.wait(0.5)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    threads += [threading.Thread(target=follow, args=(into,)) for into in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [values(log, "t")] * 3


def test_wait_wakes_for_a_commit_of_another_connection(tmp_path: Path) -> None:
    here, there = quick(tmp_path / "log.db"), quick(tmp_path / "log.db")
    here.create_topic("t")
    reader = there.reader({"t": "earliest"})
    delays = []
    for _ in range(10):
        drain(reader)
        committed: list[float] = []
        timer = threading.Timer(
            0.03, lambda done=committed: (here.append(batch("t", b"v")), done.append(time.monotonic()))
        )
        timer.start()
        assert there.wait(5)
        woken = time.monotonic()
        timer.join()
        delays.append(woken - committed[0])
    assert statistics.median(delays) < 0.02


def test_cleaning_by_another_process_is_seen(tmp_path: Path) -> None:
    here, there = quick(tmp_path / "log.db"), quick(tmp_path / "log.db")
    here.create_topic("t", 1, {"retention.ms": "10"})
    here.create_topic("c", 1, {"cleanup.policy": "compact"})
    for number in range(100):
        here.append(batch("t", b"%d" % number, timestamps=[number]), batch("c", b"%d" % number, keys=[b"k"]))
    reader = there.reader({"t": "earliest", "c": "earliest"})
    assert len(records(reader.poll(3))) == 3
    here.clean(now_ms=105)
    rest = records(drain(reader))
    assert [record[4] for record in rest if record[0] == "t"] == [b"95", b"96", b"97", b"98", b"99"]
    assert [record[4] for record in rest if record[0] == "c"][-1] == b"99"
    assert reader.lag() == 0
    assert values(there, "c") == values(here, "c") == [b"99"]


def test_the_log_is_there_again_when_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "log.db"
    log = quick(path)
    log.create_topic("t", 2, {"retention.ms": "-1"})
    written = records(log.append(batch("t", *[b"v"] * 300)))
    log.close()
    assert sorted(file.name for file in path.parent.iterdir()) == ["log.db"]
    again = quick(path)
    assert read(again, "t") == written
    assert again.topics()["t"].config["retention.ms"] == "-1"


def test_a_fork_must_open_its_own(tmp_path: Path) -> None:
    log = quick(tmp_path / "log.db")
    log.create_topic("t")
    child = os.fork()
    if child == 0:
        try:
            log.append(batch("t", b"v"))
        except LogError as error:
            os._exit(0 if "forked" in error.message else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# Failures in plain sentences


def not_a_database(path: Path) -> None:
    path.write_bytes(b"some other file, long enough to be looked at" * 100)


def another_program(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (x)")
    db.close()


def newer_version(path: Path) -> None:
    SqliteLog(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=99")
    db.close()


def a_folder(path: Path) -> None:
    path.mkdir()


UNUSABLE: dict[Callable[[Path], None], str] = {
    not_a_database: "{path} is not a topic log: it is not a SQLite file, and was left as it is. Choose",
    another_program: "{path} is a SQLite file of another program and was left as it is. Choose another path.",
    newer_version: "{path} was written by a newer Penstock (file version 99, this one reads up to 1).",
    a_folder: "{path} can't be opened. Check that its folder exists and that this user may write there",
}


@pytest.mark.parametrize("spoil", UNUSABLE, ids=lambda spoil: spoil.__name__)
def test_files_that_are_no_log(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    path = tmp_path / "log.db"
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(LogUnavailable) as refused:
        SqliteLog(path)
    assert UNUSABLE[spoil].format(path=path) in refused.value.message
    assert (path.read_bytes() if path.is_file() else b"") == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(LogUnavailable, match="can't be opened"):
            SqliteLog(tmp_path / "log.db")
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LogUnavailable, match=r"can't be opened\. Check that its folder exists"):
        SqliteLog(tmp_path / "file" / "log.db")


def test_a_full_disk_keeps_nothing_of_the_change_and_the_log_goes_on(tmp_path: Path) -> None:
    log = quick(tmp_path / "log.db")
    log.create_topic("t", 1, {"compression.type": "uncompressed"})
    log.append(batch("t", b"before"))
    # The room SQLite may take is the nearest thing to a full disk that needs no disk of its own.
    with log._store._file.write() as db:  # type: ignore[attr-defined]
        db.execute("PRAGMA max_page_count=20")
    with pytest.raises(
        LogUnavailable, match=r"The disk of .*log\.db is full, so nothing of the last change was"
    ):
        log.append(batch("t", b"small", timestamps=[1]), batch("t", *[os.urandom(100_000)] * 20))
    assert values(log, "t") == [b"before"]
    log.append(batch("t", b"after"))
    assert values(log, "t") == [b"before", b"after"]


def test_a_lock_held_too_long_is_named(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db", busy_s=0.1)
    log.create_topic("t")
    other = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(
        LogUnavailable, match=r"was locked by another process for more than 0\.1 s. Find what"
    ):
        log.append(batch("t", b"v"))
    other.execute("ROLLBACK")
    other.close()
    log.append(batch("t", b"v"))
    assert values(log, "t") == [b"v"]


def test_a_damaged_chunk_is_named(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db", cache_bytes=0)
    log.create_topic("t")
    (chunk,) = log.append(batch("t", *[b"v" * 100] * 100))
    with log._store._file.write() as db:  # type: ignore[attr-defined]
        db.execute("UPDATE chunks SET payload = x'00112233'")
    with pytest.raises(LogError, match=f"Topic 't': chunk {chunk.sequence} of the log can't be read back"):
        read(log, "t")


# Costs


def test_an_idle_poll_costs_next_to_nothing(tmp_path: Path) -> None:
    log = quick(tmp_path / "log.db")
    log.create_topic("t", 12)
    log.append(batch("t", b"v"))
    readers = [log.reader({"t": "earliest"}) for _ in range(30)]
    for reader in readers:
        drain(reader)
    spent = []
    for _ in range(20):
        started = time.perf_counter()
        for reader in readers:
            assert reader.poll(100) == []
        spent.append((time.perf_counter() - started) / len(readers))
    # Measured at 10 us; the bound leaves room for a busy machine.
    assert min(spent) < 100e-6


def test_the_cache_is_bounded(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db", synchronous="OFF", cache_bytes=300_000)
    log.create_topic("t", 1)
    for number in range(20):
        log.append(batch("t", *[b"%d" % number * 1000] * 20))
    assert len(read(log, "t")) == 400
    cache = log._store._cache  # type: ignore[attr-defined]
    assert 0 < cache.bytes <= 300_000
    assert cache.bytes == sum(stored.memory_bytes for stored in cache._kept.values())


# URLs


def test_urls_choose_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(open_log("memory://"), MemoryLog)
    for url, path in (
        ("sqlite:///data/log.db", tmp_path / "data" / "log.db"),
        (f"sqlite:///{tmp_path}/other.db", tmp_path / "other.db"),
    ):
        log = open_log(url)
        assert isinstance(log, SqliteLog)
        assert log.path == path
        log.close()


URLS = {
    "data/log.db": "'data/log.db' does not name a topic log. Use sqlite:///path/to/log.db or memory://.",
    "redis://x": "'redis://x' does not name a topic log.",
    "sqlite://log.db": "'sqlite://log.db' has no path after three slashes.",
    "sqlite:///": "'sqlite:///' has no path after three slashes.",
    "memory://x": "a log in memory has no name: memory://.",
    "kafka://localhost:9092": "'kafka://localhost:9092': this build has no Kafka log yet.",
}


@pytest.mark.parametrize("url", URLS)
def test_urls_that_name_no_log(url: str) -> None:
    with pytest.raises(SettingError) as refused:
        open_log(url)
    assert URLS[url] in refused.value.message


def test_synchronous_is_sqlites(tmp_path: Path) -> None:
    with pytest.raises(
        SettingError, match="synchronous is 'SOON'; it must be one of OFF, NORMAL, FULL, EXTRA"
    ):
        SqliteLog(tmp_path / "log.db", synchronous="SOON")
