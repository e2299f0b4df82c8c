"""The schema registry as the formats see it: schemas by id, the latest of a subject, registering.

In:  ids from payloads, subjects of topics. Out: schemas as text; RegistryError when nobody answers.

    payload  0 | id (4 bytes) | data              subject  <topic>-key, <topic>-value

A schema never changes once it has an id, so what was read is kept. MemoryRegistry is a whole registry for one
process; registry_http.py asks a server.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from penstock.errors import SchemaNotFound

AVRO, JSON, PROTOBUF = "AVRO", "JSON", "PROTOBUF"


@dataclass(frozen=True, slots=True)
class Reference:
    """Another schema that a schema imports under `name`."""

    name: str
    subject: str
    version: int


@dataclass(frozen=True, slots=True)
class RegisteredSchema:
    """`kind` is the registry's own word: AVRO, JSON, PROTOBUF."""

    id: int
    kind: str
    text: str
    references: tuple[Reference, ...] = ()


class Registry(Protocol):
    """What is asked of a registry. Its methods may be called from any thread."""

    def by_id(self, schema_id: int) -> RegisteredSchema:
        """Raises SchemaNotFound."""
        ...

    def latest(self, subject: str) -> RegisteredSchema | None: ...

    def version(self, subject: str, version: int) -> RegisteredSchema:
        """Raises SchemaNotFound."""
        ...

    def register(self, subject: str, kind: str, text: str, references: Sequence[Reference] = ()) -> int:
        """The id; the same text under the same subject gives the same id again."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """Where the schemas of one side of a topic stand."""

    registry: Registry
    name: str

    @staticmethod
    def of(registry: Registry | None, topic: str, is_key: bool) -> Subject | None:
        return None if registry is None else Subject(registry, subject_name(topic, is_key))


def subject_name(topic: str, is_key: bool) -> str:
    return f"{topic}-{'key' if is_key else 'value'}"


def imported(registry: Registry, schema: RegisteredSchema) -> dict[str, str]:
    """The texts of all schemas that a schema imports, by the name they are imported under."""
    found: dict[str, str] = {}
    waiting = list(schema.references)
    while waiting:
        reference = waiting.pop()
        if reference.name not in found:
            target = registry.version(reference.subject, reference.version)
            found[reference.name] = target.text
            waiting += target.references
    return found


class MemoryRegistry:
    """A registry for one process: for `penstock test` and for tests. Any schema may follow any other."""

    def __init__(self) -> None:
        self._schemas: dict[int, RegisteredSchema] = {}
        self._ids: dict[tuple[str, str, tuple[Reference, ...]], int] = {}
        self._subjects: dict[str, list[int]] = {}
        self._next = 1
        self._lock = threading.Lock()

    def by_id(self, schema_id: int) -> RegisteredSchema:
        found = self._schemas.get(schema_id)
        if found is None:
            raise SchemaNotFound(f"Schema {schema_id} not found")
        return found

    def latest(self, subject: str) -> RegisteredSchema | None:
        ids = self._subjects.get(subject)
        return self._schemas[ids[-1]] if ids else None

    def version(self, subject: str, version: int) -> RegisteredSchema:
        ids = self._subjects.get(subject, [])
        if not 1 <= version <= len(ids):
            raise SchemaNotFound(f"Version {version} of subject '{subject}' not found.")
        return self._schemas[ids[version - 1]]

    def register(self, subject: str, kind: str, text: str, references: Sequence[Reference] = ()) -> int:
        return self.register_as(None, subject, kind, text, references)

    def register_as(
        self,
        schema_id: int | None,
        subject: str,
        kind: str,
        text: str,
        references: Sequence[Reference] = (),
    ) -> int:
        """Register under a given id; with None, under the id the text has already or the next free one."""
        content = (kind, text, tuple(references))
        with self._lock:
            chosen = schema_id or self._ids.get(content) or self._free_id()
            self._schemas[chosen] = RegisteredSchema(chosen, *content)
            self._ids.setdefault(content, chosen)
            ids = self._subjects.setdefault(subject, [])
            if chosen not in ids:
                ids.append(chosen)
        return chosen

    def _free_id(self) -> int:
        while self._next in self._schemas:
            self._next += 1
        return self._next
