"""CREATE ... AS SELECT, INSERT INTO ... SELECT, TERMINATE, PAUSE, RESUME: the persistent queries.

In:  a Task. Out: a Decision with the query to start or stop. The plan is made here, so that a query that
     can't be is refused before anything is written.

    sources exist? | properties known? | canonical text | plan | name free, or replaceable? | topic | start
     raw text shown -------------------| canonical text shown --------------------------------------------
"""

from __future__ import annotations

from dataclasses import replace

from penstock.errors import StatementError, UnknownName
from penstock.executor.canonical import canonical_query
from penstock.executor.create import check_has_registry, check_same_partitions
from penstock.executor.entities import Entity, TerminateQuery
from penstock.executor.inference import check_given_schemas, registrations
from penstock.executor.naming import check_query_id, check_source_name, command_id, query_number
from penstock.executor.outcome import nothing_to_do, recorded
from penstock.executor.properties import check_known
from penstock.executor.upgrade import check_query_upgrade, check_upgrade
from penstock.executor.with_clause import CREATE_AS, INSERT, check_names, check_values
from penstock.executor.words import FINDING_SCHEMA, FINDING_SOURCES, PREPARING, failures_show
from penstock.executor.world import (
    CreateTopic,
    Decision,
    Effect,
    PauseQuery,
    Query,
    ResumeQuery,
    StartQuery,
    StopQuery,
    Task,
    World,
    relations_of,
)
from penstock.language import ast
from penstock.language.catalog import STREAM, Catalog, Source
from penstock.language.printer import canonical
from penstock.plan.planner import plan_query
from penstock.plan.steps import QueryPlan
from penstock.topics.base import TOPIC_DEFAULTS, TopicInfo

WRONG_EXPRESSION = "Error processing expression: "
NO_SCHEMA_PROBLEMS = (
    FINDING_SOURCES,
    PREPARING,
    "Key format does not support",
    "Value format does not support",
)
"""Refusals of a plan that ksqlDB finds in another phase and words without its prefix."""


def create_as(task: Task) -> Decision:
    node: ast.CreateAs = task.node
    with failures_show(task.text, PREPARING):
        check_names(node.properties, CREATE_AS)
        check_values(node.properties)
    existing = task.catalog.sources.get(node.name)
    with failures_show(task.text):
        check_sources(task.catalog, node.query)
        if existing and node.if_not_exists and not node.or_replace:
            return _already_there(task, node, existing)
        check_known(task.session.properties)
    _check_registry(task, node)
    text, plan = _planned(task, node)
    with failures_show(text):
        check_source_name(node.name)
        assert plan.sink is not None
        if existing is None:
            return _new(task, node, plan, text)
        if not node.or_replace:
            kind, standing = node.kind.lower(), existing.kind.lower()
            raise StatementError(
                f"Cannot add {kind} '{node.name}': A {standing} with the same name already exists"
            )
        return _replaced(task, node, existing, plan, text)


def _already_there(task: Task, node: ast.CreateAs, existing: Source) -> Decision:
    return nothing_to_do(
        task,
        f"Cannot add {node.kind.lower()} `{node.name}`: "
        f"A {existing.kind.lower()} with the same name already exists.",
    )


def check_sources(catalog: Catalog, query: ast.Query) -> None:
    for relation in relations_of(query):
        if relation.name not in catalog.sources:
            message = f"{FINDING_SOURCES}{relation.name} does not exist."
            raise UnknownName(message, relation.name, catalog.sources, relation.at)


def _check_registry(task: Task, node: ast.CreateAs) -> None:
    given = dict(node.properties)
    for name in ("FORMAT", "KEY_FORMAT", "VALUE_FORMAT"):
        if name in given:
            check_has_registry(str(given[name]), str(given.get("KAFKA_TOPIC", node.name)), task)


def _planned(task: Task, node: ast.CreateAs | ast.InsertSelect) -> tuple[str, QueryPlan]:
    """The canonical text and the plan."""
    left = task.catalog.sources[node.query.source.name]
    info = task.world.topics.get(left.topic)
    shown = canonical_query(node, task.catalog, info.partitions if info else 1)
    text = canonical(shown)
    with failures_show(text):
        try:
            plan = plan_query(node, task.catalog, task.world.topics.get, task.settings)
        except StatementError as failure:
            raise _reworded(failure, text) from failure
    if isinstance(shown, ast.CreateAs):
        assert isinstance(plan.node, ast.CreateAs)
        text = canonical(replace(shown, properties=plan.node.properties))
    return text, plan


def _reworded(failure: StatementError, text: str) -> StatementError:
    message = failure.message
    if message.startswith("Invalid result type."):
        message += f"\nStatement: {text}"
    if message.startswith(WRONG_EXPRESSION):
        message += "\nStatement: " + message.removeprefix(WRONG_EXPRESSION).partition(". Unsupported")[0]
    if not message.startswith(NO_SCHEMA_PROBLEMS):
        message = FINDING_SCHEMA + message
    return StatementError(message, failure.at, text)


def _new(task: Task, node: ast.CreateAs, plan: QueryPlan, text: str) -> Decision:
    assert plan.sink is not None
    prefix = "CSAS" if node.kind == STREAM else "CTAS"
    query_id = f"{prefix}_{node.name}_{query_number(task.world.commands)}"
    check_given_schemas(plan.sink, task.config.registry)
    world, effects = _with_sink_topic(task.world, plan)
    return _started(task, world, effects, plan, text, query_id)


