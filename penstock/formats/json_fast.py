"""JSON read fast: typed by msgspec in the shape the records were seen to have, else by the exact reader.

In:  payloads of a chunk and the SQL type of what each holds. Out: values, and the failures by position.

    payloads --strict decoder of the last shape--> values --repair columns--> values
                 | refused: other known shapes         | not certain (-0.0, "1.5" for a DECIMAL)
                 v                                     v
             exact reader (learns a new shape) <-------+

The fast way may accept only what the exact reader would read to the same value. msgspec's strict mode is
narrower than Jackson's reader everywhere but in three places, which are repaired or sent to the exact
reader: the sign and underflow of a zero DOUBLE, the fit of a DECIMAL, and the class of a nested STRUCT.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from penstock import types
from penstock.errors import RecordError
from penstock.formats import java_numbers, json_shapes
from penstock.formats.codec import Decoded
from penstock.formats.json_exact import ExactReader, parse

Repair = Callable[[Any], Any]

SHAPES_MAX = 8
LESSONS_MAX = 64
# A zero with a sign, and not the "-0" of a date. The literal in front makes the search fast.
SIGNED_ZERO = re.compile(rb"-(?<![0-9]-)0")
NOT_THIS_SHAPE = (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError)


class Doubt(Exception):
    """The fast way can't be sure of this value."""


class JsonReader:
    """Reads payloads of one type; learns the shape of the records as it goes."""

    def __init__(self, kind: types.SqlType) -> None:
        self._kind = kind
        self._exact = ExactReader(kind)
        self._shapes: list[tuple[json_shapes.Shape, Callable[[bytes], Any]]] = []
        self._decode: Callable[[bytes], Any] = refuse
        self._lessons_left = LESSONS_MAX if json_shapes.learnable(kind) else 0
        self._repairs = _column_repairs(kind)
        self._zeros = _double_columns(kind)
        self._is_row = isinstance(kind, types.Struct)
        self._repair = None if self._is_row else repair_of(kind)

    def decode(self, payloads: Sequence[bytes | None]) -> Decoded:
        """Null payloads give None."""
        values: list[Any] = []
        failures: dict[int, str] = {}
        exact: set[int] = set()
        left: Iterator[Any] = iter(payloads)
        while len(values) < len(payloads):
            try:
                # extend() keeps what came before a failure, and the iterator stands behind the bad one.
                values.extend(map(self._decode, left))
            except NOT_THIS_SHAPE:
                values.append(self._read_odd(payloads[len(values)], len(values), failures, exact))
            except TypeError:
                if payloads[len(values)] is not None:
                    raise
                values.append(None)
        self._settle(payloads, values, failures, exact)
        return Decoded(values, failures)

    def _read_odd(
        self, payload: bytes | None, position: int, failures: dict[int, str], exact: set[int]
    ) -> Any:
        if payload is None:
            return None
        for _, decode in self._shapes:
            try:
                value = decode(payload)
            except NOT_THIS_SHAPE:
                continue
            self._decode = decode
            return value
        exact.add(position)
        return self._read_exactly(payload, position, failures)

    def _read_exactly(self, payload: bytes, position: int, failures: dict[int, str]) -> Any:
        try:
            tree = parse(payload)
            value = self._exact.convert(tree)
        except RecordError as problem:
            failures[position] = problem.message
            return None
        if self._lessons_left:
            self._learn(payload, tree)
        return value

    def _learn(self, payload: bytes, tree: Any) -> None:
        """Widen a known shape by this record, or add a shape; only if that makes the record readable."""
        for index, (known, _) in enumerate([*self._shapes, (json_shapes.EMPTY, refuse)]):
            try:
                shape = json_shapes.observe(self._kind, known, tree)
                if shape == known and index < len(self._shapes):
                    return
                self._lessons_left -= 1
                decode = json_shapes.decoder(self._kind, shape).decode
            except json_shapes.Unlearnable:
                continue
            if index < SHAPES_MAX and _reads(decode, payload):
                self._shapes[index : index + 1] = [(shape, decode)]
                self._decode = decode
            return

    def _settle(
        self, payloads: Sequence[bytes | None], values: list[Any], failures: dict[int, str], exact: set[int]
    ) -> None:
        """Repair the columns that need it; what stays in doubt is read again exactly."""
        doubted: set[int] = set()
        if self._is_row:
            for attribute in self._zeros:
                doubted.update(_doubtful_zeros(attribute, values, payloads))
            for attribute, repair in self._repairs:
                doubted.update(_repair_column(attribute, repair, values, exact))
        elif self._repair is not None:
            doubted.update(_repair_values(self._repair, values, exact))
        for position in doubted - exact:
            payload = payloads[position]
            assert payload is not None
            values[position] = self._read_exactly(payload, position, failures)


