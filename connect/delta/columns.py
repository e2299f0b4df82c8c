"""The columns of a lake table: from the words of `delta.columns`, from a Delta schema, or from first rows.

In:  "id INT, amount DECIMAL(10,2), tags ARRAY<STRING>", a table's schema as JSON, or decoded JSON objects.
Out: columns with ksqlDB types, and for each type the Arrow type that rests in the table.

    BOOLEAN boolean     INTEGER int32     BIGINT int64     DOUBLE float64     DECIMAL decimal128
    STRING  string      BYTES   binary    DATE   date32    TIMESTAMP microseconds UTC
    TIME    int32 (milliseconds of the day: Delta Lake has no type for it)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from penstock.errors import SettingError, did_you_mean
from penstock.types import (
    ALIASES,
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    PRIMITIVES,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Column,
    Decimal,
    Map,
    SqlType,
    Struct,
)

TOKENS = re.compile(r"\s*(?:([A-Za-z_][\w@$]*)|`((?:[^`]|``)*)`|\"((?:[^\"]|\"\")*)\"|(\d+)|([<>(),])|(\S))")

ARROW: Mapping[SqlType, pa.DataType] = {
    BOOLEAN: pa.bool_(),
    INTEGER: pa.int32(),
    BIGINT: pa.int64(),
    DOUBLE: pa.float64(),
    STRING: pa.string(),
    BYTES: pa.binary(),
    TIME: pa.int32(),
    DATE: pa.date32(),
    TIMESTAMP: pa.timestamp("us", tz="UTC"),
}
assert ARROW.keys() == set(PRIMITIVES.values())


def arrow_type(kind: SqlType) -> pa.DataType:
    match kind:
        case Decimal(precision, scale):
            return pa.decimal128(precision, scale)
        case Array(item):
            return pa.list_(arrow_type(item))
        case Map(key, value):
            return pa.map_(arrow_type(key), arrow_type(value))
        case Struct(fields):
            return pa.struct([pa.field(name, arrow_type(field)) for name, field in fields])
    return ARROW[kind]


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    return pa.schema([pa.field(column.name, arrow_type(column.type)) for column in columns])


class Words:
    """The tokens of a declaration, read from the left."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [match for match in TOKENS.finditer(text) if match.group().strip()]
        self._at = 0

    def refuse(self, wanted: str) -> SettingError:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        where = f"before '{token.group().strip()}'" if token else "at its end"
        return SettingError(f"delta.columns: expected {wanted} {where} in: {self._text}")

    def done(self) -> bool:
        return self._at >= len(self._tokens)

    def take(self, sign: str) -> bool:
        if not self.done() and self._tokens[self._at].group(5) == sign:
            self._at += 1
            return True
        return False

    def want(self, sign: str) -> None:
        if not self.take(sign):
            raise self.refuse(f"'{sign}'")

    def name(self, wanted: str) -> str:
        if self.done():
            raise self.refuse(wanted)
        plain, backticked, quoted, *_ = self._tokens[self._at].groups()
        name = plain or (backticked or "").replace("``", "`") or (quoted or "").replace('""', '"')
        if not name:
            raise self.refuse(wanted)
        self._at += 1
        return str(name)

    def number(self) -> int:
        if self.done() or not self._tokens[self._at].group(4):
            raise self.refuse("a number")
        self._at += 1
        return int(self._tokens[self._at - 1].group())

    def type(self) -> SqlType:
        name = self.name("a type").upper()
        if name in COMPOSED:
            return COMPOSED[name](self)
        kind = ALIASES.get(name) or PRIMITIVES.get(name)
        if kind is None:
            known = (*PRIMITIVES, *ALIASES, *COMPOSED)
            raise SettingError(f"delta.columns: {name} is not a type.{did_you_mean(name, known)}")
        return kind

    def columns(self) -> list[tuple[str, SqlType]]:
        found = [(self.name("a column name"), self.type())]
        while self.take(","):
            found.append((self.name("a column name"), self.type()))
        return found


def _decimal(words: Words) -> SqlType:
    words.want("(")
    precision = words.number()
    words.want(",")
    scale = words.number()
    words.want(")")
    if precision > 38:
        raise SettingError(f"delta.columns: DECIMAL({precision},{scale}) has more than 38 digits.")
    return Decimal(precision, scale)


def _array(words: Words) -> SqlType:
    words.want("<")
    item = words.type()
    words.want(">")
    return Array(item)


def _map(words: Words) -> SqlType:
    words.want("<")
    key = words.type()
    words.want(",")
    value = words.type()
    words.want(">")
    if key != STRING:
        raise SettingError("delta.columns: the keys of a MAP are STRING, as the names of a JSON object are.")
    return Map(key, value)


