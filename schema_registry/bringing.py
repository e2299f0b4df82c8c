"""Schemas between a folder and a registry: register what files say, pull what a registry has.

In:  a RemoteRegistry, a folder. Out: one line for each subject, for people to read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from penstock.errors import SettingError
from schema_registry import files
from schema_registry.files import MANIFEST, SUFFIXES
from schema_registry.remote import Registered, RemoteRegistry
from schema_registry.schemas import AVRO, JSON, Reference

INDENTED = (AVRO, JSON)


def register(registry: RemoteRegistry, folder: Path, normalize: bool) -> list[tuple[str, int, int, str]]:
    """References first; a file's level is set before its schema, so that it judges this one already."""
    done = []
    for one in files.in_order(files.in_folder(folder)):
        before = registry.versions(one.subject)
        if one.level is not None and (not before or registry.level(one.subject) != one.level):
            registry.set_level(one.subject, one.level)
        used = [
            Reference(name, subject, latest(registry, subject)) for name, subject in one.references.items()
        ]
        id = registry.register(one.subject, one.kind, one.text, used, normalize)
        now = registry.versions(one.subject)
        done.append((one.subject, now[-1], id, "there already" if now == before else "registered"))
    return done


def latest(registry: RemoteRegistry, subject: str) -> int:
    found = registry.version(subject)
    if found is None:
        raise SettingError(f"{subject} is referenced, and neither a file nor the registry has it.")
    return found.version


def two(registry: RemoteRegistry, first: str, second: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Kind and text of two schemas."""
    return one_schema(registry, first), one_schema(registry, second)


def one_schema(registry: RemoteRegistry, what: str) -> tuple[str, str]:
    path = Path(what)
    if path.suffix in SUFFIXES and path.exists():
        return SUFFIXES[path.suffix], path.read_text()
    subject, at, version = what.rpartition("@")
    found = registry.version(subject, version) if at else registry.version(what)
    if found is None:
        raise SettingError(f"'{what}' is neither a file nor subject@version of {registry.url}.")
    return found.kind, found.text


def pull(registry: RemoteRegistry, folder: Path, prefix: str) -> list[tuple[str, int, str]]:
    folder.mkdir(parents=True, exist_ok=True)
    found = [one for name in registry.subjects(prefix) if (one := registry.version(name)) is not None]
    done = []
    for one in found:
        name = files.file_name(one.subject, one.kind)
        (folder / name).write_text(readable(one))
        done.append((one.subject, one.version, name))
    levels = {one.subject: registry.level(one.subject) for one in found}
    (folder / MANIFEST).write_text(manifest(found, levels))
    return done


def readable(one: Registered) -> str:
    if one.kind not in INDENTED:
        return one.text
    return json.dumps(json.loads(one.text), indent=2, ensure_ascii=False) + "\n"


def manifest(found: Sequence[Registered], levels: dict[str, str]) -> str:
    lines: list[str] = []
    for one in found:
        lines += [f"[subjects.{json.dumps(one.subject)}]", f"level = {json.dumps(levels[one.subject])}"]
        if one.references:
            used = ", ".join(f"{json.dumps(it.name)} = {json.dumps(it.subject)}" for it in one.references)
            lines.append(f"references = {{ {used} }}")
        lines.append("")
    return "\n".join(lines)
