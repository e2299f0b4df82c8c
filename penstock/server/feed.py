"""From the engine's thread to the event loop: a bounded buffer of rows.

In:  rows on one thread. Out: the same rows, in order, on the event loop.

    engine --rows()--> [ at most ROWS_MAX ] --take()--> response        full: ready() says no, and the engine
                                                                        reads nothing more for this query
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

from penstock.run.answers import PushRow

ROWS_MAX = 10_000


class Feed:
    """The sink of one push query. Made on the event loop; `rows`, `ready`, `end` are for other threads."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._some = asyncio.Event()
        self._lock = threading.Lock()
        self._rows: list[Any] = []
        self.ended = False
        self.failure: str | None = None

    def ready(self) -> bool:
        return len(self._rows) < ROWS_MAX and not self.ended

    def rows(self, rows: Sequence[PushRow | str]) -> None:
        with self._lock:
            self._rows += rows
        self._wake()

    def end(self) -> None:
        self.ended = True
        self._wake()

    def failed(self, reason: str) -> None:
        """The query has ended for a reason that its reader is told."""
        self.failure = reason
        self.end()

    def close(self) -> None:
        self.end()

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._some.set)

    async def take(self) -> list[Any]:
        """The rows there are, waiting for the first; none when the feed has ended."""
        while True:
            self._some.clear()
            with self._lock:
                rows, self._rows = self._rows, []
            if rows or self.ended:
                return rows
            await self._some.wait()
