"""Associations of topics with subjects: made, changed and taken away. What stands is in association_index.py.

In:  a request that names a resource and its associations. Out: the Associations, or the RegistryError that
     says why not.

    request -> well formed? -> known already? -> may the subject have it? -> schemas registered -> written
               42212           same: kept        40904, 40905, 40907        40901, 42201

WEAK: the topic uses a subject that others may use too. STRONG: the subject is this topic's alone, and a
cascading delete takes it away. Frozen: a STRONG one that stays as it is until it is deleted so.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from schema_registry import records, removal
from schema_registry.association_index import LIFECYCLES, STRONG, TOPIC, TYPES, WEAK, Association, Wanted
from schema_registry.errors import (
    association_exists,
    association_frozen,
    association_not_found,
    incompatible,
    invalid_association,
    no_active_version,
    strong_association_exists,
    subject_associated,
)
from schema_registry.index import Version
from schema_registry.registry import Asked, Registry, find, register, would_follow
from schema_registry.store import Record
from schema_registry.subjects import DEFAULT, checked, join, within

DEFAULT_TYPE = "value"


class AskedOne(msgspec.Struct, frozen=True, rename="camel"):
    """One association as a request has it. None is not said: the default, or as it was."""

    subject: str | None = None
    association_type: str | None = None
    lifecycle: str | None = None
    frozen: bool | None = None
    schema: Asked | None = None
    normalize: bool | None = None


class AskedAssociations(msgspec.Struct, frozen=True, rename="camel"):
    resource_name: str | None = None
    resource_namespace: str | None = None
    resource_id: str | None = None
    resource_type: str | None = None
    associations: list[AskedOne] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One association on its way: what is asked, what there was, what it becomes."""

    asked: AskedOne
    old: Association | None
    new: Association

    @property
    def changes(self) -> bool:
        return self.old is None or self.old != self.new


@dataclass(frozen=True, slots=True)
class Put:
    association: Association
    version: Version | None


# --- making and changing ----------------------------------------------------------------------------------


def put(
    registry: Registry, context: str, asked: AskedAssociations, *, only_new: bool, dry_run: bool
) -> list[Put]:
    """The associations that the resource has from now on; `only_new` refuses to change one that stands."""
    check_resource(asked, dry_run)
    with registry.store.lock:
        steps = [step(registry, context, asked, one) for one in asked.associations or ()]
        for one in steps:
            check_change(one, only_new)
            check_subject(registry, one, steps)
            check_schema(registry, one, only_new)
        return [] if dry_run else written(registry, steps)


def check_resource(asked: AskedAssociations, dry_run: bool) -> None:
    needed = {"resourceName": asked.resource_name, "resourceNamespace": asked.resource_namespace}
    if not dry_run:
        # Who only asks beforehand may not have an id yet: a topic gets its own when it is created.
        needed["resourceId"] = asked.resource_id
    for name, text in needed.items():
        if not text:
            raise invalid_association(name, "cannot be null or empty")
    if (asked.resource_type or TOPIC) not in TYPES:
        raise invalid_association("resourceType", f"must be one of {', '.join(TYPES)}")
    if not asked.associations:
        raise invalid_association("associations", "cannot be null or empty")
    kinds = [one.association_type or DEFAULT_TYPE for one in asked.associations]
    for kind in kinds:
        if kind not in TYPES[asked.resource_type or TOPIC]:
            raise invalid_association("associationType", f"a topic has key and value, not '{kind}'")
        if kinds.count(kind) > 1:
            raise invalid_association("associationType", f"'{kind}' is named twice")


def step(registry: Registry, context: str, asked: AskedAssociations, one: AskedOne) -> Step:
    if one.lifecycle is not None and one.lifecycle not in LIFECYCLES:
        raise invalid_association("lifecycle", f"must be one of {', '.join(LIFECYCLES)}")
    kind = one.association_type or DEFAULT_TYPE
    old = standing(registry, asked, kind)
    if old is not None:
        return Step(one, old, changed(old, context, one))
    # A schema that comes without a subject is the topic's own: so is the subject that it gets.
    owned = one.subject is None and one.schema is not None
    lifecycle = one.lifecycle or (STRONG if owned or one.frozen else WEAK)
    frozen = (owned and lifecycle == STRONG) if one.frozen is None else one.frozen
    now = registry.store.now_ms()
    new = Association(
        subject=subject_of(context, asked, one, kind),
        guid=str(uuid.uuid4()),
        resource_name=asked.resource_name or "",
        resource_namespace=asked.resource_namespace or "",
        resource_id=asked.resource_id or "",
        resource_type=asked.resource_type or TOPIC,
        association_type=kind,
        lifecycle=lifecycle,
        frozen=frozen,
        create_ts=now,
        update_ts=now,
    )
    return Step(one, None, new)


def subject_of(context: str, asked: AskedAssociations, one: AskedOne, kind: str) -> str:
    if one.subject is not None:
        if not one.subject:
            raise invalid_association("subject", "cannot be empty")
        return checked(within(context, one.subject))
    if one.schema is None and one.lifecycle != STRONG:
        raise invalid_association("subject", "cannot be null without a schema of the topic's own")
    return checked(join(f".{asked.resource_namespace}", f"{asked.resource_name}-{kind}"))


