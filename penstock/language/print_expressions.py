"""Expressions, types and literals back into text, in ksqlDB's canonical spelling.

In:  a node, printed as it is. Out: the text that error messages, EXPLAIN and printer.py show. What is printed
reads back as the same node.

    a*1.2 > 10   ->   ((A * 1.2) > 10)
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterable
from typing import Any

from penstock.language import ast
from penstock.language.words import name_text
from penstock.types import Array, Decimal, Map, SqlType, Struct


def expression(node: ast.Expression) -> str:
    return EXPRESSIONS[type(node)](node)


def listed(nodes: Iterable[ast.Expression]) -> str:
    return ", ".join(expression(node) for node in nodes)


def string(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def double(value: float) -> str:
    """The shortest digits with one before the point, as in 2.5E0 and -5E-1."""
    sign, digits, exponent = decimal.Decimal(repr(value)).as_tuple()
    assert isinstance(exponent, int), "a literal is a finite number"
    text = "".join(map(str, digits))
    power = exponent + len(text) - 1 if text.strip("0") else 0
    text = text.rstrip("0") or "0"
    mantissa = f"{text[0]}.{text[1:]}" if len(text) > 1 else text
    return f"{'-' if sign else ''}{mantissa}E{power}"


def type_text(kind: SqlType) -> str:
    """A type with bare field names where they need no quotes: STRUCT<SKU STRING, N INTEGER>."""
    match kind:
        case Array(item):
            return f"ARRAY<{type_text(item)}>"
        case Map(key, value):
            return f"MAP<{type_text(key)}, {type_text(value)}>"
        case Struct(fields) if fields:
            return f"STRUCT<{', '.join(f'{name_text(name)} {type_text(field)}' for name, field in fields)}>"
        case Decimal(precision, scale):
            return f"DECIMAL({precision}, {scale})"
    return str(kind)


def literal(value: Any) -> str:
    """The value of a property."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return string(value)
    if isinstance(value, float):
        return double(value)
    return f"{value:f}" if isinstance(value, decimal.Decimal) else str(value)


def _exact(value: decimal.Decimal) -> str:
    text = f"{value:f}"
    # Without a point it would read back as a whole number.
    return text if "." in text else text + "."


def _name(node: ast.Name) -> str:
    name = name_text(node.name)
    return f"{name_text(node.qualifier)}.{name}" if node.qualifier is not None else name


def _call(node: ast.Call) -> str:
    return f"{name_text(node.name)}({'*' if node.star else listed(node.arguments)})"


def _binary(node: ast.Arithmetic | ast.Comparison | ast.Logical) -> str:
    return f"({expression(node.left)} {node.operator} {expression(node.right)})"


def _negate(node: ast.Negate) -> str:
    """Apart from what follows: two minuses together would begin a comment."""
    inner = expression(node.value)
    return f"-({inner})" if inner[0] in "-.0123456789" else f"-{inner}"


def _base(node: ast.Expression) -> str:
    """What stands before [i] or ->f binds tighter than a minus; `ARRAY[` would begin a constructor."""
    if isinstance(node, ast.Negate) or node == ast.Name("ARRAY"):
        return f"({expression(node)})"
    return expression(node)


def _negatable(node: Any, text: str) -> str:
    return f"(NOT ({text}))" if node.negated else f"({text})"


def _between(node: ast.Between) -> str:
    parts = (expression(each) for each in (node.value, node.low, node.high))
    return _negatable(node, "{} BETWEEN {} AND {}".format(*parts))


def _in(node: ast.In) -> str:
    return _negatable(node, f"{expression(node.value)} IN ({listed(node.choices)})")


def _like(node: ast.Like) -> str:
    escape = f" ESCAPE {string(node.escape)}" if node.escape is not None else ""
    return _negatable(node, f"{expression(node.value)} LIKE {expression(node.pattern)}{escape}")


def _is_null(node: ast.IsNull) -> str:
    return f"({expression(node.value)} IS {'NOT ' if node.negated else ''}NULL)"


def _case(node: ast.Case) -> str:
    parts = ["CASE"]
    if node.operand is not None:
        parts.append(expression(node.operand))
    parts += [f"WHEN {expression(each.condition)} THEN {expression(each.result)}" for each in node.whens]
    if node.default is not None:
        parts.append(f"ELSE {expression(node.default)}")
    return f"({' '.join(parts)} END)"


def _lambda(node: ast.Lambda) -> str:
    return f"({', '.join(map(name_text, node.parameters))}) => {expression(node.body)}"


def _map(node: ast.MapConstructor) -> str:
    return f"MAP({', '.join(f'{expression(key)}:={expression(value)}' for key, value in node.entries)})"


def _struct(node: ast.StructConstructor) -> str:
    return f"STRUCT({', '.join(f'{name_text(name)}:={expression(value)}' for name, value in node.fields)})"


EXPRESSIONS: dict[type[ast.Expression], Callable[[Any], str]] = {
    ast.Null: lambda node: "null",
    ast.Boolean: lambda node: "true" if node.value else "false",
    ast.Integer: lambda node: str(node.value),
    ast.DecimalLiteral: lambda node: _exact(node.value),
    ast.Double: lambda node: double(node.value),
    ast.String: lambda node: string(node.value),
    ast.IntervalUnit: lambda node: node.unit,
    ast.Name: _name,
    ast.Dereference: lambda node: f"{_base(node.base)}->{name_text(node.field_name)}",
    ast.Subscript: lambda node: f"{_base(node.base)}[{expression(node.index)}]",
    ast.Call: _call,
    ast.Lambda: _lambda,
    ast.Cast: lambda node: f"CAST({expression(node.value)} AS {type_text(node.type)})",
    ast.Arithmetic: _binary,
    ast.Negate: _negate,
    ast.Comparison: _binary,
    ast.Logical: _binary,
    ast.Not: lambda node: f"(NOT {expression(node.value)})",
    ast.IsNull: _is_null,
    ast.Between: _between,
    ast.In: _in,
    ast.Like: _like,
    ast.Case: _case,
    ast.ArrayConstructor: lambda node: f"ARRAY[{listed(node.items)}]",
    ast.MapConstructor: _map,
    ast.StructConstructor: _struct,
}
assert EXPRESSIONS.keys() == ast.EXPRESSIONS, EXPRESSIONS.keys() ^ ast.EXPRESSIONS
