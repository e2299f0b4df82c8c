"""EARLIEST_BY_OFFSET and LATEST_BY_OFFSET: the first or last values in the order they were processed."""

from __future__ import annotations

import itertools
import time

from penstock.errors import StatementError
from penstock.functions.aggregates import Kinds, Literals
from penstock.functions.patterns import LiteralOf, T
from penstock.functions.registry import Recipe, Slot, aggregate
from penstock.types import BOOLEAN, INTEGER, Array, python_type

# Numbers the first rows of groups, so that merged sessions know whose was processed first. It starts at the
# time of day, hence above every number an earlier process gave.
next_sequence = itertools.count(time.time_ns()).__next__


@aggregate("EARLIEST_BY_OFFSET", T, returns=T)
@aggregate("EARLIEST_BY_OFFSET", T, LiteralOf(BOOLEAN), returns=T)
def earliest(kinds: Kinds, literals: Literals) -> Recipe:
    """The first value; NULLs are left out unless ignoreNulls is FALSE."""
    ignore_nulls = literals[0] if literals else True
    unseen = "{s1} is None and {x0} is not None" if ignore_nulls else "{s1} is None"
    return Recipe(
        (Slot("None", python_type(kinds[0]) | None), Slot("None", int | None)),
        add=f"if {unseen}:\n    {{s0}} = {{x0}}\n    {{s1}} = agg_next_sequence()",
        merge="if {t1} is not None and ({s1} is None or {t1} < {s1}):\n    {s0} = {t0}\n    {s1} = {t1}",
        helpers={"agg_next_sequence": next_sequence},
    )


@aggregate("LATEST_BY_OFFSET", T, returns=T)
@aggregate("LATEST_BY_OFFSET", T, LiteralOf(BOOLEAN), returns=T)
def latest(kinds: Kinds, literals: Literals) -> Recipe:
    """The last value; NULLs are left out unless ignoreNulls is FALSE."""
    slot = Slot("None", python_type(kinds[0]) | None)
    if not literals or literals[0]:
        return Recipe(
            (slot,),
            add="if {x0} is not None:\n    {s0} = {x0}",
            merge="if {t0} is not None:\n    {s0} = {t0}",
        )
    return Recipe(
        (slot, Slot("False", bool)),
        add="{s0} = {x0}\n{s1} = True",
        merge="if {t1}:\n    {s0} = {t0}\n    {s1} = True",
    )


def several(name: str, kinds: Kinds, literals: Literals, keep: str) -> Recipe:
    """A list of the first or last n values, oldest first."""
    n = int(literals[0])
    if n < 1:
        raise StatementError(f"{name}N must be 1 or greater")
    ignore_nulls = literals[1] if len(literals) > 1 else True
    add = keep.replace("COUNT", str(n))
    if ignore_nulls:
        add = "if {x0} is not None:\n" + "\n".join("    " + line for line in add.split("\n"))
    return Recipe(
        (Slot("[]", python_type(Array(kinds[0]))),),
        add=add,
        # ksqlDB keeps the oldest n of two merged sessions, for LATEST too.
        merge=f"{{s0}} = ({{s0}} + {{t0}})[:{n}]",
        result="{s0}[:]",
    )


@aggregate("EARLIEST_BY_OFFSET", T, LiteralOf(INTEGER), returns=Array(T))
@aggregate("EARLIEST_BY_OFFSET", T, LiteralOf(INTEGER), LiteralOf(BOOLEAN), returns=Array(T))
def earliest_several(kinds: Kinds, literals: Literals) -> Recipe:
    """The first n values, oldest first."""
    return several("earliest", kinds, literals, "if len({s0}) < COUNT:\n    {s0}.append({x0})")


@aggregate("LATEST_BY_OFFSET", T, LiteralOf(INTEGER), returns=Array(T))
@aggregate("LATEST_BY_OFFSET", T, LiteralOf(INTEGER), LiteralOf(BOOLEAN), returns=Array(T))
def latest_several(kinds: Kinds, literals: Literals) -> Recipe:
    """The last n values, oldest first."""
    return several("latest", kinds, literals, "{s0}.append({x0})\nif len({s0}) > COUNT:\n    del {s0}[0]")
