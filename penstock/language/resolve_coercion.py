"""One type for many values: the items of ARRAY[], MAP(), the choices of IN.

In:  typed values in their order. Out: the type all of them take, and the values converted to it.

    42, '7', 2.5        the first typed value leads: a text literal is read as a number, a BIGINT widens
    INTEGER -> INTEGER -> DECIMAL(11, 1)       s, 10, TRUE: STRING leads, so other literals become text

What does not go together is refused as ksqlDB (and PostgreSQL before it) words it.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal as Number

from penstock.functions.iso_times import date_from_text, time_from_text, timestamp_from_text
from penstock.functions.java_numbers import decimal_text, double_text
from penstock.language.expressions import (
    UNTYPED,
    ArrayOf,
    CastTo,
    Literal,
    MapOf,
    StructOf,
    Typed,
)
from penstock.language.resolve_types import TEMPORAL, base_name, decimal_literal_type, integer_literal_type
from penstock.types import (
    BIGINT,
    BOOLEAN,
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
    common_number,
    is_number,
)

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z")
BOOLEAN_WORDS = {
    **dict.fromkeys(("t", "tr", "tru", "true", "y", "ye", "yes", "on", "1"), True),
    **dict.fromkeys(("f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0"), False),
}


class Incompatible(Exception):
    """Values that have no common type. `position` is the value that does not fit."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class Unconvertible(Incompatible):
    """A literal that its types would allow and its text does not: 'x' among dates."""


def common_type(values: Sequence[Typed], shown: Sequence[str]) -> SqlType | None:
    """The one type of all values, None when all are NULL. `shown` is each value's text for the message."""
    found: SqlType | None = None
    for value, text in zip(values, shown, strict=True):
        if value.type != UNTYPED:
            found = value.type if found is None else join(found, value, text)
    return found


def join(target: SqlType, value: Typed, text: str) -> SqlType:
    """The type that holds the target type's values and this one."""
    joined = text_literal(target, value) or join_types(target, value.type, value)
    if joined is None:
        raise Incompatible(
            f"operator does not exist: {target} = {value.type} ({text})\n"
            "Hint: You might need to add explicit type casts."
        )
    return joined


def text_literal(target: SqlType, value: Typed) -> SqlType | None:
    """A text literal among numbers or booleans is one of them, or the whole list is wrong."""
    if not (isinstance(value, Literal) and value.type == STRING and value.value is not None):
        return None
    if target == BOOLEAN:
        if value.value.lower() not in BOOLEAN_WORDS:
            raise bad_input(target, value.value)
        return target
    if not is_number(target):
        return None
    found = number_in(value.value)
    if found is None:
        raise bad_input(target, value.value)
    return common_number([target, found])


def bad_input(target: SqlType, text: str) -> Incompatible:
    return Incompatible(f'invalid input syntax for type {base_name(target)}: "{text}".')


def number_in(text: str) -> SqlType | None:
    """The type of the number a text holds."""
    trimmed = text.strip()
    if not NUMBER.match(trimmed):
        return None
    if "e" in trimmed.lower():
        return DOUBLE
    value = Number(trimmed)
    _, digits, exponent = value.as_tuple()
    if exponent == 0 and "." not in trimmed:
        whole = int(value)
        return integer_literal_type(whole) if -(2**63) <= whole < 2**63 else Decimal(len(digits), 0)
    return decimal_literal_type(len(digits), -int(exponent))


def join_types(target: SqlType, given: SqlType, value: Typed | None = None) -> SqlType | None:
    """`value`, when known, lets literals become text and constructors adapt inside."""
    if target == given:
        return target
    if is_number(target) and is_number(given):
        return common_number([target, given])
    if STRING in (target, given):
        return join_text(target, given, value)
    match target, given:
        case Array(item), Array(given_item):
            items = value.items if isinstance(value, ArrayOf) else ()
            joined = join_inside(item, given_item, items)
            return None if joined is None else Array(joined)
        case Map(key, kind), Map(given_key, given_kind):
            keys = tuple(entry[0] for entry in value.entries) if isinstance(value, MapOf) else ()
            kinds = tuple(entry[1] for entry in value.entries) if isinstance(value, MapOf) else ()
            joined_key = join_inside(key, given_key, keys)
            joined_kind = join_inside(kind, given_kind, kinds)
            return None if joined_key is None or joined_kind is None else Map(joined_key, joined_kind)
        case Struct(), Struct():
            return join_structs(target, given, value)
    return None


