"""Connect's REST API: requests become calls of the herder, its answers become Connect's JSON.

In:  HTTP. Out: HTTP, with {"error_code", "message"} for every failure, whose code is the HTTP status.

    GET    /                                   GET|PUT       /connectors/{c}/config     PATCH too
    GET    /health                             GET           /connectors/{c}/status | tasks | topics | offsets
    GET    /connectors?expand=status|info      PUT           /connectors/{c}/pause | resume | stop
    POST   /connectors                         POST          /connectors/{c}/restart, /tasks/{n}/restart
    GET    /connectors/{c}   DELETE            GET           /connector-plugins, /{p}/config
    GET    /connectors/{c}/metrics  (ours)     PUT           /connector-plugins/{p}/config/validate
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connect import settings
from connect.converters import CLASSES
from connect.errors import BadConfig, NotFound, RequestError
from connect.herder import STOPPED, Herder
from connect.plugins import PLUGINS, checked, plugin_named, settings_of
from connect.store import STARTED
from connect.worker import PAUSED
from penstock.errors import PenstockError

logger = logging.getLogger(__name__)

VERSION = "3.9.0"
COMMIT = "penstock"
"""The version of Connect whose REST API this is; clients choose their calls by it."""

HEALTHY = "Worker has completed startup and is ready to handle requests."

Answer = Callable[[Herder, Request, Any], Response]


def root(herder: Herder, request: Request, body: Any) -> Response:
    return JSONResponse({"version": VERSION, "commit": COMMIT, "kafka_cluster_id": "penstock"})


def health(herder: Herder, request: Request, body: Any) -> Response:
    herder.names()
    return JSONResponse({"status": "healthy", "message": HEALTHY})


EXPANSIONS: Mapping[str, Callable[[Herder, str], Any]] = {"status": Herder.status, "info": Herder.info}


def connectors(herder: Herder, request: Request, body: Any) -> Response:
    wanted = [name for name in request.query_params.getlist("expand") if name in EXPANSIONS]
    if not wanted:
        return JSONResponse(herder.names())
    found = {name: {key: EXPANSIONS[key](herder, name) for key in wanted} for name in herder.names()}
    return JSONResponse(found)


def create(herder: Herder, request: Request, body: Any) -> Response:
    if not isinstance(body, dict) or not isinstance(body.get("config"), dict):
        raise BadConfig('The request needs a name and a config: {"name": ..., "config": {...}}.')
    config = flat(body["config"])
    name = str(body.get("name") or config.get("name") or "").strip()
    check_name(name)
    if config.setdefault("name", name) != name:
        raise BadConfig(
            f"Connector name configuration ({config['name']}) doesn't match connector name ({name})"
        )
    found = herder.create(name, config, body.get("initial_state"))
    return JSONResponse(found, 201, headers={"Location": f"/connectors/{name}"})


def check_name(name: str) -> None:
    if not name or "/" in name or any(ord(sign) < 32 for sign in name):
        raise BadConfig(f"Connector name '{name}' is empty or holds a '/' or a control character.")


def flat(config: Mapping[str, Any]) -> dict[str, str]:
    nested = [key for key, value in config.items() if isinstance(value, dict | list)]
    if nested:
        raise BadConfig(f"A config is a flat map of texts; {nested[0]} is not.")
    return {key: settings.as_text(value) for key, value in config.items() if value is not None}


def connector(herder: Herder, request: Request, body: Any) -> Response:
    return JSONResponse(herder.info(named(request)))


def delete(herder: Herder, request: Request, body: Any) -> Response:
    herder.delete(named(request))
    return Response(status_code=204)


def config(herder: Herder, request: Request, body: Any) -> Response:
    return JSONResponse(herder.config(named(request)))


def put_config(herder: Herder, request: Request, body: Any) -> Response:
    name, found = named(request), flat(a_map(body))
    check_name(name)
    if found.setdefault("name", name) != name:
        raise BadConfig(
            f"Connector name configuration ({found['name']}) doesn't match connector name ({name}) in the URL"
        )
    info, new = herder.put_config(name, found)
    return JSONResponse(
        info, 201 if new else 200, headers={"Location": f"/connectors/{name}"} if new else None
    )


def patch_config(herder: Herder, request: Request, body: Any) -> Response:
    changes = a_map(body)
    removed = {key: None for key, value in changes.items() if value is None}
    return JSONResponse(herder.patch_config(named(request), {**flat(changes), **removed}))


def status(herder: Herder, request: Request, body: Any) -> Response:
    return JSONResponse(herder.status(named(request)))


def target(wanted: str, code: int) -> Answer:
    def set_target(herder: Herder, request: Request, body: Any) -> Response:
        herder.set_target(named(request), wanted)
        return Response(status_code=code)

    return set_target


def restart(herder: Herder, request: Request, body: Any) -> Response:
    tasks, failed = truth(request, "includeTasks"), truth(request, "onlyFailed")
    found = herder.restart(named(request), tasks, failed)
    return JSONResponse(found, 202) if tasks or failed else Response(status_code=204)


def tasks(herder: Herder, request: Request, body: Any) -> Response:
    return JSONResponse(herder.tasks(named(request)))


def task_status(herder: Herder, request: Request, body: Any) -> Response:
    return JSONResponse(herder.task_status(named(request), request.path_params["task"]))


def restart_task(herder: Herder, request: Request, body: Any) -> Response:
    herder.restart_task(named(request), request.path_params["task"])
    return Response(status_code=204)


def topics(herder: Herder, request: Request, body: Any) -> Response:
    return JSONResponse({named(request): {"topics": herder.topics(named(request))}})


def offsets(herder: Herder, request: Request, body: Any) -> Response:
    return JSONResponse({"offsets": herder.offsets(named(request))})


def metrics(herder: Herder, request: Request, body: Any) -> Response:
    return JSONResponse(herder.metrics(named(request)))


def plugins(herder: Herder, request: Request, body: Any) -> Response:
    found = [{"class": one.class_name, "type": one.type, "version": one.version} for one in PLUGINS]
    if request.query_params.get("connectorsOnly", "true").lower() == "false":
        found += [{"class": name, "type": "converter", "version": VERSION} for name in CLASSES]
    return JSONResponse(found)


def plugin_config(herder: Herder, request: Request, body: Any) -> Response:
    try:
        plugin = plugin_named(request.path_params["plugin"])
    except BadConfig as error:
        raise NotFound(str(error)) from error
    return JSONResponse([settings.definition(one, order) for order, one in enumerate(settings_of(plugin), 1)])


def validate(herder: Herder, request: Request, body: Any) -> Response:
    found = flat(a_map(body))
    plugin = plugin_named(request.path_params["plugin"])
    asked = found.setdefault("connector.class", plugin.class_name)
    if plugin_named(asked) is not plugin:
        raise BadConfig(
            f"Included connector type {asked} does not match request type {request.path_params['plugin']}"
        )
    return JSONResponse(
        settings.validation(plugin.class_name, settings_of(plugin), found, checked(plugin, found))
    )


def named(request: Request) -> str:
    return str(request.path_params["name"])


def a_map(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise BadConfig("The request's body is a JSON object of settings.")
    return body


def truth(request: Request, name: str) -> bool:
    return request.query_params.get(name, "false").lower() == "true"


ROUTES: tuple[tuple[str, str, Answer], ...] = (
    ("GET", "/", root),
    ("GET", "/health", health),
    ("GET", "/connectors", connectors),
    ("POST", "/connectors", create),
    ("GET", "/connectors/{name}", connector),
    ("DELETE", "/connectors/{name}", delete),
    ("GET", "/connectors/{name}/config", config),
    ("PUT", "/connectors/{name}/config", put_config),
    ("PATCH", "/connectors/{name}/config", patch_config),
    ("GET", "/connectors/{name}/status", status),
    ("PUT", "/connectors/{name}/pause", target(PAUSED, 202)),
    ("PUT", "/connectors/{name}/resume", target(STARTED, 202)),
    ("PUT", "/connectors/{name}/stop", target(STOPPED, 204)),
    ("POST", "/connectors/{name}/restart", restart),
    ("GET", "/connectors/{name}/tasks", tasks),
    ("GET", "/connectors/{name}/tasks/{task:int}/status", task_status),
    ("POST", "/connectors/{name}/tasks/{task:int}/restart", restart_task),
    ("GET", "/connectors/{name}/topics", topics),
    ("GET", "/connectors/{name}/offsets", offsets),
    ("GET", "/connectors/{name}/metrics", metrics),
    ("GET", "/connector-plugins", plugins),
    ("GET", "/connector-plugins/{plugin}/config", plugin_config),
    ("PUT", "/connector-plugins/{plugin}/config/validate", validate),
)


def endpoint(herder: Herder, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        body = parsed(await request.body())
        return await run_in_threadpool(answer, herder, request, body)

    return handle


def parsed(body: bytes) -> Any:
    if not body.strip():
        return None
    try:
        return json.loads(body)
    except ValueError as error:
        raise BadConfig(f"The request's body is not JSON: {error}") from error


def failure(code: int, message: str) -> JSONResponse:
    return JSONResponse({"error_code": code, "message": message}, code)


async def refused(request: Request, error: Exception) -> Response:
    """The one place where a failure becomes a response."""
    if isinstance(error, RequestError):
        return failure(error.status, str(error))
    if isinstance(error, HTTPException):
        return failure(error.status_code, f"HTTP {error.status_code} {error.detail}")
    if not isinstance(error, PenstockError):
        logger.error("A request failed", exc_info=error)
    return failure(500, str(error) or type(error).__name__)


def application(herder: Herder) -> Starlette:
    routes = [Route(path, endpoint(herder, answer), methods=[verb]) for verb, path, answer in ROUTES]
    handlers: dict[Any, Any] = {Exception: refused, HTTPException: refused, PenstockError: refused}
    return Starlette(routes=routes, exception_handlers=handlers)
