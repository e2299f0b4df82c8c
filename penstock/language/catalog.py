"""The catalog: the streams, tables and types there are. Frozen values; a change makes a new catalog.

In:  the executor's statements. Out: what the analyser looks names up in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from penstock.types import Schema, SqlType

STREAM, TABLE = "STREAM", "TABLE"


@dataclass(frozen=True, slots=True)
class Format:
    """A serialisation format by name, with its properties (`delimiter`, `schema_id`, ...) in lower case."""

    name: str
    properties: tuple[tuple[str, str], ...] = ()

    def get(self, key: str) -> str | None:
        return dict(self.properties).get(key)


@dataclass(frozen=True, slots=True)
class SourceWindow:
    """A windowed key: kind TUMBLING HOPPING SESSION; no size for SESSION."""

    kind: str
    size_ms: int | None = None


@dataclass(frozen=True, slots=True)
class TimestampColumn:
    name: str
    format: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A stream or table over a topic.

    `unwrapped_value`: a single value column stands bare in the payload. `query_id`: the C*AS query that
    writes it. `headers`: header columns among schema.value as (name, header key or None for all).
    """

    name: str
    kind: str
    topic: str
    schema: Schema
    key_format: Format
    value_format: Format
    timestamp: TimestampColumn | None = None
    window: SourceWindow | None = None
    read_only: bool = False
    unwrapped_value: bool = False
    headers: tuple[tuple[str, str | None], ...] = ()
    query_id: str | None = None
    statement: str = ""

    @property
    def is_stream(self) -> bool:
        return self.kind == STREAM


@dataclass(frozen=True, slots=True)
class Catalog:
    sources: Mapping[str, Source] = field(default_factory=dict)
    types: Mapping[str, SqlType] = field(default_factory=dict)

    def with_source(self, source: Source) -> Catalog:
        return replace(self, sources={**self.sources, source.name: source})

    def without_source(self, name: str) -> Catalog:
        return replace(self, sources={key: value for key, value in self.sources.items() if key != name})

    def with_type(self, name: str, kind: SqlType) -> Catalog:
        return replace(self, types={**self.types, name: kind})

    def without_type(self, name: str) -> Catalog:
        return replace(self, types={key: value for key, value in self.types.items() if key != name})
