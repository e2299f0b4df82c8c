"""Columns from the schema registry, and schemas to the registry: what CREATE and CREATE ... AS do with it.

In:  a CREATE without columns of one side or both, its settings, the registry.
Out: the CREATE with the columns that the topic's schemas describe; the schemas to register for a source.

    subject <topic>-key, <topic>-value   the latest one        names in upper case
    KEY_SCHEMA_ID, VALUE_SCHEMA_ID       the one of that id    names as they are
    a schema that is no row: one column, ROWKEY or ROWVAL
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from penstock.errors import RecordError, SchemaNotFound, StatementError
from penstock.executor.with_clause import REGISTRY_FORMATS, CreateWith
from penstock.executor.world import RegisterSchema
from penstock.formats.framed import parsed_schema
from penstock.formats.registry import RegisteredSchema, Registry, subject_name
from penstock.formats.schema_formats import ALWAYS_WRAPPED, dialect_of, schema_of_columns
from penstock.language import ast
from penstock.language.catalog import TABLE, Format, Source
from penstock.language.scope import payload_columns
from penstock.types import Array, Column, Map, SqlType, Struct

KEY, VALUE = "KEY", "VALUE"
KEY_ROLES = ("KEY", "PRIMARY KEY")
BARE_NAMES = {KEY: "ROWKEY", VALUE: "ROWVAL"}


def with_inferred_columns(
    node: ast.CreateSource, settings: CreateWith, registry: Registry | None
) -> ast.CreateSource:
    for side, format in ((KEY, settings.key_format), (VALUE, settings.value_format)):
        if format.name in REGISTRY_FORMATS and registry is not None:
            node = _with_side(node, side, format, settings, registry)
    return node


def _with_side(
    node: ast.CreateSource, side: str, format: Format, settings: CreateWith, registry: Registry
) -> ast.CreateSource:
    schema_id = format.get("schema_id")
    if any(_side_of(element) == side for element in node.elements):
        if schema_id is not None:
            raise StatementError(
                f"Table elements and {side}_SCHEMA_ID cannot both exist for create statement."
            )
        return node
    kind = _described(side, format, settings.topic, registry)
    if schema_id is None:
        kind = upper(kind)
    role = VALUE if side == VALUE else ("PRIMARY KEY" if node.kind == TABLE else KEY)
    wrapped = _is_wrapped(side, format, kind, settings.wrap_single_value)
    fields = kind.fields if wrapped and isinstance(kind, Struct) else ((BARE_NAMES[side], kind),)
    elements = tuple(ast.Element(name, field, role) for name, field in fields)
    if side == VALUE and not wrapped:
        node = replace(node, properties=(*_without_wrap(node.properties), ("WRAP_SINGLE_VALUE", False)))
    if side == KEY:
        return replace(node, elements=(*elements, *node.elements))
    return replace(node, elements=(*node.elements, *elements))


def _side_of(element: ast.Element) -> str | None:
    """Header columns are of neither side."""
    if element.role in KEY_ROLES:
        return KEY
    return VALUE if element.role == VALUE else None


def _is_wrapped(side: str, format: Format, kind: SqlType, wrap_single_value: bool | None) -> bool:
    if format.name in ALWAYS_WRAPPED:
        return True
    return side == VALUE and isinstance(kind, Struct) and wrap_single_value is not False


def _without_wrap(properties: ast.Properties) -> ast.Properties:
    return tuple(pair for pair in properties if pair[0] != "WRAP_SINGLE_VALUE")


def _described(side: str, format: Format, topic: str, registry: Registry) -> SqlType:
    """What the topic's schema, or the one of the given id, describes."""
    schema = _schema(side, format, topic, registry)
    dialect = dialect_of(format.name)
    try:
        kind = dialect.infer(parsed_schema(dialect, registry, schema), dict(format.properties))
    except RecordError as problem:
        raise StatementError(
            f"Unable to verify if the {side.lower()} schema is compatible: {problem}"
        ) from problem
    if kind is None or (isinstance(kind, Struct) and not kind.fields):
        raise StatementError(
            f"Schema for message {side.lower()}s on topic '{topic}' holds no field that SQL has a type for."
        )
    return kind


def _schema(side: str, format: Format, topic: str, registry: Registry) -> RegisteredSchema:
    given, expected = format.get("schema_id"), dialect_of(format.name).kind
    if given is None:
        found = registry.latest(subject_name(topic, side == KEY))
    else:
        found = _by_id(given, registry)
    if found is None:
        where = subject_name(topic, side == KEY) if given is None else f"id {given}"
        raise StatementError(
            f"Schema for message {side.lower()}s on topic '{topic}' does not exist in the Schema Registry.\n"
            f"Subject: {where}\n"
            "Register a schema there, or name the columns in the statement."
        )
    if found.kind != expected:
        named = f"using {side}_SCHEMA_ID {given}" if given is not None else f"of topic '{topic}'"
        raise StatementError(
            f"Format and fetched schema type {named} are different. "
            f"Format: [{format.name}], Fetched schema type: [{found.kind}]."
        )
    return found


def _by_id(given: str, registry: Registry) -> RegisteredSchema | None:
    try:
        return registry.by_id(int(given))
    except ValueError as problem:
        raise StatementError(f"Invalid schema id: {given}. It must be a whole number.") from problem
    except SchemaNotFound:
        return None


def upper(kind: SqlType) -> SqlType:
    match kind:
        case Array(item):
            return Array(upper(item))
        case Map(key, value):
            return Map(upper(key), upper(value))
        case Struct(fields):
            return Struct(tuple((name.upper(), upper(field)) for name, field in fields))
    return kind


# --- schemas to the registry -------------------------------------------------------------------------


def registrations(source: Source, if_absent: bool) -> Iterator[RegisterSchema]:
    """Of each side in a format with a registry, unless its schema was given by id."""
    sides = (
        (True, source.key_format, source.schema.key, False),
        (False, source.value_format, payload_columns(source), not source.unwrapped_value),
    )
    for is_key, format, columns, wrapped in sides:
        if format.name in REGISTRY_FORMATS and columns and format.get("schema_id") is None:
            several = wrapped or len(columns) > 1
            kind, text = schema_of_columns(format.name, format.properties, columns, several)
            yield RegisterSchema(subject_name(source.topic, is_key), kind, text, if_absent)


def check_given_schemas(sink: Source | None, registry: Registry | None) -> None:
    """The columns of CREATE ... AS must stand in the schema of SCHEMA_ID, in its order."""
    if sink is None or registry is None:
        return
    for side, format, columns in (
        (KEY, sink.key_format, sink.schema.key),
        (VALUE, sink.value_format, sink.schema.value),
    ):
        if format.get("schema_id") is None:
            continue
        kind = _described(side, format, sink.topic, registry)
        bare = side == KEY and format.name not in ALWAYS_WRAPPED and len(columns) == 1
        bare = bare or (side == VALUE and sink.unwrapped_value)
        fields = ((columns[0].name, kind),) if bare or not isinstance(kind, Struct) else kind.fields
        there = tuple(Column(name, field) for name, field in fields)
        missing = [
            str(column) for place, column in enumerate(columns) if there[place : place + 1] != (column,)
        ]
        if missing:
            raise StatementError(
                f"The following {side.lower()} columns are changed, missing or reordered: "
                f"[{', '.join(missing)}]. Schema from schema registry is "
                f"[{', '.join(map(str, there))}]"
            )
