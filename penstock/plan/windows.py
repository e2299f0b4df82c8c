"""What a WINDOW clause must be, and the grace that holds when it gives none.

In:  the clause as parsed. Out: StatementError for sizes that can't be, in the words of Kafka Streams.
"""

from __future__ import annotations

from penstock.errors import StatementError
from penstock.language import ast

DAY_MS = 86_400_000
STORE = "Aggregate-Aggregate-Materialize"


def grace_ms(window: ast.Window) -> int:
    """Given, or ksqlDB's default: what is left of 24 hours after the size (of a session: the gap)."""
    return max(DAY_MS - window.size_ms, 0) if window.grace_ms is None else window.grace_ms


def check_window(window: ast.Window) -> None:
    size, advance, grace = window.size_ms, window.advance_ms, grace_ms(window)
    session = window.kind == "SESSION"
    if size <= 0:
        what = "Session gap time (inactivityGapMs) cannot be zero or negative."
        raise StatementError(what if session else "Window size (sizeMs) must be larger than zero.", window.at)
    if advance is not None and not 0 < advance <= size:
        raise StatementError(
            "Window advancement interval should be more than zero and less than window duration which is "
            f"{size} ms, but given advancement interval is: {advance} ms",
            window.at,
        )
    if window.retention_ms is not None and window.retention_ms < size + grace:
        kind, words, name = (
            ("session", "the session inactivity gap", "gap")
            if session
            else ("window", "its window size", "size")
        )
        raise StatementError(
            f"The retention period of the {kind} store {STORE} must be no smaller than {words} plus the "
            f"grace period. Got {name}=[{size}], grace=[{grace}], retention=[{window.retention_ms}]",
            window.at,
        )
