"""The syntax tree's expressions: frozen nodes, as the text has them.

In:  parse_expressions.py makes them. Out: part of ast.py, by whose name everybody calls them.
"""

from __future__ import annotations

import decimal
from dataclasses import dataclass, field

from penstock.errors import Position
from penstock.types import SqlType

NOWHERE = Position(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    at: Position = field(default=NOWHERE, compare=False, repr=False)


# --- expressions -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Expression(Node):
    pass


@dataclass(frozen=True, slots=True)
class Null(Expression):
    pass


@dataclass(frozen=True, slots=True)
class Boolean(Expression):
    value: bool


@dataclass(frozen=True, slots=True)
class Integer(Expression):
    """A literal that fits INTEGER or, if not, BIGINT."""

    value: int


@dataclass(frozen=True, slots=True, eq=False)
class DecimalLiteral(Expression):
    """Its type comes from its digits, so 1.0 and 1.00 are two literals."""

    value: decimal.Decimal

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DecimalLiteral) and self.value.as_tuple() == other.value.as_tuple()

    def __hash__(self) -> int:
        return hash(self.value.as_tuple())


@dataclass(frozen=True, slots=True)
class Double(Expression):
    value: float


@dataclass(frozen=True, slots=True)
class String(Expression):
    value: str


@dataclass(frozen=True, slots=True)
class IntervalUnit(Expression):
    """The bare unit of DATEADD(DAYS, ...): DAYS, HOURS, MINUTES, SECONDS, MILLISECONDS."""

    unit: str


@dataclass(frozen=True, slots=True)
class Name(Expression):
    """A column, `name` or `qualifier.name`; a lambda parameter looks the same until it is looked up."""

    name: str
    qualifier: str | None = None


@dataclass(frozen=True, slots=True)
class Dereference(Expression):
    """struct->field"""

    base: Expression
    field_name: str


@dataclass(frozen=True, slots=True)
class Subscript(Expression):
    base: Expression
    index: Expression


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """A function call; COUNT(*) has no arguments and `star` set. Name in upper case."""

    name: str
    arguments: tuple[Expression, ...]
    star: bool = False


@dataclass(frozen=True, slots=True)
class Lambda(Expression):
    parameters: tuple[str, ...]
    body: Expression


@dataclass(frozen=True, slots=True)
class Cast(Expression):
    value: Expression
    type: SqlType


@dataclass(frozen=True, slots=True)
class Arithmetic(Expression):
    """operator: + - * / % ||"""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Negate(Expression):
    """Unary minus; a minus before a number literal is folded into the literal by the parser."""

    value: Expression


@dataclass(frozen=True, slots=True)
class Comparison(Expression):
    """operator: = <> < <= > >= or IS DISTINCT FROM, IS NOT DISTINCT FROM"""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Logical(Expression):
    """operator: AND OR"""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Not(Expression):
    value: Expression


@dataclass(frozen=True, slots=True)
class IsNull(Expression):
    value: Expression
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Between(Expression):
    value: Expression
    low: Expression
    high: Expression
    negated: bool = False


@dataclass(frozen=True, slots=True)
class In(Expression):
    value: Expression
    choices: tuple[Expression, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Like(Expression):
    value: Expression
    pattern: Expression
    escape: str | None = None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class When(Node):
    condition: Expression
    result: Expression


@dataclass(frozen=True, slots=True)
class Case(Expression):
    """Searched CASE; `operand` is set for the simple form, which ksqlDB parses and refuses."""

    whens: tuple[When, ...]
    default: Expression | None = None
    operand: Expression | None = None


@dataclass(frozen=True, slots=True)
class ArrayConstructor(Expression):
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class MapConstructor(Expression):
    entries: tuple[tuple[Expression, Expression], ...]


@dataclass(frozen=True, slots=True)
class StructConstructor(Expression):
    fields: tuple[tuple[str, Expression], ...]
