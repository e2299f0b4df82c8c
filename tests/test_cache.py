"""A cache may merge updates, never change the last one: cached and uncached tables end alike."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.language.catalog import Catalog, Format, Source
from penstock.language.parser import parse_statement
from penstock.plan.planner import plan_query
from penstock.run.aggregate import AggregateProgram
from penstock.run.batch import Batch
from penstock.run.program import Output
from penstock.topics.base import TopicInfo
from penstock.types import INTEGER, STRING, Column, Schema, row_class

SCHEMA = Schema((), (Column("C", STRING), Column("N", INTEGER)))
CLICKS = Source("CLICKS", "STREAM", "clicks", SCHEMA, Format("NONE"), Format("JSON"))
TABLES = {
    "unwindowed": "",
    "tumbling": "WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 5 SECONDS)",
    "hopping": "WINDOW HOPPING (SIZE 10 SECONDS, ADVANCE BY 4 SECONDS, GRACE PERIOD 5 SECONDS)",
    "session": "WINDOW SESSION (5 SECONDS, GRACE PERIOD 20 SECONDS)",
}
ROWS = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 60).map(lambda s: s * 1000), st.booleans()),
    max_size=40,
)


@pytest.mark.parametrize("window", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("having", ["", "HAVING COUNT(*) < 4"], ids=["all", "having"])
@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_the_last_update_of_every_key_is_the_same(
    window: str, having: str, rows: list[tuple[str, int, bool]]
) -> None:
    text = f"CREATE TABLE T AS SELECT C, COUNT(*) AS N, SUM(N) AS S FROM CLICKS {window} GROUP BY C {having};"
    assert table_of(text, rows, cached=True) == table_of(text, rows, cached=False)


def table_of(text: str, rows: list[tuple[str, int, bool]], *, cached: bool) -> dict[Any, Any]:
    """The table that a reader of the outputs ends with. The third of a row: commit after it."""
    plan = plan_query(parse_statement(text), Catalog({"CLICKS": CLICKS}), one_partition, {})
    program = AggregateProgram(plan, "CTAS_T_1", cached)
    row = row_class(SCHEMA.value)
    table: dict[Any, Any] = {}
    out = Output()
    for position, (key, time, commit) in enumerate([*rows, ("", -1, True)]):
        if time >= 0:
            batch = Batch([None], [row(key, position)], [time], [0], [position], (), (), ())
            program.process(batch, out, [])
        if commit:
            program.flush(out, [])
            program.store.changes()
            for each, value in zip(out.keys, out.rows, strict=True):
                table.pop(each, None) if value is None else table.update({each: value})
            out = Output()
    return table


def one_partition(topic: str) -> TopicInfo:
    return TopicInfo(topic, 1, {})
