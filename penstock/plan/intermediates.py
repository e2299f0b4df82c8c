"""What ksqlDB keeps of an aggregate between rows must fit the value format of the source.

Our state has no such limit; the refusal is the language's, so that a statement that is taken here is taken
there. The functions below keep an ARRAY, MAP or STRUCT between rows, whatever their result is.
"""

from __future__ import annotations

from collections.abc import Iterable

from penstock.errors import StatementError
from penstock.formats.formats import check_format
from penstock.language.catalog import Source
from penstock.plan.steps import AggregateCall
from penstock.types import INTEGER, Array, Column

NESTED = frozenset(
    [
        "ATTR",
        "AVG",
        "COLLECT_LIST",
        "COLLECT_SET",
        "CORRELATION",
        "COUNT_DISTINCT",
        "EARLIEST_BY_OFFSET",
        "HISTOGRAM",
        "LATEST_BY_OFFSET",
        "STDDEV_SAMP",
        "STDDEV_SAMPLE",
        "TOPK",
        "TOPKDISTINCT",
    ]
)
KEPT = Column("KEPT", Array(INTEGER))


def check_intermediates(source: Source, calls: Iterable[AggregateCall]) -> None:
    if not any(call.function.name in NESTED for call in calls):
        return
    try:
        check_format(source.value_format, (KEPT,), is_key=False)
    except StatementError as problem:
        raise StatementError(
            "One of the functions used in the statement has an intermediate type that the value format can "
            "not handle. Please remove the function or change the format."
        ) from problem
