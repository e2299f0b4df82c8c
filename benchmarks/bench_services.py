"""The platform as its user meets it: start, kill, latency to the Delta table, the whole demo.

    python benchmarks/bench_services.py [start] [kill] [latency] [demo]

All services run as processes in a folder of their own on free ports of 127.0.0.1, with all of ksql/ applied.

    start     cold `penstock up` on an applied folder with records waiting, to the first new silver record
    kill      kill -9 of the server while records come, to the next commit that moves its outputs
    latency   10,000 rows/s for 20 s: from the commit of a row to the Delta commit that shows it
    demo      `penstock demo`, everything landed and scored
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from penstock.replay import ensure_topics, replay, send_reference
from penstock.topics.base import Log
from penstock.topics.open import open_log

ROOT = Path(__file__).resolve().parents[1]
PENSTOCK = (sys.executable, "-m", "penstock")
SILVER = "silver.transactions"
RATE, SECONDS = 10_000, 20
WAIT_S_MAX = 120.0
TARGETS = {"start": 2.0, "kill": 3.0, "latency": 2.0, "demo": 30.0}
RSS_TARGET_MB = 400


@dataclass
class Platform:
    """`penstock up` in a folder, and what it says."""

    folder: Path
    ports: dict[str, int] = field(default_factory=lambda: free_ports("server", "connect", "scoring"))
    process: subprocess.Popen[str] | None = None
    pids: dict[str, int] = field(default_factory=dict)

    @property
    def log(self) -> str:
        return f"sqlite:///{self.folder / 'log.db'}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['server']}"

    def up(self) -> None:
        ports = [f"--{name}-port={port}" for name, port in self.ports.items()]
        command = [*PENSTOCK, "up", "--dir", str(self.folder), *ports]
        self.pids = {}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
        )
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            found = re.match(r"(\w+) is ready \(process (\d+)\)", line)
            if found:
                self.pids[found[1]] = int(found[2])

    def until_ready(self, *names: str) -> None:
        until(lambda: all(name in self.pids for name in names), f"{names} ready")

    def down(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
            self.process = None

    def peak_mb(self, name: str) -> float:
        status = Path(f"/proc/{self.pids[name]}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+)", status)
        assert found is not None
        return int(found[1]) / 1024


def free_ports(*names: str) -> dict[str, int]:
    with contextlib.ExitStack() as held:
        found = {}
        for name in names:
            each = held.enter_context(socket.socket())
            each.bind(("127.0.0.1", 0))
            found[name] = each.getsockname()[1]
        return found


def until(reached: Callable[[], bool], what: str) -> float:
    """Seconds until it is so; a benchmark that waits for ever says what for."""
    began = time.perf_counter()
    while not reached():
        if time.perf_counter() - began > WAIT_S_MAX:
            raise SystemExit(f"Waited {WAIT_S_MAX:.0f} s in vain: {what}.")
        time.sleep(0.002)
    return time.perf_counter() - began


@contextlib.contextmanager
def applied() -> Iterator[tuple[Platform, Log]]:
    """A running platform with the pipelines and a few records through them."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    platform = Platform(folder)
    log = open_log(platform.log)
    try:
        ensure_topics(log)
        send_reference(log)
        platform.up()
        platform.until_ready("server", "connect")
        apply = [*PENSTOCK, "apply", str(ROOT / "ksql"), "--url", platform.url]
        subprocess.run(apply, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
        replay(log, limit=1_000)
        until(lambda: silver_rows(log) >= 1_000, "the first thousand in silver")
        yield platform, log
    finally:
        platform.down()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def silver_rows(log: Log) -> int:
    info = log.topic(SILVER)
    return 0 if info is None else sum(log.end_offsets(SILVER).values())


def measure_start() -> None:
    with applied() as (platform, log):
        platform.down()
        send_more(log, 1_000, 1_000)
        before = silver_rows(log)
        began = time.perf_counter()
        platform.up()
        until(lambda: silver_rows(log) > before, "the first silver record after up")
        show("start", time.perf_counter() - began, "cold `penstock up` to the first output row, 19 queries")


def send_more(log: Log, skip: int, count: int) -> None:
    """Rows of the file that were not sent yet, as fast as it takes them."""
    from itertools import islice

    from penstock.clock import now_ms
    from penstock.replay.rows import clean_records
    from penstock.replay.send import send

    send(log, list(islice(clean_records(), skip, skip + count)), now_ms())


def measure_kill() -> None:
    with applied() as (platform, log):
        sending = threading.Thread(target=replay, args=(log,), kwargs={"rate": 1_000, "limit": 20_000})
        sending.start()
        until(lambda: silver_rows(log) > 2_000, "records on their way")
        os.kill(platform.pids["server"], signal.SIGKILL)
        began = time.perf_counter()
        before = silver_rows(log)
        until(lambda: silver_rows(log) > before, "a commit after the kill")
        seconds = time.perf_counter() - began
        sending.join()
        show("kill", seconds, "kill -9 of the server to its next commit, 1,000 rows/s coming")


def measure_latency() -> None:
    with applied() as (platform, log):
        table = platform.folder / "lake" / "silver" / "transactions"
        landed = Landed(table)
        until(lambda: landed.look() >= 1_000, "the first thousand in Delta")
        sent: list[tuple[float, int]] = []
        # The rows that went before are in the file too; their ids are known, so they make no new silver rows.
        work = threading.Thread(
            target=replay,
            args=(log,),
            kwargs={
                "rate": RATE,
                "limit": RATE * SECONDS,
                "progress": lambda count, _: sent.append((time.perf_counter(), count)),
            },
        )
        work.start()
        until(lambda: landed.look() >= RATE * SECONDS, "all rows in Delta")
        work.join()
        waits = latencies(sent, landed.seen)
        p50, p99 = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
        told = f"append to Delta, {RATE:,} rows/s for {SECONDS} s; p50 {p50:.2f} s, max {waits[-1]:.2f} s"
        show("latency", p99, f"p99 of {told}")
        for name in ("server", "connect"):
            target = f", target {RSS_TARGET_MB}" if name == "server" else ""
            print(f"{'':8} {platform.peak_mb(name):8.0f} MB  peak of the {name} process{target}")


class Landed:
    """Rows in a Delta table, by its log: a file a version, read once each."""

    def __init__(self, table: Path) -> None:
        self.log = table / "_delta_log"
        self.version = 0
        self.rows = 0
        self.seen: list[tuple[float, int]] = []

    def look(self) -> int:
        while (path := self.log / f"{self.version:020}.json").exists():
            now = time.perf_counter()
            for line in path.read_text().splitlines():
                added = json.loads(line).get("add")
                if added and added.get("dataChange", True):
                    self.rows += json.loads(added["stats"])["numRecords"]
            self.version += 1
            self.seen.append((now, self.rows))
        return self.rows


def latencies(sent: Sequence[tuple[float, int]], seen: Sequence[tuple[float, int]]) -> list[float]:
    """Seconds of each hundredth row from the commit of its batch until the table had as many rows."""
    found, at, before = [], 0, 1_000
    for when, count in sent:
        for row in range(max(before, 1_000) + 1, count + 1, 100):
            while seen[at][1] < row:
                at += 1
            found.append(seen[at][0] - when)
        before = max(before, count)
    return sorted(found)


def measure_demo() -> None:
    folder = Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    ports = [f"--{name}-port={port}" for name, port in free_ports("server", "connect", "scoring").items()]
    began = time.perf_counter()
    try:
        done = subprocess.run(
            [*PENSTOCK, "demo", "--dir", str(folder / "demo"), *ports],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=ROOT,
            timeout=300,
        )
        seconds = time.perf_counter() - began
        parts = re.search(r"^start .*$", done.stdout, re.MULTILINE)
        show("demo", seconds, f"the whole demo, all landed and scored: {parts[0] if parts else ''}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def show(name: str, seconds: float, what: str) -> None:
    print(f"{name:8} {seconds:8.2f} s   target {TARGETS[name]:g} s: {what}", flush=True)


MEASURES = {
    "start": measure_start,
    "kill": measure_kill,
    "latency": measure_latency,
    "demo": measure_demo,
}
assert MEASURES.keys() == TARGETS.keys()


def main() -> None:
    asked = sys.argv[1:] or list(MEASURES)
    unknown = [name for name in asked if name not in MEASURES]
    if unknown:
        raise SystemExit(f"There is no measure {', '.join(unknown)}; there are {', '.join(MEASURES)}.")
    for name in asked:
        MEASURES[name]()


if __name__ == "__main__":
    main()
