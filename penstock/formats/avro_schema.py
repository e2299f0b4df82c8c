"""Avro schemas as Connect's converter makes them of SQL types, and the SQL types that Avro schemas stand for.

In:  SQL types, schemas as fastavro parses them. Out: the schema ksqlDB registers; the type of any schema.

    V INTEGER          {"name": "V", "type": ["null", "int"], "default": null}
    M MAP<STRING, T>   an array of MapEntry records, since Connect's map keys may be null
    S STRUCT<...>      a record named <outer record>_S
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from penstock import types
from penstock.errors import StatementError

Node = Any
NAMESPACE = "io.confluent.ksql.avro_schemas"
DEFAULT_NAME = f"{NAMESPACE}.KsqlDataSourceSchema"
CONNECT = "org.apache.kafka.connect.data."
MAP_ENTRY = "MapEntry"
INTERNAL_TYPE = "connect.internal.type"
PRECISION_DEFAULT = 64

INITIAL, FOLLOWING = re.compile(r"[^\W\d]"), re.compile(r"\w*\Z")

SCALARS: dict[types.SqlType, Node] = {
    types.BOOLEAN: "boolean",
    types.INTEGER: "int",
    types.BIGINT: "long",
    types.DOUBLE: "double",
    types.STRING: "string",
    types.BYTES: "bytes",
    types.TIME: {
        "type": "int",
        "connect.version": 1,
        "connect.name": f"{CONNECT}Time",
        "logicalType": "time-millis",
    },
    types.DATE: {
        "type": "int",
        "connect.version": 1,
        "connect.name": f"{CONNECT}Date",
        "logicalType": "date",
    },
    types.TIMESTAMP: {
        "type": "long",
        "connect.version": 1,
        "connect.name": f"{CONNECT}Timestamp",
        "logicalType": "timestamp-millis",
    },
}
assert SCALARS.keys() == set(types.PRIMITIVES.values())


def node_of(kind: types.SqlType, name: str, outermost: bool = False) -> Node:
    """`name`: the full name of a record made for the type; inner ones stand in the namespace of the outer."""
    match kind:
        case types.Decimal(precision, scale):
            return {
                "type": "bytes",
                "scale": scale,
                "precision": precision,
                "connect.version": 1,
                "connect.parameters": {"scale": str(scale), "connect.decimal.precision": str(precision)},
                "connect.name": f"{CONNECT}Decimal",
                "logicalType": "decimal",
            }
        case types.Array(item):
            return {"type": "array", "items": ["null", node_of(item, name, outermost)]}
        case types.Map(key, value):
            fields = [("key", key, f"{name}_MapKey"), ("value", value, f"{name}_MapValue")]
            return {"type": "array", "items": _record(name, fields, outermost, {INTERNAL_TYPE: MAP_ENTRY})}
        case types.Struct(fields):
            return _record(name, [(field, inner, f"{name}_{field}") for field, inner in fields], outermost)
    return SCALARS[kind]


def _record(
    name: str,
    fields: list[tuple[str, types.SqlType, str]],
    outermost: bool,
    extra: Mapping[str, str] = MappingProxyType({}),
) -> Node:
    namespace, _, last = name.rpartition(".")
    return {
        "type": "record",
        "name": last,
        **({"namespace": namespace} if namespace and outermost else {}),
        "fields": [
            {"name": field, "type": ["null", node_of(kind, inner)], "default": None}
            for field, kind, inner in fields
        ],
        **extra,
        "connect.name": name,
    }


def check_names(kind: types.SqlType) -> None:
    """Names that Avro can't hold are refused when the statement comes."""
    for name in _names(kind):
        if not INITIAL.match(name):
            raise StatementError(f"Schema is not compatible with Avro: Illegal initial character: {name}")
        if not FOLLOWING.match(name):
            raise StatementError(f"Schema is not compatible with Avro: Illegal character in: {name}")


def _names(kind: types.SqlType) -> Iterator[str]:
    match kind:
        case types.Array(item):
            yield from _names(item)
        case types.Map(_, value):
            yield from _names(value)
        case types.Struct(fields):
            for name, field in fields:
                yield name
                yield from _names(field)


def key_schema_name(source: str) -> str:
    """LEFT_TABLE -> io.confluent.ksql.avro_schemas.LeftTableKey"""
    camel = "".join(word[:1].upper() + word[1:].lower() for word in source.split("_"))
    return f"{NAMESPACE}.{camel}Key"


# --- what a schema stands for ------------------------------------------------------------------------


