"""Which types an operator takes and what it makes of them: arithmetic, comparison and CAST, as tables.

In:  SQL types. Out: a type, or None (or a reason) when ksqlDB refuses. No expressions and no text here.

    DECIMAL(p1, s1) op DECIMAL(p2, s2)      scale                    precision
        + -                                 max(s1, s2)              max(p1 - s1, p2 - s2) + scale + 1
        *                                   s1 + s2                  p1 + p2 + 1
        /                                   max(6, s1 + p2 + 1)      p1 - s1 + s2 + scale
        %                                   max(s1, s2)              min(p1 - s1, p2 - s2) + scale
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Decimal,
    Map,
    SqlType,
    Struct,
    as_decimal,
    common_number,
    is_number,
)

TEMPORAL: tuple[SqlType, ...] = (TIME, DATE, TIMESTAMP)
COMPARISON_NAMES = {
    "=": "EQUAL",
    "<>": "NOT_EQUAL",
    "<": "LESS_THAN",
    "<=": "LESS_THAN_OR_EQUAL",
    ">": "GREATER_THAN",
    ">=": "GREATER_THAN_OR_EQUAL",
    "IS DISTINCT FROM": "IS_DISTINCT_FROM",
    "IS NOT DISTINCT FROM": "IS_NOT_DISTINCT_FROM",
}
ORDERINGS = frozenset(("<", "<=", ">", ">="))


def base_name(kind: SqlType) -> str:
    """DECIMAL for DECIMAL(4, 2), ARRAY for ARRAY<INTEGER>: the name without its parameters."""
    return CONTAINER_NAMES.get(type(kind)) or str(kind)


CONTAINER_NAMES: dict[type[SqlType], str] = {Decimal: "DECIMAL", Array: "ARRAY", Map: "MAP", Struct: "STRUCT"}


# --- arithmetic --------------------------------------------------------------------------------------


def arithmetic_type(operator: str, left: SqlType, right: SqlType) -> SqlType | None:
    """The type of the result, or None when the operator does not take these. `||` joins texts or bytes."""
    if operator == "||":
        return left if left == right and left in (STRING, BYTES) else None
    if left == right == STRING:
        return STRING if operator == "+" else None
    common = common_number([left, right])
    if isinstance(common, Decimal):
        return DECIMAL_RULES[operator](as_decimal(left), as_decimal(right))
    return common


def _sum(left: Decimal, right: Decimal) -> Decimal:
    scale = max(left.scale, right.scale)
    return Decimal(max(left.precision - left.scale, right.precision - right.scale) + scale + 1, scale)


def _product(left: Decimal, right: Decimal) -> Decimal:
    return Decimal(left.precision + right.precision + 1, left.scale + right.scale)


def _quotient(left: Decimal, right: Decimal) -> Decimal:
    scale = max(6, left.scale + right.precision + 1)
    return Decimal(left.precision - left.scale + right.scale + scale, scale)


def _remainder(left: Decimal, right: Decimal) -> Decimal:
    scale = max(left.scale, right.scale)
    return Decimal(min(left.precision - left.scale, right.precision - right.scale) + scale, scale)


DECIMAL_RULES: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": _sum,
    "-": _sum,
    "*": _product,
    "/": _quotient,
    "%": _remainder,
}


# --- comparison --------------------------------------------------------------------------------------


def comparison_type(operator: str, left: SqlType, right: SqlType) -> SqlType | None:
    """What both sides are compared as, or None when ksqlDB can't compare them so."""
    if is_number(left) and is_number(right):
        return number_comparison(left, right)
    common = _other_comparison(left, right)
    if operator in ORDERINGS and (common == BOOLEAN or type(common) in (Array, Map, Struct)):
        return None
    return common


def number_comparison(left: SqlType, right: SqlType) -> SqlType:
    """A DECIMAL on a side makes it a comparison of decimals, even with a DOUBLE."""
    for side in (left, right):
        if isinstance(side, Decimal):
            return side
    return common_number([left, right]) or DOUBLE


