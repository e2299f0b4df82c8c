"""GET /metrics: how each query fares, as Prometheus text.

In:  the executor's queries and the engine's counts. Out: one line a query and a figure.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from penstock.executor.executor import Executor
from penstock.run.engine import QueryStatus

FIGURES: dict[str, tuple[str, str, Callable[[QueryStatus], int]]] = {
    "penstock_query_rows_in_total": (
        "counter",
        "Rows read since the query was started.",
        lambda s: s.rows_in,
    ),
    "penstock_query_rows_out_total": (
        "counter",
        "Rows written since the query was started.",
        lambda s: s.rows_out,
    ),
    "penstock_query_errors_total": ("counter", "Rows in the processing log.", lambda s: s.errors),
    "penstock_query_late_dropped_total": (
        "counter",
        "Rows too late for their window.",
        lambda s: s.late_dropped,
    ),
    "penstock_query_lag_records": ("gauge", "Records that wait to be read.", lambda s: s.lag),
    "penstock_query_state_keys": ("gauge", "Keys the query keeps.", lambda s: s.state_keys),
    "penstock_query_running": ("gauge", "1 while the query runs.", lambda s: int(s.state == "RUNNING")),
}


def metrics_of(executor: Executor) -> Callable[[Request], object]:
    async def metrics(request: Request) -> Response:
        text = await run_in_threadpool(exposition, executor)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    return metrics


def exposition(executor: Executor) -> str:
    reads = executor.reads()
    queries = list(executor.world.queries.values())
    reads.look_at(queries)
    fares = {query.id: reads.status(query) for query in queries}
    lines: list[str] = []
    for name, (kind, words, figure) in FIGURES.items():
        lines += [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]
        lines += [f'{name}{{query="{query_id}"}} {figure(status)}' for query_id, status in fares.items()]
    return "\n".join(lines) + "\n"
