"""CREATE STREAM and CREATE TABLE over a topic, ALTER, CREATE TYPE: what becomes of the catalog.

In:  a Task. Out: a Decision; or StatementError in ksqlDB's words (its documentation of these statements).

    CREATE STREAM s (a INT KEY, b STRING) WITH (kafka_topic='t', partitions=1, value_format='JSON')
      names, values   formats   topic (created when PARTITIONS says so)   columns   the Source
      "Failed to prepare statement" -> raw text | canonical text in messages from here on
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from penstock.errors import BadRequest, NoSchemaRegistry, StatementError
from penstock.executor.canonical import canonical_create, create_cleanup_policy
from penstock.executor.inference import registrations, with_inferred_columns
from penstock.executor.naming import check_source_name, command_id, query_number
from penstock.executor.outcome import nothing_to_do, recorded
from penstock.executor.properties import check_known
from penstock.executor.upgrade import check_upgrade
from penstock.executor.with_clause import (
    CREATE,
    REGISTRY_FORMATS,
    CreateWith,
    check_names,
    check_values,
    read_create,
)
from penstock.executor.with_clause import with_properties as merged
from penstock.executor.words import PREPARING, failures_show
from penstock.executor.world import CreateTopic, Decision, Effect, Query, StartQuery, Task
from penstock.formats.formats import capability, check_format
from penstock.language import ast
from penstock.language.catalog import TABLE, Source
from penstock.language.printer import canonical
from penstock.language.scope import PSEUDO_COLUMNS
from penstock.plan.planner import plan_query
from penstock.plan.sinks import named_key, timestamp_column
from penstock.topics.base import TOPIC_DEFAULTS, TopicInfo
from penstock.types import BYTES, STRING, Array, Column, Map, Schema, SqlType, Struct

HEADERS_TYPE = Array(Struct((("KEY", STRING), ("VALUE", BYTES))))
KEY_ROLES = ("KEY", "PRIMARY KEY")
HEADER_ROLES = ("HEADERS", "HEADER")


def create_source(task: Task) -> Decision:
    node: ast.CreateSource = task.node
    with failures_show(task.text, PREPARING):
        _check_columns(node)
        check_names(node.properties, CREATE)
        check_values(node.properties)
    existing = task.catalog.sources.get(node.name)
    if existing and node.if_not_exists and not node.or_replace:
        return nothing_to_do(
            task,
            f"Cannot add {node.kind.lower()} `{node.name}`: "
            f"A {existing.kind.lower()} with the same name already exists.",
        )
    with failures_show(task.text):
        check_known(task.session.properties)
    defaults = {
        f"{side}_FORMAT": task.config.get(
            f"ksql.persistence.default.format.{side.lower()}", task.session.properties
        )
        for side in ("KEY", "VALUE")
    }
    with failures_show(task.text):
        settings = read_create(node.properties, defaults)
        _check_registry(settings, task)
        if not task.replayed:
            node = with_inferred_columns(node, settings, task.config.registry)
            settings = read_create(node.properties, defaults)
    kept = canonical_create(node, defaults)
    text = canonical(kept)
    with failures_show(text):
        topic = _topic(task, node, settings, defaults)
        _check_free(node, existing)
        source = replace(_source(node, settings), statement=text)
        if existing:
            check_upgrade(existing, source)
        return _created(task, node, source, topic, text)


def _created(
    task: Task, node: ast.CreateSource, source: Source, topic: TopicInfo | None, text: str
) -> Decision:
    effects: list[Effect] = [*registrations(source, if_absent=True)]
    world = task.world
    if topic is not None:
        world = world.with_topic(topic)
        effects.append(CreateTopic(topic))
    query_id = None
    message = f"{node.kind.capitalize()} created"
    if node.read_only and node.kind == TABLE:
        query_id = f"CST_{node.name}_{query_number(task.world.commands)}"
        source = replace(source, query_id=query_id)
        message = f"Created query with ID {query_id}"
    world = world.with_catalog(world.catalog.with_source(source))
    if query_id is not None:
        query = _materialised(replace(task, world=world), source, query_id)
        world = world.with_query(query)
        effects.append(StartQuery(query))
    return recorded(
        task,
        world,
        command_id(node.kind, node.name, "create"),
        message,
        statement=text,
        query_id=query_id,
        effects=effects,
    )


def _materialised(task: Task, source: Source, query_id: str) -> Query:
    """A source table keeps its rows, so that pull queries can read them. It writes no topic."""
    everything = ast.Query((ast.SelectStar(),), ast.Relation(source.name, source.name), emit="CHANGES")
    node = ast.CreateAs(TABLE, source.name, (), everything)
    plan = plan_query(node, task.catalog, task.world.topics.get, task.settings)
    plan = replace(plan, sink=None, creates_sink=False)
    overrides = task.session.properties
    return Query(query_id, source.statement, plan, overrides, task.settings, (source.name,), None)


def _check_free(node: ast.CreateSource, existing: Source | None) -> None:
    check_source_name(node.name)
    kind = node.kind.lower()
    if node.or_replace and (node.read_only or (existing is not None and existing.read_only)):
        raise StatementError(
            f"Cannot add {kind} '{node.name}': CREATE OR REPLACE is not supported on source {kind}s."
        )
    if existing and not node.or_replace:
        raise StatementError(
            f"Cannot add {kind} '{node.name}': A {existing.kind.lower()} with the same name already exists"
        )


# --- topic -------------------------------------------------------------------------------------------


def _topic(
    task: Task, node: ast.CreateSource, settings: CreateWith, defaults: dict[str, str | None]
) -> TopicInfo | None:
    """The topic to create, or None when it is there."""
    existing = task.world.topics.get(settings.topic)
    if existing is not None:
        if settings.partitions is not None:
            check_same_partitions(existing, settings.partitions)
        return None
    if node.read_only:
        raise StatementError(f"Kafka topic does not exist: {settings.topic}")
    if settings.partitions is None:
        example = replace(node, properties=_example(node, defaults))
        raise BadRequest(
            f"Topic '{settings.topic}' does not exist. If you want to create a new topic for the "
            "stream/table "
            "please re-run the statement providing the required 'PARTITIONS' configuration in the WITH "
            "clause "
            f"(and optionally 'REPLICAS'). For example: {canonical(example)}"
        )
    if settings.retention_ms is not None and node.kind == TABLE and settings.window is None:
        raise StatementError(
            "Invalid config variable in the WITH clause: RETENTION_MS. Non-windowed tables do not "
            "support retention."
        )
    given = {"cleanup.policy": create_cleanup_policy(node)}
    if settings.retention_ms is not None:
        given["retention.ms"] = str(settings.retention_ms)
    return TopicInfo(settings.topic, settings.partitions, {**TOPIC_DEFAULTS, **given})


def _example(node: ast.CreateSource, defaults: dict[str, str | None]) -> ast.Properties:
    filled = {
        name: value for name, value in defaults.items() if value and "FORMAT" not in dict(node.properties)
    }
    return merged(node.properties, {**filled, "PARTITIONS": 2}.items())


def check_same_partitions(existing: TopicInfo, partitions: int) -> None:
    if existing.partitions != partitions:
        raise StatementError(
            f"A Kafka topic with the name '{existing.name}' already exists, with different partition/replica "
            f"configuration than required. KSQL expects {partitions} partitions (topic has "
            f"{existing.partitions}), and 1 replication factor (topic has 1)."
        )


def _check_registry(settings: CreateWith, task: Task) -> None:
    for format in (settings.key_format, settings.value_format):
        check_has_registry(format.name, settings.topic, task)


def check_has_registry(format: str, topic: str, task: Task) -> None:
    if format.upper() in REGISTRY_FORMATS and not task.config.get("ksql.schema.registry.url"):
        raise NoSchemaRegistry(
            f"Cannot create topic '{topic}' with format {format.upper()} without configuring "
            "'ksql.schema.registry.url'"
        )


# --- columns -----------------------------------------------------------------------------------------


def _check_columns(node: ast.CreateSource) -> None:
    repeated = [
        name for name, count in Counter(element.name for element in node.elements).items() if count > 1
    ]
    if repeated:
        raise StatementError(f"Duplicate column names: {', '.join(repeated)}")
    headers = [element for element in node.elements if element.role in HEADER_ROLES]
    for element in headers:
        _check_header(element)
    whole = [element for element in headers if element.role == "HEADERS"]
    if len(whole) > 1:
        raise StatementError("Schema already contains a HEADERS column. Only one is allowed.")
    if whole and len(headers) > 1:
        raise StatementError("Schema can't hold a HEADERS column together with HEADER('key') columns.")
    keys = Counter(element.header_key for element in headers if element.header_key is not None)
    for key, count in keys.items():
        if count > 1:
            raise StatementError(f"Schema already contains a HEADER('{key}') column.")


def _check_header(element: ast.Element) -> None:
    expected: SqlType = HEADERS_TYPE if element.role == "HEADERS" else BYTES
    if element.type != expected:
        shown = element.role if element.role == "HEADERS" else f"HEADER('{element.header_key}')"
        raise StatementError(f"Invalid type for {shown} column: expected {expected}, got {element.type}")


def _source(node: ast.CreateSource, settings: CreateWith) -> Source:
    schema = _schema(node)
    if settings.window is not None and not schema.key:
        raise StatementError("Windowed sources require a key column.")
    headers = tuple((each.name, each.header_key) for each in node.elements if each.role in HEADER_ROLES)
    payload = tuple(column for column in schema.value if column.name not in dict(headers))
    if schema.key:
        check_format(settings.key_format, schema.key, is_key=True)
    check_format(settings.value_format, payload, is_key=False)
    timestamp = settings.timestamp
    return Source(
        name=node.name,
        kind=node.kind,
        topic=settings.topic,
        schema=schema,
        key_format=named_key(settings.key_format, node.name),
        value_format=settings.value_format,
        timestamp=None if timestamp is None else timestamp_column(*timestamp, schema),
        window=settings.window,
        read_only=node.read_only,
        unwrapped_value=_unwrapped(settings, payload),
        headers=headers,
    )


def _schema(node: ast.CreateSource) -> Schema:
    if not node.elements:
        raise StatementError("No columns supplied.")
    for element in node.elements:
        if element.name in PSEUDO_COLUMNS:
            raise StatementError(
                f"'{element.name}' is a reserved column name. You cannot use it as a name for a column."
            )
    key = tuple(Column(each.name, each.type) for each in node.elements if each.role in KEY_ROLES)
    if node.kind == TABLE and not key:
        raise StatementError("Tables require a PRIMARY KEY. Please define the PRIMARY KEY.")
    for column in key:
        if _holds_map(column.type):
            raise StatementError(
                "Map keys, including types that contain maps, are not supported as they may lead to "
                "unexpected "
                f"behavior due to inconsistent serialization. Key column name: `{column.name}`. Column type: "
                f"{column.type}. See https://github.com/confluentinc/ksql/issues/6621 for more."
            )
    return Schema(
        key, tuple(Column(each.name, each.type) for each in node.elements if each.role not in KEY_ROLES)
    )


def _holds_map(kind: SqlType) -> bool:
    match kind:
        case Map():
            return True
        case Array(item):
            return _holds_map(item)
        case Struct(fields):
            return any(_holds_map(field) for _, field in fields)
    return False


def _unwrapped(settings: CreateWith, payload: Sequence[Column]) -> bool:
    """Whether a single value column stands bare in the payload."""
    can = capability(settings.value_format.name)
    wrap = settings.wrap_single_value
    if wrap is None:
        return len(payload) == 1 and not can.wrapped_value
    if not (can.wrap if wrap else can.unwrap):
        raise StatementError(
            f"Format '{can.name}' does not support 'WRAP_SINGLE_VALUE' set to '{str(wrap).lower()}'."
        )
    if len(payload) != 1:
        raise StatementError("'WRAP_SINGLE_VALUE' is only valid for single-field value schemas")
    if (can.wrap, can.unwrap) == (True, True):
        return not wrap
    return can.unwrap


# --- ALTER, CREATE TYPE, DROP TYPE --------------------------------------------------------------------


def alter_source(task: Task) -> Decision:
    node: ast.AlterSource = task.node
    with failures_show(task.text):
        source = _alterable(task, node)
        columns = list(source.schema.value)
        for element in node.added:
            if source.schema.find(element.name) or any(column.name == element.name for column in columns):
                raise StatementError(
                    f"Cannot add column `{element.name}` to schema. A column with the same name already "
                    "exists."
                )
            columns.append(Column(element.name, element.type))
        changed = replace(source, schema=Schema(source.schema.key, tuple(columns)), statement=task.text)
        check_format(changed.value_format, changed.schema.value, is_key=False)
    world = task.world.with_catalog(task.catalog.with_source(changed))
    return recorded(
        task,
        world,
        command_id(node.kind, node.name, "alter"),
        f"{node.kind.capitalize()} {node.name} altered.",
        statement=canonical(node),
    )


def _alterable(task: Task, node: ast.AlterSource) -> Source:
    source = task.catalog.sources.get(node.name)
    if source is None:
        raise StatementError(f"Source {node.name} does not exist.")
    if source.kind != node.kind:
        raise StatementError(
            f"Incompatible data source type is {source.kind}, but statement was ALTER {node.kind}"
        )
    kind = source.kind.lower()
    if source.read_only:
        raise StatementError(
            f"Cannot alter {kind} '{node.name}': ALTER operations are not supported on source {kind}s."
        )
    if any(query.sink == node.name and query.plan.creates_sink for query in task.world.queries.values()):
        raise StatementError("ALTER command is not supported for CREATE ... AS statements.")
    return source


def create_type(task: Task) -> Decision:
    node: ast.CreateType = task.node
    known = task.catalog.types.get(node.name)
    if known is not None:
        problem = (
            f"Cannot register custom type '{node.name}' since it is already registered with type: {known}"
        )
        if node.if_not_exists:
            return nothing_to_do(task, problem)
        raise StatementError(problem, node.at, task.text)
    return recorded(
        task,
        task.world.with_catalog(task.catalog.with_type(node.name, node.type)),
        command_id("type", node.name, "create"),
        f"Registered custom type with name '{node.name}' and SQL type {node.type}",
    )


def drop_type(task: Task) -> Decision:
    node: ast.DropType = task.node
    if node.name not in task.catalog.types:
        if node.if_exists:
            return nothing_to_do(task, f"Type {node.name} does not exist.")
        raise StatementError(f"Type {node.name} does not exist.", node.at, task.text)
    return recorded(
        task,
        task.world.with_catalog(task.catalog.without_type(node.name)),
        command_id("type", node.name, "drop"),
        f"Dropped type '{node.name}'",
    )
