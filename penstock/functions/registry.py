"""The register of functions: what a declaration is, how one is found and an overload chosen.

In:  declarations (`@scalar`, `@aggregate`, `@table`), each beside its code in this folder.
Out: a BoundScalar / BoundAggregate / BoundTable for a name and argument types.

The analyser, DESCRIBE FUNCTION, the reference page and the tests all read the one declaration. Functions may
also be registered while the program runs (user-defined functions): the same decorators, called.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from penstock.errors import StatementError
from penstock.functions.bound import BoundAggregate, BoundScalar, BoundTable, Recipe, Slot
from penstock.functions.patterns import (
    Argument,
    Bindings,
    LambdaOf,
    LiteralOf,
    Unbound,
    concrete,
    concrete_parameter,
    generics_count,
    match,
    spelled,
)
from penstock.types import SqlType

__all__ = [
    "AggregateFunction",
    "BoundAggregate",
    "BoundScalar",
    "BoundTable",
    "Function",
    "FunctionName",
    "Overload",
    "Recipe",
    "ScalarFunction",
    "Slot",
    "TableFunction",
    "aggregate",
    "find_aggregate",
    "find_function",
    "find_scalar",
    "find_table_function",
    "function_names",
    "is_aggregate",
    "is_table_function",
    "scalar",
    "table",
    "unknown_function",
]

Returns = SqlType | Callable[[Sequence[Any]], SqlType]
Specialize = Callable[[dict[int, Any]], Callable[..., Any] | None]
Example = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Overload:
    """One signature as declared. `typed`: `call` takes the argument types and gives the function for them.
    `configured`: an aggregate whose recipe depends on properties (ksql.functions....).
    """

    parameters: tuple[SqlType, ...]
    names: tuple[str, ...]
    returns: Returns
    call: Callable[..., Any]
    variadic: bool = False
    nulls: str = "null"
    primitive: frozenset[int] = frozenset()
    specialize: Specialize | None = None
    deterministic: bool = True
    typed: bool = False
    configured: bool = False
    example: Example | None = None

    @property
    def description(self) -> str:
        return inspect.getdoc(self.call) or ""

    def patterns(self, count: int) -> tuple[SqlType, ...] | None:
        """The parameter of each of `count` arguments, the variadic one repeated; None when they can't fit."""
        if not self.variadic:
            return self.parameters if len(self.parameters) == count else None
        at = next(i for i, name in enumerate(self.names) if name.startswith("*"))
        extra = count - len(self.parameters) + 1
        if extra < 0:
            return None
        return self.parameters[:at] + (self.parameters[at],) * extra + self.parameters[at + 1 :]

    @property
    def rank(self) -> tuple[bool, int]:
        """Signatures that fit equally are chosen by this: fixed before variadic, concrete before generic."""
        return self.variadic, generics_count(self.parameters)

    def listing(self, name: str) -> str:
        pairs = zip(self.parameters, self.names, strict=True)
        inner = ", ".join(
            f"{spelled(kind)}{'...' if label.startswith('*') else ''} {label.lstrip('*')}"
            for kind, label in pairs
        )
        return f"{name}({inner})"


@dataclass(frozen=True, slots=True)
class Chosen:
    """An overload with what its patterns stand for."""

    overload: Overload
    patterns: tuple[SqlType, ...]
    bindings: Bindings
    arguments: tuple[Argument, ...]

    def parameters(self) -> tuple[SqlType | None, ...]:
        return tuple(
            concrete_parameter(pattern, self.bindings, given)
            for pattern, given in zip(self.patterns, self.arguments, strict=True)
        )

    def returns(self) -> SqlType:
        declared = self.overload.returns
        return (
            concrete(declared, self.bindings)
            if isinstance(declared, SqlType)
            else declared(self.parameters())
        )


@dataclass(slots=True)
class Function:
    """A function with all its overloads. `spelling` is how error messages name it."""

    kind = ""
    name: str
    category: str
    spelling: str
    description: str
    author: str = "Penstock"
    version: str = ""
    path: str = "internal"
    overloads: list[Overload] = field(default_factory=list)

    def choose(self, arguments: Sequence[Argument]) -> Chosen:
        """The overload for these arguments: without casts when one fits so, else with implicit casts."""
        for casts in (False, True):
            fitting = [found for each in self.overloads if (found := fit(each, arguments, casts))]
            if fitting:
                return self.closest(fitting, arguments)
        raise self.no_match(arguments)

    def closest(self, fitting: list[Chosen], arguments: Sequence[Argument]) -> Chosen:
        best = min(each.overload.rank for each in fitting)
        ties = [each for each in fitting if each.overload.rank == best]
        # Without arguments nothing tells variadic signatures apart; the first is meant.
        if len(ties) > 1 and arguments:
            raise StatementError(
                f"Function '{self.spelling}' cannot be resolved due to ambiguous method parameters "
                f"{shown(arguments)}.\nUse CAST() to explicitly cast your parameters to one of the supported "
                f"function calls.\nValid function calls are:\n{self.listing()}"
            )
        return ties[0]

    def no_match(self, arguments: Sequence[Argument]) -> StatementError:
        return StatementError(
            f"Function '{self.spelling}' does not accept parameters {shown(arguments)}.\n"
            f"Valid alternatives are:\n{self.listing()}"
        )

    def listing(self) -> str:
        name = self.spelling if self.kind == "TABLE" else self.name
        lines = [each.listing(name) for each in self.overloads]
        return "\n".join(
            [*lines, "For detailed information on a function run: DESCRIBE FUNCTION <Function-Name>;"]
        )


