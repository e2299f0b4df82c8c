"""What a joined row keeps of each of its sources, and the join keys computed from it.

In:  the plan of a query with a tree of joins. Out: a Layout; functions from a row to a join key.

A joined row is one flat tuple. Of each source it has only what some expression of the query reads:

    S1 JOIN S2, reading S1.ROWTIME, S1.V, S2.V    names ("r1", "ts1", "r2")    row (Row(..), 1000, Row(..))
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from itertools import repeat
from typing import Any

from penstock.errors import PenstockError
from penstock.formats.formats import check_format, order_codec
from penstock.language.catalog import Format, Source, SourceWindow
from penstock.language.expressions import ColumnRef, Typed, children
from penstock.language.scope import From, payload_columns
from penstock.plan.steps import Joined, QueryPlan, find
from penstock.run.batch import Batch
from penstock.run.codegen import Emitter
from penstock.run.program import Text, compile_function
from penstock.run.state import key_type
from penstock.types import Array, Column, SqlType, frozen, row_class

SLOTS = ("k", "r", "ts", "p", "o", "h", "ws", "we")
NAME = re.compile(rf"(?<![\w.])({'|'.join(SLOTS)})(\d+)\b")
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class SideLayout:
    """What is kept of one source: `slots` are prefixes, as ("r", "ts")."""

    source: From
    slots: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{slot}{self.source.index}" for slot in self.slots)

    @property
    def null(self) -> Row:
        """The part of a joined row whose source had no row."""
        nothing = row_class(payload_columns(self.source.source))()
        return tuple(nothing if slot == "r" else None for slot in self.slots)

    @property
    def types(self) -> tuple[Any, ...]:
        """For reading it back from a changelog."""
        return tuple(_slot_type(slot, self.source.source) for slot in self.slots)

    def rows(self, batch: Batch) -> Iterator[Row]:
        """The part of each row of a batch."""
        if not self.slots:
            return repeat((), len(batch.rows))
        columns = {
            "k": batch.keys,
            "r": batch.rows,
            "ts": batch.timestamps,
            "p": batch.partitions,
            "o": batch.offsets,
            "h": batch.headers or repeat(None),
            "ws": batch.window_starts or repeat(None),
            "we": batch.window_ends or repeat(None),
        }
        return zip(*(columns[slot] for slot in self.slots), strict=False)


def _slot_type(slot: str, source: Source) -> Any:
    if slot == "k":
        return key_type([column.type for column in source.schema.key]) | None
    if slot == "r":
        return row_class(payload_columns(source))
    return list[tuple[str, bytes | None]] | None if slot == "h" else int | None


def windowed_key(inner: Any) -> Any:
    """The type of a key with its window."""
    return tuple[inner | None, int, int]


def side_layouts(plan: QueryPlan) -> list[SideLayout]:
    """One for each source, in their order."""
    found = {match.groups() for slot in _slots(plan.root) for match in NAME.finditer(slot)}
    return [
        SideLayout(each, tuple(slot for slot in SLOTS if (slot, str(each.index)) in found))
        for each in plan.froms
    ]


def joined_names(plan: QueryPlan) -> tuple[str, ...]:
    """The names that a joined row unpacks into; none when the query has no tree of joins."""
    if find(plan.root, Joined) is None:
        return ()
    return tuple(name for each in side_layouts(plan) for name in each.names)


def _slots(value: Any) -> Iterator[str]:
    """The slots of all columns that the expressions of a step, and of all under it, read."""
    if isinstance(value, ColumnRef):
        yield value.slot
    elif isinstance(value, Typed):
        for child in children(value):
            yield from _slots(child)
    elif isinstance(value, tuple):
        for part in value:
            yield from _slots(part)
    elif is_dataclass(value) and not isinstance(value, From):
        for each in fields(value):
            yield from _slots(getattr(value, each.name))


def key_function(key: Typed, names: Sequence[str]) -> Callable[[Row], Any]:
    """From a row with these names to the join key; raises what the expression raises."""
    constants: dict[str, Any] = {"frozen": frozen}
    emitter = Emitter(constants)
    source = emitter.expression(key)
    text = Text()
    with text.block("def join_key(row):"):
        text.add(f"{''.join(name + ', ' for name in names)}= row", *emitter.lines)
        text.add(f"return frozen({source})" if isinstance(key.type, Array) else f"return {source}")
    return compile_function("join_key", str(text), constants)


class KeyOrder:
    """Sorts keys as a store of Kafka Streams does: by their bytes."""

    def __init__(self, key_format: Format, types: Sequence[SqlType], window: SourceWindow | None) -> None:
        columns = tuple(Column(f"K{n}", kind) for n, kind in enumerate(types))
        try:
            check_format(key_format, columns, is_key=True)
        except PenstockError:
            # The source has no key of its own, or one this key can't be written as.
            key_format = Format("JSON")
        self.codec = order_codec(key_format, columns, window)

    def __call__(self, key: Any) -> bytes:
        return self.codec.encode([key])[0][0] or b""


__all__ = ["KeyOrder", "Row", "SideLayout", "joined_names", "key_function", "side_layouts", "windowed_key"]
