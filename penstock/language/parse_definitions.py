"""Statements that define and remove: streams, tables, types, connectors.

In:  the cursor at CREATE or DROP. Out: a Statement node.

    CREATE [OR REPLACE] [SOURCE] STREAM|TABLE [IF NOT EXISTS] n [(elements)] [WITH (properties)] [AS query]
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from penstock.errors import StatementError
from penstock.language import ast
from penstock.language.cursor import Cursor
from penstock.language.lexer import QUOTED_NAME, TEXT, name_of
from penstock.language.parse_queries import persistent_query
from penstock.language.parse_types import parse_type
from penstock.language.print_expressions import literal
from penstock.types import quote

Builder = Callable[[Cursor], ast.Statement]

ROLES = {"STREAM": "KEY", "TABLE": "PRIMARY KEY"}


def _create(c: Cursor) -> ast.Statement:
    """CREATE SOURCE begins a source stream and a source connector alike."""
    if c.ahead() in ("SOURCE", "SINK") and c.ahead(2) == "CONNECTOR":
        return _create_connector(c)
    return _create_source(c)


def _create_source(c: Cursor) -> ast.Statement:
    at = c.position()
    c.expect("CREATE")
    or_replace = c.accept("OR")
    if or_replace:
        c.expect("REPLACE")
    read_only = c.accept("SOURCE")
    if c.kind not in ROLES:
        c.fail_expecting(*ROLES)
    kind = c.next().kind
    if_not_exists = c.accept("IF", "NOT", "EXISTS")
    name = c.name()
    declared = elements(c) if c.kind == "(" else None
    given = properties(c) if c.kind == "WITH" else ()
    if declared is None and not read_only and c.accept("AS"):
        found = persistent_query(c)
        return ast.CreateAs(kind, name, given, found, or_replace, if_not_exists, at=at)
    _check_roles(kind, declared or ())
    return ast.CreateSource(kind, name, declared or (), given, or_replace, if_not_exists, read_only, at=at)


def _check_roles(kind: str, declared: tuple[ast.Element, ...]) -> None:
    wanted = ROLES[kind]
    for each in declared:
        if each.role in ROLES.values() and each.role != wanted:
            place = f"Line: {each.at.line}, Col: {each.at.column}"
            column = f"Column {quote(each.name)} is a '{each.role}' column"
            advice = f"please use '{wanted}' for {kind.lower()}s."
            raise StatementError(f"{place}: {column}: {advice}", each.at)


def elements(c: Cursor) -> tuple[ast.Element, ...]:
    c.expect("(")
    found: list[ast.Element] = []
    if c.kind != ")":
        found.append(_element(c))
        while c.accept(","):
            found.append(_element(c))
    if c.kind != ")":
        c.fail_expecting(",", ")")
    c.next()
    return tuple(found)


def _element(c: Cursor) -> ast.Element:
    at = c.position()
    name, kind = c.name(), parse_type(c)
    if c.accept("HEADER", "("):
        header = c.string()
        c.expect(")")
        return ast.Element(name, kind, "HEADER", header, at=at)
    for role in (("PRIMARY", "KEY"), ("KEY",), ("HEADERS",)):
        if c.accept(*role):
            return ast.Element(name, kind, " ".join(role), at=at)
    return ast.Element(name, kind, at=at)


def properties(c: Cursor, keep_case: bool = False) -> ast.Properties:
    """WITH (name = literal, ...) in the order of the names; a name may stand in quotes of any kind."""
    c.expect("WITH", "(")
    found: dict[str, Any] = {}
    while c.kind != ")" or found:
        at = c.position()
        written = _property_name(c)
        name = written if keep_case else written.upper()
        c.expect("=")
        value = c.literal()
        if name in found:
            later, earlier = (f"{name}={literal(each)}" for each in (value, found[name]))
            raise c.refused(f"Multiple entries with same key: {later} and {earlier}", at)
        found[name] = value
        if not c.accept(","):
            break
    if c.kind != ")":
        c.fail_expecting(",", ")")
    c.next()
    return tuple(sorted(found.items(), key=itemgetter(0)))


def _property_name(c: Cursor) -> str:
    if c.kind == TEXT:
        return c.string()
    token = c.name_token()
    return name_of(token) if token.kind == QUOTED_NAME else token.text


def _create_connector(c: Cursor) -> ast.Statement:
    at = c.position()
    c.expect("CREATE")
    kind = c.next().kind
    c.expect("CONNECTOR")
    if_not_exists = c.accept("IF", "NOT", "EXISTS")
    name = c.resource()
    return ast.CreateConnector(kind, name, properties(c, keep_case=True), if_not_exists, at=at)


def _create_type(c: Cursor) -> ast.Statement:
    at = c.position()
    c.expect("CREATE", "TYPE")
    if_not_exists = c.accept("IF", "NOT", "EXISTS")
    name = c.name()
    c.expect("AS")
    return ast.CreateType(name, parse_type(c), if_not_exists, at=at)


def _drop_source(c: Cursor) -> ast.Statement:
    at = c.position()
    c.expect("DROP")
    kind = c.next().kind
    if_exists = c.accept("IF", "EXISTS")
    name = c.name()
    return ast.DropSource(kind, name, if_exists, c.accept("DELETE", "TOPIC"), at=at)


def _drop_connector(c: Cursor) -> ast.Statement:
    at = c.position()
    c.expect("DROP", "CONNECTOR")
    if_exists = c.accept("IF", "EXISTS")
    return ast.DropConnector(c.resource(), if_exists, at=at)


def _drop_type(c: Cursor) -> ast.Statement:
    at = c.position()
    c.expect("DROP", "TYPE")
    if_exists = c.accept("IF", "EXISTS")
    return ast.DropType(c.name(), if_exists, at=at)


CREATE: dict[str, Builder] = {
    "STREAM": _create_source,
    "TABLE": _create_source,
    "OR": _create_source,
    "SOURCE": _create,
    "SINK": _create_connector,
    "TYPE": _create_type,
}

DROP: dict[str, Builder] = {
    "STREAM": _drop_source,
    "TABLE": _drop_source,
    "CONNECTOR": _drop_connector,
    "TYPE": _drop_type,
}
