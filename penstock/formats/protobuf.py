"""PROTOBUF and PROTOBUF_NOSR: messages of any writer's schema become typed values, and values messages.

In:  parsed schemas and SQL types. Out: bytes -> value, value -> bytes, by Google's library.

    PROTOBUF        0 | id | message indexes | message       indexes: count and path in zigzag; [0] is one 0
    PROTOBUF_NOSR   message                                  of the schema that the columns give

A field without presence reads as its default, so NULL is written as that default and comes back as it: 0, '',
false, an empty list. Optional fields and wrappers keep NULL.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf import message_factory
from google.protobuf.message import DecodeError, EncodeError

from penstock import types
from penstock.errors import RecordError, StatementError
from penstock.formats.codec import Decoded
from penstock.formats.coerce import Incompatible, member, same, scalar, scaled, unscaled
from penstock.formats.framed import Properties, Read, Write
from penstock.formats.protobuf_schema import (
    DECIMAL,
    NUMBERS,
    TYPE_NAMES,
    WRAPPED,
    Descriptor,
    ParsedProtobuf,
    field_type,
    load,
    map_entry,
    message_type,
    schema_text,
    single_type,
)
from penstock.formats.registry import PROTOBUF, RegisteredSchema

Convert = Callable[[Any], Any]
EPOCH = datetime.date(1970, 1, 1).toordinal()
UNWRITABLE = (EncodeError, ValueError, TypeError, OverflowError)
FIRST_MESSAGE = b"\x00"
INDEXES_MAX = 100


class ProtobufSchemas:
    kind = PROTOBUF

    def schema_text(self, kind: types.SqlType, properties: Properties) -> str:
        return schema_text(kind, properties)

    def parse(self, schema: RegisteredSchema, imports: Mapping[str, str]) -> ParsedProtobuf:
        return load(schema.text, imports)

    def infer(self, parsed: ParsedProtobuf, properties: Properties) -> types.SqlType | None:
        name = properties.get("schema_full_name")
        if name is None and len(parsed.messages) > 1:
            known = ", ".join(message.full_name for message in parsed.messages)
            raise StatementError(
                f"Schema has multiple schema definitions: {known}. Please specify a schema full name."
            )
        return message_type(parsed.named(name)[1], parsed.decimals)

    def reader(self, parsed: ParsedProtobuf, kind: types.SqlType) -> Read:
        readers: dict[bytes, Read] = {}

        def read(data: bytes) -> Any:
            if data[:1] == FIRST_MESSAGE:
                size, indexes = 1, [0]
            else:
                size, indexes = _indexes(data)
            reader = readers.get(data[:size])
            if reader is None:
                reader = readers[data[:size]] = message_reader(parsed, parsed.at(indexes), kind)
            return reader(data[size:])

        return read

    def writer(self, parsed: ParsedProtobuf, kind: types.SqlType, properties: Properties) -> Write:
        indexes, message = parsed.named(properties.get("schema_full_name"))
        prefix, write = _prefix(indexes), message_writer(parsed, message, kind)
        return lambda value: prefix + write(value)


class BareProtobuf:
    """Messages without a frame, of the schema that the type gives."""

    def __init__(self, kind: types.SqlType, properties: Properties) -> None:
        parsed = load(schema_text(kind, properties), {})
        self._read = message_reader(parsed, parsed.messages[0], kind)
        self._write = message_writer(parsed, parsed.messages[0], kind)

    def decode(self, payloads: Sequence[bytes | None]) -> Decoded:
        values: list[Any] = [None] * len(payloads)
        failures: dict[int, str] = {}
        for position, payload in enumerate(payloads):
            if payload is not None:
                try:
                    values[position] = self._read(payload)
                except RecordError as problem:
                    failures[position] = str(problem)
        return Decoded(values, failures)

    def encode(self, values: Sequence[Any]) -> tuple[list[bytes | None], Mapping[int, str]]:
        payloads: list[bytes | None] = [None] * len(values)
        failures: dict[int, str] = {}
        for position, value in enumerate(values):
            if value is not None:
                try:
                    payloads[position] = self._write(value)
                except RecordError as problem:
                    failures[position] = str(problem)
        return payloads, failures


# --- message indexes ---------------------------------------------------------------------------------


def _indexes(data: bytes) -> tuple[int, list[int]]:
    """How many bytes they take, and the path."""
    at, count = _zigzag(data, 0)
    if not 0 < count <= INDEXES_MAX:
        raise RecordError(f"The Protobuf message indexes are wrong: {count} of them.")
    found: list[int] = []
    for _ in range(count):
        at, index = _zigzag(data, at)
        if index < 0:
            raise RecordError("A Protobuf message index is below 0.")
        found.append(index)
    return at, found


def _zigzag(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if at >= len(data) or shift > 35:
            raise RecordError("The Protobuf message indexes end too early.")
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return at, (number >> 1) ^ -(number & 1)


def _prefix(indexes: list[int]) -> bytes:
    if indexes == [0]:
        return FIRST_MESSAGE
    made = bytearray()
    for number in (len(indexes), *indexes):
        number <<= 1
        while number > 0x7F:
            made.append(number & 0x7F | 0x80)
            number >>= 7
        made.append(number)
    return bytes(made)


# --- reading -----------------------------------------------------------------------------------------


def message_reader(parsed: ParsedProtobuf, message: Descriptor, kind: types.SqlType) -> Read:
    if not isinstance(kind, types.Struct):
        raise Incompatible(message_type(message, parsed.decimals), kind, "$")
    parse = message_factory.GetMessageClass(message).FromString
    convert = _reading_struct(parsed, message, kind, "$")

    def read(data: bytes) -> Any:
        try:
            return convert(parse(data))
        except DecodeError as problem:
            raise RecordError(f"Error deserializing Protobuf message: {problem}") from problem

    return read


def _reading_struct(parsed: ParsedProtobuf, message: Descriptor, kind: types.Struct, path: str) -> Convert:
    held = {field.name: field for field in message.fields}
    parts: list[Convert] = []
    for name, inner in kind.fields:
        field = member(held, name)
        parts.append(_nothing if field is None else _reading_field(parsed, field, inner, f"{path}.{name}"))
    make = types.python_type(kind)
    return lambda value: make(*[part(value) for part in parts])


def _nothing(message: Any) -> None:
    return None


def _reading_field(parsed: ParsedProtobuf, field: Descriptor, kind: types.SqlType, path: str) -> Convert:
    """From the message that holds the field."""
    name = field.name
    if field.is_repeated:
        convert = _reading_repeated(parsed, field, kind, path)
        return lambda message: convert(getattr(message, name))
    convert = _reading_single(parsed, field, kind, path)
    if field.has_presence:
        return lambda message: convert(getattr(message, name)) if message.HasField(name) else None
    if convert is same:
        return lambda message: getattr(message, name)
    return lambda message: convert(getattr(message, name))


def _reading_repeated(parsed: ParsedProtobuf, field: Descriptor, kind: types.SqlType, path: str) -> Convert:
    entry = field.message_type
    if isinstance(kind, types.Map):
        if entry is None or {each.name for each in entry.fields} != {"key", "value"}:
            raise Incompatible(field_type(field, parsed.decimals), kind, path)
        value_field = entry.fields_by_name["value"]
        if entry.GetOptions().map_entry:
            of_value = _reading_single(parsed, value_field, kind.value, f"{path}.value")
            return lambda held: {key: of_value(held[key]) for key in held}
        of_key = _reading_field(parsed, entry.fields_by_name["key"], kind.key, f"{path}.key")
        of_entry = _reading_field(parsed, value_field, kind.value, f"{path}.value")
        return lambda entries: {of_key(each): of_entry(each) for each in entries}
    if not isinstance(kind, types.Array):
        raise Incompatible(field_type(field, parsed.decimals), kind, path)
    item = _reading_single(parsed, field, kind.item, f"{path}[]")
    return list if item is same else lambda values: [item(value) for value in values]


def _reading_single(parsed: ParsedProtobuf, field: Descriptor, kind: types.SqlType, path: str) -> Convert:
    source = single_type(field, parsed.decimals)
    if isinstance(kind, types.Struct):
        if not isinstance(source, types.Struct):
            raise Incompatible(source, kind, path)
        return _reading_struct(parsed, field.message_type, kind, path)
    if field.message_type is None:
        return _reading_scalar(field, kind, path)
    name = field.message_type.full_name
    if name == DECIMAL:
        # The message tells its own scale; a schema without parameters takes any.
        wanted = kind if isinstance(kind, types.Decimal) else None
        if wanted is None:
            raise Incompatible(source, kind, path)
        return lambda value: scalar(types.Decimal(64, value.scale), wanted, path)(
            scaled(value.value, value.scale)
        )
    if name in WRAPPED:
        convert = scalar(WRAPPED[name], kind, path)
        return lambda value: convert(value.value)
    if name not in MESSAGE_READERS:
        raise Incompatible(source, kind, path)
    convert = scalar(source, kind, path)
    read = MESSAGE_READERS[name]
    return read if convert is same else lambda value: convert(read(value))


def _reading_scalar(field: Descriptor, kind: types.SqlType, path: str) -> Convert:
    convert = scalar(NUMBERS[TYPE_NAMES[field.type]], kind, path)
    if field.enum_type is not None:
        names = {number: value.name for number, value in field.enum_type.values_by_number.items()}
        return lambda number: names.get(number, str(number))
    if TYPE_NAMES[field.type] in ("UINT64", "FIXED64"):
        # A long of 64 bits, as Java has it.
        return lambda number: convert(number - (1 << 64) if number > types.BIGINT_MAX else number)
    return convert


def _read_timestamp(value: Any) -> int:
    return int(value.seconds) * 1000 + int(value.nanos) // 1_000_000


def _read_date(value: Any) -> int:
    try:
        return datetime.date(value.year, value.month, value.day).toordinal() - EPOCH
    except ValueError as problem:
        raise RecordError(f"google.type.Date is no date: {problem}") from problem


def _read_time(value: Any) -> int:
    seconds = (value.hours * 60 + value.minutes) * 60 + value.seconds
    return int(seconds * 1000 + value.nanos // 1_000_000)


MESSAGE_READERS: dict[str, Convert] = {
    "google.protobuf.Timestamp": _read_timestamp,
    "google.type.Date": _read_date,
    "google.type.TimeOfDay": _read_time,
}


# --- writing -----------------------------------------------------------------------------------------


def message_writer(parsed: ParsedProtobuf, message: Descriptor, kind: types.SqlType) -> Write:
    if not isinstance(kind, types.Struct):
        raise Incompatible(message_type(message, parsed.decimals), kind, "$")
    convert = _writing_struct(parsed, message, kind, "$")

    def write(value: Any) -> bytes:
        try:
            data: bytes = convert(value).SerializeToString(deterministic=True)
        except UNWRITABLE as problem:
            raise RecordError(f"Error serializing Protobuf message: {problem}") from problem
        return data

    return write


def _writing_struct(parsed: ParsedProtobuf, message: Descriptor, kind: types.Struct, path: str) -> Convert:
    columns = {name: (f"c{place}", inner) for place, (name, inner) in enumerate(kind.fields)}
    parts: list[tuple[str, str, Convert]] = []
    for field in message.fields:
        found = member(columns, field.name)
        if found is not None:
            attribute, inner = found
            convert = _writing_field(parsed, field, inner, f"{path}.{field.name}")
            parts.append((field.name, attribute, convert))
    make = message_factory.GetMessageClass(message)

    def write(value: Any) -> Any:
        made = {}
        for name, attribute, convert in parts:
            cell = getattr(value, attribute)
            if cell is not None:
                made[name] = convert(cell)
        return make(**made)

    return write


def _writing_field(parsed: ParsedProtobuf, field: Descriptor, kind: types.SqlType, path: str) -> Convert:
    if not field.is_repeated:
        return _writing_single(parsed, field, kind, path)
    entry = map_entry(field)
    if isinstance(kind, types.Map) and entry is not None:
        if entry.GetOptions().map_entry:
            of_value = _writing_single(parsed, entry.fields_by_name["value"], kind.value, f"{path}.value")
            return lambda held: {key: of_value(value) for key, value in held.items() if value is not None}
        pair = types.Struct((("key", kind.key), ("value", kind.value)))
        of_entry, make = _writing_struct(parsed, entry, pair, path), types.python_type(pair)
        return lambda held: [of_entry(make(key, value)) for key, value in held.items()]
    if not isinstance(kind, types.Array):
        raise Incompatible(field_type(field, parsed.decimals), kind, path)
    item, empty = _writing_single(parsed, field, kind.item, f"{path}[]"), _empty(field)
    return lambda values: [empty() if value is None else item(value) for value in values]


def _empty(field: Descriptor) -> Callable[[], Any]:
    """What stands for a NULL in a list, which can't have any."""
    if field.message_type is not None:
        made: Callable[[], Any] = message_factory.GetMessageClass(field.message_type)
        return made
    return {"STRING": str, "BYTES": bytes, "BOOL": bool, "DOUBLE": float}.get(TYPE_NAMES[field.type], int)


