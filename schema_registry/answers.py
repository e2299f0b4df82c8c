"""Versions as JSON: what each endpoint says of a schema. Null and empty members are left out.

In:  a Version and what the query asks for besides. Out: the members of the answer.
"""

from __future__ import annotations

import fnmatch
import re
from typing import Any

import msgspec

from schema_registry import references
from schema_registry.calls import Call
from schema_registry.content import as_json
from schema_registry.index import Version
from schema_registry.registry import Registry, stored
from schema_registry.schemas import PROTOBUF, TagChange
from schema_registry.subjects import context_of

QUALIFIED = "qualified"


def schema_members(registry: Registry, call: Call, one: Version) -> dict[str, Any]:
    """What every answer about a schema has: text, kind, references, metadata, rules, guid."""
    what = one.content
    used = list(what.references)
    if call.text("referenceFormat") == QUALIFIED:
        used = references.spelled_out(used, context_of(one.subject))
    members: dict[str, Any] = {
        "guid": what.guid,
        "schemaType": what.kind,
        "references": [msgspec.to_builtins(reference) for reference in used] or None,
        "metadata": as_json(what.metadata),
        "ruleSet": as_json(what.rules),
        "schema": text_of(registry, call, one),
    }
    return {name: value for name, value in members.items() if value is not None}


def text_of(registry: Registry, call: Call, one: Version) -> str:
    """The text, in the format that was asked for."""
    name = call.text("format")
    return stored(registry, one).formatted(name) if name else one.content.text


DESCRIPTOR = re.compile(r"[A-Za-z0-9+/\s]+={0,2}\s*\Z")


def answered(registry: Registry, call: Call, one: Version, sent: str | None) -> dict[str, Any]:
    """The answer to who sent a schema: one that came as a serialized descriptor goes back as one.

    Clients keep the text of this answer as what the id means, and confluent-kafka's Protobuf
    deserializer reads descriptors only.
    """
    members = registered(registry, call, one)
    if one.content.kind == PROTOBUF and not call.text("format") and DESCRIPTOR.match(sent or ""):
        members["schema"] = stored(registry, one).formatted("serialized")
    return members


def registered(registry: Registry, call: Call, one: Version) -> dict[str, Any]:
    return {
        "subject": one.subject,
        "version": one.version,
        "id": one.id,
        **schema_members(registry, call, one),
    }


def version_members(registry: Registry, call: Call, one: Version) -> dict[str, Any]:
    return {
        **registered(registry, call, one),
        "ts": one.ts,
        "deleted": one.deleted,
        **tag_members(registry, call, one),
    }


def id_members(registry: Registry, call: Call, one: Version, subject: str) -> dict[str, Any]:
    members = schema_members(registry, call, one)
    if subject:
        members = {"subject": one.subject, "version": one.version, **members}
    if call.truth("fetchMaxId"):
        members["maxId"] = registry.index.max_ids.get(context_of(one.subject), one.id)
    return {**members, "ts": one.ts, "deleted": one.deleted, **tag_members(registry, call, one)}


def tag_members(registry: Registry, call: Call, one: Version) -> dict[str, Any]:
    """The schema's tags that match `findTags` (names, `*` for any)."""
    patterns = [name for text in call.every("findTags") for name in text.split(",") if name]
    if not patterns:
        return {}
    found = [tag_json(tag, patterns) for tag in stored(registry, one).tags()]
    return {"schemaTags": [tag for tag in found if tag["tags"]]}


def tag_json(one: TagChange, patterns: list[str]) -> dict[str, Any]:
    tags = [tag for tag in one.tags if any(fnmatch.fnmatchcase(tag, pattern) for pattern in patterns)]
    return {"schemaEntity": {"entityPath": one.path, "entityType": one.type}, "tags": tags}
