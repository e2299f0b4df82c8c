"""The slow path: every expression as a function of its own, so that one failing leaves the others.

In:  typed expressions and the names their columns are read from. Out: one callable each. They raise where
ksqlDB has an evaluation error; the caller makes that NULL and a line of the processing log.

The source comes from the same generator as the fast path, so both give the same value wherever neither fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from penstock.language.expressions import Typed
from penstock.run.codegen import Emitter

Evaluator = Callable[..., Any]


def compile_each(
    expressions: Sequence[Typed],
    parameters: Sequence[str],
    on_nested_error: Callable[[Exception], None] | None = None,
) -> list[Evaluator]:
    """One function for each expression, all with the same parameters (`r0`, `k0`, `ts0`, ..).

    An element of an ARRAY, MAP or STRUCT constructor that fails becomes NULL alone and is told to
    `on_nested_error`.
    """
    constants: dict[str, Any] = {}
    if on_nested_error is not None:
        constants["nested_error"] = on_nested_error
    source = "\n".join(
        function_source(f"expression_{position}", each, parameters, constants)
        for position, each in enumerate(expressions)
    )
    exec(compile(source, "<expressions>", "exec"), constants)
    return [constants[f"expression_{position}"] for position in range(len(expressions))]


def function_source(
    name: str, expression: Typed, parameters: Sequence[str], constants: dict[str, Any]
) -> str:
    emitter = Emitter(constants, careful=True)
    body = emitter.expression(expression)
    lines = [*emitter.lines, f"return {body}"]
    return f"def {name}({', '.join(parameters)}):\n" + "".join(f"    {line}\n" for line in lines)


def describe(error: Exception) -> str:
    """The reason for the processing log; Python's words for NULL operands become SQL's."""
    text = str(error)
    if isinstance(error, TypeError | AttributeError) and "NoneType" in text:
        return "An operand is NULL"
    return text or type(error).__name__
