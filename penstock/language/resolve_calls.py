"""Function calls: the overload chosen, lambdas typed from the collections beside them, arguments cast.

A lambda's parameters get their types from the other arguments, so those are typed first, then each lambda's
body, and only then the function is bound:

    REDUCE(NUMBERS, 0, (total, n) => total + n)     ARRAY<INTEGER>, INTEGER, LAMBDA of 2
                                                    total INTEGER, n INTEGER -> body INTEGER -> bind
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.errors import StatementError
from penstock.functions import library, registry
from penstock.functions.patterns import INTERVAL_UNIT, Argument, LambdaShape
from penstock.language import ast
from penstock.language.expressions import UNTYPED, CallOf, IntervalLiteral, LambdaExpression, Typed
from penstock.language.resolve_coercion import convert
from penstock.types import BIGINT, SqlType

if TYPE_CHECKING:
    from penstock.language.resolve import Resolver

assert library.DECLARATIONS, "importing the library fills the register"
UNIT_MS = {"MILLISECONDS": 1, "SECONDS": 1000, "MINUTES": 60_000, "HOURS": 3_600_000, "DAYS": 86_400_000}


def resolve_call(resolver: Resolver, node: ast.Call) -> Typed:
    function = registry.find_scalar(node.name)
    if function is None:
        raise _no_scalar(resolver, node)
    given = [None if isinstance(each, ast.Lambda) else _argument(resolver, each) for each in node.arguments]
    kinds = [_kind(each, typed) for each, typed in zip(node.arguments, given, strict=True)]
    try:
        arguments = _with_lambdas(resolver, function, node, given, kinds)
        bound = function.bind(kinds)
    except StatementError as refused:
        raise StatementError(str(refused), refused.at or node.at) from None
    casts = zip(arguments, bound.parameters, strict=True)
    return CallOf(
        bound.returns, bound, tuple(each if kind is None else convert(each, kind) for each, kind in casts)
    )


def _argument(resolver: Resolver, node: ast.Expression) -> Typed:
    if isinstance(node, ast.IntervalUnit):
        unit = node.unit.upper()
        unit = unit if unit.endswith("S") else f"{unit}S"
        return IntervalLiteral(BIGINT, unit, UNIT_MS[unit])
    return resolver.typed(node)


def _kind(node: ast.Expression, typed: Typed | None) -> Argument:
    if isinstance(node, ast.Lambda):
        return LambdaShape(len(node.parameters))
    if isinstance(node, ast.IntervalUnit):
        return INTERVAL_UNIT
    assert typed is not None
    return None if typed.type == UNTYPED else typed.type


def _with_lambdas(
    resolver: Resolver,
    function: registry.ScalarFunction,
    node: ast.Call,
    given: list[Typed | None],
    kinds: list[Argument],
) -> list[Typed]:
    """All arguments typed; `kinds` learns what each lambda returns."""
    if not any(isinstance(each, ast.Lambda) for each in node.arguments):
        return [each for each in given if each is not None]
    inputs = function.lambda_parameter_types(kinds)
    arguments: list[Typed] = []
    for position, (each, typed) in enumerate(zip(node.arguments, given, strict=True)):
        if typed is None:
            assert isinstance(each, ast.Lambda)
            typed = _lambda(resolver, each, inputs[position])
            kinds[position] = LambdaShape(len(each.parameters), typed.type)
        arguments.append(typed)
    return arguments


def _lambda(resolver: Resolver, node: ast.Lambda, kinds: tuple[SqlType, ...]) -> Typed:
    for name in node.parameters:
        if resolver.column_exists(name):
            raise StatementError(
                "Exception while preparing statement: "
                f"Lambda function argument can't be a column name: {name}",
                node.at,
            )
        if name in resolver.parameters or node.parameters.count(name) > 1:
            raise StatementError(
                "Reusing lambda arguments in nested lambda is not allowed: "
                f"{name} stands for something already.",
                node.at,
            )
    outer = resolver.parameters
    resolver.parameters = {**outer, **dict(zip(node.parameters, kinds, strict=True))}
    try:
        body = resolver.typed(node.body)
    finally:
        resolver.parameters = outer
    return LambdaExpression(body.type, node.parameters, body)


def _no_scalar(resolver: Resolver, node: ast.Call) -> StatementError:
    if registry.is_aggregate(node.name):
        return StatementError(
            f"{resolver.clause} does not support aggregate functions: {node.name} is an aggregate function.",
            node.at,
        )
    if registry.is_table_function(node.name):
        return StatementError(
            f"{resolver.clause} does not support table functions: {node.name} is a table function.", node.at
        )
    unknown = registry.unknown_function(node.name)
    unknown.at = node.at
    return unknown
