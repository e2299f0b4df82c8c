"""The JSON of a case and the bytes of a topic: written as another client would, read as it would.

In:  a record of a case and the source that describes its topic. Out: key and value bytes; and back.

    JSON        the JSON text           DELIMITED   the line of cells as text
    KAFKA       Kafka's own serialiser of the column's type            NONE   always null
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from penstock.formats.formats import key_codec
from penstock.formats.kafka import KafkaScalars
from penstock.language.catalog import Source
from penstock.language.scope import payload_columns
from penstock.types import BIGINT, BYTES, DOUBLE, INTEGER, STRING, Column, SqlType

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


def key_bytes(source: Source, key: Any, window: tuple[int, int] | None) -> bytes | None:
    columns = source.schema.key
    if key is None or not columns:
        return None
    inner = PAYLOADS[source.key_format.name][0](key, columns)
    if source.window is None or window is None:
        return inner
    plain = key_codec(source.key_format, columns)
    typed = plain.decode([inner]).values[0]
    return key_codec(source.key_format, columns, source.window).encode([(typed, *window)])[0][0]


def value_bytes(source: Source, value: Any) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    return PAYLOADS[source.value_format.name][0](value, payload_columns(source))


def key_json(source: Source, payload: bytes | None) -> tuple[Any, tuple[int, int] | None]:
    """The key as a case states it, and its window."""
    columns = source.schema.key
    if payload is None:
        return None, None
    window = None
    if source.window is not None:
        typed, start, end = key_codec(source.key_format, columns, source.window).decode([payload]).values[0]
        payload = key_codec(source.key_format, columns).encode([typed])[0][0]
        window = (start, end)
    if payload is None:
        return None, window
    return PAYLOADS[source.key_format.name][1](payload, columns), window


def value_json(source: Source, payload: bytes | None) -> Any:
    if payload is None:
        return None
    return PAYLOADS[source.value_format.name][1](payload, payload_columns(source))
