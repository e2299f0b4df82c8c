"""The current row of every key of a table that a join looks up.

In:  batches of the table's topic. Out: dictionaries the generated code reads. The topic itself is the
changelog: on restore it is read again up to the committed offset.
"""

from __future__ import annotations

from typing import Any

from penstock.run.batch import Batch


class TableStore:
    """Latest by offset: a row replaces the one before it whatever their times; a null row removes it."""

    def __init__(self) -> None:
        self.rows: dict[Any, Any] = {}
        self.times: dict[Any, int] = {}

    def update(self, batch: Batch) -> None:
        rows, times = self.rows, self.times
        for key, row, time in zip(batch.keys, batch.rows, batch.timestamps, strict=True):
            if key is None:
                continue
            if row is None:
                rows.pop(key, None)
                times.pop(key, None)
            else:
                rows[key] = row
                times[key] = time