def _struct(words: Words) -> SqlType:
    words.want("<")
    fields = words.columns()
    words.want(">")
    return Struct(tuple(fields))


COMPOSED = {"DECIMAL": _decimal, "ARRAY": _array, "MAP": _map, "STRUCT": _struct}


def declared(text: str) -> tuple[Column, ...]:
    """The columns of `delta.columns`. Raises SettingError."""
    words = Words(text)
    try:
        columns = tuple(Column(name, kind) for name, kind in words.columns())
    except ValueError as error:
        raise SettingError(f"delta.columns: {error}") from error
    if not words.done():
        raise words.refuse("',' or the end")
    return distinct(columns)


def distinct(columns: Iterable[Column]) -> tuple[Column, ...]:
    """The columns, refused when two names differ by case at most: Delta Lake knows no case."""
    seen: dict[str, str] = {}
    kept = tuple(columns)
    for column in kept:
        other = seen.setdefault(column.name.lower(), column.name)
        if other is not column.name:
            raise SettingError(f"The columns {other} and {column.name} can't stand in one table.")
    return kept


DELTA_TYPES: Mapping[str, SqlType] = {
    "boolean": BOOLEAN,
    "integer": INTEGER,
    "short": INTEGER,
    "byte": INTEGER,
    "long": BIGINT,
    "double": DOUBLE,
    "string": STRING,
    "binary": BYTES,
    "date": DATE,
    "timestamp": TIMESTAMP,
}


def from_delta(fields: Sequence[Mapping[str, Any]]) -> tuple[Column, ...]:
    """The columns of an existing table, from the `fields` of its schema."""
    return tuple(Column(field["name"], _from_delta(field["name"], field["type"])) for field in fields)


def _from_delta(name: str, kind: Any) -> SqlType:
    if isinstance(kind, str):
        sized = re.fullmatch(r"decimal\((\d+),\s*(\d+)\)", kind)
        if sized:
            return Decimal(int(sized[1]), int(sized[2]))
        if kind in DELTA_TYPES:
            return DELTA_TYPES[kind]
        raise SettingError(f"Column {name} of the table has the type {kind}, which this sink can't write.")
    match kind["type"]:
        case "array":
            return Array(_from_delta(name, kind["elementType"]))
        case "map":
            return Map(_from_delta(name, kind["keyType"]), _from_delta(name, kind["valueType"]))
    fields = tuple((field["name"], _from_delta(name, field["type"])) for field in kind["fields"])
    return Struct(fields)


DECLARE = "Declare the columns of the table with the setting delta.columns."


def inferred(rows: Iterable[Mapping[str, Any]]) -> tuple[Column, ...]:
    """The columns that hold these JSON objects without changing a value; names become lower case.

    Raises SettingError where the rows don't decide: a field that is always null, or of two kinds.
    """
    found: dict[str, SqlType | None] = {}
    for row in rows:
        for name, value in row.items():
            found[name] = _joined(name, found.get(name), value)
    undecided = [name for name, kind in found.items() if kind is None]
    if undecided:
        raise SettingError(f"The first rows don't show a type for {', '.join(undecided)}. {DECLARE}")
    return distinct(Column(name.lower(), kind) for name, kind in found.items() if kind is not None)


def _joined(name: str, known: SqlType | None, value: Any) -> SqlType | None:
    if value is None or value == []:
        return known
    kind = _kind_of(name, value)
    if known is None or known == kind:
        return kind
    if {known, kind} == {BIGINT, DOUBLE}:
        return DOUBLE
    raise SettingError(f"Field {name} is {known} in one of the first rows and {kind} in another. {DECLARE}")


def _kind_of(name: str, value: Any) -> SqlType | None:
    if isinstance(value, list):
        item: SqlType | None = None
        for inner in value:
            item = _joined(name, item, inner)
        return Array(item) if item is not None else None
    if isinstance(value, dict):
        fields = [(inner, _joined(f"{name}.{inner}", None, each)) for inner, each in value.items()]
        if not fields or any(kind is None for _, kind in fields):
            raise SettingError(f"The first rows don't show the type of the object {name}. {DECLARE}")
        return Struct(tuple((inner, kind) for inner, kind in fields if kind is not None))
    for python, kind in PYTHON_KINDS:
        if isinstance(value, python):
            return kind
    raise SettingError(f"Field {name} holds {value!r}, for which there is no type. {DECLARE}")


# bool stands first: a bool is an int in Python. A fraction is decoded as decimal.Decimal.
PYTHON_KINDS: tuple[tuple[type | tuple[type, ...], SqlType], ...] = (
    (bool, BOOLEAN),
    (int, BIGINT),
    (str, STRING),
    (bytes, BYTES),
    (object, DOUBLE),
)
