"""Every change between two JSON Schemas: its name, whether readers survive it, and the sentence for people.

In:  nothing; this is the table. Out: CHANGES by name, and Change, one that was found.

`reads` says with which compatibilityPolicy the new schema still reads what was written with the old one:
ALWAYS, LENIENT (only with that policy) or NEVER. Sentences name {path}, and {old} and {new} where they help.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schema_registry.schemas import LENIENT as LENIENT_POLICY

ALWAYS, LENIENT, NEVER = "always", "lenient", "never"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of change."""

    name: str
    reads: str
    sentence: str

    def compatible(self, policy: str) -> bool:
        return self.reads == ALWAYS or (self.reads == LENIENT and policy == LENIENT_POLICY)


@dataclass(frozen=True, slots=True)
class Change:
    """A change that was found; `path` is where, without the leading #/ while it is being put together."""

    kind: str
    path: str = ""
    old: str = ""
    new: str = ""

    @property
    def message(self) -> str:
        return CHANGES[self.kind].sentence.format(path=self.path, old=self.old, new=self.new)


def bound(name: str, keyword: str, upper: bool) -> list[Kind]:
    """The four changes of a bound: taking it away or widening it is harmless."""
    wider, narrower = ("INCREASED", "DECREASED") if upper else ("DECREASED", "INCREASED")
    verbs = {"INCREASED": "raised", "DECREASED": "lowered"}
    return [
        Kind(f"{name}_REMOVED", ALWAYS, f"{keyword} at {{path}} was taken away."),
        Kind(f"{name}_{wider}", ALWAYS, f"{keyword} at {{path}} was {verbs[wider]} from {{old}} to {{new}}."),
        Kind(
            f"{name}_ADDED",
            NEVER,
            f"{keyword} {{new}} at {{path}} is new and refuses values that were valid. Take it away.",
        ),
        Kind(
            f"{name}_{narrower}",
            NEVER,
            f"{keyword} at {{path}} was {verbs[narrower]} from {{old}} to {{new}} and refuses values that "
            "were valid. Keep {old}.",
        ),
    ]


def openness(name: str, keyword: str, narrowing: str) -> list[Kind]:
    """What is said about members that have no schema of their own."""
    return [
        Kind(f"{name}_ADDED", ALWAYS, f"{keyword} at {{path}} are allowed now."),
        Kind(f"{name}_EXTENDED", ALWAYS, f"{keyword} at {{path}} may be anything now."),
        Kind(
            f"{name}_REMOVED",
            narrowing,
            f"{keyword} at {{path}} are refused now; old values may have some. Allow them.",
        ),
        Kind(
            f"{name}_NARROWED",
            narrowing,
            f"{keyword} at {{path}} must follow a schema now; old ones may not. Leave it out.",
        ),
    ]


NOTE_CHANGES = [
    Kind(f"{note.upper()}_CHANGED", ALWAYS, f"The {note} of {{path}} changed.")
    for note in ("id", "title", "description", "default")
]

TYPE_CHANGES = [
    Kind("SCHEMA_REMOVED", ALWAYS, "The schema at {path} was taken away: everything is valid there now."),
    Kind(
        "SCHEMA_ADDED", NEVER, "The schema at {path} is new; what was written without it may not follow it."
    ),
    Kind("TYPE_EXTENDED", ALWAYS, "The type of {path} went from {old} to {new}."),
    Kind(
        "TYPE_NARROWED",
        NEVER,
        "The type of {path} went from {old} to {new}; values such as 1.5 were valid. Keep {old}.",
    ),
    Kind(
        "TYPE_CHANGED",
        NEVER,
        "The type of {path} went from {old} to {new}. Keep {old}, or accept both with oneOf or a list of "
        "types.",
    ),
]

STRING_CHANGES = [
    *bound("MAX_LENGTH", "maxLength", upper=True),
    *bound("MIN_LENGTH", "minLength", upper=False),
    Kind("PATTERN_REMOVED", ALWAYS, "The pattern at {path} was taken away."),
    Kind(
        "PATTERN_ADDED", NEVER, "The pattern {new} at {path} is new; old values may not match. Take it away."
    ),
    Kind(
        "PATTERN_CHANGED",
        NEVER,
        "The pattern at {path} went from {old} to {new}; old values may not match. Keep the old pattern.",
    ),
]

