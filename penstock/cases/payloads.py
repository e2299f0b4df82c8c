"""The JSON of a case and the bytes of a topic: written as another client would, read as it would.

In:  a record of a case, the source that describes its topic, the case's registry.
Out: key and value bytes; and back.

    JSON        the JSON text           DELIMITED   the line of cells as text
    KAFKA       Kafka's own serialiser of the column's type            NONE   always null
    AVRO, JSON_SR, PROTOBUF   by the schema of the topic's subject; read by the schema the payload names
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from penstock.cases.model import Mismatch
from penstock.cases.schemas import CaseSchemas
from penstock.executor.inference import upper
from penstock.formats.codec import KeyCodec
from penstock.formats.formats import key_codec
from penstock.formats.framed import HEADER, MAGIC, schema_id_of
from penstock.formats.json_codec import JsonScalars, row_kind
from penstock.formats.json_write import JsonWriter
from penstock.formats.kafka import KafkaScalars
from penstock.formats.registry import JSON
from penstock.formats.schema_formats import DIALECTS, typed_values
from penstock.language.catalog import Format, Source
from penstock.language.scope import payload_columns
from penstock.types import BIGINT, BYTES, DOUBLE, INTEGER, STRING, Column, SqlType, Struct

encode_json = msgspec.json.Encoder(decimal_format="number").encode


def _json_bytes(value: Any, columns: Sequence[Column]) -> bytes:
    return encode_json(value)


def _json_value(payload: bytes, columns: Sequence[Column]) -> Any:
    return json.loads(payload, parse_float=Decimal)


def _text_bytes(value: Any, columns: Sequence[Column]) -> bytes:
    return str(value).encode()


def _text_value(payload: bytes, columns: Sequence[Column]) -> Any:
    return payload.decode()


FROM_JSON: dict[SqlType, Callable[[Any], Any]] = {
    INTEGER: int,
    BIGINT: int,
    DOUBLE: float,
    STRING: lambda value: value if isinstance(value, str) else str(value),
    BYTES: base64.b64decode,
}


def _kafka_bytes(value: Any, columns: Sequence[Column]) -> bytes | None:
    kind = columns[0].type
    if isinstance(value, dict):
        # A single column may also stand under its name.
        value = next(iter(value.values()), None)
    return None if value is None else KafkaScalars(kind).encode([FROM_JSON[kind](value)])[0][0]


def _kafka_value(payload: bytes, columns: Sequence[Column]) -> Any:
    value = KafkaScalars(columns[0].type).decode([payload]).values[0]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _nothing(_: Any, columns: Sequence[Column]) -> None:
    return None


PAYLOADS: dict[str, tuple[Callable[..., bytes | None], Callable[..., Any]]] = {
    "JSON": (_json_bytes, _json_value),
    "DELIMITED": (_text_bytes, _text_value),
    "KAFKA": (_kafka_bytes, _kafka_value),
    "NONE": (_nothing, _nothing),
}


def key_bytes(source: Source, key: Any, window: tuple[int, int] | None, schemas: CaseSchemas) -> bytes | None:
    if key is None or not source.schema.key:
        return None
    inner = _to_bytes(source, True, key, schemas)
    if source.window is None or window is None:
        return inner
    plain, windowed = _key_codecs(source, schemas)
    typed = plain.decode([inner]).values[0]
    return windowed.encode([(typed, *window)])[0][0]


def value_bytes(source: Source, value: Any, schemas: CaseSchemas) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    return _to_bytes(source, False, value, schemas)


def key_json(
    source: Source, payload: bytes | None, schemas: CaseSchemas
) -> tuple[Any, tuple[int, int] | None]:
    """The key as a case states it, and its window."""
    if payload is None:
        return None, None
    window = None
    if source.window is not None:
        plain, windowed = _key_codecs(source, schemas)
        typed, start, end = windowed.decode([payload]).values[0]
        payload = plain.encode([typed])[0][0]
        window = (start, end)
    if payload is None:
        return None, window
    return _from_bytes(source, True, payload, schemas), window


def value_json(source: Source, payload: bytes | None, schemas: CaseSchemas) -> Any:
    return None if payload is None else _from_bytes(source, False, payload, schemas)


def _key_codecs(source: Source, schemas: CaseSchemas) -> tuple[KeyCodec, KeyCodec]:
    """Without the window, and with it."""
    subject = schemas.subject(source.topic, is_key=True)
    columns, format = source.schema.key, source.key_format
    return key_codec(format, columns, subject=subject), key_codec(format, columns, source.window, subject)


def _side(source: Source, is_key: bool) -> tuple[Format, Sequence[Column]]:
    if is_key:
        return source.key_format, source.schema.key
    return source.value_format, payload_columns(source)


def _to_bytes(source: Source, is_key: bool, value: Any, schemas: CaseSchemas) -> bytes | None:
    format, columns = _side(source, is_key)
    if format.name not in DIALECTS:
        return PAYLOADS[format.name][0](value, columns)
    properties = dict(format.properties)
    if format.name == "PROTOBUF_NOSR":
        kind: SqlType = row_kind(columns)
        codec = typed_values(format.name, kind, properties, None)
        value = value if isinstance(value, dict) else {columns[0].name: value}
    else:
        schema = schemas.to_write(source.topic, is_key, properties)
        if schema.kind == JSON:
            return HEADER.pack(MAGIC, schema.id) + encode_json(value)
        codec, kind = schemas.codec(schema, "", properties)
    # By upper-cased names, so that a case may state them in either; rows are told by place anyway.
    typed = JsonScalars(upper(kind)).decode([encode_json(value)])
    payloads, failures = codec.encode(typed.values)
    if typed.failures or failures:
        raise Mismatch(f"The case's record can't be written: {typed.failures or failures}: {value}")
    written: bytes | None = payloads[0]
    return written


def _from_bytes(source: Source, is_key: bool, payload: bytes, schemas: CaseSchemas) -> Any:
    format, columns = _side(source, is_key)
    if format.name not in DIALECTS:
        return PAYLOADS[format.name][1](payload, columns)
    properties = dict(format.properties)
    if format.name == "PROTOBUF_NOSR":
        kind: SqlType = row_kind(columns)
        codec = typed_values(format.name, kind, properties, None)
    else:
        schema = schemas.registry.by_id(schema_id_of(payload))
        if schema.kind == JSON:
            return _json_value(payload[HEADER.size :], columns)
        codec, kind = schemas.codec(schema, "", properties)
    decoded = codec.decode([payload])
    if decoded.failures:
        raise Mismatch(f"The payload can't be read: {decoded.failures[0]}")
    found = _json_value(JsonWriter(kind).encode(decoded.values)[0][0] or b"null", columns)
    if is_key and format.name == "PROTOBUF_NOSR" and len(columns) == 1:
        return found[columns[0].name]
    return _without_unset(found, kind) if format.name.startswith("PROTOBUF") else found


def _without_unset(found: Any, kind: SqlType) -> Any:
    """Bytes that are not set are stated as null."""
    if not isinstance(kind, Struct):
        return found
    unset = {name for name, field in kind.fields if field == BYTES and found[name] == ""}
    return {name: None if name in unset else value for name, value in found.items()}
