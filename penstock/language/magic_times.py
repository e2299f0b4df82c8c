"""Times in WHERE as text: what ROWTIME, WINDOWSTART and WINDOWEND are compared to may be a date.

In:  a qualified condition. Out: the same with each text beside such a column as milliseconds.

    ROWTIME >= '2024-02-29T13'        ROWTIME >= 1709211600000
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from penstock.errors import StatementError
from penstock.functions.iso_times import timestamp_from_text
from penstock.language import ast
from penstock.language.trees import rewrite

TIMES = ("ROWTIME", "WINDOWSTART", "WINDOWEND")


def with_times(condition: ast.Expression | None) -> ast.Expression | None:
    return None if condition is None else rewrite(condition, _changed)


def _changed(node: ast.Node) -> ast.Node | None:
    match node:
        case ast.Comparison(left=left, right=right) if _is_time(left) or _is_time(right):
            return replace(node, left=_milliseconds(left), right=_milliseconds(right))
        case ast.Between(value=value, low=low, high=high) if _is_time(value):
            return replace(node, low=_milliseconds(low), high=_milliseconds(high))
    return None


def _is_time(node: ast.Expression) -> bool:
    return isinstance(node, ast.Name) and node.name in TIMES


def _milliseconds(node: ast.Expression) -> Any:
    if not isinstance(node, ast.String):
        return node
    try:
        return ast.Integer(timestamp_from_text(node.value), at=node.at)
    except ValueError as problem:
        raise StatementError(str(problem), node.at) from problem
