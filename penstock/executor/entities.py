"""The answers of ksqlDB's REST API as values: what a statement gives back, in the shape clients read.

In:  the executor makes them. Out: `msgspec.json.encode` writes exactly the public JSON.

Every entity carries its `@type`, the text of its statement and warnings. Names on the wire are camel case; a
member that is absent, rather than null, is UNSET.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from penstock.language.catalog import Source
from penstock.types import Array, Column, Decimal, Map, SqlType, Struct


class Part(msgspec.Struct, rename="camel", kw_only=True):
    """A piece of an answer."""


class SchemaInfo(Part):
    type: str
    fields: list[FieldInfo] | None = None
    member_schema: SchemaInfo | None = None
    parameters: dict[str, int] | UnsetType = UNSET


class FieldInfo(Part):
    name: str
    schema: SchemaInfo
    type: str | UnsetType = UNSET
    header_key: str | UnsetType = UNSET


class QueryInfo(Part):
    """A running query as lists show it."""

    query_string: str
    sinks: list[str]
    sink_kafka_topics: list[str]
    id: str
    status_count: dict[str, int]
    query_type: str
    state: str


class CommandState(Part):
    status: str
    message: str
    query_id: str | None = None


class PartitionOffsets(Part):
    partition: int
    log_start_offset: int
    log_end_offset: int
    consumer_offset: int


class TopicOffsets(Part):
    kafka_topic: str
    offsets: list[PartitionOffsets]


class GroupOffsets(Part):
    group_id: str
    topic_summaries: list[TopicOffsets]


class Statistic(Part):
    name: str
    host: str
    value: float
    timestamp: int


class SourceInfo(Part):
    """DESCRIBE of one stream or table."""

    name: str
    window_type: str | None
    read_queries: list[QueryInfo]
    write_queries: list[QueryInfo]
    fields: list[FieldInfo]
    type: str
    timestamp: str
    statistics: str
    error_stats: str
    extended: bool
    key_format: str
    value_format: str
    topic: str
    partitions: int
    replication: int
    statement: str
    query_offset_summaries: list[GroupOffsets]
    source_constraints: list[str]
    cluster_statistics: list[Statistic]
    cluster_error_stats: list[Statistic]


class TopicPartitionEntity(Part):
    topic: str
    partition: int


class TaskOffsets(Part):
    topic_partition_entity: TopicPartitionEntity
    end_offset: int
    committed_offset: int


class TaskInfo(Part):
    task_id: str
    topic_offsets: list[TaskOffsets]
    time_current_idling_started: int | None = None


class QueryError(Part):
    timestamp: int
    error_message: str
    type: str


class QueryDetails(Part):
    """EXPLAIN of one query."""

    id: str
    statement_text: str
    window_type: str | None
    fields: list[FieldInfo]
    sources: list[str]
    sinks: list[str]
    topology: str
    execution_plan: str
    overridden_properties: dict[str, str]
    ksql_host_query_status: dict[str, str]
    query_type: str
    query_errors: list[QueryError]
    tasks_metadata: list[TaskInfo]
    consumer_group_id: str
    state: str | None


class Listed(Part):
    """A stream or table in SHOW STREAMS or SHOW TABLES."""

    type: str
    name: str
    topic: str
    key_format: str
    value_format: str
    is_windowed: bool


class TopicListed(Part, omit_defaults=True):
    name: str
    replica_info: list[int]
    consumer_count: int | UnsetType = UNSET
    consumer_group_count: int | UnsetType = UNSET


class PropertyListed(Part):
    name: str
    scope: str
    value: str | None
    editable: bool
    level: str


class FunctionListed(Part):
    name: str
    type: str
    category: str


class ArgumentInfo(Part):
    name: str
    type: str
    description: str
    is_variadic: bool


class OverloadInfo(Part):
    arguments: list[ArgumentInfo]
    return_type: str
    description: str
    argument_types: list[str]


class Variable(Part):
    name: str
    value: str


class Warned(Part):
    message: str


# --- entities ----------------------------------------------------------------------------------------


class Entity(msgspec.Struct, rename="camel", tag_field="@type", kw_only=True):
    statement_text: str
    warnings: list[Warned] = msgspec.field(default_factory=list)


class CurrentStatus(Entity, tag="currentStatus"):
    command_id: str
    command_status: CommandState
    command_sequence_number: int


class WarningEntity(Entity, tag="warning_entity"):
    message: str


class Properties(Entity, tag="properties"):
    properties: list[PropertyListed]
    overwritten_properties: list[str]
    default_properties: list[str]


class Streams(Entity, tag="streams"):
    streams: list[Listed]


class Tables(Entity, tag="tables"):
    tables: list[Listed]


class SourceDescriptions(Entity, tag="source_descriptions"):
    source_descriptions: list[SourceInfo]


class SourceDescription(Entity, tag="sourceDescription"):
    source_description: SourceInfo


class Topics(Entity, tag="kafka_topics"):
    topics: list[TopicListed]


class TopicsExtended(Entity, tag="kafka_topics_extended"):
    topics: list[TopicListed]


class Queries(Entity, tag="queries"):
    queries: list[QueryInfo]


class QueryDescriptions(Entity, tag="query_descriptions"):
    query_descriptions: list[QueryDetails]


class QueryDescription(Entity, tag="queryDescription"):
    query_description: QueryDetails


class FunctionNames(Entity, tag="function_names"):
    functions: list[FunctionListed]


class DescribeFunction(Entity, tag="describe_function"):
    name: str
    description: str
    author: str
    version: str
    path: str
    functions: list[OverloadInfo]
    type: str


class TypeList(Entity, tag="type_list"):
    types: dict[str, SchemaInfo]


class Variables(Entity, tag="variables"):
    variables: list[Variable]


class ConnectorList(Entity, tag="connector_list"):
    connectors: list[dict[str, Any]]


class ConnectorPlugins(Entity, tag="connector_plugins_list"):
    connectors_plugins: list[dict[str, Any]]


class ConnectorDescription(Entity, tag="connector_description"):
    connector_class: str
    status: dict[str, Any]
    sources: list[SourceInfo]
    topics: list[str]


class ConnectorInfo(Entity, tag="connector_info"):
    info: dict[str, Any]


class DropConnector(Entity, tag="drop_connector"):
    connector_name: str


class TerminateQuery(Entity, tag="terminate_query"):
    query_id: str
    was_terminated: bool


class AssertTopic(Entity, tag="assert_topic"):
    topic_name: str
    exists: bool


class AssertSchema(Entity, tag="assert_schema"):
    subject: str | None
    id: int | None
    exists: bool


# --- from types --------------------------------------------------------------------------------------


def schema_info(kind: SqlType) -> SchemaInfo:
    match kind:
        case Struct(fields):
            inner = [FieldInfo(name=name, schema=schema_info(field)) for name, field in fields]
            return SchemaInfo(type="STRUCT", fields=inner)
        case Array(item):
            return SchemaInfo(type="ARRAY", member_schema=schema_info(item))
        case Map(_, value):
            return SchemaInfo(type="MAP", member_schema=schema_info(value))
        case Decimal(precision, scale):
            return SchemaInfo(type="DECIMAL", parameters={"precision": precision, "scale": scale})
    return SchemaInfo(type=str(kind))


def key_field(column: Column) -> FieldInfo:
    return FieldInfo(name=column.name, schema=schema_info(column.type), type="KEY")


def field_infos(source: Source) -> list[FieldInfo]:
    """The columns of a source, keys first, headers marked."""
    headers: Mapping[str, str | None] = dict(source.headers)
    fields = [key_field(column) for column in source.schema.key]
    for column in source.schema.value:
        field = FieldInfo(name=column.name, schema=schema_info(column.type))
        if column.name in headers:
            field.type = "HEADER"
            field.header_key = headers[column.name] or UNSET
        fields.append(field)
    return fields


def listed(source: Source) -> Listed:
    return Listed(
        type=source.kind,
        name=source.name,
        topic=source.topic,
        key_format=source.key_format.name,
        value_format=source.value_format.name,
        is_windowed=source.window is not None,
    )
