"""What can be said of an expression without a row: may it be NULL, may it fail, is it always the same.

In:  typed nodes. Out: booleans, on the safe side: "may" is said unless it is known otherwise.
The code generator leaves out checks that these answers make needless.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.language.expressions import (
    ArithmeticOf,
    CallOf,
    CaseOf,
    CastTo,
    ColumnRef,
    ComparisonOf,
    FieldOf,
    ItemOf,
    LambdaExpression,
    LikeOf,
    Literal,
    NegateOf,
    ParameterRef,
    Typed,
    children,
    walk,
)
from penstock.run.cast import cast_code
from penstock.types import DOUBLE, Array, Decimal, Map, SqlType, Struct, is_number

FIRST_NOT_NULL = frozenset(("COALESCE", "IFNULL"))
IDENTITIES = frozenset(("AS_VALUE", "FROM_UNIXTIME"))
"""Functions whose result is their argument in Python too."""
NEVER_NULL = frozenset(("CONCAT", "PI", "RANDOM", "UUID"))


def nullable(node: Typed) -> bool:
    return NULLABLE.get(type(node), lambda _: False)(node)


def _call_nullable(node: CallOf) -> bool:
    if node.function.name in FIRST_NOT_NULL:
        return all(nullable(each) for each in node.arguments)
    if node.function.name in IDENTITIES:
        return any(nullable(each) for each in node.arguments)
    return node.function.name not in NEVER_NULL


def _case_nullable(node: CaseOf) -> bool:
    results = [result for _, result in node.whens]
    return node.default is None or any(nullable(each) for each in [*results, node.default])


NULLABLE: dict[type[Typed], Callable[[Any], bool]] = {
    Literal: lambda node: node.value is None,
    ColumnRef: lambda node: node.nullable,
    ParameterRef: lambda node: True,
    CallOf: _call_nullable,
    CastTo: lambda node: nullable(node.value),
    CaseOf: _case_nullable,
    FieldOf: lambda node: True,
    ItemOf: lambda node: True,
}
"""Everything else has a value or fails: predicates, arithmetic, constructors."""


def may_fail(node: Typed) -> bool:
    """Whether evaluating it for some row can raise."""
    fails = FAILING.get(type(node))
    return (fails is not None and fails(node)) or any(may_fail(child) for child in children(node))


def _arithmetic_fails(node: ArithmeticOf) -> bool:
    exact = node.operator in "+-*" or (node.type == DOUBLE)
    return not exact or nullable(node.left) or nullable(node.right)


def _comparison_fails(node: ComparisonOf) -> bool:
    return any(not _converts_exactly(side.type, node.common) for side in (node.left, node.right))


def _converts_exactly(source: SqlType, target: SqlType) -> bool:
    if is_number(source) and is_number(target):
        return not (source == DOUBLE and isinstance(target, Decimal))
    return source == target or cast_code(source, target).exact


FAILING: dict[type[Typed], Callable[[Any], bool]] = {
    CallOf: lambda node: node.function.name not in FIRST_NOT_NULL | {"AS_VALUE"},
    CastTo: lambda node: not cast_code(node.value.type, node.type).exact,
    ArithmeticOf: _arithmetic_fails,
    NegateOf: lambda node: nullable(node.value),
    ComparisonOf: _comparison_fails,
    LikeOf: lambda node: nullable(node.value) or nullable(node.pattern),
    ItemOf: lambda node: isinstance(node.base.type, Map) or nullable(node.index),
}


def deterministic(node: Typed) -> bool:
    """Whether two evaluations for one row give the same."""
    return all(each.function.deterministic for each in walk(node) if isinstance(each, CallOf))


def free_parameters(node: Typed, bound: frozenset[str] = frozenset()) -> bool:
    """Whether it reads a parameter of a lambda that stands around it."""
    if isinstance(node, ParameterRef):
        return node.name not in bound
    if isinstance(node, LambdaExpression):
        return free_parameters(node.body, bound | frozenset(node.parameters))
    return any(free_parameters(child, bound) for child in children(node))


def may_be_non_finite(node: Typed) -> bool:
    """Whether a DOUBLE in the value may be NaN or infinite, which JSON can only write as text."""
    if not holds_double(node.type) or isinstance(node, ColumnRef | ParameterRef):
        return False
    if isinstance(node, Literal):
        return isinstance(node.value, float) and node.value - node.value != 0
    if isinstance(node, ArithmeticOf):
        return True
    if isinstance(node, CallOf) and node.function.name not in FIRST_NOT_NULL | IDENTITIES:
        return True
    return any(may_be_non_finite(child) for child in children(node)) or _read_from_text(node)


def _read_from_text(node: Typed) -> bool:
    """CAST('NaN' AS DOUBLE)"""
    return isinstance(node, CastTo) and not holds_double(node.value.type)


def holds_double(kind: SqlType) -> bool:
    match kind:
        case Array(item):
            return holds_double(item)
        case Map(_, value):
            return holds_double(value)
        case Struct(fields):
            return any(holds_double(field) for _, field in fields)
    return kind == DOUBLE
