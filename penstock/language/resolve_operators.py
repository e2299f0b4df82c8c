"""Arithmetic and comparison nodes with their sides: the type of the result, the casts, the refusals."""

from __future__ import annotations

from penstock.language import ast
from penstock.language.expressions import (
    NULL,
    ArithmeticOf,
    BetweenOf,
    ComparisonOf,
    Literal,
    Typed,
)
from penstock.language.resolve_coercion import convert
from penstock.language.resolve_text import CodeProblem, Show, TypeProblem
from penstock.language.resolve_types import (
    COMPARISON_NAMES,
    arithmetic_type,
    base_name,
    between_type,
    cast_refusal,
    comparison_type,
)
from penstock.types import BOOLEAN, DOUBLE, Decimal, SqlType, as_decimal


def arithmetic(node: ast.Arithmetic, left: Typed, right: Typed, show: Show) -> Typed:
    if NULL in (left, right):
        sides = " and ".join("null" if side == NULL else str(side.type) for side in (left, right))
        raise TypeProblem(
            f"Error processing expression: {show(node)}. Arithmetic on types {sides} are not supported.",
            node.at,
        )
    kind = arithmetic_type(node.operator, left.type, right.type)
    if kind is None:
        raise TypeProblem(
            f"Error processing expression: {show(node)}. "
            f"Unsupported arithmetic types. {base_name(left.type)} {base_name(right.type)}",
            node.at,
        )
    operator = "+" if node.operator == "||" else node.operator
    return ArithmeticOf(kind, operator, _operand(left, kind), _operand(right, kind))


def _operand(value: Typed, result: SqlType) -> Typed:
    """Decimals compute with decimals, doubles with doubles; whole numbers widen by themselves."""
    if isinstance(result, Decimal):
        return convert(value, as_decimal(value.type))
    return convert(value, DOUBLE) if isinstance(value.type, Decimal) else value


def comparison(node: ast.Comparison, left: Typed, right: Typed, show: Show) -> Typed:
    if NULL in (left, right):
        sides = ["NULL" if side == NULL else str(side.type) for side in (left, right)]
        raise TypeProblem(
            f"Comparison with NULL not supported: {sides[0]} {node.operator} {sides[1]}\n"
            "Use 'IS NULL' or 'IS NOT NULL' instead.",
            node.at,
        )
    common = comparison_type(node.operator, left.type, right.type)
    if common is None:
        sides = [f"{show(each)} ({typed.type})" for each, typed in ((node.left, left), (node.right, right))]
        raise _incomparable(sides, node.operator, node)
    return ComparisonOf(BOOLEAN, node.operator, left, right, common)


def _incomparable(sides: list[str], operator: str, node: ast.Expression) -> TypeProblem:
    return TypeProblem(f"Cannot compare {sides[0]} to {sides[1]} with {COMPARISON_NAMES[operator]}.", node.at)


def between(node: ast.Between, value: Typed, low: Typed, high: Typed, show: Show, lenient: bool) -> Typed:
    """`lenient` is the projection of a pull query, which converts whatever can be converted."""
    commons = []
    known = next((side.type for side in (value, low, high) if side != NULL), BOOLEAN)
    value, low, high = (Literal(known, None) if side == NULL else side for side in (value, low, high))
    for bound_node, bound, operator in ((node.low, low, ">="), (node.high, high, "<=")):
        common = comparison_type(operator, value.type, bound.type)
        if common is None and lenient:
            common = _lenient(node, value, bound, COMPARISON_NAMES[operator])
        if common is None:
            sides = [
                f"{show(each)} ({typed.type})" for each, typed in ((node.value, value), (bound_node, bound))
            ]
            raise _incomparable(sides, operator, node)
        commons.append(common)
    return BetweenOf(BOOLEAN, value, low, high, *commons)


def _lenient(node: ast.Between, value: Typed, bound: Typed, name: str) -> SqlType:
    common = between_type(value.type, bound.type)
    if common is None:
        raise CodeProblem(f"Unsupported comparison between {value.type} and {bound.type}: {name}", node.at)
    for side in (value, bound):
        refusal = None if side.type == common else cast_refusal(side.type, common, interpreted=True)
        if refusal is not None:
            raise CodeProblem(refusal, node.at)
    return common
