"""Answers about what is there: versions, subjects, ids, guids, contexts.

In:  an index and names as a request has them. Out: Versions and lists of them; RegistryError when not found.

A bare subject that the default context lacks is looked for in the other contexts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from schema_registry.errors import invalid_version, schema_not_found, subject_not_found, version_not_found
from schema_registry.index import Index, Version
from schema_registry.subjects import (
    DEFAULT,
    WILDCARD,
    context_of,
    is_bare,
    is_context,
    join,
    qualified,
    split,
)

VERSION_MAX = 2**31 - 1
LATEST = "latest"


def version_number(text: str) -> int | None:
    """The number in a path; None is the latest."""
    if text.lower() == LATEST or text == "-1":
        return None
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= VERSION_MAX:
        raise invalid_version(text)
    return int(text)


def located(index: Index, name: str, deleted: bool = True) -> str:
    """The qualified subject that a name means in a read: its own, or that of another context."""
    subject = qualified(name)
    if index.versions(subject, deleted) or not is_bare(name):
        return subject
    for context in sorted(index.contexts.copy()):
        other = join(context, name)
        if context != DEFAULT and index.versions(other, deleted):
            return other
    return subject


def version(index: Index, name: str, number: int | None, deleted: bool = False) -> Version:
    subject = located(index, name, deleted)
    versions = index.versions(subject, deleted)
    if not versions:
        raise subject_not_found(name)
    if number is None:
        return versions[-1]
    found = next((one for one in versions if one.version == number), None)
    if found is None:
        raise version_not_found(number)
    return found


def versions(index: Index, name: str, deleted: bool, only: bool, negative: bool) -> list[int]:
    every = index.versions(located(index, name), deleted=True)
    if negative:
        found = [-one.version if one.deleted else one.version for one in every]
    else:
        found = [one.version for one in every if (one.deleted if only else deleted or not one.deleted)]
    if not found:
        raise subject_not_found(name)
    return found


def subjects(index: Index, prefix: str, deleted: bool, only: bool) -> list[str]:
    return [name for name in index.names() if matches(name, prefix) and shown(index, name, deleted, only)]


def matches(name: str, prefix: str) -> bool:
    """`:*:` every context; a prefix without one means the default context."""
    if prefix.startswith(WILDCARD):
        return split(name)[1].startswith(prefix[len(WILDCARD) :])
    context, start = split(prefix)
    return context_of(name) == context and split(name)[1].startswith(start)


def shown(index: Index, name: str, deleted: bool, only: bool) -> bool:
    live = bool(index.versions(name))
    return not live if only else deleted or live


def by_id(index: Index, id: int, subject: str = "") -> Version:
    """The schema of an id, in the context of the subject that goes with it."""
    context = context_of(subject)
    found = index.with_id(context, id)
    if subject and not is_context(subject):
        own = preferred(one for one in found if one.subject == qualified(subject))
        if own is not None:
            return own
        if is_bare(subject):
            elsewhere = by_id_elsewhere(index, id, subject)
            if elsewhere is not None:
                return elsewhere
    chosen = preferred(found)
    if chosen is None:
        raise schema_not_found(id)
    return chosen


def by_id_elsewhere(index: Index, id: int, subject: str) -> Version | None:
    for context in sorted(index.contexts.copy()):
        name = join(context, subject)
        found = preferred(one for one in index.with_id(context, id) if one.subject == name)
        if found is not None:
            return found
    return None


def preferred(found: Iterable[Version]) -> Version | None:
    """A live version before a deleted one, the newest of them."""
    return max(found, key=lambda one: (not one.deleted, one.version), default=None)


def users_of_id(index: Index, id: int, subject: str, deleted: bool) -> list[Version]:
    """The versions that have an id, of one subject or of all."""
    found = index.with_id(context_of(subject), id)
    if not found:
        raise schema_not_found()
    wanted = "" if is_context(subject) else qualified(subject)
    return sorted(
        (one for one in found if (deleted or not one.deleted) and (not wanted or one.subject == wanted)),
        key=lambda one: one.key,
    )


def by_guid(index: Index, guid: str) -> Version:
    for context, id in sorted((index.by_guid.get(guid) or {}).copy()):
        found = [one for one in index.with_id(context, id) if one.content.guid == guid]
        if found:
            return preferred(found) or found[0]
    raise schema_not_found(guid)


def ids_of_guid(index: Index, guid: str) -> list[tuple[str, int]]:
    return sorted((index.by_guid.get(guid) or {}).copy())


def with_metadata(index: Index, name: str, wanted: Mapping[str, str], deleted: bool) -> Version:
    subject = located(index, name, deleted)
    every = index.versions(subject, deleted)
    if not every:
        raise subject_not_found(name)
    for one in reversed(every):
        properties = (one.content.metadata.properties if one.content.metadata else None) or {}
        if wanted.items() <= properties.items():
            return one
    raise schema_not_found()


def contexts(index: Index, prefix: str) -> list[str]:
    return [name for name in sorted(index.contexts.copy()) if name.startswith(prefix)]


def aliases(index: Index) -> dict[str, list[str]]:
    """The aliases of each subject that has any."""
    found: dict[str, list[str]] = {}
    for name, config in sorted(index.configs.copy().items()):
        target = config.get("alias")
        if target and not is_context(name):
            found.setdefault(qualified(target), []).append(name)
    return found


def alias_target(index: Index, subject: str) -> str:
    """The subject that requests under a name go to."""
    if is_context(subject):
        return subject
    config = index.configs.get(qualified(subject))
    return str(config["alias"]) if config and config.get("alias") else subject


def schemas(index: Index, prefix: str, deleted: bool, latest_only: bool, with_aliases: bool) -> list[Version]:
    names = {name for name in index.names() if matches(name, prefix)}
    if with_aliases:
        names |= {
            target for target, own in aliases(index).items() if any(matches(alias, prefix) for alias in own)
        }
    found: list[Version] = []
    for name in sorted(names):
        every = index.versions(name, deleted)
        found += every[-1:] if latest_only else every
    return found
