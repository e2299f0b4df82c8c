"""What the settings of a Delta sink mean together: columns, partitions, and how a row is found again.

In:  typed settings, and the columns of the table (declared, found in the table, or inferred).
Out: a Layout: the table's Arrow schema, what fills each column, the identity of a row.

    delta.columns             id INT, ts TIMESTAMP, n INT         read from the value
    delta.partition.columns   to_date(ts) as day                  computed
    delta.key.columns         id                                  identity, of the value or the record key
    delta.key.window.start    window_start                        identity too, from the record key
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connect.delta.columns import arrow_schema, declared, distinct
from connect.delta.keys import KeyReader
from connect.settings import Setting
from penstock.errors import SettingError, did_you_mean
from penstock.types import BIGINT, BOOLEAN, DATE, INTEGER, STRING, TIMESTAMP, Column

APPEND, UPSERT = "append", "upsert"
VALUE, RECORD_KEY = "value", "record_key"
PARTITION = re.compile(
    r"(?:to_date\(\s*(?P<source>[^\s()]+)\s*\)\s+as\s+(?P<alias>[^\s()]+)|(?P<name>[^\s()]+))", re.IGNORECASE
)
PARTITION_TYPES = (STRING, INTEGER, BIGINT, DATE, BOOLEAN)

SETTINGS: tuple[Setting, ...] = (
    Setting("delta.table.path", "STRING", None, "Folder of the table inside of the lake folder."),
    Setting(
        "delta.mode", "STRING", APPEND, "append: a row for each record. upsert: a row for each key.",
        choices=(APPEND, UPSERT),
    ),
    Setting(
        "delta.columns", "STRING", None,
        "The columns in ksqlDB's types, as in: id INT, ts TIMESTAMP, price DECIMAL(10,2). "
        "Without it the table's own columns count, or for a new table those that the first rows show.",
    ),
    Setting(
        "delta.partition.columns", "LIST", "",
        "Columns the table is partitioned by; to_date(column) as name makes a date of a timestamp.",
    ),
    Setting(
        "delta.unknown.fields", "STRING", "error",
        "What a field without a column does: error refuses the record, ignore leaves the field out.",
        choices=("error", "ignore"),
    ),
    Setting("delta.key.columns", "LIST", "", "Upsert: the columns that identify a row."),
    Setting(
        "delta.key.from", "STRING", VALUE,
        "Upsert: where the key columns are. With record_key a record without a value deletes its row.",
        choices=(VALUE, RECORD_KEY),
    ),
    Setting("delta.key.format", "STRING", "KAFKA", "Format of the record key.", choices=("KAFKA", "JSON")),
    Setting(
        "delta.key.window", "STRING", "none", "Window of the record key: time for tumbling and hopping.",
        choices=("none", "time", "session"),
    ),
    Setting("delta.key.window.start", "STRING", None, "Column of the window's start, out of the record key."),
    Setting("delta.key.window.end", "STRING", None, "Column of a session's end, out of the record key."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition column; `source` is the timestamp or date it is made of, or None."""

    name: str
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """`read` are the columns of the records, `partitions` may add computed ones."""

    read: tuple[Column, ...]
    partitions: tuple[Partition, ...]
    identity: tuple[str, ...]
    key_reader: KeyReader | None

    @property
    def schema(self) -> pa.Schema:
        return arrow_schema(distinct((*self.read, *computed(self.partitions))))

    @property
    def partition_names(self) -> tuple[str, ...]:
        return tuple(part.name for part in self.partitions)

    def complete(self, rows: pa.Table) -> pa.Table:
        """The rows with the computed partition columns, in the order of the schema."""
        for part in self.partitions:
            if part.source is not None:
                dates = rows.column(part.source).cast(pa.date32(), safe=False)
                rows = rows.append_column(pa.field(part.name, pa.date32()), dates)
        return rows

    def nameless(self, rows: pa.Table) -> list[int]:
        """Rows whose partition would be '': Delta Lake would read it back as null."""
        masks = [
            pc.fill_null(pc.equal(rows.column(part.name), ""), False)
            for part in self.partitions
            if part.source is None and pa.types.is_string(rows.schema.field(part.name).type)
        ]
        found: set[int] = set()
        for mask in masks:
            found.update(pc.indices_nonzero(mask).to_pylist())
        return sorted(found)


