"""An Avro schema becomes text in the layout of Avro's Java library, attributes in its order.

In:  a tree of avro_types.py. Out: JSON text without white space; named types of references stay names.

`sort` also sorts what has no order of its own (the props), as `normalize=true` asks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from schema_registry.avro_types import (
    NOTHING,
    PRIMITIVES,
    Array,
    AvroType,
    Definition,
    Enum,
    Field,
    Fixed,
    Map,
    Named,
    Primitive,
    Props,
    Record,
    Union,
    bare_name,
    space_of,
)

NOTHING_INLINE: Mapping[str, Definition] = {}


class Printer:
    """`inline` are named types to be written out where first used (the format `resolved`)."""

    def __init__(self, sort: bool = False, inline: Mapping[str, Definition] = NOTHING_INLINE) -> None:
        self.sort = sort
        self.inline = inline
        self.written: set[str] = set()

    def text(self, tree: AvroType) -> str:
        return json.dumps(self.type(tree, ""), ensure_ascii=False, separators=(",", ":"))

    def type(self, tree: AvroType, space: str) -> Any:
        match tree:
            case Primitive():
                return {"type": tree.name, **self.props(tree.props)} if tree.props else tree.name
            case Named():
                return self.named(tree, space)
            case Union():
                return [self.type(branch, space) for branch in tree.branches]
            case Array():
                return {"type": "array", "items": self.type(tree.items, space), **self.props(tree.props)}
            case Map():
                return {"type": "map", "values": self.type(tree.values, space), **self.props(tree.props)}
        return self.definition(tree, space)

    def named(self, tree: Named, space: str) -> Any:
        if tree.full_name in self.inline and tree.full_name not in self.written:
            return self.definition(self.inline[tree.full_name], space)
        near = space_of(tree.full_name) == space and bare_name(tree.full_name) not in PRIMITIVES
        return bare_name(tree.full_name) if near else tree.full_name

    def definition(self, tree: Definition, space: str) -> dict[str, Any]:
        self.written.add(tree.full_name)
        own = space_of(tree.full_name)
        out: dict[str, Any] = {"type": WORDS[type(tree)], "name": bare_name(tree.full_name)}
        if own != space:
            out["namespace"] = own
        if tree.doc is not None:
            out["doc"] = tree.doc
        match tree:
            case Record():
                out["type"] = "error" if tree.error else "record"
                out["fields"] = [self.field(field, own) for field in tree.fields]
            case Enum():
                out["symbols"] = list(tree.symbols)
                if tree.default is not None:
                    out["default"] = tree.default
            case Fixed():
                out["size"] = tree.size
        out.update(self.props(tree.props))
        if tree.aliases:
            out["aliases"] = [bare_name(one) if space_of(one) == own else one for one in tree.aliases]
        return out

    def field(self, field: Field, space: str) -> dict[str, Any]:
        out: dict[str, Any] = {"name": field.name, "type": self.type(field.type, space)}
        if field.doc is not None:
            out["doc"] = field.doc
        if field.default is not NOTHING:
            out["default"] = field.default
        if field.order != "ascending":
            out["order"] = field.order
        if field.aliases:
            out["aliases"] = list(field.aliases)
        out.update(self.props(field.props))
        return out

    def props(self, props: Props) -> Props:
        return in_order(props) if self.sort else props


def in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: in_order(one) for key, one in sorted(value.items())}
    return [in_order(one) for one in value] if isinstance(value, list) else value


WORDS: Mapping[type[Definition], str] = {Record: "record", Enum: "enum", Fixed: "fixed"}
