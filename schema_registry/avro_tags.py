"""Tags inside an Avro schema: the prop `confluent:tags` of a record or of a field.

In:  a tree, and changes that name an entity by its dotted path: ns.Record, ns.Record.field.
Out: the tags that stand there, or the tree with the changes made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from schema_registry.avro_check import walk
from schema_registry.avro_types import Array, AvroType, Field, Map, Props, Record, Union
from schema_registry.schemas import InvalidSchema, TagChange

TAGS = "confluent:tags"
RECORD, FIELD = "sr_record", "sr_field"

Change = Callable[[str, str, Props], Props]


def tags(tree: AvroType) -> list[TagChange]:
    found: list[TagChange] = []
    for one in walk(tree):
        if isinstance(one, Record):
            entities = [(one.full_name, RECORD, one.props)]
            entities += [(f"{one.full_name}.{field.name}", FIELD, field.props) for field in one.fields]
            found += [
                TagChange(path, kind, tags_of(props)) for path, kind, props in entities if tags_of(props)
            ]
    return found


def tags_of(props: Props) -> tuple[str, ...]:
    value: Any = props.get(TAGS)
    return tuple(value) if isinstance(value, list) else ()


def tagged(tree: AvroType, add: Sequence[TagChange], remove: Sequence[TagChange]) -> AvroType:
    met: set[tuple[str, str]] = set()

    def change(path: str, kind: str, props: Props) -> Props:
        met.add((path, kind))
        kept = [tag for tag in tags_of(props) if tag not in named(remove, path, kind)]
        kept += [tag for tag in named(add, path, kind) if tag not in kept]
        others = {key: value for key, value in props.items() if key != TAGS}
        return {**others, TAGS: kept} if kept else others

    changed = rebuilt(tree, change)
    for one in (*add, *remove):
        if (one.path, one.type) not in met:
            raise InvalidSchema(f"No {one.type} '{one.path}' to put tags on or take them from.")
    return changed


def named(changes: Sequence[TagChange], path: str, kind: str) -> list[str]:
    return [tag for one in changes if (one.path, one.type) == (path, kind) for tag in one.tags]


def rebuilt(tree: AvroType, change: Change) -> AvroType:
    match tree:
        case Record():
            fields = tuple(rebuilt_field(field, tree.full_name, change) for field in tree.fields)
            return replace(tree, fields=fields, props=change(tree.full_name, RECORD, tree.props))
        case Union():
            return Union(tuple(rebuilt(branch, change) for branch in tree.branches))
        case Array():
            return replace(tree, items=rebuilt(tree.items, change))
        case Map():
            return replace(tree, values=rebuilt(tree.values, change))
    return tree


def rebuilt_field(field: Field, record: str, change: Change) -> Field:
    props = change(f"{record}.{field.name}", FIELD, field.props)
    return replace(field, type=rebuilt(field.type, change), props=props)
