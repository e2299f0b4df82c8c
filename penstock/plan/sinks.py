"""Where a persistent query writes: the topic, the formats and the source that CREATE ... AS makes.

In:  the WITH clause, the result's schema, the leftmost source. Out: a Source for the catalog and the topic's
settings. Nothing is created here. Rules: ksqlDB's WITH properties and format inheritance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.errors import StatementError
from penstock.formats.avro_schema import key_schema_name
from penstock.formats.formats import capability, check_format
from penstock.language import ast
from penstock.language.catalog import STREAM, Catalog, Format, Source, SourceWindow, TimestampColumn
from penstock.language.expressions import CastTo, Typed
from penstock.plan.steps import Project, QueryPlan
from penstock.topics.base import TopicInfo
from penstock.types import (
    BIGINT,
    INTEGER,
    STRING,
    TIMESTAMP,
    Column,
    Decimal,
    Schema,
    common_number,
    is_number,
)

KNOWN = frozenset(
    [
        "KAFKA_TOPIC",
        "VALUE_FORMAT",
        "KEY_FORMAT",
        "FORMAT",
        "PARTITIONS",
        "REPLICAS",
        "RETENTION_MS",
        "TIMESTAMP",
        "TIMESTAMP_FORMAT",
        "KEY_DELIMITER",
        "VALUE_DELIMITER",
        "WRAP_SINGLE_VALUE",
        "KEY_SCHEMA_ID",
        "VALUE_SCHEMA_ID",
        "KEY_SCHEMA_FULL_NAME",
        "VALUE_SCHEMA_FULL_NAME",
        "VALUE_AVRO_SCHEMA_FULL_NAME",
        "KEY_PROTOBUF_NULLABLE_REPRESENTATION",
        "VALUE_PROTOBUF_NULLABLE_REPRESENTATION",
    ]
)
RETENTION_DEFAULT_MS = 604_800_000

FORMAT_SETTINGS: dict[str, tuple[str, str, bool]] = {
    "DELIMITER": ("delimiter", "delimiter", True),
    "SCHEMA_ID": ("schema_id", "schemaId", False),
    "SCHEMA_FULL_NAME": ("schema_full_name", "fullSchemaName", False),
    "AVRO_SCHEMA_FULL_NAME": ("schema_full_name", "fullSchemaName", False),
    "PROTOBUF_NULLABLE_REPRESENTATION": ("nullable_representation", "nullableRepresentation", True),
}
"""Suffix after KEY_ or VALUE_: our name, the name in ksqlDB's message, whether the source's is inherited."""


@dataclass(frozen=True, slots=True)
class Sink:
    source: Source
    partitions: int
    topic_config: Mapping[str, str]
    shown_properties: ast.Properties


@dataclass(frozen=True, slots=True)
class InsertSink:
    source: Source
    root: Project
    partitions: int


def new_sink(
    node: ast.CreateAs,
    plan: QueryPlan,
    left: Source,
    topics: Callable[[str], TopicInfo | None],
    properties: Mapping[str, str],
) -> Sink:
    given: dict[str, Any] = {name.upper(): value for name, value in node.properties}
    _check_known(given)
    topic = str(given.get("KAFKA_TOPIC", properties.get("ksql.output.topic.name.prefix", "") + node.name))
    schema = plan.schema
    key_format = named_key(_key_format(given, left, schema, properties), node.name)
    value_format = _value_format(given, left)
    check_format(key_format, schema.key, is_key=True)
    check_format(value_format, schema.value, is_key=False)
    existing = topics(topic)
    inherited = topics(left.topic)
    partitions = int(given.get("PARTITIONS") or (existing or inherited or _ONE).partitions)
    if partitions < 1:
        raise StatementError("The PARTITIONS property must be greater than 0.")
    retention = _retention_ms(given, plan)
    cleanup = _cleanup_policy(plan)
    shown = {
        **given,
        "KAFKA_TOPIC": topic,
        "PARTITIONS": partitions,
        "REPLICAS": int(given.get("REPLICAS", 1)),
        "RETENTION_MS": retention,
        "CLEANUP_POLICY": cleanup,
    }
    config = {"cleanup.policy": cleanup}
    if cleanup != "compact":
        config["retention.ms"] = str(retention)
    source = Source(
        name=node.name,
        kind=node.kind,
        topic=topic,
        schema=schema,
        key_format=key_format,
        value_format=value_format,
        timestamp=_timestamp(given, schema),
        window=_window(plan, left),
        unwrapped_value=_unwrapped(given, value_format, schema, properties),
    )
    return Sink(source, partitions, config, tuple(sorted(shown.items())))


_ONE = TopicInfo("", 1, {})


def _check_known(given: Mapping[str, Any]) -> None:
    if "CLEANUP_POLICY" in given:
        raise StatementError(
            "Invalid config variable in the WITH clause: CLEANUP_POLICY.\n"
            "The CLEANUP_POLICY config is automatically inferred based on the type of source (STREAM or "
            "TABLE).\nUsers can't set the CLEANUP_POLICY config manually."
        )
    unknown = sorted(set(given) - KNOWN)
    if unknown:
        raise StatementError(f"Invalid config variable(s) in the WITH clause: {','.join(unknown)}")
    for side in ("KEY_FORMAT", "VALUE_FORMAT"):
        if "FORMAT" in given and side in given:
            raise StatementError(
                f"Cannot supply both '{side}' and 'FORMAT' properties, as 'FORMAT' sets both key and value "
                "formats."
            )


def _value_format(given: Mapping[str, Any], left: Source) -> Format:
    name = str(given.get("VALUE_FORMAT") or given.get("FORMAT") or left.value_format.name).upper()
    return _with_properties(name, given, "VALUE", left.value_format)


def _key_format(
    given: Mapping[str, Any], left: Source, schema: Schema, properties: Mapping[str, str]
) -> Format:
    asked = given.get("KEY_FORMAT") or given.get("FORMAT")
    if asked is not None:
        capability(str(asked))
    if not schema.key:
        if given.get("KEY_FORMAT") and str(asked).upper() != "NONE":
            raise StatementError("Key format specified for stream without key columns.")
        return Format("NONE")
    name = str(asked or left.key_format.name).upper()
    if asked is None and name == "NONE":
        name = properties.get("ksql.persistence.default.format.key", "KAFKA").upper()
    return _with_properties(name, given, "KEY", left.key_format)


def _with_properties(name: str, given: Mapping[str, Any], side: str, inherited: Format) -> Format:
    known = capability(name).properties
    settings: dict[str, str] = {}
    for suffix, (ours, shown, inheritable) in FORMAT_SETTINGS.items():
        kept = inherited.get(ours) if inheritable and inherited.name == name else None
        value = given.get(f"{side}_{suffix}", kept)
        if value is None:
            continue
        if ours not in known:
            raise StatementError(f"{name} does not support the following configs: [{shown}]")
        settings[ours] = str(value)
    return Format(name, tuple(settings.items()))


def named_key(format: Format, source: str) -> Format:
    """The record of an AVRO key is named after its stream or table."""
    if format.name != "AVRO" or format.get("schema_full_name") or format.get("schema_id"):
        return format
    return Format("AVRO", (*format.properties, ("schema_full_name", key_schema_name(source))))


def _retention_ms(given: Mapping[str, Any], plan: QueryPlan) -> int:
    if "RETENTION_MS" in given and plan.is_table and not plan.windowed:
        raise StatementError(
            "Invalid config variable in the WITH clause: RETENTION_MS. "
            "Non-windowed tables do not support retention."
        )
    asked = int(given.get("RETENTION_MS", RETENTION_DEFAULT_MS))
    kept = plan.window.retention_ms if plan.window and plan.window.retention_ms else 0
    return asked if asked < 0 else max(asked, kept)


def _cleanup_policy(plan: QueryPlan) -> str:
    if not plan.is_table:
        return "delete"
    return "compact,delete" if plan.windowed else "compact"


def _timestamp(given: Mapping[str, Any], schema: Schema) -> TimestampColumn | None:
    if "TIMESTAMP" not in given:
        return None
    return timestamp_column(str(given["TIMESTAMP"]), given.get("TIMESTAMP_FORMAT"), schema)


def check_timestamp_named(properties: ast.Properties, names: Sequence[str]) -> None:
    """The column that TIMESTAMP names is looked for before anything else is said of the result."""
    for property_name, value in properties:
        if property_name.upper() == "TIMESTAMP" and _folded(str(value)) not in names:
            raise _no_timestamp(_folded(str(value)))


def _folded(name: str) -> str:
    """Unquoted names are upper case."""
    return name[1:-1] if name[:1] == name[-1:] == "`" and len(name) > 1 else name.upper()


def _no_timestamp(name: str) -> StatementError:
    return StatementError(
        f"The TIMESTAMP column set in the WITH clause does not exist in the schema: '{name}'"
    )


def timestamp_column(name: str, pattern: Any, schema: Schema) -> TimestampColumn:
    """The TIMESTAMP property as a column of the schema."""
    folded = _folded(name)
    column = schema.find(folded)
    if column is None:
        raise _no_timestamp(folded)
    if column.type == STRING and pattern is None:
        raise StatementError(
            f"Timestamp column, `{folded}`, should be LONG(INT64), TIMESTAMP, or a String with a "
            "timestamp_format specified"
        )
    if column.type not in (STRING, BIGINT, TIMESTAMP):
        raise StatementError(
            f"Timestamp column, `{folded}`, should be LONG(INT64), TIMESTAMP, or a String with a "
            "timestamp_format specified"
        )
    if column.type != STRING and pattern is not None:
        raise StatementError(
            f"'TIMESTAMP_FORMAT' set in the WITH clause can not be used when the timestamp column `{folded}` "
            f"is of type {column.type}: only STRING columns have one."
        )
    return TimestampColumn(folded, None if pattern is None else str(pattern))


def _window(plan: QueryPlan, left: Source) -> SourceWindow | None:
    if plan.window is not None:
        size = None if plan.window.kind == "SESSION" else plan.window.size_ms
        return SourceWindow(plan.window.kind, size)
    return left.window


def _unwrapped(
    given: Mapping[str, Any], value_format: Format, schema: Schema, properties: Mapping[str, str]
) -> bool:
    """Whether a single value column stands bare in the payload: by WITH, the server or the format."""
    wrap = given.get("WRAP_SINGLE_VALUE")
    if wrap is None:
        can = capability(value_format.name)
        default = properties.get("ksql.persistence.wrap.single.values")
        if default is None or not (can.wrap and can.unwrap) or len(schema.value) != 1:
            return not can.wrapped_value and can.unwrap
        wrap = default
    if len(schema.value) != 1:
        raise StatementError("'WRAP_SINGLE_VALUE' is only valid for single-field value schemas")
    return not _is_true(wrap)


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def insert_sink(
    target: str, root: Project, catalog: Catalog, topics: Callable[[str], TopicInfo | None]
) -> InsertSink:
    """The target of INSERT INTO ... SELECT, and the projection with its numbers widened to the target's."""
    source = check_target(target, catalog)
    key = _matched(root.key, source.schema.key)
    value = _matched(root.value, source.schema.value)
    if key is None or value is None:
        raise StatementError(
            "Incompatible schema between results and sink.\n"
            f"Result schema is {root.schema}\nSink schema is {source.schema}"
        )
    info = topics(source.topic)
    changed = Project(root.input, key, value, root.rekeyed)
    return InsertSink(source, changed, info.partitions if info else 1)


def check_target(target: str, catalog: Catalog) -> Source:
    """The stream that INSERT INTO writes to."""
    source = catalog.sources.get(target)
    if source is None:
        raise StatementError(f"Cannot insert into an unknown stream/table: {target}")
    if source.kind != STREAM:
        raise StatementError(f"INSERT INTO can only be used to insert into a stream. {target} is a table.")
    if source.read_only:
        raise StatementError(f"Cannot insert into read-only stream: {target}")
    if source.headers:
        raise StatementError(f"Cannot insert into {target} because it has header columns")
    return source


def _matched(
    parts: tuple[tuple[str, Typed], ...], columns: tuple[Column, ...]
) -> tuple[tuple[str, Typed], ...] | None:
    if [name for name, _ in parts] != [column.name for column in columns]:
        return None
    matched = []
    for (name, typed), column in zip(parts, columns, strict=True):
        if typed.type != column.type:
            widest = common_number([typed.type, column.type])
            whole = typed.type in (INTEGER, BIGINT) and isinstance(column.type, Decimal)
            if not whole and (not is_number(column.type) or widest != column.type):
                return None
            typed = CastTo(column.type, typed)
        matched.append((name, typed))
    return tuple(matched)
