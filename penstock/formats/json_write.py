"""JSON written as ksqlDB writes it: every column in schema order, NULL as null.

In:  values of one SQL type (rows are a STRUCT of their columns). Out: payloads.

msgspec writes a row as it stands, with two exceptions that are looked for and rewritten first: a DOUBLE that
is not finite becomes the text "NaN", "Infinity" or "-Infinity" (msgspec would write null), and a DECIMAL
with more than six digits after the point is kept in plain notation (msgspec would write 1E-7).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from penstock import types
from penstock.formats import java_numbers

Plain = Callable[[Any], Any]

PLAIN_SCALE_MAX = 6
UNWRITABLE = (ValueError, OverflowError, TypeError, RecursionError, msgspec.MsgspecError)


class JsonWriter:
    """Writes values of one type; None is written by the caller's rules, as null bytes."""

    def __init__(self, kind: types.SqlType, doubles_to_check: Collection[int] | None = None) -> None:
        self._encode = msgspec.json.Encoder(decimal_format="number").encode
        self._class = types.python_type(kind) if isinstance(kind, types.Struct) else None
        self._columns = _plain_columns(kind, doubles_to_check)
        self._plain = None if self._class else plain_of(kind)

    def encode(self, values: Sequence[Any]) -> tuple[list[bytes | None], Mapping[int, str]]:
        kinds = set(map(type, values))
        ready = self._rows(values, kinds) if self._class else self._scalars(values)
        try:
            if type(None) not in kinds:
                return list(map(self._encode, ready)), {}
        except UNWRITABLE:
            pass  # Which row it was is found one by one.
        return self._each(ready)

    def _each(self, values: Sequence[Any]) -> tuple[list[bytes | None], Mapping[int, str]]:
        payloads: list[bytes | None] = [None] * len(values)
        failures: dict[int, str] = {}
        for position, value in enumerate(values):
            if value is not None:
                try:
                    payloads[position] = self._one(value)
                except UNWRITABLE as problem:
                    failures[position] = f"The row can't be written as JSON: {problem}"
        return payloads, failures

    def _one(self, value: Any) -> bytes:
        try:
            return self._encode(value)
        except TypeError:
            return self._encode(with_text_keys(value))

    def _scalars(self, values: Sequence[Any]) -> Sequence[Any]:
        plain = self._plain
        if plain is None:
            return values
        return [None if value is None else plain(value) for value in values]

    def _rows(self, rows: Sequence[Any], kinds: set[type]) -> Sequence[Any]:
        """The rows in their own class (a source's rows come in another) with the odd values rewritten."""
        if not kinds <= {self._class, type(None)}:
            rows = [self._own(row) for row in rows]
        for attribute, plain, may_differ in self._columns:
            if may_differ(column_of(attribute, rows, type(None) in kinds)):
                rows = [_rewritten(row, attribute, plain) for row in rows]
        return rows

    def _own(self, row: Any) -> Any:
        if row is None or type(row) is self._class:
            return row
        assert self._class is not None
        return self._class(*[getattr(row, attribute) for attribute in self._class.__struct_fields__])


def with_text_keys(value: Any) -> Any:
    """A copy in which the NULL key of a map is the text null, as Jackson writes it."""
    if isinstance(value, dict):
        return {
            "null" if key is None else key: None if each is None else with_text_keys(each)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [with_text_keys(each) for each in value]
    if isinstance(value, msgspec.Struct):
        names = value.__struct_fields__
        return msgspec.structs.replace(
            value, **{name: with_text_keys(getattr(value, name)) for name in names}
        )
    return value


def column_of(attribute: str, rows: Sequence[Any], with_nulls: bool) -> Iterator[Any]:
    """One attribute of every row; null rows are left out."""
    get = attrgetter(attribute)
    return map(get, [row for row in rows if row is not None] if with_nulls else rows)


def _rewritten(row: Any, attribute: str, plain: Plain) -> Any:
    """A copy where the value differs when written plainly; the row itself belongs to others."""
    value = getattr(row, attribute, None)
    if value is None or (written := plain(value)) is value:
        return row
    return msgspec.structs.replace(row, **{attribute: written})


def _plain_columns(
    kind: types.SqlType, doubles_to_check: Collection[int] | None
) -> list[tuple[str, Plain, Callable[[Iterator[Any]], bool]]]:
    fields = kind.fields if isinstance(kind, types.Struct) else ()
    found: list[tuple[str, Plain, Callable[[Iterator[Any]], bool]]] = []
    for position, (_, field) in enumerate(fields):
        trusted = doubles_to_check is not None and position not in doubles_to_check
        plain = plain_of(field, doubles=not trusted)
        if plain is not None:
            found.append((f"c{position}", plain, _not_all_finite if field == types.DOUBLE else _always))
    return found


def _not_all_finite(column: Iterator[Any]) -> bool:
    """One sum tells: it is finite only if every value is. (An overflowing sum costs time, not truth.)"""
    return not math.isfinite(sum(filter(None, column)))


def _always(column: Iterator[Any]) -> bool:
    return True


def plain_of(kind: types.SqlType, doubles: bool = True) -> Plain | None:
    """What rewrites a value (never None) so that msgspec writes it as ksqlDB does; None when it already does.

    A value that needs no rewriting comes back as the identical object.
    """
    match kind:
        case types.Decimal(_, scale):
            return _plain_decimal if scale > PLAIN_SCALE_MAX else None
        case types.Array(item):
            return _plain_array(plain_of(item, doubles))
        case types.Map(_, value):
            return _plain_map(plain_of(value, doubles))
        case types.Struct():
            return _plain_struct(kind, doubles)
    return _plain_double if kind == types.DOUBLE and doubles else None


def _plain_double(value: float) -> Any:
    return value if math.isfinite(value) else java_numbers.double_text(value)


def _plain_decimal(value: Any) -> msgspec.Raw:
    return msgspec.Raw(format(value, "f").encode("ascii"))


def _plain_array(item: Plain | None) -> Plain | None:
    if item is None:
        return None
    plain = item
    return lambda values: [None if value is None else plain(value) for value in values]


def _plain_map(inner: Plain | None) -> Plain | None:
    if inner is None:
        return None
    plain = inner
    return lambda values: {name: None if value is None else plain(value) for name, value in values.items()}


def _plain_struct(kind: types.Struct, doubles: bool) -> Plain | None:
    found = [(f"c{position}", plain_of(field, doubles)) for position, (_, field) in enumerate(kind.fields)]
    plains = [(attribute, plain) for attribute, plain in found if plain is not None]
    if not plains:
        return None

    def rewrite(value: Any) -> Any:
        for attribute, plain in plains:
            value = _rewritten(value, attribute, plain)
        return value

    return rewrite
