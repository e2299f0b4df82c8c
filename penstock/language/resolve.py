"""Syntax tree to typed nodes: every name looked up, every type known, every implicit cast written out.

In:  an expression as parsed (names qualified or lambda parameters), a scope that knows the columns.
Out: one Typed node, or a StatementError in ksqlDB's words.

    QUANTITY * 2.5        ArithmeticOf * DECIMAL(13, 1)
                            CastTo DECIMAL(10, 0)       ColumnRef r0.c3
                            Literal DECIMAL(2, 1) 2.5

The rules for types stand in resolve_types.py (operators, CAST) and resolve_coercion.py (lists); functions
choose their overload themselves (functions/registry.py). Here each kind of node has one short handler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal as Number
from typing import Any, Protocol

from penstock.errors import Position, StatementError, UnknownName
from penstock.language import ast
from penstock.language.expressions import (
    NULL,
    UNTYPED,
    ArrayOf,
    CaseOf,
    CastTo,
    FieldOf,
    InOf,
    IsNullOf,
    ItemOf,
    LikeOf,
    Literal,
    LogicalOf,
    MapOf,
    NegateOf,
    NotOf,
    ParameterRef,
    StructOf,
    Typed,
)
from penstock.language.resolve_calls import resolve_call
from penstock.language.resolve_coercion import Incompatible, Unconvertible, coerce, convert
from penstock.language.resolve_operators import arithmetic, between, comparison
from penstock.language.resolve_text import CodeProblem, TypeProblem, shown
from penstock.language.resolve_types import (
    base_name,
    cast_refusal,
    decimal_literal_type,
    integer_literal_type,
)
from penstock.types import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    INTEGER,
    STRING,
    Array,
    Map,
    SqlType,
    Struct,
    is_number,
)

NULL_IN_SELECT = (
    "Can't infer a type of null. Please explicitly cast it to a required type, e.g. CAST(null AS VARCHAR)."
)
CLAUSE_IN_CODE_ERRORS = {"SELECT": "Select", "WHERE": "Predicate", "HAVING": "Predicate"}
PREDICATES = ("WHERE", "HAVING")


class Scope(Protocol):
    def column(self, name: str, qualifier: str | None, at: Position) -> Typed:
        """The column; raises UnknownName in the clause's words. A scope may also offer
        has_column(name), and `joined` True when messages name columns SOURCE_COLUMN."""
        ...


def resolve(
    expression: ast.Expression,
    scope: Scope,
    clause: str = "SELECT",
    replace: Mapping[ast.Expression, Typed] | None = None,
    *,
    interpreted: bool = False,
) -> Typed:
    """The typed expression of a clause.

    A sub-expression that equals a key of `replace` becomes its value unseen (aggregates, GROUP BY). Pull
    queries are `interpreted` in ksqlDB: some refusals then have other words.
    """
    resolver = Resolver(scope, clause, replace or {}, interpreted, getattr(scope, "joined", False))
    try:
        typed = resolver.typed(expression)
        resolver.check_result(expression, typed)
    except TypeProblem as problem:
        prefix = f"Error in {clause} expression: " if clause in PREDICATES else ""
        raise StatementError(f"{prefix}{problem}", problem.at) from None
    except CodeProblem as problem:
        kind = "expression" if interpreted else CLAUSE_IN_CODE_ERRORS.get(clause, clause.title())
        raise StatementError(
            f"Invalid {kind}: {problem}. expression: {resolver.shown(expression)}", problem.at
        ) from None
    return typed


@dataclass(slots=True)
class Resolver:
    scope: Scope
    clause: str
    replace: Mapping[ast.Expression, Typed]
    interpreted: bool
    joined: bool
    parameters: dict[str, SqlType] = field(default_factory=dict)
    """The lambda parameters in sight."""

    def typed(self, node: ast.Expression) -> Typed:
        if node in self.replace:
            return self.replace[node]
        return HANDLERS[type(node)](self, node)

    def all(self, nodes: Sequence[ast.Expression]) -> tuple[Typed, ...]:
        return tuple(self.typed(node) for node in nodes)

    def shown(self, node: ast.Node) -> str:
        return shown(node, self.joined)

    def check_result(self, expression: ast.Expression, typed: Typed) -> None:
        if self.clause == "SELECT" and typed == NULL:
            raise StatementError(NULL_IN_SELECT, expression.at)
        if self.clause in PREDICATES and typed.type != BOOLEAN:
            kind = "null" if typed == NULL else typed.type
            raise StatementError(
                f"Type error in {self.clause} expression: "
                f"Should evaluate to boolean but is {self.shown(expression)} ({kind}) instead.",
                expression.at,
            )

    def column_exists(self, name: str) -> bool:
        known: Callable[[str], bool] | None = getattr(self.scope, "has_column", None)
        return known is not None and known(name)


# --- names and literals ------------------------------------------------------------------------------


def _literal(kind: SqlType) -> Callable[[Resolver, Any], Typed]:
    return lambda _, node: Literal(kind, node.value)


def _null(_: Resolver, node: ast.Null) -> Typed:
    return NULL


def _integer(_: Resolver, node: ast.Integer) -> Typed:
    return Literal(integer_literal_type(node.value), node.value)


def _decimal(_: Resolver, node: ast.DecimalLiteral) -> Typed:
    digits, exponent = node.value.as_tuple()[1:]
    scale = max(-int(exponent), 0)
    return Literal(decimal_literal_type(len(digits) + max(int(exponent), 0), scale), Number(node.value))


def _name(resolver: Resolver, node: ast.Name) -> Typed:
    if node.qualifier is None and node.name in resolver.parameters:
        return ParameterRef(resolver.parameters[node.name], node.name)
    return resolver.scope.column(node.name, node.qualifier, node.at)


# --- operators ---------------------------------------------------------------------------------------


def _arithmetic(resolver: Resolver, node: ast.Arithmetic) -> Typed:
    return arithmetic(node, resolver.typed(node.left), resolver.typed(node.right), resolver.shown)


def _negate(resolver: Resolver, node: ast.Negate) -> Typed:
    value = resolver.typed(node.value)
    if not is_number(value.type):
        raise TypeProblem(
            f"Error processing expression: {resolver.shown(node)}. "
            f"Unsupported arithmetic types. {base_name(value.type)}",
            node.at,
        )
    return NegateOf(value.type, value)


def _comparison(resolver: Resolver, node: ast.Comparison) -> Typed:
    return comparison(node, resolver.typed(node.left), resolver.typed(node.right), resolver.shown)


def _logical(resolver: Resolver, node: ast.Logical) -> Typed:
    sides = [_boolean(resolver, side) for side in (node.left, node.right)]
    return LogicalOf(BOOLEAN, node.operator, sides[0], sides[1])


def _boolean(resolver: Resolver, node: ast.Expression) -> Typed:
    value = resolver.typed(node)
    if value == NULL:
        return Literal(BOOLEAN, None)
    if value.type != BOOLEAN:
        raise TypeProblem(
            f"Unsupported expression type for AND, OR and NOT: {resolver.shown(node)} ({value.type})", node.at
        )
    return value


def _not(resolver: Resolver, node: ast.Not) -> Typed:
    return NotOf(BOOLEAN, _boolean(resolver, node.value))


def _is_null(resolver: Resolver, node: ast.IsNull) -> Typed:
    return IsNullOf(BOOLEAN, resolver.typed(node.value), node.negated)


def _negated(value: Typed, negated: bool) -> Typed:
    return NotOf(BOOLEAN, value) if negated else value


def _between(resolver: Resolver, node: ast.Between) -> Typed:
    value, low, high = resolver.all((node.value, node.low, node.high))
    lenient = resolver.interpreted and resolver.clause == "SELECT"
    return _negated(between(node, value, low, high, resolver.shown, lenient), node.negated)


def _in(resolver: Resolver, node: ast.In) -> Typed:
    values = resolver.all((node.value, *node.choices))
    texts = [resolver.shown(each) for each in (node.value, *node.choices)]
    try:
        found, converted = coerce(values, texts)
    except Unconvertible:
        whole = resolver.shown(node)
        raise StatementError(f"Unexpected error generating code for expression: {whole}", node.at) from None
    except Incompatible as problem:
        raise CodeProblem(problem.message, node.at) from None
    if found is None:
        raise CodeProblem("Invalid IN expression: all values are NULL", node.at)
    return _negated(InOf(BOOLEAN, converted[0], converted[1:]), node.negated)


def _like(resolver: Resolver, node: ast.Like) -> Typed:
    value, pattern = resolver.typed(node.value), resolver.typed(node.pattern)
    for side in (value, pattern):
        if side.type != STRING:
            raise TypeProblem(
                f"The column type for Like condition must be VARCHAR. The column type is {side.type}", node.at
            )
    return _negated(LikeOf(BOOLEAN, value, pattern, node.escape), node.negated)


def _case(resolver: Resolver, node: ast.Case) -> Typed:
    if node.operand is not None:
        raise StatementError(
            "CASE with an operand is not supported: write CASE WHEN value = .. THEN .. END instead.", node.at
        )
    conditions = [_when(resolver, when) for when in node.whens]
    results = resolver.all([when.result for when in node.whens])
    default = None if node.default is None else resolver.typed(node.default)
    kind = _case_type(resolver, node, results, default)
    whens = tuple(zip(conditions, (convert(each, kind) for each in results), strict=True))
    return CaseOf(kind, whens, None if default is None else convert(default, kind))


def _when(resolver: Resolver, when: ast.When) -> Typed:
    condition = resolver.typed(when.condition)
    if condition.type != BOOLEAN:
        raise TypeProblem(
            "WHEN operand type should be boolean.\n"
            f"Type for '{resolver.shown(when.condition)}' is {condition.type}",
            when.at,
        )
    return condition


def _case_type(
    resolver: Resolver, node: ast.Case, results: Sequence[Typed], default: Typed | None
) -> SqlType:
    """All branches have one type; NULL takes any."""
    found: SqlType | None = None
    for when, result in zip(node.whens, results, strict=True):
        if result.type == UNTYPED:
            continue
        if found is not None and result.type != found:
            raise TypeProblem(
                "Invalid Case expression. Type for all 'THEN' clauses should be the same.\n"
                f"THEN expression '{resolver.shown(when)}' has type: {result.type}.\n"
                f"Previous THEN expression(s) type: {found}.",
                when.at,
            )
        found = result.type
    if default is not None and default.type != UNTYPED:
        if found is not None and default.type != found:
            raise TypeProblem(
                "Invalid Case expression. Type for the default clause should be the same as for 'THEN' "
                f"clauses.\nTHEN type: {found}.\nDEFAULT type: {default.type}.",
                node.at,
            )
        found = default.type
    if found is None:
        raise TypeProblem("Invalid Case expression. All case branches have a NULL type.", node.at)
    return found


def _cast(resolver: Resolver, node: ast.Cast) -> Typed:
    value = resolver.typed(node.value)
    if value == NULL:
        return Literal(node.type, None)
    refusal = cast_refusal(value.type, node.type, resolver.interpreted)
    if refusal is not None:
        raise CodeProblem(refusal, node.at)
    return value if value.type == node.type else CastTo(node.type, value)


# --- structured values -------------------------------------------------------------------------------


def _dereference(resolver: Resolver, node: ast.Dereference) -> Typed:
    base = resolver.typed(node.base)
    if not isinstance(base.type, Struct):
        raise TypeProblem(f"Expected STRUCT type, got: {base.type}", node.at)
    found = base.type.field(node.field_name)
    if found is None:
        raise UnknownName(
            f"Could not find field '{node.field_name}' in '{resolver.shown(node.base)}'.",
            node.field_name,
            [name for name, _ in base.type.fields],
            node.at,
        )
    position, kind = found
    return FieldOf(kind, base, position)


def _subscript(resolver: Resolver, node: ast.Subscript) -> Typed:
    base, index = resolver.typed(node.base), resolver.typed(node.index)
    match base.type:
        case Array(item):
            if not is_number(index.type):
                raise TypeProblem(
                    f"Array index must be a number: {resolver.shown(node)} ({index.type})", node.at
                )
            return ItemOf(item, base, index if index.type in (INTEGER, BIGINT) else CastTo(INTEGER, index))
        case Map(key, value):
            return ItemOf(value, base, convert(index, key))
    raise TypeProblem(f"Subscript expressions do not apply to {base.type}.", node.at)


def _coerced(resolver: Resolver, nodes: Sequence[ast.Expression]) -> tuple[SqlType | None, tuple[Typed, ...]]:
    try:
        return coerce(resolver.all(nodes), [resolver.shown(node) for node in nodes])
    except Incompatible as problem:
        raise TypeProblem(problem.message, nodes[0].at) from None


def _array(resolver: Resolver, node: ast.ArrayConstructor) -> Typed:
    if not node.items:
        raise TypeProblem(
            "Array constructor cannot be empty. Please supply at least one element "
            "(see https://github.com/confluentinc/ksql/issues/4239).",
            node.at,
        )
    kind, items = _coerced(resolver, node.items)
    if kind is None:
        raise TypeProblem(
            "Cannot construct an array with all NULL elements "
            "(see https://github.com/confluentinc/ksql/issues/4239). "
            "As a workaround, you may cast a NULL value to the desired type.",
            node.at,
        )
    return ArrayOf(Array(kind), items)


def _map(resolver: Resolver, node: ast.MapConstructor) -> Typed:
    if not node.entries:
        raise TypeProblem(
            "Map constructor cannot be empty. Please supply at least one key value pair "
            "(see https://github.com/confluentinc/ksql/issues/4239).",
            node.at,
        )
    key, keys = _coerced(resolver, [entry[0] for entry in node.entries])
    value, values = _coerced(resolver, [entry[1] for entry in node.entries])
    for kind, which in ((key, "keys"), (value, "values")):
        if kind is None:
            raise TypeProblem(
                f"Cannot construct a map with all NULL {which} "
                "(see https://github.com/confluentinc/ksql/issues/4239). "
                "As a workaround, you may cast a NULL value to the desired type.",
                node.at,
            )
    assert key is not None and value is not None
    return MapOf(Map(key, value), tuple(zip(keys, values, strict=True)))


def _struct(resolver: Resolver, node: ast.StructConstructor) -> Typed:
    names = [name for name, _ in node.fields]
    if len(set(names)) != len(names):
        raise TypeProblem(f"Duplicate field names found in STRUCT: '{resolver.shown(node)}'.", node.at)
    values = resolver.all([value for _, value in node.fields])
    if NULL in values:
        raise StatementError(NULL_IN_SELECT, node.at)
    kind = Struct(tuple((name, value.type) for name, value in zip(names, values, strict=True)))
    return StructOf(kind, values)


# --- calls -------------------------------------------------------------------------------------------


def _interval(_: Resolver, node: ast.IntervalUnit) -> Typed:
    raise StatementError(
        f"{node.unit} is a unit of time and only stands as the argument of a function.", node.at
    )


def _lambda(_: Resolver, node: ast.Lambda) -> Typed:
    raise StatementError("A lambda only stands as the argument of a function.", node.at)


Handler = Callable[[Resolver, Any], Typed]
HANDLERS: dict[type[ast.Expression], Handler] = {
    ast.Null: _null,
    ast.Boolean: _literal(BOOLEAN),
    ast.Integer: _integer,
    ast.DecimalLiteral: _decimal,
    ast.Double: _literal(DOUBLE),
    ast.String: _literal(STRING),
    ast.IntervalUnit: _interval,
    ast.Name: _name,
    ast.Dereference: _dereference,
    ast.Subscript: _subscript,
    ast.Call: resolve_call,
    ast.Lambda: _lambda,
    ast.Cast: _cast,
    ast.Arithmetic: _arithmetic,
    ast.Negate: _negate,
    ast.Comparison: _comparison,
    ast.Logical: _logical,
    ast.Not: _not,
    ast.IsNull: _is_null,
    ast.Between: _between,
    ast.In: _in,
    ast.Like: _like,
    ast.Case: _case,
    ast.ArrayConstructor: _array,
    ast.MapConstructor: _map,
    ast.StructConstructor: _struct,
}
assert {each.__name__ for each in HANDLERS} == {each.__name__ for each in ast.Expression.__subclasses__()}
