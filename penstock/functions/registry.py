"""The register of functions: what a declaration is, how one is found and an overload chosen.

In:  declarations (`@scalar`, `@aggregate`, `@table`), each beside its code in this folder.
Out: a BoundScalar / BoundAggregate / BoundTable for a name and argument types.

The analyser, DESCRIBE FUNCTION, the reference page and the tests all read the one declaration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from penstock.types import SqlType


@dataclass(frozen=True, slots=True)
class BoundScalar:
    """One overload of a scalar function, chosen for argument types.

    `parameters` are the types the arguments are cast to, one per argument (a lambda's is None).
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
