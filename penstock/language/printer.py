"""Statements back into text, in ksqlDB's canonical spelling.

In:  a node, printed as it is: the analyser qualifies names and fills in properties before. Out: the text of
`statementText`. What is printed reads back as the same node.

    create stream big as select id from orders where amount>10   ->   CREATE STREAM BIG AS SELECT ID
                                                                      FROM ORDERS ORDERS
                                                                      WHERE (AMOUNT > 10)
                                                                      EMIT CHANGES;
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from operator import itemgetter
from typing import Any

from penstock.language import ast
from penstock.language.durations import Duration
from penstock.language.print_expressions import expression, listed, literal, string, type_text
from penstock.language.words import name_text
from penstock.types import PLAIN_NAME, quote

__all__ = ["canonical", "expression", "masked", "query", "type_text"]


def canonical(statement: ast.Statement) -> str:
    return body(statement) + ";"


def body(statement: ast.Statement) -> str:
    """A statement without its `;`."""
    return STATEMENTS[type(statement)](statement)


# --- queries -----------------------------------------------------------------------------------------


def query(node: ast.Query) -> str:
    clauses = [f"SELECT{_select_items(node)}", f"FROM {_relation(node.source)}"]
    clauses += [_join(join) for join in node.joins]
    if node.window:
        clauses.append(f"WINDOW {node.window.text or _window_text(node.window)}")
    if node.where:
        clauses.append(f"WHERE {expression(node.where)}")
    if node.group_by is not None:
        clauses.append(f"GROUP BY {listed(node.group_by) or '()'}")
    if node.partition_by is not None:
        clauses.append(f"PARTITION BY {listed(node.partition_by) or '()'}")
    if node.having:
        clauses.append(f"HAVING {expression(node.having)}")
    if node.emit:
        clauses.append(f"EMIT {node.emit}")
    if node.limit is not None:
        clauses.append(f"LIMIT {node.limit}")
    return "\n".join(clauses)


def _select_items(node: ast.Query) -> str:
    items = [SELECTED[type(item)](item) for item in node.select]
    return f" {items[0]}" if len(items) == 1 else "\n  " + ",\n  ".join(items)


def _select_item(item: ast.SelectItem) -> str:
    alias = f" {name_text(item.alias)}" if item.alias is not None else ""
    return expression(item.expression) + alias


SELECTED: dict[type[ast.Node], Callable[[Any], str]] = {
    ast.SelectItem: _select_item,
    ast.SelectStar: lambda item: "*" if item.qualifier is None else f"{name_text(item.qualifier)}.*",
    ast.SelectStructStar: lambda item: f"{expression(item.expression)}->*",
}


def _relation(node: ast.Relation) -> str:
    return f"{name_text(node.name)} {name_text(node.alias)}"


JOINS = {
    "INNER": "INNER JOIN",
    "LEFT": "LEFT OUTER JOIN",
    "RIGHT": "RIGHT OUTER JOIN",
    "OUTER": "FULL OUTER JOIN",
}


def _join(node: ast.Join) -> str:
    within = f" WITHIN {node.within.text or _within_text(node.within)}" if node.within else ""
    return f"{JOINS[node.kind]} {_relation(node.right)}{within} ON ({expression(node.criteria)})"


def _within_text(node: ast.Within) -> str:
    before, after = Duration.of_ms(node.before_ms), Duration.of_ms(node.after_ms)
    grace = f" GRACE PERIOD {Duration.of_ms(node.grace_ms)}" if node.grace_ms is not None else ""
    return (f"{before}" if before == after else f"({before}, {after})") + grace


def _window_text(node: ast.Window) -> str:
    parts = {
        "" if node.kind == "SESSION" else "SIZE": node.size_ms,
        "ADVANCE BY": node.advance_ms,
        "RETENTION": node.retention_ms,
        "GRACE PERIOD": node.grace_ms,
    }
    shown = [f"{label} {Duration.of_ms(ms)}".strip() for label, ms in parts.items() if ms is not None]
    return f"{node.kind} ( {' , '.join(shown)} ) "


# --- clauses that statements share -------------------------------------------------------------------


def _properties(given: ast.Properties) -> str:
    shown = (f"{name_text(name)}={literal(value)}" for name, value in sorted(given, key=itemgetter(0)))
    return f" WITH ({', '.join(shown)})" if given else ""


def _elements(declared: Iterable[ast.Element]) -> str:
    shown = ", ".join(map(_element, declared))
    return f" ({shown})" if shown else ""


def _element(node: ast.Element) -> str:
    role = {"VALUE": "", "HEADER": f" HEADER({string(node.header_key or '')})"}.get(
        node.role, f" {node.role}"
    )
    return f"{name_text(node.name)} {type_text(node.type)}{role}"


def _columns(names: Iterable[str]) -> str:
    shown = ", ".join(map(name_text, names))
    return f" ({shown})" if shown else ""


def _resource(name: str) -> str:
    """Topics and connectors keep their case, so what is not plain stands in quotes."""
    return name if PLAIN_NAME.match(name.upper()) and name_text(name.upper()) == name.upper() else quote(name)


def _when(text: str, condition: object) -> str:
    return text if condition else ""


# --- statements --------------------------------------------------------------------------------------


def _create(node: ast.CreateSource | ast.CreateAs) -> str:
    again = _when("OR REPLACE ", node.or_replace)
    source = _when("SOURCE ", isinstance(node, ast.CreateSource) and node.read_only)
    absent = _when("IF NOT EXISTS ", node.if_not_exists)
    return f"CREATE {again}{source}{node.kind} {absent}{name_text(node.name)}"


def _create_source(node: ast.CreateSource) -> str:
    return _create(node) + _elements(node.elements) + _properties(node.properties)


def _create_as(node: ast.CreateAs) -> str:
    return f"{_create(node)}{_properties(node.properties)} AS {query(node.query)}"


def _insert_select(node: ast.InsertSelect) -> str:
    return f"INSERT INTO {name_text(node.target)}{_properties(node.properties)} {query(node.query)}"


def _insert_values(node: ast.InsertValues) -> str:
    return f"INSERT INTO {name_text(node.target)}{_columns(node.columns)} VALUES ({listed(node.values)})"


def _drop_source(node: ast.DropSource) -> str:
    present, topic = _when("IF EXISTS ", node.if_exists), _when(" DELETE TOPIC", node.delete_topic)
    return f"DROP {node.kind} {present}{name_text(node.name)}{topic}"


def _alter_source(node: ast.AlterSource) -> str:
    added = ", ".join(f"ADD COLUMN {_element(each)}" for each in node.added)
    return f"ALTER {node.kind} {name_text(node.name)} {added}"


def _create_type(node: ast.CreateType) -> str:
    absent = _when("IF NOT EXISTS ", node.if_not_exists)
    return f"CREATE TYPE {absent}{name_text(node.name)} AS {type_text(node.type)}"


def _create_connector(node: ast.CreateConnector) -> str:
    absent = _when("IF NOT EXISTS ", node.if_not_exists)
    given = ", ".join(f"{_resource(name)}={literal(value)}" for name, value in node.properties)
    return f"CREATE {node.kind} CONNECTOR {absent}{_resource(node.name)} WITH ({given})"


def _drop_connector(node: ast.DropConnector) -> str:
    return f"DROP CONNECTOR {_when('IF EXISTS ', node.if_exists)}{_resource(node.name)}"


def _show(node: ast.Show) -> str:
    kind = f"{node.connector_kind} " if node.connector_kind else ""
    return f"SHOW {_when('ALL ', node.every)}{kind}{node.what}{_when(' EXTENDED', node.extended)}"


def _describe(node: ast.Describe) -> str:
    extended = _when(" EXTENDED", node.extended)
    if node.name is None:
        return f"DESCRIBE {node.what}{extended}"
    name = _resource(node.name) if node.what == "CONNECTOR" else name_text(node.name)
    return f"DESCRIBE {'' if node.what == 'SOURCE' else node.what + ' '}{_distinct(node, name)}{extended}"


def _distinct(node: ast.Describe, name: str) -> str:
    """A source that is called like a kind of DESCRIBE needs its quotes."""
    return quote(name) if node.what == "SOURCE" and name in ("TABLES", "FUNCTION") else name


def _explain(node: ast.Explain) -> str:
    if node.statement is None:
        return f"EXPLAIN {name_text(node.query_id or '')}"
    return f"EXPLAIN {body(node.statement)}"


def _print(node: ast.PrintTopic) -> str:
    begin = _when(" FROM BEGINNING", node.from_beginning)
    interval = f" INTERVAL {node.interval}" if node.interval is not None else ""
    limit = f" LIMIT {node.limit}" if node.limit is not None else ""
    return f"PRINT {_resource(node.topic)}{begin}{interval}{limit}"


def _timeout(ms: int | None) -> str:
    return f" TIMEOUT {Duration.of_ms(ms)}" if ms is not None else ""


def _assert_topic(node: ast.AssertTopic) -> str:
    absent = _when("NOT EXISTS ", not node.exists)
    given = _properties(node.properties)
    return f"ASSERT {absent}TOPIC {_resource(node.topic)}{given}{_timeout(node.timeout_ms)}"


def _assert_schema(node: ast.AssertSchema) -> str:
    absent = _when("NOT EXISTS ", not node.exists)
    subject = f" SUBJECT {_resource(node.subject)}" if node.subject is not None else ""
    number = f" ID {node.schema_id}" if node.schema_id is not None else ""
    return f"ASSERT {absent}SCHEMA{subject}{number}{_timeout(node.timeout_ms)}"


def _assert_values(node: ast.AssertValues) -> str:
    kind, rows = ("NULL VALUES", "KEY") if node.tombstone else ("VALUES", "VALUES")
    return f"ASSERT {kind} {name_text(node.source)}{_columns(node.columns)} {rows} ({listed(node.values)})"


def _assert_source(node: ast.AssertSource) -> str:
    rest = _elements(node.elements) + _properties(node.properties)
    return f"ASSERT {node.kind} {name_text(node.name)}{rest}"


def _control(node: ast.QueryControl) -> str:
    return f"{node.action} {'ALL' if node.query_id is None else name_text(node.query_id)}"


STATEMENTS: dict[type[ast.Statement], Callable[[Any], str]] = {
    ast.CreateSource: _create_source,
    ast.CreateAs: _create_as,
    ast.InsertSelect: _insert_select,
    ast.InsertValues: _insert_values,
    ast.Select: lambda node: query(node.query),
    ast.DropSource: _drop_source,
    ast.AlterSource: _alter_source,
    ast.CreateType: _create_type,
    ast.DropType: lambda node: f"DROP TYPE {_when('IF EXISTS ', node.if_exists)}{name_text(node.name)}",
    ast.QueryControl: _control,
    ast.CreateConnector: _create_connector,
    ast.DropConnector: _drop_connector,
    ast.Show: _show,
    ast.Describe: _describe,
    ast.Explain: _explain,
    ast.PrintTopic: _print,
    ast.SetProperty: lambda node: f"SET {string(node.name)}={string(node.value)}",
    ast.UnsetProperty: lambda node: f"UNSET {string(node.name)}",
    ast.AlterSystem: lambda node: f"ALTER SYSTEM {string(node.name)}={string(node.value)}",
    ast.Define: lambda node: f"DEFINE {node.name}={string(node.value)}",
    ast.Undefine: lambda node: f"UNDEFINE {node.name}",
    ast.AssertTopic: _assert_topic,
    ast.AssertSchema: _assert_schema,
    ast.AssertValues: _assert_values,
    ast.AssertSource: _assert_source,
    ast.RunScript: lambda node: f"RUN SCRIPT {string(node.path)}",
}
assert STATEMENTS.keys() == ast.STATEMENTS, STATEMENTS.keys() ^ ast.STATEMENTS


# --- texts that may be shown to anybody --------------------------------------------------------------


def masked(statement: ast.Statement) -> str | None:
    """The text without what may be secret, for errors and logs; None when nothing is."""
    match statement:
        case ast.InsertValues(target, columns, values):
            named = f" ({', '.join(map(quote, columns))})" if columns else ""
            hidden = ", ".join("'[value]'" for _ in values)
            return f"INSERT INTO {quote(target)}{named} VALUES ({hidden});"
        case ast.CreateConnector():
            given = tuple((name, _shown(name, value)) for name, value in statement.properties)
            return canonical(replace(statement, properties=given))
    return None


def _shown(name: str, value: object) -> object:
    return value if name in OPEN_SETTINGS else "[string]"


OPEN_SETTINGS = ("connector.class",)
