"""References become texts: a schema's own and those of what it references, by name, the deepest first.

In:  references as given (subject and version, -1 for the latest), the context of the referrer.
Out: the references with their versions resolved, and the texts by name; InvalidSchema (through
     RegistryError 42201) for one that dangles or leads back to itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from schema_registry.errors import RegistryError, invalid_schema
from schema_registry.index import Index, Version
from schema_registry.schemas import Reference
from schema_registry.subjects import context_of, join, qualified, split, within

LATEST = -1


def resolved(index: Index, context: str, references: Iterable[Reference]) -> tuple[Reference, ...]:
    """The same references, where the latest has become a number."""
    return tuple(
        Reference(one.name, one.subject, target(index, context, one, deleted=False).version)
        if one.version == LATEST
        else one
        for one in references
    )


def target(index: Index, context: str, one: Reference, deleted: bool) -> Version:
    subject = qualified(within(context, one.subject))
    versions = index.versions(subject, deleted)
    if one.version == LATEST and versions:
        return versions[-1]
    found = next((version for version in versions if version.version == one.version), None)
    if found is None:
        raise dangling(one)
    return found


def dangling(one: Reference) -> RegistryError:
    return invalid_schema(
        f"Invalid schema: no schema reference found for subject '{one.subject}' and version {one.version}, "
        f"which the reference '{one.name}' names. Register it first."
    )


def texts(
    index: Index, context: str, references: Iterable[Reference], deleted: bool = False, strict: bool = False
) -> dict[str, str]:
    """`deleted`: soft-deleted targets serve too, as they do for schemas that stand already. `strict`: no
    two versions of one subject may take part."""
    found: dict[str, str] = {}
    walk(index, context, references, deleted, found, (), {} if strict else None)
    return found


def walk(
    index: Index,
    context: str,
    references: Iterable[Reference],
    deleted: bool,
    found: dict[str, str],
    way: tuple[tuple[str, int], ...],
    versions: dict[str, int] | None,
) -> None:
    for one in references:
        if not one.subject or not one.name:
            raise invalid_schema("Invalid schema: a reference needs a name, a subject and a version.")
        aim = target(index, context, one, deleted)
        if aim.key in way:
            raise invalid_schema(
                f"Invalid schema: the reference '{one.name}' leads back to itself: "
                + " -> ".join(f"{subject} version {version}" for subject, version in (*way, aim.key))
            )
        if versions is not None:
            check_one_version(versions, aim)
        if one.name not in found:
            inner = aim.content.references
            walk(index, context_of(aim.subject), inner, deleted, found, (*way, aim.key), versions)
            found.setdefault(one.name, aim.content.text)


def check_one_version(versions: dict[str, int], aim: Version) -> None:
    known = versions.setdefault(aim.subject, aim.version)
    if known != aim.version:
        raise invalid_schema(
            f"Conflicting reference versions: subject '{aim.subject}' is referenced at version {known} "
            f"and at version {aim.version}."
        )


def in_order(references: Iterable[Reference]) -> tuple[Reference, ...]:
    """Sorted and each once, as normalized schemas have them."""
    return tuple(sorted(set(references), key=lambda one: (one.name, one.subject, one.version)))


def spelled_out(references: Iterable[Reference], context: str) -> list[Reference]:
    """With the context in every subject (`referenceFormat=qualified`)."""
    return [Reference(one.name, full(one.subject, context), one.version) for one in references]


def full(subject: str, context: str) -> str:
    return join(*split(within(context, subject)))
