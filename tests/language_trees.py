"""Syntax trees made at random, for round trips: any tree that a parser could have made."""

from __future__ import annotations

import decimal

from hypothesis import strategies as st

from penstock.language import ast
from penstock.types import (
    BIGINT,
    BIGINT_MAX,
    BIGINT_MIN,
    DOUBLE,
    STRING,
    Array,
    Decimal,
    Map,
    SqlType,
    Struct,
)

names = st.sampled_from(
    ["A", "B1", "_C", "lower", "With Space", "FROM", "ti`ck", 'qu"ote', "DAY", "ARRAY", "0X"]
)
texts = st.text(max_size=8)

types: st.SearchStrategy[SqlType] = st.recursive(
    st.sampled_from([BIGINT, DOUBLE, STRING, Decimal(10, 2)]),
    lambda inner: st.one_of(
        st.builds(Array, inner),
        st.builds(Map, inner, inner),
        st.builds(Struct, st.lists(st.tuples(names, inner), max_size=3).map(tuple)),
    ),
    max_leaves=4,
)

literals: st.SearchStrategy[ast.Expression] = st.one_of(
    st.builds(ast.Null),
    st.builds(ast.Boolean, st.booleans()),
    st.builds(ast.Integer, st.integers(BIGINT_MIN, BIGINT_MAX)),
    st.builds(ast.DecimalLiteral, st.decimals(places=3, min_value=-1000, max_value=1000)),
    st.builds(ast.DecimalLiteral, st.just(decimal.Decimal("12.30"))),
    st.builds(ast.Double, st.floats(allow_nan=False, allow_infinity=False)),
    st.builds(ast.String, texts),
    st.builds(ast.Name, names, st.none() | names),
)


def arguments(inner: st.SearchStrategy[ast.Expression]) -> st.SearchStrategy[tuple[ast.Expression, ...]]:
    """Lambdas come last."""
    lambdas = st.builds(ast.Lambda, st.lists(names, min_size=1, max_size=3).map(tuple), inner)
    units = st.builds(ast.IntervalUnit, st.sampled_from(["DAYS", "MILLISECONDS"]))
    return st.tuples(st.lists(inner | units, max_size=3), st.lists(lambdas, max_size=2)).map(
        lambda parts: (*parts[0], *parts[1])
    )


def negation(value: ast.Expression) -> ast.Expression:
    """NOT of a negatable predicate is that predicate negated: the parser never makes the other."""
    negatable = isinstance(value, ast.Between | ast.In | ast.Like) and not value.negated
    return value if negatable else ast.Not(value)


def compound(inner: st.SearchStrategy[ast.Expression]) -> st.SearchStrategy[ast.Expression]:
    flags = st.booleans()
    whens = st.lists(st.builds(ast.When, inner, inner), min_size=1, max_size=2).map(tuple)
    pairs = st.lists(st.tuples(inner, inner), max_size=3, unique_by=lambda pair: pair[0]).map(tuple)
    compared = ["=", "<>", "<", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"]
    return st.one_of(
        st.builds(ast.Dereference, inner, names),
        st.builds(ast.Subscript, inner, inner),
        st.builds(ast.Call, st.sampled_from(["F", "REPLACE", "LEFT"]), arguments(inner)),
        st.just(ast.Call("COUNT", (), star=True)),
        st.builds(ast.Cast, inner, types),
        st.builds(ast.Arithmetic, st.sampled_from(["+", "-", "*", "/", "%", "||"]), inner, inner),
        st.builds(ast.Negate, inner),
        st.builds(ast.Comparison, st.sampled_from(compared), inner, inner),
        st.builds(ast.Logical, st.sampled_from(["AND", "OR"]), inner, inner),
        inner.map(negation),
        st.builds(ast.IsNull, inner, flags),
        st.builds(ast.Between, inner, inner, inner, flags),
        st.builds(ast.In, inner, st.lists(inner, min_size=1, max_size=3).map(tuple), flags),
        st.builds(ast.Like, inner, inner, st.none() | st.characters(codec="utf-8"), flags),
        st.builds(ast.Case, whens, st.none() | inner, st.none() | inner),
        st.builds(ast.ArrayConstructor, st.lists(inner, max_size=3).map(tuple)),
        st.builds(ast.MapConstructor, pairs),
        st.builds(ast.StructConstructor, st.lists(st.tuples(names, inner), max_size=3).map(tuple)),
    )


expressions = st.recursive(literals, compound, max_leaves=12)
lists = st.none() | st.lists(expressions, max_size=3).map(tuple)

relations = st.builds(ast.Relation, names, names)
spans = st.integers(0, 10**9)
withins = st.builds(ast.Within, spans, spans, st.none() | spans)
joins = st.builds(
    ast.Join,
    st.sampled_from(["INNER", "LEFT", "RIGHT", "OUTER"]),
    relations,
    expressions,
    st.none() | withins,
)
windows = st.one_of(
    st.builds(ast.Window, st.sampled_from(["TUMBLING", "SESSION"]), spans, grace_ms=st.none() | spans),
    st.builds(ast.Window, st.just("HOPPING"), spans, spans, st.none() | spans, st.none() | spans),
)
items = st.one_of(
    st.builds(ast.SelectItem, expressions, st.none() | names),
    st.builds(ast.SelectStar, st.none() | names),
    st.builds(ast.SelectStructStar, st.builds(ast.Name, names)),
)
queries = st.builds(
    ast.Query,
    select=st.lists(items, min_size=1, max_size=3).map(tuple),
    source=relations,
    joins=st.lists(joins, max_size=2).map(tuple),
    window=st.none() | windows,
    where=st.none() | expressions,
    group_by=lists,
    partition_by=lists,
    having=st.none() | expressions,
    emit=st.sampled_from([None, "CHANGES", "FINAL"]),
    limit=st.none() | st.integers(0, 10**6),
)
