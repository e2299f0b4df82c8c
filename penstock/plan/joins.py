"""Joins: which kind each is, what it needs, and the tree of steps they make.

In:  an analysed query. Out: the step that gives its rows, or StatementError in ksqlDB's words.

A stream that only looks tables up needs no memory of its own: Lookup steps stand in the row's own code. Every
other join keeps rows, so the whole chain becomes a tree under a Joined, whose sources are numbered from 1:

    S1 JOIN S2 WITHIN .. JOIN T3      Lookup(StreamJoin(Read 1, Read 2), Read 3) -> Joined (number 0) -> ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from penstock.language import ast
from penstock.language.analyser import Analysis, equivalent, synthetic_key
from penstock.language.catalog import STREAM, TABLE, Source
from penstock.language.expressions import ColumnRef, Typed
from penstock.language.resolve import resolve
from penstock.language.scope import From, QueryScope
from penstock.plan.join_checks import check_pair, check_types, is_foreign, is_key_of
from penstock.plan.steps import ForeignJoin, Joined, Lookup, Read, Step, StreamJoin, TableJoin
from penstock.topics.base import TopicInfo
from penstock.types import Column, Schema

Topics = Callable[[str], TopicInfo | None]
KEY_SLOT = "k0"


def keeps_rows(analysis: Analysis) -> bool:
    """Whether the joins need memory of their own: all but streams that look tables up."""
    kinds = [each.source.kind for each in analysis.froms]
    return len(kinds) > 1 and (kinds[0] == TABLE or STREAM in kinds[1:])


def checked_joins(analysis: Analysis, topics: Topics) -> Analysis:
    """The analysis with its joins found right; sources are numbered from 1 when the joins keep rows."""
    for position in range(len(analysis.joins)):
        check_pair(analysis, position, topics)
    if not keeps_rows(analysis):
        return analysis
    return replace(analysis, froms=tuple(replace(each, index=each.index + 1) for each in analysis.froms))


def join_rows(analysis: Analysis) -> Step:
    """The rows of all sources together."""
    scope = QueryScope(analysis.froms)
    if keeps_rows(analysis):
        return _tree(analysis, scope)
    step: Step = Read(analysis.froms[0])
    for join in analysis.joins:
        key = check_types(join, analysis, scope)
        step = Lookup(step, Read(analysis.froms[join.index]), join.kind, key)
    return step


def _tree(analysis: Analysis, scope: QueryScope) -> Joined:
    step: Step = Read(analysis.froms[0])
    for position, join in enumerate(analysis.joins):
        key = check_types(join, analysis, scope)
        right = analysis.froms[join.index]
        step = _pair(analysis, position, step, Read(right), key, scope)
    return Joined(step, _result(analysis, scope))


def _pair(analysis: Analysis, position: int, left: Step, right: Read, key: Typed, scope: QueryScope) -> Step:
    join = analysis.joins[position]
    kept = _keeps_key(analysis, position)
    if right.source.source.kind == TABLE and analysis.froms[0].source.kind == STREAM:
        return Lookup(left, right, join.kind, key)
    if right.source.source.kind == TABLE:
        if not is_foreign(analysis, position):
            return TableJoin(left, right, join.kind)
        assert isinstance(left, Read)
        return ForeignJoin(left, right, join.kind, key)
    assert join.within is not None
    within = join.within
    own = is_key_of(join.right, right.source)
    right_key = None if own else resolve(join.right, scope, "JOIN ON")
    return StreamJoin(
        left,
        right,
        join.kind,
        None if kept else key,
        right_key,
        within.before_ms,
        within.after_ms,
        within.grace_ms,
    )


def _keeps_key(analysis: Analysis, position: int) -> bool:
    """Whether the left rows come with the join's key already: it is their source's, or the last join's."""
    join = analysis.joins[position]
    if position == 0:
        return is_key_of(join.left, analysis.froms[0])
    before = analysis.joins[position - 1]
    if before.kind == "OUTER":
        return False
    return join.left == (before.left if isinstance(before.left, ast.Name) else before.right)


def _result(analysis: Analysis, scope: QueryScope) -> From:
    """What the joins give, as a source: its key is the last join's."""
    left = analysis.froms[0].source
    last = len(analysis.joins) - 1
    key = left.schema.key
    if not is_foreign(analysis, last):
        key = (Column("ROWKEY", resolve(analysis.joins[last].left, scope, "JOIN ON").type),)
    value = tuple(
        Column(f"{each.alias}.{column.name}", column.type)
        for each in analysis.froms
        for column in each.source.schema.columns
    )
    source = Source(
        name=analysis.froms[0].alias,
        kind=left.kind,
        topic=left.topic,
        schema=Schema(key, value),
        key_format=left.key_format,
        value_format=left.value_format,
        window=left.window,
    )
    return From(0, source.name, source)


def join_slots(analysis: Analysis, scope: QueryScope) -> dict[ast.Expression, Typed]:
    """Expressions that joins have computed: the row keeps them."""
    if keeps_rows(analysis):
        return _synthetic_slot(analysis, scope)
    return {
        join.left: ColumnRef(resolve(join.left, scope, "JOIN ON").type, f"j{join.index}")
        for join in analysis.joins
        if not isinstance(join.left, ast.Name)
    } | _synthetic_slot(analysis, scope)


def _synthetic_slot(analysis: Analysis, scope: QueryScope) -> dict[ast.Expression, Typed]:
    name = synthetic_key(analysis.froms, analysis.joins)
    return {} if name is None else {ast.Name(name): key_of_result(analysis, scope)}


def key_of_result(analysis: Analysis, scope: QueryScope) -> Typed:
    """The value of the key is the join key itself, also where one side had no row."""
    last = analysis.joins[-1]
    slot = KEY_SLOT if keeps_rows(analysis) else f"j{last.index}"
    return ColumnRef(resolve(last.left, scope, "JOIN ON").type, slot)


def viable_keys(analysis: Analysis) -> list[ast.Name]:
    """The columns that may name the key of the result, in the order of their sources."""
    names = [each for each in equivalent(analysis.joins) if isinstance(each, ast.Name)]
    order = [each.alias for each in analysis.froms]
    return sorted(dict.fromkeys(names), key=lambda name: order.index(name.qualifier or ""))


def foreign_key_names(analysis: Analysis) -> list[ast.Name]:
    """The key of a foreign-key join is its left table's; empty for other joins."""
    if not (analysis.joins and is_foreign(analysis, len(analysis.joins) - 1)):
        return []
    left = analysis.froms[0]
    return [ast.Name(column.name, left.alias) for column in left.source.schema.key]
