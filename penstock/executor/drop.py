"""DROP STREAM and DROP TABLE: what depends on a source keeps it alive.

In:  a Task. Out: a Decision that takes the source, its own query and, when asked for, its topic away.
"""

from __future__ import annotations

from penstock.errors import StatementError, UnknownName
from penstock.executor.naming import command_id
from penstock.executor.outcome import recorded
from penstock.executor.queries import without_query
from penstock.executor.words import failures_show
from penstock.executor.world import Decision, DeleteTopic, Effect, Query, StopQuery, Task
from penstock.language import ast
from penstock.language.catalog import Source


def drop_source(task: Task) -> Decision:
    node: ast.DropSource = task.node
    source = task.catalog.sources.get(node.name)
    with failures_show(task.text):
        if source is None:
            return _missing(task, node)
        if source.kind != node.kind:
            raise StatementError(
                f"Incompatible data source type is {source.kind}, but statement was DROP {node.kind}"
            )
        own = [query for query in task.world.queries.values() if _belongs_to(query, source)]
        _check_unused(task, source, own)
        effects: list[Effect] = [StopQuery(query.id) for query in own]
        if node.delete_topic:
            _check_topic_unshared(task, source)
            effects.append(DeleteTopic(source.topic))
    world = task.world
    for query in own:
        world = without_query(world, query)
    world = world.with_catalog(world.catalog.without_source(node.name))
    return recorded(
        task,
        world,
        command_id(node.kind, node.name, "drop"),
        f"Source `{node.name}` (topic: {source.topic}) was dropped.",
        effects=effects,
    )


def _missing(task: Task, node: ast.DropSource) -> Decision:
    if not node.if_exists:
        message = f"{node.kind.capitalize()} {node.name} does not exist."
        raise UnknownName(message, node.name, task.catalog.sources)
    return recorded(
        task,
        task.world,
        command_id(node.kind, node.name, "drop"),
        f"Source `{node.name}` does not exist.",
    )


def _belongs_to(query: Query, source: Source) -> bool:
    """The query that made a source goes with it: that of CREATE ... AS, that of a source table."""
    if query.is_source_table:
        return source.query_id == query.id
    return query.sink == source.name and query.plan.creates_sink


def _check_unused(task: Task, source: Source, own: list[Query]) -> None:
    readers = [query for query in task.world.readers_of(source.name) if query not in own]
    sinks = sorted({query.sink for query in readers if query.sink and query.plan.creates_sink})
    if sinks:
        raise StatementError(
            f"Cannot drop {source.name}.\n"
            f"The following streams and/or tables read from this source: [{', '.join(sinks)}].\n"
            f"You need to drop them before dropping {source.name}."
        )
    reading = sorted(query.id for query in readers)
    writing = sorted(query.id for query in task.world.writers_of(source.name) if query not in own)
    if reading or writing:
        raise StatementError(
            f"Cannot drop {source.name}.\n"
            f"The following queries read from this source: [{', '.join(reading)}].\n"
            f"The following queries write into this source: [{', '.join(writing)}].\n"
            f"You need to terminate them before dropping {source.name}."
        )


def _check_topic_unshared(task: Task, source: Source) -> None:
    if source.read_only:
        raise StatementError(f"Cannot delete topic for read-only source: {source.name}")
    others = sorted(
        other.name
        for other in task.catalog.sources.values()
        if other.topic == source.topic and other.name != source.name
    )
    if others:
        raise StatementError(
            f"Refusing to delete topic. Found other data sources ({', '.join(others)}) using topic "
            f"{source.topic}"
        )
