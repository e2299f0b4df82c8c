"""SQL types, columns and schemas: the values every room speaks of.

In:  nothing; this file stands at the bottom.
Out: frozen types with ksqlDB's spelling, schemas, and the Python class of a row.

A value of a SQL type is held in Python as:

    BOOLEAN bool          DECIMAL   decimal.Decimal (scale kept)   TIME      int, ms of the day
    INTEGER int           STRING    str                            DATE      int, days since 1970-01-01
    BIGINT  int           BYTES     bytes                          TIMESTAMP int, ms since 1970-01-01 UTC
    DOUBLE  float         ARRAY     list      MAP  dict            STRUCT    an instance of row_class(fields)
    NULL of any type is None.

Source of the rules: ksqlDB's documentation of data types.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class SqlType:
    """A SQL type. `str()` gives ksqlDB's spelling with quoted field names: STRUCT<`A` INTEGER>."""

    def __str__(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Primitive(SqlType):
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Decimal(SqlType):
    precision: int
    scale: int

    def __post_init__(self) -> None:
        if self.precision < 1:
            raise ValueError(f"DECIMAL precision must be >= 1: DECIMAL({self.precision},{self.scale})")
        if self.scale < 0:
            raise ValueError(f"DECIMAL scale must be >= 0: DECIMAL({self.precision},{self.scale})")
        if self.scale > self.precision:
            raise ValueError(f"DECIMAL precision must be >= scale: DECIMAL({self.precision},{self.scale})")

    def __str__(self) -> str:
        return f"DECIMAL({self.precision}, {self.scale})"


@dataclass(frozen=True, slots=True)
class Array(SqlType):
    item: SqlType

    def __str__(self) -> str:
        return f"ARRAY<{self.item}>"


@dataclass(frozen=True, slots=True)
class Map(SqlType):
    key: SqlType
    value: SqlType

    def __str__(self) -> str:
        return f"MAP<{self.key}, {self.value}>"


@dataclass(frozen=True, slots=True)
class Struct(SqlType):
    fields: tuple[tuple[str, SqlType], ...]

    def __str__(self) -> str:
        inner = ", ".join(f"{quote(name)} {kind}" for name, kind in self.fields)
        return f"STRUCT<{inner}>" if inner else "STRUCT< >"

    def field(self, name: str) -> tuple[int, SqlType] | None:
        """Position and type of a field, or None."""
        for position, (known, kind) in enumerate(self.fields):
            if known == name:
                return position, kind
        return None


BOOLEAN = Primitive("BOOLEAN")
INTEGER = Primitive("INTEGER")
BIGINT = Primitive("BIGINT")
DOUBLE = Primitive("DOUBLE")
STRING = Primitive("STRING")
BYTES = Primitive("BYTES")
TIME = Primitive("TIME")
DATE = Primitive("DATE")
TIMESTAMP = Primitive("TIMESTAMP")

PRIMITIVES: dict[str, Primitive] = {
    kind.name: kind for kind in (BOOLEAN, INTEGER, BIGINT, DOUBLE, STRING, BYTES, TIME, DATE, TIMESTAMP)
}
ALIASES: dict[str, Primitive] = {"INT": INTEGER, "VARCHAR": STRING}

NUMBERS: tuple[Primitive, ...] = (INTEGER, BIGINT, DOUBLE)
INT_MIN, INT_MAX = -(2**31), 2**31 - 1
BIGINT_MIN, BIGINT_MAX = -(2**63), 2**63 - 1


def is_number(kind: SqlType | None) -> bool:
    return kind in NUMBERS or isinstance(kind, Decimal)


def quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


PLAIN_NAME = re.compile(r"[A-Z_][A-Z0-9_@]*\Z")


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: SqlType

    def __str__(self) -> str:
        return f"{quote(self.name)} {self.type}"


@dataclass(frozen=True, slots=True)
class Schema:
    """Key columns and value columns, each in their own order.

    `str()` gives ksqlDB's logical schema: `ID` BIGINT KEY, `V` STRING.
    """

    key: tuple[Column, ...]
    value: tuple[Column, ...]

    def __str__(self) -> str:
        return ", ".join([f"{column} KEY" for column in self.key] + [str(column) for column in self.value])

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.key + self.value

    def find(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


@lru_cache(maxsize=4096)
def python_type(kind: SqlType) -> Any:
    """The annotation msgspec reads and writes for a type; every value may be None inside a container."""
    match kind:
        case Decimal():
            return decimal.Decimal
        case Array(item):
            return list[python_type(item) | None]  # type: ignore[misc]
        case Map(key, value):
            return dict[python_type(key), python_type(value) | None]  # type: ignore[misc]
        case Struct(fields):
            return row_class(tuple(Column(name, field) for name, field in fields))
        case Primitive(name):
            return PYTHON_TYPES[name]
    raise AssertionError(kind)


PYTHON_TYPES: dict[str, Any] = {
    "BOOLEAN": bool,
    "INTEGER": int,
    "BIGINT": int,
    "DOUBLE": float,
    "STRING": str,
    "BYTES": bytes,
    "TIME": int,
    "DATE": int,
    "TIMESTAMP": int,
}


@lru_cache(maxsize=4096)
def row_class(columns: tuple[Column, ...]) -> type[msgspec.Struct]:
    """The class of a row or a STRUCT value: attributes c0, c1, ... in column order, all defaulting to None.

    Its JSON names are the column names as stored, so `msgspec.json.encode` writes what ksqlDB writes:
    every column in schema order, NULL as null. Equal columns give the identical class.
    """
    attributes: list[tuple[str, Any, Any]] = [
        (f"c{position}", python_type(column.type) | None, None) for position, column in enumerate(columns)
    ]
    names = {f"c{position}": column.name for position, column in enumerate(columns)}
    return msgspec.defstruct(
        "Row", attributes, rename=names, weakref=False, gc=False, namespace={"__hash__": hash_of_row}
    )


def hash_of_row(row: msgspec.Struct) -> int:
    """A STRUCT may be a key; who uses one as a key does not change it."""
    return hash(tuple(map(frozen, struct_values(row))))


def frozen(value: Any) -> Any:
    """An ARRAY as it may be a key: a tuple; every other value as it is."""
    return tuple(map(frozen, value)) if isinstance(value, list | tuple) else value


def struct_value(kind: Struct, values: Iterable[Any]) -> msgspec.Struct:
    """A STRUCT value from its field values in order."""
    return python_type(kind)(*values)


def struct_values(value: msgspec.Struct) -> list[Any]:
    """The field values of a STRUCT value or row, in order."""
    return [getattr(value, name) for name in value.__struct_fields__]


def common_number(kinds: Sequence[SqlType]) -> SqlType | None:
    """INTEGER < BIGINT < DECIMAL < DOUBLE: the narrowest that holds all; None when one is no number."""
    if not kinds or not all(is_number(kind) for kind in kinds):
        return None
    if DOUBLE in kinds:
        return DOUBLE
    decimals = [as_decimal(kind) for kind in kinds if isinstance(kind, Decimal)]
    if decimals:
        every = [as_decimal(kind) for kind in kinds]
        scale = max(kind.scale for kind in every)
        whole = max(kind.precision - kind.scale for kind in every)
        return Decimal(whole + scale, scale)
    return BIGINT if BIGINT in kinds else INTEGER


def as_decimal(kind: SqlType) -> Decimal:
    """INTEGER counts as DECIMAL(10,0), BIGINT as DECIMAL(19,0)."""
    if isinstance(kind, Decimal):
        return kind
    return Decimal(10, 0) if kind == INTEGER else Decimal(19, 0)
