"""Folding a batch for an upsert: of each key the last operation stays, a row or a delete.

In:  rows with their place in the batch, tombstones with theirs. Out: one operation for each key.

    place   1      2      3      4
            a=1    b=1    a=2    b=null       ->   a=2, delete b

The library inserts both of two source rows with one key, and inserts a null key again and again; so keys
are made distinct here, and a row with a null in its key is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connect.delta.columns import arrow_type
from connect.delta.keys import KeyReader
from penstock.errors import RecordError

PLACE = "__place"


@dataclass(frozen=True, slots=True)
class Refused:
    place: int
    reason: str


@dataclass(frozen=True, slots=True)
class Operations:
    """Rows to put; for a delete only the identity is filled. `places` and `gone` run beside the rows."""

    table: pa.Table
    places: pa.Array
    gone: pa.Array

    @classmethod
    def of_values(cls, table: pa.Table, places: Sequence[int]) -> Operations:
        return cls(table, pa.array(places, pa.int64()), pa.repeat(False, table.num_rows))

    @classmethod
    def by_record_key(
        cls,
        table: pa.Table,
        places: Sequence[int],
        tombstones: Sequence[int],
        keys: Sequence[bytes | None],
        reader: KeyReader,
    ) -> tuple[Operations, list[Refused]]:
        """The operations with the identity taken from the record keys."""
        read, reasons = read_keys([keys[place] for place in (*places, *tombstones)], reader)
        every = [*places, *tombstones]
        refused = [Refused(place, reasons[keys[place]]) for place in every if keys[place] in reasons]
        kept = [at for at, place in enumerate(places) if keys[place] not in reasons]
        dead = [place for place in tombstones if keys[place] not in reasons]
        if len(kept) < table.num_rows:
            table = table.take(pa.array(kept, pa.int64()))
        order = [places[at] for at in kept] + dead
        rows = pa.concat_tables([table, nulls(table.schema, len(dead))])
        for at, column in enumerate(reader.all):
            filled = pa.array([read[keys[place]][at] for place in order], arrow_type(column.type))
            rows = rows.set_column(rows.schema.get_field_index(column.name), column.name, filled)
        gone = pa.array([False] * len(kept) + [True] * len(dead), pa.bool_())
        return cls(rows, pa.array(order, pa.int64()), gone), refused

    def without_null_keys(self, identity: Sequence[str]) -> tuple[Operations, list[Refused]]:
        """The operations whose key is whole, and the others refused."""
        nulls_of = {name: pc.is_null(self.table.column(name)) for name in identity}
        refused: dict[int, str] = {}
        for name, mask in nulls_of.items():
            for at in pc.indices_nonzero(mask).to_pylist():
                refused[at] = f"Key column {name} is null, so its row could not be found again."
        if not refused:
            return self, []
        kept = pa.array([at for at in range(self.table.num_rows) if at not in refused], pa.int64())
        whole = Operations(self.table.take(kept), self.places.take(kept), self.gone.take(kept))
        return whole, [Refused(self.places[at].as_py(), reason) for at, reason in refused.items()]


@dataclass(frozen=True, slots=True)
class Folded:
    """One operation a key: `table` of all of them, and which are deletes."""

    table: pa.Table
    gone: pa.Array

    @property
    def empty(self) -> bool:
        return self.table.num_rows == 0

    @property
    def deleted_count(self) -> int:
        return int(pc.sum(self.gone).as_py() or 0)

    @property
    def rows(self) -> pa.Table:
        return self.table.filter(pc.invert(self.gone)) if self.deleted_count else self.table

    def source(self, deleted: str) -> pa.Table:
        """The source of a merge; with a column that marks the deletes, when there are any."""
        return self.table.append_column(deleted, self.gone) if self.deleted_count else self.table


def read_keys(
    keys: Sequence[bytes | None], reader: KeyReader
) -> tuple[dict[bytes | None, tuple[Any, ...]], dict[bytes | None, str]]:
    """Each distinct key once: what it says, or why it can't be read."""
    read: dict[bytes | None, tuple[Any, ...]] = {}
    reasons: dict[bytes | None, str] = {}
    for key in set(keys):
        try:
            read[key] = reader.read(key)
        except (RecordError, ValueError) as error:
            reasons[key] = str(error)
    return read, reasons


def nulls(schema: pa.Schema, count: int) -> pa.Table:
    return pa.Table.from_arrays([pa.nulls(count, field.type) for field in schema], schema=schema)


def fold(operations: Operations, identity: Sequence[str]) -> Folded:
    """The last operation of each key, in the order of the batch."""
    if operations.table.num_rows == 0:
        return Folded(operations.table, operations.gone)
    keyed = operations.table.select(list(identity))
    keyed = keyed.append_column(PLACE, operations.places)
    last = keyed.group_by(list(identity), use_threads=False).aggregate([(PLACE, "max")])
    stays = pc.is_in(operations.places, value_set=last.column(f"{PLACE}_max").combine_chunks())
    if pc.all(stays).as_py():
        return Folded(operations.table, operations.gone)
    return Folded(operations.table.filter(stays), operations.gone.filter(stays))
