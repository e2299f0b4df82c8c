"""May this schema follow those? The seven levels as calls of one question: can `new` read `old`?

In:  a new schema, the versions it is held against (oldest first), the level and policy of the subject.
Out: messages in Confluent's form, none when compatible. They end with the version that was in the way.

    level                  new reads old    old reads new    against
    BACKWARD                    x                             the latest
    FORWARD                                      x            the latest
    FULL                        x                x            the latest
    ..._TRANSITIVE                                            all, newest first, up to the first that fails
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from schema_registry.content import RESERVED, Content
from schema_registry.kinds import kind
from schema_registry.schemas import STRICT, Difference, Parsed


@dataclass(frozen=True, slots=True)
class Level:
    backward: bool
    forward: bool
    transitive: bool


NONE = "NONE"
LEVELS = {
    NONE: Level(False, False, False),
    "BACKWARD": Level(True, False, False),
    "BACKWARD_TRANSITIVE": Level(True, False, True),
    "FORWARD": Level(False, True, False),
    "FORWARD_TRANSITIVE": Level(False, True, True),
    "FULL": Level(True, True, False),
    "FULL_TRANSITIVE": Level(True, True, True),
}

KIND_CHANGED = "SCHEMA_TYPE_CHANGED"
DIFFERENT_KIND = "Incompatible because of different schema type"


@dataclass(frozen=True, slots=True)
class Earlier:
    """A version to be held against; parsed only when its turn comes."""

    version: int
    content: Content
    parse: Callable[[], Parsed]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: may `new` follow `earlier` (oldest first)?"""

    new: Parsed
    content: Content
    earlier: Sequence[Earlier]
    level: str
    policy: str = STRICT
    fields: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is in the way, and the version it is in the way of (none when the schema fails by itself)."""

    differences: Sequence[Difference] = ()
    earlier: Earlier | None = None


COMPATIBLE = Verdict()


def judged(asked: Question) -> Verdict:
    level = LEVELS[asked.level]
    if not (level.backward or level.forward):
        return COMPATIBLE
    clash = reserved_clash(asked) if asked.fields else []
    if clash:
        return Verdict(clash)
    held = list(reversed(asked.earlier)) if level.transitive else list(asked.earlier)[-1:]
    for one in held:
        found = against(asked, one, level)
        if found:
            return Verdict(found, one)
    return COMPATIBLE


def against(asked: Question, old: Earlier, level: Level) -> list[Difference]:
    if old.content.kind != asked.content.kind:
        return [Difference(KIND_CHANGED, "/", DIFFERENT_KIND)]
    of, parsed = kind(asked.content.kind), old.parse()
    found = reserved_dropped(asked, old) if asked.fields else []
    if level.backward:
        found += of.compatibility(asked.new, parsed, asked.policy)
    if level.forward:
        found += [swapped(one) for one in of.compatibility(parsed, asked.new, asked.policy)]
    return found


def messages(asked: Question) -> list[str]:
    """The verdict as the registry's answers say it."""
    verdict = judged(asked)
    if not verdict.differences:
        return []
    earlier = earlier_said(verdict.earlier) if verdict.earlier is not None else []
    return [*map(said, verdict.differences), *earlier, settings_said(asked)]


def said(one: Difference) -> str:
    if one.kind == KIND_CHANGED:
        return one.message
    return f"{{errorType:'{one.kind}', description:'{one.message}', additionalInfo:'{one.path}'}}"


NEW_OR_OLD = re.compile(r"\b(new|old) schema\b")


def swapped(one: Difference) -> Difference:
    """A kind calls the reader new; forwards the reader is the old schema, and so its message says."""
    words = {"new": "old schema", "old": "new schema"}
    return Difference(one.kind, one.path, NEW_OR_OLD.sub(lambda found: words[found[1]], one.message))


def earlier_said(old: Earlier) -> list[str]:
    return [f"{{oldSchemaVersion: {old.version}}}", f"{{oldSchema: '{old.content.text}'}}"]


def settings_said(asked: Question) -> str:
    return f"{{validateFields: '{str(asked.fields).lower()}', compatibility: '{asked.level}'}}"


def reserved(content: Content) -> set[str]:
    text = (content.metadata.property(RESERVED) if content.metadata else None) or ""
    return {name.strip() for name in text.split(",") if name.strip()}


def reserved_clash(asked: Question) -> list[Difference]:
    clash = sorted(reserved(asked.content) & set(asked.new.top_level_fields()))
    what = "The new schema has a field that is reserved by its metadata: rename the field"
    return [
        Difference("RESERVED_FIELD_CONFLICTS_WITH_FIELD", f"#/{name}", f"{what} {name}") for name in clash
    ]


def reserved_dropped(asked: Question, old: Earlier) -> list[Difference]:
    dropped = sorted(reserved(old.content) - reserved(asked.content))
    what = "The new schema no longer reserves a field that the old schema reserves in its metadata: keep"
    return [Difference("RESERVED_FIELD_REMOVED", f"#/{name}", f"{what} {name}") for name in dropped]


def same_group(group: str | None, new: Content, old: Content) -> bool:
    """Versions of different values of the compatibility group's property are not compared."""
    if not group:
        return True
    first, second = new.metadata, old.metadata
    return (first.property(group) if first else None) == (second.property(group) if second else None)
