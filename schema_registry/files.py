"""A folder of schemas: one file a subject, and `schemas.toml` for what a file can't say.

In:  a way to read files by name: a folder, or a folder as it stands at a git revision.
Out: SubjectFiles, each with its text, kind, level and references.

    schemas/
      retail-transactions-value.avsc    the subject is the file's name, percent-decoded; the kind its suffix
      orders-value.proto
      schemas.toml                      level = "BACKWARD"
                                        [subjects."orders-value"]
                                        level = "FULL"
                                        references = { "customer.proto" = "customer" }     name = subject
"""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

from penstock.errors import SettingError, did_you_mean
from schema_registry.compatibility import LEVELS
from schema_registry.schemas import AVRO, JSON, PROTOBUF

MANIFEST = "schemas.toml"
SUFFIXES = {".avsc": AVRO, ".json": JSON, ".proto": PROTOBUF}
GIT_SECONDS_MAX = 30


@dataclass(frozen=True, slots=True)
class SubjectFile:
    """One subject as a file has it. `level` None: that of the registry, or BACKWARD where there is none."""

    subject: str
    name: str
    kind: str
    text: str
    level: str | None
    references: Mapping[str, str]


Reader = Callable[[str], str]


def in_folder(folder: Path) -> dict[str, SubjectFile]:
    if not folder.is_dir():
        raise SettingError(f"There is no folder {folder} with schemas. Name one, or begin with `pull`.")
    names = sorted(one.name for one in folder.iterdir() if one.is_file())
    return subjects(names, lambda name: (folder / name).read_text())


def at_revision(folder: Path, revision: str) -> dict[str, SubjectFile]:
    """The folder as it stands at a git revision; empty where it was not there yet."""
    git(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    tree = f"{revision}:{git(folder, 'rev-parse', '--show-prefix').strip().rstrip('/')}"
    listed = git_result(folder, "ls-tree", "--full-tree", "--name-only", tree).stdout.splitlines()
    return subjects(sorted(listed), lambda name: git(folder, "show", f"{revision}:./{name}"))


def git(folder: Path, *arguments: str) -> str:
    found = git_result(folder, *arguments)
    if found.returncode:
        raise SettingError(
            f"git {' '.join(arguments)} in {folder} failed: {found.stderr.strip() or 'no such revision'}"
        )
    return found.stdout


def git_result(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS_MAX,
            check=False,
        )
    except FileNotFoundError as error:
        raise SettingError("There is no git here, which --against git:REF asks.") from error


def subjects(names: list[str], read: Reader) -> dict[str, SubjectFile]:
    manifest = tomllib.loads(read(MANIFEST)) if MANIFEST in names else {}
    common, each = level_of(manifest, MANIFEST), dict(manifest.get("subjects") or {})
    found: dict[str, SubjectFile] = {}
    for name in names:
        path = PurePosixPath(name)
        if path.suffix in SUFFIXES:
            subject = unquote(path.stem)
            own = each.pop(subject, {})
            level = level_of(own, f"{MANIFEST}: {subject}") or common
            if subject in found:
                raise SettingError(f"{name} and {found[subject].name} are both for subject {subject}.")
            found[subject] = SubjectFile(
                subject, name, SUFFIXES[path.suffix], read(name), level, dict(own.get("references") or {})
            )
    for subject in each:
        raise SettingError(f"{MANIFEST} speaks of {subject}: no such file.{did_you_mean(subject, found)}")
    return found


def level_of(settings: Mapping[str, Any], where: str) -> str | None:
    level = settings.get("level")
    if level is not None and str(level).upper() not in LEVELS:
        raise SettingError(f"{where}: a level is one of {', '.join(LEVELS)}, not {level}.")
    return None if level is None else str(level).upper()


def file_name(subject: str, kind: str) -> str:
    suffix = next(suffix for suffix, one in SUFFIXES.items() if one == kind)
    return quote(subject, safe=" @+=,:") + suffix


def in_order(found: Mapping[str, SubjectFile]) -> list[SubjectFile]:
    """What is referenced before what references it."""
    ordered: dict[str, SubjectFile] = {}

    def place(one: SubjectFile, way: tuple[str, ...]) -> None:
        if one.subject in way:
            raise SettingError(f"References lead back: {' -> '.join((*way, one.subject))}.")
        for subject in one.references.values():
            if subject in found and subject not in ordered:
                place(found[subject], (*way, one.subject))
        ordered[one.subject] = one

    for one in found.values():
        place(one, ())
    return list(ordered.values())


def reference_texts(one: SubjectFile, found: Mapping[str, SubjectFile]) -> dict[str, str]:
    """The texts of all that a file references, the deepest first."""
    texts: dict[str, str] = {}

    def gather(inner: SubjectFile, way: tuple[str, ...]) -> None:
        for name, subject in inner.references.items():
            if subject not in found:
                raise SettingError(
                    f"{inner.name} references {subject}: no such file.{did_you_mean(subject, found)}"
                )
            if subject in way:
                raise SettingError(f"References lead back: {' -> '.join((*way, subject))}.")
            gather(found[subject], (*way, subject))
            texts.setdefault(name, found[subject].text)

    gather(one, (one.subject,))
    return texts
