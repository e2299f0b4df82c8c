"""What a kind of schema promises: text becomes a parsed schema, two of them become a list of differences.

In:  a schema's text, and the texts of all schemas it references (directly or not) by reference name.
Out: Parsed, which knows its texts; for two of them the differences that stop one from reading the other.

    text, references --parse--> Parsed --normalized()--> Parsed
                                  |  `--check(fields)--> InvalidSchema or nothing
                  compatibility(new, old, policy) -> [Difference(kind, path, message), ...]
                                                     empty: what `old` wrote, `new` can read

A kind holds no state but caches with a bound. What is wrong with a text raises InvalidSchema with a sentence
that says what and where; nothing else may come out of parse() for a text somebody sent. Levels (FORWARD,
FULL, TRANSITIVE) are none of a kind's business: compatibility.py turns them into calls of this one question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.errors import PenstockError

AVRO, JSON, PROTOBUF = "AVRO", "JSON", "PROTOBUF"

STRICT, LENIENT, LOGICAL = "STRICT", "LENIENT", "LOGICAL"
"""The values of `compatibilityPolicy`. Only JSON Schema knows a difference between the first two."""

NESTING_MAX = 1000
"""JSON nested deeper is refused, as by the parser (Jackson) that Confluent's registry reads with."""


class InvalidSchema(PenstockError):
    """A text that is no schema of its kind, or one that breaks a rule for new schemas."""

    code = 42201


@dataclass(frozen=True, slots=True)
class Reference:
    """A schema used by another under `name`: a type's name (Avro), a URI (JSON), a file (Protobuf)."""

    name: str
    subject: str
    version: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A change that breaks: `kind` in Confluent's words (FIELD_SCALAR_KIND_CHANGED), `path` where, `message`
    a sentence for people: what was found and, where it helps, what to do."""

    kind: str
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class TagChange:
    """Tags for one entity of a schema. `type` is sr_record or sr_field; paths are dotted: ns.Record.field."""

    path: str
    type: str
    tags: tuple[str, ...]


class Parsed(Protocol):
    """A schema that was understood. Values: never changed once made."""

    @property
    def text(self) -> str:
        """The canonical text, as it is stored and compared: own layout, white space dropped."""
        ...

    def normalized(self) -> str:
        """The text of `normalize=true`: the same for schemas that differ only in order or spelling."""
        ...

    def formatted(self, name: str) -> str:
        """The text in a format of this kind (`resolved`, `serialized`, ...); unknown formats give `text`."""
        ...

    def check(self, *, fields: bool) -> None:
        """The strict rules for new schemas (names, defaults); with `fields` those of validateFields too.

        Raises InvalidSchema.
        """
        ...

    def top_level_fields(self) -> Sequence[str]:
        """Names of the outermost fields, for the rule about reserved names."""
        ...

    def tags(self) -> Sequence[TagChange]:
        """The tags written into the schema (`confluent:tags`, or Protobuf's confluent.field_meta)."""
        ...

    def tagged(self, add: Sequence[TagChange], remove: Sequence[TagChange]) -> str:
        """The text with these tags added and removed. An entity that is not there raises InvalidSchema."""
        ...


class SchemaKind(Protocol):
    """One of AVRO, JSON, PROTOBUF. Each module offers one instance named KIND."""

    name: str

    def parse(self, text: str, references: Mapping[str, str]) -> Parsed:
        """Understand a text. A reference that the text needs and `references` lacks raises InvalidSchema.

        Protobuf also takes the base64 of a serialized FileDescriptorProto, as some clients send it.
        """
        ...

    def compatibility(self, new: Any, old: Any, policy: str = STRICT) -> list[Difference]:
        """What stops `new` from reading what was written with `old` (both from this kind's parse).

        Must end quickly for every pair: recursive schemas are memoised, user's patterns are never run.
        """
        ...
