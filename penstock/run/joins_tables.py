"""Joins in which a table takes part: table and table by key, by foreign key, and a stream that looks one up.

In:  changes of a table (a row of None deletes) and rows of a stream. Out: changes of the result, to `emit`,
with whether the key had a result before.

Every change of a side gives at most one change of the result for each left key, whether it differs or not.
Rules: Kafka Streams' KTable joins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from penstock.run.joins_rows import KeyOrder, Row
from penstock.run.joins_state import LEFT, RIGHT, TableRows
from penstock.run.joins_streams import Emit

Found = tuple[int, Row] | None


class Table(Protocol):
    """What a join of tables can ask of its sides."""

    def get(self, key: Any) -> Found:
        """The current row of a key with its time."""
        ...


class TableLeaf:
    """A source: it keeps its rows and tells who joins it of their changes."""

    def __init__(self, state: TableRows, emit: Emit | None) -> None:
        self.state = state
        self.emit = emit
        self.get: Callable[[Any], Found] = state.rows.get

    def change(self, key: Any, row: Row | None, time: int, i: int) -> None:
        if key is None:
            return
        known = self.state.put(key, row, time)
        if self.emit is not None:
            self.emit(key, row, time, i, known)


class LookupNode:
    """Rows of a stream with the current row of a table; its own changes emit nothing."""

    def __init__(self, table: TableLeaf, kind: str, null: Row, emit: Emit) -> None:
        self.table, self.kind, self.null, self.emit = table, kind, null, emit

    def left(self, key: Any, row: Row, time: int, i: int) -> None:
        found = self.table.get(key) if key is not None else None
        if found is not None:
            self.emit(key, row + found[1], time, i, False)
        elif self.kind == "LEFT":
            self.emit(key, row + self.null, time, i, False)


class TableJoinNode:
    """Two tables by one key. A side is needed when there is no result without it."""

    def __init__(self, sides: tuple[Table, Table], kind: str, nulls: tuple[Row, Row], emit: Emit) -> None:
        self.sides, self.nulls, self.emit = sides, nulls, emit
        self.needed = (kind in ("INNER", "LEFT"), kind in ("INNER", "RIGHT"))

    def get(self, key: Any) -> Found:
        left, right = self.sides[LEFT].get(key), self.sides[RIGHT].get(key)
        row = self._joined(left and left[1], right and right[1])
        if row is None:
            return None
        return max(left[0] if left else -1, right[0] if right else -1), row

    def left(self, key: Any, row: Row | None, time: int, i: int, known: bool) -> None:
        self._changed(LEFT, key, row, time, i, known)

    def right(self, key: Any, row: Row | None, time: int, i: int, known: bool) -> None:
        self._changed(RIGHT, key, row, time, i, known)

    def _changed(self, side: int, key: Any, row: Row | None, time: int, i: int, known: bool) -> None:
        other = self.sides[1 - side].get(key)
        if other is None and (self.needed[1 - side] or (row is None and not known)):
            return
        met = None if other is None else other[1]
        result = self._joined(row, met) if side == LEFT else self._joined(met, row)
        had = known or (other is not None and not self.needed[side])
        self.emit(key, result, time if other is None else max(time, other[0]), i, had)

    def _joined(self, left: Row | None, right: Row | None) -> Row | None:
        if (left is None and self.needed[LEFT]) or (right is None and self.needed[RIGHT]):
            return None
        if left is None and right is None:
            return None
        return (self.nulls[LEFT] if left is None else left) + (self.nulls[RIGHT] if right is None else right)


class ForeignRows(TableRows):
    """The left table, with the foreign key of every row, and who refers to each foreign key.

    A kept row is (foreign key, *row).
    """

    def __init__(self, key: Any, foreign: Any, row: Sequence[Any]) -> None:
        super().__init__(key, (foreign | None, *row))
        self.referring: dict[Any, dict[Any, None]] = {}

    def put(self, key: Any, row: Row | None, time: int) -> bool:
        self._refer(key, row)
        return super().put(key, row, time)

    def restore(self, payload: bytes) -> None:
        for key, entry in self._decoder.decode(payload):
            self._refer(key, entry and entry[1])
            if entry is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = entry

    def _refer(self, key: Any, row: Row | None) -> None:
        before = self.rows.get(key)
        if before is not None and before[1][0] is not None:
            referring = self.referring[before[1][0]]
            del referring[key]
            if not referring:
                del self.referring[before[1][0]]
        if row is not None and row[0] is not None:
            self.referring.setdefault(row[0], {})[key] = None

    def clear(self) -> None:
        super().clear()
        self.referring.clear()


class ForeignJoinNode:
    """Left rows name a key of the right table. The result has the left table's key."""

    def __init__(
        self,
        rows: ForeignRows,
        right: TableRows,
        kind: str,
        foreign_key: Callable[[Row, int], Any],
        null: Row,
        order: KeyOrder,
        emit: Emit,
    ) -> None:
        self.rows, self.foreign = rows, right
        self.is_left = kind == "LEFT"
        self.foreign_key = foreign_key
        self.null, self.order, self.emit = null, order, emit

    def get(self, key: Any) -> Found:
        kept = self.rows.rows.get(key)
        if kept is None:
            return None
        time, (foreign_key, *row) = kept
        found = self._found(foreign_key)
        if found is not None:
            return max(time, found[0]), (*row, *found[1])
        return (time, (*row, *self.null)) if self.is_left else None

    def _found(self, foreign_key: Any) -> Found:
        return None if foreign_key is None else self.foreign.rows.get(foreign_key)

    def left_change(self, key: Any, row: Row | None, time: int, i: int) -> None:
        if key is None:
            return
        had, before = self.get(key) is not None, self.rows.rows.get(key)
        old = None if before is None else before[1][0]
        if row is None:
            self.rows.put(key, None, time)
            if before is not None and (self.is_left or old is not None):
                found = self._found(old)
                self.emit(key, None, max(time, found[0] if found else time), i, had)
            return
        new = self.foreign_key(row, i)
        self.rows.put(key, (new, *row), time)
        found = self._found(new)
        if found is not None:
            self.emit(key, row + found[1], max(time, found[0]), i, had)
        elif self.is_left:
            self.emit(key, row + self.null, time, i, had)
        elif new is not None and old is not None and new != old:
            self.emit(key, None, time, i, had)

    def right_change(self, key: Any, row: Row | None, time: int, i: int) -> None:
        if key is None:
            return
        known = self.foreign.put(key, row, time)
        referring = self.rows.referring.get(key, {})
        for left in sorted(referring, key=self.order):
            kept, (_, *columns) = self.rows.rows[left]
            if row is not None:
                self.emit(left, (*columns, *row), max(time, kept), i, known or self.is_left)
            else:
                result = (*columns, *self.null) if self.is_left else None
                self.emit(left, result, time, i, known or self.is_left)
