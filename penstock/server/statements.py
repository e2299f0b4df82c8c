"""POST /ksql, /status and what tells about the service: everything that is not rows.

In:  HTTP requests. Out: JSON. The executor runs in a worker thread; the event loop never waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from penstock import __version__
from penstock.errors import BadRequest, NotFound
from penstock.executor.executor import Executor
from penstock.executor.properties import is_fixed
from penstock.server.answers import JSON, V1_JSON, accepted, decoded, json_response, not_acceptable

KSQLDB_VERSION = "8.3.1"
"""The ksqlDB whose API this is; clients choose their calls by it. Our own version is in a header."""

OFFERED = {JSON: JSON, V1_JSON: V1_JSON, "*/*": JSON, "application/*": JSON}


class KsqlRequest(msgspec.Struct, rename="camel"):
    ksql: str | None = None
    streams_properties: dict[str, Any] | None = None
    session_variables: dict[str, Any] | None = None
    request_properties: dict[str, Any] | None = None
    command_sequence_number: int | None = None


@dataclass(frozen=True, slots=True)
class About:
    """Endpoints that answer from the executor's state."""

    executor: Executor
    cluster_id: str = field(default="penstock")

    async def ksql(self, request: Request) -> Response:
        media = accepted(request, OFFERED, JSON)
        if media is None:
            return not_acceptable()
        body = await decoded(request, KsqlRequest)
        variables = {name: str(value) for name, value in (body.session_variables or {}).items()}
        entities = await run_in_threadpool(
            self.executor.run,
            body.ksql or "",
            body.streams_properties or {},
            variables,
            body.command_sequence_number,
        )
        return json_response(entities, media=media)

    async def info(self, request: Request) -> Response:
        info = {
            "version": KSQLDB_VERSION,
            "kafkaClusterId": self.cluster_id,
            "ksqlServiceId": self.executor.config.naming.service_id,
            "serverStatus": "RUNNING",
        }
        return json_response({"KsqlServerInfo": info}, headers={"X-Penstock-Version": __version__})

    async def root(self, request: Request) -> Response:
        return RedirectResponse("/info", 307)

    async def healthcheck(self, request: Request) -> Response:
        details = await run_in_threadpool(self._health)
        healthy = all(details.values())
        return json_response(
            {
                "isHealthy": healthy,
                "details": {name: {"isHealthy": state} for name, state in details.items()},
                "serverState": "READY",
            }
        )

    def _health(self) -> dict[str, bool]:
        """`commandRunner` stands for the engine's thread, `kafka` for the log."""
        try:
            self.executor.log.topics()
            log_answers = True
        except Exception:
            log_answers = False
        thread = getattr(self.executor.engine, "thread", None)
        return {"metastore": True, "kafka": log_answers, "commandRunner": thread is None or thread.is_alive()}

    async def metadata(self, request: Request) -> Response:
        return json_response({"version": KSQLDB_VERSION, "clusterId": self._cluster()})

    async def metadata_id(self, request: Request) -> Response:
        return json_response(self._cluster())

    def _cluster(self) -> dict[str, Any]:
        clusters = {"kafka-cluster": self.cluster_id, "ksql-cluster": self.executor.config.naming.service_id}
        return {"scope": {"path": [], "clusters": clusters}, "id": ""}

    async def statuses(self, request: Request) -> Response:
        known = self.executor.world.statuses
        return json_response({"commandStatuses": {name: state.status for name, state in known.items()}})

    async def status(self, request: Request) -> Response:
        found = self.executor.world.statuses.get(request.path_params["command_id"])
        if found is None:
            raise NotFound("Command not found")
        return json_response(found)

    async def is_valid_property(self, request: Request) -> Response:
        name = request.path_params["name"]
        if is_fixed(name):
            raise BadRequest(
                f"One or more properties overrides set locally are prohibited by the KSQL server: [{name}]"
            )
        return json_response(True)

    async def cluster_status(self, request: Request) -> Response:
        """Only clusters with heartbeats have one."""
        return Response("", 404, media_type=JSON)

    async def alive(self, request: Request) -> Response:
        return json_response({})
