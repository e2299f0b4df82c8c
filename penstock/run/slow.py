"""The slow path: a row whose fast code raised is computed again, each expression on its own.

In:  the values the row's names are bound to. Out: the outputs with NULL where an expression failed, each
failure logged; or None when the row is dropped (no match, condition not TRUE).

The expressions are the same generated code as the fast path's, compiled one by one (run/evaluate.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.language.expressions import Typed
from penstock.plan.steps import Lookup, Step, Where
from penstock.run.batch import Batch
from penstock.run.evaluate import compile_each, describe
from penstock.run.processing_log import Entry, Place, processing_entry
from penstock.run.tables import TableStore

SLOTS = ("k", "r", "ts", "p", "o", "h", "ws", "we")


def parameters_of(sources: int) -> list[str]:
    """Every name an expression over the first N sources may read."""
    names = [f"{slot}{index}" for index in range(sources) for slot in SLOTS]
    return names + [f"j{index}" for index in range(1, sources)]


@dataclass(slots=True, eq=False)
class _Looked:
    index: int
    kind: str
    key: Callable[..., Any]
    null_row: Any


class SlowRows:
    """Everything between reading a row and its outputs, guarded."""

    def __init__(
        self,
        steps: Sequence[Step],
        outputs: Sequence[tuple[str, Typed]],
        sources: int,
        null_rows: Mapping[int, Any],
        tables: dict[int, TableStore],
        query_id: str,
        topic: str,
        extra: Sequence[str] = (),
        joined: Sequence[str] = (),
    ) -> None:
        """`extra` names values that are bound beside those of the sources; `joined` the parts of a row."""
        self.joined = joined
        self.parameters = [*parameters_of(sources), *extra]
        self.nested: list[Exception] = []
        self.tables = tables
        self.null_row = null_rows.get(0)
        self.query_id = query_id
        self.topic = topic
        self.stages: list[_Looked | Callable[..., Any]] = []
        for step in steps:
            if isinstance(step, Lookup):
                index = step.table.source.index
                key = compile_each([step.key], self.parameters)[0]
                self.stages.append(_Looked(index, step.kind, key, null_rows[index]))
            elif isinstance(step, Where):
                self.stages.append(compile_each([step.condition], self.parameters)[0])
        self.names = [name for name, _ in outputs]
        # An element of a constructor that fails is NULL alone; it is logged all the same.
        self.outputs = compile_each([typed for _, typed in outputs], self.parameters, self.nested.append)

    def __call__(self, batch: Batch, i: int, errors: list[Entry]) -> list[Any] | None:
        bound = self.reached(batch, i, errors)
        if bound is None:
            return None
        return self.computed(bound, Place(self.topic, batch.partitions[i], batch.offsets[i]), errors)

    def reached(self, batch: Batch, i: int, errors: list[Entry]) -> dict[str, Any] | None:
        """The values of a row that has passed joins and filters."""
        bound = self._bind(batch, i)
        place = Place(self.topic, batch.partitions[i], batch.offsets[i])
        for stage in self.stages:
            if isinstance(stage, _Looked):
                if not self._look_up(stage, bound, place, errors):
                    return None
            elif self._guarded("WhereFilter", "WHERE", stage, bound, place, errors) is not True:
                return None
        return bound

    def computed(self, bound: dict[str, Any], place: Place, errors: list[Entry]) -> list[Any]:
        return [
            self._guarded("Project", name, output, bound, place, errors)
            for name, output in zip(self.names, self.outputs, strict=True)
        ]

    def _bind(self, batch: Batch, i: int) -> dict[str, Any]:
        bound: dict[str, Any] = dict.fromkeys(self.parameters)
        columns = (
            batch.keys,
            batch.rows,
            batch.timestamps,
            batch.partitions,
            batch.offsets,
            batch.headers,
            batch.window_starts,
            batch.window_ends,
        )
        for slot, column in zip(SLOTS, columns, strict=True):
            bound[f"{slot}0"] = column[i] if column else None
        if self.joined:
            bound |= zip(self.joined, bound["r0"] or (), strict=False)
        if bound["r0"] is None:
            bound["r0"] = self.null_row
        return bound

    def _look_up(self, stage: _Looked, bound: dict[str, Any], place: Place, errors: list[Entry]) -> bool:
        key = self._guarded("Join", "JOIN ON", stage.key, bound, place, errors)
        table = self.tables[stage.index]
        row = table.rows.get(key) if key is not None else None
        if row is None and stage.kind == "INNER":
            return False
        bound[f"j{stage.index}"] = key
        bound[f"r{stage.index}"] = stage.null_row if row is None else row
        bound[f"k{stage.index}"] = None if row is None else key
        bound[f"ts{stage.index}"] = None if row is None else table.times[key]
        return True

    def _guarded(
        self,
        step: str,
        what: str,
        function: Callable[..., Any],
        bound: Mapping[str, Any],
        place: Place,
        errors: list[Entry],
    ) -> Any:
        try:
            return function(*[bound[name] for name in self.parameters])
        except Exception as error:
            self.nested.append(error)
            return None
        finally:
            for failure in self.nested:
                reason = f"Error computing expression {what}: {describe(failure)}"
                errors.append(processing_entry(f"processing.{self.query_id}.{step}", reason, None, place))
            self.nested.clear()
