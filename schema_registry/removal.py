"""Taking away: versions, subjects, contexts; first soft, then for good.

In:  names as a request has them. Out: what was taken away, or the RegistryError that says why it stays.

    live --soft--> deleted=true, still read by id --permanent--> gone with the subject's config and mode
"""

from __future__ import annotations

from collections.abc import Iterable

from schema_registry import records
from schema_registry.content import RuleSet, merged_rules
from schema_registry.errors import (
    context_not_empty,
    reference_exists,
    subject_associated,
    subject_not_found,
    subject_not_soft_deleted,
    subject_soft_deleted,
    version_not_found,
    version_not_soft_deleted,
    version_soft_deleted,
)
from schema_registry.index import Version
from schema_registry.registry import Registry
from schema_registry.store import Record
from schema_registry.subjects import DEFAULT, context_of


def delete_version(registry: Registry, subject: str, number: int | None, permanent: bool) -> int:
    with registry.store.lock:
        registry.check_writable(subject)
        one = existing(registry, subject, number, permanent)
        if permanent and not one.deleted:
            raise version_not_soft_deleted(subject, one.version)
        if not permanent and one.deleted:
            raise version_soft_deleted(subject, one.version)
        refuse_referenced(registry, [one], deleted=permanent)
        last = len(registry.index.versions(subject, deleted=True)) == 1
        registry.store.write(*(purged(registry, [one], last) if permanent else [softly(one)]))
        return one.version


def existing(registry: Registry, subject: str, number: int | None, permanent: bool) -> Version:
    every = registry.index.versions(subject, deleted=True)
    if not every:
        raise subject_not_found(subject)
    if number is None:
        every = every if permanent else [one for one in every if not one.deleted]
        if not every:
            raise subject_not_found(subject)
        return every[-1]
    found = next((one for one in every if one.version == number), None)
    if found is None:
        raise version_not_found(number)
    return found


def delete_subject(registry: Registry, subject: str, permanent: bool) -> list[int]:
    with registry.store.lock:
        registry.check_writable(subject)
        every = registry.index.versions(subject, deleted=True)
        live = [one for one in every if not one.deleted]
        if not every:
            raise subject_not_found(subject)
        if permanent and live:
            raise subject_not_soft_deleted(subject)
        if not permanent and not live:
            raise subject_soft_deleted(subject)
        if registry.index.associations.of_subject(subject):
            raise subject_associated(subject)
        chosen = every if permanent else live
        refuse_referenced(registry, chosen, deleted=permanent, within=subject)
        if permanent:
            registry.store.write(*purged(registry, chosen, last=True))
        else:
            key = records.subject_key(records.DELETE_SUBJECT, subject)
            registry.store.write((key, records.delete_value(subject, live[-1].version)))
        return [one.version for one in chosen]


def refuse_referenced(
    registry: Registry, chosen: Iterable[Version], deleted: bool, within: str | None = None
) -> None:
    for one in chosen:
        users = registry.index.referrers_of(one.subject, one.version, deleted)
        if any(user.subject != within for user in users):
            raise reference_exists(one.subject, one.version)


def softly(one: Version) -> Record:
    value = records.schema_value(one.subject, one.version, one.id, one.content, True)
    return records.schema_key(one.subject, one.version), value


def purged(registry: Registry, chosen: Iterable[Version], last: bool) -> list[Record]:
    """Tombstones; with a subject's last version go its config and mode."""
    out: list[Record] = [(records.schema_key(one.subject, one.version), None) for one in chosen]
    subject = next(iter(chosen)).subject
    if last and subject in registry.index.configs:
        out.append((records.subject_key(records.CONFIG, subject), None))
    if last and subject in registry.index.modes:
        out.append((records.subject_key(records.MODE, subject), None))
    return out


def delete_context(registry: Registry, context: str) -> None:
    with registry.store.lock:
        if any(context_of(name) == context for name in registry.index.names()):
            raise context_not_empty(context)
        if context != DEFAULT and context in registry.index.contexts:
            registry.store.write((records.context_key(context), None))


def rules_after(held: RuleSet | None, merge: RuleSet | None, remove: Iterable[str]) -> RuleSet | None:
    """A rule set after rules were merged into it and others, by name, taken out."""
    merged = merged_rules(held, merge)
    gone = set(remove)
    if merged is None or not gone:
        return merged
    return RuleSet(*([rule for rule in some if rule.name not in gone] or None for _, some in merged.every()))
