"""The routes of ksqlDB's REST API.

In:  an executor. Out: an ASGI application; failures become responses in answers.py alone.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from penstock.errors import PenstockError
from penstock.executor.executor import Executor
from penstock.server.answers import failure, not_found
from penstock.server.inserts import InsertsStream
from penstock.server.metrics import metrics_of
from penstock.server.queries import Queries
from penstock.server.statements import About
from penstock.server.websocket import WsQuery


def application(executor: Executor, cluster_id: str = "penstock") -> Starlette:
    about, queries = About(executor, cluster_id), Queries(executor)
    routes = [
        Route("/", about.root, methods=["GET"]),
        Route("/info", about.info, methods=["GET"]),
        Route("/healthcheck", about.healthcheck, methods=["GET"]),
        Route("/ksql", about.ksql, methods=["POST"]),
        Route("/query", queries.query, methods=["POST"]),
        Route("/query-stream", queries.query_stream, methods=["POST"]),
        Route("/inserts-stream", InsertsStream(executor), methods=["POST"]),
        Route("/close-query", queries.close_query, methods=["POST"]),
        Route("/status", about.statuses, methods=["GET"]),
        Route("/status/{command_id:path}", about.status, methods=["GET"]),
        Route("/clusterStatus", about.cluster_status, methods=["GET"]),
        Route("/v1/metadata", about.metadata, methods=["GET"]),
        Route("/v1/metadata/id", about.metadata_id, methods=["GET"]),
        Route("/is_valid_property/{name}", about.is_valid_property, methods=["GET"]),
        Route("/chc/ready", about.alive, methods=["GET"]),
        Route("/chc/live", about.alive, methods=["GET"]),
        WebSocketRoute("/ws/query", WsQuery(executor).__call__),
        Route("/metrics", metrics_of(executor), methods=["GET"]),
    ]
    return Starlette(
        routes=routes,
        exception_handlers={404: not_found, 405: not_found, PenstockError: _failed, Exception: _failed},
    )


async def _failed(request: Request, error: Exception) -> Response:
    return failure(error)
