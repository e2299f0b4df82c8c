"""The herder keeps the connectors: their configs, their target states, their tasks.

In:  requests of app.py as calls. Out: tasks that run, and the facts Connect's REST API shows.

    config  --understood()-->  Connector  --start-->  Task, Task, ...
    target  STARTED: tasks run     PAUSED: tasks wait     STOPPED: there are no tasks

One worker, so there is no rebalance: what a request asks for is done when it is answered. A stored config
that is no longer valid makes its connector FAILED; it doesn't stop the others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from connect.errors import BadConfig, Conflict, NotFound
from connect.plugins import Connector, understood
from connect.store import STARTED, Store
from connect.worker import FAILED, PAUSED, RUNNING, Surroundings, Task
from penstock.clock import Clock
from penstock.topics.base import Log

STOPPED = "STOPPED"
INITIAL = {"RUNNING": STARTED, "PAUSED": PAUSED, "STOPPED": STOPPED}
SHOWN = {STARTED: RUNNING, PAUSED: PAUSED, STOPPED: STOPPED}


@dataclass(slots=True)
class Herded:
    """A connector as it stands. `connector` is None when its stored config is no longer valid."""

    name: str
    config: dict[str, str]
    target: str
    connector: Connector | None = None
    trace: str = ""
    tasks: list[Task] = field(default_factory=list)

    @property
    def state(self) -> str:
        return FAILED if self.connector is None else SHOWN[self.target]

    @property
    def type(self) -> str:
        return self.connector.plugin.type if self.connector is not None else "unknown"


class Herder:
    def __init__(self, log: Log, folder: Path, worker_id: str, clock: Clock) -> None:
        self._log, self._folder, self._clock = log, folder, clock
        self.worker_id = worker_id
        self._lock = threading.RLock()
        self._status_lock = threading.Lock()
        self._herd: dict[str, Herded] = {}
        self._store = Store(log, clock)
        self._written: dict[str, Mapping[str, Any]] = {}

    def start(self) -> None:
        with self._lock:
            for name, (config, target) in self._store.connectors().items():
                self._herd[name] = self._herded(name, config, target)
                self._start_tasks(self._herd[name])

    def stop(self) -> None:
        """Stop all tasks; each commits what it has gathered."""
        with self._lock:
            self._stop_tasks(self._herd.values())

    # What is.

    def names(self) -> list[str]:
        return sorted(self._herd)

    def config(self, name: str) -> dict[str, str]:
        return dict(self._find(name).config)

    def info(self, name: str) -> dict[str, Any]:
        herded = self._find(name)
        tasks = [{"connector": name, "task": task.number} for task in herded.tasks]
        return {"name": name, "config": dict(herded.config), "tasks": tasks, "type": herded.type}

    def status(self, name: str) -> dict[str, Any]:
        herded = self._find(name)
        tasks = [{"id": task.number, **self._state(task.state, task.trace)} for task in herded.tasks]
        connector = self._state(herded.state, herded.trace)
        return {"name": name, "connector": connector, "tasks": tasks, "type": herded.type}

    def task_status(self, name: str, number: int) -> dict[str, Any]:
        task = self._task(name, number)
        return {"id": number, **self._state(task.state, task.trace)}

    def tasks(self, name: str) -> list[dict[str, Any]]:
        herded = self._find(name)
        ids = ({"connector": name, "task": task.number} for task in herded.tasks)
        return [{"id": one, "config": dict(herded.config)} for one in ids]

    def topics(self, name: str) -> list[str]:
        return sorted({topic for task in self._find(name).tasks for topic in task.topics})

    def offsets(self, name: str) -> list[dict[str, Any]]:
        """As the target holds them; for a connector without tasks, as they were last told to the log."""
        herded = self._find(name)
        found = self._log.committed(f"connect-{name}")
        for task in herded.tasks:
            found = {**found, **task.offsets}
        return [
            {
                "partition": {"kafka_topic": topic, "kafka_partition": partition},
                "offset": {"kafka_offset": offset},
            }
            for (topic, partition), offset in sorted(found.items())
        ]

    def metrics(self, name: str) -> dict[str, Any]:
        herded = self._find(name)
        counts = [asdict(task.counts) for task in herded.tasks]
        total = {key: sum(count[key] for count in counts) for key in counts[0]} if counts else {}
        if counts:
            total["last_commit_ms"] = max(count["last_commit_ms"] for count in counts)
        path = herded.config.get("delta.table.path")
        return {"name": name, "state": herded.state, "table": path, **total, "tasks": counts}

    # What shall be.

    def create(self, name: str, config: Mapping[str, str], initial: str | None) -> dict[str, Any]:
        with self._lock:
            if name in self._herd:
                raise Conflict(f"Connector {name} already exists")
            if initial is not None and initial.upper() not in INITIAL:
                raise BadConfig(f"initial_state is one of {', '.join(INITIAL)}, not {initial}.")
            self._put(name, config, INITIAL[(initial or "RUNNING").upper()])
            return self.info(name)

    def put_config(self, name: str, config: Mapping[str, str]) -> tuple[dict[str, Any], bool]:
        """The connector, and whether it is new."""
        with self._lock:
            known = self._herd.get(name)
            self._put(name, config, known.target if known else STARTED)
            return self.info(name), known is None

    def patch_config(self, name: str, changes: Mapping[str, str | None]) -> dict[str, Any]:
        with self._lock:
            config: dict[str, str | None] = {**self._find(name).config, **changes}
            self._put(
                name,
                {key: value for key, value in config.items() if value is not None},
                self._find(name).target,
            )
            return self.info(name)

    def delete(self, name: str) -> None:
        with self._lock:
            herded = self._find(name)
            self._stop_tasks([herded])
            self._store.delete_connector(name)
            del self._herd[name]
            self._tell()

    def set_target(self, name: str, target: str) -> None:
        with self._lock:
            herded = self._find(name)
            self._store.put_target(name, target)
            herded.target = target
            self._follow_target(herded)
            self._tell()

    def restart(self, name: str, include_tasks: bool, only_failed: bool) -> dict[str, Any]:
        with self._lock:
            herded = self._find(name)
            if herded.connector is None:
                self._herd[name] = herded = self._herded(name, herded.config, herded.target)
                self._start_tasks(herded)
            elif include_tasks:
                for task in list(herded.tasks):
                    if task.state == FAILED or not only_failed:
                        self._renew(herded, task.number)
            self._tell()
            return self.status(name)

    def restart_task(self, name: str, number: int) -> None:
        with self._lock:
            self._task(name, number)
            self._renew(self._find(name), number)

    # Inside.

    def _find(self, name: str) -> Herded:
        herded = self._herd.get(name)
        if herded is None:
            raise NotFound(f"Connector {name} not found")
        return herded

    def _task(self, name: str, number: int) -> Task:
        for task in self._find(name).tasks:
            if task.number == number:
                return task
        raise NotFound(f"No status found for task {name}-{number}")

    def _state(self, state: str, trace: str) -> dict[str, Any]:
        return {"state": state, "worker_id": self.worker_id} | ({"trace": trace} if trace else {})

    def _put(self, name: str, config: Mapping[str, str], target: str) -> None:
        """Take a config that is valid; a wrong one raises and changes nothing."""
        connector = understood(name, config)
        known = self._herd.get(name)
        self._store.put_connector(name, config, target)
        if known is not None:
            self._stop_tasks([known])
        self._herd[name] = Herded(name, dict(config), target, connector)
        self._start_tasks(self._herd[name])

    def _herded(self, name: str, config: dict[str, str], target: str) -> Herded:
        try:
            return Herded(name, config, target, understood(name, config))
        except BadConfig as error:
            return Herded(name, config, target, trace=str(error))

    def _start_tasks(self, herded: Herded) -> None:
        if herded.connector is not None and herded.target != STOPPED:
            count = tasks_of(herded.connector)
            herded.tasks = [self._new_task(herded, number, count) for number in range(count)]
        self._tell()

    def _new_task(self, herded: Herded, number: int, count: int) -> Task:
        assert herded.connector is not None
        around = Surroundings(self._log, self._folder, self._clock, self._tell)
        task = Task(herded.connector, number, count, around)
        task.start(paused=herded.target == PAUSED)
        return task

    def _stop_tasks(self, several: Iterable[Herded]) -> None:
        several = list(several)
        for herded in several:
            for task in herded.tasks:
                task.ask_to_stop()
        for herded in several:
            for task in herded.tasks:
                task.join()
            herded.tasks = []

    def _renew(self, herded: Herded, number: int) -> None:
        old = next(task for task in herded.tasks if task.number == number)
        old.ask_to_stop()
        old.join()
        herded.tasks[number] = self._new_task(herded, number, len(herded.tasks))
        self._tell()

    def _follow_target(self, herded: Herded) -> None:
        FOLLOW[herded.target](self, herded)

    def _run_all(self, herded: Herded) -> None:
        if not herded.tasks:
            self._start_tasks(herded)
        for task in herded.tasks:
            task.resume()

    def _pause_all(self, herded: Herded) -> None:
        if not herded.tasks:
            self._start_tasks(herded)
        for task in herded.tasks:
            task.pause()

    def _stop_all(self, herded: Herded) -> None:
        self._stop_tasks([herded])

    def _tell(self) -> None:
        """Write the states that changed to connect-status. Called by the threads of tasks too."""
        with self._status_lock:
            now = dict(self._statuses())
            changed: dict[str, Mapping[str, Any] | None] = {
                key: value for key, value in now.items() if self._written.get(key) != value
            }
            changed |= {key: None for key in self._written if key not in now}
            self._store.put_status(changed)
            self._written = now

    def _statuses(self) -> Iterable[tuple[str, Mapping[str, Any]]]:
        for herded in list(self._herd.values()):
            yield f"status-connector-{herded.name}", self._status(herded.state, herded.trace)
            for task in list(herded.tasks):
                yield f"status-task-{herded.name}-{task.number}", self._status(task.state, task.trace)

    def _status(self, state: str, trace: str) -> dict[str, Any]:
        return {"state": state, "trace": trace or None, "worker_id": self.worker_id, "generation": 1}


FOLLOW: Mapping[str, Callable[[Herder, Herded], None]] = {
    STARTED: Herder._run_all,
    PAUSED: Herder._pause_all,
    STOPPED: Herder._stop_all,
}
assert FOLLOW.keys() == SHOWN.keys()


def tasks_of(connector: Connector) -> int:
    """How many tasks a connector gets: no more than its topics, its limit and its class allow."""
    named = connector.settings["topics"]
    most = connector.plugin.tasks_max(connector.settings)
    return min(most, len(named)) if named else most
