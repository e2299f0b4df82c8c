"""What each endpoint does: a call of the registry, and its answer as JSON. routes.py has the paths.

In:  a Registry and a Call. Out: an Answer; every failure is raised.
"""

from __future__ import annotations

from typing import Any

import msgspec

from schema_registry import answers, association_handlers, configuring, reads, removal, scopes
from schema_registry.calls import Answer, Call, bare, ok
from schema_registry.content import Metadata, RuleSet
from schema_registry.errors import (
    RegistryError,
    invalid_mode,
    schema_not_found,
    subject_not_found,
    version_not_found,
)
from schema_registry.index import Version
from schema_registry.kinds import KINDS
from schema_registry.registry import Asked, Registry, SchemaTags, find, register, would_follow
from schema_registry.subjects import (
    DEFAULT,
    WILDCARD,
    checked,
    context_name,
    is_context,
    join,
    qualified,
    within,
)

PAGE_MAX = 1000
VERSION = "8.1.0"
COMMIT = "penstock"


# --- schemas ----------------------------------------------------------------------------------------------


def nothing(registry: Registry, call: Call) -> Answer:
    return ok({})


def schemas(registry: Registry, call: Call) -> Answer:
    prefix = within(call.context, call.text("subjectPrefix"))
    with_aliases = call.truth("aliases")
    found = reads.schemas(
        registry.index, prefix, call.truth("deleted"), call.truth("latestOnly"), with_aliases
    )
    wanted = call.text("ruleType").upper()
    if wanted:
        found = [one for one in found if has_rule(one, wanted)]
    known = reads.aliases(registry.index) if with_aliases else {}
    narrowed = association_handlers.narrowed(registry, call, found)
    return ok(
        [
            answers.version_members(registry, call, one)
            | ({"aliases": known[one.subject]} if one.subject in known else {})
            | ({"associations": [it.members for it in associated]} if associated else {})
            for one, associated in call.page(narrowed, PAGE_MAX)
        ]
    )


def has_rule(one: Version, kind: str) -> bool:
    rules = one.content.rules
    return rules is not None and any(rule.type == kind for _, some in rules.every() for rule in some)


def types(registry: Registry, call: Call) -> Answer:
    return ok(list(KINDS))


def asked_subject(registry: Registry, call: Call) -> str:
    """The subject of the query, its alias followed; under /contexts/{c} at least the context."""
    given = call.text("subject")
    if not given:
        return "" if call.context == DEFAULT else join(call.context, "")
    return reads.alias_target(registry.index, within(call.context, given))


def id_of(call: Call) -> int:
    text = call.names["id"]
    if not text.isascii() or not text.isdecimal():
        raise RegistryError(404, f"HTTP 404 Not Found: an id is a whole number, not '{text}'.")
    return int(text)


def schema_by_id(registry: Registry, call: Call) -> Answer:
    subject = asked_subject(registry, call)
    one = reads.by_id(registry.index, id_of(call), subject)
    return ok(answers.id_members(registry, call, one, "" if is_context(subject) else subject))


def text_by_id(registry: Registry, call: Call) -> Answer:
    one = reads.by_id(registry.index, id_of(call), asked_subject(registry, call))
    return bare(answers.text_of(registry, call, one))


def users_of_id(registry: Registry, call: Call) -> list[Version]:
    subject = asked_subject(registry, call)
    return reads.users_of_id(registry.index, id_of(call), subject, call.truth("deleted"))


def subjects_by_id(registry: Registry, call: Call) -> Answer:
    return ok(call.page(list(dict.fromkeys(one.subject for one in users_of_id(registry, call)))))


def versions_by_id(registry: Registry, call: Call) -> Answer:
    found = users_of_id(registry, call)
    return ok(call.page([{"subject": one.subject, "version": one.version} for one in found]))


def schema_by_guid(registry: Registry, call: Call) -> Answer:
    one = reads.by_guid(registry.index, call.names["guid"])
    return ok(answers.id_members(registry, call, one, ""))


