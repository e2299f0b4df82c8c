"""JSON Schema as a kind of schema: drafts 4, 6, 7, 2019-09 and 2020-12.

In:  a text and the texts of its references.  Out: Parsed; for two of them what the new one can't read.

    json_schema_text       text <-> values, numbers as they were written
    json_schema_documents  every subschema in its place, every $ref settled    (_keywords, _patterns)
    json_schema_nodes      a place becomes a node of one kind
    json_schema_compare    two nodes become changes                            (_rules, _combined)
    json_schema_changes    the table: each change, and whether readers survive it
    json_schema_tags       tags written into a schema
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schema_registry.json_schema_changes import CHANGES, Change
from schema_registry.json_schema_compare import changes_between
from schema_registry.json_schema_documents import Place, settle, unlinked
from schema_registry.json_schema_nodes import ObjectNode, read
from schema_registry.json_schema_tags import tagged_value, tags_of
from schema_registry.json_schema_text import read_json, write_json, write_sorted
from schema_registry.schemas import JSON, STRICT, Difference, InvalidSchema, TagChange

RESERVED_PREFIX = "$$"


@dataclass(frozen=True, slots=True, eq=False)
class JsonSchema:
    """A JSON Schema that was understood."""

    text: str
    value: Any
    top: Place

    def normalized(self) -> str:
        return write_sorted(self.value)

    def formatted(self, name: str) -> str:
        return self.text

    def check(self, *, fields: bool) -> None:
        """parse() has looked at everything but the names, which only validateFields asks for."""
        if not fields:
            return
        for place in self.top.resource.document.places.values():
            for name in place.raw.get("properties", {}):
                if name.startswith(RESERVED_PREFIX):
                    where = "/".join((*unlinked(place.path), "properties", name))
                    raise InvalidSchema(
                        f"#/{where} starts with {RESERVED_PREFIX}, which is reserved. Choose another name."
                    )

    def top_level_fields(self) -> Sequence[str]:
        node = read(self.top)
        return tuple(node.properties) if isinstance(node, ObjectNode) else ()

    def tags(self) -> Sequence[TagChange]:
        return tags_of(self.value)

    def tagged(self, add: Sequence[TagChange], remove: Sequence[TagChange]) -> str:
        return write_json(tagged_value(read_json(self.text), add, remove))


class JsonKind:
    """JSON Schema, as SchemaKind asks for it."""

    name = JSON

    def parse(self, text: str, references: Mapping[str, str]) -> JsonSchema:
        value = read_json(text)
        return JsonSchema(write_json(value), value, settle(value, references))

    def compatibility(self, new: JsonSchema, old: JsonSchema, policy: str = STRICT) -> list[Difference]:
        return [
            Difference(change.kind, change.path, change.message)
            for change in self.changes(new, old, policy)
            if not CHANGES[change.kind].compatible(policy)
        ]

    def changes(self, new: JsonSchema, old: JsonSchema, policy: str = STRICT) -> list[Change]:
        """Every change from old to new, also the harmless ones."""
        return changes_between(old.top, new.top, policy)


KIND = JsonKind()
