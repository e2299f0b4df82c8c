"""The words of a refusal: an expression as ksqlDB prints it, and the two kinds of refusal."""

from __future__ import annotations

from penstock.errors import StatementError
from penstock.language import ast
from penstock.language.trees import rewrite


class TypeProblem(StatementError):
    """Found while typing; WHERE and HAVING put their name in front."""


class CodeProblem(StatementError):
    """Found, in ksqlDB, while making code; its message also shows the whole expression."""


def shown(node: ast.Node) -> str:
    """Column names stand without the source they were found in."""
    from penstock.language.printer import expression

    if isinstance(node, ast.When):
        return f"WHEN {shown(node.condition)} THEN {shown(node.result)}"
    plain = rewrite(node, lambda each: _unqualified(each))
    assert isinstance(plain, ast.Expression)
    return expression(plain)


def _unqualified(node: ast.Node) -> ast.Node | None:
    if isinstance(node, ast.Name) and node.qualifier is not None:
        return ast.Name(node.name, at=node.at)
    return None