def ids_by_guid(registry: Registry, call: Call) -> Answer:
    found = reads.ids_of_guid(registry.index, call.names["guid"])
    return ok([{"context": context, "id": id} for context, id in found])


# --- subjects ---------------------------------------------------------------------------------------------


def aliased(registry: Registry, call: Call) -> str:
    """The subject of the path, its alias followed."""
    return reads.alias_target(registry.index, call.subject())


def subjects(registry: Registry, call: Call) -> Answer:
    given = call.text("subjectPrefix", "" if call.confined else WILDCARD)
    prefix = within(call.context, given)
    found = reads.subjects(registry.index, prefix, call.truth("deleted"), call.truth("deletedOnly"))
    return ok(call.page(found))


def lookup(registry: Registry, call: Call) -> Answer:
    name, deleted = aliased(registry, call), call.truth("deleted")
    subject = reads.located(registry.index, name, deleted)
    asked = call.read(Asked)
    found = find(registry, subject, asked, normalize=call.truth("normalize"), deleted=deleted)
    if found is None:
        raise schema_not_found() if registry.index.versions(subject, deleted) else subject_not_found(name)
    return ok(answers.answered(registry, call, found, asked.schema))


def latest_with_metadata(registry: Registry, call: Call) -> Answer:
    wanted = dict(zip(call.every("key"), call.every("value"), strict=False))
    one = reads.with_metadata(registry.index, aliased(registry, call), wanted, call.truth("deleted"))
    return ok(answers.version_members(registry, call, one))


def delete_subject(registry: Registry, call: Call) -> Answer:
    return ok(removal.delete_subject(registry, qualified(aliased(registry, call)), call.truth("permanent")))


def versions(registry: Registry, call: Call) -> Answer:
    only, negative = call.truth("deletedOnly"), call.truth("deletedAsNegative")
    found = reads.versions(registry.index, aliased(registry, call), call.truth("deleted"), only, negative)
    return ok(call.page(found))


def register_schema(registry: Registry, call: Call) -> Answer:
    subject = checked(aliased(registry, call))
    asked, force = call.read(Asked), call.truth("force")
    one = register(registry, subject, asked, normalize=call.truth("normalize"), force=force)
    return ok(answers.answered(registry, call, one, asked.schema))


def the_version(registry: Registry, call: Call) -> Version:
    number = reads.version_number(call.names["version"])
    return reads.version(registry.index, aliased(registry, call), number, call.truth("deleted"))


def version(registry: Registry, call: Call) -> Answer:
    return ok(answers.version_members(registry, call, the_version(registry, call)))


def version_text(registry: Registry, call: Call) -> Answer:
    return bare(answers.text_of(registry, call, the_version(registry, call)))


def referenced_by(registry: Registry, call: Call) -> Answer:
    number = reads.version_number(call.names["version"])
    one = reads.version(registry.index, aliased(registry, call), number, deleted=True)
    users = registry.index.referrers_of(one.subject, one.version, call.truth("deleted"))
    return ok(call.page(sorted({user.id for user in users})))


def delete_version(registry: Registry, call: Call) -> Answer:
    number = reads.version_number(call.names["version"])
    subject = qualified(aliased(registry, call))
    return ok(removal.delete_version(registry, subject, number, call.truth("permanent")))


class TagsAsked(msgspec.Struct, frozen=True, rename="camel"):
    new_version: int | None = None
    tags_to_add: list[SchemaTags] | None = None
    tags_to_remove: list[SchemaTags] | None = None
    metadata: Metadata | None = None
    rule_set: RuleSet | None = None
    rules_to_merge: RuleSet | None = None
    rules_to_remove: list[str] | None = None


