"""Options between a tree and a descriptor.

In:  options, and what they stand at (file, message, field ...). Out: the bytes of its *Options message, or
     back.

Options of Protobuf itself have numbers, which the table lists; Confluent's Meta is the extension 1088 of all.
Any other extension is written as protoc's parser leaves it before names are looked up (uninterpreted_option).
Read back, an extension that was looked up by somebody else is passed over: its file is not here to name it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from schema_registry.protobuf_cursor import parse_value
from schema_registry.protobuf_print import Printer
from schema_registry.protobuf_tree import Aggregate, Items, Literal, Option, Value
from schema_registry.protobuf_wire import (
    Wire,
    WireError,
    read_fields,
    signed,
    varint,
    write_bytes,
    write_number,
    write_text,
)

FILE, MESSAGE, FIELD, ENUM, ENUM_VALUE = "file", "message", "field", "enum", "enum_value"
ONEOF, SERVICE, METHOD, EXTENSION_RANGE = "oneof", "service", "method", "extension_range"

META_NUMBER, UNINTERPRETED = 1088, 999
BOOL, TEXT = "bool", "text"
WORDS = {0: "false", 1: "true"}


@dataclass(frozen=True, slots=True)
class Known:
    """An option of Protobuf itself; `words` are the names of its values when it is no text."""

    number: int
    words: Mapping[int, str] | None = None


def flags(**numbers: int) -> dict[str, Known]:
    return {name: Known(number, WORDS) for name, number in numbers.items()}


def texts(**numbers: int) -> dict[str, Known]:
    return {name: Known(number) for name, number in numbers.items()}


OPTIONS: Mapping[str, Mapping[str, Known]] = {
    FILE: {
        **texts(java_package=1, java_outer_classname=8, go_package=11, objc_class_prefix=36),
        **texts(csharp_namespace=37, swift_prefix=39, php_class_prefix=40, php_namespace=41),
        **texts(php_metadata_namespace=44, ruby_package=45),
        **flags(java_multiple_files=10, java_generate_equals_and_hash=20, java_string_check_utf8=27),
        **flags(cc_generic_services=16, java_generic_services=17, py_generic_services=18),
        **flags(deprecated=23, cc_enable_arenas=31),
        "optimize_for": Known(9, {1: "SPEED", 2: "CODE_SIZE", 3: "LITE_RUNTIME"}),
    },
    MESSAGE: flags(message_set_wire_format=1, no_standard_descriptor_accessor=2, deprecated=3, map_entry=7),
    FIELD: {
        **flags(packed=2, deprecated=3, lazy=5, weak=10, unverified_lazy=15, debug_redact=16),
        "ctype": Known(1, {0: "STRING", 1: "CORD", 2: "STRING_PIECE"}),
        "jstype": Known(6, {0: "JS_NORMAL", 1: "JS_STRING", 2: "JS_NUMBER"}),
        "retention": Known(17, {0: "RETENTION_UNKNOWN", 1: "RETENTION_RUNTIME", 2: "RETENTION_SOURCE"}),
    },
    ONEOF: {},
    ENUM: flags(allow_alias=2, deprecated=3),
    ENUM_VALUE: flags(deprecated=1),
    SERVICE: flags(deprecated=33),
    METHOD: {
        **flags(deprecated=33),
        "idempotency_level": Known(34, {0: "IDEMPOTENCY_UNKNOWN", 1: "NO_SIDE_EFFECTS", 2: "IDEMPOTENT"}),
    },
    EXTENSION_RANGE: {},
}
WITH_META = (FILE, MESSAGE, FIELD, ENUM, ENUM_VALUE)
RULE_MEMBERS = {1: "name", 2: "doc", 3: "expr", 4: "sql"}
ENTRY_MEMBERS = {1: "key", 2: "value"}

FEATURES = "features"
FEATURE_SETS = {
    **dict.fromkeys((FILE, EXTENSION_RANGE), 50),
    MESSAGE: 12,
    FIELD: 21,
    ONEOF: 1,
    ENUM: 7,
    ENUM_VALUE: 2,
    SERVICE: 34,
    METHOD: 35,
}
"""The number of `features`, which editions have instead of a syntax, in each kind of options."""
FEATURE_OPTIONS = {
    "field_presence": Known(1, {1: "EXPLICIT", 2: "IMPLICIT", 3: "LEGACY_REQUIRED"}),
    "enum_type": Known(2, {1: "OPEN", 2: "CLOSED"}),
    "repeated_field_encoding": Known(3, {1: "PACKED", 2: "EXPANDED"}),
    "utf8_validation": Known(4, {2: "VERIFY", 3: "NONE"}),
    "message_encoding": Known(5, {1: "LENGTH_PREFIXED", 2: "DELIMITED"}),
    "json_format": Known(6, {1: "ALLOW", 2: "LEGACY_BEST_EFFORT"}),
}
assert OPTIONS.keys() == FEATURE_SETS.keys()


# -- to bytes


def write_options(options: Iterable[Option], where: str) -> bytes:
    meta: list[tuple[str, Value]] = []
    out = b""
    for option in options:
        known = OPTIONS[where].get(option.written) if not option.extension else None
        written = write_known(known, option.value) if known else write_feature(option, where)
        if written is not None:
            out += written
        elif is_meta(option, where):
            meta += [(option.path, option.value)] if option.path else entries(option.value)
        elif option.written not in ("default", "json_name"):
            out += write_bytes(UNINTERPRETED, write_uninterpreted(option))
    return out + (write_bytes(META_NUMBER, write_meta(meta)) if meta else b"")


def write_known(known: Known, value: Value) -> bytes | None:
    if not isinstance(value, Literal):
        return None
    if known.words is None:
        return write_bytes(known.number, value.text.encode("utf-8", "surrogatepass"))
    number = next((number for number, word in known.words.items() if word == value.text), None)
    return None if number is None else write_number(known.number, number)


def write_feature(option: Option, where: str) -> bytes | None:
    known = FEATURE_OPTIONS.get(option.path)
    if option.extension or option.name != FEATURES or known is None:
        return None
    # Written one by one, they are merged by whoever reads them.
    written = write_known(known, option.value)
    return None if written is None else write_bytes(FEATURE_SETS[where], written)


def is_meta(option: Option, where: str) -> bool:
    return option.extension and where in WITH_META and option.name.lstrip(".") == f"confluent.{where}_meta"


def entries(value: Value) -> list[tuple[str, Value]]:
    return list(value.entries) if isinstance(value, Aggregate) else []


def each_of(value: Value) -> tuple[Value, ...]:
    return value.values if isinstance(value, Items) else (value,)


def write_meta(members: Iterable[tuple[str, Value]]) -> bytes:
    out = b""
    for name, value in members:
        for each in each_of(value):
            if name == "doc" and isinstance(each, Literal):
                out += write_text(1, each.text)
            elif name == "params":
                out += write_bytes(2, write_texts(each, ENTRY_MEMBERS))
            elif name == "tags" and isinstance(each, Literal):
                out += write_bytes(3, each.text.encode())
            elif name == "rules":
                out += write_bytes(4, write_texts(each, RULE_MEMBERS))
    return out


def write_texts(value: Value, members: Mapping[int, str]) -> bytes:
    by_name = {name: each.text for name, each in entries(value) if isinstance(each, Literal)}
    return b"".join(write_text(number, by_name.get(name, "")) for number, name in members.items())


def write_uninterpreted(option: Option) -> bytes:
    parts = [(option.name, option.extension)]
    for part in filter(None, option.path.split(".") if "(" not in option.path else path_parts(option.path)):
        parts.append((part.strip("()"), part.startswith("(")))
    names = b"".join(
        write_bytes(2, write_bytes(1, name.encode()) + write_number(2, int(extension)))
        for name, extension in parts
    )
    return names + write_value(option.value)


def path_parts(path: str) -> Iterator[str]:
    """a.(b.c).d -> a, (b.c), d"""
    for at, part in enumerate(path.replace("(", ")").split(")")):
        if at % 2:
            yield f"({part})"
        else:
            yield from part.split(".")


def write_value(value: Value) -> bytes:
    if not isinstance(value, Literal):
        text = "\n".join(Printer().value(value))
        return write_text(8, text[1:-1] if isinstance(value, Aggregate) else text)
    if value.quoted:
        return write_bytes(7, value.text.encode("utf-8", "surrogatepass"))
    digits = value.text.removeprefix("-")
    if not digits[:1].isdigit() and digits[:1] != ".":
        return write_text(3, value.text)
    try:
        number = int(value.text, 0)
    except ValueError:
        return varint(6 << 3 | 1) + struct.pack("<d", float(value.text.rstrip("f")))
    return write_number(5 if number < 0 else 4, number)


# -- from bytes


def read_options(data: bytes, where: str) -> tuple[Option, ...]:
    by_number = {known.number: (name, known) for name, known in OPTIONS[where].items()}
    found: list[Option] = []
    for number, value in read_fields(data):
        if number in by_number:
            name, known = by_number[number]
            found.append(Option(name, read_known(known, value)))
        elif number == FEATURE_SETS[where]:
            found += read_features(as_bytes(value))
        elif number == META_NUMBER and where in WITH_META:
            found.append(Option(f"confluent.{where}_meta", read_meta(as_bytes(value)), extension=True))
        elif number == UNINTERPRETED:
            found.append(read_uninterpreted(as_bytes(value)))
    return tuple(found)


def read_features(data: bytes) -> Iterator[Option]:
    by_number = {known.number: (name, known) for name, known in FEATURE_OPTIONS.items()}
    for number, value in read_fields(data):
        if number in by_number:
            name, known = by_number[number]
            yield Option(FEATURES, read_known(known, value), path=name)


def read_known(known: Known, value: Wire) -> Value:
    if known.words is None:
        return Literal(as_text(value), quoted=True)
    assert isinstance(value, int)
    return Literal(known.words.get(value, str(value)))


def as_bytes(value: Wire) -> bytes:
    if isinstance(value, int):
        raise WireError("a number where bytes belong")
    return value


def as_text(value: Wire) -> str:
    try:
        return as_bytes(value).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise WireError("a text that is not UTF-8") from error


def as_number(value: Wire) -> int:
    if isinstance(value, bytes):
        raise WireError("bytes where a number belongs")
    return value


def read_meta(data: bytes) -> Aggregate:
    members: dict[str, list[Value]] = {}
    for number, value in read_fields(data):
        if number == 1:
            members["doc"] = [Literal(as_text(value), quoted=True)]
        elif number == 2:
            members.setdefault("params", []).append(read_texts(as_bytes(value), ENTRY_MEMBERS))
        elif number == 3:
            members.setdefault("tags", []).append(Literal(as_text(value), quoted=True))
        elif number == 4:
            members.setdefault("rules", []).append(read_texts(as_bytes(value), RULE_MEMBERS))
    return Aggregate(
        tuple(
            (name, values[0] if name == "doc" else Items(tuple(values))) for name, values in members.items()
        )
    )


def read_texts(data: bytes, members: Mapping[int, str]) -> Aggregate:
    return Aggregate(
        tuple(
            (members[number], Literal(as_text(value), quoted=True))
            for number, value in read_fields(data)
            if number in members
        )
    )


def read_uninterpreted(data: bytes) -> Option:
    parts: list[tuple[str, bool]] = []
    value: Value = Literal("")
    for number, wire in read_fields(data):
        if number == 2:
            part = dict(read_fields(as_bytes(wire)))
            parts.append((as_text(part.get(1, b"")), bool(part.get(2, 0))))
        else:
            value = read_value(number, wire)
    if not parts:
        raise WireError("an option without a name")
    (name, extension), *rest = parts
    path = ".".join(f"({each})" if within else each for each, within in rest)
    return Option(name, value, extension, path)


def read_value(number: int, wire: Wire) -> Value:
    if number == 8:
        text = as_text(wire)
        return parse_value(text if text.startswith("[") else f"{{{text}}}")
    if number == 7:
        return Literal(as_text(wire), quoted=True)
    if number in (4, 5):
        return Literal(str(signed(as_number(wire)) if number == 5 else as_number(wire)))
    if number == 6:
        return Literal(repr(struct.unpack("<d", as_bytes(wire))[0]))
    return Literal(as_text(wire))
