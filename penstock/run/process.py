"""What a process that runs the engine wants of Python: quick handing over, and garbage looked for seldom.

In:  nothing. Out: settings of this process, made once before the engine starts.

Rows and states refer to nothing that refers to them, so they go when they are dropped and the collector finds
nothing among them; it walks over all that a query keeps each time all the same.
"""

from __future__ import annotations

import gc
import sys

SWITCH_INTERVAL_S = 1e-4
"""How long another thread of the process (a request, a commit) waits for the one that computes."""
YOUNG_OBJECTS_MAX, YOUNGER_COLLECTIONS, MIDDLE_COLLECTIONS = 50_000, 20, 50


def tune_process() -> None:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS_MAX, YOUNGER_COLLECTIONS, MIDDLE_COLLECTIONS)
