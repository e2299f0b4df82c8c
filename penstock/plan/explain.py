"""EXPLAIN: a plan as text, one line a step, outputs above what feeds them.

In:  a QueryPlan. Out: text for people. Plans kept beside their query in tests/cases are this text.

     > [ PROJECT ] | Schema: C STRING KEY, N BIGINT
             > [ AGGREGATE ] | group: r0.c2 | COUNT | TUMBLING 10000 ms
                     > [ SOURCE ] | S1 (topic s1)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.language.expressions import ColumnRef, Literal, Typed, children
from penstock.plan.steps import (
    Aggregate,
    Flatten,
    ForeignJoin,
    Having,
    Joined,
    Lookup,
    Project,
    QueryPlan,
    Read,
    Step,
    StreamJoin,
    TableJoin,
    Where,
)

INDENT = "\t\t"


def explain(plan: QueryPlan) -> str:
    lines: list[str] = []
    if plan.sink is not None:
        lines.append(f" > [ SINK ] | {plan.sink.name} (topic {plan.sink.topic}) | Schema: {plan.schema}")
    _step(plan.root, len(lines), lines)
    return "\n".join(lines)


def _step(step: Step, depth: int, lines: list[str]) -> None:
    name, words = TELLERS[type(step)]
    lines.append(f"{INDENT * depth} > [ {name} ] | {words(step)}")
    for source in step.inputs:
        _step(source, depth + 1, lines)


def _read(step: Read) -> str:
    source = step.source.source
    return f"{source.name} (topic {source.topic}) | Schema: {source.schema}"


def _lookup(step: Lookup) -> str:
    return f"{step.kind} {step.table.source.source.name} by {shown(step.key)}"


def _stream_join(step: StreamJoin) -> str:
    grace = "" if step.grace_ms is None else f" grace {step.grace_ms} ms"
    keys = [shown(key) if key is not None else "key" for key in (step.left_key, step.right_key)]
    window = f"within {step.before_ms} ms before, {step.after_ms} ms after{grace}"
    return f"{step.kind} {step.right.source.source.name} by {keys[0]} = {keys[1]} | {window}"


def _table_join(step: TableJoin) -> str:
    return f"{step.kind} {step.right.source.source.name} by key"


def _foreign_join(step: ForeignJoin) -> str:
    return f"{step.kind} {step.right.source.source.name} by foreign key {shown(step.key)}"


def _joined(step: Joined) -> str:
    return f"Schema: {step.schema}"


def _where(step: Where | Having) -> str:
    return shown(step.condition)


def _aggregate(step: Aggregate) -> str:
    group = ", ".join(shown(part) for part in step.group)
    calls = ", ".join(
        f"{call.function.name}({', '.join(shown(part) for part in call.arguments)})" for call in step.calls
    )
    window = f" | {step.window.kind} {step.window.size_ms} ms" if step.window else ""
    return f"group: {group} | {calls}{window}"


def _flatten(step: Flatten) -> str:
    return ", ".join(
        f"{call.function.name}({', '.join(shown(part) for part in call.arguments)})" for call in step.calls
    )


def _project(step: Project) -> str:
    columns = [f"{name} = {shown(part)}" for name, part in (*step.key, *step.value)]
    return ", ".join(columns)


def shown(typed: Typed) -> str:
    """An expression as a short tree."""
    match typed:
        case ColumnRef():
            return typed.slot
        case Literal():
            return repr(typed.value)
    inner = ", ".join(shown(child) for child in children(typed))
    return f"{_label(typed)}({inner})"


def _label(typed: Any) -> str:
    for attribute in ("operator", "function"):
        found = getattr(typed, attribute, None)
        if found is not None:
            return str(getattr(found, "name", found))
    return type(typed).__name__.removesuffix("Of").removesuffix("To").upper()


TELLERS: dict[type[Step], tuple[str, Callable[[Any], str]]] = {
    Read: ("SOURCE", _read),
    Lookup: ("JOIN", _lookup),
    StreamJoin: ("STREAM JOIN", _stream_join),
    TableJoin: ("TABLE JOIN", _table_join),
    ForeignJoin: ("FOREIGN KEY JOIN", _foreign_join),
    Joined: ("JOINED", _joined),
    Where: ("FILTER", _where),
    Flatten: ("FLATTEN", _flatten),
    Aggregate: ("AGGREGATE", _aggregate),
    Having: ("HAVING", _where),
    Project: ("PROJECT", _project),
}
