"""The words of a refusal: an expression as ksqlDB prints it, and the two kinds of refusal."""

from __future__ import annotations

from collections.abc import Callable

from penstock.errors import StatementError
from penstock.language import ast
from penstock.language.printer import expression
from penstock.language.trees import rewrite

Show = Callable[[ast.Node], str]
"""Prints an expression for a message, as the scope at hand names its columns."""


class TypeProblem(StatementError):
    """Found while typing; WHERE and HAVING put their name in front."""


class CodeProblem(StatementError):
    """Found, in ksqlDB, while making code; its message also shows the whole expression."""


def shown(node: ast.Node, joined: bool = False) -> str:
    """Column names stand without the source they were found in; of a join, as SOURCE_COLUMN."""
    if isinstance(node, ast.When):
        return f"WHEN {shown(node.condition, joined)} THEN {shown(node.result, joined)}"
    plain = rewrite(node, lambda each: _unqualified(each, joined))
    assert isinstance(plain, ast.Expression)
    return expression(plain)


def _unqualified(node: ast.Node, joined: bool) -> ast.Node | None:
    if isinstance(node, ast.Name) and node.qualifier is not None:
        return ast.Name(f"{node.qualifier}_{node.name}" if joined else node.name, at=node.at)
    return None
