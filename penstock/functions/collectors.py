"""Aggregates that keep values: COLLECT_LIST, COLLECT_SET, HISTOGRAM, TOPK, TOPKDISTINCT, ATTR.

A result is a copy: the row that was sent must not change when the group goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock.errors import StatementError
from penstock.functions.aggregates import Kinds, Literals
from penstock.functions.patterns import ANY, DECIMAL, LiteralOf, T
from penstock.functions.registry import Recipe, Slot, aggregate
from penstock.functions.text import utf16_key
from penstock.types import (
    BIGINT,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Decimal,
    Map,
    Primitive,
    SqlType,
    Struct,
    python_type,
)

HISTOGRAM_KEYS_MAX = 1000


def hashable(kind: SqlType) -> bool:
    """Whether values may be keys of a dict; lists, maps and structs may not."""
    return isinstance(kind, Primitive | Decimal)


def counts_by(kind: SqlType, value: Any) -> Any:
    """The type of a dict with values of a SQL type, or NULL, as keys."""
    return dict[python_type(kind) | None, value]  # type: ignore[misc]


def list_of(kind: SqlType) -> Any:
    return python_type(Array(kind))


def within(properties: Mapping[str, Any], name: str, add: str) -> str:
    """The statement as it is, or only while the state is below the limit that a property sets."""
    limit = properties.get(f"ksql.functions.{name}.limit")
    return add if limit is None else f"if len({{s0}}) < {int(limit)}:\n    " + add.replace("\n", "\n    ")


@aggregate("COLLECT_LIST", T, returns=Array(T), configured=True)
def collect_list(kinds: Kinds, literals: Literals, properties: Mapping[str, Any]) -> Recipe:
    """All values in order of arrival, NULLs too."""
    return Recipe(
        (Slot("[]", list_of(kinds[0])),),
        add=within(properties, "collect_list", "{s0}.append({x0})"),
        undo="agg_remove_last({s0}, {x0})",
        merge="{s0}.extend({t0})",
        result="{s0}[:]",
        helpers={"agg_remove_last": remove_last},
    )


def remove_last(values: list[Any], value: Any) -> None:
    """Take away the last one equal to a value."""
    for at in range(len(values) - 1, -1, -1):
        if values[at] == value:
            del values[at]
            return


@aggregate("COLLECT_SET", T, returns=Array(T), configured=True)
def collect_set(kinds: Kinds, literals: Literals, properties: Mapping[str, Any]) -> Recipe:
    """The distinct values in order of arrival, NULL too."""
    kind = kinds[0]
    if not hashable(kind):
        return Recipe(
            (Slot("[]", list_of(kind)),),
            add=within(properties, "collect_set", "if {x0} not in {s0}:\n    {s0}.append({x0})"),
            merge="{s0}.extend([_each for _each in {t0} if _each not in {s0}])",
            result="{s0}[:]",
        )
    return Recipe(
        (Slot("dict()", counts_by(kind, bool)),),
        add=within(properties, "collect_set", "{s0}[{x0}] = True"),
        merge="{s0}.update({t0})",
        result="list({s0})",
    )


@aggregate("HISTOGRAM", STRING, returns=Map(STRING, BIGINT))
def histogram(kinds: Kinds, literals: Literals) -> Recipe:
    """How often each value came; values beyond the first 1000 distinct ones are not counted."""
    return Recipe(
        (Slot("dict()", dict[str | None, int]),),
        add="if {x0} in {s0}:\n    {s0}[{x0}] += 1\n"
        f"elif len({{s0}}) < {HISTOGRAM_KEYS_MAX}:\n    {{s0}}[{{x0}}] = 1",
        undo="if {x0} in {s0}:\n    {s0}[{x0}] -= 1\n    if not {s0}[{x0}]:\n        del {s0}[{x0}]",
        merge="agg_histogram_merge({s0}, {t0})",
        result="dict({s0})",
        helpers={"agg_histogram_merge": histogram_merge},
    )


def histogram_merge(counts: dict[str | None, int], later: dict[str | None, int]) -> None:
    for key, times in later.items():
        if key in counts:
            counts[key] += times
        elif len(counts) < HISTOGRAM_KEYS_MAX:
            counts[key] = times


@aggregate("ATTR", T, returns=T)
def attr(kinds: Kinds, literals: Literals) -> Recipe:
    """The value that all rows of the group share, else NULL."""
    kind = kinds[0]
    if not hashable(kind):
        return attr_by_equality(kind)
    return Recipe(
        (Slot("dict()", counts_by(kind, int)),),
        add="{s0}[{x0}] = {s0}.get({x0}, 0) + 1",
        undo="if {s0}.get({x0}, 0) > 1:\n    {s0}[{x0}] -= 1\nelse:\n    {s0}.pop({x0}, None)",
        merge="for _each in {t0}:\n    {s0}[_each] = {s0}.get(_each, 0) + {t0}[_each]",
        result="(next(iter({s0})) if len({s0}) == 1 else None)",
    )


def attr_by_equality(kind: SqlType) -> Recipe:
    """The same for values that can't be keys: pairs of value and count, side by side."""
    return Recipe(
        (Slot("[]", list_of(kind)), Slot("[]", list[int])),
        add="agg_attr_change({s0}, {s1}, {x0}, 1)",
        undo="agg_attr_change({s0}, {s1}, {x0}, -1)",
        merge="for _at in range(len({t0})):\n    agg_attr_change({s0}, {s1}, {t0}[_at], {t1}[_at])",
        result="({s0}[0] if len({s0}) == 1 else None)",
        helpers={"agg_attr_change": attr_change},
    )