def _writing_single(parsed: ParsedProtobuf, field: Descriptor, kind: types.SqlType, path: str) -> Convert:
    target = single_type(field, parsed.decimals)
    if isinstance(kind, types.Struct):
        if not isinstance(target, types.Struct):
            raise Incompatible(target, kind, path)
        return _writing_struct(parsed, field.message_type, kind, path)
    if target is None or isinstance(target, types.Struct):
        raise Incompatible(target, kind, path)
    if field.message_type is None:
        return _writing_scalar(field, kind, path)
    make = message_factory.GetMessageClass(field.message_type)
    name = field.message_type.full_name
    if name == DECIMAL:
        return _writing_decimal(make, target, kind, path)
    convert = scalar(kind, target, path)
    if name in WRAPPED:
        return lambda value: make(value=convert(value))
    write = MESSAGE_WRITERS[name]
    return lambda value: make(**write(convert(value)))


def _writing_scalar(field: Descriptor, kind: types.SqlType, path: str) -> Convert:
    if field.enum_type is not None and kind == types.STRING:
        numbers = {name: value.number for name, value in field.enum_type.values_by_name.items()}
        return lambda name: numbers[name] if name in numbers else int(name)
    convert = scalar(kind, NUMBERS[TYPE_NAMES[field.type]], path)
    if TYPE_NAMES[field.type] in ("UINT64", "FIXED64"):
        return lambda number: convert(number) & types.BIGINT_MAX * 2 + 1
    return convert


