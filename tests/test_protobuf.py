"""Protobuf: our cases, other people's vectors, descriptors there and back, texts that are meant to hurt."""

from __future__ import annotations

import base64
import json
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from schema_registry.protobuf import KIND, ProtobufSchema
from schema_registry.schemas import InvalidSchema, TagChange

HERE = Path(__file__).resolve().parent
CASES = json.loads((HERE / "cases" / "registry" / "protobuf.json").read_text(encoding="utf-8"))
VECTORS = HERE.parent.parent / "shared" / "vectors" / "registry" / "protobuf.json"
SECONDS_MAX = 5.0
PROTO3 = 'syntax = "proto3";\n'
PROTOC_BYTES = (
    "CglwYjEucHJvdG8SAWEaFGNvbmZsdWVudC9tZXRhLnByb3RvIqUBCgFNEiMKBWNvdW50GAEgASgFQgiCRAUaA1BJSU"
    "gAUgVjb3VudIgBARIpCgdieV9uYW1lGAIgAygLMhAuYS5NLkJ5TmFtZUVudHJ5UgZieU5hbWUaQQoLQnlOYW1lRW50"
    "cnkSEAoDa2V5GAEgASgJUgNrZXkSHAoFdmFsdWUYAiABKAsyBi5hLk0uTlIFdmFsdWU6AjgBGgMKAU5CCAoGX2NvdW"
    "50YgZwcm90bzM="
)


def source(text: str) -> str:
    """Cases are proto3 unless they say otherwise."""
    return text if text.startswith(("syntax", "edition")) else PROTO3 + text


def parsed(text: str, files: Mapping[str, str] | None = None) -> ProtobufSchema:
    return KIND.parse(source(text), files or {})


def named(cases: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in cases]


def vectors() -> list[Any]:
    if not VECTORS.is_file():
        return [pytest.param({}, marks=pytest.mark.skip(reason=f"no {VECTORS.name} beside the project"))]
    return [pytest.param(case, id=case["id"]) for case in json.loads(VECTORS.read_text(encoding="utf-8"))]


def found(old: ProtobufSchema, new: ProtobufSchema) -> Counter[str]:
    return Counter(f"{change.kind} {change.path}" for change in KIND.changes(new, old))


def again(schema: ProtobufSchema, files: Mapping[str, str]) -> ProtobufSchema:
    """Through a serialized descriptor and back."""
    return KIND.parse(schema.formatted("serialized"), files)


@pytest.mark.parametrize("case", named(CASES["changes"]))
def test_changes(case: dict[str, Any]) -> None:
    old, new = parsed(case["old"], case.get("old_files")), parsed(case["new"], case.get("new_files"))
    assert found(old, new) == Counter(case["changes"])
    breaks = KIND.compatibility(new, old)
    assert (not breaks) == case["reads"]
    assert all(difference.path in difference.message for difference in breaks)
    if "message" in case:
        assert case["message"] in [difference.message for difference in breaks]
    for schema, files in ((old, case.get("old_files", {})), (new, case.get("new_files", {}))):
        schema.check(fields=True)
        assert again(schema, files).normalized() == schema.normalized()


@pytest.mark.parametrize("case", named(CASES["refused"]))
def test_refused(case: dict[str, Any]) -> None:
    """`check` names the rules that refuse what the grammar allows; the grammar refuses the others."""
    rules, files = case.get("check"), case.get("files", {})
    if rules:
        KIND.parse(case["text"], files)
    with pytest.raises(InvalidSchema) as refusal:
        KIND.parse(case["text"], files).check(fields=rules == "fields")
    assert str(refusal.value) == case["message"]


def test_types_are_looked_up_only_when_asked() -> None:
    schema = parsed("message M { N n = 1; }")
    schema.check(fields=False)
    assert ".N" not in schema.normalized()


@pytest.mark.parametrize("case", named(CASES["texts"]))
def test_texts(case: dict[str, Any]) -> None:
    schema = parsed(case["source"])
    assert schema.text.splitlines() == case["text"]
    assert KIND.parse(schema.text, {}).text == schema.text == schema.formatted("anything")
    if "normalized" in case:
        assert schema.normalized().splitlines() == case["normalized"]
    assert again(schema, {}).normalized() == schema.normalized()


@pytest.mark.parametrize("case", named(CASES["same_normalized"]))
def test_normalized_texts_do_not_hang_on_order_or_spelling(case: dict[str, Any]) -> None:
    one, other = parsed(case["one"]), parsed(case["other"])
    assert one.text != other.text
    assert one.normalized() == other.normalized()
    assert parsed(one.normalized()).normalized() == one.normalized()


