"""AVRO, one of the kinds of schema: text becomes a parsed schema with its texts, rules and tags.

In:  a text and the texts of its references. Out: AvroSchema (Parsed), and differences of two of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from schema_registry import avro_check, avro_tags
from schema_registry.avro_compatibility import Checker
from schema_registry.avro_parse import Parser
from schema_registry.avro_print import Printer
from schema_registry.avro_types import AvroType, Definition, Named, Record, Union
from schema_registry.schemas import AVRO, NESTING_MAX, STRICT, Difference, InvalidSchema, TagChange


@dataclass(frozen=True)
class AvroSchema:
    """`names` are the types that this text defines, `known` also those of its references."""

    tree: AvroType
    names: Mapping[str, Definition]
    known: Mapping[str, Definition]

    @cached_property
    def text(self) -> str:
        return Printer().text(self.tree)

    def normalized(self) -> str:
        return Printer(sort=True).text(self.tree)

    def formatted(self, name: str) -> str:
        if name != "resolved":
            return self.text
        references = {key: one for key, one in self.known.items() if key not in self.names}
        return Printer(inline=references).text(self.tree)

    def check(self, *, fields: bool) -> None:
        avro_check.check(self.tree, self.known)
        clash = next((name for name in self.top_level_fields() if name.startswith("$$")), None)
        if fields and clash is not None:
            raise InvalidSchema(f"Field {clash} begins with $$, which is kept for the platform.")

    def top_level_fields(self) -> Sequence[str]:
        root = self.known[self.tree.full_name] if isinstance(self.tree, Named) else self.tree
        if isinstance(root, Union):
            return []
        return [field.name for field in root.fields] if isinstance(root, Record) else []

    def tags(self) -> Sequence[TagChange]:
        return avro_tags.tags(self.tree)

    def tagged(self, add: Sequence[TagChange], remove: Sequence[TagChange]) -> str:
        return Printer().text(avro_tags.tagged(self.tree, add, remove))


class Avro:
    name = AVRO

    def parse(self, text: str, references: Mapping[str, str]) -> AvroSchema:
        known: dict[str, Definition] = {}
        for name, reference in references.items():
            try:
                parsed = read(reference, known)
            except InvalidSchema as error:
                raise InvalidSchema(f"In the reference {name}: {error}") from error
            known.update(parsed.names)
        return read(text, known)

    def compatibility(self, new: Any, old: Any, policy: str = STRICT) -> list[Difference]:
        return Checker(new.known, old.known).compare(new.tree, old.tree, "")


def read(text: str, known: Mapping[str, Definition]) -> AvroSchema:
    parser = Parser(known)
    tree = parser.parse(read_json(text))
    names = {name: one for name, one in parser.names.items() if one is not None}
    return AvroSchema(tree, names, {**known, **names})


def read_json(text: str) -> Any:
    try:
        tree = json.loads(text)
    except RecursionError:
        raise InvalidSchema(f"The schema is nested deeper than {NESTING_MAX} levels.") from None
    except ValueError as error:
        # Avro's parser takes a bare name for a schema too: int, and not only "int".
        if text.strip().replace(".", "").replace("_", "").isalnum():
            return text.strip()
        raise InvalidSchema(f"Not a schema: the text is not JSON ({error}).") from None
    if depth_exceeds(tree, NESTING_MAX):
        raise InvalidSchema(f"The schema is nested deeper than {NESTING_MAX} levels.")
    return tree


def depth_exceeds(tree: Any, limit: int) -> bool:
    level = [tree]
    for _ in range(limit):
        level = [
            child
            for one in level
            if isinstance(one, dict | list)
            for child in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


KIND = Avro()
