"""How the state of a group is laid out, and how an aggregate's code templates are filled with it.

st = [latest time, emitted?, slots of call 0..., slots of call 1..., ...]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.plan.steps import Aggregate, AggregateCall
from penstock.types import Array, Map

HEAD = 2


def bases(step: Aggregate) -> list[int]:
    """Where each call's slots begin in the state list."""
    found, at = [], HEAD
    for call in step.calls:
        found.append(at)
        at += len(call.function.slots)
    return found


def slot_names(call: AggregateCall, base: int, prefix: str = "s", state: str = "st") -> dict[str, str]:
    return {f"{prefix}{n}": f"{state}[{base + n}]" for n in range(len(call.function.slots))}


def fill(template: str, names: Mapping[str, str]) -> list[str]:
    """The lines of an aggregate's code with its slots and values named."""
    for name, source in names.items():
        template = template.replace("{" + name + "}", source)
    return template.strip().split("\n")


def result_source(call: AggregateCall, base: int) -> str:
    """The expression of a call's result. A list is copied: the state goes on changing it."""
    (source,) = fill(call.function.result, slot_names(call, base))
    return f"copy_of({source})" if isinstance(call.function.returns, Array | Map) else source


def helpers(step: Aggregate) -> dict[str, Any]:
    found: dict[str, Any] = {"copy_of": copy_of}
    for call in step.calls:
        found |= call.function.helpers
    return found


def copy_of(value: Any) -> Any:
    return value.copy() if isinstance(value, list | dict) else value
