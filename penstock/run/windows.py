"""Window arithmetic of TUMBLING and HOPPING as generated code: which windows hold a row, which are closed.

In:  `ts0`, the row's event time, and `stream_time`. Out: for each open window, code that runs with its start
in `ws`, its groups in `w` and the changed ones in `d`.

    size 10, advance 5     0    5    10   15   20
                           [---------)
                                [------*--)        a row at 12 is in the windows at 5 and at 10
                                     [-*-------)

A window takes a row while `window_end > stream_time - grace`, after the row itself has moved stream time
(Kafka Streams, KStreamWindowAggregate).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.language import ast
from penstock.run.program import Text


def write_windows(
    body: Text,
    window: ast.Window,
    grace_ms: int,
    inside: Callable[[Text], None],
    on_new: Sequence[str] = (),
) -> None:
    """`on_new` are statements for a window that holds nothing yet."""
    if window.kind == "TUMBLING":
        body.add(f"ws = ts0 - ts0 % {window.size_ms}")
        with body.block(f"if ws + {window.size_ms + grace_ms} <= stream_time:"):
            body.add("late += 1", "continue")
        _window(body, inside, on_new)
        return
    advance = window.advance_ms or window.size_ms
    body.add(f"ws = ts0 - ts0 % {advance}", "last_start = ws")
    body.add(f"ws -= ({window.size_ms - 1} - (ts0 - ws)) // {advance} * {advance}")
    body.add("if ws < 0: ws = 0", f"ws -= {advance}")
    with body.block("while ws < last_start:"):
        body.add(f"ws += {advance}")
        with body.block(f"if ws + {window.size_ms + grace_ms} <= stream_time:"):
            body.add("late += 1", "continue")
        _window(body, inside, on_new)


def _window(body: Text, inside: Callable[[Text], None], on_new: Sequence[str]) -> None:
    """Rows mostly fall into the window of the row before them: it is looked up once for all of them."""
    with body.block("if ws != last:"):
        body.add("last = ws")
        for name, groups, new in (("w", "store.windows", on_new), ("d", "store.dirty", ())):
            body.add(f"{name} = {groups}.get(ws)")
            with body.block(f"if {name} is None:"):
                body.add(f"{name} = {groups}[ws] = {{}}", *new)
    inside(body)
