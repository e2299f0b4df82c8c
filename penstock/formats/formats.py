"""The table of formats: what each can hold, and the codecs of a source.

In:  a format by name with its properties (language.catalog.Format), columns, a window; for the formats with
     schemas the subject they are kept under.
Out: a ValueCodec and a KeyCodec; or StatementError in ksqlDB's words when the format can't hold the columns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from penstock import types
from penstock.errors import StatementError
from penstock.formats.adapters import (
    KeysOfCells,
    KeysOfRows,
    NoColumns,
    NoKeys,
    RowsOfCells,
    RowsOfScalars,
    WindowedKeys,
)
from penstock.formats.codec import KeyCodec, ValueCodec
from penstock.formats.delimited import DelimitedCells
from penstock.formats.json_codec import JsonRows, JsonScalars
from penstock.formats.kafka import SERDES as KAFKA_TYPES
from penstock.formats.kafka import KafkaScalars
from penstock.formats.registry import MemoryRegistry, Subject
from penstock.formats.schema_formats import DIALECTS, check_schema, framed_keys, framed_values

Columns = Sequence[types.Column]

NAMED_DELIMITERS = {"TAB": "\t", "SPACE": " "}
DELIMITER_EXAMPLE = "\nExample valid value: ';'"


class NamedFormat(Protocol):
    """What is asked of a format: language.catalog.Format has it."""

    @property
    def name(self) -> str: ...

    @property
    def properties(self) -> tuple[tuple[str, str], ...]: ...


class NamedWindow(Protocol):
    """What is asked of a window: language.catalog.SourceWindow has it."""

    @property
    def kind(self) -> str: ...

    @property
    def size_ms(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Capability:
    """What a format can do. `wrap`, `unwrap`: a single column as an object, as a bare value.

    `wrapped_value`: how a single value column stands unless the statement says otherwise.
    """

    name: str
    wrap: bool
    unwrap: bool
    wrapped_value: bool
    properties: frozenset[str]
    check: Callable[[Columns, bool], None]
    needs_registry: bool = False


def value_codec(
    format: NamedFormat,
    columns: Columns,
    *,
    unwrapped: bool = False,
    doubles_to_check: Collection[int] | None = None,
    subject: Subject | None = None,
) -> ValueCodec:
    """The codec of rows. `doubles_to_check`: columns that may hold NaN or infinity; None: all of them."""
    capability = check_format(format, columns, is_key=False)
    if not columns:
        return NoColumns()
    if capability.name in DIALECTS:
        return framed_values(capability.name, format.properties, columns, unwrapped, subject)
    return VALUE_CODECS[capability.name](format, columns, unwrapped, doubles_to_check)


def key_codec(
    format: NamedFormat,
    columns: Columns,
    window: NamedWindow | None = None,
    subject: Subject | None = None,
) -> KeyCodec:
    """The codec of keys: bare for one column, tuples for several; (key, start, end) for a windowed source."""
    capability = check_format(format, columns, is_key=True)
    inner: KeyCodec
    if not columns:
        inner = NoKeys()
    elif capability.name in DIALECTS:
        inner = framed_keys(capability.name, format.properties, columns, subject)
    else:
        inner = KEY_CODECS[capability.name](format, columns)
    return WindowedKeys(inner, window.size_ms) if window is not None else inner


def order_codec(format: NamedFormat, columns: Columns, window: NamedWindow | None = None) -> KeyCodec:
    """Keys as the bytes they have in a topic, for who sorts by them: any schema id sorts alike."""
    found = check_format(format, columns, is_key=True)
    if not found.needs_registry:
        return key_codec(format, columns, window)
    inner = framed_keys(found.name, (), columns, Subject(MemoryRegistry(), "order"))
    return WindowedKeys(inner, window.size_ms) if window is not None else inner


def capability(name: str) -> Capability:
    """Raises StatementError for a name that is no format."""
    found = CAPABILITIES.get(name.upper())
    if found is None:
        raise StatementError(f"Unknown format: {name.upper()}")
    return found


def check_format(format: NamedFormat, columns: Columns, is_key: bool) -> Capability:
    """Refuses columns and properties that the format can't take, in ksqlDB's words."""
    found = capability(format.name)
    check_properties(format)
    try:
        found.check(columns, is_key)
    except ValueError as problem:
        raise StatementError(
            f"{'Key' if is_key else 'Value'} format does not support schema.\n"
            f"format: {found.name}\n"
            f"schema: Persistence{{columns=[{columns_text(columns, is_key)}], features=[]}}\n"
            f"reason: {problem}"
        ) from None
    return found


def check_properties(format: NamedFormat) -> None:
    known = capability(format.name).properties
    unknown = [name for name, _ in format.properties if name.lower() not in known]
    if unknown:
        raise StatementError(
            f"{format.name.upper()} does not support the following configs: [{', '.join(unknown)}]"
        )
    for name, value in format.properties:
        if name.lower() == "delimiter":
            parse_delimiter(value)


def parse_delimiter(text: str) -> str:
    """One character, or the words TAB and SPACE."""
    if not text.strip(" "):
        raise StatementError(
            "Delimiter cannot be empty, if you meant to have a tab or space for delimiter, please use the "
            f"special values 'TAB' or 'SPACE'{DELIMITER_EXAMPLE}"
        )
    if text.upper() in NAMED_DELIMITERS:
        return NAMED_DELIMITERS[text.upper()]
    if len(text) != 1:
        raise StatementError(
            f"Invalid delimiter value: '{text}'. Delimiter must be a single character or TAB,SPACE"
            f"{DELIMITER_EXAMPLE}"
        )
    return text


def columns_text(columns: Columns, is_key: bool) -> str:
    return ", ".join(f"{column} KEY" if is_key else str(column) for column in columns)


def _check_kafka(columns: Columns, is_key: bool) -> None:
    if len(columns) > 1:
        raise ValueError(
            f"The 'KAFKA' format only supports a single field. Got: [{columns_text(columns, is_key)}]"
        )
    for column in columns:
        if column.type not in KAFKA_TYPES:
            raise ValueError(f"The 'KAFKA' format does not support type '{base_name(column.type)}'")


def _check_delimited(columns: Columns, is_key: bool) -> None:
    for column in columns:
        if isinstance(column.type, types.Array | types.Map | types.Struct):
            raise ValueError(
                f"The 'DELIMITED' format does not support type '{base_name(column.type)}', "
                f"column: {types.quote(column.name)}"
            )


def _check_json(columns: Columns, is_key: bool) -> None:
    _check_map_keys(columns, "JSON only supports MAP types with STRING keys")


def _check_avro(columns: Columns, is_key: bool) -> None:
    _check_map_keys(columns, "Avro only supports MAPs with STRING keys")
    check_schema("AVRO", columns)


def _check_protobuf(columns: Columns, is_key: bool) -> None:
    _check_map_keys(columns, "PROTOBUF format only supports MAP types with STRING keys")


def _check_map_keys(columns: Columns, message: str) -> None:
    for column in columns:
        _check_maps_in(column.type, message)


def _check_maps_in(kind: types.SqlType, message: str) -> None:
    match kind:
        case types.Map(key, value):
            if key != types.STRING:
                raise ValueError(message)
            _check_maps_in(value, message)
        case types.Array(item):
            _check_maps_in(item, message)
        case types.Struct(fields):
            for _, field in fields:
                _check_maps_in(field, message)


def _check_none(columns: Columns, is_key: bool) -> None:
    if columns:
        raise ValueError(
            "The 'NONE' format can only be used when no columns are defined. "
            f"Got: [{columns_text(columns, is_key)}]"
        )


def base_name(kind: types.SqlType) -> str:
    """DECIMAL, ARRAY, MAP, STRUCT, or the name of a primitive."""
    return kind.name if isinstance(kind, types.Primitive) else type(kind).__name__.upper()


REGISTRY_PROPERTIES = frozenset({"schema_id", "schema_full_name"})
NULLABLE = frozenset({"nullable_representation"})
PROTOBUF_PROPERTIES = REGISTRY_PROPERTIES | NULLABLE

CAPABILITIES: dict[str, Capability] = {
    found.name: found
    for found in (
        Capability("KAFKA", False, True, False, frozenset(), _check_kafka),
        Capability("DELIMITED", False, True, False, frozenset({"delimiter"}), _check_delimited),
        Capability("JSON", True, True, True, frozenset(), _check_json),
        Capability("NONE", False, False, False, frozenset(), _check_none),
        Capability("JSON_SR", True, True, True, REGISTRY_PROPERTIES, _check_json, True),
        Capability("AVRO", True, True, True, REGISTRY_PROPERTIES, _check_avro, True),
        Capability("PROTOBUF", True, False, True, PROTOBUF_PROPERTIES, _check_protobuf, True),
        Capability("PROTOBUF_NOSR", True, True, True, NULLABLE, _check_protobuf),
    )
}


def _delimiter(format: NamedFormat) -> str:
    return parse_delimiter(dict(format.properties).get("delimiter", ","))


def _kafka_values(
    format: NamedFormat, columns: Columns, unwrapped: bool, doubles: Collection[int] | None
) -> ValueCodec:
    return RowsOfScalars(KafkaScalars(columns[0].type), columns[0], null_text=None)


def _delimited_values(
    format: NamedFormat, columns: Columns, unwrapped: bool, doubles: Collection[int] | None
) -> ValueCodec:
    return RowsOfCells(DelimitedCells(columns, _delimiter(format)), columns)


def _json_values(
    format: NamedFormat, columns: Columns, unwrapped: bool, doubles: Collection[int] | None
) -> ValueCodec:
    if unwrapped:
        return RowsOfScalars(JsonScalars(columns[0].type), columns[0], null_text=b"null")
    return JsonRows(columns, doubles)


def _kafka_keys(format: NamedFormat, columns: Columns) -> KeyCodec:
    return KafkaScalars(columns[0].type)


def _delimited_keys(format: NamedFormat, columns: Columns) -> KeyCodec:
    return KeysOfCells(DelimitedCells(columns, _delimiter(format)), single=len(columns) == 1)


def _json_keys(format: NamedFormat, columns: Columns) -> KeyCodec:
    if len(columns) == 1:
        return JsonScalars(columns[0].type)
    return KeysOfRows(JsonRows(columns), columns)


VALUE_CODECS: dict[str, Callable[[NamedFormat, Columns, bool, Collection[int] | None], ValueCodec]] = {
    "KAFKA": _kafka_values,
    "DELIMITED": _delimited_values,
    "JSON": _json_values,
}
KEY_CODECS: dict[str, Callable[[NamedFormat, Columns], KeyCodec]] = {
    "KAFKA": _kafka_keys,
    "DELIMITED": _delimited_keys,
    "JSON": _json_keys,
}
assert VALUE_CODECS.keys() == KEY_CODECS.keys() == CAPABILITIES.keys() - DIALECTS.keys() - {"NONE"}
