"""Protobuf schemas as Connect's converter makes them of SQL types, and the SQL types that messages stand for.

In:  SQL types, .proto texts. Out: the schema ksqlDB registers; messages with descriptors; their SQL types.

    STRUCT<A INT, M MAP<STRING, BIGINT>>     message ConnectDefault1 {
                                               int32 A = 1;
                                               repeated MEntry M = 2;
                                               message MEntry { string key = 1; int64 value = 2; }
                                             }
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import (
    any_pb2,
    descriptor_pool,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)

from penstock import types
from penstock.errors import RecordError, StatementError
from penstock.formats.framed import Properties
from penstock.formats.proto_text import ProtoText, parse_proto

Descriptor = Any
"""Of a message or a field; the library gives its own classes no types."""

DEFAULT_NAME = "ConnectDefault1"
OPTIONAL, WRAPPER = "OPTIONAL", "WRAPPER"
NAME = re.compile(r"[A-Za-z_]\w*\Z")
DECIMAL_DEFAULT = (64, 0)

KNOWN_FILES: dict[str, bytes] = {
    module.DESCRIPTOR.name: module.DESCRIPTOR.serialized_pb
    for module in (
        any_pb2,
        duration_pb2,
        empty_pb2,
        field_mask_pb2,
        struct_pb2,
        timestamp_pb2,
        wrappers_pb2,
    )
}
for _name, _text in {
    "google/type/date.proto": "package google.type; message Date {int32 year = 1; int32 month = 2; "
    "int32 day = 3;}",
    "google/type/timeofday.proto": "package google.type; message TimeOfDay {int32 hours = 1; "
    "int32 minutes = 2; int32 seconds = 3; int32 nanos = 4;}",
    "confluent/type/decimal.proto": "package confluent.type; message Decimal {bytes value = 1; "
    "uint32 precision = 2; int32 scale = 3;}",
}.items():
    _file = parse_proto(f'syntax = "proto3"; {_text}', _name).file
    KNOWN_FILES[_name] = _file.SerializeToString()

MESSAGES: dict[str, types.SqlType] = {
    "google.protobuf.Timestamp": types.TIMESTAMP,
    "google.type.Date": types.DATE,
    "google.type.TimeOfDay": types.TIME,
}
WRAPPED: dict[str, types.SqlType] = {
    "google.protobuf.BoolValue": types.BOOLEAN,
    "google.protobuf.Int32Value": types.INTEGER,
    "google.protobuf.UInt32Value": types.BIGINT,
    "google.protobuf.Int64Value": types.BIGINT,
    "google.protobuf.UInt64Value": types.BIGINT,
    "google.protobuf.FloatValue": types.DOUBLE,
    "google.protobuf.DoubleValue": types.DOUBLE,
    "google.protobuf.StringValue": types.STRING,
    "google.protobuf.BytesValue": types.BYTES,
}
DECIMAL = "confluent.type.Decimal"


# --- SQL types as text -------------------------------------------------------------------------------

SCALARS: dict[types.SqlType, tuple[str, str]] = {
    types.BOOLEAN: ("bool", "BoolValue"),
    types.INTEGER: ("int32", "Int32Value"),
    types.BIGINT: ("int64", "Int64Value"),
    types.DOUBLE: ("double", "DoubleValue"),
    types.STRING: ("string", "StringValue"),
    types.BYTES: ("bytes", "BytesValue"),
}
IMPORTED: dict[types.SqlType, tuple[str, str]] = {
    types.DATE: ("google.type.Date", "google/type/date.proto"),
    types.TIME: ("google.type.TimeOfDay", "google/type/timeofday.proto"),
    types.TIMESTAMP: ("google.protobuf.Timestamp", "google/protobuf/timestamp.proto"),
}


def schema_text(kind: types.SqlType, properties: Properties) -> str:
    if not isinstance(kind, types.Struct):
        raise StatementError("PROTOBUF format does not support unwrapped values.")
    writer = _Writer(properties.get("nullable_representation", "").upper())
    package, _, name = properties.get("schema_full_name", DEFAULT_NAME).rpartition(".")
    body = writer.message(name, kind, "")
    lines = ['syntax = "proto3";']
    lines += [f"package {package};"] if package else []
    if writer.imports:
        lines += ["", *(f'import "{each}";' for each in sorted(writer.imports))]
    return "\n".join([*lines, "", *body, ""])


class _Writer:
    def __init__(self, nullable: str) -> None:
        self._nullable = nullable
        self._messages = 1
        self.imports: set[str] = set()

    def message(self, name: str, kind: types.Struct, indent: str) -> list[str]:
        inner = indent + "  "
        fields: list[str] = []
        nested: list[str] = []
        for number, (field, field_kind) in enumerate(kind.fields, 1):
            if not NAME.match(field):
                raise StatementError(f"Schema is not compatible with Protobuf: Illegal name: {field}")
            declared, options = self._field(field, field_kind, nested, inner)
            fields.append(f"{inner}{declared} {field} = {number}{options};")
        gap = [""] if nested else []
        return [f"{indent}message {name} {{", *fields, *gap, *nested, f"{indent}}}"]

    def _field(self, name: str, kind: types.SqlType, nested: list[str], indent: str) -> tuple[str, str]:
        match kind:
            case types.Array(types.Array() | types.Map()):
                raise StatementError(f"PROTOBUF can't hold an ARRAY of {kind.item}, column: `{name}`")
            case types.Array(item):
                declared, options = self._single(item, nested, indent)
                return f"repeated {declared}", options
            case types.Map(key, value):
                entry = entry_name(name)
                nested += self.message(entry, types.Struct((("key", key), ("value", value))), indent)
                return f"repeated {entry}", ""
        declared, options = self._single(kind, nested, indent)
        if self._nullable == OPTIONAL and kind in SCALARS:
            return f"optional {declared}", options
        return declared, options

    def _single(self, kind: types.SqlType, nested: list[str], indent: str) -> tuple[str, str]:
        match kind:
            case types.Struct():
                self._messages += 1
                name = f"ConnectDefault{self._messages}"
                nested += self.message(name, kind, indent)
                return name, ""
            case types.Decimal(precision, scale):
                self.imports |= {"confluent/meta.proto", "confluent/type/decimal.proto"}
                parameters = (
                    f'{{ value: "{precision}", key: "precision" }}, {{ value: "{scale}", key: "scale" }}'
                )
                return DECIMAL, f" [(confluent.field_meta) = {{ params: [{parameters}] }}]"
        if kind in IMPORTED:
            name, file = IMPORTED[kind]
            self.imports.add(file)
            return name, ""
        plain, wrapper = SCALARS[kind]
        if self._nullable != WRAPPER:
            return plain, ""
        self.imports.add("google/protobuf/wrappers.proto")
        return f"google.protobuf.{wrapper}", ""


def entry_name(field: str) -> str:
    """MSTR -> MSTREntry, my_map -> MyMapEntry"""
    if "_" in field:
        field = "".join(word[:1].upper() + word[1:].lower() for word in field.split("_"))
    return f"{field}Entry"


# --- texts as messages -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ParsedProtobuf:
    """`messages`: the file's outermost messages in order."""

    messages: tuple[Descriptor, ...]
    decimals: Mapping[str, tuple[int, int]]

    def named(self, full_name: str | None) -> tuple[list[int], Descriptor]:
        """A message with its path of indexes; without a name the first. Raises StatementError."""
        if full_name is None:
            return [0], self.messages[0]
        found = _find(self.messages, full_name, [])
        if found is None:
            known = ", ".join(message.full_name for message in self.messages)
            raise StatementError(f"Schema for {full_name} is not in the Protobuf schema. It has: {known}")
        return found

    def at(self, indexes: list[int]) -> Descriptor:
        """The message at a path of indexes; raises RecordError."""
        try:
            message = self.messages[indexes[0]]
            for index in indexes[1:]:
                message = message.nested_types[index]
        except IndexError:
            raise RecordError(f"The Protobuf schema has no message at {indexes}.") from None
        return message


