"""DESCRIBE and EXPLAIN: a source, a function, a query, as clients read them.

In:  a Task and what there is to read. Out: one entity.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime

from penstock.errors import StatementError, UnknownName
from penstock.executor import entities
from penstock.executor.entities import (
    Entity,
    FieldInfo,
    GroupOffsets,
    PartitionOffsets,
    QueryDetails,
    QueryError,
    QueryInfo,
    SourceInfo,
    Statistic,
    TaskInfo,
    TaskOffsets,
    TopicOffsets,
    TopicPartitionEntity,
)
from penstock.executor.queries import check_sources
from penstock.executor.reads import Reads
from penstock.executor.words import FINDING_SCHEMA, failures_show
from penstock.executor.world import Query, Task
from penstock.functions.describe import describe_function as described_function
from penstock.functions.registry import function_names
from penstock.language import ast
from penstock.language.catalog import Source
from penstock.plan.explain import explain as plan_text
from penstock.plan.planner import plan_query
from penstock.plan.steps import QueryPlan
from penstock.types import Schema

STATISTICS = (
    "The statistics field is deprecated and will be removed in a future version of ksql. Please update "
    "your client "
    "to the latest version and use statisticsMap instead.\n"
)


def describe_source(task: Task, reads: Reads) -> Entity:
    node: ast.Describe = task.node
    source = task.catalog.sources.get(node.name or "")
    if source is None:
        raise StatementError(
            f"Could not find STREAM/TABLE '{node.name}' in the Metastore", node.at, task.text
        )
    return entities.SourceDescription(
        statement_text=task.text, source_description=source_info(task, reads, source, node.extended)
    )


def source_info(task: Task, reads: Reads, source: Source, extended: bool) -> SourceInfo:
    readers = task.world.readers_of(source.name)
    writers = task.world.writers_of(source.name)
    reads.look_at([*readers, *writers])
    topic = task.world.topics.get(source.topic)
    rows = sum(reads.status(query).rows_out for query in writers)
    return SourceInfo(
        name=source.name,
        window_type=source.window.kind if source.window else None,
        read_queries=[query_info(task, reads, query) for query in readers],
        write_queries=[query_info(task, reads, query) for query in writers],
        fields=entities.field_infos(source),
        type=source.kind,
        timestamp=source.timestamp.name if source.timestamp else "",
        statistics=_statistics_text(rows, task.now_ms) if extended and rows else "",
        error_stats="",
        extended=extended,
        key_format=source.key_format.name,
        value_format=source.value_format.name,
        topic=source.topic,
        partitions=topic.partitions if topic else 0,
        replication=1 if topic else 0,
        statement=source.statement,
        query_offset_summaries=[group_offsets(task, reads, query) for query in writers] if extended else [],
        source_constraints=[query.sink for query in readers if query.sink and query.plan.creates_sink],
        cluster_statistics=_cluster_statistics(task, rows) if rows else [],
        cluster_error_stats=[],
    )


def _statistics_text(rows: int, now_ms: int) -> str:
    last = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return f"{STATISTICS}messages-per-sec: {0.0:>10.2f}   total-messages: {rows:>9}     last-message: {last}"


def _cluster_statistics(task: Task, rows: int) -> list[Statistic]:
    return [Statistic(name="total-messages", host=task.config.host, value=float(rows), timestamp=task.now_ms)]


def query_info(task: Task, reads: Reads, query: Query) -> QueryInfo:
    state = reads.status(query).state
    sink = query.plan.sink
    return QueryInfo(
        query_string=query.statement,
        sinks=[query.sink] if query.sink else [],
        sink_kafka_topics=[sink.topic] if sink else [],
        id=query.id,
        status_count={state: 1},
        query_type="PERSISTENT",
        state=state,
    )


def group_offsets(task: Task, reads: Reads, query: Query) -> GroupOffsets:
    """Where a query stands in each topic it reads."""
    group = task.config.naming.group(query.id)
    committed = reads.log.committed(group)
    summaries = [
        TopicOffsets(kafka_topic=topic, offsets=_partitions(reads, topic, committed))
        for topic in query.plan.source_topics
        if reads.log.topic(topic) is not None
    ]
    return GroupOffsets(group_id=group, topic_summaries=summaries)


def _partitions(reads: Reads, topic: str, committed: dict[tuple[str, int], int]) -> list[PartitionOffsets]:
    begin = reads.log.begin_offsets(topic)
    return [
        PartitionOffsets(
            partition=partition,
            log_start_offset=begin.get(partition, 0),
            log_end_offset=end,
            consumer_offset=committed.get((topic, partition), 0),
        )
        for partition, end in sorted(reads.log.end_offsets(topic).items())
    ]


# --- EXPLAIN -----------------------------------------------------------------------------------------


def explain(task: Task, reads: Reads) -> Entity:
    node: ast.Explain = task.node
    if node.statement is None:
        query = task.world.queries.get(node.query_id or "")
        if query is None:
            raise StatementError(
                f"Query with id:{node.query_id} does not exist, use SHOW QUERIES to view the full set of "
                "queries.",
                node.at,
                task.text,
            )
        details = query_details(task, reads, query)
    else:
        details = _explained(task, node.statement, node.text or task.text)
    return entities.QueryDescription(statement_text=task.text, query_description=details)


def _explained(task: Task, statement: ast.Statement, text: str) -> QueryDetails:
    if not isinstance(statement, ast.Select | ast.CreateAs | ast.InsertSelect):
        raise StatementError(
            "The provided statement does not run a ksql query, so there is nothing to explain.",
            statement.at,
            task.text,
        )
    prefix = "" if isinstance(statement, ast.Select) else FINDING_SCHEMA
    with failures_show(task.text):
        check_sources(task.catalog, statement.query)
    with failures_show(task.text, prefix):
        plan = plan_query(statement, task.catalog, task.world.topics.get, task.settings)
    query_id = f"transient_{plan.sources[0]}_{random.getrandbits(63)}"
    return QueryDetails(
        id=query_id,
        statement_text=text,
        window_type=plan.window.kind if plan.window else None,
        fields=_fields(plan.schema),
        sources=sorted(plan.sources),
        sinks=[plan.sink.name] if plan.sink else [],
        topology=topology(plan),
        execution_plan=plan_text(plan),
        overridden_properties=dict(task.session.properties),
        ksql_host_query_status={},
        query_type="PULL" if plan.emit is None else "PUSH",
        query_errors=[],
        tasks_metadata=[],
        consumer_group_id=task.config.naming.transient_group(f"{query_id}_{task.now_ms}"),
        state=None,
    )


def query_details(task: Task, reads: Reads, query: Query) -> QueryDetails:
    status = reads.status(query)
    plan = query.plan
    errors = (
        []
        if status.error is None
        else [QueryError(timestamp=task.now_ms, error_message=status.error, type="SYSTEM")]
    )
    return QueryDetails(
        id=query.id,
        statement_text=query.statement,
        window_type=plan.window.kind if plan.window else None,
        fields=_fields(plan.schema),
        sources=sorted(query.sources),
        sinks=[query.sink] if query.sink else [],
        topology=topology(plan),
        execution_plan=plan_text(plan),
        overridden_properties=dict(query.properties),
        ksql_host_query_status={task.config.host: status.state},
        query_type="PERSISTENT",
        query_errors=errors,
        tasks_metadata=_tasks(task, reads, query),
        consumer_group_id=task.config.naming.group(query.id),
        state=status.state,
    )


def topology(plan: QueryPlan) -> str:
    """What flows where: topics in, topic out. One process computes, so there is one part."""
    lines = ["Topologies:", "   Sub-topology: 0"]
    lines += [f"    Source: {each.alias} (topics: [{each.source.topic}])" for each in plan.froms]
    if plan.sink is not None:
        lines.append(f"    Sink: {plan.sink.name} (topic: {plan.sink.topic})")
    return "\n".join(lines) + "\n\n"


def _fields(schema: Schema) -> list[FieldInfo]:
    keys = [entities.key_field(column) for column in schema.key]
    return keys + [
        FieldInfo(name=column.name, schema=entities.schema_info(column.type)) for column in schema.value
    ]


def _tasks(task: Task, reads: Reads, query: Query) -> list[TaskInfo]:
    """One task for each topic and partition the query reads."""
    tasks = []
    for number, summary in enumerate(group_offsets(task, reads, query).topic_summaries):
        for each in summary.offsets:
            at = TopicPartitionEntity(topic=summary.kafka_topic, partition=each.partition)
            offsets = TaskOffsets(
                topic_partition_entity=at,
                end_offset=each.log_end_offset - 1,
                committed_offset=each.consumer_offset or -1,
            )
            tasks.append(TaskInfo(task_id=f"{number}_{each.partition}", topic_offsets=[offsets]))
    return tasks


# --- DESCRIBE FUNCTION -------------------------------------------------------------------------------


def describe_function(task: Task, reads: Reads) -> Entity:
    node: ast.Describe = task.node
    name = (node.name or "").upper()
    found = described_function(name)
    if found is None:
        known = [each.name for each in function_names()]
        raise UnknownName(f"Can't find any functions with the name '{name}'.", name, known, node.at)
    return entities.DescribeFunction(
        statement_text=task.text,
        name=found.name,
        description=found.description,
        author=found.author,
        version=found.version,
        path=found.path,
        type=found.kind,
        functions=[
            entities.OverloadInfo(
                arguments=[
                    entities.ArgumentInfo(
                        name=argument.name,
                        type=argument.type,
                        description=argument.description,
                        is_variadic=argument.variadic,
                    )
                    for argument in overload.arguments
                ],
                return_type=overload.returns,
                description=overload.description,
                argument_types=[argument.type for argument in overload.arguments],
            )
            for overload in found.overloads
        ],
    )
