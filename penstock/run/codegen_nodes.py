"""How each kind of node is written as Python: one writer each, chosen by the table at the end.

In:  an emitter, a node with constant parts already computed. Out: an expression in parentheses where needed.

A temporary (t1, t2, ..) holds a value that is tested and then used; `:=` keeps that inside one expression, so
that branches which are not taken cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal as Number
from typing import TYPE_CHECKING, Any

from penstock.language.expressions import (
    ArithmeticOf,
    ArrayOf,
    BetweenOf,
    CallOf,
    CaseOf,
    CastTo,
    ColumnRef,
    ComparisonOf,
    FieldOf,
    InOf,
    IntervalLiteral,
    IsNullOf,
    ItemOf,
    LambdaExpression,
    LikeOf,
    Literal,
    LogicalOf,
    MapOf,
    NegateOf,
    NotOf,
    ParameterRef,
    StructOf,
    Typed,
)
from penstock.run.cast import cast_code
from penstock.run.codegen_compare import between, compare
from penstock.run.facts import FIRST_NOT_NULL, IDENTITIES, may_fail
from penstock.run.runtime import (
    EXACT,
    decimal_divider,
    decimal_multiply,
    decimal_remainder,
    like_matcher,
)
from penstock.types import BIGINT, DOUBLE, INTEGER, Array, Decimal, python_type

if TYPE_CHECKING:
    from penstock.run.codegen import Emitter

WRAPS = {
    INTEGER: ("-2147483648", "2147483647", "wrap_int"),
    BIGINT: ("-9223372036854775808", "9223372036854775807", "wrap_long"),
}


# --- leaves ------------------------------------------------------------------------------------------


def literal(emit: Emitter, node: Literal) -> str:
    value = node.value
    if isinstance(value, Number):
        return emit.constant(value, f"decimal_{value:f}".replace("-", "minus_"))
    if isinstance(value, float) and value - value != 0:
        return emit.constant(value, "double_nan" if value != value else "double_infinity")
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return repr(value)
    return emit.constant(value, "literal")


def column(emit: Emitter, node: ColumnRef) -> str:
    return node.slot


def interval(emit: Emitter, node: IntervalLiteral) -> str:
    return str(node.unit_ms)


def parameter_name(name: str) -> str:
    return "p_" + "".join(each if each.isalnum() and each.isascii() else f"_{ord(each):x}_" for each in name)


def parameter(emit: Emitter, node: ParameterRef) -> str:
    return parameter_name(node.name)


def function(emit: Emitter, node: LambdaExpression) -> str:
    names = ", ".join(map(parameter_name, node.parameters))
    return f"(lambda {names}: {emit.expression(node.body)})"


# --- calls and casts ---------------------------------------------------------------------------------


def call(emit: Emitter, node: CallOf) -> str:
    name = node.function.name
    if name in IDENTITIES and len(node.arguments) == 1:
        return _required(emit, node, 0)
    plain = node.arguments if emit.careful else node.arguments[1:]
    if name in FIRST_NOT_NULL and not any(may_fail(each) for each in plain):
        return _first_not_null(emit, node)
    called = emit.constant(_specialized(emit, node), f"sql_{name.lower()}")
    tests, arguments = [], []
    for position, argument in enumerate(node.arguments):
        checked = node.function.nulls == "null" and position not in node.function.primitive
        if checked and emit.may_be_null(argument):
            first, again = emit.atom(argument)
            tests.append(f"{first} is None")
            arguments.append(again)
        else:
            arguments.append(_required(emit, node, position))
    source = f"{called}({', '.join(arguments)})"
    return f"(None if {' or '.join(tests)} else {source})" if tests else source


def _required(emit: Emitter, node: CallOf, position: int) -> str:
    """An argument; NULL is an error where the function takes a primitive of Java's."""
    argument = node.arguments[position]
    if position not in node.function.primitive or not emit.may_be_null(argument):
        # A function that takes NULL is also given it for an argument that fails.
        takes_null = node.function.nulls == "pass" and not isinstance(argument, LambdaExpression)
        return _element(emit, argument) if takes_null else emit.expression(argument)
    first, again = emit.atom(argument)
    failure = f"null_argument({node.function.name!r}, {position + 1})"
    return f"({again} if {first} is not None else {failure})"


def _specialized(emit: Emitter, node: CallOf) -> Callable[..., Any]:
    """The faster form of a function for the arguments that are the same for every row."""
    if node.function.specialize is None:
        return node.function.call
    known = {}
    for position, argument in enumerate(node.arguments):
        if isinstance(argument, Literal):
            known[position] = argument.value
        elif isinstance(argument, IntervalLiteral):
            known[position] = argument.unit_ms
    return (known and node.function.specialize(known)) or node.function.call