def refuse(payload: bytes) -> Any:
    """The decoder of a reader that has learned no shape yet."""
    raise ValueError


def _reads(decode: Callable[[bytes], Any], payload: bytes) -> bool:
    try:
        decode(payload)
    except NOT_THIS_SHAPE:
        return False
    return True


def _doubtful_zeros(attribute: str, values: Sequence[Any], payloads: Sequence[bytes | None]) -> Iterator[int]:
    """Rows with a zero DOUBLE and a text that may be -0.0 or too small for a double."""
    try:
        column = list(map(attrgetter(attribute), values))
    except AttributeError:  # Some rows are null.
        column = [None if row is None else getattr(row, attribute) for row in values]
    position = -1
    for _ in range(column.count(0.0)):
        position = column.index(0.0, position + 1)
        payload = payloads[position]
        if payload is not None and _may_not_be_zero(payload):
            yield position


def _may_not_be_zero(payload: bytes) -> bool:
    """Jackson reads -0.0 as 0.0, -1e-400 as -0.0, and refuses an enormous exponent; msgspec does neither."""
    return b"e-" in payload or b"E-" in payload or SIGNED_ZERO.search(payload) is not None


def _repair_column(attribute: str, repair: Repair, values: Sequence[Any], exact: set[int]) -> Iterator[int]:
    for position, row in enumerate(values):
        value = None if row is None else getattr(row, attribute)
        if value is not None and position not in exact:
            try:
                setattr(row, attribute, repair(value))
            except Doubt:
                yield position


def _repair_values(repair: Repair, values: list[Any], exact: set[int]) -> Iterator[int]:
    for position, value in enumerate(values):
        if value is not None and position not in exact:
            try:
                values[position] = repair(value)
            except Doubt:
                yield position


def _double_columns(kind: types.SqlType) -> list[str]:
    fields = kind.fields if isinstance(kind, types.Struct) else ()
    return [f"c{position}" for position, (_, field) in enumerate(fields) if field == types.DOUBLE]


def _column_repairs(kind: types.SqlType) -> list[tuple[str, Repair]]:
    """DOUBLE columns of a row have a cheaper check of their own."""
    fields = kind.fields if isinstance(kind, types.Struct) else ()
    found = [(f"c{position}", repair_of(field)) for position, (_, field) in enumerate(fields)]
    doubles = set(_double_columns(kind))
    return [(name, repair) for name, repair in found if repair is not None and name not in doubles]


def repair_of(kind: types.SqlType) -> Repair | None:
    """What turns a value as msgspec reads it into the value as we hold it; None when they are the same."""
    match kind:
        case types.Decimal():
            return _decimal_repair(kind)
        case types.Array(item):
            return _array_repair(repair_of(item))
        case types.Map(_, value):
            return _map_repair(repair_of(value))
        case types.Struct():
            return _struct_repair(kind)
    return _nonzero if kind == types.DOUBLE else None


def _nonzero(value: float) -> float:
    if value == 0.0:
        raise Doubt
    return value


def _decimal_repair(kind: types.Decimal) -> Repair:
    quantum = decimal.Decimal((0, (1,), -kind.scale))
    whole_digits = kind.precision - kind.scale

    def repair(value: Any) -> decimal.Decimal:
        if type(value) is decimal.Decimal:
            if value and value.same_quantum(quantum) and value.adjusted() < whole_digits:
                return value
        elif type(value) is not int:
            raise Doubt
        try:
            return java_numbers.fit(decimal.Decimal(value), kind)
        except ValueError:
            raise Doubt from None

    return repair


def _array_repair(item: Repair | None) -> Repair | None:
    if item is None:
        return None
    repair = item

    def repair_all(values: list[Any]) -> list[Any]:
        return [None if value is None else repair(value) for value in values]

    return repair_all


def _map_repair(inner: Repair | None) -> Repair | None:
    if inner is None:
        return None
    repair = inner

    def repair_all(values: dict[str, Any]) -> dict[str, Any]:
        return {name: None if value is None else repair(value) for name, value in values.items()}

    return repair_all


def _struct_repair(kind: types.Struct) -> Repair:
    """A STRUCT comes in the class of its shape and goes on in the class of its type."""
    make = types.python_type(kind)
    repairs = [(f"c{position}", repair_of(field)) for position, (_, field) in enumerate(kind.fields)]

    def repair_struct(value: msgspec.Struct) -> Any:
        members = [(getattr(value, attribute), repair) for attribute, repair in repairs]
        return make(*[one if repair is None or one is None else repair(one) for one, repair in members])

    return repair_struct
