"""The kinds of schema that there are, by their name on the wire, and a bounded memory of what was parsed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from schema_registry import avro, json_schema, protobuf
from schema_registry.errors import invalid_schema
from schema_registry.schemas import NESTING_MAX, InvalidSchema, Parsed, SchemaKind

KINDS: Mapping[str, SchemaKind] = {one.name: one for one in (json_schema.KIND, protobuf.KIND, avro.KIND)}

REMEMBERED = 1000
REMEMBERED_BYTES_MAX = 100_000


def kind(name: str) -> SchemaKind:
    found = KINDS.get(name)
    if found is None:
        raise invalid_schema(f"Invalid schema type {name}. It is one of {', '.join(KINDS)}.")
    return found


def parse(name: str, text: str, references: Mapping[str, str]) -> Parsed:
    of = kind(name)
    if len(text) + sum(map(len, references.values())) > REMEMBERED_BYTES_MAX:
        return parsed(of.name, text, tuple(references.items()))
    return remembered(of.name, text, tuple(references.items()))


def parsed(name: str, text: str, references: tuple[tuple[str, str], ...]) -> Parsed:
    try:
        return KINDS[name].parse(text, dict(references))
    except RecursionError:
        raise InvalidSchema(f"The schema is nested too deeply: more than {NESTING_MAX} levels.") from None


remembered = lru_cache(REMEMBERED)(parsed)
