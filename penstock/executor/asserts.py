"""ASSERT TOPIC and ASSERT SCHEMA: wait until it is there (or is not), at most as long as the statement says.

In:  a Task, the log, the registry. Out: one entity; AssertFailed when the time has passed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from penstock.errors import AssertFailed, NoSchemaRegistry, SchemaNotFound, StatementError
from penstock.executor import entities
from penstock.executor.entities import Entity
from penstock.executor.reads import Reads
from penstock.executor.world import Task
from penstock.formats.registry import Registry
from penstock.language import ast
from penstock.topics.base import TopicInfo

POLL_S = 0.05
REPLICAS = 1


def assert_topic(task: Task, reads: Reads) -> Entity:
    node: ast.AssertTopic = task.node
    _wait(task, "topic", lambda: _problem(node, reads.topics().get(node.topic)))
    return entities.AssertTopic(statement_text=task.text, topic_name=node.topic, exists=node.exists)


def _problem(node: ast.AssertTopic, topic: TopicInfo | None) -> str | None:
    """Why the assertion does not hold now, or None."""
    given: Mapping[str, Any] = {name.upper(): value for name, value in node.properties}
    unknown = sorted(set(given) - {"PARTITIONS", "REPLICAS"})
    if unknown:
        raise StatementError("Cannot assert unknown topic property: " + ", ".join(unknown), node.at)
    if not node.exists:
        return None if topic is None else f"Topic {node.topic} exists"
    if topic is None:
        return f"Topic {node.topic} does not exist"
    expected = {
        "partitions": (given.get("PARTITIONS"), topic.partitions),
        "replicas": (given.get("REPLICAS"), REPLICAS),
    }
    for what, (wanted, found) in expected.items():
        if wanted is not None and int(wanted) != found:
            return (
                f"Mismatched configuration for topic {node.topic}: "
                f"For config {what}, expected {wanted} got {found}"
            )
    return None


def assert_schema(task: Task, reads: Reads) -> Entity:
    registry = task.config.registry
    if registry is None:
        raise NoSchemaRegistry("ASSERT SCHEMA needs a schema registry. Configure 'ksql.schema.registry.url'.")
    node: ast.AssertSchema = task.node
    named = [] if node.subject is None else [f"subject name {node.subject}"]
    named += [] if node.schema_id is None else [f"id {node.schema_id}"]
    shown = f"Schema with {' and '.join(named)}"

    def problem() -> str | None:
        if _schema_exists(node, registry) == node.exists:
            return None
        return f"{shown} does not exist" if node.exists else f"{shown} exists"

    _wait(task, "schema", problem)
    return entities.AssertSchema(
        statement_text=task.text, subject=node.subject, id=node.schema_id, exists=node.exists
    )


def _schema_exists(node: ast.AssertSchema, registry: Registry) -> bool:
    """Of a subject and an id together: the id must be the subject's latest, or hold the same schema."""
    latest = None if node.subject is None else registry.latest(node.subject)
    if node.schema_id is None:
        return latest is not None
    try:
        found = registry.by_id(node.schema_id)
    except SchemaNotFound:
        return False
    if node.subject is None:
        return True
    return latest is not None and (latest.id == found.id or latest.text == found.text)


def _wait(task: Task, what: str, problem_now: Callable[[], str | None]) -> None:
    """Until there is no problem; raises AssertFailed when the time has passed."""
    timeout_ms = task.node.timeout_ms
    if timeout_ms is None:
        timeout_ms = int(task.config.get(f"ksql.assert.{what}.default.timeout.ms") or 1000)
    deadline = time.monotonic() + timeout_ms / 1000
    while (problem := problem_now()) is not None:
        if time.monotonic() >= deadline:
            raise AssertFailed(problem)
        time.sleep(POLL_S)