def join_text(target: SqlType, given: SqlType, value: Typed | None) -> SqlType | None:
    other = given if target == STRING else target
    if other in TEMPORAL:
        return other
    literal = isinstance(value, Literal) and value.value is not None
    return STRING if target == STRING and literal and (is_number(other) or other == BOOLEAN) else None


def join_inside(target: SqlType, given: SqlType, items: Sequence[Typed]) -> SqlType | None:
    """The item type of a container; the items of a constructor are looked at one by one."""
    if not items:
        return join_types(target, given)
    found: SqlType | None = target
    for item in items:
        null = item.type == UNTYPED or (isinstance(item, Literal) and item.value is None)
        if not null and found is not None:
            found = text_literal(found, item) or join_types(found, item.type, item)
    return found


def join_structs(target: Struct, given: Struct, value: Typed | None) -> Struct | None:
    """All fields of both, the target's first."""
    values = value.values if isinstance(value, StructOf) else ()
    joined = dict(target.fields)
    for position, (name, kind) in enumerate(given.fields):
        items = values[position : position + 1]
        both = join_inside(joined[name], kind, items) if name in joined else kind
        if both is None:
            return None
        joined[name] = both
    return Struct(tuple(joined.items()))


# --- conversion --------------------------------------------------------------------------------------


def convert(value: Typed, target: SqlType) -> Typed:
    """The value as the target type: literals at once, constructors inside, the rest by CAST."""
    if value.type == target:
        return value
    if isinstance(value, Literal):
        return convert_literal(value, target)
    match value, target:
        case ArrayOf(), Array(item):
            return ArrayOf(target, tuple(convert(each, item) for each in value.items))
        case MapOf(), Map(key, kind):
            entries = tuple((convert(k, key), convert(v, kind)) for k, v in value.entries)
            return MapOf(target, entries)
        case StructOf(), Struct(fields):
            assert isinstance(value.type, Struct)
            given = {name: each for (name, _), each in zip(value.type.fields, value.values, strict=True)}
            return StructOf(
                target,
                tuple(
                    convert(given[name], kind) if name in given else Literal(kind, None)
                    for name, kind in fields
                ),
            )
    return CastTo(target, value)


def convert_literal(literal: Literal, target: SqlType) -> Typed:
    if literal.value is None:
        return Literal(target, None)
    reader = LITERALS.get((literal.type if literal.type == STRING else None, base_name(target)))
    if literal.type == STRING and reader is not None:
        try:
            return Literal(target, reader(literal.value, target))
        except ValueError:
            # No such date or time: an error of every row, not of the statement.
            return CastTo(target, literal)
    if target == STRING:
        return Literal(target, literal_text(literal))
    return CastTo(target, literal)


def _scaled(text: str, target: SqlType) -> Number:
    assert isinstance(target, Decimal)
    return Number(text.strip()).quantize(Number((0, (1,), -target.scale)), decimal.ROUND_HALF_UP)


Reader = Callable[[str, SqlType], object]
LITERALS: dict[tuple[SqlType | None, str], Reader] = {
    (STRING, base_name(BOOLEAN)): lambda text, _: BOOLEAN_WORDS[text.lower()],
    (STRING, base_name(INTEGER)): lambda text, _: int(text.strip()),
    (STRING, base_name(BIGINT)): lambda text, _: int(text.strip()),
    (STRING, base_name(DOUBLE)): lambda text, _: float(text.strip()),
    (STRING, "DECIMAL"): _scaled,
    (STRING, base_name(TIME)): lambda text, _: time_from_text(text),
    (STRING, base_name(DATE)): lambda text, _: date_from_text(text),
    (STRING, base_name(TIMESTAMP)): lambda text, _: timestamp_from_text(text),
}


def literal_text(literal: Literal) -> str:
    """The text of a literal that stands among texts: true, 10, 10.30."""
    value = literal.value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return double_text(value)
    return decimal_text(value) if isinstance(value, Number) else str(value)


def coerce(values: Sequence[Typed], shown: Sequence[str]) -> tuple[SqlType | None, tuple[Typed, ...]]:
    """The common type and every value as it; bare NULLs become NULLs of that type."""
    found = common_type(values, shown)
    if found is None:
        return None, tuple(values)
    converted = tuple(
        replace(each, type=found) if each.type == UNTYPED else convert(each, found) for each in values
    )
    for before, after in zip(values, converted, strict=True):
        if isinstance(before, Literal) and isinstance(after, CastTo) and not _widens(before.type, found):
            raise Unconvertible(f"{before.value!r} is no {found}")
    return found, converted


def _widens(given: SqlType, target: SqlType) -> bool:
    return is_number(given) and is_number(target)
