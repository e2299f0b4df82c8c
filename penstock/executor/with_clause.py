"""WITH (...) of CREATE STREAM, CREATE TABLE and INSERT INTO, read into typed settings once.

In:  the properties as parsed: names in upper case, values as Python values; the server's default formats.
Out: CreateWith, in which nothing is left to check; or ksqlDB's message for what can't be.

Which name is allowed where is one table. CREATE ... AS is only checked for its names here: what its values
mean depends on the query, so the planner reads them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.errors import StatementError, did_you_mean
from penstock.language.ast import Properties
from penstock.language.catalog import Format, SourceWindow
from penstock.plan.sinks import KNOWN as SINK_PROPERTIES

FORMATS = ("KAFKA", "DELIMITED", "JSON", "JSON_SR", "AVRO", "PROTOBUF", "PROTOBUF_NOSR", "NONE")
REGISTRY_FORMATS = frozenset(("JSON_SR", "AVRO", "PROTOBUF"))
DELIMITER_WORDS = ("TAB", "SPACE")
DURATION = re.compile(r"\s*(\S+)\s+(\S+)\s*\Z")
UNIT_MS = {"MILLISECOND": 1, "SECOND": 1000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": 86_400_000}

CREATE, CREATE_AS, INSERT = "CREATE", "CREATE AS", "INSERT"
PLACES: dict[str, frozenset[str]] = {
    **dict.fromkeys(sorted((*SINK_PROPERTIES, "CLEANUP_POLICY")), frozenset((CREATE, CREATE_AS))),
    **dict.fromkeys(
        ("WINDOW_TYPE", "WINDOW_SIZE", "SOURCED_BY_CONNECTOR", "SOURCE_CONNECTOR"), frozenset((CREATE,))
    ),
    "QUERY_ID": frozenset((INSERT,)),
}

FORMAT_SETTINGS: dict[str, tuple[str, str, frozenset[str]]] = {
    "DELIMITER": ("delimiter", "delimiter", frozenset(("DELIMITED",))),
    "SCHEMA_ID": ("schema_id", "schemaId", REGISTRY_FORMATS),
    "SCHEMA_FULL_NAME": ("schema_full_name", "fullSchemaName", REGISTRY_FORMATS),
    "AVRO_SCHEMA_FULL_NAME": ("schema_full_name", "fullSchemaName", REGISTRY_FORMATS),
    "PROTOBUF_NULLABLE_REPRESENTATION": (
        "nullable_representation",
        "nullableRepresentation",
        frozenset(("PROTOBUF", "PROTOBUF_NOSR")),
    ),
}
"""Suffix after KEY_ or VALUE_: our name, the name ksqlDB's message uses, the formats that take it."""


@dataclass(frozen=True, slots=True)
class CreateWith:
    topic: str
    key_format: Format
    value_format: Format
    partitions: int | None = None
    replicas: int | None = None
    retention_ms: int | None = None
    timestamp: tuple[str, str | None] | None = None
    wrap_single_value: bool | None = None
    window: SourceWindow | None = None


def check_names(properties: Properties, place: str) -> None:
    """Refuse names that are no setting of such a statement."""
    names = [name for name, _ in properties]
    if place != INSERT and "CLEANUP_POLICY" in names:
        raise StatementError(
            "Invalid config variable in the WITH clause: CLEANUP_POLICY. The CLEANUP_POLICY config is "
            "automatically inferred based on the type of source (STREAM or TABLE).\n"
            "Users can't set the CLEANUP_POLICY config manually."
        )
    wrong = [name for name in names if place not in PLACES.get(name, ())]
    if wrong:
        known = [name for name, places in PLACES.items() if place in places]
        raise StatementError(
            f"Invalid config variable(s) in the WITH clause: {','.join(wrong)}"
            + (did_you_mean(wrong[0], known) if len(wrong) == 1 else "")
        )
    _check_format_names(frozenset(names))


