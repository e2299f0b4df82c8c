"""Rows become several: the program of a query with table functions.

In:  a plan Read -> Lookup* -> Where -> Flatten -> Project. Out: for each row, as many as the longest list has
elements, in order; shorter lists give NULL. A null value gives none.

    EXPLODE([1, 2, 3]), EXPLODE(['a'])   ->   (1, 'a') (2, NULL) (3, NULL)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any

from penstock.plan.steps import Flatten, QueryPlan, find
from penstock.run.batch import Batch
from penstock.run.compiler import RowCode, slow_row
from penstock.run.evaluate import describe
from penstock.run.processing_log import Entry, Place, processing_entry
from penstock.run.program import Output
from penstock.run.slow import SlowRows
from penstock.run.state import StateStore
from penstock.types import row_class


class FlattenProgram:
    """Evaluates expression by expression, as the slow path does: lists are what such rows spend time on."""

    late = 0
    store: StateStore | None = None

    def __init__(self, plan: QueryPlan, query_id: str) -> None:
        code = RowCode(plan, query_id)
        step = find(plan.root, Flatten)
        assert isinstance(step, Flatten)
        self.calls = step.calls
        self.tables = code.tables
        self.query_id, self.topic = query_id, code.topic
        self.source_text = "# a table function: expressions are evaluated one by one\n"
        self.arguments = code.slow(
            [(call.function.name, part) for call in step.calls for part in call.arguments]
        )
        elements = [f"x{n}" for n in range(len(step.calls))]
        outputs = [*plan.root.key, *plan.root.value]
        self.results = SlowRows([], outputs, len(code.froms), {}, code.tables, query_id, code.topic, elements)
        self.split: Callable[[list[Any]], tuple[Any, list[Any]]] = slow_row(len(plan.root.key))
        self.row = row_class(plan.schema.value)
        self.windowed = plan.driver.source.window is not None and bool(plan.root.key)

    def process(self, batch: Batch, out: Output, errors: list[Entry]) -> None:
        if out.headers is None and batch.headers and any(batch.headers):
            out.headers = [()] * len(out.rows)
        for i, row in enumerate(batch.rows):
            if row is not None:
                self._row(batch, i, out, errors)

    def flush(self, out: Output, errors: list[Entry]) -> None:
        """Nothing is ever held back."""

    def _row(self, batch: Batch, i: int, out: Output, errors: list[Entry]) -> None:
        bound = self.arguments.reached(batch, i, errors)
        if bound is None:
            return
        place = Place(self.topic, batch.partitions[i], batch.offsets[i])
        given = iter(self.arguments.computed(bound, place, errors))
        lists = [
            self._called(call, [next(given) for _ in call.arguments], place, errors) for call in self.calls
        ]
        for elements in zip_longest(*lists):
            for n, element in enumerate(elements):
                bound[f"x{n}"] = element
            key, values = self.split(self.results.computed(bound, place, errors))
            out.keys.append((key, bound["ws0"], bound["we0"]) if self.windowed else key)
            out.rows.append(self.row(*values))
            out.timestamps.append(batch.timestamps[i])
            if out.headers is not None:
                out.headers.append(batch.headers[i] if batch.headers else ())

    def _called(self, call: Any, given: Sequence[Any], place: Place, errors: list[Entry]) -> Sequence[Any]:
        try:
            return call.function.call(*given) or ()
        except Exception as error:
            reason = f"Table function {call.function.name} threw an exception: {describe(error)}"
            errors.append(processing_entry(f"processing.{self.query_id}.FlatMap", reason, None, place))
            return ()
