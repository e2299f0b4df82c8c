"""The vocabulary of JSON Schema: which keywords hold schemas, and what each keyword's value must look like.

In:  one schema object and its dialect. Out: the subschemas in it by path, and the first thing that is wrong.

Two dialects are enough, as in Confluent's registry: drafts 4, 6 and 7 (and a $schema that is unknown or
absent) are read with draft-07's keywords, 2019-09 and 2020-12 with the newer ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from schema_registry.json_schema_patterns import pattern_error

DRAFT_07, DRAFT_2019, DRAFT_2020 = "draft-07", "2019-09", "2020-12"

SCHEMA_URL = re.compile(r"https?://json-schema\.org/draft/(2019-09|2020-12)/schema#?\Z")
META_SCHEMA = re.compile(r"https?://json-schema\.org/(draft-0[3-8]|draft/(2019-09|2020-12))/")

ONE, LIST, MAP, ITEMS, DEPENDENCIES = "one", "list", "map", "items", "dependencies"

COMMON_PLACES: Mapping[str, str] = {
    "not": ONE,
    "if": ONE,
    "then": ONE,
    "else": ONE,
    "additionalProperties": ONE,
    "propertyNames": ONE,
    "contains": ONE,
    "allOf": LIST,
    "anyOf": LIST,
    "oneOf": LIST,
    "properties": MAP,
    "patternProperties": MAP,
    "definitions": MAP,
    "$defs": MAP,
    "items": ITEMS,
}
NEWER_PLACES = {
    **COMMON_PLACES,
    "unevaluatedItems": ONE,
    "unevaluatedProperties": ONE,
    "dependentSchemas": MAP,
}
PLACES: Mapping[str, Mapping[str, str]] = {
    DRAFT_07: {**COMMON_PLACES, "additionalItems": ONE, "dependencies": DEPENDENCIES},
    DRAFT_2019: {**NEWER_PLACES, "additionalItems": ONE, "prefixItems": LIST},
    DRAFT_2020: {**NEWER_PLACES, "prefixItems": LIST, "items": ONE},
}
"""Where subschemas stand, by dialect. A keyword that is not listed is not looked into."""

TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")

Segments = tuple[str, ...]


def dialect_of(value: Any) -> str:
    """The dialect a document asks for with $schema."""
    url = value.get("$schema") if isinstance(value, dict) else None
    found = SCHEMA_URL.match(url) if isinstance(url, str) else None
    return found.group(1) if found else DRAFT_07


def subschemas(raw: Mapping[str, Any], dialect: str) -> Iterator[tuple[Segments, Any]]:
    """Every subschema that stands directly in a schema object, with its path from there.

    Values of a wrong shape are passed over: keyword_error() has a sentence for them.
    """
    places = PLACES[dialect]
    for keyword, value in raw.items():
        shape = places.get(keyword)
        if shape is None:
            continue
        if shape == ONE or (shape == ITEMS and not isinstance(value, list)):
            yield (keyword,), value
        elif isinstance(value, list):
            yield from (((keyword, str(at)), each) for at, each in enumerate(value))
        elif isinstance(value, dict):
            listed = shape == DEPENDENCIES
            yield from (
                ((keyword, name), each)
                for name, each in value.items()
                if not (listed and isinstance(each, list))
            )


Test = Callable[[Any], bool]


def is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def is_count(value: Any) -> bool:
    return is_number(value) and value >= 0 and value == value // 1 if small(value) else False


def small(value: Any) -> bool:
    """Numbers with which arithmetic is quick: 1e999999999 is not one of them."""
    return is_number(value) and -(10**18) < value < 10**18


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def is_map(value: Any) -> bool:
    return isinstance(value, dict)


def is_list(value: Any) -> bool:
    return isinstance(value, list)


def is_schema(value: Any) -> bool:
    return isinstance(value, dict | bool)


def is_limit(value: Any) -> bool:
    return is_number(value) or isinstance(value, bool)


def is_divisor(value: Any) -> bool:
    return is_number(value) and value > 0


def is_type(value: Any) -> bool:
    return value in TYPES if isinstance(value, str) else is_texts(value) and set(value) <= set(TYPES)


def is_dependencies(value: Any) -> bool:
    return is_map(value) and all(is_schema(each) or is_texts(each) for each in value.values())


def is_dependent_required(value: Any) -> bool:
    return is_map(value) and all(is_texts(each) for each in value.values())


def is_schema_or_list(value: Any) -> bool:
    return is_schema(value) or is_list(value)


COUNT = (is_count, "must be a whole number, 0 or more")
NUMBER = (is_number, "must be a number")
LIMIT = (is_limit, "must be a number")
TEXT = (is_text, "must be a string")
SCHEMA = (is_schema, "must be a schema: an object, true or false")
SCHEMAS = (is_list, "must be a list of schemas")
SCHEMA_MAP = (is_map, "must be an object whose members are schemas")

SHAPES: Mapping[str, tuple[Test, str]] = {
    "type": (is_type, f"must be one or a list of {', '.join(TYPES)}"),
    "enum": (is_list, "must be a list of values"),
    "required": (is_texts, "must be a list of property names"),
    "title": TEXT,
    "description": TEXT,
    "$id": TEXT,
    "$ref": TEXT,
    "$dynamicRef": TEXT,
    "$recursiveRef": TEXT,
    "pattern": TEXT,
    "format": TEXT,
    "minLength": COUNT,
    "maxLength": COUNT,
    "minItems": COUNT,
    "maxItems": COUNT,
    "minProperties": COUNT,
    "maxProperties": COUNT,
    "minimum": NUMBER,
    "maximum": NUMBER,
    "exclusiveMinimum": LIMIT,
    "exclusiveMaximum": LIMIT,
    "multipleOf": (is_divisor, "must be a number above 0"),
    "uniqueItems": (is_bool, "must be true or false"),
    "properties": SCHEMA_MAP,
    "patternProperties": SCHEMA_MAP,
    "definitions": SCHEMA_MAP,
    "$defs": SCHEMA_MAP,
    "allOf": SCHEMAS,
    "anyOf": SCHEMAS,
    "oneOf": SCHEMAS,
}
NEWER_SHAPES: Mapping[str, tuple[Test, str]] = {
    **SHAPES,
    "dependentRequired": (is_dependent_required, "must be an object whose members are lists of names"),
    "dependentSchemas": SCHEMA_MAP,
    "minContains": COUNT,
    "maxContains": COUNT,
}
KEYWORD_SHAPES: Mapping[str, Mapping[str, tuple[Test, str]]] = {
    DRAFT_07: {
        **SHAPES,
        "dependencies": (is_dependencies, "must be an object whose members are schemas or lists of names"),
        "items": (is_schema_or_list, "must be a schema or a list of schemas"),
    },
    DRAFT_2019: {
        **NEWER_SHAPES,
        "items": (is_schema_or_list, "must be a schema or a list of schemas"),
        "prefixItems": SCHEMAS,
    },
    DRAFT_2020: {
        **NEWER_SHAPES,
        "items": (is_schema, "must be a schema; a list of schemas is called prefixItems in 2020-12"),
        "prefixItems": SCHEMAS,
    },
}


def keyword_error(raw: Mapping[str, Any], dialect: str) -> tuple[str, str] | None:
    """The first keyword whose value can't be, with what it must be; None when all are well."""
    shapes = KEYWORD_SHAPES[dialect]
    for keyword, value in raw.items():
        shape = shapes.get(keyword)
        if shape is not None and not shape[0](value):
            return keyword, shape[1]
    return wrong_pattern(raw)


def wrong_pattern(raw: Mapping[str, Any]) -> tuple[str, str] | None:
    """A regular expression that can't be read. It is read by our own reader and never run."""
    if "pattern" in raw and (why := pattern_error(raw["pattern"])):
        return "pattern", f"is no regular expression: {why}"
    for pattern in raw.get("patternProperties", ()):
        if why := pattern_error(pattern):
            return "patternProperties", f"has the name '{shortened(pattern)}', no regular expression: {why}"
    return None


def shortened(text: str, size: int = 60) -> str:
    return text if len(text) <= size else text[: size - 3] + "..."