def fit(overload: Overload, arguments: Sequence[Argument], casts: bool) -> Chosen | None:
    patterns = overload.patterns(len(arguments))
    if patterns is None:
        return None
    bindings = match(patterns, arguments, casts)
    return None if bindings is None else Chosen(overload, patterns, bindings, tuple(arguments))


def shown(arguments: Sequence[Argument]) -> str:
    return "(" + ", ".join("null" if each is None else str(each) for each in arguments) + ")"


class ScalarFunction(Function):
    kind = "SCALAR"

    def bind(self, argument_types: Sequence[Argument]) -> BoundScalar:
        chosen = self.choose(argument_types)
        overload = chosen.overload
        try:
            parameters, returns = chosen.parameters(), chosen.returns()
        except Unbound:
            raise self.no_match(argument_types) from None
        return BoundScalar(
            name=self.name,
            parameters=parameters,
            returns=returns,
            call=overload.call(parameters) if overload.typed else overload.call,
            nulls=overload.nulls,
            primitive=overload.primitive,
            specialize=overload.specialize,
            deterministic=overload.deterministic,
        )

    def lambda_parameter_types(self, argument_types: Sequence[Argument]) -> dict[int, tuple[SqlType, ...]]:
        """For each lambda argument (given as LambdaShape(arity)) the types its parameters have."""
        chosen = self.choose(argument_types)
        try:
            return {
                position: tuple(concrete(each, chosen.bindings) for each in pattern.inputs)
                for position, pattern in enumerate(chosen.patterns)
                if isinstance(pattern, LambdaOf)
            }
        except Unbound:
            raise self.no_match(argument_types) from None


class AggregateFunction(Function):
    """Its overloads' `call` takes (types of the arguments, values of the literals) and gives a Recipe."""

    kind = "AGGREGATE"

    def bind(
        self,
        argument_types: Sequence[SqlType | None],
        literals: Mapping[int, Any] | None = None,
        texts: Sequence[str] = (),
        properties: Mapping[str, Any] | None = None,
    ) -> BoundAggregate:
        """`literals` holds the arguments that are constants by position, `texts` what each argument reads."""
        chosen = self.choose(argument_types)
        constant = [at for at, pattern in enumerate(chosen.patterns) if isinstance(pattern, LiteralOf)]
        for at in constant:
            if at not in (literals or {}):
                text = texts[at] if at < len(texts) else argument_types[at]
                raise StatementError(
                    f"Parameter {at + 1} passed to function {self.name} must be a literal constant, "
                    f"but was expression: '{text}'"
                )
        values = tuple((literals or {})[at] for at in constant)
        return self.bound(chosen, constant, values, properties or {})

    def bound(
        self, chosen: Chosen, constant: Sequence[int], values: tuple[Any, ...], properties: Mapping[str, Any]
    ) -> BoundAggregate:
        try:
            every = chosen.parameters()
            parameters = tuple(kind for at, kind in enumerate(every) if at not in constant and kind)
            returns = chosen.returns()
        except Unbound:
            raise self.no_match(chosen.arguments) from None
        more = (properties,) if chosen.overload.configured else ()
        recipe: Recipe = chosen.overload.call(parameters, values, *more)
        return BoundAggregate(
            name=self.name,
            parameters=parameters,
            returns=returns,
            slots=recipe.slots,
            add=recipe.add,
            undo=recipe.undo,
            merge=recipe.merge,
            result=recipe.result,
            helpers=recipe.helpers,
            literals=values,
        )


class TableFunction(Function):
    kind = "TABLE"

    def bind(self, argument_types: Sequence[Argument]) -> BoundTable:
        chosen = self.choose(argument_types)
        try:
            parameters = tuple(kind for kind in chosen.parameters() if kind)
            return BoundTable(self.name, parameters, chosen.returns(), chosen.overload.call)
        except Unbound:
            raise self.no_match(argument_types) from None


