"""The schema registry as a service: log, store and REST server, from start to a clean stop.

In:  the log's URL, a folder, a port. Out: a process that serves until SIGTERM.

Nothing is kept but in the log: a stop needs no farewell, and a kill loses no answer that was given. Where
the registry has the log to itself nobody else compacts it, so the service does, in a thread beside.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from penstock.clock import Clock, now_ms
from penstock.errors import LogError
from penstock.topics.base import Log
from penstock.topics.open import open_log
from schema_registry.app import Application
from schema_registry.auth import Authenticator, read_users
from schema_registry.forwarding import Forwarder
from schema_registry.registry import Registry
from schema_registry.settings import RegistrySettings, registry_settings
from schema_registry.store import Store

logger = logging.getLogger(__name__)

RECURSION_MAX = 20_000
"""Schemas may nest 1000 deep; how we walk them takes a few Python frames a level."""
STACK_BYTES = 64 * 1024 * 1024
POLL_SECONDS = 0.01
CLEAN_SECONDS = 60.0


class Service:
    """A registry inside of another process, as tests and the supervisor's one-process mode use it."""

    def __init__(
        self,
        log: Log,
        directory: Path | None,
        port: int,
        host: str = "127.0.0.1",
        clock: Clock = now_ms,
        settings: RegistrySettings | None = None,
        clean_seconds: float = CLEAN_SECONDS,
    ) -> None:
        sys.setrecursionlimit(max(sys.getrecursionlimit(), RECURSION_MAX))
        threading.stack_size(STACK_BYTES)
        chosen = settings or registry_settings(directory)
        scheme = "https" if chosen.tls_certificate else "http"
        self.store = Store(log, directory, f"{scheme}://{host}:{port}", chosen.topic, clock)
        self.registry = Registry(self.store, chosen)
        self.forwarder = Forwarder(self.store, chosen.tls_certificate)
        users = Authenticator(read_users(chosen.users)) if chosen.users else Authenticator()
        self.app = Application(self.registry, users, self.forwarder)
        self.server = Server(
            uvicorn.Config(
                self.app,
                host=host,
                port=port,
                http="httptools",
                ws="none",
                lifespan="off",
                access_log=False,
                log_level="warning",
                server_header=False,
                timeout_graceful_shutdown=2,
                ssl_certfile=chosen.tls_certificate,
                ssl_keyfile=chosen.tls_key,
            )
        )
        self._thread: threading.Thread | None = None
        self._log, self._clock, self._clean_seconds = log, clock, clean_seconds
        self._stopping = threading.Event()

    async def serve(self) -> None:
        self.store.follow()
        janitor = threading.Thread(target=self._clean, name="schema-registry-janitor", daemon=True)
        janitor.start()
        try:
            await self.server.serve()
        finally:
            self._stopping.set()
            await asyncio.to_thread(janitor.join)
            await self.forwarder.close()
            await asyncio.to_thread(self.store.close)

    def _clean(self) -> None:
        """Retention and compaction. Only who writes cleans: of several registries one is enough."""
        while not self._stopping.wait(self._clean_seconds):
            try:
                if self.store.leads:
                    self._log.clean(self._clock())
            except LogError as error:
                logger.warning("Compaction is put off: %s", error)

    def ask_to_stop(self) -> None:
        self.server.should_exit = True

    def start(self) -> None:
        """Serve in a thread of its own; returns when it answers."""
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self.serve()), name="schema-registry", daemon=True
        )
        self._thread.start()
        while not self.server.started and self._thread.is_alive():
            self._thread.join(POLL_SECONDS)

    def stop(self) -> None:
        self.ask_to_stop()
        if self._thread is not None:
            self._thread.join()


class Server(uvicorn.Server):
    """Signals are ours: run() hears them, and a service in a thread must not take them from its process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve_until_signal(service: Service) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.ask_to_stop)
    await service.serve()


def run(log_url: str, directory: Path, port: int, host: str = "127.0.0.1") -> None:
    """Be the registry's process: serve until SIGTERM or SIGINT."""
    log = open_log(log_url)
    asyncio.run(_serve_until_signal(Service(log, directory, port, host)))
    log.close()
