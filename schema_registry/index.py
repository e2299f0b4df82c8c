"""What the records of the topic add up to: every question a request asks is a look-up here.

In:  records in log order (apply). Out: versions by subject, by id and by content; configs, modes, contexts.

    subjects    s -> {1: Version, 2: Version}          ids      (context, id) -> [Version, ...]
    associations (association_index.py): topic -> subject
    by_content  (context, guid) -> ids                 referrers (subject, version) -> {(subject, version)}

One thread applies, any thread may ask: nothing here is iterated while it changes, as every iteration goes
over a copy that is made in one step. A Version is never changed; a soft delete puts another in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from schema_registry import records
from schema_registry.association_index import Associations
from schema_registry.content import Content
from schema_registry.records import Key
from schema_registry.subjects import DEFAULT, context_of, qualified, within


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a subject, as its record says. `ts` is the record's time."""

    subject: str
    version: int
    id: int
    content: Content
    deleted: bool
    ts: int

    @property
    def key(self) -> tuple[str, int]:
        return self.subject, self.version


@dataclass(slots=True)
class Index:
    subjects: dict[str, dict[int, Version]] = field(default_factory=dict)
    ids: dict[tuple[str, int], dict[tuple[str, int], Version]] = field(default_factory=dict)
    by_content: dict[tuple[str, str], dict[int, int]] = field(default_factory=dict)
    by_guid: dict[str, dict[tuple[str, int], int]] = field(default_factory=dict)
    referrers: dict[tuple[str, int], set[tuple[str, int]]] = field(default_factory=dict)
    max_ids: dict[str, int] = field(default_factory=dict)
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    modes: dict[str, str] = field(default_factory=dict)
    contexts: dict[str, None] = field(default_factory=lambda: {DEFAULT: None})
    associations: Associations = field(default_factory=Associations)

    def apply(self, key: bytes | None, value: bytes | None, ts: int) -> None:
        if key is None:
            return
        found = records.read_key(key)
        handler = HANDLERS.get(found.keytype)
        if handler is not None:
            handler(self, found, value, ts)

    def versions(self, subject: str, deleted: bool = False) -> list[Version]:
        """The versions of a subject, oldest first; with `deleted` the soft-deleted ones too."""
        found = sorted((self.subjects.get(subject) or {}).copy().items())
        return [one for _, one in found if deleted or not one.deleted]

    def with_id(self, context: str, id: int) -> list[Version]:
        return list((self.ids.get((context, id)) or {}).copy().values())

    def ids_of(self, context: str, guid: str) -> list[int]:
        """The ids a content has in a context: one, unless imports gave it several. Newest last."""
        return list((self.by_content.get((context, guid)) or {}).copy())

    def referrers_of(self, subject: str, version: int, deleted: bool = False) -> list[Version]:
        found = (
            self.version(*key) for key in sorted((self.referrers.get((subject, version)) or set()).copy())
        )
        return [one for one in found if one is not None and (deleted or not one.deleted)]

    def version(self, subject: str, version: int) -> Version | None:
        return (self.subjects.get(subject) or {}).get(version)

    def names(self) -> list[str]:
        return sorted(self.subjects.copy())

    def put(self, one: Version) -> None:
        self.remove(one.subject, one.version)
        context = context_of(one.subject)
        if context not in self.contexts:
            self.contexts[context] = None
        self.subjects.setdefault(one.subject, {})[one.version] = one
        self.ids.setdefault((context, one.id), {})[one.key] = one
        counts = self.by_content.setdefault((context, one.content.guid), {})
        counts[one.id] = counts.get(one.id, 0) + 1
        self.by_guid.setdefault(one.content.guid, {})[context, one.id] = one.id
        self.max_ids[context] = max(self.max_ids.get(context, 0), one.id)
        for target in targets(one):
            self.referrers.setdefault(target, set()).add(one.key)

    def remove(self, subject: str, version: int) -> None:
        one = self.version(subject, version)
        if one is None:
            return
        context = context_of(subject)
        drop(self.subjects, subject, version)
        drop(self.ids, (context, one.id), one.key)
        counts = self.by_content[context, one.content.guid]
        counts[one.id] -= 1
        if not counts[one.id]:
            drop(self.by_content, (context, one.content.guid), one.id)
            drop(self.by_guid, one.content.guid, (context, one.id))
        for target in targets(one):
            self.referrers[target].discard(one.key)