def tag_version(registry: Registry, call: Call) -> Answer:
    """A new version of a version's schema with other tags, metadata or rules."""
    one, asked = the_version(registry, call), call.read(TagsAsked)
    held = removal.rules_after(
        asked.rule_set or one.content.rules, asked.rules_to_merge, asked.rules_to_remove or ()
    )
    request = Asked(
        schema=one.content.text,
        schema_type=one.content.kind,
        references=list(one.content.references),
        metadata=asked.metadata or one.content.metadata,
        rule_set=held,
        version=asked.new_version,
        schema_tags_to_add=asked.tags_to_add,
        schema_tags_to_remove=asked.tags_to_remove,
    )
    return ok(answers.registered(registry, call, register(registry, one.subject, request)))


# --- compatibility ----------------------------------------------------------------------------------------


def compatible_with_version(registry: Registry, call: Call) -> Answer:
    number = reads.version_number(call.names["version"])
    subject = qualified(aliased(registry, call))
    every = registry.index.versions(subject)
    held = every[-1:] if number is None else [one for one in every if one.version == number]
    if number is not None and not held:
        raise version_not_found(number)
    return judged(registry, call, subject, held)


def compatible_with_all(registry: Registry, call: Call) -> Answer:
    subject = qualified(aliased(registry, call))
    return judged(registry, call, subject, registry.index.versions(subject))


def judged(registry: Registry, call: Call, subject: str, held: list[Version]) -> Answer:
    verbose = call.truth("verbose")
    try:
        found = would_follow(registry, subject, call.read(Asked), held, normalize=call.truth("normalize"))
    except RegistryError as error:
        if not verbose or error.code != 42201:
            raise
        return ok({"is_compatible": False, "messages": [str(error)]})
    return ok({"is_compatible": not found, **({"messages": found} if verbose else {})})


# --- config and mode --------------------------------------------------------------------------------------


def scope(call: Call) -> str:
    """The subject or context that a path names; `/config` itself is the context of the path."""
    named = call.names.get("subject", "")
    return qualified(within(call.context, named)) if named else join(call.context, "").removeprefix(":.:")


def get_config(registry: Registry, call: Call) -> Answer:
    inherited = call.truth("defaultToGlobal")
    return ok(configuring.get_config(registry, scope(call), inherited))


def put_config(registry: Registry, call: Call) -> Answer:
    where = checked(scope(call)) if not is_context(scope(call)) else scope(call)
    return ok(configuring.put_config(registry, where, call.members()))


def delete_config(registry: Registry, call: Call) -> Answer:
    return ok(configuring.delete_config(registry, scope(call)))


def get_mode(registry: Registry, call: Call) -> Answer:
    return ok({"mode": configuring.get_mode(registry, scope(call), call.truth("defaultToGlobal"))})


def put_mode(registry: Registry, call: Call) -> Answer:
    given: Any = call.members().get("mode")
    if given is not None and (not isinstance(given, str) or given.upper() not in scopes.MODES):
        raise invalid_mode()
    mode = None if given is None else given.upper()
    configuring.put_mode(registry, scope(call), mode, call.truth("force"))
    return ok({} if given is None else {"mode": given})


def delete_mode(registry: Registry, call: Call) -> Answer:
    old = configuring.delete_mode(registry, scope(call), call.truth("recursive"))
    return ok({} if old is None else {"mode": old})


# --- contexts and the server ------------------------------------------------------------------------------


def contexts(registry: Registry, call: Call) -> Answer:
    return ok(call.page(reads.contexts(registry.index, call.text("contextPrefix"))))


def delete_context(registry: Registry, call: Call) -> Answer:
    removal.delete_context(registry, context_name(call.names["context"]))
    return Answer(204, b"")


def server_id(registry: Registry, call: Call) -> Answer:
    clusters = {"kafka-cluster": "penstock", "schema-registry-cluster": "schema-registry"}
    return ok({"scope": {"path": [], "clusters": clusters}})


def server_version(registry: Registry, call: Call) -> Answer:
    return ok({"version": VERSION, "commitId": COMMIT})


def deployment(registry: Registry, call: Call) -> Answer:
    return ok({"attributes": []})
