"""Converters: the bytes of a key or a value to plain Python values, under Connect's class names.

In:  bytes or None. Out: a value (dict, list, str, int, Decimal, float, bool, bytes, None).
Raises RecordError when the bytes are not what the converter reads.

A sink may look at the converter instead of calling it: `plain_json` says that the bytes are JSON as it
stands, which delta/cast.py reads in columns without a Python object for each row.
"""

from __future__ import annotations

import base64
import binascii
import decimal
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.errors import RecordError, SettingError, did_you_mean

PACKAGES = ("org.apache.kafka.connect.json.", "org.apache.kafka.connect.storage.")
CONVERTERS_PACKAGE = "org.apache.kafka.connect.converters."


@dataclass(frozen=True, slots=True)
class Converter:
    name: str
    read: Callable[[bytes | None], Any]
    plain_json: bool = False


def unique_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"the field {twice} stands twice in one object")
    return fields


# A fraction is kept as Decimal: only the column it goes to knows whether it may become a double.
DECODER = json.JSONDecoder(parse_float=decimal.Decimal, object_pairs_hook=unique_fields)


def read_json(data: bytes | None) -> Any:
    if data is None:
        return None
    try:
        return DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RecordError(f"The value is not JSON: {error}") from error


ENVELOPE = (
    'JsonConverter with schemas.enable requires "schema" and "payload" fields and may not contain additional '
    "fields. If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter "
    "configuration."
)


def read_json_with_schema(data: bytes | None) -> Any:
    envelope = read_json(data)
    if envelope is None:
        return None
    if not isinstance(envelope, dict) or envelope.keys() != {"schema", "payload"}:
        raise RecordError(ENVELOPE)
    return _with_schema(envelope["schema"], envelope["payload"])


def _with_schema(schema: Any, value: Any) -> Any:
    """The payload with bytes and decimals, which JSON carries as base64, made what the schema says."""
    if value is None or not isinstance(schema, dict):
        return value
    match schema.get("type"):
        case "struct":
            kinds = {entry.get("field"): entry for entry in schema.get("fields", ())}
            return {name: _with_schema(kinds.get(name), inner) for name, inner in value.items()}
        case "array":
            return [_with_schema(schema.get("items"), inner) for inner in value]
        case "map" if isinstance(value, dict):
            return {name: _with_schema(schema.get("values"), inner) for name, inner in value.items()}
        case "bytes":
            return _bytes(schema, value)
    return value


def _bytes(schema: Mapping[str, Any], value: Any) -> Any:
    if schema.get("name") == "org.apache.kafka.connect.data.Decimal" and not isinstance(value, str):
        return value  # decimal.format=NUMERIC
    try:
        raw = base64.b64decode(value, validate=True)
    except (TypeError, binascii.Error) as error:
        raise RecordError(f"A bytes field is not base64 text: {error}") from error
    if schema.get("name") != "org.apache.kafka.connect.data.Decimal":
        return raw
    scale = int(schema.get("parameters", {}).get("scale", 0))
    return decimal.Decimal(int.from_bytes(raw, "big", signed=True)).scaleb(-scale)


def read_string(data: bytes | None) -> str | None:
    try:
        return None if data is None else data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RecordError(f"The text is not UTF-8: {error}") from error


def read_bytes(data: bytes | None) -> bytes | None:
    return data


def _packed(layout: str, words: str) -> Callable[[bytes | None], Any]:
    packer = struct.Struct(layout)

    def read(data: bytes | None) -> Any:
        if data is None:
            return None
        if len(data) != packer.size:
            raise RecordError(f"{words} has {packer.size} bytes, this has {len(data)}.")
        return packer.unpack(data)[0]

    return read


SIMPLE: dict[str, Callable[[bytes | None], Any]] = {
    "org.apache.kafka.connect.storage.StringConverter": read_string,
    "org.apache.kafka.connect.converters.ByteArrayConverter": read_bytes,
    "org.apache.kafka.connect.converters.BooleanConverter": _packed(">?", "A boolean"),
    "org.apache.kafka.connect.converters.ShortConverter": _packed(">h", "A short"),
    "org.apache.kafka.connect.converters.IntegerConverter": _packed(">i", "An integer"),
    "org.apache.kafka.connect.converters.LongConverter": _packed(">q", "A long"),
    "org.apache.kafka.connect.converters.FloatConverter": _packed(">f", "A float"),
    "org.apache.kafka.connect.converters.DoubleConverter": _packed(">d", "A double"),
}
JSON = "org.apache.kafka.connect.json.JsonConverter"
CLASSES = (JSON, *SIMPLE)


def class_named(name: str) -> str:
    """The full class name; the simple name and the name without `Converter` do as well."""
    for full in CLASSES:
        simple = full.rpartition(".")[2]
        if name in (full, simple, simple.removesuffix("Converter")):
            return full
    raise SettingError(f"Class {name} could not be found.{did_you_mean(name, CLASSES)}")


def converter(config: Mapping[str, str], prefix: str, worker_default: tuple[str, bool]) -> Converter:
    """The converter a connector asks for under `key.converter` or `value.converter`.

    As in Connect, the options beside it count only where the connector names its own class; otherwise the
    worker's (class, schemas.enable) is used whole.
    """
    name, schemas = worker_default
    if prefix in config:
        name = config[prefix].strip()
        schemas = config.get(f"{prefix}.schemas.enable", "true").strip().lower() != "false"
    full = class_named(name)
    if full != JSON:
        return Converter(full, SIMPLE[full])
    return Converter(full, read_json_with_schema if schemas else read_json, plain_json=not schemas)
