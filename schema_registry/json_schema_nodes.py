"""The kinds of schema that are compared, and how the keywords of a place become one of them.

In:  a place. Out: its node, made when first asked for and kept at the place.

    {"type": "string", "maxLength": 5}            -> string
    {"type": ["string", "null"], "maxLength": 5}  -> combined anyOf (string, null)
    {"type": "string", "enum": ["a"]}             -> combined allOf (string, enum): several kinds in one
    {"$ref": "#/$defs/a"}                         -> the node of what it leads to
    {}                                            -> empty

A keyword belongs to a kind even where no type is given: {"maxLength": 5} is a string. 2019-09 and later take
each keyword for itself, so {"properties": {}} is empty there and an object before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schema_registry.json_schema_documents import REF_KEYWORDS, Place
from schema_registry.json_schema_keywords import DRAFT_07, is_number
from schema_registry.json_schema_text import value_key

STRING, NUMBER, OBJECT, ARRAY = "string", "number", "object", "array"
ENUM, CONST, NOT, CONDITIONAL, COMBINED = "enum", "const", "not", "conditional", "combined"
EMPTY, TRUE, FALSE, BOOLEAN, NULL = "empty", "true", "false", "boolean", "null"
ALL_OF, ANY_OF, ONE_OF = "allOf", "anyOf", "oneOf"
CRITERIA = (ALL_OF, ANY_OF, ONE_OF)


@dataclass(frozen=True, slots=True)
class Notes:
    """What a schema says about itself. It changes nothing of what is valid."""

    id: Any = None
    title: Any = None
    description: Any = None
    default: Any = None
    connect_type: Any = None


NO_NOTES = Notes()


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A schema of one kind. `limits` holds its counts and bounds by keyword."""

    kind: str
    notes: Notes = NO_NOTES
    limits: Mapping[str, Any] = field(default_factory=dict)


Child = Place | Node


@dataclass(frozen=True, slots=True, eq=False)
class StringNode(Node):
    pattern: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class NumberNode(Node):
    integer: bool = False
    multiple_of: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class ObjectNode(Node):
    """`additional` is what other properties must be: None anything, False nothing, else a schema."""

    properties: Mapping[str, Place] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    patterns: Mapping[str, Place] = field(default_factory=dict)
    additional: Place | bool | None = None
    unevaluated: Place | None = None
    needed_names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    needed_schemas: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class ArrayNode(Node):
    """`items` is one schema for all; `tuple` one for each of the first, then `additional` as in an object."""

    items: Place | None = None
    tuple: tuple[Place, ...] = ()
    additional: Place | bool | None = None
    unevaluated: Place | None = None
    unique: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ValuesNode(Node):
    """An enum's values, or the one of a const."""

    values: frozenset[Any] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class NotNode(Node):
    inner: Place | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CombinedNode(Node):
    criterion: str = ALL_OF
    members: tuple[Child, ...] = ()


TYPE_KINDS: Mapping[str, str] = {
    "string": STRING,
    "number": NUMBER,
    "integer": NUMBER,
    "boolean": BOOLEAN,
    "null": NULL,
    "array": ARRAY,
    "object": OBJECT,
}

BASE_KEYWORDS: Mapping[str, str] = {
    **dict.fromkeys(("minLength", "maxLength", "pattern"), STRING),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), NUMBER),
    **dict.fromkeys(("items", "minItems", "maxItems", "uniqueItems", "contains"), ARRAY),
    **dict.fromkeys(("additionalProperties", "propertyNames", "required"), OBJECT),
    **dict.fromkeys(("minProperties", "maxProperties", "properties", "patternProperties"), OBJECT),
    **dict.fromkeys(("if", "then", "else"), CONDITIONAL),
    "enum": ENUM,
    "const": CONST,
    "not": NOT,
    **dict.fromkeys(CRITERIA, COMBINED),
}
OLDER_KEYWORDS = {**BASE_KEYWORDS, "format": STRING, "additionalItems": ARRAY, "dependencies": OBJECT}
NEWER_KEYWORDS = {
    **BASE_KEYWORDS,
    **dict.fromkeys(("prefixItems", "unevaluatedItems"), ARRAY),
    **dict.fromkeys(("dependentRequired", "dependentSchemas", "unevaluatedProperties"), OBJECT),
}
EMPTY_MEANS_NOTHING = ("properties", "patternProperties")
OLDER_ORDER = (ENUM, COMBINED, NOT, CONST, "type", ARRAY, OBJECT, NUMBER, STRING, CONDITIONAL)

