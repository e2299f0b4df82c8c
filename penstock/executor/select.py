"""SELECT and PRINT: a text becomes rows to hand out, now (pull) or for as long as someone listens (push).

In:  the text of one query, its properties and variables. Out: Pulled, Pushing or Printing; or StatementError.

    SELECT ... ;               rows there are now            Pulled
    SELECT ... EMIT CHANGES;   rows as they come             Pushing: start(sink) begins to read
    PRINT topic;               records as text               Printing: print_topic.py reads them
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.errors import StatementError
from penstock.executor.executor import Executor
from penstock.executor.properties import check_overrides
from penstock.executor.queries import check_sources
from penstock.executor.words import failures_show
from penstock.language import ast
from penstock.language.parser import ParsedStatement, parse_script
from penstock.language.scope import slot_of
from penstock.language.trees import walk
from penstock.plan.planner import plan_query
from penstock.plan.steps import QueryPlan
from penstock.types import SqlType, quote


@dataclass(frozen=True, slots=True)
class OutputColumn:
    name: str
    type: SqlType
    is_key: bool = False


@dataclass(frozen=True, slots=True)
class Pulled:
    """`message` ends the answer of a query over a stream, which has read to its end or to its limit."""

    query_id: str
    columns: tuple[OutputColumn, ...]
    rows: list[list[Any]]
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Pushing:
    """`start` gives the query its sink and begins to read; what it returns has close()."""

    query_id: str
    columns: tuple[OutputColumn, ...]
    limit: int | None
    text: str
    start: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Printing:
    node: ast.PrintTopic


Answer = Pulled | Pushing | Printing


def header_schema(columns: tuple[OutputColumn, ...]) -> str:
    return ", ".join(f"{quote(each.name)} {each.type}{' KEY' if each.is_key else ''}" for each in columns)


def select(
    executor: Executor,
    text: str,
    properties: Mapping[str, object],
    variables: Mapping[str, str],
) -> Answer:
    checked = check_overrides(properties)
    statement, checked = _only_query(executor, text, checked, variables)
    if isinstance(statement.node, ast.PrintTopic):
        if executor.log.topic(statement.node.topic) is None:
            known = [name for name in executor.log.topics() if not name.startswith("_confluent")]
            message = (
                f"Could not find topic '{statement.node.topic}', or the KSQL user does not have permissions."
            )
            if statement.node.topic.lower() in (name.lower() for name in known):
                message += " Topic names are case-sensitive."
            raise StatementError(message, statement.node.at, statement.text)
        return Printing(statement.node)
    assert isinstance(statement.node, ast.Select)
    with failures_show(statement.text):
        return _selected(executor, statement.node, {**executor.config.properties, **checked}, statement.text)


def _only_query(
    executor: Executor, text: str, properties: dict[str, str], variables: Mapping[str, str]
) -> tuple[ParsedStatement, dict[str, str]]:
    """The one SELECT or PRINT of the text; SET before it counts."""
    try:
        parsed = parse_script(text, executor.world.catalog.types, variables)
    except StatementError as failure:
        raise StatementError(f"{failure.message}\nStatement: {text}", failure.at, text) from failure
    queries = []
    for each in parsed:
        if isinstance(each.node, ast.SetProperty):
            properties = {**properties, **check_overrides({each.node.name: each.node.value})}
        else:
            queries.append(each)
    if len(queries) != 1:
        raise StatementError(f"Expected exactly one KSQL statement; found {len(queries)} instead", None, text)
    if not isinstance(queries[0].node, ast.Select | ast.PrintTopic):
        shown = queries[0].text
        raise StatementError(f"Neither a query nor a print statement\nStatement: {shown}", None, shown)
    return queries[0], properties


def _selected(
    executor: Executor, node: ast.Select, properties: dict[str, str], text: str
) -> Pulled | Pushing:
    world = executor.world
    check_sources(world.catalog, node.query)
    topics = executor.log.topics()
    if node.query.emit is None:
        check_pull(node.query, properties)
    plan = plan_query(node, world.catalog, topics.get, properties)
    columns = _columns(plan)
    if node.query.emit is None:
        return _pulled(executor, plan, columns)
    query_id = f"transient_{plan.sources[0]}_{random.getrandbits(62)}"

    def start(sink: Any) -> Any:
        return executor.engine.push(plan, sink, properties)

    return Pushing(query_id, columns, plan.limit, text, start)


PULL_REFUSES: dict[str, Callable[[ast.Query], object]] = {
    "JOIN": lambda query: query.joins,
    "WINDOW": lambda query: query.window,
    "GROUP BY": lambda query: query.group_by,
    "PARTITION BY": lambda query: query.partition_by,
    "HAVING": lambda query: query.having,
}
PLACES = ("ROWPARTITION", "ROWOFFSET")


def check_pull(query: ast.Query, properties: Mapping[str, str]) -> None:
    """What a pull query can't do, because it reads what is kept and not the records."""
    if query.limit is not None and properties.get("ksql.query.pull.limit.clause.enabled") == "false":
        raise StatementError(
            "LIMIT clause in pull queries is currently disabled. You can enable them by setting "
            "ksql.query.pull.limit.clause.enabled=true. See https://cnfl.io/queries for more info.\n"
            "Add EMIT CHANGES if you intended to issue a push query."
        )
    for clause, given in PULL_REFUSES.items():
        if given(query) is not None and given(query) != ():
            raise StatementError(
                f"Pull queries don't support {clause} clauses. See https://cnfl.io/queries for more info.\n"
                "Add EMIT CHANGES if you intended to issue a push query."
            )
    for clause, parts in (("SELECT", query.select), ("WHERE", (query.where,))):
        named = {node.name for part in parts if part for node in walk(part) if isinstance(node, ast.Name)}
        found = [f"`{name}`" for name in PLACES if name in named]
        if found:
            raise StatementError(
                f"Pull queries don't support the following columns in {clause} clauses: {', '.join(found)}"
            )


def _columns(plan: QueryPlan) -> tuple[OutputColumn, ...]:
    """Key columns are marked in the answers of pull queries on tables."""
    first = plan.froms[0]
    keys = {"ws0", "we0", *(slot_of(first, column.name) for column in first.source.schema.key)}
    marked = plan.emit is None and not first.source.is_stream
    return tuple(
        OutputColumn(name, typed.type, marked and getattr(typed, "slot", None) in keys)
        for name, typed in plan.root.value
    )


LIMIT_REACHED, COMPLETED = "Limit Reached", "Query Completed"


def _pulled(executor: Executor, plan: QueryPlan, columns: tuple[OutputColumn, ...]) -> Pulled:
    source = plan.froms[0].source
    if not source.is_stream and source.query_id not in executor.world.queries:
        raise StatementError(
            f"The `{source.name}` table isn't queryable. To derive a queryable table, you can do 'CREATE "
            "TABLE "
            f"QUERYABLE_{source.name} AS SELECT * FROM {source.name}'. See https://cnfl.io/queries for "
            "more info.\n"
            "Add EMIT CHANGES if you intended to issue a push query."
        )
    result = executor.engine.pull(plan)
    message = None
    if source.is_stream:
        message = LIMIT_REACHED if len(result.rows) == plan.limit else COMPLETED
    query_id = (
        f"transient_{source.name}_{random.getrandbits(62)}"
        if source.is_stream
        else f"query_{executor.clock()}"
    )
    return Pulled(query_id, columns, result.rows, message)
