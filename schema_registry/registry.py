"""The registry's one hard question: which id and version does this schema have, and may it have one?

In:  a subject and a schema as a client sends it. Out: a Version, or a RegistryError that says why not.

    request -> found in the subject? -> mode -> from the latest version -> parse -> compatible? -> id, write
               yes: same id, version

reads.py answers what is there, removal.py takes away, settings of subjects are in scopes.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from schema_registry import compatibility, records, references, rules, scopes
from schema_registry.compatibility import Earlier, Question
from schema_registry.content import (
    CONFLUENT_VERSION,
    Content,
    Metadata,
    RuleSet,
    content,
    merged_metadata,
    merged_rules,
)
from schema_registry.errors import (
    RegistryError,
    incompatible,
    invalid_schema,
    invalid_subject,
    not_permitted,
)
from schema_registry.index import Index, Version
from schema_registry.kinds import parse
from schema_registry.schemas import AVRO, STRICT, InvalidSchema, Parsed, Reference, TagChange
from schema_registry.scopes import IMPORT, REFUSING, Config
from schema_registry.settings import RegistrySettings
from schema_registry.store import Record, Store
from schema_registry.subjects import context_of, split

LATEST = -1
MIN_VERSION = 1


class Entity(msgspec.Struct, frozen=True, rename="camel"):
    entity_path: str
    entity_type: str


class SchemaTags(msgspec.Struct, frozen=True, rename="camel"):
    schema_entity: Entity
    tags: list[str]

    def change(self) -> TagChange:
        return TagChange(
            self.schema_entity.entity_path, self.schema_entity.entity_type.lower(), tuple(self.tags)
        )


class Asked(msgspec.Struct, frozen=True, rename="camel"):
    """A schema as a request has it. `version`: none (null, 0), the latest (-1), or a number."""

    schema: str | None = None
    schema_type: str | None = None
    references: list[Reference] | None = None
    metadata: Metadata | None = None
    rule_set: RuleSet | None = None
    version: int | None = None
    id: int | None = None
    schema_tags_to_add: list[SchemaTags] | None = None
    schema_tags_to_remove: list[SchemaTags] | None = None
    propagate_schema_tags: bool | None = None

    @property
    def changes_tags(self) -> bool:
        return bool(self.schema_tags_to_add or self.schema_tags_to_remove or self.propagate_schema_tags)


@dataclass(frozen=True, slots=True)
class Understood:
    parsed: Parsed
    content: Content


@dataclass(frozen=True, slots=True)
class Registry:
    store: Store
    settings: RegistrySettings

    @property
    def index(self) -> Index:
        return self.store.index

    def config(self, subject: str) -> Config:
        return scopes.effective(self.index, subject, self.settings.level)

    def mode(self, subject: str) -> str:
        return scopes.mode_in_scope(self.index, subject)

    def check_writable(self, subject: str) -> None:
        if self.mode(subject) in REFUSING:
            context, bare = split(subject)
            raise not_permitted(f"Subject {bare} in context {context} is in read-only mode")

    def normalizes(self, config: Config, normalize: bool) -> bool:
        return normalize or bool(config.normalize)


# --- understanding a request ------------------------------------------------------------------------------


def understood(
    registry: Registry, subject: str, asked: Asked, *, normalize: bool, new: bool, deleted: bool = False
) -> Understood:
    """Parse; `new` schemas must keep the strict rules. `deleted`: references may be soft-deleted."""
    if not asked.schema:
        raise invalid_schema(
            "Empty schema: the request has no schema, and there is no earlier version to take."
        )
    config, context = registry.config(subject), context_of(subject)
    check_size(registry, asked.schema)
    wanted = references.resolved(registry.index, context, asked.references or ())
    strict = registry.settings.reference_versions_strict
    texts = references.texts(registry.index, context, wanted, deleted, strict)
    kind = asked.schema_type or AVRO
    try:
        parsed = parse(kind, asked.schema, texts)
        if new and config.validate_new_schemas is not False:
            parsed.check(fields=bool(config.validate_fields))
        if normalize:
            wanted, parsed = references.in_order(wanted), parse(kind, parsed.normalized(), texts)
    except InvalidSchema as error:
        details = f"Invalid schema {{schemaType={kind},references={len(wanted)}}}: {error}"
        raise invalid_schema(details) from error
    kept = asked.rule_set if registry.settings.rule_sets_kept else None
    return Understood(parsed, content(parsed.text, kind, wanted, asked.metadata, kept))


def check_size(registry: Registry, text: str) -> None:
    size = len(text.encode("utf-8", "replace"))
    if size > registry.settings.schema_bytes_max:
        raise RegistryError(
            42209,
            f"The schema has {size} bytes; {registry.settings.schema_bytes_max} are the most that is taken. "
            "Split it by references.",
        )


def stored(registry: Registry, one: Version) -> Parsed:
    """A version's schema, parsed; what it references may have been soft-deleted since."""
    context = context_of(one.subject)
    texts = references.texts(registry.index, context, one.content.references, deleted=True)
    try:
        return parse(one.content.kind, one.content.text, texts)
    except InvalidSchema as error:
        raise invalid_schema(
            f"Version {one.version} of '{one.subject}' can't be read any more: {error}"
        ) from error