LIMITS: Mapping[str, tuple[str, ...]] = {
    STRING: ("minLength", "maxLength"),
    NUMBER: ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    OBJECT: ("minProperties", "maxProperties"),
    ARRAY: ("minItems", "maxItems", "minContains", "maxContains"),
}


def read(child: Child) -> Node:
    """The node of a child, behind all of its $refs."""
    if isinstance(child, Node):
        return child
    place = child
    while place.pure_ref and place.target is not None:
        place = place.target
    if place.node is None:
        place.node = interned(place)
    node: Node = place.node
    return node


def interned(place: Place) -> Node:
    """One node for all places of a resource that say the same, so that a pair is compared only once."""
    said, _ = place.marks()
    if said is None:
        return node_of(place)
    known = place.resource.nodes
    if said not in known:
        known[said] = node_of(place)
    node: Node = known[said]
    return node


def node_of(place: Place) -> Node:
    if isinstance(place.raw, bool):
        return Node(TRUE if place.raw else FALSE)
    parts = older_parts(place) if place.dialect == DRAFT_07 else newer_parts(place)
    notes = notes_of(place.raw)
    if not parts:
        return Node(EMPTY, notes)
    if len(parts) == 1 and isinstance(parts[0], Node):
        return with_notes(parts[0], notes)
    return CombinedNode(COMBINED, notes, criterion=ALL_OF, members=tuple(parts))


def notes_of(raw: Mapping[str, Any]) -> Notes:
    default = (value_key(raw["default"]),) if "default" in raw else None
    return Notes(
        raw.get("$id", raw.get("id")),
        raw.get("title"),
        raw.get("description"),
        default,
        raw.get("connect.type"),
    )


def with_notes(node: Node, notes: Notes) -> Node:
    """The same node with the notes of the schema it is the only part of."""
    if notes == NO_NOTES:
        return node
    fields = {name: getattr(node, name) for name in node.__dataclass_fields__}
    return type(node)(**{**fields, "notes": notes})


def older_parts(place: Place) -> list[Child]:
    """Drafts 4 to 7: enum, combined, not, const, then the type, then what is left by its keywords."""
    raw = place.raw
    types = [raw["type"]] if isinstance(raw.get("type"), str) else raw.get("type", [])
    typed = {TYPE_KINDS[each] for each in types}
    kinds = {OLDER_KEYWORDS[keyword] for keyword in raw if keyword in OLDER_KEYWORDS} - typed
    kinds |= {"type"} if "type" in raw else set()
    parts: list[Child] = []
    for kind in OLDER_ORDER:
        if kind in kinds:
            parts.extend(type_parts(place) if kind == "type" else parts_of(kind, place))
    return parts


def newer_parts(place: Place) -> list[Child]:
    """2019-09 and later: parts in the order their first keyword stands in, a $ref among them."""
    raw = place.raw
    kinds: dict[str, None] = {}
    for keyword, value in raw.items():
        if keyword in REF_KEYWORDS:
            kinds["$ref"] = None
        elif keyword == "type":
            kinds.update(dict.fromkeys(["type"] if isinstance(value, list) else [TYPE_KINDS[value]]))
        elif keyword in NEWER_KEYWORDS and (value or keyword not in EMPTY_MEANS_NOTHING):
            kinds[NEWER_KEYWORDS[keyword]] = None
    if "type" in kinds:  # a list of types has the keywords of its types in it
        for each in raw["type"]:
            kinds.pop(TYPE_KINDS[each], None)
    parts: list[Child] = []
    for kind in kinds:
        if kind == "$ref":
            assert place.target is not None, place
            parts.append(place.target)
        else:
            parts.extend(type_parts(place) if kind == "type" else parts_of(kind, place))
    return parts


def type_parts(place: Place) -> list[Child]:
    declared = place.raw["type"]
    if isinstance(declared, str):
        return parts_of(TYPE_KINDS[declared], place)
    members = tuple(part for each in declared for part in parts_of(TYPE_KINDS[each], place, each))
    return [CombinedNode(COMBINED, criterion=ANY_OF, members=members)]


def parts_of(kind: str, place: Place, declared: Any = None) -> list[Child]:
    maker = MAKERS.get(kind)
    if kind == COMBINED:
        return [
            CombinedNode(COMBINED, criterion=criterion, members=tuple(map(place.child, place.raw[criterion])))
            for criterion in CRITERIA
            if criterion in place.raw
        ]
    return [maker(place, declared or place.raw.get("type")) if maker else Node(kind)]


