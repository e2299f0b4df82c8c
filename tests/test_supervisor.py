"""The supervisor: what it decides from a state and the time, and what it does to real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ports import free_port

from penstock.errors import SettingError
from penstock.supervisor import (
    DEATHS_MAX,
    PAUSES_MS,
    Action,
    FolderLock,
    Phase,
    Plan,
    ServiceGivenUp,
    State,
    Supervisor,
    after_death,
    after_probe,
    after_start,
    decide,
)

READY = State("x", Phase.READY, since_ms=0, pid=7, was_ready=True)

DECISIONS = [
    ("a new service starts at once", State("x"), 0, Action.START),
    (
        "one that died waits for its pause",
        State("x", due_ms=500, deaths=1, was_ready=True),
        499,
        Action.NOTHING,
    ),
    ("and starts when it is over", State("x", due_ms=500, deaths=1, was_ready=True), 500, Action.START),
    ("one that never got ready is given up", State("x", deaths=DEATHS_MAX), 9_999, Action.GIVE_UP),
    ("one that was ready is never given up", State("x", deaths=50, was_ready=True), 99_999, Action.START),
    ("a starting one is asked often", State("x", Phase.STARTING, probed_ms=0), 50, Action.PROBE),
    ("a ready one is left in peace", READY, 1_999, Action.NOTHING),
    ("but asked now and then", READY, 2_000, Action.PROBE),
    ("a silent one too", State("x", Phase.SILENT, probed_ms=0), 2_000, Action.PROBE),
    ("a stopped one stays so", State("x", Phase.STOPPED), 10**9, Action.NOTHING),
]


@pytest.mark.parametrize(
    ("state", "now", "action"), [case[1:] for case in DECISIONS], ids=[c[0] for c in DECISIONS]
)
def test_decide(state: State, now: int, action: Action) -> None:
    assert decide(state, now) is action


def test_pauses_grow_to_a_bound_and_a_steady_time_forgets_deaths() -> None:
    state, pauses = State("x"), []
    for now in range(0, 100_000, 10_000):
        state = after_death(after_start(state, 1, now), 1, now)
        pauses.append(state.due_ms - now)
    assert pauses[: len(PAUSES_MS)] == list(PAUSES_MS)
    assert set(pauses[len(PAUSES_MS) :]) == {PAUSES_MS[-1]}
    ready = after_probe(after_start(state, 1, 0), True, 10)
    assert (ready.deaths, after_probe(ready, True, 30_000).deaths) == (10, 0)


def test_silence_is_shown_only_of_what_was_ready() -> None:
    starting = after_start(State("x"), 1, 0)
    assert after_probe(starting, False, 10).phase is Phase.STARTING
    silent = after_probe(after_probe(starting, True, 10), False, 20)
    assert silent.phase is Phase.SILENT
    assert after_probe(silent, True, 30).phase is Phase.READY


# --- real processes ------------------------------------------------------------------------------------

SERVICE = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *a): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def plan(folder: Path, source: str = SERVICE) -> Plan:
    port = free_port()
    command = (sys.executable, "-c", source, str(port))
    return Plan("thing", command, "127.0.0.1", port, f"http://127.0.0.1:{port}/", folder / "thing.log")


def until(supervisor: Supervisor, done: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, supervisor.states
        supervisor.step()
        time.sleep(0.02)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor([plan(tmp_path)])
    yield made
    made.stop()


def test_what_is_killed_comes_back_and_stop_leaves_nothing(supervisor: Supervisor) -> None:
    until(supervisor, lambda: supervisor.ready)
    first = supervisor.states["thing"].pid
    assert first
    os.kill(first, signal.SIGKILL)
    until(supervisor, lambda: supervisor.states["thing"].pid not in (first, None) and supervisor.ready)
    second = supervisor.states["thing"].pid
    assert second
    assert supervisor.states["thing"].restarts == 1
    supervisor.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)


def test_what_never_gets_ready_is_given_up_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.supervisor.PAUSES_MS", (0,))
    supervisor = Supervisor([plan(tmp_path, "raise SystemExit('the cellar is flooded')")])
    until(supervisor, lambda: supervisor.states["thing"].phase is Phase.GIVEN_UP)
    with pytest.raises(ServiceGivenUp, match=r"thing ended 5 times .* code 1: the cellar is flooded"):
        supervisor.check()
    supervisor.stop()


def test_a_port_in_use_is_a_sentence(tmp_path: Path) -> None:
    taken = plan(tmp_path)
    with closing(socket.socket()) as holder:
        holder.bind(("127.0.0.1", taken.port))
        holder.listen()
        supervisor = Supervisor([taken])
        with pytest.raises(SettingError, match=rf"Port {taken.port} of thing .* in use.*--thing-port"):
            supervisor.check_ports()
        supervisor.stop()


def test_a_second_up_is_told_of_the_first(tmp_path: Path) -> None:
    with FolderLock(tmp_path), pytest.raises(SettingError, match=rf"already up .*process {os.getpid()}"):
        FolderLock(tmp_path).__enter__()
    with FolderLock(tmp_path):
        pass


ORPHAN = """
import time
from penstock.supervised import end_with_supervisor
end_with_supervisor()
print("watching", flush=True)
time.sleep(60)
"""


def test_a_service_ends_when_its_supervisor_is_gone() -> None:
    environment = {**os.environ, "PENSTOCK_SUPERVISED": "1", "PYTHONPATH": str(Path(__file__).parent.parent)}
    process = subprocess.Popen(
        [sys.executable, "-c", ORPHAN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    assert process.stdout
    assert process.stdin
    assert process.stdout.readline() == b"watching\n"
    process.stdin.close()
    assert process.wait(10) == -signal.SIGTERM
