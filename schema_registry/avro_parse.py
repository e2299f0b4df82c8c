"""JSON becomes an Avro schema, by the rules of Avro's own parser (Java, 1.12).

In:  a schema's JSON and the named types that references bring.
Out: the tree of avro_types.py and the named types it defines; InvalidSchema with the place for anything else.

A name may be used before it is defined. What is wrong with names' letters and with defaults is not looked
at here: those rules hold for new schemas only (avro_check.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from schema_registry.avro_shared import PLAIN, Sharing
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
    space_of,
    type_word,
)
from schema_registry.schemas import InvalidSchema

NAMED_KEYS = ("type", "name", "namespace", "doc", "aliases")
KNOWN_KEYS: Mapping[str, tuple[str, ...]] = {
    "record": (*NAMED_KEYS, "fields"),
    "error": (*NAMED_KEYS, "fields"),
    "enum": (*NAMED_KEYS, "symbols", "default"),
    "fixed": (*NAMED_KEYS, "size"),
    "array": ("type", "items"),
    "map": ("type", "values"),
}
FIELD_KEYS = ("name", "type", "doc", "default", "order", "aliases")
ORDERS = ("ascending", "descending", "ignore")


class Parser:
    """One text. `names` are the definitions met so far; `used` the names to be found in the end."""

    def __init__(self, known: Mapping[str, Definition]) -> None:
        self.known = known
        self.names: dict[str, Definition | None] = {}
        self.used: dict[str, str] = {}
        self.sharing = Sharing()

    def parse(self, tree: Any) -> AvroType:
        found = self.type(tree, "", "#")
        for name, path in self.used.items():
            if name not in self.names and name not in self.known:
                raise InvalidSchema(
                    f'Undefined name: "{name}" at {path}. Define it, or add a reference that brings it.'
                )
        return found

    def type(self, tree: Any, space: str, path: str) -> AvroType:
        if isinstance(tree, str) and tree in PLAIN:
            return PLAIN[tree]
        made = self.sharing.shared(self.made(tree, space, path))
        if isinstance(made, Record | Enum | Fixed):
            self.names[made.full_name] = made
        return made

    def made(self, tree: Any, space: str, path: str) -> AvroType:
        if isinstance(tree, str):
            return self.named(tree, space, path)
        if isinstance(tree, list):
            return self.union(tree, space, path)
        if not isinstance(tree, dict):
            raise InvalidSchema(f"A schema is a name, a list or an object, not {tree!r}, at {path}.")
        if "type" not in tree:
            raise InvalidSchema(f'No type: the object at {path} has no "type".')
        return self.object(tree, tree["type"], space, path)

    def object(self, tree: Props, word: Any, space: str, path: str) -> AvroType:
        if not isinstance(word, str):
            return self.type(word, space, f"{path}/type")
        builder = BUILDERS.get(word)
        if builder is not None:
            return builder(self, tree, space, path)
        if word in PRIMITIVES:
            props = {key: value for key, value in tree.items() if key != "type"}
            return Primitive(word, props) if props else PLAIN[word]
        return self.named(word, space, path)

    def named(self, word: str, space: str, path: str) -> AvroType:
        name = word if "." in word or not space else f"{space}.{word}"
        if name not in self.names and name not in self.known and (word in self.names or word in self.known):
            name = word
        self.used.setdefault(name, path)
        return Named(name)

    def union(self, tree: list[Any], space: str, path: str) -> Union:
        branches = tuple(self.type(one, space, f"{path}/{at}") for at, one in enumerate(tree))
        words = [type_word(one) for one in branches]
        if "union" in words:
            raise InvalidSchema(f"Nested union at {path}: a union may not hold a union directly.")
        for word in words:
            if words.count(word) > 1:
                raise InvalidSchema(f"Duplicate in union: {word} at {path}.")
        return Union(branches)

    def define(self, tree: Props, space: str, path: str) -> str:
        """The full name of a definition, which is taken from here on."""
        name, own = tree.get("name"), tree.get("namespace")
        if not isinstance(name, str) or not name:
            raise InvalidSchema(f'No name: the {tree["type"]} at {path} has no "name".')
        if own is not None and not isinstance(own, str):
            raise InvalidSchema(f"The namespace of {name} at {path} is not a text.")
        within = space if own is None else own
        full = name.lstrip(".") if "." in name else f"{within}.{name}" if within else name
        if full in PRIMITIVES:
            raise InvalidSchema(f"Schemas may not be named after primitives: {full} at {path}.")
        if full in self.names:
            raise InvalidSchema(f"Can't redefine: {full} at {path}.")
        self.names[full] = None
        return full

    def record(self, tree: Props, space: str, path: str) -> Record:
        full = self.define(tree, space, path)
        listed = tree.get("fields")
        if not isinstance(listed, list):
            raise InvalidSchema(f"Record has no fields: {full} at {path}.")
        inner = space_of(full)
        fields = tuple(self.field(one, inner, f"{path}/fields/{at}") for at, one in enumerate(listed))
        names: set[str] = set()
        for one in fields:
            if one.name in names:
                raise InvalidSchema(f"Duplicate field {one.name} in record {full}.")
            names.add(one.name)
        return Record(
            full,
            fields,
            doc_of(tree),
            full_aliases(tree, inner, path),
            rest_of(tree),
            tree["type"] == "error",
        )

    def field(self, tree: Any, space: str, path: str) -> Field:
        if not isinstance(tree, dict) or not isinstance(tree.get("name"), str):
            raise InvalidSchema(f'No field name: the field at {path} has no "name".')
        if "type" not in tree:
            raise InvalidSchema(f"No field type: field {tree['name']} at {path} has none.")
        order = tree.get("order", "ascending")
        if not isinstance(order, str) or order.lower() not in ORDERS:
            raise InvalidSchema(f"The order of field {tree['name']} at {path} is one of {', '.join(ORDERS)}.")
        return Field(
            tree["name"],
            self.type(tree["type"], space, f"{path}/type"),
            tree.get("default", NOTHING),
            doc_of(tree),
            order.lower(),
            texts(tree, "aliases", path),
            {key: value for key, value in tree.items() if key not in FIELD_KEYS},
        )

    def enum(self, tree: Props, space: str, path: str) -> Enum:
        full = self.define(tree, space, path)
        if not isinstance(tree.get("symbols"), list):
            raise InvalidSchema(f"Enum has no symbols: {full} at {path}.")
        symbols, default = texts(tree, "symbols", path), tree.get("default")
        if len(set(symbols)) < len(symbols):
            raise InvalidSchema(f"Duplicate enum symbol in {full} at {path}.")
        if default is not None and default not in symbols:
            raise InvalidSchema(f"The Enum Default: {default} is not in the enum symbol set: {list(symbols)}")
        return Enum(
            full, symbols, default, doc_of(tree), full_aliases(tree, space_of(full), path), rest_of(tree)
        )

    def fixed(self, tree: Props, space: str, path: str) -> Fixed:
        full, size = self.define(tree, space, path), tree.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise InvalidSchema(f"Invalid or no size: fixed {full} at {path} needs a whole number from 0 up.")
        return Fixed(full, size, doc_of(tree), full_aliases(tree, space_of(full), path), rest_of(tree))

    def array(self, tree: Props, space: str, path: str) -> Array:
        if "items" not in tree:
            raise InvalidSchema(f"Array has no items type at {path}.")
        return Array(self.type(tree["items"], space, f"{path}/items"), rest_of(tree))

    def map(self, tree: Props, space: str, path: str) -> Map:
        if "values" not in tree:
            raise InvalidSchema(f"Map has no values type at {path}.")
        return Map(self.type(tree["values"], space, f"{path}/values"), rest_of(tree))


BUILDERS: Mapping[str, Callable[[Parser, Props, str, str], AvroType]] = {
    "record": Parser.record,
    "error": Parser.record,
    "enum": Parser.enum,
    "fixed": Parser.fixed,
    "array": Parser.array,
    "map": Parser.map,
}
assert BUILDERS.keys() == KNOWN_KEYS.keys()


def doc_of(tree: Props) -> str | None:
    doc = tree.get("doc")
    return doc if isinstance(doc, str) else None


def rest_of(tree: Props) -> Props:
    known = KNOWN_KEYS[tree["type"]]
    return {key: value for key, value in tree.items() if key not in known}


def texts(tree: Props, key: str, path: str) -> tuple[str, ...]:
    found = tree.get(key) or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise InvalidSchema(f'"{key}" at {path} is a list of texts.')
    return tuple(found)


def full_aliases(tree: Props, space: str, path: str) -> tuple[str, ...]:
    return tuple(
        name if "." in name or not space else f"{space}.{name}" for name in texts(tree, "aliases", path)
    )