def attr_change(values: list[Any], counts: list[int], value: Any, by: int) -> None:
    if value not in values:
        if by > 0:
            values.append(value)
            counts.append(by)
        return
    at = values.index(value)
    counts[at] += by
    if counts[at] <= 0:
        del values[at], counts[at]


# --- TOPK ---------------------------------------------------------------------------------------------


def checked_k(literals: Literals) -> int:
    k = int(literals[-1])
    if k < 1:
        raise StatementError(f"TopK size must be at least 1, but was {k}")
    return k


def ordering(kind: SqlType) -> Callable[[Any], Any]:
    return utf16_key if kind == STRING else identity


def identity(value: Any) -> Any:
    return value


def inserter(key: Callable[[Any], Any], k: int, distinct: bool = False) -> Callable[[list[Any], Any], None]:
    """Puts a value at its place in a descending list of at most k."""

    def insert(values: list[Any], value: Any) -> None:
        if distinct and value in values:
            return
        wanted, at = key(value), len(values)
        while at and key(values[at - 1]) < wanted:
            at -= 1
        values.insert(at, value)
        del values[k:]

    return insert


def top_recipe(item: SqlType, key: Callable[[Any], Any], k: int, add: str, distinct: bool = False) -> Recipe:
    insert = inserter(key, k, distinct)
    name = f"agg_top_insert_{id(insert):x}"
    return Recipe(
        (Slot("[]", list_of(item)),),
        add=add.replace("INSERT", name),
        merge=f"for _each in {{t0}}:\n    {name}({{s0}}, _each)",
        result="{s0}[:]",
        helpers={name: insert},
    )


def top_struct(kinds: Sequence[Any]) -> Struct:
    """What TOPK with further columns gives: the value it sorts by, then the columns."""
    others = ((f"col{at}", kind) for at, kind in enumerate(kinds[1:]))
    return Struct((("sort_col", kinds[0]), *others))


def top_type(kinds: Sequence[Any]) -> SqlType:
    return Array(kinds[0]) if len(kinds) == 2 else Array(top_struct(kinds[:-1]))


def topk(kinds: Kinds, literals: Literals) -> Recipe:
    """The k greatest values, greatest first; with further columns, structs of the value and the columns."""
    k = checked_k(literals)
    room = f"(len({{s0}}) < {k} or {{x0}} > {{s0}}[-1])" if kinds[0] != STRING else "True"
    if len(kinds) == 1:
        add = f"if {{x0}} is not None and {room}:\n    INSERT({{s0}}, {{x0}})"
        return top_recipe(kinds[0], ordering(kinds[0]), k, add)
    return topk_structs(kinds, k)


def topk_structs(kinds: Kinds, k: int) -> Recipe:
    struct = top_struct(kinds)
    row, key = python_type(struct), ordering(kinds[0])
    values = ", ".join(f"{{x{at}}}" for at in range(len(kinds)))
    maker = f"agg_top_row_{len(kinds)}_{id(row):x}"
    add = f"if {{x0}} is not None:\n    INSERT({{s0}}, {maker}({values}))"
    recipe = top_recipe(struct, lambda value: key(value.c0), k, add)
    return Recipe(recipe.slots, recipe.add, recipe.merge, recipe.result, None, {**recipe.helpers, maker: row})


for sortable in (INTEGER, BIGINT, DOUBLE, STRING):
    aggregate("TOPK", sortable, ANY, LiteralOf(INTEGER), returns=top_type, names=("sort_col", "*cols", "k"))(
        topk
    )


def topk_distinct(kinds: Kinds, literals: Literals) -> Recipe:
    """The k greatest distinct values, greatest first."""
    add = "if {x0} is not None:\n    INSERT({s0}, {x0})"
    return top_recipe(kinds[0], ordering(kinds[0]), checked_k(literals), add, distinct=True)


DISTINCT: tuple[SqlType, ...] = (INTEGER, BIGINT, DOUBLE, STRING, DECIMAL, DATE, TIME, TIMESTAMP, BYTES)

for distinct in DISTINCT:
    aggregate("TOPKDISTINCT", distinct, LiteralOf(INTEGER), returns=Array(distinct))(topk_distinct)
