"""Which statement is carried out by whom: one table of those that change something, one of those that read.

A statement that is missing from both tables is refused by the name of its kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from penstock.errors import QueryOnKsql, StatementError
from penstock.executor import asserts, connectors, create, describe, drop, inserts, queries, show
from penstock.executor.entities import Entity, WarningEntity
from penstock.executor.properties import check_set
from penstock.executor.reads import Reads
from penstock.executor.words import failures_show
from penstock.executor.world import Decision, Session, Task
from penstock.language import ast
from penstock.language.catalog import STREAM, TABLE

Decide = Callable[[Task], Decision]
Answer = Callable[[Task, Reads], Entity]


def set_property(task: Task) -> Decision:
    node: ast.SetProperty = task.node
    with failures_show(task.text):
        check_set(node.name, node.value)
    return _in_session(
        task, replace(task.session, properties={**task.session.properties, node.name: node.value})
    )


def unset_property(task: Task) -> Decision:
    left = {name: value for name, value in task.session.properties.items() if name != task.node.name}
    return _in_session(task, replace(task.session, properties=left))


def define(task: Task) -> Decision:
    node: ast.Define = task.node
    return _in_session(
        task, replace(task.session, variables={**task.session.variables, node.name: node.value})
    )


def undefine(task: Task) -> Decision:
    node: ast.Undefine = task.node
    if node.name not in task.session.variables:
        message = f"Cannot undefine variable '{node.name}' which was never defined"
        return Decision(task.world, WarningEntity(statement_text=task.text, message=message))
    left = {name: value for name, value in task.session.variables.items() if name != node.name}
    return _in_session(task, replace(task.session, variables=left))


def _in_session(task: Task, session: Session) -> Decision:
    return Decision(task.world, session=session)


def query_on_ksql(task: Task) -> Decision:
    failure = QueryOnKsql(
        "The following statement types should be issued to the websocket endpoint '/query':\n\t* "
        "PRINT\n\t* SELECT"
    )
    failure.statement = task.text
    raise failure


def not_here(task: Task) -> Decision:
    raise StatementError(
        f"{' '.join(task.text.split()[:2]).upper()} can't be sent to a server.", task.node.at, task.text
    )


DECIDERS: dict[type[ast.Statement], Decide] = {
    ast.CreateSource: create.create_source,
    ast.CreateAs: queries.create_as,
    ast.InsertSelect: queries.insert_select,
    ast.InsertValues: inserts.insert_values,
    ast.DropSource: drop.drop_source,
    ast.AlterSource: create.alter_source,
    ast.CreateType: create.create_type,
    ast.DropType: create.drop_type,
    ast.QueryControl: queries.control_query,
    ast.SetProperty: set_property,
    ast.UnsetProperty: unset_property,
    ast.Define: define,
    ast.Undefine: undefine,
    ast.Select: query_on_ksql,
    ast.PrintTopic: query_on_ksql,
    ast.AlterSystem: not_here,
    ast.RunScript: not_here,
    ast.AssertValues: not_here,
    ast.AssertSource: not_here,
}


def shown(task: Task, reads: Reads) -> Entity:
    """SHOW: connectors are the worker's, everything else is ours."""
    return connectors.SHOWS.get(task.node.what, show.show)(task, reads)


DESCRIBES: dict[str, Answer] = {
    "SOURCE": describe.describe_source,
    "STREAMS": lambda task, reads: show.source_descriptions(task, reads, STREAM, task.node.extended),
    "TABLES": lambda task, reads: show.source_descriptions(task, reads, TABLE, task.node.extended),
    "FUNCTION": describe.describe_function,
    "CONNECTOR": connectors.describe_connector,
}

ANSWERS: dict[type[ast.Statement], Answer] = {
    ast.Show: shown,
    ast.Describe: lambda task, reads: DESCRIBES[task.node.what](task, reads),
    ast.Explain: describe.explain,
    ast.AssertTopic: asserts.assert_topic,
    ast.AssertSchema: asserts.assert_schema,
    ast.CreateConnector: connectors.create_connector,
    ast.DropConnector: connectors.drop_connector,
}
assert DECIDERS.keys() | ANSWERS.keys() == ast.STATEMENTS, ast.STATEMENTS ^ (DECIDERS.keys() | ANSWERS.keys())

TRIED_FIRST = (ast.Explain, ast.Describe)
"""Answers that depend on the catalog alone: a request that holds a wrong one is refused before it begins."""


def answer(task: Task, reads: Reads) -> Entity:
    with failures_show(task.text):
        return ANSWERS[type(task.node)](task, reads)
