"""What changed between two nodes of one kind, as a table of rules.

In:  the old and the new node. Out: changes, with paths from that node on.

A rule that must know about a pair of children yields Ask(old, new) and is sent back the Outcome; it never
calls itself, so 500 levels of nesting cost no stack. json_schema_compare.py answers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, DecimalException
from typing import Any

from schema_registry.json_schema_changes import Change
from schema_registry.json_schema_documents import Place
from schema_registry.json_schema_keywords import shortened, small
from schema_registry.json_schema_nodes import (
    EMPTY,
    FALSE,
    TRUE,
    ArrayNode,
    Child,
    CombinedNode,
    Node,
    NotNode,
    NumberNode,
    ObjectNode,
    StringNode,
    ValuesNode,
    read,
)
from schema_registry.json_schema_patterns import finds, work


@dataclass(frozen=True, slots=True)
class Ask:
    """How does this pair compare? None stands for a schema that is not there."""

    old: Child | None
    new: Child | None


@dataclass(frozen=True, slots=True)
class Outcome:
    changes: tuple[Change, ...]
    compatible: bool


Steps = Generator[Ask, Outcome, list[Change]]
Rule = Callable[[Any, Any], Steps]

WORK = Ask(None, None)
"""Asks nothing, but counts as a question: for other work that must not be endless."""
WORK_STEPS = 50


def moved(changes: Iterable[Change], *segments: str) -> Iterator[Change]:
    """The same changes, seen from further above."""
    prefix = "/".join(segments)
    for change in changes:
        yield replace(change, path=f"{prefix}/{change.path}" if change.path else prefix)


def nothing(old: Node, new: Node) -> Steps:
    return []
    yield  # a rule is a generator, also when it asks nothing


def words(value: Any) -> str:
    return shortened(str(value))


BOUND_NAMES: Mapping[str, str] = {
    "maxLength": "MAX_LENGTH",
    "minLength": "MIN_LENGTH",
    "maximum": "MAXIMUM",
    "minimum": "MINIMUM",
    "exclusiveMaximum": "EXCLUSIVE_MAXIMUM",
    "exclusiveMinimum": "EXCLUSIVE_MINIMUM",
    "maxProperties": "MAX_PROPERTIES",
    "minProperties": "MIN_PROPERTIES",
    "maxItems": "MAX_ITEMS",
    "minItems": "MIN_ITEMS",
    "maxContains": "MAX_CONTAINS",
    "minContains": "MIN_CONTAINS",
}


def limit_changes(old: Node, new: Node) -> Iterator[Change]:
    for keyword in {**old.limits, **new.limits}:
        before, after = old.limits.get(keyword), new.limits.get(keyword)
        if before == after:
            continue
        how = (
            "ADDED"
            if before is None
            else "REMOVED"
            if after is None
            else "INCREASED"
            if before < after
            else "DECREASED"
        )
        yield Change(f"{BOUND_NAMES[keyword]}_{how}", keyword, words(before), words(after))


def string_rule(old: StringNode, new: StringNode) -> Steps:
    changes = [*limit_changes(old, new)]
    if old.pattern != new.pattern:
        how = "ADDED" if old.pattern is None else "REMOVED" if new.pattern is None else "CHANGED"
        changes.append(Change(f"PATTERN_{how}", "pattern", words(old.pattern), words(new.pattern)))
    return changes
    yield


def number_rule(old: NumberNode, new: NumberNode) -> Steps:
    changes = [*limit_changes(old, new), *multiple_changes(old.multiple_of, new.multiple_of)]
    if old.integer != new.integer:
        how = "EXTENDED" if old.integer else "NARROWED"
        changes.append(Change(f"TYPE_{how}", "", kind_name(old), kind_name(new)))
    return changes
    yield


def multiple_changes(old: Any, new: Any) -> Iterator[Change]:
    if old == new:
        return
    if old is None or new is None:
        how = "ADDED" if old is None else "REMOVED"
    else:
        how = "EXPANDED" if divides(old, new) else "REDUCED" if divides(new, old) else "CHANGED"
    yield Change(f"MULTIPLE_OF_{how}", "multipleOf", words(old), words(new))


def divides(divisor: Any, number: Any) -> bool:
    try:
        return small(number) and small(divisor) and Decimal(number) % Decimal(divisor) == 0
    except DecimalException:  # numbers so far apart that a remainder has no digits
        return False


def enum_rule(old: ValuesNode, new: ValuesNode) -> Steps:
    if old.values == new.values:
        return []
    how = "EXTENDED" if new.values > old.values else "NARROWED" if new.values < old.values else "CHANGED"
    return [Change(f"ENUM_ARRAY_{how}", "enum")]
    yield


def const_rule(old: ValuesNode, new: ValuesNode) -> Steps:
    return [] if old.values == new.values else [Change("ENUM_ARRAY_CHANGED", "const")]
    yield


def not_rule(old: NotNode, new: NotNode) -> Steps:
    # What is excluded may only shrink, so here the old inner schema has to read the new one's values.
    outcome = yield Ask(new.inner, old.inner)
    return [Change("NOT_TYPE_NARROWED" if outcome.compatible else "NOT_TYPE_EXTENDED", "not")]


def object_rule(old: ObjectNode, new: ObjectNode) -> Steps:
    changes = [*required_changes(old, new)]
    for name in {**old.properties, **new.properties}:
        changes += moved((yield from property_changes(name, old, new)), "properties", name)
    changes += moved((yield from needed_changes(old, new)), "dependencies")
    changes += moved((yield from openness_changes(old, new, "ADDITIONAL_PROPERTIES")), "additionalProperties")
    changes += moved(
        (yield from unevaluated_changes(old, new, "UNEVALUATED_PROPERTIES")), "unevaluatedProperties"
    )
    return [*changes, *limit_changes(old, new)]


def required_changes(old: ObjectNode, new: ObjectNode) -> Iterator[Change]:
    """Of properties that both have; one that is new says itself that it is required."""
    for name in old.properties:
        if name not in new.properties or (name in old.required) == (name in new.required):
            continue
        if name in old.required:
            kind = "REQUIRED_ATTRIBUTE_REMOVED"
        elif has_default(new.properties[name]):
            kind = "REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED"
        else:
            kind = "REQUIRED_ATTRIBUTE_ADDED"
        yield Change(kind, f"required/{name}")


def has_default(place: Place) -> bool:
    return isinstance(place.raw, dict) and ("default" in place.raw or read(place).notes.default is not None)


def property_changes(name: str, old: ObjectNode, new: ObjectNode) -> Steps:
    if name not in new.properties:
        return (yield from removed_property(name, old.properties[name], new))
    if name not in old.properties:
        return (yield from added_property(name, old, new))
    outcome = yield Ask(old.properties[name], new.properties[name])
    return [*outcome.changes]


def removed_property(name: str, before: Place, new: ObjectNode) -> Steps:
    """What counts is what the new schema says of properties it does not list."""
    if is_open(new) and not new.patterns:
        return [Change("PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL")]
    cover = yield from covering(name, new)
    if cover is None:
        known = "WITH_FALSE_" if before.raw is False else ""
        return [Change(f"PROPERTY_{known}REMOVED_FROM_CLOSED_CONTENT_MODEL")]
    outcome = yield Ask(before, cover)
    return [*outcome.changes, Change(covered("PROPERTY_REMOVED", outcome))]


def added_property(name: str, old: ObjectNode, new: ObjectNode) -> Steps:
    """What counts is what the old schema said of properties it did not list."""
    after = new.properties[name]
    if is_open(old) and not old.patterns:
        known = "PROPERTY_WITH_EMPTY_SCHEMA" if is_anything(after) else need(name, new)
        return [Change(f"{known}_ADDED_TO_OPEN_CONTENT_MODEL")]
    changes: list[Change] = []
    cover = yield from covering(name, old)
    if cover is not None:
        outcome = yield Ask(cover, after)
        changes = [*outcome.changes, Change(covered("PROPERTY_ADDED", outcome))]
    return [*changes, Change(f"{need(name, new)}_ADDED_TO_UNOPEN_CONTENT_MODEL")]


def need(name: str, node: ObjectNode) -> str:
    if name not in node.required:
        return "OPTIONAL_PROPERTY"
    return f"REQUIRED_PROPERTY{'_WITH_DEFAULT' if has_default(node.properties[name]) else ''}"


def covered(what: str, outcome: Outcome) -> str:
    return f"{what}_{'IS' if outcome.compatible else 'NOT'}_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"


def is_anything(place: Place) -> bool:
    return place.target is None and read(place).kind in (EMPTY, TRUE)


def is_open(node: ObjectNode | ArrayNode) -> bool:
    """Members without a schema of their own may be anything."""
    return node.additional is None and (node.unevaluated is None or is_anything(node.unevaluated))


def covering(name: str | None, node: ObjectNode | ArrayNode) -> Generator[Ask, Outcome, Place | None]:
    """The schema for a member without one of its own: of a pattern, additional, or unevaluated."""
    if isinstance(node, ObjectNode) and name is not None:
        for pattern, place in node.patterns.items():
            for _ in range(0, work(pattern, name), WORK_STEPS):
                yield WORK
            if finds(pattern, name):
                return place
    if isinstance(node.additional, Place):
        return node.additional
    rest = node.unevaluated if node.additional is None else None
    return rest if rest is not None and read(rest).kind not in (FALSE, EMPTY, TRUE) else None


def needed_changes(old: ObjectNode, new: ObjectNode) -> Steps:
    changes = [
        Change(f"DEPENDENCY_ARRAY_{how}", name)
        for name in {**old.needed_names, **new.needed_names}
        if (how := list_change(old.needed_names.get(name), new.needed_names.get(name)))
    ]
    for name in {**old.needed_schemas, **new.needed_schemas}:
        before, after = old.needed_schemas.get(name), new.needed_schemas.get(name)
        if before is None or after is None:
            changes.append(Change(f"DEPENDENCY_SCHEMA_{'ADDED' if before is None else 'REMOVED'}", name))
        else:
            changes += moved((yield Ask(before, after)).changes, name)
    return changes


def list_change(old: frozenset[str] | None, new: frozenset[str] | None) -> str:
    if old is None or new is None:
        return "ADDED" if old is None else "REMOVED"
    if old == new:
        return ""
    return "EXTENDED" if new > old else "NARROWED" if new < old else "CHANGED"


def openness_changes(old: ObjectNode | ArrayNode, new: ObjectNode | ArrayNode, name: str) -> Steps:
    before, after = old.additional, new.additional
    if (before is False) != (after is False):
        return [Change(f"{name}_{'ADDED' if before is False else 'REMOVED'}")]
    if (before is None) != (after is None):
        return [Change(f"{name}_{'NARROWED' if before is None else 'EXTENDED'}")]
    if isinstance(before, Place) and isinstance(after, Place):
        return [*(yield Ask(before, after)).changes]
    return []


def unevaluated_changes(old: ObjectNode | ArrayNode, new: ObjectNode | ArrayNode, name: str) -> Steps:
    before, after = old.unevaluated, new.unevaluated
    states = [FALSE if refuses(each) else EMPTY if permits(each) else "schema" for each in (before, after)]
    if before is None and after is not None and states[1] == EMPTY:
        return [Change(f"{name}_NARROWED")]
    if states[0] == states[1]:
        return [*(yield Ask(before, after)).changes] if before is not None and after is not None else []
    if FALSE in states:
        return [Change(f"{name}_{'ADDED' if states[0] == FALSE else 'REMOVED'}")]
    return [Change(f"{name}_{'NARROWED' if states[0] == EMPTY else 'EXTENDED'}")]


def refuses(place: Place | None) -> bool:
    return place is not None and read(place).kind == FALSE


def permits(place: Place | None) -> bool:
    return place is None or read(place).kind in (EMPTY, TRUE)


def array_rule(old: ArrayNode, new: ArrayNode) -> Steps:
    changes = [*moved((yield Ask(old.items, new.items)).changes, "items")]
    for at in range(max(len(old.tuple), len(new.tuple))):
        changes += moved((yield from item_changes(at, old, new)), "items", str(at))
    changes += moved((yield from openness_changes(old, new, "ADDITIONAL_ITEMS")), "additionalItems")
    changes += moved((yield from unevaluated_changes(old, new, "UNEVALUATED_ITEMS")), "unevaluatedItems")
    changes += limit_changes(old, new)
    if old.unique != new.unique:
        changes.append(Change(f"UNIQUE_ITEMS_{'REMOVED' if old.unique else 'ADDED'}", "uniqueItems"))
    return changes


def item_changes(at: int, old: ArrayNode, new: ArrayNode) -> Steps:
    if at >= len(new.tuple):
        return (yield from removed_item(old.tuple[at], new))
    if at >= len(old.tuple):
        return (yield from added_item(new.tuple[at], old))
    return [*(yield Ask(old.tuple[at], new.tuple[at])).changes]


def removed_item(before: Place, new: ArrayNode) -> Steps:
    if is_open(new):
        return [Change("ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL")]
    cover = yield from covering(None, new)
    if cover is None:
        known = "WITH_FALSE_" if before.raw is False else ""
        return [Change(f"ITEM_{known}REMOVED_FROM_CLOSED_CONTENT_MODEL")]
    outcome = yield Ask(before, cover)
    return [*outcome.changes, Change(covered("ITEM_REMOVED", outcome))]


def added_item(after: Place, old: ArrayNode) -> Steps:
    if is_open(old):
        known = "WITH_EMPTY_SCHEMA_" if is_anything(after) else ""
        return [Change(f"ITEM_{known}ADDED_TO_OPEN_CONTENT_MODEL")]
    cover = yield from covering(None, old)
    if cover is None:
        return [Change("ITEM_ADDED_TO_CLOSED_CONTENT_MODEL")]
    outcome = yield Ask(cover, after)
    return [*outcome.changes, Change(covered("ITEM_ADDED", outcome))]


def kind_name(node: Node) -> str:
    """A node's kind, as people write it."""
    if isinstance(node, CombinedNode):
        return node.criterion
    return "integer" if isinstance(node, NumberNode) and node.integer else node.kind
