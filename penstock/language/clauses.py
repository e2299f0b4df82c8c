"""What the clauses of a query must not hold, wherever they stand together.

In:  a query and its qualified clauses. Out: StatementError in ksqlDB's words.
"""

from __future__ import annotations

from penstock.errors import StatementError
from penstock.functions import registry
from penstock.language import ast
from penstock.language.trees import walk

BOUNDS = ("WINDOWSTART", "WINDOWEND")


def _check_bounds(
    query: ast.Query,
    where: ast.Expression | None,
    group_by: tuple[ast.Expression, ...] | None,
    having: ast.Expression | None,
) -> None:
    """The bounds of a window are known when its rows are grouped: not before, and not to an aggregate."""
    if query.window is None:
        return
    for expression in (where, having, *(group_by or ())):
        for node in walk(expression) if expression is not None else ():
            if isinstance(node, ast.Name) and node.qualifier is None and node.name in BOUNDS:
                raise StatementError(
                    f"Window bounds column {node.name} can only be used in the SELECT clause of windowed "
                    "aggregations and can not be passed to aggregate functions.",
                    node.at,
                )


def check_clauses(
    query: ast.Query,
    where: ast.Expression | None,
    group_by: tuple[ast.Expression, ...] | None,
    partition_by: tuple[ast.Expression, ...] | None,
    having: ast.Expression | None,
) -> None:
    _check_bounds(query, where, group_by, having)
    if query.window is not None and group_by is None:
        raise StatementError("WINDOW clause requires a GROUP BY clause.", query.window.at)
    if group_by is not None and partition_by is not None:
        raise StatementError("Queries only support one of PARTITION BY and GROUP BY")
    for clause, expressions in (("WHERE", (where,)), ("GROUP BY", group_by or ())):
        for expression in expressions:
            for call in aggregate_calls(expression):
                raise StatementError(
                    f"{clause} does not support aggregate functions: {call.name} is an aggregate function.",
                    call.at,
                )


def aggregate_calls(expression: ast.Node | None) -> list[ast.Call]:
    if expression is None:
        return []
    return [
        node for node in walk(expression) if isinstance(node, ast.Call) and registry.is_aggregate(node.name)
    ]
