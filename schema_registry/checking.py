"""May this folder of schemas be merged? Each changed file is held against what stood before, at its level.

In:  a folder, and where the earlier versions are: a git revision, or a registry.
Out: a Finding for each subject, with its differences; `breaks` says whether it stops the merge.

    unchanged -> ok     new subject -> parsed and checked -> ok | invalid
    changed   -> parsed and checked -> held against the earlier versions -> ok | breaks | invalid
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from schema_registry import files
from schema_registry.compatibility import Earlier, Question, judged
from schema_registry.content import content
from schema_registry.errors import RegistryError
from schema_registry.files import SubjectFile
from schema_registry.kinds import parse
from schema_registry.remote import RemoteRegistry
from schema_registry.schemas import Difference, InvalidSchema, Parsed

GIT = "git:"
DEFAULT_LEVEL = "BACKWARD"
UNCHANGED, NEW, COMPATIBLE, BREAKS, INVALID, REMOVED = (
    "unchanged",
    "new",
    "compatible",
    "breaks",
    "invalid",
    "removed",
)


@dataclass(frozen=True, slots=True)
class Finding:
    subject: str
    file: str
    level: str
    against: str
    result: str
    differences: Sequence[Difference] = ()

    @property
    def stops(self) -> bool:
        return self.result in (BREAKS, INVALID)


class Before(Protocol):
    """Where earlier versions come from."""

    def earlier(self, one: SubjectFile) -> list[Earlier]:
        """Oldest first."""
        ...

    def level(self, one: SubjectFile) -> str: ...

    def removed(self, now: Mapping[str, SubjectFile]) -> list[str]: ...

    def said(self, one: Earlier | None) -> str: ...


@dataclass(frozen=True, slots=True)
class AtRevision:
    revision: str
    found: Mapping[str, SubjectFile]

    def earlier(self, one: SubjectFile) -> list[Earlier]:
        old = self.found.get(one.subject)
        if old is None:
            return []
        texts = files.reference_texts(old, self.found)
        return [Earlier(1, content(old.text, old.kind), lambda: parse(old.kind, old.text, texts))]

    def level(self, one: SubjectFile) -> str:
        return one.level or DEFAULT_LEVEL

    def removed(self, now: Mapping[str, SubjectFile]) -> list[str]:
        return sorted(self.found.keys() - now.keys())

    def said(self, one: Earlier | None) -> str:
        return f"{GIT}{self.revision}"


@dataclass(frozen=True, slots=True)
class InRegistry:
    registry: RemoteRegistry

    def earlier(self, one: SubjectFile) -> list[Earlier]:
        return [self.earlier_version(one.subject, number) for number in self.registry.versions(one.subject)]

    def earlier_version(self, subject: str, number: int) -> Earlier:
        found = self.registry.version(subject, number)
        assert found is not None, (subject, number)

        def parsed() -> Parsed:
            return parse(found.kind, found.text, self.registry.reference_texts(found.references))

        return Earlier(number, content(found.text, found.kind, found.references), parsed)

    def level(self, one: SubjectFile) -> str:
        return one.level or self.registry.level(one.subject)

    def removed(self, now: Mapping[str, SubjectFile]) -> list[str]:
        """A registry may hold what other folders register."""
        return []

    def said(self, one: Earlier | None) -> str:
        return f"version {one.version}" if one is not None else self.registry.url


def before(against: str, folder: Path, auth: tuple[str, str] | None = None) -> Before:
    if against.startswith(GIT):
        revision = against.removeprefix(GIT) or "HEAD"
        return AtRevision(revision, files.at_revision(folder, revision))
    return InRegistry(RemoteRegistry(against, auth))


def check(folder: Path, against: Before, level: str | None = None) -> list[Finding]:
    """One finding a subject. `level` goes before the files' own."""
    now = files.in_folder(folder)
    found = [finding(one, now, against, level) for one in now.values()]
    gone = [Finding(subject, "", "", against.said(None), REMOVED) for subject in against.removed(now)]
    return found + gone


def finding(one: SubjectFile, now: Mapping[str, SubjectFile], against: Before, level: str | None) -> Finding:
    held = level or against.level(one)
    earlier = against.earlier(one)
    last = earlier[-1] if earlier else None
    try:
        parsed = parse(one.kind, one.text, files.reference_texts(one, now))
        if last is not None and last.content.kind == one.kind and last.parse().text == parsed.text:
            return Finding(one.subject, one.name, held, against.said(last), UNCHANGED)
        parsed.check(fields=False)
    except (InvalidSchema, RegistryError) as error:
        return Finding(
            one.subject, one.name, held, against.said(last), INVALID, [Difference(INVALID, "", str(error))]
        )
    verdict = judged(Question(parsed, content(parsed.text, one.kind), earlier, held))
    result = BREAKS if verdict.differences else COMPATIBLE if earlier else NEW
    said = against.said(verdict.earlier or last)
    return Finding(one.subject, one.name, held, said, result, verdict.differences)


def difference(new: tuple[str, str], old: tuple[str, str], level: str) -> list[Difference]:
    """What differs between two texts, each with its kind, at a level: FULL sees both directions."""
    parsed = parse(*new, {})
    earlier = Earlier(1, content(old[1], old[0]), lambda: parse(*old, {}))
    return list(judged(Question(parsed, content(parsed.text, new[0]), [earlier], level)).differences)
