"""Functions chosen for argument types: what the analyser hands to the code generator.

In:  registry.py makes them from declarations. Out: frozen values; run/ inlines or calls what they hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.types import SqlType


@dataclass(frozen=True, slots=True)
class BoundScalar:
    """One overload of a scalar function, chosen for argument types.

    `parameters` are the types the arguments are cast to, one per argument (a lambda's is None, and so is an
    interval unit's, which is passed as the milliseconds of one unit).
    `call` is the Python function over values (see penstock.types). `nulls`:
      "null"  any NULL argument gives NULL without a call (the default)
      "pass"  the function is called with None and decides itself
    `primitive` holds the positions (from 0) where NULL is an evaluation error: NULL result and a log entry.
    `specialize`, when given, takes the arguments that are literals as {position: value} and returns a
    faster call for them (all arguments are still passed) or None.
    `deterministic` False (UUID, UNIX_TIMESTAMP()) forbids sharing between equal calls.
    """

    name: str
    parameters: tuple[SqlType | None, ...]
    returns: SqlType
    call: Callable[..., Any] = field(compare=False)
    nulls: str = "null"
    primitive: frozenset[int] = frozenset()
    specialize: Callable[[dict[int, Any]], Callable[..., Any] | None] | None = field(
        default=None, compare=False
    )
    deterministic: bool = True


@dataclass(frozen=True, slots=True)
class Slot:
    """One value of a group's state: its first value as Python source, and how msgspec restores it."""

    initial: str
    type: Any


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an aggregate works, as Python text for the generated loop.

    `add`, `undo`, `merge` are statements, `result` an expression. {s0}, {s1}... are the slots of the group,
    {x0}, {x1}... the argument values (they may be None), {t0}... the slots of the later session in a merge.
    `helpers` are the functions and classes the text calls by name.
    """

    slots: tuple[Slot, ...]
    add: str
    merge: str
    result: str = "{s0}"
    undo: str | None = None
    helpers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BoundAggregate:
    """One overload of an aggregate; `parameters` are the types of the arguments that are not literals."""

    name: str
    parameters: tuple[SqlType, ...]
    returns: SqlType
    slots: tuple[Slot, ...] = field(compare=False)
    add: str
    undo: str | None
    merge: str | None
    result: str
    helpers: Mapping[str, Any] = field(compare=False)
    literals: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class BoundTable:
    """One overload of a table function: `call` returns the list of values, one row each."""

    name: str
    parameters: tuple[SqlType, ...]
    returns: SqlType
    call: Callable[..., list[Any]] = field(compare=False)
    nulls: str = "pass"
