"""Every change between two Protobuf schemas: its name, whether readers survive it, the sentence for people.

In:  nothing; this is the table. Out: CHANGES by name, and Change, one that was found.
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
        "The package ({path}) went from {old} to {new}: readers know its messages by other names. Keep it.",
    ),
    Kind(
        "MESSAGE_REMOVED",
        False,
        "The message {path} was taken away; there are values of it. Keep it.",
    ),
    Kind(
        "FIELD_KIND_CHANGED",
        False,
        "The field {path} went from {old} to {new}: its values can't be read. Add a field with a new number.",
    ),
    Kind(
        "FIELD_SCALAR_KIND_CHANGED",
        False,
        "The field {path} went from {old} to {new}, which are not written alike. Keep {old}, or add a field "
        "with a new number.",
    ),
    Kind(
        "FIELD_NAMED_TYPE_CHANGED",
        False,
        "The message of the field {path} is not what it was ({old}, now {new}). Keep it, or add a field with "
        "a new number.",
    ),
    Kind(
        "FIELD_NUMERIC_LABEL_CHANGED",
        False,
        "The field {path} went from {old} to {new}; numbers are written differently there. Keep {old}.",
    ),
    Kind(
        "REQUIRED_FIELD_ADDED",
        False,
        "The required field {path} was added; old values lack it. Make it optional.",
    ),
    Kind(
        "REQUIRED_FIELD_REMOVED",
        False,
        "The required field {path} was taken away; old readers refuse values without it. Keep it.",
    ),
    Kind(
        "ONEOF_FIELD_REMOVED",
        False,
        "The member {path} of a oneof was taken away ({old}): values that chose it come out as none. "
        "Keep it.",
    ),
    Kind(
        "MULTIPLE_FIELDS_MOVED_TO_ONEOF",
        False,
        "Several fields were moved into the oneof {path}: of values that have more than one, the others are "
        "lost. Leave them where they were.",
    ),
    Kind(
        "FIELD_MOVED_TO_EXISTING_ONEOF",
        False,
        "A field was moved into the oneof {path} beside members that could be set together with it: one of "
        "them is lost. Leave it where it was.",
    ),
]

CHANGES: Mapping[str, Kind] = {kind.name: kind for kind in (*HARMLESS, *BREAKING)}