NUMBER_CHANGES = [
    *bound("MAXIMUM", "maximum", upper=True),
    *bound("MINIMUM", "minimum", upper=False),
    *bound("EXCLUSIVE_MAXIMUM", "exclusiveMaximum", upper=True),
    *bound("EXCLUSIVE_MINIMUM", "exclusiveMinimum", upper=False),
    Kind("MULTIPLE_OF_REMOVED", ALWAYS, "multipleOf at {path} was taken away."),
    Kind("MULTIPLE_OF_REDUCED", ALWAYS, "multipleOf at {path} went from {old} to {new}, which divides it."),
    Kind("MULTIPLE_OF_ADDED", NEVER, "multipleOf {new} at {path} is new and refuses values that were valid."),
    *(
        Kind(
            f"MULTIPLE_OF_{how}",
            NEVER,
            "multipleOf at {path} went from {old} to {new} and refuses multiples of {old}. Keep {old}, or "
            "take a number that divides it.",
        )
        for how in ("EXPANDED", "CHANGED")
    ),
]

ENUM_CHANGES = [
    Kind("ENUM_ARRAY_EXTENDED", ALWAYS, "The enum at {path} has new values."),
    Kind("ENUM_ARRAY_NARROWED", NEVER, "The enum at {path} lost values that were valid. Keep them."),
    Kind(
        "ENUM_ARRAY_CHANGED", NEVER, "The values at {path} changed: some that were valid are not. Keep them."
    ),
]

OBJECT_CHANGES = [
    *bound("MAX_PROPERTIES", "maxProperties", upper=True),
    *bound("MIN_PROPERTIES", "minProperties", upper=False),
    Kind("REQUIRED_ATTRIBUTE_REMOVED", ALWAYS, "{path} is no longer required."),
    Kind("REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED", ALWAYS, "{path} is required now, with a default."),
    Kind(
        "REQUIRED_ATTRIBUTE_ADDED",
        NEVER,
        "{path} is required now; old values may lack it. Leave it optional, or give it a default.",
    ),
    Kind("DEPENDENCY_ARRAY_REMOVED", ALWAYS, "The property at {path} needs no others any more."),
    Kind("DEPENDENCY_ARRAY_NARROWED", ALWAYS, "The property at {path} needs fewer others."),
    Kind(
        "DEPENDENCY_ARRAY_ADDED", NEVER, "The property at {path} needs others now; old values may lack them."
    ),
    Kind(
        "DEPENDENCY_ARRAY_EXTENDED",
        NEVER,
        "The property at {path} needs more others; old values may lack them.",
    ),
    Kind("DEPENDENCY_ARRAY_CHANGED", NEVER, "The property at {path} needs others than before."),
    Kind("DEPENDENCY_SCHEMA_REMOVED", ALWAYS, "The property at {path} asks for no schema any more."),
    Kind(
        "DEPENDENCY_SCHEMA_ADDED",
        NEVER,
        "The property at {path} asks for a schema now; old values may not fit.",
    ),
    *openness("ADDITIONAL_PROPERTIES", "Additional properties", LENIENT),
    *openness("UNEVALUATED_PROPERTIES", "Unevaluated properties", LENIENT),
    Kind(
        "PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL",
        ALWAYS,
        "{path} was added and may be anything, as before.",
    ),
    Kind(
        "REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL",
        NEVER,
        "{path} was added and is required; old values may lack it, or hold something else there. Leave it "
        'optional, and close the schema first ("additionalProperties": false).',
    ),
    Kind(
        "REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL",
        LENIENT,
        "{path} was added, required with a default, to a schema that allowed any property: old values may "
        "hold something else there. The compatibilityPolicy LENIENT lets it pass.",
    ),
    Kind(
        "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL",
        LENIENT,
        "{path} was added to a schema that allowed any property: old values may hold something else there. "
        'Close the old schema ("additionalProperties": false), or use the compatibilityPolicy LENIENT.',
    ),
    Kind(
        "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL",
        NEVER,
        "{path} was added and is required; old values lack it. Leave it optional, or give it a default.",
    ),
    Kind(
        "REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_UNOPEN_CONTENT_MODEL",
        ALWAYS,
        "{path} was added, required with a default.",
    ),
    Kind("OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL", ALWAYS, "{path} was added."),
    Kind(
        "PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL", ALWAYS, "{path} was taken away; any property is allowed."
    ),
    Kind(
        "PROPERTY_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL",
        ALWAYS,
        "{path}, which no value could have, was taken away.",
    ),
    Kind(
        "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL",
        LENIENT,
        "{path} was taken away, and no other properties are allowed: old values that have it are refused. "
        "Keep it, allow additional properties, or use the compatibilityPolicy LENIENT.",
    ),
    *(
        Kind(
            f"PROPERTY_{how}_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
            ALWAYS,
            f"{{path}} was {verb}; {why}.",
        )
        for how, verb, why in (
            ("ADDED", "added", "it reads what the old schema allowed there"),
            ("REMOVED", "taken away", "the new schema still reads it as one of the others"),
        )
    ),
    Kind(
        "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
        LENIENT,
        "{path} was added, but the old schema allowed other values there, by its schema of additional or "
        "pattern properties. Give it a schema that reads those.",
    ),
    Kind(
        "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
        LENIENT,
        "{path} was taken away, and the new schema's additional or pattern properties do not read its "
        "values. Keep it, or widen those.",
    ),
]

