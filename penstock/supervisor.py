"""Keeps the services of one folder running: starts each as a process, asks for its health, restarts it.

In:  plans (name, command, health URL, file for its words), one lock per folder. Out: states to look at.

    waiting --due--> starting --healthy--> ready --no answer--> silent --healthy--> ready
       ^                |                    |                     |
       `------------- died, after a pause that doubles to 10 s ----'      too often, never ready: given up

What to do next (`decide`) is a function of a state and the time; Supervisor has the processes. The entry
points are those of containers: `python -m penstock run SERVICE`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import IO

import httpx

from penstock.clock import Clock, now_ms
from penstock.errors import PenstockError, SettingError
from penstock.supervised import SUPERVISED

PAUSES_MS = (0, 250, 500, 1_000, 2_000, 5_000, 10_000)
DEATHS_MAX = 5
STEADY_MS = 30_000
PROBE_STARTING_MS = 50
PROBE_READY_MS = 2_000
PROBE_TIMEOUT_S = 5.0
TICK_S = 0.05
STOP_WAIT_S = 10.0


class Phase(Enum):
    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    SILENT = "silent"
    GIVEN_UP = "given up"
    STOPPED = "stopped"


ALIVE = frozenset({Phase.STARTING, Phase.READY, Phase.SILENT})


class Action(Enum):
    NOTHING = "nothing"
    START = "start"
    PROBE = "probe"
    GIVE_UP = "give up"


@dataclass(frozen=True, slots=True)
class Plan:
    """How one service is started and asked. `option` names what changes its port, for messages."""

    name: str
    command: tuple[str, ...]
    host: str
    port: int
    health_url: str
    words: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def option(self) -> str:
        return f"--{self.name}-port"


@dataclass(frozen=True, slots=True)
class State:
    """One service as it stands. `deaths` counts those in a row, without a steady time between."""

    name: str
    phase: Phase = Phase.WAITING
    since_ms: int = 0
    due_ms: int = 0
    probed_ms: int = 0
    pid: int | None = None
    deaths: int = 0
    restarts: int = 0
    was_ready: bool = False
    exit_code: int | None = None


def decide(state: State, now: int) -> Action:
    """What a service needs now."""
    if state.phase is Phase.WAITING:
        if not state.was_ready and state.deaths >= DEATHS_MAX:
            return Action.GIVE_UP
        return Action.START if now >= state.due_ms else Action.NOTHING
    if state.phase in ALIVE:
        pause_ms = PROBE_STARTING_MS if state.phase is Phase.STARTING else PROBE_READY_MS
        return Action.PROBE if now - state.probed_ms >= pause_ms else Action.NOTHING
    return Action.NOTHING


def after_start(state: State, pid: int, now: int) -> State:
    restarts = state.restarts + (1 if state.deaths else 0)
    return replace(state, phase=Phase.STARTING, pid=pid, since_ms=now, probed_ms=now, restarts=restarts)


def after_probe(state: State, healthy: bool, now: int) -> State:
    """A service that starts up may be silent; one that was ready and does not answer is shown as such."""
    if state.phase not in ALIVE:
        return state
    if healthy:
        steady = state.phase is Phase.READY and now - state.since_ms >= STEADY_MS
        return replace(state, phase=Phase.READY, was_ready=True, deaths=0 if steady else state.deaths)
    return replace(state, phase=Phase.SILENT) if state.phase is Phase.READY else state


def after_death(state: State, exit_code: int, now: int) -> State:
    """The first death is answered at once; each further one in a row waits longer, up to a bound."""
    pause_ms = PAUSES_MS[min(state.deaths, len(PAUSES_MS) - 1)]
    return replace(
        state,
        phase=Phase.WAITING,
        pid=None,
        deaths=state.deaths + 1,
        due_ms=now + pause_ms,
        since_ms=now,
        exit_code=exit_code,
    )


class ServiceGivenUp(PenstockError):
    def __init__(self, state: State, words: Path, last: str) -> None:
        super().__init__(
            f"{state.name} ended {state.deaths} times before it was ready, the last time with code "
            f"{state.exit_code}: {last or 'it said nothing'} (all of it is in {words})"
        )


class FolderLock:
    """One supervisor a folder. The system lets go of the lock however the holder ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "up.lock"
        self._file: IO[str] | None = None

    def __enter__(self) -> FolderLock:
        opened = self._path.open("a+", encoding="ascii")
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            opened.seek(0)
            holder = opened.read().strip() or "unknown"
            opened.close()
            raise SettingError(
                f"Penstock is already up in {self._path.parent} (process {holder}). "
                "Use it as it is, stop it, or choose another folder with --dir."
            ) from error
        opened.truncate(0)
        opened.write(str(os.getpid()))
        opened.flush()
        self._file = opened
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