def _with_sink_topic(world: World, plan: QueryPlan) -> tuple[World, list[Effect]]:
    assert plan.sink is not None
    existing = world.topics.get(plan.sink.topic)
    if existing is not None:
        check_same_partitions(existing, plan.partitions)
        return world, []
    topic = TopicInfo(plan.sink.topic, plan.partitions, {**TOPIC_DEFAULTS, **plan.topic_config})
    return world.with_topic(topic), [CreateTopic(topic)]


def _started(
    task: Task, world: World, effects: list[Effect], plan: QueryPlan, text: str, query_id: str
) -> Decision:
    assert plan.sink is not None
    sink = plan.sink
    if plan.creates_sink:
        sink = replace(sink, query_id=query_id, statement=text)
        plan = replace(plan, sink=sink)
        world = world.with_catalog(world.catalog.with_source(sink))
    query = Query(query_id, text, plan, task.session.properties, task.settings, plan.sources, sink.name)
    return recorded(
        task,
        world.with_query(query),
        command_id(sink.kind, sink.name, "create"),
        f"Created query with ID {query_id}",
        statement=text,
        query_id=query_id,
        effects=[*effects, *registrations(sink, if_absent=False), StartQuery(query)],
    )


def _replaced(task: Task, node: ast.CreateAs, existing: Source, plan: QueryPlan, text: str) -> Decision:
    assert plan.sink is not None
    writers = task.world.writers_of(node.name)
    if len(writers) > 1:
        ids = ", ".join(query.id for query in writers)
        raise StatementError(
            f"REPLACE for sink `{node.name}` is not supported because there are multiple queries writing "
            "into "
            f"it: [{ids}]"
        )
    check_upgrade(existing, plan.sink)
    if not writers:
        world, effects = _with_sink_topic(task.world, plan)
        prefix = "CSAS" if node.kind == STREAM else "CTAS"
        new_id = f"{prefix}_{node.name}_{query_number(task.world.commands)}"
        return _started(task, world, effects, plan, text, new_id)
    check_query_upgrade(writers[0].plan, plan)
    stopped: list[Effect] = [StopQuery(writers[0].id, delete_state=False)]
    return _started(task, task.world, stopped, plan, text, writers[0].id)


# --- INSERT INTO ... SELECT ----------------------------------------------------------------------------


def insert_select(task: Task) -> Decision:
    node: ast.InsertSelect = task.node
    with failures_show(task.text, PREPARING):
        check_names(node.properties, INSERT)
    with failures_show(task.text):
        _check_target(task, node)
        check_sources(task.catalog, node.query)
        query_id = _insert_id(task, node)
        check_known(task.session.properties)
    text, plan = _planned(task, node)
    return _started(task, task.world, [], plan, text, query_id)


def _insert_id(task: Task, node: ast.InsertSelect) -> str:
    given = dict(node.properties).get("QUERY_ID")
    if given is None:
        return f"INSERTQUERY_{query_number(task.world.commands)}"
    chosen = check_query_id(str(given))
    if chosen in task.world.queries:
        raise StatementError(f"Query ID '{chosen}' already exists.")
    return chosen


def _check_target(task: Task, node: ast.InsertSelect) -> None:
    name, at = node.target, node.target_at
    target = task.catalog.sources.get(name)
    if target is None:
        known = task.catalog.sources
        place = f"Line: {at.line}, Col: {at.column}: "
        raise UnknownName(f"{FINDING_SOURCES}{place}Source `{name}` does not exist.", name, known, at)
    # A table, read-only or not, is refused by the plan.
    if target.read_only and target.kind == STREAM:
        raise StatementError(f"Cannot insert into read-only stream: {name}")


# --- TERMINATE, PAUSE, RESUME ------------------------------------------------------------------------


def control_query(task: Task) -> Decision:
    node: ast.QueryControl = task.node
    action = node.action.lower()
    with failures_show(task.text):
        chosen = _chosen(task, node.query_id, action)
    world, effects = task.world, list[Effect]()
    for query in chosen:
        world, done = _controlled(world, query, action)
        effects += done
    done_to = {"terminate": "terminated", "pause": "paused", "resume": "resumed"}[action]
    return recorded(
        task,
        world,
        command_id(action, node.query_id or "ALL", "execute"),
        f"Query {done_to}." if node.query_id else f"All queries {done_to}.",
        effects=effects,
    )


def _chosen(task: Task, query_id: str | None, action: str) -> list[Query]:
    if query_id is None:
        return [query for query in task.world.queries.values() if not query.is_source_table]
    query = task.world.queries.get(query_id)
    if query is None:
        raise UnknownName(f"Unknown queryId: {query_id}", query_id, task.world.queries)
    if query.is_source_table:
        raise StatementError(f"Cannot {action} query '{query_id}' because it is linked to a source table.")
    return [query]


def _controlled(world: World, query: Query, action: str) -> tuple[World, list[Effect]]:
    if action == "terminate":
        return without_query(world, query), [StopQuery(query.id)]
    paused = action == "pause"
    if query.paused == paused:
        return world, []
    effect: Effect = PauseQuery(query.id) if paused else ResumeQuery(query.id)
    return world.with_query(replace(query, paused=paused)), [effect]


def without_query(world: World, query: Query) -> World:
    """The world without a query; the table it kept can be read no more."""
    sink = world.catalog.sources.get(query.sink or "")
    if sink is not None and sink.query_id == query.id:
        world = world.with_catalog(world.catalog.with_source(replace(sink, query_id=None)))
    return world.without_query(query.id)


def terminate_push(task: Task, was_running: bool) -> Entity:
    """TERMINATE of a push query: nothing is recorded, the connection just ends."""
    return TerminateQuery(statement_text=task.text, query_id=task.node.query_id, was_terminated=was_running)
