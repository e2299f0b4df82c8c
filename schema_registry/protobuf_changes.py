"""Every change between two Protobuf schemas: its name, whether readers survive it, the sentence for people.

In:  nothing; this is the table. Out: CHANGES by name, and Change, one that was found.

Breaks say "the new schema" for the one that reads: asked forwards, the two words are exchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    compatible: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Change:
    """A change that was found; `path` is #/Message/field number, or #/Message/oneof/field number."""

    kind: str
    path: str
    old: str = ""
    new: str = ""

    @property
    def compatible(self) -> bool:
        return CHANGES[self.kind].compatible

    @property
    def message(self) -> str:
        return CHANGES[self.kind].sentence.format(path=self.path, old=self.old, new=self.new)


HARMLESS = [
    Kind("MESSAGE_ADDED", True, "The message {path} was added."),
    Kind("MESSAGE_MOVED", True, "The message {path} went from place {old} to place {new}."),
    Kind("ENUM_ADDED", True, "The enum {path} was added."),
    Kind("ENUM_REMOVED", True, "The enum {path} was taken away."),
    Kind("ENUM_CONST_ADDED", True, "The constant {path} was added: {new}."),
    Kind("ENUM_CONST_CHANGED", True, "The constant {path} was renamed from {old} to {new}."),
    Kind("ENUM_CONST_REMOVED", True, "The constant {path} was taken away: {old}."),
    Kind("FIELD_ADDED", True, "The field {path} was added: {new}."),
    Kind("FIELD_REMOVED", True, "The field {path} was taken away: {old}."),
    Kind("FIELD_NAME_CHANGED", True, "The field {path} was renamed from {old} to {new}."),
    Kind("FIELD_STRING_OR_BYTES_LABEL_CHANGED", True, "The field {path} went from {old} to {new}."),
    Kind("ONEOF_ADDED", True, "The oneof {path} was added."),
    Kind("ONEOF_REMOVED", True, "The oneof {path} was taken away."),
    Kind("ONEOF_FIELD_ADDED", True, "The member {path} of a oneof was added: {new}."),
    Kind("ONEOF_FIELD_MOVED_TO_TOP_LEVEL", True, "The field {path} left the oneof {old}."),
]

BREAKING = [
    Kind(
        "PACKAGE_CHANGED",
        False,
        "The package ({path}) is {old} in the old schema and {new} in the new schema, which gives "
        "every message another name. Leave it as it was.",
    ),
    Kind(
        "MESSAGE_REMOVED",
        False,
        "The message {path} stands only in the old schema, and there are values of it. Keep it in both.",
    ),
    Kind(
        "FIELD_KIND_CHANGED",
        False,
        "The field {path} is {old} in the old schema and {new} in the new schema, which can't read "
        "its values. Leave it as it was, and add a field with a new number.",
    ),
    Kind(
        "FIELD_SCALAR_KIND_CHANGED",
        False,
        "The field {path} is {old} in the old schema and {new} in the new schema, and the two are not "
        "written alike. Leave it as it was, or add a field with a new number.",
    ),
    Kind(
        "FIELD_NAMED_TYPE_CHANGED",
        False,
        "The field {path} is the message {old} in the old schema and {new} in the new schema, which "
        "does not read it. Leave it as it was, or add a field with a new number.",
    ),
    Kind(
        "FIELD_NUMERIC_LABEL_CHANGED",
        False,
        "The field {path} is {old} in the old schema and {new} in the new schema, and numbers are "
        "written differently there. Leave it as it was.",
    ),
    Kind(
        "REQUIRED_FIELD_ADDED",
        False,
        "The field {path} is required by the new schema, and the old schema does not have it. Make it "
        "optional.",
    ),
    Kind(
        "REQUIRED_FIELD_REMOVED",
        False,
        "The field {path} is required by the old schema, and the new schema does not have it: older "
        "readers refuse values without it. Keep it in both.",
    ),
    Kind(
        "ONEOF_FIELD_REMOVED",
        False,
        "The member {path} of a oneof ({old}) stands only in the old schema: values that chose it "
        "come out as none in the new schema. Keep it in both.",
    ),
    Kind(
        "MULTIPLE_FIELDS_MOVED_TO_ONEOF",
        False,
        "Several fields are in the oneof {path} of the new schema and alone in the old schema: of "
        "values that have more than one, the others are lost. Leave it as it was.",
    ),
    Kind(
        "FIELD_MOVED_TO_EXISTING_ONEOF",
        False,
        "The oneof {path} of the new schema joins fields that can be set together in the old schema: "
        "one of them is lost. Leave it as it was.",
    ),
]

CHANGES: Mapping[str, Kind] = {kind.name: kind for kind in (*HARMLESS, *BREAKING)}