def partitions(items: Sequence[str]) -> tuple[Partition, ...]:
    found = []
    for item in items:
        match = PARTITION.fullmatch(item)
        if match is None:
            raise SettingError(
                f"delta.partition.columns: {item} is no column and no to_date(column) as name."
            )
        if match["name"]:
            found.append(Partition(match["name"]))
        else:
            found.append(Partition(match["alias"], match["source"]))
    return tuple(found)


def computed(parts: Sequence[Partition]) -> tuple[Column, ...]:
    return tuple(Column(part.name, DATE) for part in parts if part.source is not None)


def layout(settings: Mapping[str, Any], columns: Sequence[Column]) -> Layout:
    """Raises SettingError where the settings and the columns don't fit."""
    parts = tuple(_placed(part, columns) for part in partitions(settings["delta.partition.columns"]))
    made = {part.name for part in parts if part.source is not None}
    read = tuple(column for column in columns if column.name not in made)
    if settings["delta.mode"] == APPEND:
        return Layout(read, parts, (), None)
    reader = _key_reader(settings, read) if settings["delta.key.from"] == RECORD_KEY else None
    if reader is not None:
        return Layout(read, parts, tuple(column.name for column in reader.all), reader)
    keys = tuple(column_named(name, read, "delta.key.columns").name for name in settings["delta.key.columns"])
    return Layout(read, parts, keys, None)


def _placed(part: Partition, columns: Sequence[Column]) -> Partition:
    if part.source is None:
        column = column_named(part.name, columns, "delta.partition.columns")
        if column.type not in PARTITION_TYPES:
            raise SettingError(f"delta.partition.columns: {column} can't be a partition.")
        return Partition(column.name)
    source = column_named(part.source, columns, "delta.partition.columns")
    if source.type not in (TIMESTAMP, DATE):
        raise SettingError(f"delta.partition.columns: to_date needs a TIMESTAMP or a DATE, {source} is none.")
    return Partition(part.name, source.name)


def _key_reader(settings: Mapping[str, Any], columns: Sequence[Column]) -> KeyReader:
    bounds = [settings["delta.key.window.start"], settings["delta.key.window.end"]]
    start, end = (
        column_named(name, columns, "delta.key.window.start and .end") if name else None for name in bounds
    )
    for column in (start, end):
        if column is not None and column.type not in (TIMESTAMP, BIGINT):
            raise SettingError(f"A window starts and ends at a TIMESTAMP or a BIGINT, {column} is none.")
    named = [column_named(name, columns, "delta.key.columns") for name in settings["delta.key.columns"]]
    own = tuple(column for column in named if column not in (start, end))
    return KeyReader(own, settings["delta.key.format"], settings["delta.key.window"], start, end)


def column_named(name: str, columns: Sequence[Column], setting: str) -> Column:
    for column in columns:
        if column.name.lower() == name.lower():
            return column
    known = [column.name for column in columns]
    raise SettingError(f"{setting}: {name} is not a column of the table.{did_you_mean(name, known)}")


WINDOW_BOUNDS: Mapping[str, tuple[bool, bool]] = {
    "none": (False, False),
    "time": (True, False),
    "session": (True, True),
}


def check(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with the settings together: (setting, sentence)."""
    path = settings.get("delta.table.path")
    if path and (PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts):
        yield "delta.table.path", "The table stands in the lake folder: give a relative path without '..'."
    if settings.get("delta.mode") == UPSERT and not settings.get("delta.key.columns"):
        yield (
            "delta.key.columns",
            "delta.mode=upsert needs delta.key.columns, the identity of a row.",
        )
    needed = WINDOW_BOUNDS[settings.get("delta.key.window") or "none"]
    for name, wanted in zip(("delta.key.window.start", "delta.key.window.end"), needed, strict=True):
        if bool(settings.get(name)) != wanted:
            told = "needs" if wanted else "has no use for"
            yield name, f"delta.key.window={settings.get('delta.key.window')} {told} the setting {name}."
    yield from _check_columns(settings)


def _check_columns(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    try:
        if settings.get("delta.columns"):
            given = declared(settings["delta.columns"])
            _ = distinct((*given, *computed(partitions(settings["delta.partition.columns"]))))
            layout(settings, given)
        else:
            partitions(settings.get("delta.partition.columns") or ())
    except SettingError as error:
        yield "delta.columns", str(error)
    except KeyError:
        return  # a setting that layout() needs has its own error already