ARRAY_CHANGES = [
    *bound("MAX_ITEMS", "maxItems", upper=True),
    *bound("MIN_ITEMS", "minItems", upper=False),
    *bound("MAX_CONTAINS", "maxContains", upper=True),
    *bound("MIN_CONTAINS", "minContains", upper=False),
    Kind("UNIQUE_ITEMS_REMOVED", ALWAYS, "Items at {path} need not differ any more."),
    Kind(
        "UNIQUE_ITEMS_ADDED",
        NEVER,
        "Items must differ now ({path}); old values may repeat some. Take it away.",
    ),
    *openness("ADDITIONAL_ITEMS", "Additional items", NEVER),
    *openness("UNEVALUATED_ITEMS", "Unevaluated items", NEVER),
    Kind("ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL", ALWAYS, "{path} may be anything, as before."),
    Kind("ITEM_ADDED_TO_CLOSED_CONTENT_MODEL", ALWAYS, "{path} was added."),
    Kind(
        "ITEM_ADDED_TO_OPEN_CONTENT_MODEL",
        NEVER,
        "{path} was added to a list that allowed any further item: old values may hold something else there.",
    ),
    Kind(
        "ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL", ALWAYS, "{path} was taken away; any further item is allowed."
    ),
    Kind(
        "ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL",
        ALWAYS,
        "{path}, which no value could have, was taken away.",
    ),
    Kind(
        "ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL",
        NEVER,
        "{path} was taken away, and no further items are allowed: old values that have it are refused. "
        "Keep it.",
    ),
    *(
        Kind(f"ITEM_{how}_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", ALWAYS, f"{{path}} was {verb}.")
        for how, verb in (("ADDED", "added"), ("REMOVED", "taken away"))
    ),
    Kind(
        "ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
        NEVER,
        "{path} was added, but the old schema allowed other values there. Give it a schema that reads those.",
    ),
    Kind(
        "ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
        NEVER,
        "{path} was taken away, and the new schema of further items does not read its values. Keep it.",
    ),
]

COMBINED_CHANGES = [
    Kind("COMBINED_TYPE_EXTENDED", ALWAYS, "{path} went from {old} to {new}."),
    Kind(
        "COMBINED_TYPE_CHANGED",
        NEVER,
        "{path} went from {old} to {new}, which may refuse values that were valid. Keep {old}, or use anyOf.",
    ),
    Kind(
        "COMBINED_TYPE_SUBSCHEMAS_CHANGED",
        NEVER,
        "Some members of {path} have no counterpart in the new schema that reads their values. Keep them, "
        "and add new ones beside them.",
    ),
    Kind("PRODUCT_TYPE_NARROWED", ALWAYS, "allOf at {path} asks for less."),
    Kind("PRODUCT_TYPE_EXTENDED", NEVER, "allOf at {path} has new members that old values may not fulfil."),
    Kind("SUM_TYPE_EXTENDED", ALWAYS, "{path} allows more kinds of values."),
    Kind("SUM_TYPE_NARROWED", NEVER, "{path} lost members that values may have been written for. Keep them."),
    Kind("NOT_TYPE_NARROWED", ALWAYS, "What {path} excludes is the same or less."),
    Kind(
        "NOT_TYPE_EXTENDED", NEVER, "What {path} excludes is more: some values that were valid are refused."
    ),
]

CIRCLE, TOO_MUCH = "CIRCLE", "COMPARISON_TOO_LARGE"
OWN_CHANGES = [
    Kind(CIRCLE, NEVER, ""),
    Kind(
        TOO_MUCH,
        NEVER,
        "The schemas can't be compared in reasonable time: too many members of anyOf, oneOf or allOf would "
        "have to be tried against each other. Make them fewer.",
    ),
]

CHANGES: Mapping[str, Kind] = {
    kind.name: kind
    for kinds in (
        NOTE_CHANGES,
        TYPE_CHANGES,
        STRING_CHANGES,
        NUMBER_CHANGES,
        ENUM_CHANGES,
        OBJECT_CHANGES,
        ARRAY_CHANGES,
        COMBINED_CHANGES,
        OWN_CHANGES,
    )
    for kind in kinds
}
