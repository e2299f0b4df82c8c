"""The service's side of supervision: end when the supervisor is gone, however it went.

In:  a pipe on standard input, whose other end the supervisor holds. Out: SIGTERM to ourselves when it closes.

Apart from supervisor.py, so that a service starts without loading what only its supervisor needs.
"""

from __future__ import annotations

import os
import signal
import threading

SUPERVISED = "PENSTOCK_SUPERVISED"


def end_with_supervisor() -> None:
    """Nothing when no supervisor started us."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    if os.environ.get(SUPERVISED) == "1":
        threading.Thread(target=watch, name="end-with-supervisor", daemon=True).start()