class Supervisor:
    """The processes of the plans. `step` is called often; it never waits for a service."""

    def __init__(self, plans: Sequence[Plan], clock: Clock = now_ms) -> None:
        self.plans = {plan.name: plan for plan in plans}
        self.states = {plan.name: State(plan.name) for plan in plans}
        self.failure: OSError | None = None
        self._clock = clock
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._probes: dict[str, Future[bool]] = {}
        self._pool = ThreadPoolExecutor(max(1, len(plans)), thread_name_prefix="probe")
        self._http = httpx.Client(timeout=PROBE_TIMEOUT_S)

    def check_ports(self) -> None:
        """A port in use is found before anything starts, and named."""
        for plan in self.plans.values():
            with contextlib.closing(
                socket.socket(socket.AF_INET6 if ":" in plan.host else socket.AF_INET)
            ) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((plan.host, plan.port))
                except OSError as error:
                    raise SettingError(
                        f"Port {plan.port} of {plan.name} can't be used on {plan.host}: {error.strerror}. "
                        f"Choose another with {plan.option}."
                    ) from error

    def step(self) -> None:
        """Look at every process once and do what is due."""
        now = self._clock()
        for name in self.plans:
            self._notice_death(name, now)
            self._notice_probe(name, now)
            EFFECTS[decide(self.states[name], now)](self, name, now)

    @property
    def ready(self) -> bool:
        return all(state.phase is Phase.READY for state in self.states.values())

    def check(self) -> None:
        """Raise when the services can't be kept running."""
        if self.failure is not None:
            raise self.failure
        for state in self.states.values():
            if state.phase is Phase.GIVEN_UP:
                raise ServiceGivenUp(state, self.plans[state.name].words, self.last_words(state.name))

    def last_words(self, name: str) -> str:
        return last_line(self.plans[name].words)

    def stop(self, wait_s: float = STOP_WAIT_S) -> None:
        """SIGTERM to all at once; who has not ended in time is killed."""
        for process in self._processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + wait_s
        for name, process in self._processes.items():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            if process.poll() is None:
                process.kill()
                process.wait()
            self.states[name] = replace(self.states[name], phase=Phase.STOPPED, pid=None)
        self._processes.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._http.close()

    def _notice_death(self, name: str, now: int) -> None:
        process = self._processes.get(name)
        if process is not None and (code := process.poll()) is not None:
            del self._processes[name]
            self._probes.pop(name, None)
            self.states[name] = after_death(self.states[name], code, now)

    def _notice_probe(self, name: str, now: int) -> None:
        probe = self._probes.get(name)
        if probe is not None and probe.done():
            del self._probes[name]
            self.states[name] = after_probe(self.states[name], probe.result(), now)

    def start(self, name: str, now: int) -> None:
        plan = self.plans[name]
        plan.words.parent.mkdir(parents=True, exist_ok=True)
        with plan.words.open("ab") as words:
            # The child holds the reading end of a pipe of ours: when we are gone, however, it ends too.
            # A session of its own keeps the terminal's Ctrl-C for us, who stop all in order.
            process = subprocess.Popen(
                plan.command,
                stdin=subprocess.PIPE,
                stdout=words,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **plan.environment, SUPERVISED: "1"},
            )
        self._processes[name] = process
        self.states[name] = after_start(self.states[name], process.pid, now)

    def probe(self, name: str, now: int) -> None:
        if name not in self._probes:
            self._probes[name] = self._pool.submit(self._healthy, self.plans[name].health_url)
            self.states[name] = replace(self.states[name], probed_ms=now)

    def give_up(self, name: str, now: int) -> None:
        self.states[name] = replace(self.states[name], phase=Phase.GIVEN_UP, since_ms=now)

    def nothing(self, name: str, now: int) -> None:
        pass

    def _healthy(self, url: str) -> bool:
        try:
            return self._http.get(url).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


EFFECTS: dict[Action, Callable[[Supervisor, str, int], None]] = {
    Action.NOTHING: Supervisor.nothing,
    Action.START: Supervisor.start,
    Action.PROBE: Supervisor.probe,
    Action.GIVE_UP: Supervisor.give_up,
}
assert EFFECTS.keys() == set(Action), EFFECTS.keys() ^ set(Action)


@contextlib.contextmanager
def in_background(supervisor: Supervisor) -> Iterator[Supervisor]:
    """The supervisor in a thread of its own, for a command that has other work to do.

    What ends the thread (a full disk) is in `supervisor.failure`; `check` raises it.
    """
    done = threading.Event()

    def tend() -> None:
        try:
            while not done.is_set():
                supervisor.step()
                done.wait(TICK_S)
        except OSError as error:
            supervisor.failure = error

    thread = threading.Thread(target=tend, name="supervisor", daemon=True)
    thread.start()
    try:
        yield supervisor
    finally:
        done.set()
        thread.join()
        supervisor.stop()


def last_line(path: Path) -> str:
    """The last thing a service said, for the sentence that tells of its end."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4096))
            lines = [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    except OSError:
        return ""
    return lines[-1].strip() if lines else ""


def resident_bytes(pid: int) -> int | None:
    """Memory a process holds, where the system tells it (/proc)."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