def _writing_decimal(
    make: Callable[..., Any], target: types.SqlType, kind: types.SqlType, path: str
) -> Convert:
    fitted = scalar(kind, target, path)
    assert isinstance(target, types.Decimal)
    precision, scale = target.precision, target.scale
    return lambda value: make(value=unscaled(fitted(value)), precision=precision, scale=scale)


def _write_timestamp(millis: int) -> dict[str, int]:
    return {"seconds": millis // 1000, "nanos": millis % 1000 * 1_000_000}


def _write_date(days: int) -> dict[str, int]:
    date = datetime.date.fromordinal(days + EPOCH)
    return {"year": date.year, "month": date.month, "day": date.day}


def _write_time(millis: int) -> dict[str, int]:
    seconds = millis // 1000
    return {
        "hours": seconds // 3600,
        "minutes": seconds // 60 % 60,
        "seconds": seconds % 60,
        "nanos": millis % 1000 * 1_000_000,
    }


MESSAGE_WRITERS: dict[str, Callable[[int], dict[str, int]]] = {
    "google.protobuf.Timestamp": _write_timestamp,
    "google.type.Date": _write_date,
    "google.type.TimeOfDay": _write_time,
}
assert MESSAGE_WRITERS.keys() == MESSAGE_READERS.keys()
