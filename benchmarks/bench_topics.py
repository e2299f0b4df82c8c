"""What the topic log costs beside the least that could do: the same bytes as blobs, and as a plain file.

Run:  python benchmarks/bench_topics.py [records]
Out:  records and megabytes a second to append and to read, and the ratio to each rival; small commits; idle.

The rivals write what our log writes after framing and compression, batch by batch, each with its own fsync;
so their figure is the disk's and SQLite's, and the rest is ours.
"""

from __future__ import annotations

import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from penstock.clock import now_ms
from penstock.topics.base import Outgoing
from penstock.topics.batch import Turns, prepare
from penstock.topics.framing import frame_batch
from penstock.topics.sqlite import SqliteLog
from penstock.topics.state import TopicState

BATCH = 5_000
PARTITIONS = 12
SMALL_COMMITS = 300
RIVAL_ROUNDS = 3


def retail(count: int) -> list[Outgoing]:
    """Batches of records of about 170 bytes, with given partitions."""
    chance = random.Random(1)
    countries = ["United Kingdom", "France", "Germany", "EIRE", "Netherlands"]
    values = [
        b'{"invoice":"%d","stock":"%dA","description":"WHITE HANGING HEART T-LIGHT HOLDER %d","quantity":%d,'
        b'"date":%d,"price":%.2f,"customer":%d,"country":"%s"}'
        % (
            536365 + n // 20,
            chance.randint(10000, 99999),
            chance.randint(1, 4000),
            chance.randint(1, 40),
            1291191960000 + n * 60,
            chance.random() * 10,
            chance.randint(12000, 18000),
            chance.choice(countries).encode(),
        )
        for n in range(count)
    ]
    keys = [b"%d" % chance.randint(12000, 18000) for _ in range(count)]
    partitions = [chance.randrange(PARTITIONS) for _ in range(count)]
    return [
        Outgoing(
            "t",
            keys[at : at + BATCH],
            values[at : at + BATCH],
            range(at, at + BATCH),
            partitions[at : at + BATCH],
        )
        for at in range(0, count - count % BATCH, BATCH)
    ]


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def append_all(log: SqliteLog, batches: list[Outgoing]) -> None:
    for batch in batches:
        log.append(batch)


def read_all(log: SqliteLog) -> int:
    reader = log.reader({"t": "earliest"})
    count = 0
    while chunks := reader.poll(20_000):
        count += sum(map(len, chunks))
    return count


def payloads(batches: list[Outgoing]) -> list[bytes]:
    """What the log writes for these batches."""
    state = TopicState(1, "t", PARTITIONS, {}, 0, 0, 0, (0,) * PARTITIONS, (0,) * PARTITIONS)
    return [bytes(frame_batch(prepare(batch, state, Turns(), now_ms), {}).payload) for batch in batches]


def write_blobs(path: Path, blobs: list[bytes]) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in ("page_size=32768", "journal_mode=WAL", "synchronous=FULL"):
        db.execute(f"PRAGMA {pragma}")
    db.execute("CREATE TABLE blobs (id INTEGER PRIMARY KEY, payload BLOB)")
    for blob in blobs:
        db.execute("INSERT INTO blobs (payload) VALUES (?)", (blob,))
    db.close()


def read_blobs(path: Path, count: int) -> int:
    db = sqlite3.connect(path)
    total = sum(
        len(db.execute("SELECT payload FROM blobs WHERE id = ?", (at + 1,)).fetchone()[0])
        for at in range(count)
    )
    db.close()
    return total


def write_file(path: Path, blobs: list[bytes]) -> None:
    with path.open("wb", buffering=0) as file:
        for blob in blobs:
            file.write(blob)
            os.fsync(file.fileno())


def rival(folder: Path, blobs: list[bytes]) -> tuple[float, float, float]:
    """The best of a few rounds, so that the rival is not blamed for a busy machine."""
    written, looked_up, filed = [], [], []
    for number in range(RIVAL_ROUNDS):
        path = folder / f"blobs{number}.db"
        written.append(seconds(lambda path=path: write_blobs(path, blobs)))  # type: ignore[misc]
        looked_up.append(seconds(lambda path=path: read_blobs(path, len(blobs))))  # type: ignore[misc]
        filed.append(seconds(lambda: write_file(folder / "file", blobs)))
        path.unlink()
    return min(written), min(looked_up), min(filed)


def report(name: str, spent: float, count: int, size: int, *rivals: tuple[str, float]) -> None:
    beside = ", ".join(f"{spent / other:.1f} x the time of {rival}" for rival, other in rivals)
    print(f"{name:26} {count / spent / 1e6:5.2f} M records/s {size / spent / 1e6:6.0f} MB/s   {beside}")


def small_commits(folder: Path, synchronous: str) -> float:
    """Milliseconds of a commit of one record; the median."""
    log = SqliteLog(folder / f"small{synchronous}.db", synchronous=synchronous)
    log.create_topic("t", PARTITIONS)
    one = Outgoing("t", [b"key"], [b"v" * 170], [0])
    spent = sorted(seconds(lambda: log.append(one)) for _ in range(SMALL_COMMITS))
    log.close()
    return spent[len(spent) // 2] * 1e3


def idle_poll(log: SqliteLog) -> float:
    """Microseconds of a poll that finds nothing new, with 30 readers in the process."""
    readers = [log.reader({"t": "latest"}) for _ in range(30)]
    return min(seconds(lambda: [reader.poll(1000) for reader in readers]) for _ in range(50)) / 30 * 1e6


def fresh(folder: Path, name: str) -> SqliteLog:
    log = SqliteLog(folder / name)
    log.create_topic("t", PARTITIONS)
    return log


def run(folder: Path, count: int) -> None:
    batches = retail(count)
    count = len(batches) * BATCH
    size = sum(
        len(value or b"") + len(key or b"")
        for b in batches
        for key, value in zip(b.keys, b.values, strict=True)
    )
    blobs = payloads(batches)
    print(
        f"{count} records, {size / count:.0f} bytes each, {sum(map(len, blobs)) / size:.2f} of it after lz4"
    )
    blob_write, blob_read, file_write = rival(folder, blobs)
    log = fresh(folder, "log.db")
    plain = ("plain blobs", blob_write)
    report("append", seconds(lambda: append_all(log, batches)), count, size, plain, ("a file", file_write))
    unpartitioned = [Outgoing("t", b.keys, b.values, b.timestamps) for b in batches]
    chosen = seconds(lambda: append_all(fresh(folder, "chosen.db"), unpartitioned))
    report("append, murmur2 chooses", chosen, count, size, plain)
    log.close()
    log = SqliteLog(folder / "log.db")
    report("read, nothing cached", seconds(lambda: read_all(log)), count, size, ("plain blobs", blob_read))
    durable, quick = small_commits(folder, "FULL"), small_commits(folder, "OFF")
    print(f"one record a commit        {durable:.2f} ms with fsync, {quick:.2f} ms without")
    print(f"idle poll                  {idle_poll(log):.1f} us, with 30 readers in the process")
    log.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        run(Path(place), int(sys.argv[1]) if len(sys.argv) > 1 else 500_000)
