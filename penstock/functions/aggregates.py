"""COUNT, SUM, AVG, MIN, MAX, SUM_LIST: the aggregates whose state is a number or two.

Out: recipes (registry.Recipe): text that the generated loop inlines, so that a row costs no call.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from penstock.functions.java_numbers import EXACT, overflow, wrap_int, wrap_long
from penstock.functions.patterns import DECIMAL, T
from penstock.functions.registry import Recipe, Slot, aggregate
from penstock.functions.text import utf16_key
from penstock.types import (
    BIGINT,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    SqlType,
    python_type,
)
from penstock.types import Decimal as DecimalType

Kinds = Sequence[Any]
Literals = tuple[Any, ...]

WRAP_INT = "if not -2147483648 <= {s0} <= 2147483647:\n    {s0} = agg_wrap_int({s0})"
WRAP_LONG = "if not -9223372036854775808 <= {s0} <= 9223372036854775807:\n    {s0} = agg_wrap_long({s0})"
WRAPS: dict[SqlType, str] = {INTEGER: WRAP_INT, BIGINT: WRAP_LONG, DOUBLE: ""}
WRAP_HELPERS = {"agg_wrap_int": wrap_int, "agg_wrap_long": wrap_long}
ZEROS: dict[SqlType, str] = {INTEGER: "0", BIGINT: "0", DOUBLE: "0.0"}


def indented(text: str) -> str:
    return "\n".join("    " + line for line in text.split("\n") if line)


def when_known(*statements: str, argument: str = "{x0}") -> str:
    """Statements for a value that is not NULL."""
    body = "\n".join(indented(each) for each in statements if each)
    return f"if {argument} is not None:\n{body}"


@aggregate("COUNT", T, returns=BIGINT)
def count(kinds: Kinds, literals: Literals) -> Recipe:
    """Counts rows in which the value is not NULL."""
    return Recipe(
        (Slot("0", int),),
        add=when_known("{s0} += 1"),
        undo=when_known("{s0} -= 1"),
        merge="{s0} += {t0}",
    )


@aggregate("SUM", DECIMAL, returns=DECIMAL)
def sum_decimal(kinds: Kinds, literals: Literals) -> Recipe:
    """The sum of the values; a sum too large for the type is an error."""
    kind = kinds[0]
    tag = f"{kind.precision}_{kind.scale}"
    check = f"if not -agg_limit_{tag} < {{s0}} < agg_limit_{tag}:\n    agg_overflow_{tag}({{s0}})"
    helpers = {
        "agg_decimal_add": EXACT.add,
        "agg_decimal_subtract": EXACT.subtract,
        "agg_decimal_zero": Decimal(0),
        f"agg_limit_{tag}": Decimal(10 ** (kind.precision - kind.scale)),
        f"agg_overflow_{tag}": overflow_of(kind),
    }
    return Recipe(
        (Slot("agg_decimal_zero", Decimal),),
        add=when_known("{s0} = agg_decimal_add({s0}, {x0})", check),
        undo=when_known("{s0} = agg_decimal_subtract({s0}, {x0})", check),
        merge="{s0} = agg_decimal_add({s0}, {t0})\n" + check,
        helpers=helpers,
    )


def overflow_of(kind: DecimalType) -> Any:
    def fail(value: Decimal) -> None:
        raise overflow(value, kind.precision, kind.scale)

    return fail


@aggregate("SUM", DOUBLE, returns=DOUBLE)
@aggregate("SUM", BIGINT, returns=BIGINT)
@aggregate("SUM", INTEGER, returns=INTEGER)
def sum_number(kinds: Kinds, literals: Literals) -> Recipe:
    """The sum of the values; INT and BIGINT wrap."""
    wrap = WRAPS[kinds[0]]
    return Recipe(
        (Slot(ZEROS[kinds[0]], python_type(kinds[0])),),
        add=when_known("{s0} += {x0}", wrap),
        undo=when_known("{s0} -= {x0}", wrap),
        merge="\n".join(filter(None, ("{s0} += {t0}", wrap))),
        helpers=WRAP_HELPERS if wrap else {},
    )


@aggregate("AVG", BIGINT, returns=DOUBLE)
@aggregate("AVG", INTEGER, returns=DOUBLE)
@aggregate("AVG", DOUBLE, returns=DOUBLE)
def average(kinds: Kinds, literals: Literals) -> Recipe:
    """The mean of the values, 0.0 when there are none. The sum has the type of the values, and may wrap."""
    wrap = WRAPS[kinds[0]]
    total = "{s0}" if kinds[0] == DOUBLE else "float({s0})"
    return Recipe(
        (Slot(ZEROS[kinds[0]], python_type(kinds[0])), Slot("0", int)),
        add=when_known("{s0} += {x0}", "{s1} += 1", wrap),
        undo=when_known("{s0} -= {x0}", "{s1} -= 1", wrap),
        merge="\n".join(filter(None, ("{s0} += {t0}", "{s1} += {t1}", wrap))),
        result=f"({total} / {{s1}} if {{s1}} else 0.0)",
        helpers=WRAP_HELPERS if wrap else {},
    )


def extreme(kind: SqlType, sign: str) -> Recipe:
    """Keeps the value when it is beyond the one kept."""

    def beyond(value: str) -> str:
        plain = f"{value} {sign} {{s0}}"
        if kind != STRING:
            return plain
        # Python orders text by code point, Java by UTF-16 unit; for ASCII against anything both agree.
        keys = f"agg_utf16_key({value}) {sign} agg_utf16_key({{s0}})"
        return f"({plain} if {value}.isascii() else {keys})"

    def keep(value: str) -> str:
        return f"if {value} is not None and ({{s0}} is None or {beyond(value)}):\n    {{s0}} = {value}"

    helpers = {"agg_utf16_key": utf16_key} if kind == STRING else {}
    return Recipe((Slot("None", python_type(kind) | None),), keep("{x0}"), keep("{t0}"), helpers=helpers)


def greatest(kinds: Kinds, literals: Literals) -> Recipe:
    """The greatest value; NULL until there is one."""
    return extreme(kinds[0], ">")


def least(kinds: Kinds, literals: Literals) -> Recipe:
    """The least value; NULL until there is one."""
    return extreme(kinds[0], "<")


ORDERED: tuple[SqlType, ...] = (INTEGER, BIGINT, DOUBLE, DECIMAL, DATE, TIME, TIMESTAMP, STRING, BYTES)

for ordered in ORDERED:
    aggregate("MAX", ordered, returns=ordered)(greatest)
    aggregate("MIN", ordered, returns=ordered)(least)


@aggregate("SUM_LIST", Array(DOUBLE), returns=DOUBLE)
@aggregate("SUM_LIST", Array(INTEGER), returns=INTEGER)
@aggregate("SUM_LIST", Array(BIGINT), returns=BIGINT)
def sum_list(kinds: Kinds, literals: Literals) -> Recipe:
    """The sum of all elements of all arrays."""
    item = kinds[0].item
    elements = "sum([_each for _each in {x0} if _each is not None])"
    wrap = WRAPS[item]
    return Recipe(
        (Slot(ZEROS[item], python_type(item)),),
        add=when_known(f"{{s0}} += {elements}", wrap),
        undo=when_known(f"{{s0}} -= {elements}", wrap),
        merge="\n".join(filter(None, ("{s0} += {t0}", wrap))),
        helpers=WRAP_HELPERS if wrap else {},
    )
