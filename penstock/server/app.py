"""The server as a service: log, engine, executor and REST API, from start to a clean stop.

In:  the log's URL, a folder, a port. Out: a process that serves until SIGTERM and ends when all is committed.

    lock the log -> open -> engine -> executor.restore() -> engine.start() -> serve ... SIGTERM
                                                     close push queries -> last cycle, commit -> close

One server writes to a log: a second one is refused before it touches anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from hypercorn.asyncio import serve
from hypercorn.config import Config as HttpConfig

from penstock.clock import Clock, now_ms
from penstock.errors import LogUnavailable, SettingError
from penstock.executor.executor import Executor
from penstock.executor.world import Config
from penstock.formats.registry_http import open_registry
from penstock.run.engine import Engine, EngineSettings
from penstock.run.process import tune_process
from penstock.server.http import application
from penstock.topics.base import Log
from penstock.topics.open import open_log

logger = logging.getLogger("penstock.server")

LOCK_FILE = "server.lock"
SQLITE = "sqlite:///"
PROPERTY_PREFIX = "KSQL_"
CONNECT_URL = "http://127.0.0.1:8083"


class Service:
    """A server inside of another process, as tests use it; `run` makes a process of it."""

    def __init__(
        self,
        log: Log,
        port: int,
        host: str = "127.0.0.1",
        properties: Mapping[str, str] | None = None,
        clock: Clock = now_ms,
        engine_settings: EngineSettings | None = None,
    ) -> None:
        registry = open_registry(properties or {})
        self.engine = Engine(log, engine_settings, clock, registry)
        config = Config(properties=dict(properties or {}), host=f"{host}:{port}", registry=registry)
        self.executor = Executor(log, self.engine, config, clock)
        self.port = port
        self._config = HttpConfig()
        self._config.bind = [f"{host}:{port}"]
        self._config.graceful_timeout = 2.0
        self._config.loglevel = "WARNING"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    async def serve(self) -> None:
        """Serve until stop(); queries run from the start of it to its end."""
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        await asyncio.to_thread(self.executor.restore)
        self.engine.start()
        app = application(self.executor)
        try:
            await serve(app, self._config, shutdown_trigger=self._stopped.wait)  # type: ignore[arg-type]
        finally:
            await asyncio.to_thread(self.engine.stop)

    def ask_to_stop(self) -> None:
        """Open push queries end first: a server that waits for them would never stop."""
        if self._loop is not None and self._stopped is not None:
            self.executor.close()
            self._loop.call_soon_threadsafe(self._stopped.set)

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self.serve()), name="server", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.ask_to_stop()
        if self._thread is not None:
            self._thread.join()


def run(
    log_url: str, directory: Path, port: int, host: str = "127.0.0.1", connect_url: str | None = None
) -> None:
    """Be the server's process: serve until SIGTERM or SIGINT, finish the cycle, commit, return."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    tune_process()
    check_port_free(host, port)
    with only_server_of(log_url, directory):
        log = open_log(log_url)
        try:
            service = Service(log, port, host, server_properties(connect_url))
            asyncio.run(_serve_until_signal(service))
        finally:
            log.close()


async def _serve_until_signal(service: Service) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.ask_to_stop)
    await service.serve()


def server_properties(
    connect_url: str | None, environment: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Properties by environment as ksqlDB's containers take them: KSQL_KSQL_SERVICE_ID is ksql.service.id."""
    given = os.environ if environment is None else environment
    properties = {
        name.removeprefix(PROPERTY_PREFIX).lower().replace("_", "."): value
        for name, value in given.items()
        if name.startswith(PROPERTY_PREFIX + "KSQL_")
    }
    url = (
        connect_url or given.get("PENSTOCK_CONNECT_URL") or properties.get("ksql.connect.url") or CONNECT_URL
    )
    return {**properties, "ksql.connect.url": url}


def check_port_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            raise SettingError(
                f"The server can't listen on {host}:{port}: {problem.strerror}. Choose another port with "
                "--port."
            ) from problem


@contextlib.contextmanager
def only_server_of(log_url: str, directory: Path) -> Iterator[None]:
    """Holds the lock of the log; refuses when another process has it. A log in memory is nobody else's."""
    if log_url.startswith("memory://"):
        yield
        return
    path = lock_path(log_url, directory)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = path.open("a+")
    except OSError as problem:
        raise LogUnavailable(f"The folder {path.parent} can't be written: {problem.strerror}.") from problem
    with held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            held.seek(0)
            owner = held.read().strip() or "unknown"
            raise LogUnavailable(
                f"Another Penstock server (process {owner}) already runs on {log_url}. Stop it first, or "
                "start "
                "this one on a log of its own with --dir or --log."
            ) from problem
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
        yield


def lock_path(log_url: str, directory: Path) -> Path:
    """Beside the log's file, so that two folders that share a log see each other."""
    if log_url.startswith(SQLITE):
        file = Path(log_url.removeprefix(SQLITE))
        return file.with_name(f"{file.name}.{LOCK_FILE}")
    return directory / LOCK_FILE