def targets(one: Version) -> Iterable[tuple[str, int]]:
    """What a version references; a name without context means the referrer's own."""
    context = context_of(one.subject)
    return [(qualified(within(context, it.subject)), it.version) for it in one.content.references]


def drop(outer: dict[Any, Any], key: Any, inner: Any) -> None:
    """Take an entry out of a map of maps, and the inner map with its last entry."""
    del outer[key][inner]
    if not outer[key]:
        del outer[key]


def schema_applied(index: Index, key: Key, value: bytes | None, ts: int) -> None:
    subject = qualified(key.subject or "")
    if value is None:
        index.remove(subject, key.version or 0)
        return
    read = records.read_schema(value)
    index.put(Version(subject, read.version, read.id, read.content(), read.deleted, ts))


def config_applied(index: Index, key: Key, value: bytes | None, ts: int) -> None:
    scope = qualified(key.subject or "")
    if value is None:
        index.configs.pop(scope, None)
        return
    members = records.read_members(value)
    index.configs[scope] = {
        name: one for name, one in members.items() if one is not None and name != "subject"
    }


def mode_applied(index: Index, key: Key, value: bytes | None, ts: int) -> None:
    scope = qualified(key.subject or "")
    if value is None:
        index.modes.pop(scope, None)
    else:
        index.modes[scope] = records.read_mode(value).mode


def delete_applied(index: Index, key: Key, value: bytes | None, ts: int) -> None:
    if value is None:
        return
    read = records.read_delete(value)
    for one in index.versions(qualified(read.subject)):
        if one.version <= read.version:
            index.put(replace(one, deleted=True))


def clear_applied(index: Index, key: Key, value: bytes | None, ts: int) -> None:
    """Soft-deleted versions of the subject are gone: those of a whole context when it names one."""
    if value is None:
        return
    for subject in in_scope(index, qualified(key.subject or "")):
        for one in index.versions(subject, deleted=True):
            if one.deleted:
                index.remove(one.subject, one.version)


def in_scope(index: Index, scope: str) -> list[str]:
    """The subjects that a scope of config or mode covers: one, or those of a context."""
    if scope in index.subjects:
        return [scope]
    context, bare = context_of(scope), scope
    is_context = scope == "" or (bare.endswith(":") and bare == f":{context}:")
    return [name for name in index.names() if is_context and context_of(name) == context]


def context_applied(index: Index, key: Key, value: bytes | None, ts: int) -> None:
    name = key.context or DEFAULT
    if value is None:
        index.contexts.pop(name, None)
    else:
        index.contexts[name] = None


def association_applied(index: Index, key: Key, value: bytes | None, ts: int) -> None:
    if value is None:
        kind = (key.resource_type or "", key.association_type or "")
        where = (key.resource_name or "", key.resource_namespace or "")
        index.associations.remove((*where, *kind, qualified(key.subject or "")))
        return
    read = records.read_association(value)
    created = read.create_ts or ts
    subject = qualified(read.subject)
    index.associations.put(msgspec.structs.replace(read, subject=subject, create_ts=created, update_ts=ts))


def noop_applied(index: Index, key: Key, value: bytes | None, ts: int) -> None:
    """A NOOP only marks a place in the log."""


HANDLERS: dict[str, Callable[[Index, Key, bytes | None, int], None]] = {
    records.SCHEMA: schema_applied,
    records.CONFIG: config_applied,
    records.MODE: mode_applied,
    records.DELETE_SUBJECT: delete_applied,
    records.CLEAR_SUBJECT: clear_applied,
    records.CONTEXT: context_applied,
    records.ASSOC: association_applied,
    records.NOOP: noop_applied,
}
