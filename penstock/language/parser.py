"""Text to syntax tree: the door to the parser.

In:  the text of statements, the custom types there are, the session's variables.
Out: frozen nodes of ast.py, each statement with its own text as it was run.

    lexer.py  text -> tokens            parse_types.py        parse_definitions.py
    cursor.py the place reached    ->   parse_expressions.py  parse_statements.py     ->  ast.py
                                        parse_queries.py

A statement may change what the ones after it mean: CREATE TYPE and DEFINE take effect at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from penstock.errors import StatementError
from penstock.language import ast, parse_expressions, parse_statements, parse_types
from penstock.language.cursor import Cursor
from penstock.language.lexer import END
from penstock.types import SqlType


@dataclass(frozen=True, slots=True)
class ParsedStatement:
    """A statement and its text as written, with `;` and with its variables replaced."""

    text: str
    node: ast.Statement


def parse_script(
    text: str,
    types: Mapping[str, SqlType] | None = None,
    variables: Mapping[str, str] | None = None,
    test_statements: bool = False,
) -> list[ParsedStatement]:
    """All statements of a text, or the first failure. `test_statements` admits ASSERT VALUES and its like."""
    return list(iter_statements(text, types, variables, test_statements))


def iter_statements(
    text: str,
    types: Mapping[str, SqlType] | None = None,
    variables: Mapping[str, str] | None = None,
    test_statements: bool = False,
) -> Iterator[ParsedStatement]:
    """One statement after the other, each parsed when it is asked for."""
    known: dict[str, SqlType] = dict(types or {})
    values: dict[str, str] = dict(variables or {})
    c = Cursor(text, known, values, test_statements)
    while c.kind != END:
        if c.accept(";"):
            continue
        start = c.token.start
        with _failures_name(partial(_whole_statement, c, start)):
            node = parse_statements.statement(c)
            c.end_statement()
        yield ParsedStatement(c.text_between(start, c.tokens[c.index - 1].end), node)
        _remember(node, known, values)


def _remember(node: ast.Statement, types: dict[str, SqlType], values: dict[str, str]) -> None:
    match node:
        case ast.CreateType(name, kind):
            types.setdefault(name, kind)
        case ast.DropType(name):
            types.pop(name, None)
        case ast.Define(name, value):
            values[name] = value
        case ast.Undefine(name):
            values.pop(name, None)


def _whole_statement(c: Cursor, start: int) -> str:
    """The text of a statement that failed, up to its end."""
    stop = next((each for each in c.tokens[c.index :] if each.kind in (";", END)), c.tokens[-1])
    return c.text[start : stop.end]


@contextmanager
def _failures_name(statement: Callable[[], str]) -> Iterator[None]:
    """Whatever fails inside says which statement it was."""
    try:
        yield
    except StatementError as failure:
        failure.statement = statement()
        raise
    except RecursionError as deep:
        text = statement()
        raise StatementError(
            "The statement has too many expressions inside each other.", None, text
        ) from deep


def parse_statement(
    text: str,
    types: Mapping[str, SqlType] | None = None,
    variables: Mapping[str, str] | None = None,
    test_statements: bool = False,
) -> ast.Statement:
    """A single statement; its `;` may be missing."""
    c = Cursor(text, types or {}, variables or {}, test_statements)
    with _failures_name(lambda: text):
        node = parse_statements.statement(c)
        c.accept(";")
        _expect_end(c)
    return node


def parse_expression(text: str, types: Mapping[str, SqlType] | None = None) -> ast.Expression:
    c = Cursor(text, types or {}, {})
    with _failures_name(lambda: text):
        node = parse_expressions.expression(c)
        _expect_end(c)
    return node


def parse_type(text: str, types: Mapping[str, SqlType] | None = None) -> SqlType:
    c = Cursor(text, types or {}, {})
    kind = parse_types.parse_type(c)
    _expect_end(c)
    return kind


def _expect_end(c: Cursor) -> None:
    if c.kind != END:
        c.fail_near()
