"""What the names of a query stand for: each column's type and the slot its value is found in.

In:  the sources of a query in FROM order. Out: typed ColumnRefs for resolve.py.

Source n of a query binds these names in generated code (run/compiler.py):
    rN  its row (value columns are rN.c0, rN.c1, ...)      tsN  its ROWTIME      wsN weN  its window
    kN  its key (one column: the value; several: a tuple)  pN oN partition, offset    hN  its headers
"""

from __future__ import annotations

from dataclasses import dataclass

from penstock.errors import Position
from penstock.language.catalog import Source
from penstock.language.expressions import ColumnRef, Typed
from penstock.types import BIGINT, INTEGER, Column, SqlType

PSEUDO_COLUMNS: dict[str, SqlType] = {
    "ROWTIME": BIGINT,
    "ROWPARTITION": INTEGER,
    "ROWOFFSET": BIGINT,
    "WINDOWSTART": BIGINT,
    "WINDOWEND": BIGINT,
}
PSEUDO_SLOTS = {
    "ROWTIME": "ts",
    "ROWPARTITION": "p",
    "ROWOFFSET": "o",
    "WINDOWSTART": "ws",
    "WINDOWEND": "we",
}


@dataclass(frozen=True, slots=True)
class From:
    """A source of a query at its place in FROM order."""

    index: int
    alias: str
    source: Source


def payload_columns(source: Source) -> tuple[Column, ...]:
    """The value columns that stand in the payload: all but the header columns."""
    headers = {name for name, _ in source.headers}
    return tuple(column for column in source.schema.value if column.name not in headers)


def pseudo_columns_of(source: Source) -> dict[str, SqlType]:
    bounds = ("WINDOWSTART", "WINDOWEND")
    return {
        name: kind for name, kind in PSEUDO_COLUMNS.items() if source.window is not None or name not in bounds
    }


def columns_of(source: Source) -> dict[str, SqlType]:
    """Every name a query may use of a source."""
    declared = {column.name: column.type for column in source.schema.columns}
    return {**pseudo_columns_of(source), **declared}


@dataclass(frozen=True, slots=True)
class QueryScope:
    """Columns of all sources, by alias. The analyser has qualified every name before."""

    froms: tuple[From, ...]

    @property
    def joined(self) -> bool:
        """Messages of joins name a column SOURCE_COLUMN."""
        return len(self.froms) > 1

    def has_column(self, name: str) -> bool:
        return any(name in columns_of(each.source) for each in self.froms)

    def column(self, name: str, qualifier: str | None, at: Position) -> Typed:
        owner = next(each for each in self.froms if each.alias == qualifier)
        # The driving source always has its time and place; a table that has no row has neither.
        nullable = owner.index > 0 or name not in PSEUDO_SLOTS
        return ColumnRef(columns_of(owner.source)[name], slot_of(owner, name), nullable)


def slot_of(owner: From, name: str) -> str:
    """The Python expression a column's value is read by."""
    source, index = owner.source, owner.index
    for header, key in source.headers:
        if header == name:
            return f"header_value(h{index}, {key!r})" if key else f"header_list(h{index})"
    for position, column in enumerate(payload_columns(source)):
        if column.name == name:
            return f"r{index}.c{position}"
    for position, column in enumerate(source.schema.key):
        if column.name == name:
            if len(source.schema.key) == 1:
                return f"k{index}"
            return f"(None if k{index} is None else k{index}[{position}])"
    return f"{PSEUDO_SLOTS[name]}{index}"
