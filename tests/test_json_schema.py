"""JSON Schema: our cases, other people's vectors, and what is hard to write as data."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from schema_registry.json_schema import KIND, JsonSchema
from schema_registry.json_schema_patterns import finds
from schema_registry.schemas import LENIENT, STRICT, InvalidSchema, TagChange

HERE = Path(__file__).resolve().parent
CASES = json.loads((HERE / "cases" / "registry" / "json_schema.json").read_text(encoding="utf-8"))
VECTORS = HERE.parent.parent / "shared" / "vectors" / "registry" / "json-schema.json"
SECONDS_MAX = 5.0


def parsed(value: Any, references: Mapping[str, str] | None = None) -> JsonSchema:
    return KIND.parse(json.dumps(value), references or {})


def named(cases: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in cases]


def vectors() -> list[Any]:
    if not VECTORS.is_file():
        return [pytest.param({}, marks=pytest.mark.skip(reason=f"no {VECTORS.name} beside the project"))]
    return [pytest.param(case, id=case["id"]) for case in json.loads(VECTORS.read_text(encoding="utf-8"))]


def found(old: JsonSchema, new: JsonSchema) -> Counter[str]:
    return Counter(f"{change.kind} {change.path}" for change in KIND.changes(new, old))


@pytest.mark.parametrize("case", named(CASES["changes"]))
def test_changes(case: dict[str, Any]) -> None:
    old, new = parsed(case["old"]), parsed(case["new"])
    assert found(old, new) == Counter(case["changes"])
    strict = KIND.compatibility(new, old, STRICT)
    assert (not strict) == case["reads"]
    assert (not KIND.compatibility(new, old, LENIENT)) == case.get("reads_lenient", case["reads"])
    if "message" in case:
        assert case["message"] in [difference.message for difference in strict]
    assert all(difference.path in difference.message for difference in strict)


@pytest.mark.parametrize("case", named(CASES["refused"]))
def test_refused(case: dict[str, Any]) -> None:
    with pytest.raises(InvalidSchema) as refusal:
        KIND.parse(case["schema"], case.get("references", {}))
    assert str(refusal.value) == case["message"]


@pytest.mark.parametrize("case", named(CASES["texts"]))
def test_texts(case: dict[str, Any]) -> None:
    schema = KIND.parse(case["schema"], {})
    assert schema.text == case["text"] == schema.formatted("resolved")
    assert schema.normalized() == case["normalized"]


@pytest.mark.parametrize("case", named(CASES["references"]))
def test_references(case: dict[str, Any]) -> None:
    schema = parsed(case["schema"], case.get("references"))
    assert not KIND.compatibility(schema, schema)


@pytest.mark.parametrize("case", vectors())
def test_vectors(case: dict[str, Any]) -> None:
    old, new = parsed(case["original"]), parsed(case["update"])
    if case.get("changes") is not None:
        assert found(old, new) == Counter(case["changes"])
    assert (not KIND.compatibility(new, old)) == case["compatible"]
    if case.get("compatible_lenient") is not None:
        assert (not KIND.compatibility(new, old, LENIENT)) == case["compatible_lenient"]


def test_reserved_names_are_refused_only_when_asked() -> None:
    schema = parsed({"properties": {"a": {"properties": {"$$b": {}}}}})
    schema.check(fields=False)
    with pytest.raises(InvalidSchema, match=r"#/properties/a/properties/\$\$b starts with"):
        schema.check(fields=True)


def test_top_level_fields_are_looked_for_behind_a_reference() -> None:
    schema = parsed({"$ref": "#/definitions/a", "definitions": {"a": {"properties": {"x": {}, "y": {}}}}})
    assert schema.top_level_fields() == ("x", "y")


def test_tags_are_added_read_and_taken_away() -> None:
    schema = parsed({"properties": {"a": {"type": "array", "items": {"properties": {"b.c": {}}}}}})
    field, record = "object.a.array.object.b.c", "object.a.array.object"
    added = [TagChange(field, "sr_field", ("PII",)), TagChange(record, "sr_record", ("LINE", "LINE"))]
    tagged = KIND.parse(schema.tagged(added, []), {})
    assert tagged.tags() == [
        TagChange(record, "sr_record", ("LINE",)),
        TagChange(field, "sr_field", ("PII",)),
    ]
    assert tagged.tagged([], tagged.tags()) == schema.text
    with pytest.raises(InvalidSchema, match=r"has no 'object\.z' to tag"):
        schema.tagged([TagChange("object.z", "sr_field", ("PII",))], [])


def nested(levels: int, leaf: str) -> str:
    return '{"properties":{"a":' * levels + json.dumps({"type": leaf}) + "}}" * levels


def recursive(members: int, leaf: str) -> dict[str, Any]:
    choice = {"oneOf": [{"$ref": f"#/definitions/T{at}"} for at in range(members)]}
    types = {
        f"T{at}": {"properties": {"id": {"type": "string" if at else leaf}, "a": choice, "b": choice}}
        for at in range(members)
    }
    return {"definitions": types, "properties": {"root": choice}}


def many(count: int, leaf: str) -> dict[str, Any]:
    return {"properties": {f"field_{at}": {"title": "x" * 60, "type": leaf} for at in range(count)}}


def choices(count: int, leaf: str) -> dict[str, Any]:
    return {"oneOf": [{"properties": {f"field_{at}": {"type": leaf}}} for at in range(count)]}


HEAVY = {
    "nested 390 deep": (nested(390, "string"), nested(390, "number")),
    "recursive": (json.dumps(recursive(40, "string")), json.dumps(recursive(40, "number"))),
    "1 MB": (json.dumps(many(10_000, "string")), json.dumps(many(10_000, "number"))),
    "a choice of 2,000": (json.dumps(choices(2_000, "string")), json.dumps(choices(2_000, "number"))),
}


@pytest.mark.parametrize("name", HEAVY)
def test_heavy_schemas_are_answered_soon(name: str) -> None:
    old, new = (KIND.parse(text, {}) for text in HEAVY[name])
    start = time.process_time()
    assert KIND.compatibility(new, old)
    assert not KIND.compatibility(old, old)
    assert time.process_time() - start < SECONDS_MAX


def test_nesting_without_end_is_refused_with_a_sentence() -> None:
    with pytest.raises(InvalidSchema, match="nested too deeply: more than 800 levels"):
        KIND.parse(nested(500, "string"), {})


PATTERNS = [
    ("^S_", "S_a", True),
    ("^S_", "a_S_", False),
    ("a(b|c)*d$", "xabcbcd", True),
    (r"^[\w.-]+@\w{2,5}\.(com|org)$", "a.b-c@acme.org", True),
    (r"^\d{3}-\d{4}$", "555-01234", False),
    (r"\bcat\b", "a cat.", True),
    (r"^\p{Lu}", "Éa", True),
    ("[^a-c]", "abc", False),
    ("^(a+)+$", "a" * 1000 + "!", False),
    ("((((a{1,9}){1,9}){1,9}){1,9})b", "a" * 1000, None),
    ("(?=a)a", "a", None),
]


@pytest.mark.parametrize(("pattern", "name", "expected"), PATTERNS)
def test_patterns_are_matched_without_running_away(pattern: str, name: str, expected: bool | None) -> None:
    start = time.process_time()
    assert finds(pattern, name) is expected
    assert time.process_time() - start < 1.0