def _other_comparison(left: SqlType, right: SqlType) -> SqlType | None:
    if type(left) is type(right) and type(left) in (Array, Map, Struct):
        return left
    if left == right:
        return left
    for temporal in (TIMESTAMP, DATE, TIME):
        if temporal in (left, right) and {left, right} - {temporal} <= COMPARED_AS[temporal]:
            return temporal
    return None


COMPARED_AS: dict[SqlType, frozenset[SqlType]] = {
    TIMESTAMP: frozenset((STRING, DATE)),
    DATE: frozenset((STRING,)),
    TIME: frozenset((STRING,)),
}


def between_type(left: SqlType, right: SqlType) -> SqlType | None:
    """What BETWEEN of a pull query compares as: it takes any pair and converts, the first rule that fits."""
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return left if isinstance(left, Decimal) else right
    for kind in (TIMESTAMP, DATE, TIME):
        if kind in (left, right):
            return kind
    if left == STRING:
        return STRING
    for kind in (DOUBLE, BIGINT, INTEGER):
        if kind in (left, right):
            return kind
    return None


# --- CAST --------------------------------------------------------------------------------------------

NUMERIC_AND_TEXT = frozenset(("INTEGER", "BIGINT", "DECIMAL", "DOUBLE", "STRING"))
CASTS: dict[str, frozenset[str]] = {
    "BOOLEAN": frozenset(("STRING",)),
    "INTEGER": NUMERIC_AND_TEXT,
    "BIGINT": NUMERIC_AND_TEXT,
    "DECIMAL": NUMERIC_AND_TEXT,
    "DOUBLE": NUMERIC_AND_TEXT,
    "STRING": NUMERIC_AND_TEXT | {"BOOLEAN", "TIME", "DATE", "TIMESTAMP", "BYTES"},
    "TIMESTAMP": frozenset(("STRING", "DATE", "TIME")),
    "DATE": frozenset(("STRING", "TIMESTAMP")),
    "TIME": frozenset(("STRING",)),
    "BYTES": frozenset(("STRING",)),
    "ARRAY": frozenset(("ARRAY", "STRING")),
    "MAP": frozenset(("MAP", "STRING")),
    "STRUCT": frozenset(("STRUCT", "STRING")),
}


def castable(source: SqlType, target: SqlType) -> bool:
    """Whether CAST goes from one type to the other; containers element by element."""
    if source == target:
        return True
    if base_name(target) not in CASTS[base_name(source)]:
        return False
    match source, target:
        case Array(item), Array(wanted):
            return castable(item, wanted)
        case Map(key, value), Map(wanted_key, wanted_value):
            return castable(key, wanted_key) and castable(value, wanted_value)
        case Struct(), Struct(fields):
            found = dict(source.fields)
            return all(castable(found[name], kind) for name, kind in fields if name in found)
    return True


def cast_refusal(source: SqlType, target: SqlType, interpreted: bool) -> str | None:
    """Why CAST refuses, in the words of persistent queries or, `interpreted`, of pull queries."""
    if castable(source, target) and not (interpreted and (source, target) == (STRING, BYTES)):
        return None
    if not interpreted:
        return f"Cast of {source} to {target} is not supported"
    if "DECIMAL" in (base_name(source), base_name(target)) and not isinstance(source, Decimal):
        return f"Unsupported cast between {source} and DECIMAL"
    if target == BOOLEAN or isinstance(target, Map):
        return f"Unsupported cast to {target}: {source}"
    return f"Unsupported cast from {source} to {target}"


def decimal_literal_type(digits: int, scale: int) -> Decimal:
    """1.23 is DECIMAL(3, 2); below one the zero before the point counts: 0.01 is DECIMAL(3, 2) too."""
    return Decimal(max(digits, scale + 1), scale)


def integer_literal_type(value: int) -> SqlType:
    return INTEGER if -(2**31) <= value < 2**31 else BIGINT
