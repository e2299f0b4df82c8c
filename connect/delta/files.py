"""Rows to Parquet files of a lake table, each with the statistics that Delta's log keeps of it.

In:  an Arrow table, the partition columns. Out: files on disk (fsynced) and one `add` action for each.

A file is invisible until commit.py names it in the log; one that a kill leaves behind is only space.

    rows   d=2011-01-04 | d=2011-01-04 | d=2011-01-05
           `- d=2011-01-04/part-<uuid>.parquet -'   `- d=2011-01-05/part-<uuid>.parquet
"""

from __future__ import annotations

import datetime
import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

STATS_COLUMNS = 32
STATS_TEXT_MAX = 32
ROW_GROUP_ROWS = 1 << 20
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
UTC = datetime.UTC


def write(folder: Path, table: pa.Table, partitions: Sequence[str], now_ms: int) -> list[dict[str, Any]]:
    """Write the rows, one file for each combination of partition values. Returns the `add` actions."""
    return [
        _add(folder, part.drop_columns(list(partitions)), dict(zip(partitions, values, strict=True)), now_ms)
        for values, part in split(table, partitions)
    ]


def split(table: pa.Table, partitions: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], pa.Table]]:
    """The rows of each combination of partition values. Rows keep their order within one."""
    if not partitions:
        yield (), table
        return
    groups = table.select(list(partitions)).append_column("__place", pa.array(range(table.num_rows)))
    listed = groups.group_by(list(partitions), use_threads=False).aggregate([("__place", "list")])
    places = listed.column("__place_list").combine_chunks()
    values = [listed.column(name).to_pylist() for name in partitions]
    for at, combination in enumerate(zip(*values, strict=True)):
        part = table if listed.num_rows == 1 else table.take(places[at].values)
        yield combination, part


def _add(folder: Path, table: pa.Table, values: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    texts = {name: partition_text(value) for name, value in values.items()}
    relative = "/".join(
        [f"{quote(name, safe=' .-_')}={_folder(text)}" for name, text in texts.items()]
        + [f"part-{uuid.uuid4()}.zstd.parquet"]
    )
    path = folder / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = _write_parquet(path, table)
    return {
        "path": quote(relative, safe="/=.-_"),
        "partitionValues": texts,
        "size": path.stat().st_size,
        "modificationTime": now_ms,
        "dataChange": True,
        "stats": json.dumps(statistics(table, metadata), ensure_ascii=False),
    }


def _write_parquet(path: Path, table: pa.Table) -> pq.FileMetaData:
    collected: list[pq.FileMetaData] = []
    with path.open("wb") as file:
        pq.write_table(
            table,
            file,
            compression="zstd",
            compression_level=1,
            row_group_size=ROW_GROUP_ROWS,
            metadata_collector=collected,
        )
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
    return collected[0]


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; systems that can't sync a folder don't need it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _folder(text: str | None) -> str:
    return NULL_PARTITION if text is None else quote(text, safe=" .-_")


def partition_text(value: Any) -> str | None:
    """A partition value as Delta's protocol writes it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


def statistics(table: pa.Table, metadata: pq.FileMetaData) -> dict[str, Any]:
    """numRecords, and for the first columns the count of nulls, the least and the greatest value."""
    nulls: dict[str, int] = {}
    least: dict[str, Any] = {}
    greatest: dict[str, Any] = {}
    for name in table.column_names[:STATS_COLUMNS]:
        column = table.column(name)
        if pa.types.is_nested(column.type):
            continue
        nulls[name] = column.null_count
        bounds = _bounds(column)
        if bounds is not None:
            least[name], greatest[name] = bounds
    return {"numRecords": metadata.num_rows, "minValues": least, "maxValues": greatest, "nullCount": nulls}


def _bounds(column: pa.ChunkedArray) -> tuple[Any, Any] | None:
    told = next((tell for fits, tell in TELL if fits(column.type)), None)
    if told is None or column.null_count == len(column):
        return None
    found = pc.min_max(column).as_py()
    low, high = told(found["min"]), told(found["max"])
    return None if low is None or high is None else (low, high)


def _instant(value: datetime.datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _text(value: str) -> str | None:
    return value if len(value) <= STATS_TEXT_MAX else None


def _same(value: Any) -> Any:
    return value


# Not for BOOLEAN (no use), BYTES (no JSON), DECIMAL (its JSON number is read as a double by some readers)
# and DOUBLE (NaN has no order, and -0.0 none among readers).
TELL: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Any], Any]], ...] = (
    (pa.types.is_integer, _same),
    (pa.types.is_string, _text),
    (pa.types.is_date, datetime.date.isoformat),
    (pa.types.is_timestamp, _instant),
)
