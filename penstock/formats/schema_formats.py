"""The formats whose payloads follow a schema: which dialect each speaks, and its codecs of values and keys.

In:  a format's name and properties, columns, the subject its schemas are kept under. Out: codecs.

    JSON_SR, AVRO, PROTOBUF   behind a schema id, with a registry
    PROTOBUF_NOSR             bare; the schema is made of the columns
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

from penstock import types
from penstock.errors import NoSchemaRegistry, StatementError
from penstock.formats.adapters import KeysOfRows, RowsOfScalars
from penstock.formats.avro_schema import check_names
from penstock.formats.codec import KeyCodec, ValueCodec
from penstock.formats.framed import Dialect, FramedValues, Properties
from penstock.formats.json_codec import row_kind
from penstock.formats.json_schema import FramedJson
from penstock.formats.registry import Subject

# By name, for the libraries of Avro and Protobuf take longer to load than a server takes to start.
DIALECTS: dict[str, tuple[str, str]] = {
    "JSON_SR": ("penstock.formats.json_schema", "JsonSchemas"),
    "AVRO": ("penstock.formats.avro", "AvroSchemas"),
    "PROTOBUF": ("penstock.formats.protobuf", "ProtobufSchemas"),
    "PROTOBUF_NOSR": ("penstock.formats.protobuf", "ProtobufSchemas"),
}
ALWAYS_WRAPPED = frozenset(("PROTOBUF", "PROTOBUF_NOSR"))


@cache
def dialect_of(name: str) -> Dialect:
    """The schema language of a format."""
    module, kind = DIALECTS[name]
    return getattr(import_module(module), kind)()


def framed_values(
    name: str,
    properties: Sequence[tuple[str, str]],
    columns: Sequence[types.Column],
    unwrapped: bool,
    subject: Subject | None,
) -> ValueCodec:
    if unwrapped and name not in ALWAYS_WRAPPED:
        scalars = _typed(name, columns[0].type, dict(properties), subject)
        return RowsOfScalars(scalars, columns[0], null_text=None)
    return _typed(name, row_kind(columns), {**dict(properties), "wrapped": "true"}, subject)


def framed_keys(
    name: str,
    properties: Sequence[tuple[str, str]],
    columns: Sequence[types.Column],
    subject: Subject | None,
) -> KeyCodec:
    """A key of one column stands bare, except in Protobuf, where there is nothing but messages."""
    if len(columns) == 1 and name not in ALWAYS_WRAPPED:
        return _typed(name, columns[0].type, dict(properties), subject)
    rows = _typed(name, row_kind(columns), {**dict(properties), "wrapped": "true"}, subject)
    return KeysOfRows(rows, columns)


def typed_values(name: str, kind: types.SqlType, properties: Properties, subject: Subject | None) -> Any:
    """The codec of values of one type: a whole payload, whatever stands in it."""
    return _typed(name, kind, properties, subject)


def _typed(name: str, kind: types.SqlType, properties: Properties, subject: Subject | None) -> Any:
    if name == "PROTOBUF_NOSR":
        from penstock.formats.protobuf import BareProtobuf

        return BareProtobuf(kind, properties)
    if subject is None:
        raise NoSchemaRegistry(
            f"The {name} format needs a schema registry. Configure 'ksql.schema.registry.url'."
        )
    if name == "JSON_SR":
        return FramedJson(kind, properties, subject)
    return FramedValues(dialect_of(name), kind, properties, subject)


def check_schema(name: str, columns: Sequence[types.Column]) -> None:
    """Refuses columns that the format's schema language can't name."""
    if name == "AVRO":
        check_names(row_kind(columns))


def schema_of_columns(
    name: str, properties: Sequence[tuple[str, str]], columns: Sequence[types.Column], wrapped: bool
) -> tuple[str, str]:
    """The registry's word and the text of the schema that a side of a source is registered with."""
    dialect = dialect_of(name)
    if wrapped or name in ALWAYS_WRAPPED:
        return dialect.kind, dialect.schema_text(row_kind(columns), {**dict(properties), "wrapped": "true"})
    if len(columns) != 1:
        raise StatementError(f"Only a single column can stand unwrapped, not {len(columns)}.")
    return dialect.kind, dialect.schema_text(columns[0].type, dict(properties))