@pytest.mark.parametrize("case", vectors())
def test_vectors(case: dict[str, Any]) -> None:
    files = [
        {name: text for name, text in (case.get(f"{side}_dependencies") or {}).items() if text is not None}
        for side in ("original", "update")
    ]
    old, new = KIND.parse(case["original"], files[0]), KIND.parse(case["update"], files[1])
    assert found(old, new) == Counter(case["changes"])
    assert (not KIND.compatibility(new, old)) == case["compatible"]
    for schema, known in ((old, files[0]), (new, files[1])):
        schema.check(fields=True)
        assert again(schema, known).normalized() == schema.normalized()


def test_a_descriptor_of_another_compiler() -> None:
    """The bytes protoc 31 makes of it: a map, a proto3 `optional`, a nested type, tags, JSON names."""
    text = (
        PROTO3 + 'package a;\n\nimport "confluent/meta.proto";\n\nmessage M {\n'
        '  optional int32 count = 1 [(confluent.field_meta) = {\n    tags: [\n      "PII"\n    ]\n  }];\n'
        "  map<string, .a.M.N> by_name = 2;\n\n  message N {}\n}\n"
    )
    schema = KIND.parse(PROTOC_BYTES, {})
    assert schema.text == text
    assert base64.b64decode(schema.formatted("serialized"))[:9] == b"\x0a\x07default"


def test_format_without_extensions() -> None:
    schema = parsed(
        'import "confluent/meta.proto"; message M { option (confluent.message_meta).doc = "d"; '
        'int32 a = 1 [deprecated = true, (confluent.field_meta) = { doc: "d" }]; }'
    )
    plain = PROTO3 + "\nmessage M {\n  int32 a = 1 [deprecated = true];\n}\n"
    assert schema.formatted("ignore_extensions") == plain


def test_tags_are_added_read_and_taken_away() -> None:
    schema = parsed("package p; message M { string a = 1; message N { oneof o { int32 b = 2; } } }")
    added = [
        TagChange("p.M", "sr_record", ("ROW",)),
        TagChange("p.M.a", "sr_field", ("PII", "PII")),
        TagChange("p.M.N.b", "sr_field", ("X",)),
    ]
    tagged = KIND.parse(schema.tagged(added, []), {})
    assert tagged.tags() == [
        TagChange("p.M", "sr_record", ("ROW",)),
        TagChange("p.M.a", "sr_field", ("PII",)),
        TagChange("p.M.N.b", "sr_field", ("X",)),
    ]
    assert 'import "confluent/meta.proto";' in tagged.text
    assert not KIND.parse(tagged.tagged([], tagged.tags()), {}).tags()
    with pytest.raises(InvalidSchema, match=r"has no 'p\.M\.z' to tag"):
        schema.tagged([TagChange("p.M.z", "sr_field", ("PII",))], [])


def test_top_level_fields_are_those_of_the_first_message() -> None:
    schema = parsed("message M { int32 a = 1; oneof o { int32 b = 2; } } message N { int32 c = 1; }")
    assert list(schema.top_level_fields()) == ["a", "b"]


def nested(levels: int) -> str:
    return "".join(f"message M{at} {{ " for at in range(levels)) + "int32 a = 1;" + "}" * levels


def wide(messages: int, kind: str) -> str:
    fields = "".join(f"  {kind} field_number_{at} = {at + 1};\n" for at in range(30))
    return "".join(f"message Message{at} {{\n{fields}}}\n" for at in range(messages))


def chained(messages: int, kind: str) -> dict[str, str]:
    """Messages of an imported file, each of which has the next in it and the last the first."""
    lines = [f"message C{at} {{ C{(at + 1) % messages} next = 1; }}" for at in range(1, messages)]
    first = f"message C0 {{ {kind} leaf = 2; C1 next = 1; }}"
    return {"c.proto": source("package c; " + first + " ".join(lines))}


def test_nesting_without_end_is_refused_with_a_sentence() -> None:
    assert parsed(nested(60)).normalized()
    for text in (nested(500), "option a = " + "{ b: " * 500 + "1" + "}" * 500 + ";"):
        with pytest.raises(InvalidSchema, match="nested more than 64 levels deep"):
            parsed(text)


def test_a_megabyte_is_answered_soon() -> None:
    start = time.process_time()
    old, new = parsed(wide(1_000, "string")), parsed(wide(1_000, "int32"))
    assert len(KIND.compatibility(new, old)) == 30_000
    assert not KIND.compatibility(old, old)
    assert time.process_time() - start < SECONDS_MAX


def test_a_long_chain_of_imported_messages_is_followed_to_its_end() -> None:
    text = 'import "c.proto"; message M { c.C1 c = 1; }'
    start = time.process_time()
    old, new = parsed(text, chained(2_000, "string")), parsed(text, chained(2_000, "int32"))
    kinds = Counter(difference.kind for difference in KIND.compatibility(new, old))
    assert kinds == {"FIELD_SCALAR_KIND_CHANGED": 1, "FIELD_NAMED_TYPE_CHANGED": 2_001}
    assert time.process_time() - start < SECONDS_MAX
