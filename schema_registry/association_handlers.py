"""The endpoints under /associations, and what GET /schemas says of associations. routes.py has the paths.

In:  a Registry and a Call. Out: an Answer; every failure is raised.
"""

from __future__ import annotations

from typing import Any

import msgspec

from schema_registry import answers, associations
from schema_registry.association_index import LIFECYCLES, NONE, TOPIC, Association, Wanted
from schema_registry.associations import AskedAssociations, Put
from schema_registry.calls import Answer, Call, ok
from schema_registry.errors import invalid_association
from schema_registry.index import Version
from schema_registry.registry import Registry
from schema_registry.subjects import qualified, within

PAGE_MAX = 1000
FILTERS = ("resourceType", "associationType", "lifecycle")


def of_subject(registry: Registry, call: Call) -> Answer:
    subject = qualified(within(call.context, call.names["subject"]))
    return listed(call, registry.index.associations.of_subject(subject, wanted(call)))


def of_name(registry: Registry, call: Call) -> Answer:
    found = registry.index.associations.of_name(call.names["namespace"], call.names["name"], wanted(call))
    return listed(call, found)


def of_id(registry: Registry, call: Call) -> Answer:
    return listed(call, registry.index.associations.of_id(call.names["id"], wanted(call)))


def listed(call: Call, found: list[Association]) -> Answer:
    return ok([one.members for one in call.page(found, PAGE_MAX)])


def create(registry: Registry, call: Call) -> Answer:
    return put(registry, call, call.read(AskedAssociations), only_new=True)


def change(registry: Registry, call: Call) -> Answer:
    """PUT makes what is not there yet. The id may stand in the path, then it need not in the body."""
    asked, id = call.read(AskedAssociations), call.names.get("id")
    if id is not None:
        if asked.resource_id not in (None, id):
            raise invalid_association("resourceId", "the path has another one")
        asked = msgspec.structs.replace(asked, resource_id=id)
    return put(registry, call, asked, only_new=False)


def put(registry: Registry, call: Call, asked: AskedAssociations, *, only_new: bool) -> Answer:
    context = associations.context_for(call.context, call.text("context"))
    made = associations.put(registry, context, asked, only_new=only_new, dry_run=call.truth("dryRun"))
    members: dict[str, Any] = {
        "resourceName": asked.resource_name,
        "resourceNamespace": asked.resource_namespace,
        "resourceId": asked.resource_id,
        "resourceType": asked.resource_type or TOPIC,
        "associations": [info(registry, call, one) for one in made],
    }
    return ok({name: value for name, value in members.items() if value})


def info(registry: Registry, call: Call, one: Put) -> dict[str, Any]:
    members: dict[str, Any] = {
        "subject": one.association.subject,
        "associationType": one.association.association_type,
        "lifecycle": one.association.lifecycle,
        "frozen": one.association.frozen,
    }
    if one.version is not None:
        members["schema"] = answers.registered(registry, call, one.version)
    return members


def delete(registry: Registry, call: Call) -> Answer:
    cascade, dry_run = call.truth("cascadeLifecycle"), call.truth("dryRun")
    associations.delete(registry, call.names["id"], wanted(call), cascade=cascade, dry_run=dry_run)
    return Answer(204, b"")


def wanted(call: Call) -> Wanted:
    return Wanted(
        call.text("resourceType") or TOPIC, call.every("associationType"), lifecycles(call, LIFECYCLES)
    )


def lifecycles(call: Call, known: tuple[str, ...]) -> list[str]:
    found = [one for one in call.every("lifecycle") if one]
    for one in found:
        if one not in known:
            raise invalid_association("lifecycle", f"must be one of {', '.join(known)}")
    return found


# --- GET /schemas -----------------------------------------------------------------------------------------


def narrowed(registry: Registry, call: Call, found: list[Version]) -> list[tuple[Version, list[Association]]]:
    """The versions whose subjects are associated as asked, and how. Not asked: all, with nothing."""
    if not any(call.text(name) for name in FILTERS):
        return [(one, []) for one in found]
    asked = lifecycles(call, (*LIFECYCLES, NONE))
    named = [one for one in asked if one != NONE]
    matched = Wanted(call.text("resourceType") or TOPIC, call.every("associationType"), named)
    whole = Wanted(call.text("resourceType") or TOPIC, call.every("associationType"))
    known = registry.index.associations
    out: list[tuple[Version, list[Association]]] = []
    for one in found:
        every = known.of_subject(one.subject, whole)
        fitting = [it for it in every if matched.takes(it)] if named or not asked else []
        if fitting or (NONE in asked and not every):
            out.append((one, fitting))
    return out
