"""Connect's REST API over HTTP, by cases (tests/cases/connect/rest.json), and the worker behind it."""

from __future__ import annotations

import errno
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("deltalake")

from test_connect_sink import read_table

from connect.delta import commit
from connect.errors import Retriable
from connect.service import Service
from connect.store import STATUS
from penstock.topics.base import Log, Outgoing
from penstock.topics.open import open_log

CASES = Path(__file__).parent / "cases" / "connect" / "rest.json"
PATIENCE_S = 10.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(told: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not told():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


class Worker:
    """A service and a client of it."""

    def __init__(self, log: Log, folder: Path) -> None:
        self.log, self.folder, self.port = log, folder, free_port()
        self.service = Service(log, folder, self.port)
        self.service.start()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10)
        until(lambda: answers(f"http://127.0.0.1:{self.port}"))

    def sink(self, name: str, **settings: Any) -> None:
        config = {"connector.class": "DeltaSink", "topics": "t", "flush.interval.ms": "20"}
        config |= {key.replace("_", "."): value for key, value in settings.items()}
        assert self.http.put(f"/connectors/{name}/config", json=config).status_code in (200, 201)

    def metrics(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/connectors/{name}/metrics").json()
        return found

    def task(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/connectors/{name}/tasks/0/status").json()
        return found

    def rows(self, table: str) -> int:
        return int(read_table(self.folder / "lake" / table).num_rows)

    def send(self, *values: bytes, topic: str = "t") -> None:
        self.log.append(Outgoing(topic, [None] * len(values), values, [0] * len(values)))

    def stop(self) -> None:
        self.http.close()
        self.service.stop()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    made = Worker(open_log("memory://"), tmp_path)
    made.log.create_topic("t", 2)
    yield made
    made.stop()


def cases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(CASES.read_text(encoding="utf-8"))["tests"]
    return found


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
def test_case(case: dict[str, Any], worker: Worker) -> None:
    for step in json.loads(json.dumps(case["steps"]).replace("PORT", str(worker.port))):
        if step.get("until"):
            until(lambda step=step: holds(step, ask(worker, step)))  # type: ignore[misc]
        answer = ask(worker, step)
        assert holds(step, answer), (step, answer.status_code, answer.text)


def ask(worker: Worker, step: dict[str, Any]) -> httpx.Response:
    verb, path, *body = step["ask"]
    content = None
    if body:
        content = body[0] if isinstance(body[0], str) else json.dumps(body[0])
    return worker.http.request(verb, path, content=content)


def holds(step: dict[str, Any], answer: httpx.Response) -> bool:
    body: Any = answer.json() if answer.content else None
    return all(
        (
            answer.status_code == step["code"],
            "is" not in step or body == step["is"],
            all(body.get(name) == value for name, value in step.get("has", {}).items()),
            all(list(body[name]) == keys for name, keys in step.get("keys", {}).items()),
            "message" not in step or step["message"] in body["message"],
            "location" not in step or answer.headers.get("location") == step["location"],
        )
    )


def test_lands_and_tells(worker: Worker) -> None:
    worker.send(*(b'{"N":%d}' % n for n in range(100)))
    worker.sink("c", **{"delta.columns": "n INT", "topics": "t,later"})
    until(lambda: worker.metrics("c").get("rows") == 100)
    worker.log.create_topic("later")
    worker.send(b'{"N":7}', topic="later")
    until(lambda: worker.metrics("c").get("rows") == 101)
    assert worker.http.get("/connectors/c/topics").json() == {"c": {"topics": ["later", "t"]}}
    assert worker.rows("c") == 101
    worker.http.put("/connectors/c/stop")
    offsets = worker.http.get("/connectors/c/offsets").json()["offsets"]
    assert sum(one["offset"]["kafka_offset"] for one in offsets) == 101
    assert sum(worker.log.committed("connect-c").values()) == 101


def test_two_tasks_land_in_one_table(worker: Worker) -> None:
    worker.log.create_topic("u")
    for start in range(0, 400, 10):
        lines = [b'{"N":%d}' % number for number in range(start, start + 10)]
        worker.send(*lines, topic="tu"[start // 10 % 2])
    settings = {"delta.columns": "n INT", "topics": "t,u", "tasks.max": "2", "flush.size": "7"}
    worker.sink("c", **settings)
    until(lambda: worker.metrics("c").get("rows") == 400)
    assert len(worker.metrics("c")["tasks"]) == 2
    found = read_table(worker.folder / "lake" / "c").column("n").to_pylist()
    assert sorted(found) == list(range(400))


def test_what_the_log_forgot_is_told(worker: Worker) -> None:
    worker.sink("c", **{"delta.columns": "n INT", "topics": "one"})
    worker.log.create_topic("one")
    worker.send(b'{"N":1}', topic="one")
    until(lambda: worker.metrics("c")["rows"] == 1)
    worker.http.put("/connectors/c/stop")
    worker.send(b'{"N":2}', b'{"N":3}', b'{"N":4}', topic="one")
    worker.log.delete_records("one", {0: 3})
    worker.http.put("/connectors/c/resume")
    until(lambda: worker.metrics("c").get("rows") == 1)
    assert worker.metrics("c")["lost"] == 2


def test_pause_holds_the_rows_back(worker: Worker) -> None:
    worker.sink("c", **{"delta.columns": "n INT"})
    worker.http.put("/connectors/c/pause")
    until(lambda: worker.task("c")["state"] == "PAUSED")
    worker.send(b'{"N":1}')
    time.sleep(0.3)
    assert worker.metrics("c")["rows"] == 0
    worker.http.put("/connectors/c/resume")
    until(lambda: worker.metrics("c")["rows"] == 1)


def test_a_failed_task_says_why_and_can_be_restarted(worker: Worker) -> None:
    worker.sink("c", **{"delta.columns": "n INT"})
    worker.send(b'{"N":2.5}')
    until(lambda: worker.task("c")["state"] == "FAILED")
    assert "was refused: Column n: 2.5 is not INTEGER." in worker.task("c")["trace"]
    worker.sink("c", **{"delta.columns": "n INT", "errors.tolerance": "all"})
    until(lambda: worker.metrics("c").get("dead_letters") == 1)
    assert worker.task("c")["state"] == "RUNNING"
    latest = {
        key: json.loads(value)
        for chunk in worker.log.reader({STATUS: "earliest"}).poll(1000)
        for key, value in zip(chunk.keys, chunk.values, strict=True)
        if key is not None and value is not None
    }
    assert latest[b"status-task-c-0"]["state"] == "RUNNING"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full: the table"),
        (OSError(errno.EROFS, "Read-only file system"), "The file system is read-only: the table"),
    ],
    ids=["full disk", "read-only"],
)
def test_the_disk_fails(error: OSError, words: str, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> bool:
        raise error

    worker.sink("c", **{"delta.columns": "n INT"})
    until(lambda: worker.task("c")["state"] == "RUNNING")
    with monkeypatch.context() as patch:
        patch.setattr(commit, "put_if_absent", fails)
        worker.send(b'{"N":1}')
        until(lambda: worker.task("c")["state"] == "FAILED")
    assert words in worker.task("c")["trace"]
    worker.http.post("/connectors/c/tasks/0/restart")
    until(lambda: worker.metrics("c")["rows"] == 1)


@pytest.mark.parametrize(("times", "state"), [(2, "RUNNING"), (4, "FAILED")])
def test_conflicts_start_a_task_anew(
    times: int, state: str, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter(range(times))
    real = commit.put_if_absent

    def conflicts(*args: Any) -> bool:
        if next(failures, None) is not None:
            raise Retriable("Another writer was faster.")
        return real(*args)

    monkeypatch.setattr(commit, "put_if_absent", conflicts)
    settings = {"errors.restart.attempts": "3", "errors.restart.delay.ms": "1"}
    worker.sink("c", **{"delta.columns": "n INT", **settings})
    worker.send(b'{"N":1}')
    until(lambda: worker.metrics("c")["rows"] == 1 or worker.task("c")["state"] == "FAILED")
    assert worker.task("c")["state"] == state
    assert worker.metrics("c")["restarts"] == min(times, 3)


def test_connectors_are_there_after_a_restart(tmp_path: Path) -> None:
    log = open_log("memory://")
    log.create_topic("t")
    first = Worker(log, tmp_path)
    first.sink("c", **{"delta.columns": "n INT"})
    first.sink("gone")
    first.http.delete("/connectors/gone")
    first.sink("halted")
    first.http.put("/connectors/halted/stop")
    first.send(b'{"N":1}')
    first.stop()
    assert first.rows("c") == 1, "a clean stop commits what was gathered"
    second = Worker(log, tmp_path)
    assert second.http.get("/connectors").json() == ["c", "halted"]
    states = second.http.get("/connectors?expand=status").json()
    assert [states[name]["status"]["connector"]["state"] for name in states] == ["RUNNING", "STOPPED"]
    second.send(b'{"N":2}')
    until(lambda: second.metrics("c").get("rows") == 1)
    second.stop()
    assert second.rows("c") == 2


def test_the_process_stops_cleanly(tmp_path: Path) -> None:
    """SIGTERM: what was gathered is committed, and the process ends with 0."""
    url, port = f"sqlite:///{tmp_path}/log.db", free_port()
    log = open_log(url)
    log.create_topic("t")
    script = (
        "import sys, pathlib; from connect.service import run; "
        "run(sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, url, str(tmp_path), str(port)],
        env={"PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    until(lambda: answers(address))
    config = {"connector.class": "DeltaSink", "topics": "t", "delta.columns": "n INT"}
    config |= {"flush.interval.ms": "60000"}
    assert httpx.put(f"{address}/connectors/c/config", json=config).status_code == 201
    until(lambda: httpx.get(f"{address}/connectors/c/topics").json() == {"c": {"topics": ["t"]}})
    log.append(Outgoing("t", [None], [b'{"N":1}'], [0]))
    until(lambda: httpx.get(f"{address}/connectors/c/metrics").json()["lag"] == 1)
    process.terminate()
    assert process.wait(20) == 0
    assert read_table(tmp_path / "lake" / "c").num_rows == 1


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health").status_code == 200
    except httpx.TransportError:
        return False
