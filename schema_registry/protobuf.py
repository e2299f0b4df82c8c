"""Protobuf as a kind of schema: proto2, proto3 and editions, as text or as a serialized descriptor.

In:  a .proto text (or the base64 of a FileDescriptorProto), the texts of the files it imports.
Out: Parsed; for two of them what the new one can't read.

    protobuf_parse       text -> tree                 (_tokens, _cursor, _tree)
    protobuf_print       tree -> text, canonical or normalized
    protobuf_descriptor  tree <-> FileDescriptorProto (_write, _wire, _options)
    protobuf_scope       names -> types, over all imported files (_known)
    protobuf_check       the strict rules for new schemas
    protobuf_compare     two schemas -> changes       (_changes: the table)
    protobuf_tags        tags written into a schema
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schema_registry.protobuf_changes import Change
from schema_registry.protobuf_check import check
from schema_registry.protobuf_compare import changes_between
from schema_registry.protobuf_descriptor import file_of_base64, is_base64
from schema_registry.protobuf_descriptor_write import to_base64
from schema_registry.protobuf_parse import parse_proto
from schema_registry.protobuf_print import print_normalized, print_proto
from schema_registry.protobuf_scope import Scope, scope_of
from schema_registry.protobuf_strip import without_extensions
from schema_registry.protobuf_tags import tagged_file, tags_of
from schema_registry.protobuf_tree import File
from schema_registry.schemas import PROTOBUF, STRICT, Difference, TagChange

SERIALIZED, IGNORE_EXTENSIONS = "serialized", "ignore_extensions"


@dataclass(frozen=True, slots=True, eq=False)
class ProtobufSchema:
    """A .proto file that was understood."""

    text: str
    scope: Scope

    @property
    def file(self) -> File:
        return self.scope.main

    def normalized(self) -> str:
        return print_normalized(self.file, self.full_name)

    def full_name(self, name: str, inside: tuple[str, ...]) -> str:
        found = self.scope.find(name, ".".join(inside))
        return f".{found.full}" if found is not None else name

    def formatted(self, name: str) -> str:
        if name == SERIALIZED:
            return to_base64(self.scope)
        if name == IGNORE_EXTENSIONS:
            return print_proto(without_extensions(self.file))
        return self.text

    def check(self, *, fields: bool) -> None:
        check(self.scope, fields=fields)

    def top_level_fields(self) -> Sequence[str]:
        """Of the first message, as payloads without an index are of that one."""
        return [field.name for message in self.file.messages[:1] for field in message.every_field()]

    def tags(self) -> Sequence[TagChange]:
        return tags_of(self.file)

    def tagged(self, add: Sequence[TagChange], remove: Sequence[TagChange]) -> str:
        return print_proto(tagged_file(self.file, add, remove))


class ProtobufKind:
    """Protobuf, as SchemaKind asks for it."""

    name = PROTOBUF

    def parse(self, text: str, references: Mapping[str, str]) -> ProtobufSchema:
        file = file_of_base64(text) if is_base64(text) else parse_proto(text)
        return ProtobufSchema(print_proto(file), scope_of(file, references))

    def compatibility(
        self, new: ProtobufSchema, old: ProtobufSchema, policy: str = STRICT
    ) -> list[Difference]:
        return [
            Difference(change.kind, change.path, change.message)
            for change in self.changes(new, old, policy)
            if not change.compatible
        ]

    def changes(self, new: ProtobufSchema, old: ProtobufSchema, policy: str = STRICT) -> list[Change]:
        """Every change from old to new, also the harmless ones. All policies judge them alike."""
        return changes_between(old.scope, new.scope)


KIND = ProtobufKind()