# --- looking a schema up ----------------------------------------------------------------------------------


def find(
    registry: Registry, subject: str, asked: Asked, *, normalize: bool = False, deleted: bool = False
) -> Version | None:
    """The version of the subject that has this schema."""
    versions = list(reversed(registry.index.versions(subject, deleted)))
    if not versions or not asked.schema:
        return None
    normalize = registry.normalizes(registry.config(subject), normalize)
    new = understood(registry, subject, asked, normalize=normalize, new=False, deleted=True)
    return (
        same_content(versions, new.content)
        or ignoring_version(versions, new.content)
        or inlined(registry, versions, new)
        or with_latest_metadata(versions, new.content, asked)
    )


def same_content(versions: Sequence[Version], new: Content) -> Version | None:
    return next((one for one in versions if one.content.guid == new.guid), None)


def ignoring_version(versions: Sequence[Version], new: Content) -> Version | None:
    """`confluent:version` makes another content, but not another schema for those who look it up."""
    return next((one for one in versions if one.content.text == new.text and follows(new, one)), None)


def follows(new: Content, old: Version) -> bool:
    given = new.metadata.property(CONFLUENT_VERSION) if new.metadata else None
    has = old.content.metadata.property(CONFLUENT_VERSION) if old.content.metadata else None
    if given is not None and (has is not None or given != str(old.version)):
        return False
    return versionless(new).guid == versionless(old.content).guid


def versionless(one: Content) -> Content:
    kept = one.metadata.without_property(CONFLUENT_VERSION) if one.metadata else None
    return one.with_metadata(kept)


def inlined(registry: Registry, versions: Sequence[Version], new: Understood) -> Version | None:
    """An Avro schema that spells out what a stored one references."""
    if new.content.kind != AVRO or new.content.references:
        return None
    spelled = new.parsed.formatted("resolved")
    for one in versions:
        comparable = one.content.kind == AVRO and one.content.references and same_metadata(new.content, one)
        if comparable and stored(registry, one).formatted("resolved") == spelled:
            return one
    return None


def same_metadata(new: Content, old: Version) -> bool:
    bare = content("", AVRO, (), old.content.metadata, old.content.rules)
    return new.metadata is None or versionless(new).metadata == versionless(bare).metadata


def with_latest_metadata(versions: Sequence[Version], new: Content, asked: Asked) -> Version | None:
    """Who says nothing of metadata and rules means those of the latest version."""
    latest = next((one for one in versions if not one.deleted), None)
    if latest is None or (asked.metadata is not None and asked.rule_set is not None):
        return None
    metadata = latest.content.metadata if asked.metadata is None else asked.metadata
    held = latest.content.rules if asked.rule_set is None else new.rules
    full = content(new.text, new.kind, new.references, metadata, held)
    return same_content(versions, full) or ignoring_version(versions, full)


