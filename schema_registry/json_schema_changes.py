"""Every change between two JSON Schemas: its name, whether readers survive it, and the sentence for people.

In:  nothing; this is the table. Out: CHANGES by name, and Change, one that was found.

`reads` says with which compatibilityPolicy the new schema still reads what was written with the old one:
ALWAYS, LENIENT (only with that policy) or NEVER. Sentences name {path}, and {old} and {new} where they help.
Those of breaks say "the new schema" for the one that reads: asked forwards, the two words are exchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schema_registry.schemas import LENIENT as LENIENT_POLICY

ALWAYS, LENIENT, NEVER = "always", "lenient", "never"
KEEP = "Leave it as it was"


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
    refuses = f"the new schema refuses values that the old schema allows. {KEEP}"
    return [
        Kind(f"{name}_REMOVED", ALWAYS, f"{keyword} at {{path}} was taken away."),
        Kind(f"{name}_{wider}", ALWAYS, f"{keyword} at {{path}} was {verbs[wider]} from {{old}} to {{new}}."),
        Kind(f"{name}_ADDED", NEVER, f"{keyword} at {{path}} is {{new}} in the new schema: {refuses}."),
        Kind(
            f"{name}_{narrower}",
            NEVER,
            f"{keyword} at {{path}} is {{old}} in the old schema and {{new}} in the new schema: {refuses}.",
        ),
    ]


def openness(name: str, what: str, narrowing: str) -> list[Kind]:
    """What is said about members that have no schema of their own."""
    return [
        Kind(f"{name}_ADDED", ALWAYS, f"{what} at {{path}} are allowed now."),
        Kind(f"{name}_EXTENDED", ALWAYS, f"{what} at {{path}} may be anything now."),
        Kind(
            f"{name}_REMOVED",
            narrowing,
            f"{what} ({{path}}) are refused by the new schema and allowed by the old schema. {KEEP}.",
        ),
        Kind(
            f"{name}_NARROWED",
            narrowing,
            f"{what} ({{path}}) must follow a schema in the new schema and may be anything in the old "
            f"schema. {KEEP}.",
        ),
    ]


NOTE_CHANGES = [
    Kind(f"{note.upper()}_CHANGED", ALWAYS, f"The {note} of {{path}} changed.")
    for note in ("id", "title", "description", "default")
]

TYPE_CHANGES = [
    Kind("SCHEMA_REMOVED", ALWAYS, "The schema at {path} was taken away: everything is valid there now."),
    Kind(
        "SCHEMA_ADDED",
        NEVER,
        "{path} has a schema only in the new schema, which may refuse values of the old schema. Leave "
        "it as it was.",
    ),
    Kind("TYPE_EXTENDED", ALWAYS, "The type of {path} went from {old} to {new}."),
    Kind(
        "TYPE_NARROWED",
        NEVER,
        "{path} is {old} in the old schema and {new} in the new schema, which refuses values such as "
        "1.5. Leave it as it was.",
    ),
    Kind(
        "TYPE_CHANGED",
        NEVER,
        "{path} is {old} in the old schema and {new} in the new schema. Leave it as it was, or accept "
        "both with oneOf or a list of types.",
    ),
]

STRING_CHANGES = [
    *bound("MAX_LENGTH", "maxLength", upper=True),
    *bound("MIN_LENGTH", "minLength", upper=False),
    Kind("PATTERN_REMOVED", ALWAYS, "The pattern at {path} was taken away."),
    Kind(
        "PATTERN_ADDED",
        NEVER,
        "The pattern {new} ({path}) stands only in the new schema; values of the old schema may not "
        "match. Leave it as it was.",
    ),
    Kind(
        "PATTERN_CHANGED",
        NEVER,
        "The pattern ({path}) is {old} in the old schema and {new} in the new schema; what matches "
        "one may not match the other. Leave it as it was.",
    ),
]

NUMBER_CHANGES = [
    *bound("MAXIMUM", "maximum", upper=True),
    *bound("MINIMUM", "minimum", upper=False),
    *bound("EXCLUSIVE_MAXIMUM", "exclusiveMaximum", upper=True),
    *bound("EXCLUSIVE_MINIMUM", "exclusiveMinimum", upper=False),
    Kind("MULTIPLE_OF_REMOVED", ALWAYS, "multipleOf at {path} was taken away."),
    Kind("MULTIPLE_OF_REDUCED", ALWAYS, "multipleOf at {path} went from {old} to {new}, which divides it."),
    Kind(
        "MULTIPLE_OF_ADDED",
        NEVER,
        "multipleOf ({path}) is {new} in the new schema and free in the old schema, whose values may "
        "be none. Leave it as it was.",
    ),
    *(
        Kind(
            f"MULTIPLE_OF_{how}",
            NEVER,
            "multipleOf ({path}) is {old} in the old schema and {new} in the new schema, which refuses other "
            "multiples of {old}. Leave it as it was, or take a number that divides it.",
        )
        for how in ("EXPANDED", "CHANGED")
    ),
]

ENUM_CHANGES = [
    Kind("ENUM_ARRAY_EXTENDED", ALWAYS, "The enum at {path} has new values."),
    Kind(
        "ENUM_ARRAY_NARROWED",
        NEVER,
        "The enum {path} of the new schema lacks values that the old schema has. Leave it as it was, "
        "or keep the old values beside new ones.",
    ),
    Kind(
        "ENUM_ARRAY_CHANGED",
        NEVER,
        "The values of {path} in the new schema lack some that the old schema has. Leave it as it "
        "was, or keep the old values beside new ones.",
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
        "{path} is required by the new schema and optional in the old schema, whose values may lack "
        "it. Leave it as it was, or give it a default.",
    ),
    Kind("DEPENDENCY_ARRAY_REMOVED", ALWAYS, "The property at {path} needs no others any more."),
    Kind("DEPENDENCY_ARRAY_NARROWED", ALWAYS, "The property at {path} needs fewer others."),
    Kind(
        "DEPENDENCY_ARRAY_ADDED",
        NEVER,
        "With the property at {path} the new schema asks for others; values of the old schema may "
        "lack them. Leave it as it was.",
    ),
    Kind(
        "DEPENDENCY_ARRAY_EXTENDED",
        NEVER,
        "With the property at {path} the new schema asks for more others than the old schema. Leave "
        "it as it was.",
    ),
    Kind(
        "DEPENDENCY_ARRAY_CHANGED",
        NEVER,
        "With the property at {path} the new schema asks for others than the old schema. Leave it as it was.",
    ),
    Kind("DEPENDENCY_SCHEMA_REMOVED", ALWAYS, "The property at {path} asks for no schema any more."),
    Kind(
        "DEPENDENCY_SCHEMA_ADDED",
        NEVER,
        "With the property at {path} the new schema asks for a schema that the old schema does not. "
        "Leave it as it was.",
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
        "{path} is required by the new schema, and the old schema lets it be missing or be anything. "
        'Make it optional, with "additionalProperties": false in both.',
    ),
    Kind(
        "REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL",
        LENIENT,
        "{path} has a schema only in the new schema; the old schema allows any property, so its "
        'values may hold something else there. Use "additionalProperties": false, or the '
        "compatibilityPolicy LENIENT.",
    ),
    Kind(
        "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL",
        LENIENT,
        "{path} has a schema only in the new schema; the old schema allows any property, so its "
        'values may hold something else there. Use "additionalProperties": false, or the '
        "compatibilityPolicy LENIENT.",
    ),
    Kind(
        "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL",
        NEVER,
        "{path} is required by the new schema, and the old schema does not have it. Make it optional, "
        "or give it a default.",
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
        "{path} stands only in the old schema, and the new schema allows no other properties: it "
        "refuses values that have it. Keep it in both, allow additional properties, or use the "
        "compatibilityPolicy LENIENT.",
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
        "{path} has a schema of its own in the new schema, which does not read what the additional or "
        "pattern properties of the old schema allow there. Give it one that does.",
    ),
    Kind(
        "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
        LENIENT,
        "{path} has a schema of its own only in the old schema, and the additional or pattern "
        "properties of the new schema do not read its values. Keep it in both, or widen those.",
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
        "Items must differ in the new schema ({path}), and values of the old schema may repeat some. "
        "Leave it as it was.",
    ),
    *openness("ADDITIONAL_ITEMS", "Additional items", NEVER),
    *openness("UNEVALUATED_ITEMS", "Unevaluated items", NEVER),
    Kind("ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL", ALWAYS, "{path} may be anything, as before."),
    Kind("ITEM_ADDED_TO_CLOSED_CONTENT_MODEL", ALWAYS, "{path} was added."),
    Kind(
        "ITEM_ADDED_TO_OPEN_CONTENT_MODEL",
        NEVER,
        "{path} has a schema only in the new schema; the old schema allows any further item, so its "
        "values may hold something else there. Leave it as it was.",
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
        "{path} stands only in the old schema, and the new schema allows no further items: it refuses "
        "values that have it. Keep it in both.",
    ),
    *(
        Kind(f"ITEM_{how}_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", ALWAYS, f"{{path}} was {verb}.")
        for how, verb in (("ADDED", "added"), ("REMOVED", "taken away"))
    ),
    Kind(
        "ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
        NEVER,
        "{path} has a schema of its own in the new schema, which does not read what the further items "
        "of the old schema may be. Give it one that does.",
    ),
    Kind(
        "ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
        NEVER,
        "{path} has a schema of its own only in the old schema, and the new schema's further items do "
        "not read its values. Keep it in both.",
    ),
]

COMBINED_CHANGES = [
    Kind("COMBINED_TYPE_EXTENDED", ALWAYS, "{path} went from {old} to {new}."),
    Kind(
        "COMBINED_TYPE_CHANGED",
        NEVER,
        "{path} is {old} in the old schema and {new} in the new schema, which may refuse values. "
        "Leave it as it was, or use anyOf.",
    ),
    Kind(
        "COMBINED_TYPE_SUBSCHEMAS_CHANGED",
        NEVER,
        "Some members of {path} in the old schema have no counterpart in the new schema that reads "
        "their values. Keep them, and add others beside them.",
    ),
    Kind("PRODUCT_TYPE_NARROWED", ALWAYS, "allOf at {path} asks for less."),
    Kind(
        "PRODUCT_TYPE_EXTENDED",
        NEVER,
        "{path} has more members of allOf in the new schema, which values of the old schema may not "
        "fulfil. Leave it as it was.",
    ),
    Kind("SUM_TYPE_EXTENDED", ALWAYS, "{path} allows more kinds of values."),
    Kind(
        "SUM_TYPE_NARROWED",
        NEVER,
        "{path} has members in the old schema that the new schema lacks, and values may have been "
        "written for those. Keep them in both.",
    ),
    Kind("NOT_TYPE_NARROWED", ALWAYS, "What {path} excludes is the same or less."),
    Kind(
        "NOT_TYPE_EXTENDED",
        NEVER,
        "{path} excludes more in the new schema than in the old schema: it refuses values that were "
        "valid. Leave it as it was.",
    ),
]

CIRCLE, TOO_MUCH = "CIRCLE", "COMPARISON_TOO_LARGE"
OWN_CHANGES = [
    Kind(CIRCLE, NEVER, "{path} contains itself, and the new schema does not read what it contains."),
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