def _check_format_names(names: frozenset[str]) -> None:
    for specific in ("KEY_FORMAT", "VALUE_FORMAT"):
        if "FORMAT" in names and specific in names:
            raise StatementError(
                f"Cannot supply both '{specific}' and 'FORMAT' properties, as 'FORMAT' sets both key and "
                "value "
                "formats. Either use just 'FORMAT', or use 'KEY_FORMAT' and 'VALUE_FORMAT'."
            )
    if {"VALUE_SCHEMA_FULL_NAME", "VALUE_AVRO_SCHEMA_FULL_NAME"} <= names:
        raise StatementError(
            "Cannot supply both 'VALUE_AVRO_SCHEMA_FULL_NAME' and 'VALUE_SCHEMA_FULL_NAME' properties."
        )


def read_create(properties: Properties, defaults: Mapping[str, str | None]) -> CreateWith:
    """The settings of a CREATE. `defaults` gives KEY_FORMAT and VALUE_FORMAT when the statement has none."""
    given = dict(properties)
    if "KAFKA_TOPIC" not in given:
        raise StatementError('Missing required property "KAFKA_TOPIC" which has no default value.')
    return CreateWith(
        topic=str(given["KAFKA_TOPIC"]),
        key_format=_format("KEY", given, defaults),
        value_format=_format("VALUE", given, defaults),
        partitions=_number(given, "PARTITIONS", 1),
        replicas=_number(given, "REPLICAS", -1),
        retention_ms=_number(given, "RETENTION_MS", -1),
        timestamp=_timestamp(given),
        wrap_single_value=_boolean(given, "WRAP_SINGLE_VALUE"),
        window=_window(given),
    )


def check_values(properties: Properties) -> None:
    """What can be told wrong from the values alone; ksqlDB finds these while it prepares a statement."""
    given = dict(properties)
    for side in ("KEY", "VALUE"):
        if f"{side}_DELIMITER" in given:
            _delimiter(f"{side}_DELIMITER", given[f"{side}_DELIMITER"])
    _number(given, "PARTITIONS", 1)
    _number(given, "REPLICAS", -1)
    _number(given, "RETENTION_MS", -1)
    _boolean(given, "WRAP_SINGLE_VALUE")
    _window(given)


def _format(side: str, given: Mapping[str, Any], defaults: Mapping[str, str | None]) -> Format:
    name = given.get(f"{side}_FORMAT", given.get("FORMAT", defaults.get(f"{side}_FORMAT")))
    if name is None:
        raise StatementError(
            f"Statement is missing the '{side}_FORMAT' property from the WITH clause. Either provide one "
            "or set a "
            f"default via the 'ksql.persistence.default.format.{side.lower()}' config."
        )
    name = str(name).upper()
    if name not in FORMATS:
        raise StatementError(f"Unknown format: {name}" + did_you_mean(name, FORMATS))
    return Format(name, _format_settings(side, name, given))