def _first_not_null(emit: Emitter, node: CallOf) -> str:
    source = emit.expression(node.arguments[-1])
    for argument in reversed(node.arguments[:-1]):
        first, again = emit.atom(argument)
        if emit.may_be_null(argument):
            source = f"({again} if {first} is not None else {source})"
        else:
            source = first
    return source


def cast(emit: Emitter, node: CastTo) -> str:
    code = cast_code(node.value.type, node.type)
    if code.source == "{x}":
        return emit.expression(node.value)
    source = code.source
    for name, helper in code.helpers.items():
        source = source.replace(f"{name}(", f"{emit.constant(helper, name)}(")
    if not emit.may_be_null(node.value):
        return source.format(x=emit.expression(node.value))
    first, again = emit.atom(node.value)
    return f"(None if {first} is None else {source.format(x=again)})"


# --- arithmetic --------------------------------------------------------------------------------------


def arithmetic(emit: Emitter, node: ArithmeticOf) -> str:
    if isinstance(node.type, Decimal):
        return _decimal_arithmetic(emit, node, node.type)
    return ARITHMETIC[node.operator](emit, node)


def _plain(emit: Emitter, node: ArithmeticOf) -> str:
    """Whole numbers wrap around as Java's do; doubles and texts never need to."""
    source = f"{emit.expression(node.left)} {node.operator} {emit.expression(node.right)}"
    if node.type not in WRAPS:
        return f"({source})"
    low, high, wrap = WRAPS[node.type]
    name = emit.temp()
    return f"({name} if {low} <= ({name} := {source}) <= {high} else {wrap}({name}))"


def _divided(emit: Emitter, node: ArithmeticOf) -> str:
    left, right = emit.expression(node.left), emit.expression(node.right)
    constant = isinstance(node.right, Literal) and node.right.value
    if node.type == DOUBLE:
        return f"({left} / {right})" if constant else f"divide_double({left}, {right})"
    if constant and constant > 0:
        return _towards_zero(emit, node, "//", right)
    return f"{'divide_int' if node.type == INTEGER else 'divide_long'}({left}, {right})"


def _rest(emit: Emitter, node: ArithmeticOf) -> str:
    left, right = emit.expression(node.left), emit.expression(node.right)
    if node.type == DOUBLE:
        return f"remainder_double({left}, {right})"
    if isinstance(node.right, Literal) and node.right.value and node.right.value > 0:
        return _towards_zero(emit, node, "%", right)
    return f"remainder_int({left}, {right})"


def _towards_zero(emit: Emitter, node: ArithmeticOf, operator: str, right: str) -> str:
    """By a positive constant: Python rounds down, Java towards zero, which differ below zero only."""
    first, again = emit.atom(node.left)
    return f"({again} {operator} {right} if {first} >= 0 else -(-{again} {operator} {right}))"


ARITHMETIC: dict[str, Callable[[Any, ArithmeticOf], str]] = {
    "+": _plain,
    "-": _plain,
    "*": _plain,
    "/": _divided,
    "%": _rest,
}
DECIMAL_CALLS = {"+": EXACT.add, "-": EXACT.subtract, "*": decimal_multiply}
DECIMAL_NAMES = {"+": "decimal_add", "-": "decimal_subtract", "*": "decimal_multiply"}


def _decimal_arithmetic(emit: Emitter, node: ArithmeticOf, kind: Decimal) -> str:
    size = f"{kind.precision}_{kind.scale}"
    if node.operator == "/":
        called = emit.constant(decimal_divider(kind.precision, kind.scale), f"decimal_divide_{size}")
    elif node.operator == "%":
        called = emit.constant(decimal_remainder(kind.precision, kind.scale), f"decimal_remainder_{size}")
    else:
        called = emit.constant(DECIMAL_CALLS[node.operator], DECIMAL_NAMES[node.operator])
    return f"{called}({emit.expression(node.left)}, {emit.expression(node.right)})"


def negate(emit: Emitter, node: NegateOf) -> str:
    source = emit.expression(node.value)
    if isinstance(node.type, Decimal):
        return f"{emit.constant(EXACT.minus, 'decimal_minus')}({source})"
    if node.type not in WRAPS:
        return f"(-{source})"
    low = WRAPS[node.type][0]
    name = emit.temp()
    return f"({name} if ({name} := -{source}) != {low[1:]} else {low})"


# --- predicates --------------------------------------------------------------------------------------


def comparison(emit: Emitter, node: ComparisonOf) -> str:
    return compare(emit, node.operator, node.left, node.right, node.common)


