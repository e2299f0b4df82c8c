"""Table functions: one row in, a list of values out, a row for each."""

from __future__ import annotations

import itertools
from typing import Any

from penstock.functions.patterns import DECIMAL, T
from penstock.functions.registry import table
from penstock.types import Array

CUBE_ELEMENTS_MAX = 20


@table("EXPLODE", Array(DECIMAL), returns=DECIMAL, spelling="explode")
def explode_decimal(input: list[Any] | None) -> list[Any]:
    """A row for every element; none for NULL."""
    return input or []


@table("EXPLODE", Array(T), returns=T)
def explode(list: list[Any] | None) -> list[Any]:
    """A row for every element; none for NULL."""
    return list or []


@table("CUBE_EXPLODE", Array(T), returns=Array(T), spelling="cube_explode")
def cube_explode(columns: list[Any] | None) -> list[Any]:
    """A row for every combination in which each element is there or NULL."""
    if columns is None:
        return []
    if len(columns) > CUBE_ELEMENTS_MAX:
        raise ValueError(f"CUBE_EXPLODE takes at most {CUBE_ELEMENTS_MAX} elements, but got {len(columns)}")
    choices = [(None,) if each is None else (None, each) for each in columns]
    return [list(row) for row in itertools.product(*choices)]
