"""JSON_SR: JSON behind a schema id, and the JSON schemas that Connect's converter makes and reads.

In:  SQL types. Out: a draft-07 schema as ksqlDB registers it; of any such schema the SQL type; framed codecs.

    INTEGER   {"type": "integer", "connect.type": "int32"}
    column    {"connect.index": 0, "oneOf": [{"type": "null"}, <its type>]}

The data is read by its members' names as JSON is, whatever the writer's schema says, as ksqlDB does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock import types
from penstock.errors import RecordError
from penstock.formats.codec import Decoded
from penstock.formats.coerce import Incompatible, member, scalar
from penstock.formats.framed import HEADER, FramedValues, Properties, Read, Write, schema_id_of
from penstock.formats.json_fast import JsonReader
from penstock.formats.json_write import JsonWriter
from penstock.formats.registry import JSON, RegisteredSchema, Subject

Node = dict[str, Any]
CONNECT = "org.apache.kafka.connect.data."
DECIMAL_PRECISION_DEFAULT = 64
DEPTH_MAX = 50

SCALARS: dict[types.SqlType, Node] = {
    types.BOOLEAN: {"type": "boolean"},
    types.INTEGER: {"type": "integer", "connect.type": "int32"},
    types.BIGINT: {"type": "integer", "connect.type": "int64"},
    types.DOUBLE: {"type": "number", "connect.type": "float64"},
    types.STRING: {"type": "string"},
    types.BYTES: {"type": "string", "connect.type": "bytes"},
    types.TIME: {"type": "integer", "title": f"{CONNECT}Time", "connect.version": 1, "connect.type": "int32"},
    types.DATE: {"type": "integer", "title": f"{CONNECT}Date", "connect.version": 1, "connect.type": "int32"},
    types.TIMESTAMP: {
        "type": "integer",
        "title": f"{CONNECT}Timestamp",
        "connect.version": 1,
        "connect.type": "int64",
    },
}
assert SCALARS.keys() == set(types.PRIMITIVES.values())


def node_of(kind: types.SqlType) -> Node:
    match kind:
        case types.Decimal(precision, scale):
            return {
                "type": "number",
                "title": f"{CONNECT}Decimal",
                "connect.version": 1,
                "connect.type": "bytes",
                "connect.parameters": {"scale": str(scale), "connect.decimal.precision": str(precision)},
            }
        case types.Array(item):
            return {"type": "array", "items": nullable(node_of(item))}
        case types.Map(_, value):
            inner = nullable(node_of(value))
            return {"type": "object", "connect.type": "map", "additionalProperties": inner}
        case types.Struct(fields):
            properties = {
                name: {"connect.index": place, **nullable(node_of(field))}
                for place, (name, field) in enumerate(fields)
            }
            return {"type": "object", "properties": properties}
    return SCALARS[kind]


def nullable(node: Node) -> Node:
    return {"oneOf": [{"type": "null"}, node]}


# --- what a schema describes -------------------------------------------------------------------------


def infer(node: Any, root: Node, depth: int = 0) -> types.SqlType | None:
    """None for what SQL has no type for."""
    if not isinstance(node, dict) or depth > DEPTH_MAX:
        return None
    if "$ref" in node:
        return infer(_target(str(node["$ref"]), root), root, depth + 1)
    for union in ("oneOf", "anyOf", "allOf"):
        if union in node:
            branches = [branch for branch in node[union] if branch.get("type") != "null"]
            return infer(branches[0], root, depth + 1) if len(branches) == 1 else None
    name = node.get("type")
    if isinstance(name, list):
        names = [each for each in name if each != "null"]
        return infer({**node, "type": names[0]}, root, depth + 1) if len(names) == 1 else None
    if name is None and "enum" in node:
        return types.STRING
    found = INFERRED.get(name) if isinstance(name, str) else None
    return None if found is None else found(node, root, depth + 1)


def _target(reference: str, root: Node) -> Any:
    """A pointer inside of the document: #/definitions/Item."""
    found: Any = root if reference.startswith("#") else None
    for part in reference.removeprefix("#").split("/"):
        if part:
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found


def _titled(node: Node) -> types.SqlType | None:
    title = str(node.get("title", "")).removeprefix(CONNECT)
    if title == "Decimal":
        parameters = node.get("connect.parameters") or {}
        precision = int(parameters.get("connect.decimal.precision", DECIMAL_PRECISION_DEFAULT))
        return types.Decimal(precision, int(parameters.get("scale", 0)))
    return {"Date": types.DATE, "Time": types.TIME, "Timestamp": types.TIMESTAMP}.get(title)


def _whole(node: Node, root: Node, depth: int) -> types.SqlType:
    small = node.get("connect.type") in ("int8", "int16", "int32")
    return _titled(node) or (types.INTEGER if small else types.BIGINT)


def _number(node: Node, root: Node, depth: int) -> types.SqlType:
    return _titled(node) or types.DOUBLE


def _boolean(node: Node, root: Node, depth: int) -> types.SqlType:
    return types.BOOLEAN


def _text(node: Node, root: Node, depth: int) -> types.SqlType:
    return types.BYTES if node.get("connect.type") == "bytes" else types.STRING


def _array(node: Node, root: Node, depth: int) -> types.SqlType | None:
    item = infer(node.get("items"), root, depth)
    if item is None:
        return None
    if node.get("connect.type") == "map" and isinstance(item, types.Struct):
        key, value = item.field("key"), item.field("value")
        return types.Map(key[1], value[1]) if key and value else None
    return types.Array(item)