def _find(messages: Any, full_name: str, outer: list[int]) -> tuple[list[int], Descriptor] | None:
    for index, message in enumerate(messages):
        if full_name in (message.full_name, message.name):
            return [*outer, index], message
        found = _find(message.nested_types, full_name, [*outer, index])
        if found is not None:
            return found
    return None


def load(text: str, imports: Mapping[str, str]) -> ParsedProtobuf:
    """Raises RecordError for a text that is no schema."""
    main = parse_proto(text, "schema.proto")
    if not main.file.message_type:
        raise RecordError("The Protobuf schema has no message.")
    texts = {name: parse_proto(each, name) for name, each in imports.items()}
    pool = descriptor_pool.DescriptorPool()
    try:
        _add(pool, main, texts, set())
        file = pool.FindFileByName("schema.proto")
    except (TypeError, KeyError) as problem:
        raise RecordError(f"The Protobuf schema can't be built: {problem}") from problem
    decimals = {name: each for part in (main, *texts.values()) for name, each in part.decimals.items()}
    messages = tuple(file.message_types_by_name[each.name] for each in main.file.message_type)
    return ParsedProtobuf(messages, decimals)


def _add(pool: Any, part: ProtoText, texts: Mapping[str, ProtoText], added: set[str]) -> None:
    """The file after all that it imports. Files nobody has say nothing about bytes: they hold options."""
    known: list[str] = []
    for name in part.file.dependency:
        if name in texts:
            if name not in added:
                added.add(name)
                _add(pool, texts[name], texts, added)
            known.append(name)
        elif name in KNOWN_FILES:
            pool.AddSerializedFile(KNOWN_FILES[name])
            known.append(name)
    del part.file.dependency[:]
    part.file.dependency.extend(known)
    pool.AddSerializedFile(part.file.SerializeToString())


