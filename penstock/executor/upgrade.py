"""CREATE OR REPLACE: may this definition take the place of that one?

In:  two definitions of one name, two plans of one query. Out: nothing, or StatementError: what differs.

A source may gain value columns at its end. A query may change what passes and what is projected (Where,
Project); everything with memory must stay as it was, because its state was made by the old query.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.errors import StatementError
from penstock.language.catalog import Source
from penstock.plan.steps import (
    Aggregate,
    ForeignJoin,
    Having,
    Lookup,
    Project,
    QueryPlan,
    Read,
    Step,
    StreamJoin,
    TableJoin,
    Where,
    steps_of,
)
from penstock.types import Column, quote

KINDS = {"STREAM": "KSTREAM", "TABLE": "KTABLE"}


def check_upgrade(old: Source, new: Source) -> None:
    if old.kind != new.kind:
        raise StatementError(
            f"Cannot upgrade data source: DataSource '{old.name}' has type = {KINDS[old.kind]} which is not "
            f"upgradeable to {KINDS[new.kind]}"
        )
    differing = [
        f"DataSource '{quote(old.name)}' has {what} = {before} which is not upgradeable to {after}"
        for what, before, after in (
            ("topic", old.topic, new.topic),
            ("keyFormat", old.key_format.name, new.key_format.name),
            ("valueFormat", old.value_format.name, new.value_format.name),
            ("timestamp", old.timestamp, new.timestamp),
        )
        if before != after
    ]
    if differing:
        raise StatementError("Cannot upgrade data source: " + "\n\tAND ".join(differing))
    _check_columns(old, new)


def _check_columns(old: Source, new: Source) -> None:
    start = (
        f"Cannot upgrade data source: DataSource '{quote(old.name)}' has schema = {old.schema} which is not "
        f"upgradeable to {new.schema}. "
    )
    if old.schema.key != new.schema.key:
        changed = [column for column in old.schema.key if column not in new.schema.key] or old.schema.key
        raise StatementError(
            f"{start}(Key columns must be identical. The following key columns are changed, missing or "
            f"reordered: [{_listed(changed)}])"
        )
    changed_values = [
        column
        for position, column in enumerate(old.schema.value)
        if new.schema.value[position : position + 1] != (column,)
    ]
    if changed_values:
        raise StatementError(
            f"{start}(The following columns are changed, missing or reordered: [{_listed(changed_values)}])"
        )


def _listed(columns: Sequence[Column]) -> str:
    return ", ".join(map(str, columns))


def check_query_upgrade(old: QueryPlan, new: QueryPlan) -> None:
    """Only steps without memory may differ."""
    before, after = _steps(old), _steps(new)
    for step in [*before, *after]:
        if isinstance(step, Lookup | StreamJoin | TableJoin | ForeignJoin) or (
            isinstance(step, Aggregate) and step.window is not None
        ):
            raise StatementError(f"Upgrades not yet supported for {_name(step)}")
    kept_before = [step for step in before if not isinstance(step, Where | Having | Project)]
    kept_after = [step for step in after if not isinstance(step, Where | Having | Project)]
    if len(kept_before) != len(kept_after) or old.root.rekeyed != new.root.rekeyed:
        raise StatementError("Query is not upgradeable. The steps of the query must stay the same.")
    for was, now in zip(kept_before, kept_after, strict=True):
        _check_step(was, now)


def _check_step(was: Step, now: Step) -> None:
    if isinstance(was, Read) and isinstance(now, Read):
        if (
            was.source.source.name != now.source.source.name
            or was.source.source.topic != now.source.source.topic
        ):
            raise StatementError(
                f"Query is not upgradeable. Plan step of type {_name(was)} must have matching source. Values "
                f"differ: {was.source.source.name} vs. {now.source.source.name}"
            )
        return
    if isinstance(was, Aggregate) and isinstance(now, Aggregate):
        if (was.group, was.calls) != (now.group, now.calls):
            raise StatementError(
                "Query is not upgradeable. Plan step of type StreamAggregate must have matching aggregate "
                f"functions. Values differ: {_calls(was)} vs. {_calls(now)}"
            )
        return
    raise StatementError(f"Query is not upgradeable. {_name(was)} can't become {_name(now)}.")


def _steps(plan: QueryPlan) -> list[Step]:
    return list(steps_of(plan.root))


def _name(step: Step) -> str:
    return {
        "Lookup": "StreamTableJoin",
        "StreamJoin": "StreamStreamJoin",
        "TableJoin": "TableTableJoin",
        "ForeignJoin": "ForeignKeyTableTableJoin",
        "Aggregate": "StreamWindowedAggregate",
        "Read": "StreamSource",
    }.get(type(step).__name__, type(step).__name__)


def _calls(step: Aggregate) -> str:
    return "[" + ", ".join(call.function.name for call in step.calls) + "]"