def _object(node: Node, root: Node, depth: int) -> types.SqlType | None:
    extra = node.get("additionalProperties")
    if node.get("connect.type") == "map" or ("properties" not in node and isinstance(extra, dict)):
        value = infer(extra, root, depth)
        return None if value is None else types.Map(types.STRING, value)
    properties = node.get("properties") or {}
    placed = sorted(
        (each.get("connect.index", place) if isinstance(each, dict) else place, name, each)
        for place, (name, each) in enumerate(properties.items())
    )
    fields = [(name, infer(each, root, depth)) for _, name, each in placed]
    return types.Struct(tuple((name, field) for name, field in fields if field is not None))


INFERRED: dict[str, Callable[[Node, Node, int], types.SqlType | None]] = {
    "integer": _whole,
    "number": _number,
    "boolean": _boolean,
    "string": _text,
    "array": _array,
    "object": _object,
}


# --- rows as a given schema wants them ---------------------------------------------------------------


def conforming(source: types.SqlType, target: types.SqlType, path: str = "$") -> Callable[[Any], Any]:
    """Values of one type as values of another: STRUCT fields by name, missing ones NULL."""
    if source == target:
        return lambda value: value
    match source, target:
        case types.Struct(), types.Struct():
            return _conforming_struct(source, target, path)
        case types.Array(inner), types.Array(wanted):
            item = conforming(inner, wanted, f"{path}[]")
            return lambda values: [None if value is None else item(value) for value in values]
        case types.Map(_, inner), types.Map(_, wanted):
            each = conforming(inner, wanted, f"{path}.value")
            return lambda held: {key: None if value is None else each(value) for key, value in held.items()}
        case (types.BIGINT, types.INTEGER) | (types.INTEGER | types.BIGINT, types.DOUBLE):
            return lambda value: value
    return scalar(source, target, path)


def _conforming_struct(source: types.Struct, target: types.Struct, path: str) -> Callable[[Any], Any]:
    held = {name: (f"c{place}", field) for place, (name, field) in enumerate(source.fields)}
    parts: list[tuple[str, Callable[[Any], Any]]] = []
    for name, field in target.fields:
        found = member(held, name)
        attribute, kind = found or ("", field)
        parts.append((attribute, conforming(kind, field, f"{path}.{name}")))
    make = types.python_type(target)

    def convert(value: Any) -> Any:
        cells = [getattr(value, attribute) if attribute else None for attribute, _ in parts]
        return make(
            *[None if cell is None else part(cell) for cell, (_, part) in zip(cells, parts, strict=True)]
        )

    return convert


# --- the dialect and the codec -----------------------------------------------------------------------


class JsonSchemas:
    kind = JSON

    def schema_text(self, kind: types.SqlType, properties: Properties) -> str:
        node = node_of(kind)
        return json.dumps(node if "wrapped" in properties else nullable(node), separators=(",", ":"))

    def parse(self, schema: RegisteredSchema, imports: Mapping[str, str]) -> Any:
        try:
            return json.loads(schema.text)
        except ValueError as problem:
            raise RecordError(f"Schema {schema.id} is not JSON: {problem}") from problem

    def infer(self, parsed: Any, properties: Properties) -> types.SqlType | None:
        return infer(parsed, parsed)

    def reader(self, parsed: Any, kind: types.SqlType) -> Read:
        reader = JsonReader(kind)

        def read(data: bytes) -> Any:
            decoded = reader.decode([data])
            if decoded.failures:
                raise RecordError(decoded.failures[0])
            return decoded.values[0]

        return read

    def writer(self, parsed: Any, kind: types.SqlType, properties: Properties) -> Write:
        target = infer(parsed, parsed)
        if target is None:
            raise Incompatible(target, kind, "$")
        convert, encode = conforming(kind, target), JsonWriter(target).encode

        def write(value: Any) -> bytes:
            payloads, failures = encode([convert(value)])
            if payloads[0] is None:
                raise RecordError(failures[0])
            return payloads[0]

        return write


class FramedJson(FramedValues):
    """All payloads of a chunk are read and written at once by the codec of plain JSON."""

    def __init__(self, kind: types.SqlType, properties: Properties, subject: Subject) -> None:
        super().__init__(JsonSchemas(), kind, properties, subject)
        self._reader = JsonReader(kind)
        self._plain = None if "schema_id" in properties else JsonWriter(kind)
        # The reader hands a STRUCT over in the class of its shape: fine for a row, a key must be in its own.
        single = isinstance(kind, types.Struct) and "wrapped" not in properties
        self._class = types.python_type(kind) if single else None

    def decode(self, payloads: Sequence[bytes | None]) -> Decoded:
        bodies: list[bytes | None] = []
        unframed: dict[int, str] = {}
        for position, payload in enumerate(payloads):
            try:
                if payload is not None:
                    schema_id_of(payload)
                bodies.append(None if payload is None else payload[HEADER.size :])
            except RecordError as problem:
                bodies.append(None)
                unframed[position] = str(problem)
        decoded = self._reader.decode(bodies)
        values = decoded.values if self._class is None else [self._own(value) for value in decoded.values]
        return Decoded(values, {**decoded.failures, **unframed})

    def _own(self, value: Any) -> Any:
        make = self._class
        if value is None or make is None or type(value) is make:
            return value
        return make(*[getattr(value, attribute) for attribute in make.__struct_fields__])

    def encode(self, values: Sequence[Any]) -> tuple[list[bytes | None], Mapping[int, str]]:
        if self._plain is None:
            return super().encode(values)
        header, _ = self._write or self._make_writer()
        payloads, failures = self._plain.encode(values)
        return [None if payload is None else header + payload for payload in payloads], failures
