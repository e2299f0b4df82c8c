"""What a schema is to the registry: text, kind, references, metadata and rules, and the id all of it has.

In:  members of a request or of a record. Out: frozen values, their JSON, and the guid.

The guid is the MD5 over all of it, written as a UUID: equal content has an equal guid, in every context and
in every registry.

    text | name subject version(4 bytes) ... | 1 tags properties sensitive | 1 rules
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from schema_registry.schemas import AVRO, Reference

CONFLUENT_VERSION = "confluent:version"
RESERVED = "confluent:reserved"


class Metadata(msgspec.Struct, frozen=True, omit_defaults=True):
    tags: dict[str, list[str]] | None = None
    properties: dict[str, str] | None = None
    sensitive: list[str] | None = None

    def property(self, name: str) -> str | None:
        return (self.properties or {}).get(name)

    def with_property(self, name: str, value: str) -> Metadata:
        return msgspec.structs.replace(self, properties={**(self.properties or {}), name: value})

    def without_property(self, name: str) -> Metadata | None:
        kept = {key: value for key, value in (self.properties or {}).items() if key != name}
        found = msgspec.structs.replace(self, properties=kept or None)
        return None if found.is_empty() else found

    def is_empty(self) -> bool:
        return not (self.tags or self.properties or self.sensitive)


class Rule(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    name: str | None = None
    doc: str | None = None
    kind: str | None = None
    mode: str | None = None
    type: str | None = None
    tags: list[str] | None = None
    params: dict[str, str] | None = None
    expr: str | None = None
    on_success: str | None = None
    on_failure: str | None = None
    disabled: bool = False


class RuleSet(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    migration_rules: list[Rule] | None = None
    domain_rules: list[Rule] | None = None
    encoding_rules: list[Rule] | None = None

    def every(self) -> Iterable[tuple[str, list[Rule]]]:
        return (
            ("migrationRules", self.migration_rules or []),
            ("domainRules", self.domain_rules or []),
            ("encodingRules", self.encoding_rules or []),
        )


class Content(msgspec.Struct, frozen=True):
    """Everything that makes a schema another one. `guid` is computed once, where content is made."""

    text: str
    kind: str = AVRO
    references: tuple[Reference, ...] = ()
    metadata: Metadata | None = None
    rules: RuleSet | None = None
    guid: str = ""

    def with_metadata(self, metadata: Metadata | None) -> Content:
        return content(self.text, self.kind, self.references, metadata, self.rules)


def content(
    text: str,
    kind: str,
    references: tuple[Reference, ...] = (),
    metadata: Metadata | None = None,
    rules: RuleSet | None = None,
) -> Content:
    return Content(text, kind, references, metadata, rules, guid_of(text, references, metadata, rules))


def guid_of(
    text: str, references: tuple[Reference, ...], metadata: Metadata | None, rules: RuleSet | None
) -> str:
    digest = hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False)
    for reference in references:
        digest.update(reference.name.encode() + reference.subject.encode())
        digest.update((reference.version & 0xFFFFFFFF).to_bytes(4, "big"))
    if metadata is not None:
        digest.update(b"\x01" + metadata_bytes(metadata))
    if rules is not None:
        digest.update(b"\x01" + b"".join(rule_bytes(rule) for _, some in rules.every() for rule in some))
    text = digest.hexdigest()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def metadata_bytes(metadata: Metadata) -> bytes:
    words: list[str] = []
    for key, values in sorted((metadata.tags or {}).items()):
        words += [key, *sorted(values)]
    for key, value in sorted((metadata.properties or {}).items()):
        words += [key, value]
    return "".join([*words, *sorted(metadata.sensitive or [])]).encode()


def rule_bytes(rule: Rule) -> bytes:
    words = [rule.name, rule.doc, rule.kind, rule.mode, rule.type, *sorted(rule.tags or [])]
    for key, value in sorted((rule.params or {}).items()):
        words += [key, value]
    words += [rule.expr, rule.on_success, rule.on_failure]
    return "".join(word for word in words if word).encode() + bytes([rule.disabled])


def merged_metadata(under: Metadata | None, over: Metadata | None) -> Metadata | None:
    """Both, where `over` wins key by key."""
    if under is None or over is None:
        return over if under is None else under
    return Metadata(
        tags={**(under.tags or {}), **(over.tags or {})} or None,
        properties={**(under.properties or {}), **(over.properties or {})} or None,
        sensitive=sorted({*(under.sensitive or []), *(over.sensitive or [])}) or None,
    )


def merged_rules(under: RuleSet | None, over: RuleSet | None) -> RuleSet | None:
    """Both, where a rule of `over` takes the place of one of the same name."""
    if under is None or over is None:
        return over if under is None else under
    return RuleSet(*(merged_list(a, b) for (_, a), (_, b) in zip(under.every(), over.every(), strict=True)))


def merged_list(under: list[Rule], over: list[Rule]) -> list[Rule] | None:
    names = {rule.name for rule in over}
    return [rule for rule in under if rule.name not in names] + over or None


def as_json(value: Any) -> Any:
    """A Metadata or RuleSet as its JSON members, without those that are null."""
    return None if value is None else msgspec.to_builtins(value)
