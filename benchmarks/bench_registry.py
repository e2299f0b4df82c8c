"""The schema registry: registrations, look-ups, compatibility checks, start-up. Gates at the end.

In:  nothing. Out: a figure a line; exit code 1 when a gate is missed.

The server is a process of its own, pinned to one core where the system lets us; the client speaks HTTP/1.1
over kept connections from another one. Look-ups are held against a server that only answers (the same
HTTP server with a constant), which is the most there is to reach.
"""

from __future__ import annotations

import json
import os
import resource
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[1]
CONNECTIONS = 8
LOOKUPS = 8_000
REGISTRATIONS = 500
FIELDS, VERSIONS = 200, 100
STARTED_SCHEMAS = 10_000
GATES = {
    "look-ups by id a second": 3000.0,
    "100-version check, seconds": 1.0,
    "100-version check after a restart, seconds": 1.0,
    "start-up, seconds": 3.0,
}

CONSTANT = """
async def app(scope, receive, send):
    body = b'{"schema":"\\\\"string\\\\""}'
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
import sys, uvicorn
uvicorn.run(app, port=int(sys.argv[1]), http="httptools", access_log=False, log_level="error", lifespan="off")
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    def __init__(self, *arguments: str) -> None:
        self.port = free_port()
        command = [sys.executable, *(one.replace("PORT", str(self.port)) for one in arguments)]
        started = time.perf_counter()
        self.process = subprocess.Popen(command, cwd=ROOT, preexec_fn=pinned)
        while socket.socket().connect_ex(("127.0.0.1", self.port)):
            time.sleep(0.005)
        self.seconds = time.perf_counter() - started

    def rss_mb(self) -> float:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) / 1024

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def pinned() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def registry(folder: str) -> Process:
    return Process("-m", "penstock", "run", "registry", "--port", "PORT", "--dir", folder)


def rate(port: int, path: Callable[[int], str], count: int) -> float:
    """Answers a second over kept connections, each with one request under way."""
    chosen = selectors.DefaultSelector()
    sent = 0

    def ask(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(f"GET {path(sent)} HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n".encode())
        sent += 1

    for _ in range(CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chosen.register(connection, selectors.EVENT_READ)
        ask(connection)
    started, done = time.perf_counter(), 0
    while done < count:
        for key, _ in chosen.select():
            connection = key.fileobj  # type: ignore[assignment]
            received(connection)
            done += 1
            ask(connection)
    return done / (time.perf_counter() - started)


def received(connection: socket.socket) -> None:
    """One whole answer, which must be a 200."""
    data = connection.recv(65536)
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), data[:300]
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)


def record(name: str, fields: int) -> str:
    listed = [{"name": f"f{at}", "type": ["null", "string"], "default": None} for at in range(fields)]
    return json.dumps({"type": "record", "name": name, "fields": listed})


def wide(more: int) -> str:
    """A schema of 200 fields and some more, of all sorts of types; every one has a default."""
    fields = [{"name": f"f{at}", **mixed(at)} for at in range(FIELDS + more)]
    return json.dumps({"type": "record", "name": "wide", "fields": fields})


def mixed(at: int) -> dict[str, Any]:
    decimal = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}
    inner = {
        "type": "record",
        "name": f"r{at}",
        "fields": [{"name": "a", "type": ["null", decimal], "default": None}],
    }
    sorts: list[tuple[Any, Any]] = [
        ("string", ""),
        (["null", "string"], None),
        (["null", decimal], None),
        ({"type": "long", "logicalType": "timestamp-millis"}, 0),
        ({"type": "array", "items": ["null", "double"]}, []),
        ({"type": "map", "values": "long"}, {}),
        (["null", inner], None),
        ({"type": "enum", "name": f"e{at}", "symbols": ["A", "B", "C"]}, "A"),
    ]
    kind, default = sorts[at % len(sorts)]
    return {"type": kind, "default": default}


def registrations(client: httpx.Client) -> float:
    started = time.perf_counter()
    for number in range(REGISTRATIONS):
        body = {"schema": record(f"r{number}", 5)}
        client.post(f"/subjects/s{number}/versions", json=body).raise_for_status()
    return REGISTRATIONS / (time.perf_counter() - started)


def wide_check(client: httpx.Client) -> tuple[float, float]:
    """Seconds of the first check of a wide schema against 100 versions, and checks a second."""
    client.put("/config/wide", json={"compatibility": "NONE"}).raise_for_status()
    for number in range(VERSIONS):
        body = {"schema": wide(number)}
        client.post("/subjects/wide/versions", json=body).raise_for_status()
    client.put("/config/wide", json={"compatibility": "FULL_TRANSITIVE"}).raise_for_status()
    took: list[float] = []
    for number in range(5):
        started = time.perf_counter()
        body = {"schema": wide(VERSIONS + number)}
        answer = client.post("/compatibility/subjects/wide/versions", json=body)
        assert answer.json() == {"is_compatible": True}, answer.text
        took.append(time.perf_counter() - started)
    return took[0], len(took) / sum(took)


def cold_check(client: httpx.Client) -> float:
    """Seconds of the first check after a restart, when none of the 100 versions is parsed yet."""
    started = time.perf_counter()
    answer = client.post("/compatibility/subjects/wide/versions", json={"schema": wide(VERSIONS)})
    assert answer.json() == {"is_compatible": True}, answer.text
    return time.perf_counter() - started


def filled(folder: str) -> None:
    """A log with 10,000 schemas, written as the store writes them."""
    from penstock.topics.sqlite import SqliteLog
    from schema_registry import records
    from schema_registry.content import content
    from schema_registry.store import Store

    log = SqliteLog(Path(folder) / "log.db")
    store = Store(log, Path(folder))
    out = []
    for number in range(STARTED_SCHEMAS):
        what = content(record(f"r{number}", 20), "AVRO")
        value = records.schema_value(f"s{number}", 1, number + 1, what, False)
        out.append((records.schema_key(f"s{number}", 1), value))
    for at in range(0, len(out), 500):
        store.write(*out[at : at + 500])
    store.close()
    log.close()


def main() -> int:
    figures: dict[str, float] = {}
    constant = Process("-c", CONSTANT, "PORT")
    figures["a constant over the same HTTP server, answers a second"] = rate(
        constant.port, lambda n: "/", LOOKUPS
    )
    constant.stop()
    with tempfile.TemporaryDirectory() as folder:
        server = registry(folder)
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60) as client:
            figures["registrations a second (each durable before its answer)"] = registrations(client)
            figures["look-ups by id a second"] = rate(server.port, lambda n: "/schemas/ids/1", LOOKUPS)
            figures["look-ups by id, a different one each time"] = rate(
                server.port, lambda n: f"/schemas/ids/{n % REGISTRATIONS + 1}", LOOKUPS
            )
            figures["look-ups of the latest version a second"] = rate(
                server.port, lambda n: f"/subjects/s{n % REGISTRATIONS}/versions/latest", LOOKUPS
            )
            first, more = wide_check(client)
            figures["100-version check, seconds"] = first
            figures["100-version checks a second (200 fields, FULL_TRANSITIVE)"] = more
        server.stop()
        server = registry(folder)
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60) as client:
            figures["100-version check after a restart, seconds"] = cold_check(client)
        server.stop()
    with tempfile.TemporaryDirectory() as folder:
        filled(folder)
        server = registry(folder)
        figures["start-up, seconds"] = server.seconds
        figures["resident MB with 10,000 schemas"] = server.rss_mb()
        server.stop()
    for name, figure in figures.items():
        gate = GATES.get(name)
        print(f"{name:<62} {figure:>12,.2f}" + (f"   gate {gate:,.0f}" if gate is not None else ""))
    missed = [name for name, gate in GATES.items() if (figures[name] < gate) == ("a second" in name)]
    print("missed: " + ", ".join(missed) if missed else "every gate is kept")
    return 1 if missed else 0


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    sys.exit(main())
