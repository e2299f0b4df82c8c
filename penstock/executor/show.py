"""SHOW and LIST: topics, streams, tables, queries, properties, functions, types, variables.

In:  a Task and what there is to read. Out: one entity. One table says who answers what.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UNSET

from penstock.errors import StatementError
from penstock.executor import entities
from penstock.executor.describe import query_details, query_info, source_info
from penstock.executor.entities import Entity, PropertyListed, TopicListed
from penstock.executor.naming import is_hidden
from penstock.executor.properties import PROPERTIES, STREAMS_PREFIX, bare
from penstock.executor.reads import Reads
from penstock.executor.world import Task
from penstock.functions import library
from penstock.functions.registry import function_names
from penstock.language import ast
from penstock.language.catalog import STREAM, TABLE, Source

assert library.DECLARATIONS


def show(task: Task, reads: Reads) -> Entity:
    node: ast.Show = task.node
    answer = ANSWERS.get(node.what)
    if answer is None:
        raise StatementError(f"SHOW {node.what} is not supported.", node.at, task.text)
    return answer(task, reads)


def _sources(task: Task, kind: str) -> list[Source]:
    return [source for source in task.catalog.sources.values() if source.kind == kind]


def streams(task: Task, reads: Reads) -> Entity:
    if task.node.extended:
        return source_descriptions(task, reads, STREAM, extended=True)
    return entities.Streams(
        statement_text=task.text, streams=[entities.listed(source) for source in _sources(task, STREAM)]
    )


def tables(task: Task, reads: Reads) -> Entity:
    if task.node.extended:
        return source_descriptions(task, reads, TABLE, extended=True)
    return entities.Tables(
        statement_text=task.text, tables=[entities.listed(source) for source in _sources(task, TABLE)]
    )


def source_descriptions(task: Task, reads: Reads, kind: str, extended: bool) -> Entity:
    reads.look_at(task.world.queries.values())
    described = [source_info(task, reads, source, extended) for source in _sources(task, kind)]
    return entities.SourceDescriptions(statement_text=task.text, source_descriptions=described)


def topics(task: Task, reads: Reads) -> Entity:
    node: ast.Show = task.node
    groups = reads.groups_of_topics() if node.extended else {}
    shown = [
        TopicListed(
            name=topic.name,
            replica_info=[1] * topic.partitions,
            consumer_count=len(groups.get(topic.name, ())) if node.extended else UNSET,
            consumer_group_count=len(groups.get(topic.name, ())) if node.extended else UNSET,
        )
        for topic in sorted(reads.topics().values(), key=lambda topic: topic.name)
        if node.every or not is_hidden(topic.name)
    ]
    answer = entities.TopicsExtended if node.extended else entities.Topics
    return answer(statement_text=task.text, topics=shown)


def queries(task: Task, reads: Reads) -> Entity:
    running = task.world.queries.values()
    reads.look_at(running)
    if task.node.extended:
        details = [query_details(task, reads, query) for query in running]
        return entities.QueryDescriptions(statement_text=task.text, query_descriptions=details)
    shown = [query_info(task, reads, query) for query in running]
    shown += [
        entities.QueryInfo(
            query_string=text,
            sinks=[],
            sink_kafka_topics=[],
            id=query_id,
            status_count={"RUNNING": 1},
            query_type="PUSH",
            state="RUNNING",
        )
        for query_id, text in reads.pushes.items()
    ]
    return entities.Queries(statement_text=task.text, queries=shown)


def properties(task: Task, reads: Reads) -> Entity:
    set_now = {long_name(name): value for name, value in task.session.properties.items()}
    names = [*PROPERTIES, *(name for name in set_now if name not in PROPERTIES)]
    shown = [_property(task, name) for name in names]
    unset = [
        name
        for name in PROPERTIES
        if not name.startswith(STREAMS_PREFIX) and task.config.get(name) == PROPERTIES[name].default
    ]
    return entities.Properties(
        statement_text=task.text,
        properties=shown,
        overwritten_properties=[name for name in names if name in set_now],
        default_properties=[name for name in unset if name not in set_now],
    )


def long_name(name: str) -> str:
    return name if name.startswith("ksql.") else STREAMS_PREFIX + name


def _property(task: Task, name: str) -> PropertyListed:
    declared = PROPERTIES.get(name)
    return PropertyListed(
        name=name,
        scope="KSQL",
        value=task.config.get(name if declared else bare(name), task.session.properties),
        editable=declared.editable if declared else True,
        level=declared.level if declared else "SERVER",
    )


def functions(task: Task, reads: Reads) -> Entity:
    shown = [
        entities.FunctionListed(name=each.name, type=each.kind, category=each.category)
        for each in function_names()
    ]
    return entities.FunctionNames(statement_text=task.text, functions=shown)


def types(task: Task, reads: Reads) -> Entity:
    shown = {name: entities.schema_info(kind) for name, kind in task.catalog.types.items()}
    return entities.TypeList(statement_text=task.text, types=shown)


def variables(task: Task, reads: Reads) -> Entity:
    shown = [entities.Variable(name=name, value=value) for name, value in task.session.variables.items()]
    return entities.Variables(statement_text=task.text, variables=shown)


ANSWERS: dict[str, Callable[[Task, Reads], Entity]] = {
    "STREAMS": streams,
    "TABLES": tables,
    "TOPICS": topics,
    "QUERIES": queries,
    "PROPERTIES": properties,
    "FUNCTIONS": functions,
    "TYPES": types,
    "VARIABLES": variables,
}
"""SHOW CONNECTORS and SHOW CONNECTOR PLUGINS are connectors.py's: they ask the worker."""
