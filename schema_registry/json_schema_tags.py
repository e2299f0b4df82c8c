"""Tags written into a JSON Schema as `confluent:tags`: read, added and taken away.

In:  a schema's value. Out: its tags by path, or a value with others.

    object.address              sr_field   the property address of an object
    object.address.object       sr_record  the object that property holds
    object.lines.array.object.price        a property of the items of a list
    object.owner.oneof.1        the second member of a oneOf; definitions.Line, $defs.Line  a definition
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schema_registry.schemas import InvalidSchema, TagChange

TAGS = "confluent:tags"
FIELD, RECORD = "sr_field", "sr_record"
CRITERIA = {"allof": "allOf", "anyof": "anyOf", "oneof": "oneOf"}
ROOMS = ("definitions", "$defs")

Found = tuple[str, Any]


def tags_of(value: Any) -> list[TagChange]:
    """Every tagged place, from the top down."""
    found: list[TagChange] = []
    waiting: list[tuple[str, Any, str]] = [("", value, RECORD)]
    while waiting:
        path, schema, kind = waiting.pop()
        if not isinstance(schema, dict):
            continue
        tags = schema.get(TAGS)
        if isinstance(tags, list):
            own = path if kind == FIELD else dotted(path, "object")
            found.append(TagChange(own, kind, tuple(str(tag) for tag in tags)))
        waiting.extend(reversed([*steps(path, schema)]))
    return found


def steps(path: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    for name, each in mapping(schema, "properties").items():
        yield dotted(path, f"object.{name}"), each, FIELD
    if isinstance(schema.get("items"), dict):
        yield dotted(path, "array"), schema["items"], RECORD
    for short, keyword in CRITERIA.items():
        members = schema.get(keyword)
        for at, each in enumerate(members if isinstance(members, list) else ()):
            yield dotted(path, f"{short}.{at}"), each, RECORD
    for room in ROOMS:
        for name, each in mapping(schema, room).items():
            yield dotted(path, f"{room}.{name}"), each, RECORD


def dotted(path: str, more: str) -> str:
    return f"{path}.{more}" if path else more


def mapping(schema: Mapping[str, Any], keyword: str) -> Mapping[str, Any]:
    found = schema.get(keyword)
    return found if isinstance(found, dict) else {}


def tagged_value(value: Any, add: Sequence[TagChange], remove: Sequence[TagChange]) -> Any:
    """Changes `value` in place, which is the caller's own copy."""
    for change in add:
        schema = entity(value, change.path)
        write(schema, [*schema.get(TAGS, []), *change.tags])
    for change in remove:
        schema = entity(value, change.path)
        write(schema, [tag for tag in schema.get(TAGS, []) if tag not in change.tags])
    return value


def write(schema: dict[str, Any], tags: Sequence[Any]) -> None:
    unique = list(dict.fromkeys(tags))
    if unique:
        schema[TAGS] = unique
    else:
        schema.pop(TAGS, None)


def entity(value: Any, path: str) -> dict[str, Any]:
    """The schema a path names. Names with dots in them are tried too, the longest first."""
    parts = [part for part in path.split(".") if part]
    schema = value
    while parts:
        word, rest = parts[0], parts[1:]
        if word == "object" and not rest:
            break
        if word == "object":
            schema, parts = named(schema, "properties", rest, path)
        elif word in ROOMS:
            schema, parts = named(schema, word, rest, path)
        elif word == "array":
            schema, parts = child(schema, "items", path), rest
        elif word in CRITERIA and rest:
            schema, parts = member(schema, CRITERIA[word], rest[0], path), rest[1:]
        else:
            raise unknown(path)
    if not isinstance(schema, dict):
        raise unknown(path)
    return schema


def named(schema: Any, keyword: str, parts: Sequence[str], path: str) -> tuple[Any, list[str]]:
    members = child(schema, keyword, path)
    for size in range(len(parts), 0, -1):
        name = ".".join(parts[:size])
        if isinstance(members, dict) and name in members:
            return members[name], list(parts[size:])
    raise unknown(path)


def member(schema: Any, keyword: str, at: str, path: str) -> Any:
    members = child(schema, keyword, path)
    if not (isinstance(members, list) and at.isascii() and at.isdigit() and int(at[:9]) < len(members)):
        raise unknown(path)
    return members[int(at)]


def child(schema: Any, keyword: str, path: str) -> Any:
    if not isinstance(schema, dict) or keyword not in schema:
        raise unknown(path)
    return schema[keyword]


def unknown(path: str) -> InvalidSchema:
    return InvalidSchema(f"The schema has no '{path}' to tag. Paths look like object.address.object.street.")
