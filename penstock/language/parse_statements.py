"""Statements: one function for each first word, and tables that lead to them.

In:  the cursor at the first word. Out: a Statement node; the final `;` is the caller's.
Definitions of streams, tables, types and connectors stand in parse_definitions.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NoReturn

from penstock.errors import did_you_mean
from penstock.language import ast
from penstock.language.cursor import NAME_KINDS, Cursor
from penstock.language.lexer import END, QUOTED_NAME
from penstock.language.parse_definitions import CREATE, DROP, Builder, elements, properties
from penstock.language.parse_expressions import expression
from penstock.language.parse_queries import duration, persistent_query, query
from penstock.language.parse_types import parse_type
from penstock.language.words import OPENING


def statement(c: Cursor) -> ast.Statement:
    build = STATEMENTS.get(c.kind)
    if build is None:
        _unknown(c, (c.token.text,), STATEMENTS)
    return build(c)


def _unknown(c: Cursor, words: tuple[str, ...], known: Iterable[str]) -> NoReturn:
    """No statement begins like this; a misspelt last word gets its suggestion."""
    if c.kind in (";", END):
        c.fail_expecting(*known)
    *before, last = words
    near = did_you_mean(last, known).removeprefix(" Did you mean ").removesuffix("?")
    hint = f"\nDid you mean '{' '.join([*before, near])}'?" if near else ""
    c.fail(f"Unknown statement '{' '.join(words)}'{hint}")


def _second_word(known: dict[str, Builder]) -> Builder:
    """Statements that are told apart by the word after the first."""

    def build(c: Cursor) -> ast.Statement:
        first = c.token.text.upper()
        found = known.get(c.ahead())
        if found is None:
            c.next()
            _unknown(c, (first, c.token.text), known)
        return found(c)

    return build


# --- reading and writing rows ------------------------------------------------------------------------


def _select(c: Cursor) -> ast.Statement:
    at = c.position()
    return ast.Select(query(c), at=at)


def _insert(c: Cursor) -> ast.Statement:
    at = c.position()
    c.expect("INSERT", "INTO")
    target_at = c.position()
    target = c.name()
    given = properties(c) if c.kind == "WITH" else ()
    if given or c.kind == "SELECT":
        return ast.InsertSelect(target, persistent_query(c), given, target_at, at=at)
    columns = _columns(c)
    c.expect("VALUES")
    values = _values(c)
    if columns and len(columns) != len(values):
        counts = f"{len(columns)}, {len(values)}"
        raise c.refused(f"Expected number columns and values to match: {counts}", at)
    return ast.InsertValues(target, columns, values, at=at)


def _columns(c: Cursor) -> tuple[str, ...]:
    if not c.accept("("):
        return ()
    names = [c.name()]
    while c.accept(","):
        names.append(c.name())
    c.expect(")")
    return tuple(names)


def _values(c: Cursor) -> tuple[ast.Expression, ...]:
    c.open()
    found = [expression(c)]
    while c.accept(","):
        found.append(expression(c))
    c.close()
    return tuple(found)


def _print(c: Cursor) -> ast.Statement:
    at = c.position()
    c.expect("PRINT")
    topic = c.resource()
    from_beginning = c.accept("FROM", "BEGINNING")
    interval = c.whole() if c.accept("INTERVAL") or c.accept("SAMPLE") else None
    limit = c.whole() if c.accept("LIMIT") else None
    return ast.PrintTopic(topic, from_beginning, interval, limit, at=at)


# --- looking -----------------------------------------------------------------------------------------

SHOWN = (
    "PROPERTIES",
    "STREAMS",
    "TABLES",
    "QUERIES",
    "FUNCTIONS",
    "TYPES",
    "VARIABLES",
    "TOPICS",
    "CONNECTORS",
)
EXTENDABLE = ("TOPICS", "STREAMS", "TABLES", "QUERIES")


def _show(c: Cursor) -> ast.Statement:
    at = c.position()
    first = c.next().text.upper()
    if c.accept("CONNECTOR", "PLUGINS"):
        return ast.Show("CONNECTOR PLUGINS", at=at)
    if c.kind in ("SOURCE", "SINK"):
        kind = c.next().kind
        c.expect("CONNECTORS")
        return ast.Show("CONNECTORS", connector_kind=kind, at=at)
    every = c.sees("ALL", "TOPICS") and c.accept("ALL")
    if c.kind not in SHOWN:
        _unknown(c, (first, c.token.text), SHOWN)
    what = c.next().kind
    extended = what in EXTENDABLE and c.accept("EXTENDED")
    return ast.Show(what, extended, every, at=at)


def _describe(c: Cursor) -> ast.Statement:
    at = c.position()
    c.expect("DESCRIBE")
    if c.accept("STREAMS") or c.accept("TABLES"):
        what = c.tokens[c.index - 1].kind
        return ast.Describe(what, None, c.accept("EXTENDED"), at=at)
    if c.accept("CONNECTOR"):
        return ast.Describe("CONNECTOR", c.resource(), at=at)
    if c.kind == "FUNCTION" and c.ahead() in NAME_KINDS:
        c.next()
        return ast.Describe("FUNCTION", c.name().upper(), at=at)
    return ast.Describe("SOURCE", c.name(), c.accept("EXTENDED"), at=at)


def _explain(c: Cursor) -> ast.Statement:
    at = c.position()
    c.expect("EXPLAIN")
    if c.kind in NAME_KINDS and c.ahead() in (";", END):
        return ast.Explain(None, c.name(), at=at)
    start = c.token.start
    inner = statement(c)
    text = c.text_between(start, c.tokens[c.index - 1].end) + ";"
    return ast.Explain(inner, text=text, at=at)


# --- queries, settings and variables -----------------------------------------------------------------


def _control(c: Cursor) -> ast.Statement:
    at = c.position()
    action = c.next().kind
    return ast.QueryControl(action, None if c.accept("ALL") else c.name(), at=at)


def _set(c: Cursor) -> ast.Statement:
    at = c.position()
    c.expect("SET")
    name = c.string()
    c.expect("=")
    return ast.SetProperty(name, c.string(), at=at)


def _unset(c: Cursor) -> ast.Statement:
    at = c.position()
    c.expect("UNSET")
    return ast.UnsetProperty(c.string(), at=at)


def _define(c: Cursor) -> ast.Statement:
    at = c.position()
    c.expect("DEFINE")
    name = _variable_name(c)
    c.expect("=")
    return ast.Define(name, c.string(), at=at)


def _undefine(c: Cursor) -> ast.Statement:
    at = c.position()
    c.expect("UNDEFINE")
    return ast.Undefine(_variable_name(c), at=at)


def _variable_name(c: Cursor) -> str:
    """A bare name, whose case counts."""
    if c.kind == QUOTED_NAME:
        c.fail_near()
    return c.name_token().text


def _alter_source(c: Cursor) -> ast.Statement:
    at = c.position()
    c.expect("ALTER")
    kind = c.next().kind
    name = c.name()
    added = [_added(c)]
    while c.accept(","):
        added.append(_added(c))
    return ast.AlterSource(kind, name, tuple(added), at=at)


def _added(c: Cursor) -> ast.Element:
    c.expect("ADD")
    # COLUMN is a free word: `ADD column INT` adds a column of that name.
    if c.kind == "COLUMN" and c.ahead(2) not in (";", ",", END):
        c.next()
    at = c.position()
    return ast.Element(c.name(), parse_type(c), at=at)


def _alter_system(c: Cursor) -> ast.Statement:
    at = c.position()
    c.expect("ALTER", "SYSTEM")
    name = c.string()
    c.expect("=")
    return ast.AlterSystem(name, c.string(), at=at)


def _run_script(c: Cursor) -> ast.Statement:
    at = c.position()
    c.expect("RUN", "SCRIPT")
    return ast.RunScript(c.string(), at=at)


# --- assertions --------------------------------------------------------------------------------------


def _assert(c: Cursor) -> ast.Statement:
    at = c.position()
    c.expect("ASSERT")
    exists = not c.accept("NOT", "EXISTS")
    if c.accept("TOPIC"):
        topic = c.resource()
        given = properties(c) if c.kind == "WITH" else ()
        return ast.AssertTopic(topic, given, _timeout_ms(c), exists, at=at)
    if c.accept("SCHEMA"):
        subject = c.resource() if c.accept("SUBJECT") else None
        schema_id = c.whole() if c.accept("ID") else None
        return ast.AssertSchema(subject, schema_id, _timeout_ms(c), exists, at=at)
    build = TEST_ASSERTS.get(c.kind) if c.test_statements and exists else None
    if build is None:
        c.fail_near()
    return build(c, at)


def _timeout_ms(c: Cursor) -> int | None:
    return duration(c).ms if c.accept("TIMEOUT") else None


def _assert_values(c: Cursor, at: ast.Position) -> ast.Statement:
    c.expect("VALUES")
    source, columns = c.name(), _columns(c)
    c.expect("VALUES")
    return ast.AssertValues(source, columns, _values(c), at=at)


def _assert_null_values(c: Cursor, at: ast.Position) -> ast.Statement:
    c.expect("NULL", "VALUES")
    source, columns = c.name(), _columns(c)
    c.expect("KEY")
    return ast.AssertValues(source, columns, _values(c), tombstone=True, at=at)


def _assert_source(c: Cursor, at: ast.Position) -> ast.Statement:
    kind = c.next().kind
    name = c.name()
    declared = elements(c) if c.kind == "(" else ()
    given = properties(c) if c.kind == "WITH" else ()
    return ast.AssertSource(kind, name, declared, given, at=at)


TEST_ASSERTS: dict[str, Callable[[Cursor, ast.Position], ast.Statement]] = {
    "VALUES": _assert_values,
    "NULL": _assert_null_values,
    "STREAM": _assert_source,
    "TABLE": _assert_source,
}

ALTER: dict[str, Builder] = {"STREAM": _alter_source, "TABLE": _alter_source, "SYSTEM": _alter_system}

STATEMENTS: dict[str, Builder] = {
    "SELECT": _select,
    "CREATE": _second_word(CREATE),
    "DROP": _second_word(DROP),
    "ALTER": _second_word(ALTER),
    "INSERT": _insert,
    "PRINT": _print,
    "SHOW": _show,
    "LIST": _show,
    "DESCRIBE": _describe,
    "EXPLAIN": _explain,
    "TERMINATE": _control,
    "PAUSE": _control,
    "RESUME": _control,
    "SET": _set,
    "UNSET": _unset,
    "DEFINE": _define,
    "UNDEFINE": _undefine,
    "ASSERT": _assert,
    "RUN": _run_script,
}
assert STATEMENTS.keys() == OPENING, STATEMENTS.keys() ^ OPENING