# --- registering ------------------------------------------------------------------------------------------


def register(
    registry: Registry, subject: str, asked: Asked, *, normalize: bool = False, force: bool = False
) -> Version:
    """The version that this schema has from now on. One at a time: an id is given once."""
    if registry.settings.reject_empty_subject and not split(subject)[1]:
        raise invalid_subject(subject)
    with registry.store.lock:
        known = None if asked.changes_tags else found_again(registry, subject, asked, normalize)
        return known or registered(registry, subject, asked, normalize, force)


def found_again(registry: Registry, subject: str, asked: Asked, normalize: bool) -> Version | None:
    """What is there already is given again, unless the request wants a version or id of its own."""
    if (asked.version or 0) > 0 or not asked.schema:
        return None
    found = find(registry, subject, asked, normalize=normalize)
    if found is not None and asked.version == LATEST:
        found = same_as_latest(registry, subject, asked, normalize)
    if found is None or (asked.id or LATEST) not in (LATEST, found.id):
        return None
    return found


def same_as_latest(registry: Registry, subject: str, asked: Asked, normalize: bool) -> Version | None:
    """Who asks for the latest version gets it when it is this schema, `confluent:version` aside."""
    normalize = registry.normalizes(registry.config(subject), normalize)
    new = understood(registry, subject, asked, normalize=normalize, new=False, deleted=True)
    latest = registry.index.versions(subject)[-1:]
    return same_content(latest, new.content) or ignoring_version(latest, new.content)


def registered(registry: Registry, subject: str, asked: Asked, normalize: bool, force: bool) -> Version:
    importing = registry.mode(subject) == IMPORT
    check_mode(registry, subject, asked, importing)
    config = registry.config(subject)
    every = registry.index.versions(subject, deleted=True)
    live = [one for one in every if not one.deleted]
    number = every[-1].version + 1 if every else MIN_VERSION
    if not importing:
        asked = completed(registry, config, asked, live[-1] if live else None, number)
        check_number(asked, number)
        rules.check(asked.rule_set)
    new = understood(
        registry,
        subject,
        asked,
        normalize=registry.normalizes(config, normalize) and not importing,
        new=not importing,
    )
    if not importing and not force:
        refuse_incompatible(registry, subject, config, new, live)
    version = (asked.version or 0) if importing and (asked.version or 0) > 0 else number
    made = Version(subject, version, id_for(registry, subject, asked, new.content), new.content, False, 0)
    write(registry, made, every)
    return registry.index.version(subject, version) or made


def check_mode(registry: Registry, subject: str, asked: Asked, importing: bool) -> None:
    registry.check_writable(subject)
    has_id = asked.id is not None and asked.id >= 0
    if has_id and not importing:
        raise not_permitted(
            f"Subject {split(subject)[1]} in context {context_of(subject)} is not in import mode"
        )
    if importing and not has_id:
        raise not_permitted(
            f"Subject {split(subject)[1]} in context {context_of(subject)} is in import mode: "
            "a registration needs an id"
        )


def completed(registry: Registry, config: Config, asked: Asked, latest: Version | None, number: int) -> Asked:
    """What the request leaves out comes from the latest version and from the config."""
    old = latest.content if latest else None
    if not asked.schema and old is not None:
        asked = msgspec.structs.replace(
            asked, schema=old.text, schema_type=old.kind, references=list(old.references)
        )
    metadata = asked.metadata if asked.metadata is not None or old is None else old.metadata
    metadata = merged_metadata(merged_metadata(config.default_metadata, metadata), config.override_metadata)
    held = asked.rule_set if asked.rule_set is not None or old is None else old.rules
    held = merged_rules(merged_rules(config.default_rule_set, held), config.override_rule_set)
    if asked.version or (metadata is not None and metadata.property(CONFLUENT_VERSION) is not None):
        metadata = (metadata or Metadata()).with_property(CONFLUENT_VERSION, str(number))
    asked = msgspec.structs.replace(asked, metadata=metadata, rule_set=held)
    return retagged(registry, asked, latest) if asked.changes_tags else asked


