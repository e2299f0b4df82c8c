"""Connector statements: handed to the Connect worker over its REST API, as ksqlDB does.

In:  a Task; the URL in `ksql.connect.url`. Out: one entity, made of the worker's answer.

    CREATE SINK CONNECTOR c WITH (...)  --PUT config/validate-->  --POST /connectors-->  connector_info

The worker remembers its connectors; nothing goes to the command topic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from penstock.errors import StatementError
from penstock.executor import entities
from penstock.executor.describe import source_info
from penstock.executor.entities import Entity, WarningEntity
from penstock.executor.reads import Reads
from penstock.executor.world import Task
from penstock.language import ast
from penstock.language.printer import masked


class ConnectFailure(StatementError):
    """The worker can't be reached or failed; ksqlDB answers such a statement with a server error."""

    code = 50000


class Worker:
    """The REST calls of one Connect worker."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self.url = url.rstrip("/")
        self.timeout_s = timeout_s

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of the answer. ConnectFailure names the worker when it does not answer."""
        status, found = self.ask(method, path, body)
        if status >= 400:
            raise StatementError(f"{_message(found)} (HTTP {status} from the Connect worker at {self.url})")
        return found

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        # Imported here: a server that speaks to no worker starts a tenth of a second sooner.
        import httpx

        try:
            response = httpx.request(method, self.url + path, json=body, timeout=self.timeout_s)
        except httpx.TimeoutException as problem:
            raise ConnectFailure(
                f"The Connect worker at {self.url} did not answer within {self.timeout_s:g} s. Look at "
                "its log, "
                "then send the statement again."
            ) from problem
        except (httpx.TransportError, httpx.InvalidURL) as problem:
            raise ConnectFailure(
                f"Could not connect to the Connect worker at {self.url} ({problem}). Please check that "
                "the worker "
                "is running and that ksql.connect.url names it."
            ) from problem
        if not response.content:
            return response.status_code, None
        try:
            return response.status_code, response.json()
        except ValueError:
            return response.status_code, {"message": response.text[:500]}


def _message(found: Any) -> str:
    return str(found.get("message", found)) if isinstance(found, dict) else str(found)


def worker_of(task: Task) -> Worker:
    url = task.config.get("ksql.connect.url") or ""
    timeout_ms = int(task.config.get("ksql.connect.request.timeout.ms") or 5000)
    return Worker(url, timeout_ms / 1000)


def create_connector(task: Task, reads: Reads) -> Entity:
    node: ast.CreateConnector = task.node
    text = masked(node) or task.text
    worker = worker_of(task)
    config = _config(node)
    existing = worker.call("GET", "/connectors")
    if node.name in existing:
        if node.if_not_exists:
            return WarningEntity(statement_text=text, message=f"Connector {node.name} already exists")
        raise StatementError(
            f"Failed to create connector: Connector {node.name} already exists", node.at, text
        )
    _validate(worker, node, config, text)
    status, found = worker.ask("POST", "/connectors", {"name": node.name, "config": config})
    if status >= 400:
        raise StatementError(f"Failed to create connector: {_message(found)}", node.at, text)
    return entities.ConnectorInfo(statement_text=text, info=found)


def _config(node: ast.CreateConnector) -> dict[str, str]:
    config = {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in node.properties
    }
    return {**config, "name": node.name}


def _validate(worker: Worker, node: ast.CreateConnector, config: Mapping[str, str], text: str) -> None:
    kind = config.get("connector.class")
    if not kind:
        raise StatementError(
            "Validation error: Connector config name=connector.class has no value. Name the class of the "
            "connector.",
            node.at,
            text,
        )
    status, found = worker.ask("PUT", f"/connector-plugins/{kind}/config/validate", dict(config))
    if status >= 400:
        raise StatementError(f"Failed to validate connector config: {_message(found)}", node.at, text)
    problems = [
        f"{each['value']['name']} - {'. '.join(each['value']['errors'])}"
        for each in found.get("configs", [])
        if each.get("value", {}).get("errors")
    ]
    if problems:
        raise StatementError("Validation error: " + "\n".join(problems), node.at, text)


def drop_connector(task: Task, reads: Reads) -> Entity:
    node: ast.DropConnector = task.node
    status, found = worker_of(task).ask("DELETE", f"/connectors/{node.name}")
    if status == 404 and node.if_exists:
        return WarningEntity(statement_text=task.text, message=f"Connector '{node.name}' does not exist.")
    if status >= 400:
        raise StatementError(f"Failed to drop connector: {_message(found)}", node.at, task.text)
    return entities.DropConnector(statement_text=task.text, connector_name=node.name)


def show_connectors(task: Task, reads: Reads) -> Entity:
    node: ast.Show = task.node
    found: dict[str, Any] = worker_of(task).call("GET", "/connectors?expand=info&expand=status")
    listed = [_listed(name, each) for name, each in found.items()]
    wanted = (node.connector_kind or "").lower()
    return entities.ConnectorList(
        statement_text=task.text, connectors=[each for each in listed if wanted in ("", each["type"])]
    )


def _listed(name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    info, status = found.get("info", {}), found.get("status", {})
    tasks = status.get("tasks", [])
    running = sum(each.get("state") == "RUNNING" for each in tasks)
    state = status.get("connector", {}).get("state", "UNASSIGNED")
    if state == "RUNNING" and tasks and running < len(tasks):
        state = "WARNING"
    return {
        "name": name,
        "type": str(info.get("type", status.get("type", "unknown"))).lower(),
        "className": info.get("config", {}).get("connector.class", ""),
        "state": f"{state} ({running}/{len(tasks)} tasks RUNNING)",
    }


def show_plugins(task: Task, reads: Reads) -> Entity:
    found: list[dict[str, Any]] = worker_of(task).call("GET", "/connector-plugins")
    shown = [
        {"className": each["class"], "type": each["type"], "version": each.get("version")} for each in found
    ]
    return entities.ConnectorPlugins(statement_text=task.text, connectors_plugins=shown)


def describe_connector(task: Task, reads: Reads) -> Entity:
    node: ast.Describe = task.node
    worker = worker_of(task)
    info = worker.call("GET", f"/connectors/{node.name}")
    status = worker.call("GET", f"/connectors/{node.name}/status")
    topics = worker.call("GET", f"/connectors/{node.name}/topics").get(node.name, {}).get("topics", [])
    sources = [
        source_info(task, reads, source, False)
        for source in task.catalog.sources.values()
        if source.topic in topics
    ]
    return entities.ConnectorDescription(
        statement_text=task.text,
        connector_class=info.get("config", {}).get("connector.class", ""),
        status=status,
        sources=sources,
        topics=topics,
    )


SHOWS: dict[str, Callable[[Task, Reads], Entity]] = {
    "CONNECTORS": show_connectors,
    "CONNECTOR PLUGINS": show_plugins,
}
