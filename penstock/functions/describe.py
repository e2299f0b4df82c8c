"""What DESCRIBE FUNCTION tells, read from the declarations.

In:  the register. Out: plain values that the server writes as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass

from penstock.functions.patterns import spelled
from penstock.functions.registry import Function, Overload, find_function
from penstock.types import SqlType


@dataclass(frozen=True, slots=True)
class ArgumentDescription:
    name: str
    type: str
    variadic: bool
    description: str = ""


@dataclass(frozen=True, slots=True)
class OverloadDescription:
    arguments: tuple[ArgumentDescription, ...]
    returns: str
    description: str


@dataclass(frozen=True, slots=True)
class FunctionDescription:
    name: str
    kind: str
    category: str
    description: str
    author: str
    version: str
    path: str
    overloads: tuple[OverloadDescription, ...]


def describe_function(name: str) -> FunctionDescription | None:
    found = find_function(name)
    return description_of(found) if found else None


def description_of(function: Function) -> FunctionDescription:
    return FunctionDescription(
        function.name,
        function.kind,
        function.category,
        function.description,
        function.author,
        function.version,
        function.path,
        tuple(overload_description(each) for each in function.overloads),
    )


def overload_description(overload: Overload) -> OverloadDescription:
    arguments = tuple(
        ArgumentDescription(label.lstrip("*"), spelled(kind), label.startswith("*"))
        for kind, label in zip(overload.parameters, overload.names, strict=True)
    )
    return OverloadDescription(arguments, returns_text(overload), overload.description)


def returns_text(overload: Overload) -> str:
    """A return type that depends on the arguments is named by its family."""
    return spelled(overload.returns) if isinstance(overload.returns, SqlType) else "DECIMAL"
