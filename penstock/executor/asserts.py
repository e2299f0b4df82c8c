"""ASSERT TOPIC: waits until a topic is there (or is not), at most as long as the statement says.

In:  a Task and the log. Out: one entity; AssertFailed when the time has passed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from penstock.errors import AssertFailed, NoSchemaRegistry, StatementError
from penstock.executor import entities
from penstock.executor.entities import Entity
from penstock.executor.reads import Reads
from penstock.executor.world import Task
from penstock.language import ast
from penstock.topics.base import TopicInfo

POLL_S = 0.05
REPLICAS = 1


def assert_topic(task: Task, reads: Reads) -> Entity:
    node: ast.AssertTopic = task.node
    timeout_ms = node.timeout_ms
    if timeout_ms is None:
        timeout_ms = int(task.config.get("ksql.assert.topic.default.timeout.ms") or 1000)
    deadline = time.monotonic() + timeout_ms / 1000
    while (problem := _problem(node, reads.topics().get(node.topic))) is not None:
        if time.monotonic() >= deadline:
            raise AssertFailed(problem)
        time.sleep(POLL_S)
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
    raise NoSchemaRegistry("ASSERT SCHEMA needs a schema registry. Configure 'ksql.schema.registry.url'.")