def between_of(emit: Emitter, node: BetweenOf) -> str:
    return between(emit, node)


def logical(emit: Emitter, node: LogicalOf) -> str:
    return f"({emit.boolean(node.left)} {node.operator.lower()} {emit.boolean(node.right)})"


def negation(emit: Emitter, node: NotOf) -> str:
    return f"(not {emit.boolean(node.value)})"


def is_null(emit: Emitter, node: IsNullOf) -> str:
    if isinstance(node.value, Literal) and node.value.value is None:
        return repr(not node.negated)
    if not emit.may_be_null(node.value) and not may_fail(node.value):
        return repr(node.negated)
    return f"({emit.expression(node.value)} is {'not ' if node.negated else ''}None)"


def within(emit: Emitter, node: InOf) -> str:
    """NULL among the choices never matches, and neither does NULL itself."""
    value = emit.expression(node.value)
    plain = [each.value for each in node.choices if isinstance(each, Literal)]
    if len(plain) == len(node.choices) and all(isinstance(each, bool | int | str | None) for each in plain):
        members = tuple(dict.fromkeys(each for each in plain if each is not None))
        if len(members) <= 3:
            return f"({value} in {members!r})"
        return f"({value} in {emit.constant(frozenset(members), 'choices')})"
    choices = ", ".join(emit.expression(each) for each in node.choices)
    return f"is_in({value}, ({choices},))"


def like(emit: Emitter, node: LikeOf) -> str:
    value = emit.expression(node.value)
    if isinstance(node.pattern, Literal) and node.pattern.value is not None:
        matcher = emit.constant(like_matcher(node.pattern.value, node.escape), "like")
        return f"({matcher}({value}) is not None)"
    return f"like({value}, {emit.expression(node.pattern)}, {node.escape!r})"


def case(emit: Emitter, node: CaseOf) -> str:
    source = "None" if node.default is None else emit.expression(node.default)
    for condition, result in reversed(node.whens):
        source = f"({emit.expression(result)} if {emit.boolean(condition)} else {source})"
    return source


# --- structured values -------------------------------------------------------------------------------


def field_of(emit: Emitter, node: FieldOf) -> str:
    first, again = emit.atom(node.base)
    if not emit.may_be_null(node.base):
        return f"{first}.c{node.position}"
    return f"(None if {first} is None else {again}.c{node.position})"


def item_of(emit: Emitter, node: ItemOf) -> str:
    if not isinstance(node.base.type, Array):
        return f"{emit.expression(node.base)}.get({emit.expression(node.index)})"
    index = node.index.value if isinstance(node.index, Literal) else None
    if not index or index < 0:
        return f"item_at({emit.expression(node.base)}, {emit.expression(node.index)})"
    first, again = emit.atom(node.base)
    return f"({again}[{index - 1}] if {first} is not None and len({again}) >= {index} else None)"


def _element(emit: Emitter, node: Typed) -> str:
    """An element of a constructor fails alone; on the fast path the whole row is tried again."""
    source = emit.expression(node)
    if emit.careful and may_fail(node):
        emit.constants.setdefault("nested_error", _ignored)
        return f"guarded(lambda: {source}, nested_error)"
    return source


def _ignored(_: Exception) -> None:
    """Who wants to hear of such errors sets `nested_error` among the constants."""


def array_of(emit: Emitter, node: ArrayOf) -> str:
    return f"[{', '.join(_element(emit, each) for each in node.items)}]"


def map_of(emit: Emitter, node: MapOf) -> str:
    return (
        "{"
        + ", ".join(f"{_element(emit, key)}: {_element(emit, value)}" for key, value in node.entries)
        + "}"
    )


def struct_of(emit: Emitter, node: StructOf) -> str:
    make = emit.constant(python_type(node.type), "struct")
    return f"{make}({', '.join(_element(emit, each) for each in node.values)})"


Writer = Callable[[Any, Any], str]
WRITERS: dict[type[Typed], Writer] = {
    ColumnRef: column,
    Literal: literal,
    IntervalLiteral: interval,
    ParameterRef: parameter,
    LambdaExpression: function,
    CallOf: call,
    CastTo: cast,
    ArithmeticOf: arithmetic,
    NegateOf: negate,
    ComparisonOf: comparison,
    LogicalOf: logical,
    NotOf: negation,
    IsNullOf: is_null,
    BetweenOf: between_of,
    InOf: within,
    LikeOf: like,
    CaseOf: case,
    FieldOf: field_of,
    ItemOf: item_of,
    ArrayOf: array_of,
    MapOf: map_of,
    StructOf: struct_of,
}
assert {each.__name__ for each in WRITERS} == {each.__name__ for each in Typed.__subclasses__()}
