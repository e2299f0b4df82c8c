"""What the demo tells of the lake: rows by table, and the few columns its summary counts.

In:  the lake's folder with its Delta tables. Out: numbers; tables that did not land are simply not there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Landed:
    """One Delta table: `layer/name`, its rows and its version."""

    name: str
    path: Path
    rows: int
    version: int

    @property
    def layer(self) -> str:
        return self.name.partition("/")[0]


def tables_in(lake: Path) -> Iterator[Path]:
    yield from sorted(path.parent for path in lake.glob("*/*/_delta_log") if path.is_dir())


def landed(lake: Path) -> list[Landed]:
    """Every table of the lake, in the order of the layers."""
    from deltalake import DeltaTable

    found = []
    for path in tables_in(lake):
        table = DeltaTable(path)
        name = str(path.relative_to(lake))
        found.append(Landed(name, path, table.to_pyarrow_dataset().count_rows(), table.version()))
    order = ("bronze", "silver", "gold", "features")
    return sorted(found, key=lambda each: (order.index(each.layer) if each.layer in order else 9, each.name))


def columns(lake: Path, name: str, wanted: Sequence[str]) -> list[tuple[Any, ...]]:
    """Rows of the wanted columns, whatever their case; none when table or column is not there."""
    from deltalake import DeltaTable

    path = lake / name
    if not (path / "_delta_log").is_dir():
        return []
    table = DeltaTable(path)
    spelled = {field.name.lower(): field.name for field in table.schema().fields}
    if any(each not in spelled for each in wanted):
        return []
    names = [spelled[each] for each in wanted]
    read = table.to_pyarrow_table(columns=names)
    return list(zip(*(read.column(each).to_pylist() for each in names), strict=True))


def counted(lake: Path, name: str, column: str) -> list[tuple[Any, int]]:
    """How many rows have each value of a column, the most frequent first."""
    return Counter(value for (value,) in columns(lake, name, [column])).most_common()