def _format_settings(side: str, name: str, given: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    settings: dict[str, str] = {}
    for suffix, (ours, shown, takers) in FORMAT_SETTINGS.items():
        value = given.get(f"{side}_{suffix}")
        if value is None:
            continue
        if name not in takers and suffix == "SCHEMA_ID":
            raise StatementError(
                f"{side}_FORMAT should support schema inference when {side}_SCHEMA_ID is provided. "
                f"Current format is {name}."
            )
        if name not in takers:
            raise StatementError(f"{name} does not support the following configs: [{shown}]")
        settings[ours] = _delimiter(f"{side}_{suffix}", value) if ours == "delimiter" else str(value)
    return tuple(settings.items())


def _delimiter(name: str, value: Any) -> str:
    text = str(value)
    if not text.strip() and text != "\t":
        raise StatementError(
            f"Configuration {name} is invalid: Delimiter cannot be empty, if you meant to have a tab or "
            "space for "
            "delimiter, please use the special values 'TAB' or 'SPACE'\nExample valid value: ';'"
        )
    if len(text) != 1 and text not in DELIMITER_WORDS:
        raise StatementError(
            f"Configuration {name} is invalid: Invalid delimiter value: '{text}'. Delimiter must be a single "
            "character or TAB,SPACE\nExample valid value: ';'"
        )
    return text


def _number(given: Mapping[str, Any], name: str, least: int) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    try:
        number = int(str(value))
    except ValueError as problem:
        raise StatementError(
            f"Invalid value {value} for property {name}: Not a number of type INT"
        ) from problem
    if number < least:
        raise StatementError(f"Invalid value {number} for property {name}: Value must be at least {least}")
    return number


def _boolean(given: Mapping[str, Any], name: str) -> bool | None:
    value = given.get(name)
    if value is None or isinstance(value, bool):
        return value
    folded = str(value).lower()
    if folded not in ("true", "false"):
        raise StatementError(
            f"Invalid value {value} for property {name}: Expected value to be either true or false"
        )
    return folded == "true"


def _timestamp(given: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """Name and pattern as written; which column it is, is told when the columns are known."""
    name = given.get("TIMESTAMP")
    if name is None:
        if "TIMESTAMP_FORMAT" in given:
            raise StatementError(
                "'TIMESTAMP_FORMAT' is only allowed together with 'TIMESTAMP' in the WITH clause."
            )
        return None
    pattern = given.get("TIMESTAMP_FORMAT")
    return str(name), None if pattern is None else str(pattern)


def _window(given: Mapping[str, Any]) -> SourceWindow | None:
    kind = given.get("WINDOW_TYPE")
    size = given.get("WINDOW_SIZE")
    if kind is None:
        if size is not None:
            raise StatementError(
                "'WINDOW_SIZE' is only allowed together with 'WINDOW_TYPE' in the WITH clause."
            )
        return None
    name = str(kind).upper()
    if name not in WINDOWS:
        raise StatementError(
            f"Configuration WINDOW_TYPE is invalid: Unknown window type: '{kind}'. Must be one of "
            f"{', '.join(WINDOWS)}"
        )
    return WINDOWS[name](name, None if size is None else str(size))


def _session(name: str, size: str | None) -> SourceWindow:
    if size is not None:
        raise StatementError("'WINDOW_SIZE' should not be set for SESSION windows.")
    return SourceWindow(name)


def _sized(name: str, size: str | None) -> SourceWindow:
    if size is None:
        raise StatementError(
            f"{name} windows require 'WINDOW_SIZE' to be provided in the WITH clause. "
            "For example: 'WINDOW_SIZE'='10 SECONDS'"
        )
    return SourceWindow(name, duration_ms("WINDOW_SIZE", size))


WINDOWS: dict[str, Callable[[str, str | None], SourceWindow]] = {
    "SESSION": _session,
    "HOPPING": _sized,
    "TUMBLING": _sized,
}


def duration_ms(name: str, text: str) -> int:
    """`10 SECONDS` as milliseconds."""
    found = DURATION.match(text)
    start = f"Configuration {name} is invalid: Invalid duration: '{text}'. "
    if found is None:
        raise StatementError(f"{start}Expected string of form 'VALUE UNIT', e.g. '10 SECONDS'")
    amount, unit = found.group(1), found.group(2).upper()
    if unit.removesuffix("S") not in UNIT_MS:
        raise StatementError(f"{start}Unknown time unit: '{unit}'")
    if not amount.isdigit() or int(amount) == 0:
        raise StatementError(f"{start}Size must be a positive whole number")
    return int(amount) * UNIT_MS[unit.removesuffix("S")]


def with_properties(properties: Properties, filled: Iterable[tuple[str, Any]]) -> Properties:
    """The properties a statement is stored with: what was given and what was filled in, by name."""
    merged = dict(properties)
    for name, value in filled:
        merged.setdefault(name, value)
    return tuple(sorted(merged.items()))
