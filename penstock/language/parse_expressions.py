"""Expressions: precedence climbing over the tokens.

In:  the cursor. Out: Expression nodes. From loose to tight:

    OR  AND  NOT  comparison | BETWEEN | IN | LIKE | IS   ||  + -  * / %  unary + -  x[i]  s->f  primary
    `------- expression ------------------------------'   `------- value ---------------------------'

A comparison does not chain: its sides are values. GROUP BY and PARTITION BY take values only.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable
from typing import TypeVar

from penstock.errors import StatementError
from penstock.language import ast, variables
from penstock.language.cursor import NAME_KINDS, Cursor
from penstock.language.durations import PLURALS
from penstock.language.lexer import NUMBERS, TEXT, VARIABLE, name_of
from penstock.language.parse_types import parse_type
from penstock.language.print_expressions import expression as text
from penstock.language.words import RESERVED
from penstock.types import DATE, TIME, TIMESTAMP

K = TypeVar("K")
T = TypeVar("T")

COMPARISONS = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}

# Binary operators of values, loosest first.
LEVELS: tuple[frozenset[str], ...] = (frozenset(("||",)), frozenset("+-"), frozenset("*/%"))


def expression(c: Cursor) -> ast.Expression:
    at = c.position()
    left = _conjunction(c)
    while c.accept("OR"):
        left = ast.Logical("OR", left, _conjunction(c), at=at)
    return left


def _conjunction(c: Cursor) -> ast.Expression:
    at = c.position()
    left = _negation(c)
    while c.accept("AND"):
        left = ast.Logical("AND", left, _negation(c), at=at)
    return left


def _negation(c: Cursor) -> ast.Expression:
    at = c.position()
    if not c.accept("NOT"):
        return _predicate(c)
    return _not(_negation(c), at)


def _not(value: ast.Expression, at: ast.Position) -> ast.Expression:
    """NOT (x IN ...) and x NOT IN ... are one thing, so they are one node."""
    match value:
        case ast.Between(inner, low, high, negated=False):
            return ast.Between(inner, low, high, negated=True, at=at)
        case ast.In(inner, choices, negated=False):
            return ast.In(inner, choices, negated=True, at=at)
        case ast.Like(inner, pattern, escape, negated=False):
            return ast.Like(inner, pattern, escape, negated=True, at=at)
    return ast.Not(value, at=at)


# --- predicates --------------------------------------------------------------------------------------


def _predicate(c: Cursor) -> ast.Expression:
    at = c.position()
    left = value(c)
    operator = COMPARISONS.get(c.kind)
    if operator:
        c.next()
        return ast.Comparison(operator, left, value(c), at=at)
    if c.kind == "IS":
        return _is(c, left, at)
    negated = c.kind == "NOT" and c.ahead() in PREDICATES
    if negated:
        c.next()
    build = PREDICATES.get(c.kind)
    if not build:
        return left
    c.next()
    return build(c, left, negated, at)


def _is(c: Cursor, left: ast.Expression, at: ast.Position) -> ast.Expression:
    c.expect("IS")
    negated = c.accept("NOT")
    if c.accept("NULL"):
        return ast.IsNull(left, negated, at=at)
    if not c.accept("DISTINCT", "FROM"):
        c.fail_near()
    operator = "IS NOT DISTINCT FROM" if negated else "IS DISTINCT FROM"
    return ast.Comparison(operator, left, value(c), at=at)


def _between(c: Cursor, left: ast.Expression, negated: bool, at: ast.Position) -> ast.Expression:
    low = value(c)
    c.expect("AND")
    return ast.Between(left, low, value(c), negated, at=at)


def _in(c: Cursor, left: ast.Expression, negated: bool, at: ast.Position) -> ast.Expression:
    c.open()
    choices = [expression(c)]
    while c.accept(","):
        choices.append(expression(c))
    c.close()
    return ast.In(left, tuple(choices), negated, at=at)


def _like(c: Cursor, left: ast.Expression, negated: bool, at: ast.Position) -> ast.Expression:
    pattern = value(c)
    escape = None
    if c.accept("ESCAPE"):
        place = c.position()
        escape = c.string()
        if len(escape) != 1:
            raise c.refused(f"{place}: Expected single character escape but got: {escape}", place)
    return ast.Like(left, pattern, escape, negated, at=at)


Predicate = Callable[[Cursor, ast.Expression, bool, ast.Position], ast.Expression]
PREDICATES: dict[str, Predicate] = {"BETWEEN": _between, "IN": _in, "LIKE": _like}


# --- values ------------------------------------------------------------------------------------------


def value(c: Cursor, level: int = 0) -> ast.Expression:
    if level == len(LEVELS):
        return _unary(c)
    at = c.position()
    left = value(c, level + 1)
    operators = LEVELS[level]
    while c.kind in operators:
        operator = c.next().kind
        left = ast.Arithmetic(operator, left, value(c, level + 1), at=at)
    return left


def _unary(c: Cursor) -> ast.Expression:
    at = c.position()
    if c.kind == "-":
        if c.ahead() in NUMBERS:
            return _postfix(c, _number(c))
        c.next()
        return ast.Negate(_unary(c), at=at)
    if c.accept("+"):
        return _unary(c)
    operand = primary(c)
    if c.sees("AT", "TIME", "ZONE"):
        raise StatementError(f"{at}: AT TIME ZONE is not supported. Use CONVERT_TZ instead.", at)
    return operand


def primary(c: Cursor) -> ast.Expression:
    """The tightest: a literal, name, call, constructor, CASE, CAST or bracket, with its [i] and ->f."""
    if c.kind == VARIABLE:
        c.replace_variable(variables.as_name_or_literal)
        if c.kind == "-":
            return _postfix(c, _number(c))
    kind = c.kind
    build = PRIMARIES.get(kind)
    if build:
        return _postfix(c, build(c))
    build = BRACKETED.get((kind, c.ahead()))
    if build:
        return _postfix(c, build(c))
    if kind not in NAME_KINDS:
        # Inside brackets ksqlDB takes a reserved word for a mistake of another kind.
        (c.fail_near if c.depth else c.fail_name)()
    return _postfix(c, _named(c))


def _postfix(c: Cursor, base: ast.Expression) -> ast.Expression:
    while True:
        if c.kind == "[":
            at = c.position()
            c.next()
            c.depth += 1
            base = ast.Subscript(base, value(c), at=at)
            c.depth -= 1
            c.expect("]")
        elif c.kind == "->" and c.ahead() != "*":
            at = c.position()
            c.next()
            base = ast.Dereference(base, c.name(), at=at)
        else:
            return base


def _number(c: Cursor) -> ast.Expression:
    at = c.position()
    number = c.number()
    if isinstance(number, decimal.Decimal):
        return ast.DecimalLiteral(number, at=at)
    if isinstance(number, float):
        return ast.Double(number, at=at)
    return ast.Integer(number, at=at)


def _text(c: Cursor) -> ast.Expression:
    at = c.position()
    return ast.String(c.string(), at=at)


def _null(c: Cursor) -> ast.Expression:
    at = c.position()
    c.next()
    return ast.Null(at=at)


def _boolean(c: Cursor) -> ast.Expression:
    at = c.position()
    return ast.Boolean(c.next().kind == "TRUE", at=at)


def _bracket(c: Cursor) -> ast.Expression:
    c.open()
    inner = expression(c)
    c.close()
    return inner


def _cast(c: Cursor) -> ast.Expression:
    at = c.position()
    c.expect("CAST")
    c.open()
    operand = expression(c)
    c.expect("AS")
    kind = parse_type(c)
    c.close()
    return ast.Cast(operand, kind, at=at)


def _case(c: Cursor) -> ast.Expression:
    at = c.position()
    c.expect("CASE")
    c.depth += 1
    operand = None if c.kind == "WHEN" else value(c)
    whens = [_when(c)]
    while c.kind == "WHEN":
        whens.append(_when(c))
    default = expression(c) if c.accept("ELSE") else None
    c.depth -= 1
    c.expect("END")
    return ast.Case(tuple(whens), default, operand, at=at)


def _when(c: Cursor) -> ast.When:
    at = c.position()
    c.expect("WHEN")
    condition = expression(c)
    c.expect("THEN")
    return ast.When(condition, expression(c), at=at)


def _decimal_literal(c: Cursor) -> ast.Expression:
    at = c.position()
    c.expect("DECIMAL")
    text = c.string()
    try:
        return ast.DecimalLiteral(decimal.Decimal(text.strip()), at=at)
    except decimal.InvalidOperation as wrong:
        raise c.refused(f"{at}: Invalid numeric literal: {text}", at) from wrong


def _time_literal(c: Cursor) -> ast.Expression:
    """TIME '10:11:12': the text with its type."""
    at = c.position()
    kind = TEMPORAL[c.next().kind]
    return ast.Cast(ast.String(c.string(), at=at), kind, at=at)


# --- constructors ------------------------------------------------------------------------------------


def _array(c: Cursor) -> ast.Expression:
    at = c.position()
    c.expect("ARRAY", "[")
    c.depth += 1
    items = _listed(c, "]", expression)
    c.depth -= 1
    c.expect("]")
    return ast.ArrayConstructor(tuple(items), at=at)


def _map(c: Cursor) -> ast.Expression:
    at = c.position()
    c.expect("MAP")
    c.open()
    entries = _listed(c, ")", lambda inner: _pair(inner, expression))
    c.close()
    _check_keys(c, entries, at)
    return ast.MapConstructor(tuple(entries), at=at)


def _check_keys(c: Cursor, entries: list[tuple[ast.Expression, ast.Expression]], at: ast.Position) -> None:
    seen: dict[ast.Expression, ast.Expression] = {}
    for key, held in entries:
        if key in seen:
            later, earlier = (f"{text(key)}={text(each)}" for each in (held, seen[key]))
            raise c.refused(f"Multiple entries with same key: {later} and {earlier}", at)
        seen[key] = held


def _struct(c: Cursor) -> ast.Expression:
    at = c.position()
    c.expect("STRUCT")
    c.open()
    fields = _listed(c, ")", lambda inner: _pair(inner, Cursor.name))
    c.close()
    return ast.StructConstructor(tuple(fields), at=at)


def _pair(c: Cursor, key: Callable[[Cursor], K]) -> tuple[K, ast.Expression]:
    first = key(c)
    c.expect(":=")
    return first, expression(c)


def _listed(c: Cursor, end: str, item: Callable[[Cursor], T]) -> list[T]:
    """Items between commas, perhaps none."""
    if c.kind == end:
        return []
    found = [item(c)]
    while c.accept(","):
        found.append(item(c))
    return found


# --- names and calls ---------------------------------------------------------------------------------


def _named(c: Cursor) -> ast.Expression:
    at = c.position()
    first = c.name_token()
    if c.kind == "(":
        return _call(c, name_of(first).upper(), at)
    if c.kind == "." and c.ahead() != "*":
        c.next()
        return ast.Name(c.name(), name_of(first), at=at)
    return ast.Name(name_of(first), at=at)


def _call(c: Cursor, function: str, at: ast.Position) -> ast.Expression:
    c.open()
    if c.accept("*"):
        c.close()
        return ast.Call(function, (), star=True, at=at)
    arguments: list[ast.Expression] = []
    while c.kind != ")":
        arguments.append(_argument(c, function, arguments))
        if not c.accept(","):
            break
        if c.kind == ")":
            c.fail_near()
    c.close()
    return ast.Call(function, tuple(arguments), at=at)


UNIT_FUNCTIONS = frozenset(("DATEADD", "DATESUB", "TIMEADD", "TIMESUB", "TIMESTAMPADD", "TIMESTAMPSUB"))


def _argument(c: Cursor, function: str, before: list[ast.Expression]) -> ast.Expression:
    if _sees_lambda(c):
        return _lambda(c)
    if before and isinstance(before[-1], ast.Lambda):
        c.fail_near()
    if _sees_unit(c, first_of_unit_function=not before and function in UNIT_FUNCTIONS):
        at = c.position()
        return ast.IntervalUnit(PLURALS[c.next().kind], at=at)
    return expression(c)


def _sees_unit(c: Cursor, first_of_unit_function: bool) -> bool:
    """DAYS is reserved and always a unit; DAY is one only where a unit is wanted."""
    if c.kind not in PLURALS:
        return False
    return c.kind in RESERVED or (first_of_unit_function and c.ahead() == ",")


def _sees_lambda(c: Cursor) -> bool:
    """`x =>` or `(x, y) =>`"""
    if c.kind in NAME_KINDS:
        return c.ahead() == "=>"
    if c.kind != "(":
        return False
    count = 1
    while c.ahead(count) in NAME_KINDS and c.ahead(count + 1) == ",":
        count += 2
    return c.ahead(count) in NAME_KINDS and c.ahead(count + 1) == ")" and c.ahead(count + 2) == "=>"


def _lambda(c: Cursor) -> ast.Expression:
    at = c.position()
    bracket = c.accept("(")
    parameters = [c.name()]
    while c.accept(","):
        parameters.append(c.name())
    if bracket:
        c.expect(")")
    c.expect("=>")
    return ast.Lambda(tuple(parameters), expression(c), at=at)


Build = Callable[[Cursor], ast.Expression]

PRIMARIES: dict[str, Build] = {
    **dict.fromkeys(NUMBERS, _number),
    TEXT: _text,
    "NULL": _null,
    "TRUE": _boolean,
    "FALSE": _boolean,
    "(": _bracket,
    "CAST": _cast,
    "CASE": _case,
}

TEMPORAL = {"TIME": TIME, "DATE": DATE, "TIMESTAMP": TIMESTAMP}

# These words build a value only before their bracket (or string); alone they are names.
BRACKETED: dict[tuple[str, str], Build] = {
    ("ARRAY", "["): _array,
    ("MAP", "("): _map,
    ("STRUCT", "("): _struct,
    ("DECIMAL", TEXT): _decimal_literal,
    **{(word, TEXT): _time_literal for word in TEMPORAL},
}