def retagged(registry: Registry, asked: Asked, latest: Version | None) -> Asked:
    """The text with the tags to add and remove, and those of the latest version when they are to go on."""
    if not asked.schema:
        return asked
    context = context_of(latest.subject) if latest else "."
    texts = references.texts(registry.index, context, asked.references or ())
    kind = asked.schema_type or AVRO
    try:
        parsed = parse(kind, asked.schema, texts)
        if asked.propagate_schema_tags and latest is not None and latest.content.kind == kind:
            parsed = parse(kind, with_tags_of(parsed, stored(registry, latest)), texts)
        add = [one.change() for one in asked.schema_tags_to_add or ()]
        remove = [one.change() for one in asked.schema_tags_to_remove or ()]
        return msgspec.structs.replace(asked, schema=parsed.tagged(add, remove))
    except InvalidSchema as error:
        raise invalid_schema(f"Invalid schema: {error}") from error


def with_tags_of(new: Parsed, old: Parsed) -> str:
    """The new text with the old one's tags on every entity that is still there."""
    still: list[TagChange] = []
    for one in old.tags():
        try:
            new.tagged([one], [])
        except InvalidSchema:
            continue
        still.append(one)
    return new.tagged(still, [])


def check_number(asked: Asked, number: int) -> None:
    if (asked.version or 0) > 0 and asked.version != number:
        raise invalid_schema(
            f"Invalid schema: version {asked.version} is not one more than previous version {number - 1}."
        )


def refuse_incompatible(
    registry: Registry, subject: str, config: Config, new: Understood, live: Sequence[Version]
) -> None:
    found = judged(registry, config, new, live)
    if found:
        raise incompatible(subject, found)


def judged(registry: Registry, config: Config, new: Understood, live: Sequence[Version]) -> list[str]:
    group = config.compatibility_group
    earlier = [
        Earlier(one.version, one.content, partial(stored, registry, one))
        for one in live
        if compatibility.same_group(group, new.content, one.content)
    ]
    return compatibility.messages(
        Question(
            new.parsed,
            new.content,
            earlier,
            config.compatibility_level or registry.settings.level,
            config.compatibility_policy or STRICT,
            bool(config.validate_fields),
        )
    )


def id_for(registry: Registry, subject: str, asked: Asked, new: Content) -> int:
    context = context_of(subject)
    if asked.id is not None and asked.id >= 0:
        if any(one.content.guid != new.guid for one in registry.index.with_id(context, asked.id)):
            raise not_permitted(f"Overwrite new schema with id {asked.id} is not permitted.")
        return asked.id
    known = registry.index.ids_of(context, new.guid)
    return known[-1] if known else registry.index.max_ids.get(context, 0) + 1


def write(registry: Registry, made: Version, every: Sequence[Version]) -> None:
    """The new version's record; soft-deleted versions of the same id go, unless something references them."""
    context = context_of(made.subject)
    out: list[Record] = []
    if context not in registry.index.contexts:
        out.append((records.context_key(context), records.context_value(context)))
    value = records.schema_value(made.subject, made.version, made.id, made.content, False)
    out.append((records.schema_key(made.subject, made.version), value))
    for old in every:
        gone = old.deleted and old.id == made.id and old.version < made.version
        if gone and not registry.index.referrers_of(old.subject, old.version, deleted=True):
            out.append((records.schema_key(old.subject, old.version), None))
    registry.store.write(*out)


# --- asking beforehand ------------------------------------------------------------------------------------


def would_follow(
    registry: Registry, subject: str, asked: Asked, held: Sequence[Version], *, normalize: bool = False
) -> list[str]:
    """What would stop this schema from following these versions; raises 42201 when it is none."""
    config = registry.config(subject)
    every = registry.index.versions(subject)
    asked = completed(registry, config, asked, every[-1] if every else None, MIN_VERSION)
    new = understood(registry, subject, asked, normalize=registry.normalizes(config, normalize), new=True)
    return judged(registry, config, new, held)
