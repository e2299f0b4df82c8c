"""Table functions in a projection: a row becomes as many rows as the longest of their lists.

In:  an analysed query. Out: the step that flattens, and the slot each call's element stands in.
Source of the rules: ksqlDB's documentation of table functions.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.errors import StatementError
from penstock.functions.registry import find_table_function, is_table_function
from penstock.language import ast
from penstock.language.analyser import Analysis, aggregate_calls
from penstock.language.catalog import TABLE
from penstock.language.expressions import CastTo, ColumnRef, Typed
from penstock.language.resolve import resolve
from penstock.language.scope import QueryScope
from penstock.language.trees import walk
from penstock.plan.steps import Flatten, Step, TableCall


def table_calls(expression: ast.Node) -> list[ast.Call]:
    return [node for node in walk(expression) if isinstance(node, ast.Call) and is_table_function(node.name)]


def flattened(
    analysis: Analysis, step: Step, scope: QueryScope, slots: dict[ast.Expression, Typed]
) -> tuple[Step, dict[ast.Expression, Typed]]:
    """The step over which the projection stands, and its slots with those of the calls."""
    calls = list(dict.fromkeys(_calls(analysis)))
    if not calls:
        return step, slots
    if analysis.froms[0].source.kind == TABLE:
        raise StatementError("Table source is not supported with table functions")
    bound = tuple(_bind(call, scope, slots) for call in calls)
    named: dict[ast.Expression, Typed] = {
        call: ColumnRef(made.function.returns, f"x{n}")
        for n, (call, made) in enumerate(zip(calls, bound, strict=True))
    }
    return Flatten(step, bound), {**slots, **named}


def check_no_table_functions(analysis: Analysis) -> None:
    for _ in _calls(analysis):
        raise StatementError("Table functions cannot be used with aggregations.")


def _calls(analysis: Analysis) -> Iterator[ast.Call]:
    for item in analysis.items:
        for node in walk(item.expression):
            if isinstance(node, ast.Case) and table_calls(node):
                name = table_calls(node)[0].name
                raise StatementError(f"Table functions cannot be used in CASE: {name}")
        yield from table_calls(item.expression)


def _bind(call: ast.Call, scope: QueryScope, slots: dict[ast.Expression, Typed]) -> TableCall:
    for argument in call.arguments:
        if table_calls(argument):
            inner = table_calls(argument)[0].name
            raise StatementError(f"Table functions cannot be nested: {call.name}({inner}())", call.at)
        if aggregate_calls(argument):
            raise StatementError("Table functions cannot be used with aggregations.", call.at)
    function = find_table_function(call.name)
    assert function is not None
    typed = [resolve(argument, scope, "SELECT", slots) for argument in call.arguments]
    bound = function.bind([part.type for part in typed])
    cast = zip(typed, bound.parameters, strict=True)
    arguments = tuple(part if part.type == wanted else CastTo(wanted, part) for part, wanted in cast)
    return TableCall(bound, arguments)