class NamedNodes:
    """The records, enums and fixed types of a parsed schema by their full names."""

    def __init__(self, parsed: Node) -> None:
        self._nodes: dict[str, Node] = {}
        self._collect(parsed)

    def _collect(self, node: Node) -> None:
        if isinstance(node, list):
            for branch in node:
                self._collect(branch)
        if not isinstance(node, dict):
            return
        if "name" in node:
            self._nodes[node["name"]] = node
        for part in ("items", "values", "type"):
            self._collect(node.get(part))
        for field in node.get("fields", ()):
            self._collect(field["type"])

    def resolve(self, node: Node) -> Node:
        """A name as what it names; {"type": <schema>} as the schema itself."""
        if isinstance(node, str):
            return self._nodes.get(node, node)
        if isinstance(node, dict) and isinstance(node.get("type"), dict | list):
            return self.resolve(node["type"])
        return node


def type_name(node: Node) -> str:
    if isinstance(node, list):
        return "union"
    return str(node["type"]) if isinstance(node, dict) else str(node)


def only_branch(node: list[Node]) -> Node | None:
    """X of ["null", X]; None for other unions."""
    branches = [branch for branch in node if branch != "null"]
    return branches[0] if len(branches) == 1 else None


def map_entry(node: Node, names: NamedNodes) -> Node | None:
    """The entry record when an array stands for a map."""
    if type_name(node) != "array":
        return None
    item = names.resolve(node["items"])
    if isinstance(item, dict) and item.get("type") == "record":
        marked = item.get(INTERNAL_TYPE) == MAP_ENTRY or item["name"].rpartition(".")[2] == MAP_ENTRY
        if marked and {field["name"] for field in item["fields"]} == {"key", "value"}:
            return item
    return None


def infer(node: Node, names: NamedNodes, outer: tuple[int, ...] = ()) -> types.SqlType | None:
    """None for what SQL has no type for: unions of several types, records within themselves."""
    node = names.resolve(node)
    if id(node) in outer:
        return None
    found = INFERRED.get(type_name(node))
    return None if found is None else found(node, names, (*outer, id(node)) if _holds(node) else outer)


def _holds(node: Node) -> bool:
    return isinstance(node, dict) and node.get("type") == "record"


def _infer_union(node: Node, names: NamedNodes, outer: tuple[int, ...]) -> types.SqlType | None:
    branch = only_branch(node)
    return None if branch is None else infer(branch, names, outer)


def _infer_array(node: Node, names: NamedNodes, outer: tuple[int, ...]) -> types.SqlType | None:
    entry = map_entry(node, names)
    if entry is not None:
        sides = {field["name"]: infer(field["type"], names, outer) for field in entry["fields"]}
        key, value = sides["key"], sides["value"]
        return None if key is None or value is None else types.Map(key, value)
    item = infer(node["items"], names, outer)
    return None if item is None else types.Array(item)


def _infer_map(node: Node, names: NamedNodes, outer: tuple[int, ...]) -> types.SqlType | None:
    value = infer(node["values"], names, outer)
    return None if value is None else types.Map(types.STRING, value)


def _infer_record(node: Node, names: NamedNodes, outer: tuple[int, ...]) -> types.SqlType | None:
    fields = [(field["name"], infer(field["type"], names, outer)) for field in node["fields"]]
    return types.Struct(tuple((name, kind) for name, kind in fields if kind is not None))


def _logical(plain: types.SqlType, known: dict[str, types.SqlType]) -> Callable[..., types.SqlType]:
    def inferred(node: Node, names: NamedNodes, outer: tuple[int, ...]) -> types.SqlType:
        logical = node.get("logicalType") if isinstance(node, dict) else None
        return known.get(str(logical), plain)

    return inferred


def _infer_bytes(node: Node, names: NamedNodes, outer: tuple[int, ...]) -> types.SqlType:
    if not isinstance(node, dict) or node.get("logicalType") != "decimal":
        return types.BYTES
    return types.Decimal(int(node.get("precision", PRECISION_DEFAULT)), int(node.get("scale", 0)))


INFERRED: dict[str, Callable[..., types.SqlType | None]] = {
    "boolean": _logical(types.BOOLEAN, {}),
    "int": _logical(types.INTEGER, {"date": types.DATE, "time-millis": types.TIME}),
    "long": _logical(types.BIGINT, {"timestamp-millis": types.TIMESTAMP}),
    "float": _logical(types.DOUBLE, {}),
    "double": _logical(types.DOUBLE, {}),
    "string": _logical(types.STRING, {}),
    "enum": _logical(types.STRING, {}),
    "bytes": _infer_bytes,
    "fixed": _infer_bytes,
    "array": _infer_array,
    "map": _infer_map,
    "record": _infer_record,
    "error": _infer_record,
    "union": _infer_union,
}
