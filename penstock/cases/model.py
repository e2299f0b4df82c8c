"""A case and what became of it, as values.

In:  file.py makes cases of JSON. Out: Results, which travel between processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
WAYS = ("whole", "rows", "restore")


@dataclass(frozen=True, slots=True)
class Record:
    """A record as a case states it. `given` names the members that stand in the file."""

    topic: str
    key: Any = None
    value: Any = None
    timestamp: int | None = None
    window: tuple[int, int] | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    given: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TopicSchema:
    """A schema of one side of a topic. `references`: the schemas it imports, by the name it does so under."""

    is_key: bool
    format: str | None
    schema: Any
    id: int | None = None
    references: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CaseTopic:
    """`partitions` None: as the statement says that names it, else one."""

    name: str
    partitions: int | None = None
    schemas: tuple[TopicSchema, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """Statements, records in, records out. `skip` is a reason that stands in the file itself."""

    file: str
    name: str
    statements: tuple[str, ...]
    inputs: tuple[Record, ...] = ()
    outputs: tuple[Record, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    topics: tuple[CaseTopic, ...] = ()
    sources: tuple[Mapping[str, Any], ...] = ()
    expected_error: Mapping[str, Any] | None = None
    log: tuple[str, ...] | None = None
    skip: str | None = None
    responses: tuple[Mapping[str, Any], ...] = ()
    waits_for_push: bool = False

    @property
    def title(self) -> str:
        return f"{Path(self.file).stem}: {self.name}"


@dataclass(frozen=True, slots=True)
class Result:
    title: str
    outcome: str
    detail: str = ""


class Mismatch(Exception):
    """The product answers otherwise than the case says."""
