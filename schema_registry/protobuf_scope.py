"""Which type a name means: a schema with the files it imports, and the types in all of them.

In:  the file of a schema, the texts of its references by import name. Out: Scope, which finds types.

    package a.b;  message M { N n = 1; }      N is looked for as a.b.M.N, a.b.N, a.N, N; .a.N is only a.N

A file that is imported and neither brought as a reference nor known to all is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from schema_registry.protobuf_known import KNOWN, KnownFile
from schema_registry.protobuf_parse import parse_proto
from schema_registry.protobuf_tree import Enum, File, Message, is_map_entry
from schema_registry.schemas import InvalidSchema

CACHED_TEXT_MAX = 50_000
MAIN = ""


@dataclass(frozen=True, slots=True, eq=False)
class Type:
    """A message or an enum. `tree` is None for those of files known to all; `local` has no package."""

    full: str
    package: str
    file: str
    tree: Message | Enum | None
    is_enum: bool

    @property
    def local(self) -> str:
        return self.full[len(self.package) + 1 :] if self.package else self.full


@dataclass(slots=True, eq=False)
class Scope:
    """The types of a schema and of every file its references bring."""

    main: File
    files: dict[str, File | KnownFile]
    types: dict[str, Type] = field(default_factory=dict)

    def find(self, name: str, inside: str) -> Type | None:
        """The type a name means when it is written inside a message (or package) of that full name."""
        if name.startswith("."):
            return self.types.get(name[1:])
        scope = inside
        while scope:
            found = self.types.get(f"{scope}.{name}")
            if found is not None:
                return found
            scope = scope.rpartition(".")[0]
        return self.types.get(name)

    def visible(self) -> set[str]:
        """The files whose types the main file may name: its imports, and what those import publicly."""
        seen: set[str] = {MAIN}
        waiting = [each.file for each in self.main.imports]
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            file = self.files.get(name)
            if isinstance(file, File):
                waiting.extend(each.file for each in file.imports if each.kind == "public")
        return seen


def scope_of(main: File, references: Mapping[str, str]) -> Scope:
    files: dict[str, File | KnownFile] = {}
    for name, text in references.items():
        files[name] = reference_of(name, text)
    for name, known in KNOWN.items():
        files.setdefault(name, known)
    refuse_missing(main, files)
    scope = Scope(main, files)
    for name, file in (*files.items(), (MAIN, main)):
        for found in types_of(name, file):
            scope.types[found.full] = found
    return scope


def refuse_missing(main: File, files: Mapping[str, File | KnownFile]) -> None:
    """Every import, also of what is imported, must be there."""
    waiting: list[tuple[str, File]] = [(MAIN, main)]
    seen = {MAIN}
    while waiting:
        importer, file = waiting.pop()
        for each in file.imports:
            found = files.get(each.file)
            if found is None:
                where = f" ({importer} imports it)" if importer else ""
                raise InvalidSchema(
                    f"The import '{each.file}' is not here{where}. Add a reference with this name and the "
                    "subject and version it stands for."
                )
            if each.file not in seen and isinstance(found, File):
                seen.add(each.file)
                waiting.append((each.file, found))


def reference_of(name: str, text: str) -> File:
    try:
        return parsed_once(text) if len(text) <= CACHED_TEXT_MAX else parse_proto(text)
    except InvalidSchema as error:
        raise InvalidSchema(f"The reference '{name}' can't be used. {error}") from error


parsed_once = lru_cache(maxsize=128)(parse_proto)


def types_of(name: str, file: File | KnownFile) -> Iterator[Type]:
    package = file.package
    before = f"{package}." if package else ""
    if isinstance(file, KnownFile):
        yield from (Type(f"{before}{each}", package, name, None, False) for each in file.messages)
        yield from (Type(f"{before}{each}", package, name, None, True) for each in file.enums)
        return
    waiting: list[tuple[str, Message | File]] = [(before, file)]
    while waiting:
        before, holder = waiting.pop()
        for enum in holder.enums:
            yield Type(before + enum.name, package, name, enum, True)
        for message in holder.every_message():
            yield Type(before + message.name, package, name, message, False)
            waiting.append((f"{before}{message.name}.", message))


def map_entry(found: Type | None) -> Message | None:
    """The message of a type that stands for the entries of a map."""
    tree = found.tree if found is not None else None
    return tree if isinstance(tree, Message) and is_map_entry(tree) else None
