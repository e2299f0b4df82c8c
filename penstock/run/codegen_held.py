"""What is computed from the event time alone, computed once for all rows of an hour.

In:  the expressions of one row. Out: the parts that read nothing but ROWTIME and stay the same for a while,
and how long. The generated code keeps them in locals until a row of another hour comes:

    ROWTIME / 3600000 % 24                              the same for 3,600,000 ms from every full hour
    FORMAT_TIMESTAMP(FROM_UNIXTIME(ROWTIME), 'd')       for a day; the two together for an hour

Only what is evaluated for every row is moved, or what can't fail.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from penstock.functions import zones
from penstock.functions.java_time import compile_pattern, granularity_ms
from penstock.language.expressions import (
    ArithmeticOf,
    CallOf,
    ColumnRef,
    IntervalLiteral,
    LambdaExpression,
    Literal,
    ParameterRef,
    Typed,
    children,
)
from penstock.run.facts import IDENTITIES, may_fail
from penstock.types import BIGINT, INTEGER

ROWTIME_SLOT = "ts0"
# Below a minute, keeping costs more than it saves.
SPAN_MS_MIN = 60_000
ALWAYS_THE_SAME, EACH_MS = 0, 1
FORMATS = frozenset(("FORMAT_TIMESTAMP", "TIMESTAMPTOSTRING"))

Always = Callable[[Typed], Sequence[Typed]]


def held_parts(roots: Iterable[Typed], always: Always) -> tuple[list[Typed], int]:
    """The largest parts worth keeping, each once, and the span in which all of them stay the same."""
    found: dict[Typed, int] = {}
    for root in roots:
        _find(root, True, always, found)
    return list(found), math.gcd(*found.values())


def _find(node: Typed, evaluated: bool, always: Always, found: dict[Typed, int]) -> None:
    span = span_ms(node)
    if span and span >= SPAN_MS_MIN and (evaluated or not may_fail(node)):
        found[node] = span
    elif span != ALWAYS_THE_SAME and not isinstance(node, LambdaExpression):
        sure = always(node) if evaluated else ()
        for child in children(node):
            _find(child, child in sure, always, found)


def span_ms(node: Typed) -> int | None:
    """The value is the same from each multiple of this to the next (ROWTIME >= 0); None: it reads more."""
    rule = SPANS.get(type(node), _of_parts)
    return rule(node)


def _of_parts(node: Typed) -> int | None:
    spans = [span_ms(child) for child in children(node)]
    known = [span for span in spans if span is not None]
    return math.gcd(*known) if len(known) == len(spans) else None


def _of_column(node: ColumnRef) -> int | None:
    return EACH_MS if node.slot == ROWTIME_SLOT else None


def _of_arithmetic(node: ArithmeticOf) -> int | None:
    divisor = node.right.value if isinstance(node.right, Literal) else None
    whole = node.type in (INTEGER, BIGINT) and node.operator == "/"
    if whole and _is_rowtime(node.left) and isinstance(divisor, int) and divisor > 0:
        return divisor
    return _of_parts(node)


def _of_call(node: CallOf) -> int | None:
    if not node.function.deterministic:
        return None
    if node.function.name in FORMATS and _is_rowtime(node.arguments[0]):
        return _of_format([getattr(each, "value", None) for each in node.arguments[1:]])
    return _of_parts(node)


def _of_format(literals: Sequence[Any]) -> int | None:
    pattern, zone = [*literals, "UTC"][:2]
    if not isinstance(pattern, str) or not isinstance(zone, str):
        return EACH_MS
    try:
        # Other zones have moved their clocks by odd amounts.
        plain = zones.zone_of(zone) is zones.UTC
        return granularity_ms(compile_pattern(pattern)) if plain else EACH_MS
    except ValueError:
        return EACH_MS  # Each row fails with its own error.


def _is_rowtime(node: Typed) -> bool:
    while isinstance(node, CallOf) and node.function.name in IDENTITIES and len(node.arguments) == 1:
        node = node.arguments[0]
    return isinstance(node, ColumnRef) and node.slot == ROWTIME_SLOT


SPANS: dict[type[Typed], Callable[[Any], int | None]] = {
    Literal: lambda node: ALWAYS_THE_SAME,
    IntervalLiteral: lambda node: ALWAYS_THE_SAME,
    ColumnRef: _of_column,
    ParameterRef: lambda node: None,
    LambdaExpression: lambda node: None,
    ArithmeticOf: _of_arithmetic,
    CallOf: _of_call,
}
"""Everything else is the same for as long as its parts are."""
