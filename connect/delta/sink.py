"""The Delta sink: batches of records become rows and offsets of a lake table, in one commit each.

In:  a batch of raw records. Out: the same as rows in `<lake>/<delta.table.path>`, exactly once.

    payloads -> cast.py -> rows ---- append -------------------------> commit.py: rows + offsets
                  |          `- upsert -> fold.py: last row of a key --> commit.py: merge + offsets
                  `- refused -> dead letters (before the commit)

On a start the table says where to go on: its `txn` entries hold the next offset of each partition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import pyarrow as pa

from connect.api import Batch, Context, Plugin, Written
from connect.dead_letters import Refusal
from connect.delta import columns, commit
from connect.delta.cast import Caster
from connect.delta.commit import LakeTable
from connect.delta.fold import Folded, Operations, Refused, fold
from connect.delta.layout import APPEND, SETTINGS, Layout, check, layout
from connect.errors import TaskError
from penstock.errors import RecordError, SettingError
from penstock.topics.base import TopicPartition

CONVERT, PUT = "VALUE_CONVERTER", "TASK_PUT"
INFER_ROWS = 1000
TOMBSTONE = (
    "A record without a value deletes the row of its key, but delta.key.from=value looks for the key in the "
    "value. Set delta.key.from=record_key to delete rows."
)


@dataclass(slots=True)
class Rows:
    """Rows that were read, the place of each in the batch, and what was refused on the way."""

    table: pa.Table
    places: Sequence[int]
    tombstones: Sequence[int]
    refusals: list[Refusal]


class DeltaSink:
    _context: Context
    _path: Path
    _table: LakeTable | None = None
    _layout: Layout
    _caster: Caster

    def start(self, context: Context) -> None:
        self._context = context
        name = context.settings["delta.table.path"] or context.connector
        self._path = context.folder / name
        self._table = commit.existing(self._path, context.clock)
        try:
            self._begin()
        except SettingError as error:
            raise TaskError(str(error)) from error

    def _begin(self) -> None:
        """Fix the columns where they are known: by the settings, or by the table that is there."""
        declared = self._context.settings["delta.columns"]
        if declared:
            self._use(columns.declared(declared))
        elif self._table is not None:
            self._use(columns.from_delta(self._table.fields))

    def _use(self, found: Sequence[columns.Column]) -> None:
        settings = self._context.settings
        self._layout = layout(settings, found)
        self._caster = Caster(
            self._layout.read, self._context.value_converter, settings["delta.unknown.fields"]
        )
        schema, wanted = self._layout.schema, self._layout.partition_names
        if self._table is None:
            self._table = commit.create(self._path, schema, wanted, self._context.clock)
        differ = commit.differences(self._path, self._table.fields, schema)
        if self._table.partitions != wanted:
            differ.append(f"its partitions are {self._table.partitions}, not {wanted}")
        if differ:
            raise TaskError(f"The table {self._path} has other columns than declared: {'; '.join(differ)}.")

    def committed(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        if self._table is None:
            return {}
        found = {partition: self._table.offset(self._app_id(partition)) for partition in partitions}
        return {partition: offset for partition, offset in found.items() if offset is not None}

    def write(self, batch: Batch) -> Written:
        values = batch.values
        table = self._table or self._first(values)
        rows = self._read(values)
        write = self._append if self._context.settings["delta.mode"] == APPEND else self._upsert
        return write(table, batch, rows)

    def stop(self) -> None:
        self._table = None

    def _app_id(self, partition: TopicPartition) -> str:
        return f"{self._context.connector}/{partition[0]}/{partition[1]}"

    def _offsets(self, batch: Batch) -> Mapping[str, int]:
        return {self._app_id(partition): offset for partition, offset in batch.offsets.items()}

    def _first(self, values: Sequence[bytes | None]) -> LakeTable:
        """Make the table as the first rows show it."""
        rows = []
        for value in values[:INFER_ROWS]:
            try:
                row = self._context.value_converter.read(value)
            except RecordError:
                continue  # read again below, where it is refused
            if isinstance(row, dict):
                rows.append(row)
        try:
            if not rows:
                raise SettingError(f"None of the first records is an object with fields. {columns.DECLARE}")
            self._use(columns.inferred(rows))
        except SettingError as error:
            raise TaskError(str(error)) from error
        assert self._table is not None
        return self._table

    def _read(self, values: Sequence[bytes | None]) -> Rows:
        held: Sequence[int] = range(len(values))
        tombstones: list[int] = []
        payloads: Sequence[Any] = values
        if None in values:
            held = [place for place in held if values[place] is not None]
            tombstones = [place for place, value in enumerate(values) if value is None]
            payloads = [values[place] for place in held]
        cast = self._caster.read(payloads)
        refusals = [Refusal(held[place], CONVERT, reason) for place, reason in cast.refusals]
        places = cast.places if len(held) == len(values) else [held[place] for place in cast.places]
        return Rows(cast.table, places, tombstones, refusals)

    def _append(self, table: LakeTable, batch: Batch, rows: Rows) -> Written:
        found, refusals = self._nameless(self._layout.complete(rows.table), rows.places)
        self._context.dead_letters.report(batch, rows.refusals + refusals)
        table.append(found, self._offsets(batch))
        return Written(found.num_rows, skipped=len(rows.tombstones))

    def _nameless(self, table: pa.Table, places: Sequence[int]) -> tuple[pa.Table, list[Refusal]]:
        bad = self._layout.nameless(table)
        if not bad:
            return table, []
        out = set(bad)
        kept = [at for at in range(table.num_rows) if at not in out]
        reason = "A partition column is '', which Delta Lake would read back as null."
        return table.take(pa.array(kept, pa.int64())), [Refusal(places[at], PUT, reason) for at in bad]

    def _upsert(self, table: LakeTable, batch: Batch, rows: Rows) -> Written:
        found, refusals = self._nameless(rows.table, rows.places)
        if refusals:
            out = {refusal.place for refusal in refusals}
            rows.places = list(compress(rows.places, (place not in out for place in rows.places)))
        operations, refused = self._operations(batch, rows, found)
        operations, keyless = operations.without_null_keys(self._layout.identity)
        refusals += rows.refusals + [Refusal(one.place, PUT, one.reason) for one in (*refused, *keyless)]
        folded = fold(operations, self._layout.identity)
        self._context.dead_letters.report(batch, refusals)
        self._commit(table, folded, self._offsets(batch))
        return Written(folded.rows.num_rows, deleted=folded.deleted_count)

    def _operations(self, batch: Batch, rows: Rows, found: pa.Table) -> tuple[Operations, list[Refused]]:
        reader = self._layout.key_reader
        if reader is None:
            operations = Operations.of_values(found, rows.places)
            return operations, [Refused(place, TOMBSTONE) for place in rows.tombstones]
        return Operations.by_record_key(found, rows.places, rows.tombstones, batch.keys, reader)

    def _commit(self, table: LakeTable, folded: Folded, offsets: Mapping[str, int]) -> None:
        rows = self._layout.complete(folded.rows)
        if folded.empty:
            table.append(rows, offsets)
        elif table.fillable:
            table.fill(rows, offsets)
        else:
            table.merge(self._layout.complete(folded.source(commit.DELETED)), self._layout.identity, offsets)


def tasks_max(settings: Mapping[str, Any]) -> int:
    """Upserts keep to one task: two writers would have to merge into the same rows."""
    return 1 if settings["delta.mode"] != APPEND else int(settings["tasks.max"])


PLUGIN = Plugin(
    class_name="io.penstock.connect.DeltaSinkConnector",
    aliases=("DeltaSinkConnector", "DeltaSink", "io.penstock.connect.DeltaSink"),
    type="sink",
    version="0.1.0",
    settings=SETTINGS,
    task=DeltaSink,
    check=check,
    tasks_max=tasks_max,
)
