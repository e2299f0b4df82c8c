"""Waiting for a commit of this process or another, without missing one and without haste.

In:  the log's version, a number that differs after every commit, cheap to ask for.
Out: a wake-up: at once for commits of this process, within a few milliseconds for those of others.

Of all threads that wait, one asks for the version (the leader), the others sleep until it, or a commit of
this process, wakes them. What a thread saw when it first looked since its last wait is remembered, so a
commit between any of its polls and its wait wakes it at once; at worst it looks once more for nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PAUSE_S_MIN = 0.0005
PAUSE_S_MAX = 0.005


class Watch:
    def __init__(self, version: Callable[[], int]) -> None:
        self._version = version
        self._changed = threading.Condition()
        self._led = False
        self._thread = threading.local()

    def saw(self, version: int) -> None:
        """This thread looked at the log; of several looks before a wait, the first is what counts."""
        if getattr(self._thread, "version", None) is None:
            self._thread.version = version

    def notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        known = self._take_known()
        pause_s = PAUSE_S_MIN
        with self._changed:
            try:
                while self._version() == known:
                    rest_s = deadline - time.monotonic()
                    if rest_s <= 0:
                        return False
                    self._sleep(rest_s, pause_s)
                    pause_s = min(pause_s * 2, PAUSE_S_MAX)
            finally:
                # The others look for themselves, and one of them leads from now on.
                self._changed.notify_all()
        return True

    def _take_known(self) -> int:
        known = getattr(self._thread, "version", None)
        self._thread.version = None
        return self._version() if known is None else known

    def _sleep(self, rest_s: float, pause_s: float) -> None:
        if self._led:
            self._changed.wait(rest_s)
            return
        self._led = True
        try:
            self._changed.wait(min(rest_s, pause_s))
        finally:
            self._led = False
