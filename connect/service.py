"""The Connect worker as a service: log, herder and REST server, from start to a clean stop.

In:  the log's URL, a folder (the lake is `<folder>/lake`), a port. Out: a process that serves until SIGTERM.

A clean stop commits what each task has gathered. An unclean one loses nothing: the next start reads on
from the offsets in the tables.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from pathlib import Path

from hypercorn.asyncio import serve
from hypercorn.config import Config

from connect.app import application
from connect.herder import Herder
from penstock.clock import Clock, now_ms
from penstock.topics.base import Log
from penstock.topics.open import open_log

LAKE = "lake"


class Service:
    """A worker inside of another process, as tests and the supervisor's one-process mode use it."""

    def __init__(
        self, log: Log, directory: Path, port: int, host: str = "127.0.0.1", clock: Clock = now_ms
    ) -> None:
        self.herder = Herder(log, directory / LAKE, f"{host}:{port}", clock)
        self._config = Config()
        self._config.bind = [f"{host}:{port}"]
        self._config.graceful_timeout = 2.0
        self._config.loglevel = "WARNING"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    async def serve(self) -> None:
        """Serve until stop(); tasks run from the start of it to its end."""
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        self.herder.start()
        try:
            await serve(application(self.herder), self._config, shutdown_trigger=self._stopped.wait)  # type: ignore[arg-type]
        finally:
            await asyncio.to_thread(self.herder.stop)

    def ask_to_stop(self) -> None:
        if self._loop is not None and self._stopped is not None:
            self._loop.call_soon_threadsafe(self._stopped.set)

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self.serve()), name="connect", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.ask_to_stop()
        if self._thread is not None:
            self._thread.join()


async def _serve_until_signal(service: Service) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.ask_to_stop)
    await service.serve()


def run(log_url: str, directory: Path, port: int, host: str = "127.0.0.1") -> None:
    """Be the worker's process: serve until SIGTERM or SIGINT, commit what is gathered, return."""
    log = open_log(log_url)
    asyncio.run(_serve_until_signal(Service(log, directory, port, host)))
    log.close()
