"""The real services as processes over a folder of a test: started, killed, started again, waited for.

In:  a folder. Out: a lake to look into. Nothing here is a stand-in: the commands are those of `penstock up`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
from ports import free_port

from penstock.cli.apply import apply_files
from penstock.cli.landing import Expected, expected_connectors, expected_queries, wait_until_landed
from penstock.cli.troubles import failed_connectors, late_rows, stopped_queries
from penstock.client import KsqlClient
from penstock.topics.base import Log
from penstock.topics.open import open_log

ROOT = Path(__file__).resolve().parents[1]
HEALTH = {"server": "/healthcheck", "connect": "/health", "scoring": "/health"}
READY_WITHIN_S = 30.0
SCORING = Expected("penstock-scoring", ("gold.customer_rfm",))


class Services:
    """`penstock run SERVICE` for each service, over one folder and one SQLite log."""

    def __init__(self, folder: Path, names: tuple[str, ...] = ("server", "connect", "scoring")) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in names}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.log_url = f"sqlite:///{folder / 'log.db'}"

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def __enter__(self) -> Services:
        self.log: Log = open_log(self.log_url)
        for name in self.ports:
            self.start(name)
        for name in self.ports:
            self.wait_ready(name)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
        self.log.close()

    def start(self, name: str) -> None:
        urls = {f"PENSTOCK_{each.upper()}_URL": self.url(each) for each in self.ports}
        command = [sys.executable, "-m", "penstock", "run", name, "--port", str(self.ports[name])]
        command += ["--dir", str(self.folder), "--log", self.log_url]
        output = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **urls}, stdout=output, stderr=output
        )

    def kill(self, name: str) -> None:
        """kill -9, and a new process at once."""
        self.processes[name].kill()
        self.processes[name].wait()
        self.start(name)

    def wait_ready(self, name: str) -> None:
        until = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < until:
            try:
                if httpx.get(self.url(name) + HEALTH[name], timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.05)
        raise AssertionError(f"{name} is not ready: {(self.folder / f'{name}.log').read_text()[-3000:]}")

    def apply(self, path: Path = ROOT / "ksql") -> None:
        with KsqlClient(self.url("server")) as client:
            apply_files(client, (path,))

    def wait_landed(self) -> None:
        for name in self.ports:
            self.wait_ready(name)
        with KsqlClient(self.url("server")) as client:
            expected = (*expected_queries(client), *expected_connectors(self.url("connect")), SCORING)
        wait_until_landed(self.log, expected, _unseen)
        assert not stopped_queries(self.url("server")) and not failed_connectors(self.url("connect"))

    def late(self) -> Mapping[str, int]:
        """Rows each query has dropped because they came too late, by query id."""
        return late_rows(self.url("server"))


def _unseen(_: Mapping[str, int]) -> None:
    """Nobody watches a test."""
