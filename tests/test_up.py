"""`penstock up` as a person has it: all starts, what dies comes back, a second is told, all stops."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ports import free_port

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("server", "connect", "scoring")
CHANGE = re.compile(r"^(\w+) is (\w+)(?: \(process (\d+)\))?", re.MULTILINE)

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("penstock.server.app") is None, reason="the server is not part of this build"
)


class Up:
    """`penstock up` without a terminal: it says each change of a service in a line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in SERVICES}
        self.said = folder / "said"
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(self.command(), stdout=said, stderr=said, env=ENVIRONMENT)

    def command(self) -> list[str]:
        ports = [text for name, port in self.ports.items() for text in (f"--{name}-port", str(port))]
        return [sys.executable, "-m", "penstock", "up", "--dir", str(self.folder / "p"), *ports]

    def ready(self) -> dict[str, int]:
        """The services that are ready, by the last word said of each, with their processes."""
        last = {found[1]: found for found in CHANGE.finditer(self.said.read_text())}
        return {name: int(found[3]) for name, found in last.items() if found[2] == "ready"}

    def until(self, done: Callable[[], bool], seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, self.said.read_text()
            time.sleep(0.05)


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    started = Up(tmp_path)
    yield started
    started.process.kill()
    started.process.wait()


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_up_keeps_all_running_and_stops_all(up: Up) -> None:
    up.until(lambda: up.ready().keys() == set(SERVICES))
    second = subprocess.run(up.command(), capture_output=True, text=True, env=ENVIRONMENT, timeout=30)
    assert second.returncode == 1
    assert f"already up in {up.folder / 'p'} (process {up.process.pid})" in second.stderr
    before = up.ready()
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    up.until(lambda: up.ready().keys() == set(SERVICES) and not up.ready().items() & before.items())
    after = up.ready()
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(20) == 0
    assert all(gone(pid) for pid in after.values())


def test_services_end_with_an_up_that_is_killed(up: Up) -> None:
    up.until(lambda: up.ready().keys() == set(SERVICES))
    services = up.ready()
    up.process.kill()
    up.process.wait()
    up.until(lambda: all(gone(pid) for pid in services.values()))
