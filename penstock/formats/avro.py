"""AVRO: functions that read the data of any writer's schema into a SQL type, and write a SQL type's values.

In:  parsed schemas and SQL types. Out: bytes -> value, value -> bytes, by fastavro.

    data  --fastavro, by the writer's schema-->  plain tree  --by field names and coercions-->  typed value

fastavro is given the schema without its logical types: dates and decimals come as the numbers and bytes they
are stored as, which is what the types hold (and cheaper).
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException

from penstock import types
from penstock.errors import RecordError
from penstock.formats import avro_schema
from penstock.formats.avro_schema import NamedNodes, Node, infer, map_entry, only_branch, type_name
from penstock.formats.coerce import Incompatible, member, same, scalar, scaled, unscaled
from penstock.formats.framed import Properties, Read, Write
from penstock.formats.registry import AVRO, RegisteredSchema

Convert = Callable[[Any], Any]
UNREADABLE = (ValueError, TypeError, KeyError, IndexError, EOFError, StopIteration, OverflowError)


@dataclass(frozen=True, slots=True)
class ParsedAvro:
    """`root` keeps the logical types, `plain` is what fastavro reads and writes by."""

    root: Node
    plain: Any
    names: NamedNodes


class AvroSchemas:
    kind = AVRO

    def schema_text(self, kind: types.SqlType, properties: Properties) -> str:
        avro_schema.check_names(kind)
        name = properties.get("schema_full_name", avro_schema.DEFAULT_NAME)
        return json.dumps(avro_schema.node_of(kind, name, outermost=True), separators=(",", ":"))

    def parse(self, schema: RegisteredSchema, imports: Mapping[str, str]) -> ParsedAvro:
        known: dict[str, Any] = {}
        plain_known: dict[str, Any] = {}
        inner: list[Any] = []
        try:
            for text in reversed(list(imports.values())):
                inner.append(_parsed(_loaded(text), known))
                _parsed(_stripped(_loaded(text)), plain_known)
            content = _loaded(schema.text)
            root, plain = _parsed(content, known), _parsed(_stripped(content), plain_known)
        except (SchemaParseException, *UNREADABLE) as problem:
            raise RecordError(f"Schema {schema.id} is no Avro schema: {problem}") from problem
        return ParsedAvro(root, plain, NamedNodes([*inner, root]))

    def infer(self, parsed: ParsedAvro, properties: Properties) -> types.SqlType | None:
        return infer(parsed.root, parsed.names)

    def reader(self, parsed: ParsedAvro, kind: types.SqlType) -> Read:
        convert = _reading(parsed.root, kind, parsed.names, "$")
        read_plain, plain = fastavro.schemaless_reader, parsed.plain

        def read(data: bytes) -> Any:
            try:
                tree = read_plain(io.BytesIO(data), plain, None)
            except UNREADABLE as problem:
                reason = f"{type(problem).__name__}: {problem}"
                raise RecordError(f"Error deserializing Avro message: {reason}") from problem
            return None if tree is None else convert(tree)

        return read

    def writer(self, parsed: ParsedAvro, kind: types.SqlType, properties: Properties) -> Write:
        convert = _writing(parsed.root, kind, parsed.names, "$")
        write_plain, plain = fastavro.schemaless_writer, parsed.plain

        def write(value: Any) -> bytes:
            out = io.BytesIO()
            try:
                write_plain(out, plain, convert(value))
            except UNREADABLE as problem:
                raise RecordError(f"Error serializing Avro message: {problem}") from problem
            return out.getvalue()

        return write


def _loaded(text: str) -> Any:
    """Registries keep a primitive schema as "int" with or without its quotes."""
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()


def _parsed(content: Any, known: dict[str, Any]) -> Any:
    return fastavro.parse_schema(content, named_schemas=known)


def _stripped(node: Any) -> Any:
    if isinstance(node, list):
        return [_stripped(each) for each in node]
    if not isinstance(node, dict):
        return node
    # A default may be an object with a member of any name; it is data, not schema.
    return {
        name: each if name == "default" else _stripped(each)
        for name, each in node.items()
        if name != "logicalType" or not isinstance(each, str)
    }


def _nullable(convert: Convert) -> Convert:
    if convert is same:
        return same
    return lambda value: None if value is None else convert(value)


# --- reading -----------------------------------------------------------------------------------------


def _reading(node: Node, kind: types.SqlType, names: NamedNodes, path: str) -> Convert:
    """From a tree (never None) to a value."""
    node = names.resolve(node)
    if isinstance(node, list):
        branch = only_branch(node)
        if branch is None:
            raise Incompatible(None, kind, path)
        return _reading(branch, kind, names, path)
    match kind:
        case types.Struct():
            return _reading_struct(node, kind, names, path)
        case types.Array(item):
            if type_name(node) != "array":
                raise Incompatible(infer(node, names), kind, path)
            each = _nullable(_reading(node["items"], item, names, f"{path}[]"))
            return list if each is same else lambda values: [each(value) for value in values]
        case types.Map(key, value):
            return _reading_map(node, key, value, names, path)
    source = infer(node, names)
    convert = scalar(source, kind, path)
    if isinstance(source, types.Decimal):
        scale = source.scale
        return lambda data: convert(scaled(data, scale))
    return convert


def _reading_struct(node: Node, kind: types.Struct, names: NamedNodes, path: str) -> Convert:
    if type_name(node) not in ("record", "error"):
        raise Incompatible(infer(node, names), kind, path)
    held = {field["name"]: field for field in node["fields"]}
    parts: list[tuple[str, Convert]] = []
    for name, inner in kind.fields:
        field = member(held, name)
        if field is None:
            parts.append(("", same))
        else:
            parts.append((field["name"], _nullable(_reading(field["type"], inner, names, f"{path}.{name}"))))
    make = types.python_type(kind)
    return lambda tree: make(*[convert(tree.get(name)) for name, convert in parts])


def _reading_map(
    node: Node, key: types.SqlType, value: types.SqlType, names: NamedNodes, path: str
) -> Convert:
    if type_name(node) == "map":
        inner = _nullable(_reading(node["values"], value, names, f"{path}.value"))
        return lambda tree: {name: inner(each) for name, each in tree.items()}
    item: Node = names.resolve(node["items"]) if type_name(node) == "array" else None
    # Any array of key and value is taken for a map when a map is what is wanted.
    fields = {field["name"]: field["type"] for field in item["fields"]} if type_name(item) == "record" else {}
    if fields.keys() != {"key", "value"}:
        raise Incompatible(infer(node, names), types.Map(key, value), path)
    of_key = _reading(fields["key"], key, names, f"{path}.key")
    of_value = _nullable(_reading(fields["value"], value, names, f"{path}.value"))
    return lambda tree: {of_key(each["key"]): of_value(each["value"]) for each in tree}


# --- writing -----------------------------------------------------------------------------------------


def _writing(node: Node, kind: types.SqlType, names: NamedNodes, path: str) -> Convert:
    """From a value (never None) to what fastavro takes."""
    node = names.resolve(node)
    if isinstance(node, list):
        branch = only_branch(node)
        if branch is None:
            raise Incompatible(None, kind, path)
        return _writing(branch, kind, names, path)
    match kind:
        case types.Struct():
            return _writing_struct(node, kind, names, path)
        case types.Array(item):
            if type_name(node) != "array":
                raise Incompatible(infer(node, names), kind, path)
            each = _nullable(_writing(node["items"], item, names, f"{path}[]"))
            return same if each is same else lambda values: [each(value) for value in values]
        case types.Map(key, value):
            return _writing_map(node, key, value, names, path)
    return _writing_scalar(node, kind, names, path)


def _writing_scalar(node: Node, kind: types.SqlType, names: NamedNodes, path: str) -> Convert:
    target = infer(node, names)
    if target is None:
        raise Incompatible(target, kind, path)
    if isinstance(target, types.Decimal) and isinstance(kind, types.Decimal):
        fitted = scalar(kind, target, path)
        return lambda value: unscaled(fitted(value))
    return scalar(kind, target, path)


def _writing_struct(node: Node, kind: types.Struct, names: NamedNodes, path: str) -> Convert:
    """A NULL is left out where the schema has no null: then its default counts, or the row is refused."""
    if type_name(node) not in ("record", "error"):
        raise Incompatible(infer(node, names), kind, path)
    columns = {name: (f"c{place}", inner) for place, (name, inner) in enumerate(kind.fields)}
    always: list[tuple[str, str, Convert]] = []
    present: list[tuple[str, str, Convert]] = []
    for field in node["fields"]:
        found = member(columns, field["name"])
        if found is None:
            continue
        attribute, inner = found
        convert = _writing(field["type"], inner, names, f"{path}.{field['name']}")
        takes_null = "null" in field["type"] if isinstance(field["type"], list) else field["type"] == "null"
        (always if takes_null else present).append((field["name"], attribute, _nullable(convert)))

    def write(value: Any) -> dict[str, Any]:
        made = {name: convert(getattr(value, attribute)) for name, attribute, convert in always}
        for name, attribute, convert in present:
            cell = getattr(value, attribute)
            if cell is not None:
                made[name] = convert(cell)
        return made

    return write


def _writing_map(
    node: Node, key: types.SqlType, value: types.SqlType, names: NamedNodes, path: str
) -> Convert:
    if type_name(node) == "map":
        inner = _nullable(_writing(node["values"], value, names, f"{path}.value"))
        return lambda held: {name: inner(each) for name, each in held.items()}
    entry = map_entry(node, names)
    if entry is None:
        raise Incompatible(infer(node, names), types.Map(key, value), path)
    fields = {field["name"]: field["type"] for field in entry["fields"]}
    of_key = _writing(fields["key"], key, names, f"{path}.key")
    of_value = _nullable(_writing(fields["value"], value, names, f"{path}.value"))
    return lambda held: [{"key": of_key(name), "value": of_value(each)} for name, each in held.items()]