def standing(registry: Registry, asked: AskedAssociations, kind: str) -> Association | None:
    """The resource's association of this kind: by its id, before it has one by its name."""
    known, wanted = registry.index.associations, Wanted(asked.resource_type or TOPIC, (kind,))
    if asked.resource_id:
        found = known.of_id(asked.resource_id, wanted)
    else:
        found = known.of_name(asked.resource_namespace or "", asked.resource_name or "", wanted)
    latest = max(found, key=lambda one: one.update_ts, default=None)
    same = (asked.resource_namespace, asked.resource_name)
    if latest is not None and (latest.resource_namespace, latest.resource_name) != same:
        raise invalid_association("resourceId", f"it is that of '{latest.resource_name}' already")
    return latest


def changed(old: Association, context: str, one: AskedOne) -> Association:
    if one.subject is not None and checked(within(context, one.subject)) != old.subject:
        return msgspec.structs.replace(old, subject=checked(within(context, one.subject)))
    return msgspec.structs.replace(
        old,
        lifecycle=one.lifecycle or old.lifecycle,
        frozen=old.frozen if one.frozen is None else one.frozen,
    )


def check_change(one: Step, only_new: bool) -> None:
    old, new = one.old, one.new
    if new.frozen and new.lifecycle == WEAK and not (old and old.frozen):
        raise invalid_association("frozen", "association with lifecycle of WEAK cannot be frozen")
    if old is None or not one.changes:
        return
    if only_new:
        raise association_exists(new.association_type, new.resource_name)
    if new.subject != old.subject:
        raise invalid_association("subject", "subject of association cannot be changed")
    if new.frozen != old.frozen:
        raise invalid_association("frozen", "frozen attribute of association cannot be changed")
    if old.frozen:
        raise association_frozen(old.association_type, old.subject)


def check_subject(registry: Registry, one: Step, steps: Sequence[Step]) -> None:
    """May the subject have this association beside its others, those of the same request included?"""
    new = one.new
    if one.asked.schema is None and not registry.index.versions(new.subject):
        raise no_active_version(new.subject)
    if not one.changes:
        return
    standing = {other.key: other for other in registry.index.associations.of_subject(new.subject)}
    standing |= {other.new.key: other.new for other in steps if other.new.subject == new.subject}
    if one.old is not None:
        standing.pop(one.old.key, None)
    others = [other for other in standing.values() if other.guid != new.guid]
    if others and new.lifecycle == STRONG:
        raise subject_associated(new.subject)
    if any(other.lifecycle == STRONG for other in others):
        raise strong_association_exists(new.subject)


def check_schema(registry: Registry, one: Step, only_new: bool) -> None:
    """The schemas of a request are all looked at before the first is registered."""
    asked, subject = one.asked.schema, one.new.subject
    if asked is None:
        if one.changes:
            registry.check_writable(subject)
        return
    normalize = bool(one.asked.normalize)
    if find(registry, subject, asked, normalize=normalize) is not None:
        return
    if only_new and one.old is not None:
        raise association_exists(one.new.association_type, one.new.resource_name)
    registry.check_writable(subject)
    found = would_follow(registry, subject, asked, registry.index.versions(subject), normalize=normalize)
    if found:
        raise incompatible(subject, found)


def written(registry: Registry, steps: Sequence[Step]) -> list[Put]:
    """A stop between the schemas and the associations leaves schemas only: the same request again ends it."""
    versions = [registered(registry, one) for one in steps]
    now = registry.store.now_ms()
    out: list[Record] = []
    for one in steps:
        if one.changes:
            later = msgspec.structs.replace(one.new, update_ts=now)
            out.append((records.association_key(later.key), records.association_value(later)))
    if out:
        registry.store.write(*out)
    every = registry.index.associations.every
    return [Put(every[one.new.key], version) for one, version in zip(steps, versions, strict=True)]


def registered(registry: Registry, one: Step) -> Version | None:
    if one.asked.schema is None:
        return None
    return register(registry, one.new.subject, one.asked.schema, normalize=bool(one.asked.normalize))


# --- taking away ------------------------------------------------------------------------------------------


def delete(registry: Registry, id: str, wanted: Wanted, *, cascade: bool, dry_run: bool) -> None:
    """With `cascade` the subjects that belong to the resource go too, for good, in the same transaction."""
    with registry.store.lock:
        found = registry.index.associations.of_id(id, wanted)
        if not found:
            raise association_not_found(id)
        for one in found:
            registry.check_writable(one.subject)
            if one.frozen and not cascade:
                raise association_frozen(one.association_type, one.subject)
        out: list[Record] = [(records.association_key(one.key), None) for one in found]
        if cascade:
            out += subjects_gone(registry, (one.subject for one in found if one.lifecycle == STRONG))
        if not dry_run:
            registry.store.write(*out)


def subjects_gone(registry: Registry, subjects: Iterable[str]) -> list[Record]:
    out: list[Record] = []
    for subject in dict.fromkeys(subjects):
        every = registry.index.versions(subject, deleted=True)
        removal.refuse_referenced(registry, every, deleted=True, within=subject)
        out += removal.purged(registry, every, last=True) if every else []
    return out


def context_for(context: str, named: str) -> str:
    """`?context=` names the context of the subjects as the path can."""
    bare = named.strip(":")
    return context if not bare or bare == DEFAULT else bare
