"""Functions that choose between values: COALESCE, IFNULL, NULLIF, GREATEST, LEAST, and AS_VALUE."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.functions.patterns import DECIMAL, T
from penstock.functions.registry import scalar
from penstock.functions.text import utf16_key
from penstock.types import BIGINT, BYTES, DATE, DOUBLE, INTEGER, STRING, TIME, TIMESTAMP, SqlType


@scalar("COALESCE", T, T, returns=T, nulls="pass", category="CONDITIONAL",
        example=("COALESCE(CAST(NULL AS INT), 7)", 7))  # fmt: skip
def coalesce(first: Any, *others: Any) -> Any:
    """The first value that is not NULL."""
    if first is not None:
        return first
    for value in others:
        if value is not None:
            return value
    return None


@scalar("IFNULL", T, T, returns=T, nulls="pass", category="CONDITIONAL", names=("expression", "altValue"),
        example=("IFNULL(CAST(NULL AS INT), 7)", 7))  # fmt: skip
def ifnull(expression: Any, alt_value: Any) -> Any:
    """The first value unless it is NULL, else the second."""
    return alt_value if expression is None else expression


@scalar("NULLIF", T, T, returns=T, nulls="pass", category="CONDITIONAL", example=("NULLIF(7, 8)", 7))
def nullif(expr1: Any, expr2: Any) -> Any:
    """NULL when both values are equal, else the first."""
    return None if expr1 == expr2 else expr1


@scalar("AS_VALUE", T, returns=T, nulls="pass", category="OTHER", example=("AS_VALUE(7)", 7))
def as_value(key_column: Any) -> Any:
    """The value as it is; copies a key column into the value."""
    return key_column


def extreme(choose: Callable[..., Any], key: Callable[[Any], Any] | None) -> Callable[..., Any]:
    def of(val: Any, *vals: Any) -> Any:
        known = [each for each in (val, *vals) if each is not None]
        return choose(known, key=key) if known else None

    return of


KINDS: tuple[SqlType, ...] = (
    TIME, DATE, BYTES, TIMESTAMP, DECIMAL, INTEGER, BIGINT, DOUBLE, STRING,
)  # fmt: skip

for name, choose, example in (
    ("GREATEST", max, ("GREATEST(3, NULL, 9)", 9)),
    ("LEAST", min, ("LEAST(3, NULL, 9)", 3)),
):
    for kind in KINDS:
        call = extreme(choose, utf16_key if kind == STRING else None)
        call.__doc__ = f"The {name.lower()} of the values that are not NULL."
        scalar(name, kind, kind, returns=kind, nulls="pass", category="MATHEMATICAL", spelling=name.lower(),
               example=example if kind == INTEGER else None)(call)  # fmt: skip
