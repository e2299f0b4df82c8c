"""The wall clock, passed in wherever time is asked for, so that a test can hold it."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Milliseconds since 1970-01-01 UTC."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000
