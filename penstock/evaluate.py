"""The one door to the expression compiler for what stands outside the engine: rules, patterns, filters.

In:  the text of a ksqlDB expression and the columns it may read. Out: a callable over rows, with its type.

    rule = compile_expression("QUANTITY > 0 AND COUNTRY <> ''", {"QUANTITY": INTEGER, "COUNTRY": STRING})
    rule({"QUANTITY": 3, "COUNTRY": "Eire"})     True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.errors import Position, UnknownName
from penstock.language import ast
from penstock.language.expressions import ColumnRef, Typed, walk
from penstock.language.parser import parse_expression
from penstock.language.resolve import Scope, resolve
from penstock.run.evaluate import compile_each, describe
from penstock.types import SqlType

__all__ = ["RowExpression", "compile_expression", "compile_over", "describe"]


@dataclass(frozen=True, slots=True)
class RowExpression:
    """A compiled expression. Rows are mappings by column name; values as penstock.types holds them."""

    text: str
    type: SqlType
    columns: frozenset[str]
    """The columns it reads."""
    evaluate: Callable[[Mapping[str, Any]], Any] = field(repr=False)

    def __call__(self, row: Mapping[str, Any]) -> Any:
        """The value; raises where ksqlDB has an evaluation error."""
        return self.evaluate(row)

    def or_null(self, row: Mapping[str, Any]) -> Any:
        """The value, None where it can't be evaluated."""
        try:
            return self.evaluate(row)
        except Exception:
            return None


@dataclass(frozen=True, slots=True)
class RowScope:
    """Columns of a row that is a mapping named `row`."""

    columns: Mapping[str, SqlType]
    clause: str

    def column(self, name: str, qualifier: str | None, at: Position) -> Typed:
        if qualifier is not None or name not in self.columns:
            shown = f"{qualifier}.{name}" if qualifier else name
            raise UnknownName(f"{self.clause} column '{shown}' cannot be resolved.", name, self.columns, at)
        return ColumnRef(self.columns[name], f"row.get({name!r})")

    def has_column(self, name: str) -> bool:
        return name in self.columns


def compile_expression(text: str, columns: Mapping[str, SqlType], clause: str = "SELECT") -> RowExpression:
    """Compile one expression; clause WHERE demands a BOOLEAN. Raises StatementError when it is wrong."""
    typed = resolve(parse_expression(text), RowScope(columns, clause), clause)
    read = {each.slot for each in walk(typed) if isinstance(each, ColumnRef)}
    return RowExpression(
        text=text,
        type=typed.type,
        columns=frozenset(name for name in columns if f"row.get({name!r})" in read),
        evaluate=compile_each([typed], ["row"])[0],
    )


def compile_over(
    expression: ast.Expression | str,
    scope: Scope,
    parameters: Sequence[str],
    clause: str = "SELECT",
    replace: Mapping[ast.Expression, Typed] | None = None,
) -> tuple[SqlType, Callable[..., Any]]:
    """The same over a scope of one's own: its ColumnRefs read from `parameters` of the returned function."""
    node = parse_expression(expression) if isinstance(expression, str) else expression
    typed = resolve(node, scope, clause, replace)
    return typed.type, compile_each([typed], parameters)[0]