# --- what a message stands for -----------------------------------------------------------------------

NUMBERS: dict[str, types.SqlType] = {
    "BOOL": types.BOOLEAN,
    "INT32": types.INTEGER,
    "SINT32": types.INTEGER,
    "SFIXED32": types.INTEGER,
    "UINT32": types.BIGINT,
    "FIXED32": types.BIGINT,
    "INT64": types.BIGINT,
    "SINT64": types.BIGINT,
    "SFIXED64": types.BIGINT,
    "UINT64": types.BIGINT,
    "FIXED64": types.BIGINT,
    "FLOAT": types.DOUBLE,
    "DOUBLE": types.DOUBLE,
    "STRING": types.STRING,
    "BYTES": types.BYTES,
    "ENUM": types.STRING,
}


def message_type(
    message: Descriptor, decimals: Mapping[str, tuple[int, int]], outer: tuple[str, ...] = ()
) -> types.Struct | None:
    """None for a message within itself."""
    if message.full_name in outer:
        return None
    inner = (*outer, message.full_name)
    fields = [(field.name, field_type(field, decimals, inner)) for field in message.fields]
    return types.Struct(tuple((name, kind) for name, kind in fields if kind is not None))


def field_type(
    field: Descriptor, decimals: Mapping[str, tuple[int, int]], outer: tuple[str, ...] = ()
) -> types.SqlType | None:
    entry = map_entry(field)
    if entry is not None:
        key = field_type(entry.fields_by_name["key"], decimals, outer)
        value = field_type(entry.fields_by_name["value"], decimals, outer)
        return None if key is None or value is None else types.Map(key, value)
    single = single_type(field, decimals, outer)
    return single if single is None or not field.is_repeated else types.Array(single)


def single_type(
    field: Descriptor, decimals: Mapping[str, tuple[int, int]], outer: tuple[str, ...] = ()
) -> types.SqlType | None:
    """Of one element of a field."""
    if field.message_type is None:
        return NUMBERS[TYPE_NAMES[field.type]]
    name = field.message_type.full_name
    if name == DECIMAL:
        return types.Decimal(*decimals.get(field.full_name, DECIMAL_DEFAULT))
    return MESSAGES.get(name) or WRAPPED.get(name) or message_type(field.message_type, decimals, outer)


def map_entry(field: Descriptor) -> Descriptor | None:
    """The entry message of a map, or of what Connect writes for one."""
    entry = field.message_type
    if not field.is_repeated or entry is None or {each.name for each in entry.fields} != {"key", "value"}:
        return None
    named = entry.name == entry_name(field.name)
    return entry if named or entry.GetOptions().map_entry else None


TYPE_NAMES: dict[int, str] = {
    1: "DOUBLE",
    2: "FLOAT",
    3: "INT64",
    4: "UINT64",
    5: "INT32",
    6: "FIXED64",
    7: "FIXED32",
    8: "BOOL",
    9: "STRING",
    12: "BYTES",
    13: "UINT32",
    14: "ENUM",
    15: "SFIXED32",
    16: "SFIXED64",
    17: "SINT32",
    18: "SINT64",
}
assert set(TYPE_NAMES.values()) == NUMBERS.keys()
