"""What is kept for an hour of event time (run/codegen_held.py) is what each row would compute for itself.

Times jump to and fro over hours, days and 1970, so that every refill and every reuse is met.
"""

from __future__ import annotations

import random

import pytest

from penstock.language import ast
from penstock.language.catalog import Catalog, Format, Source
from penstock.language.parser import parse_script
from penstock.plan.planner import plan_query
from penstock.run.batch import Batch
from penstock.run.compiler import StatelessProgram
from penstock.run.evaluate import compile_each
from penstock.run.program import Output
from penstock.topics.base import TopicInfo
from penstock.types import INTEGER, Column, Schema, row_class, struct_values

HOUR_MS = 3_600_000
VALUE = (Column("N", INTEGER),)
EXPRESSIONS = [
    "CAST(ROWTIME / 3600000 % 24 AS INT)",
    "(ROWTIME / 86400000 + 3) % 7 >= 5",
    "CAST(FORMAT_TIMESTAMP(FROM_UNIXTIME(ROWTIME), 'd') AS INT)",
    "FORMAT_TIMESTAMP(FROM_UNIXTIME(ROWTIME), 'yyyy-MM-dd HH')",
    "FORMAT_TIMESTAMP(FROM_UNIXTIME(ROWTIME), 'HH', 'Asia/Kolkata')",
    "FORMAT_TIMESTAMP(FROM_UNIXTIME(ROWTIME), 'HH:mm:ss.SSS')",
    "CASE WHEN N > 0 THEN 100 / (ROWTIME / 3600000 % 3) ELSE CAST(7 AS BIGINT) END",
    "100 / (ROWTIME / 3600000 % 3)",
    "N + ROWTIME / 60000",
    "ROWTIME % 3600000",
]
TIMES = [0, 1, HOUR_MS - 1, HOUR_MS, -1, -HOUR_MS, -HOUR_MS - 1, 1_291_191_960_000]


def program_of(expressions: list[str]) -> StatelessProgram:
    source = Source("S", "STREAM", "s", Schema((), VALUE), Format("NONE"), Format("JSON"))
    items = ", ".join(f"{each} AS C{n}" for n, each in enumerate(expressions))
    (parsed,) = parse_script(f"CREATE STREAM O AS SELECT {items} FROM S EMIT CHANGES;")
    assert isinstance(parsed.node, ast.CreateAs)
    plan = plan_query(parsed.node, Catalog().with_source(source), lambda name: TopicInfo(name, 1, {}), {})
    return StatelessProgram(plan, "Q", keep_partition=False)


def times(seed: int) -> list[int]:
    chance = random.Random(seed)
    near = [chance.choice(TIMES) + chance.randint(-3 * HOUR_MS, 3 * HOUR_MS) for _ in range(300)]
    return [time for time in near for _ in range(chance.randint(1, 2))] + TIMES


@pytest.mark.parametrize("seed", range(3))
def test_each_row_gets_its_own_values(seed: int) -> None:
    program = program_of(EXPRESSIONS)
    assert "held_upto" in program.source_text
    stamps, row = times(seed), row_class(VALUE)
    rows = [row(n % 5 - 2) for n in range(len(stamps))]
    nothing = [0] * len(stamps)
    batch = Batch([None] * len(stamps), rows, stamps, nothing, nothing, (), (), (), records=len(stamps))
    out = Output()
    program.process(batch, out, [])
    alone = compile_each([typed for _, typed in program.plan.root.value], ["r0", "ts0"])
    for made, given, stamp in zip(out.rows, rows, stamps, strict=True):
        assert struct_values(made) == [value_of(each, given, stamp) for each in alone], stamp


def value_of(function: object, row: object, stamp: int) -> object:
    try:
        return function(row, stamp)  # type: ignore[operator]
    except Exception:
        return None