F = TypeVar("F", bound=Function)


class Shelf(Generic[F]):
    """The functions of one kind by upper case name."""

    def __init__(self, kind: type[F]) -> None:
        self.kind = kind
        self.functions: dict[str, F] = {}

    def find(self, name: str) -> F | None:
        return self.functions.get(name.upper())

    def declare(self, name: str, overload: Overload, category: str, spelling: str | None = None) -> None:
        known = self.functions.get(name)
        if known is None:
            known = self.functions[name] = self.kind(name, category, spelling or name, overload.description)
        known.overloads.append(overload)

    def forget(self, name: str) -> None:
        self.functions.pop(name.upper(), None)


SCALARS = Shelf(ScalarFunction)
AGGREGATES = Shelf(AggregateFunction)
TABLES = Shelf(TableFunction)
SHELVES: tuple[Shelf[Any], ...] = (SCALARS, TABLES, AGGREGATES)


def parameter_names(call: Callable[..., Any], count: int) -> tuple[str, ...]:
    """The names in the Python signature; a variadic one keeps its star."""
    found = []
    for parameter in inspect.signature(call).parameters.values():
        star = "*" if parameter.kind is inspect.Parameter.VAR_POSITIONAL else ""
        found.append(star + parameter.name.rstrip("_"))
    return tuple(found[:count])


Declared = TypeVar("Declared", bound=Callable[..., Any])


def scalar(
    name: str,
    *parameters: SqlType,
    returns: Returns,
    nulls: str = "null",
    primitive: Sequence[int] = (),
    specialize: Specialize | None = None,
    deterministic: bool = True,
    typed: bool = False,
    category: str = "OTHER",
    example: Example | None = None,
    spelling: str | None = None,
    names: Sequence[str] = (),
) -> Callable[[Declared], Declared]:
    """Declare one signature of a scalar function; `*names` in the Python signature makes it variadic.

    With `typed` the decorated function takes the argument types and returns the call for them.
    """
    assert nulls in ("null", "pass"), nulls

    def declare(call: Declared) -> Declared:
        labels = tuple(names) or parameter_names(call, len(parameters))
        overload = Overload(
            parameters,
            labels,
            returns,
            call,
            variadic=any(label.startswith("*") for label in labels),
            nulls=nulls,
            primitive=frozenset(primitive),
            specialize=specialize,
            deterministic=deterministic,
            typed=typed,
            example=example,
        )
        SCALARS.declare(name, overload, category, spelling)
        return call

    return declare


def aggregate(
    name: str, *parameters: SqlType, returns: Returns, names: Sequence[str] = (), configured: bool = False
) -> Callable[[Declared], Declared]:
    """Declare one signature of an aggregate over a function (types, literals) -> Recipe.

    With `configured` the function also takes the properties of the statement.
    """

    def declare(call: Declared) -> Declared:
        labels = tuple(names) or tuple(f"val{at + 1}" for at in range(len(parameters)))
        variadic = any(label.startswith("*") for label in labels)
        overload = Overload(parameters, labels, returns, call, variadic, configured=configured)
        AGGREGATES.declare(name, overload, "AGGREGATE")
        return call

    return declare


def table(
    name: str, *parameters: SqlType, returns: Returns, spelling: str | None = None
) -> Callable[[Declared], Declared]:
    """Declare one signature of a table function."""

    def declare(call: Declared) -> Declared:
        labels = parameter_names(call, len(parameters))
        TABLES.declare(name, Overload(parameters, labels, returns, call, nulls="pass"), "TABLE", spelling)
        return call

    return declare


def find_scalar(name: str) -> ScalarFunction | None:
    return SCALARS.find(name)


def find_aggregate(name: str) -> AggregateFunction | None:
    return AGGREGATES.find(name)


def find_table_function(name: str) -> TableFunction | None:
    return TABLES.find(name)


def is_aggregate(name: str) -> bool:
    return AGGREGATES.find(name) is not None


def is_table_function(name: str) -> bool:
    return TABLES.find(name) is not None


def find_function(name: str) -> Function | None:
    """A function of any kind."""
    return next((found for shelf in SHELVES if (found := shelf.find(name))), None)


def unknown_function(name: str) -> StatementError:
    return StatementError(f"Can't find any functions with the name '{name}'")


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A line of SHOW FUNCTIONS."""

    name: str
    kind: str
    category: str


def function_names() -> list[FunctionName]:
    """Every function of every kind, by name."""
    every = [found for shelf in SHELVES for found in shelf.functions.values()]
    return [FunctionName(each.name, each.kind, each.category) for each in sorted(every, key=lambda f: f.name)]