def limits_of(kind: str, place: Place) -> dict[str, Any]:
    return {each: place.raw[each] for each in LIMITS[kind] if is_number(place.raw.get(each))}


def string_node(place: Place, declared: Any) -> Node:
    return StringNode(STRING, limits=limits_of(STRING, place), pattern=place.raw.get("pattern"))


def number_node(place: Place, declared: Any) -> Node:
    limits = limits_of(NUMBER, place)
    for exclusive, inclusive in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        # Draft 4 says {"maximum": 5, "exclusiveMaximum": true} for what is {"exclusiveMaximum": 5} since.
        if place.raw.get(exclusive) is True and inclusive in limits:
            limits[exclusive] = limits.pop(inclusive)
    return NumberNode(
        NUMBER, limits=limits, integer=declared == "integer", multiple_of=place.raw.get("multipleOf")
    )


def object_node(place: Place, declared: Any) -> Node:
    raw = place.raw
    names, schemas = needed_of(place)
    return ObjectNode(
        OBJECT,
        limits=limits_of(OBJECT, place),
        properties=children(place, "properties"),
        required=frozenset(raw.get("required", ())),
        patterns=children(place, "patternProperties"),
        additional=others(place, "additionalProperties"),
        unevaluated=unevaluated(place, "unevaluatedProperties"),
        needed_names=names,
        needed_schemas=schemas,
    )


def needed_of(place: Place) -> tuple[dict[str, frozenset[str]], dict[str, Place]]:
    """What a property needs beside it: names of others, or a schema for the whole object."""
    raw = place.raw
    if place.dialect != DRAFT_07:
        names = {name: frozenset(each) for name, each in raw.get("dependentRequired", {}).items()}
        return names, children(place, "dependentSchemas")
    both = raw.get("dependencies", {})
    return (
        {name: frozenset(each) for name, each in both.items() if isinstance(each, list)},
        {name: place.child(each) for name, each in both.items() if not isinstance(each, list)},
    )


def array_node(place: Place, declared: Any) -> Node:
    items, prefix, rest = item_keywords(place)
    return ArrayNode(
        ARRAY,
        limits=array_limits(place),
        items=None if items is None else place.child(items),
        tuple=tuple(map(place.child, prefix)),
        additional=others(place, rest),
        unevaluated=unevaluated(place, "unevaluatedItems"),
        unique=place.raw.get("uniqueItems") is True,
    )


def item_keywords(place: Place) -> tuple[Any, list[Any], str]:
    """The schema of all items, those of the first ones, and the keyword for what comes after them."""
    items, prefix = place.raw.get("items"), place.raw.get("prefixItems", [])
    if isinstance(items, list):
        return None, items, "additionalItems"
    if place.dialect == DRAFT_07:
        return items, [], "additionalItems"
    # Since 2020-12 `items` is for what prefixItems leaves over; as true or false it only lets that be or not.
    return (None, prefix, "items") if prefix or isinstance(items, bool) else (items, [], "")


def array_limits(place: Place) -> dict[str, Any]:
    limits = limits_of(ARRAY, place)
    if place.dialect == DRAFT_07:
        return limits
    if "contains" in place.raw:
        return contained(limits)
    return {each: limits[each] for each in limits if not each.endswith("Contains")}


def contained(limits: dict[str, Any]) -> dict[str, Any]:
    """`contains` without a number asks for one item."""
    return {"minContains": 1, **limits}


def children(place: Place, keyword: str) -> dict[str, Place]:
    return {name: place.child(each) for name, each in place.raw.get(keyword, {}).items()}


def others(place: Place, keyword: str) -> Place | bool | None:
    raw = place.raw.get(keyword)
    if raw is None or raw is True or not keyword:
        return None
    return raw if raw is False else place.child(raw)


def unevaluated(place: Place, keyword: str) -> Place | None:
    found = keyword in place.raw and place.dialect != DRAFT_07
    return place.child(place.raw[keyword]) if found else None


def enum_node(place: Place, declared: Any) -> Node:
    return ValuesNode(ENUM, values=frozenset(map(value_key, place.raw["enum"])))


def const_node(place: Place, declared: Any) -> Node:
    return ValuesNode(CONST, values=frozenset((value_key(place.raw["const"]),)))


def not_node(place: Place, declared: Any) -> Node:
    return NotNode(NOT, inner=place.child(place.raw["not"]))


MAKERS = {
    STRING: string_node,
    NUMBER: number_node,
    OBJECT: object_node,
    ARRAY: array_node,
    ENUM: enum_node,
    CONST: const_node,
    NOT: not_node,
}
