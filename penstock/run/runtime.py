"""What generated code calls: arithmetic as Java does it, LIKE, subscripts, and the errors of NULL.

In:  values of one row. Out: values; an error is raised and becomes NULL plus a line of the processing log.

The common case of each operation stands inline in the generated code; these are the rest:

    quantity * 2    (t if -2147483648 <= (t := quantity * 2) <= 2147483647 else wrap_int(t))
"""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, NoReturn, TypeVar

from msgspec import Struct

from penstock.functions.java_numbers import EXACT, wrap_int, wrap_long
from penstock.types import struct_values

__all__ = ["EXACT", "wrap_int", "wrap_long"]

T = TypeVar("T")
BinaryDecimal = Callable[[Decimal, Decimal], Decimal]


# --- whole numbers -----------------------------------------------------------------------------------


def divide_int(left: int, right: int) -> int:
    """INTEGER / INTEGER: towards zero."""
    return wrap_int(truncated(left, right))


def divide_long(left: int, right: int) -> int:
    return wrap_long(truncated(left, right))


def truncated(left: int, right: int) -> int:
    if right == 0:
        raise ZeroDivisionError("/ by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def remainder_int(left: int, right: int) -> int:
    """The sign follows the dividend."""
    if right == 0:
        raise ZeroDivisionError("/ by zero")
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


# --- doubles -----------------------------------------------------------------------------------------


def divide_double(left: float, right: float) -> float:
    """IEEE: 1 / 0 is Infinity, 0 / 0 is NaN. Python raises there."""
    if right:
        return left / right
    if left is None or right is None:
        null_operand()
    if left == 0 or left != left:
        return math.nan
    return math.copysign(math.inf, math.copysign(1.0, left) * math.copysign(1.0, right))


def remainder_double(left: float, right: float) -> float:
    if left is None or right is None:
        null_operand()
    if right == 0 or math.isinf(left) or left != left or right != right:
        return math.nan
    return math.fmod(left, right)


def comparable_decimal(value: float) -> Decimal:
    """A DOUBLE beside a DECIMAL counts by its shortest text: 0.1E0 = 0.1."""
    if math.isfinite(value):
        return Decimal(repr(value))
    raise ArithmeticError(f"{value} can't be compared with a DECIMAL")


# --- decimals ----------------------------------------------------------------------------------------

NO_ROUNDING = [decimal.Inexact, decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow]
WIDE = decimal.Context(prec=2000, Emax=999_999, Emin=-999_999, traps=NO_ROUNDING)


def decimal_multiply(left: Decimal, right: Decimal) -> Decimal:
    """`plus` makes a negative zero, which Java's decimals do not have, a plain one."""
    return WIDE.plus(WIDE.multiply(left, right))


@lru_cache(maxsize=1024)
def decimal_divider(precision: int, scale: int) -> BinaryDecimal:
    """DECIMAL / DECIMAL. The quotient must be exact within the result's type; ksqlDB refuses to round it."""
    context = decimal.Context(prec=precision, Emax=999_999, Emin=-999_999, traps=NO_ROUNDING)
    step = Decimal((0, (1,), -scale))

    def divide(left: Decimal, right: Decimal) -> Decimal:
        try:
            return WIDE.plus(context.divide(left, right).quantize(step, context=WIDE))
        except decimal.Inexact:
            raise ArithmeticError(
                f"Rounding necessary: {left} / {right} as DECIMAL({precision}, {scale})"
            ) from None
        except (decimal.DivisionByZero, decimal.InvalidOperation):
            raise ZeroDivisionError("Division by zero") from None

    return divide


@lru_cache(maxsize=1024)
def decimal_remainder(precision: int, scale: int) -> BinaryDecimal:
    """DECIMAL % DECIMAL. The whole quotient must fit `precision` digits, zeros at its end aside."""
    step = Decimal((0, (1,), -scale))

    def remainder(left: Decimal, right: Decimal) -> Decimal:
        if not right:
            raise ZeroDivisionError("Division by zero")
        whole = WIDE.divide_int(left, right)
        if len(str(abs(int(whole))).rstrip("0")) > precision:
            raise ArithmeticError(f"Division impossible: {left} % {right} as DECIMAL({precision}, {scale})")
        return WIDE.plus(WIDE.remainder(left, right).quantize(step, context=WIDE))

    return remainder


# --- text --------------------------------------------------------------------------------------------

ANY_CHARACTER = "[^\n\r\u0085\u2028\u2029]"


@lru_cache(maxsize=4096)
def like_matcher(pattern: str, escape: str | None = None) -> Callable[[str], Any]:
    """A function that gives a match or None. `%` and `_` do not cross a line."""
    parts: list[str] = []
    characters = iter(pattern)
    for each in characters:
        if each == escape:
            following = next(characters, None)
            parts.append(re.escape(each if following is None else following))
        else:
            parts.append(WILDCARDS.get(each) or re.escape(each))
    return re.compile("".join(parts)).fullmatch


WILDCARDS = {"%": ANY_CHARACTER + "*", "_": ANY_CHARACTER}


def like(text: str, pattern: str, escape: str | None = None) -> bool:
    return like_matcher(pattern, escape)(text) is not None


# --- structured values -------------------------------------------------------------------------------


def item_at(items: list[T] | None, index: int) -> T | None:
    """array[i]: from 1, negative from the end, outside NULL."""
    if items is None:
        return None
    if index > 0:
        return items[index - 1] if index <= len(items) else None
    return items[index] if index and -index <= len(items) else None


def is_in(value: Any, choices: Sequence[Any]) -> bool:
    """Every choice was evaluated; NULL on either side never matches."""
    return value is not None and value in choices


def same_value(left: Any, right: Any) -> bool:
    """Equality of structured values; rows of two classes with the same columns may be equal."""
    if isinstance(left, Struct) and isinstance(right, Struct):
        pairs = zip(struct_values(left), struct_values(right), strict=False)
        same_size = len(left.__struct_fields__) == len(right.__struct_fields__)
        return same_size and all(same_value(one, other) for one, other in pairs)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_value, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_value(left[key], right[key]) for key in left)
    return bool(left == right)


def guarded(element: Callable[[], T], report: Callable[[Exception], None]) -> T | None:
    """An element of a constructor: its error makes it NULL and leaves its neighbours."""
    try:
        return element()
    except Exception as error:
        report(error)
        return None


# --- NULL where ksqlDB has an error ------------------------------------------------------------------


def null_operand() -> NoReturn:
    raise TypeError("An operand is NULL")


def null_boolean() -> NoReturn:
    raise TypeError("A condition is NULL")


def null_argument(function: str, position: int) -> NoReturn:
    raise TypeError(f"Argument {position} of {function} is NULL")


HELPERS: Mapping[str, Any] = {
    each.__name__: each
    for each in (
        wrap_int,
        wrap_long,
        divide_int,
        divide_long,
        remainder_int,
        divide_double,
        remainder_double,
        comparable_decimal,
        like,
        item_at,
        is_in,
        same_value,
        guarded,
        null_operand,
        null_boolean,
        null_argument,
        Decimal,
    )
}
"""Bound by their own names in every generated function."""
