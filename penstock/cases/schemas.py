"""The registry under a case: the schemas its topics state, and the codecs that write and read by them.

In:  a case's topics. Out: registered schemas; the codec of a payload by the schema that stands in it.

A schema with an id is there from the start. One without gets the next free id when the first statement names
its topic, as the schemas that statements make do: so ids count in the order of the statements.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from penstock.cases.model import CaseTopic, TopicSchema
from penstock.formats.framed import parsed_schema
from penstock.formats.registry import (
    AVRO,
    JSON,
    PROTOBUF,
    MemoryRegistry,
    Reference,
    RegisteredSchema,
    Subject,
    subject_name,
)
from penstock.formats.schema_formats import dialect_of, typed_values
from penstock.types import SqlType

FORMATS = {AVRO: "AVRO", JSON: "JSON_SR", PROTOBUF: "PROTOBUF"}
KINDS = {"AVRO": AVRO, "JSON": JSON, "JSON_SR": JSON, "PROTOBUF": PROTOBUF}


class CaseSchemas:
    def __init__(self, topics: tuple[CaseTopic, ...]) -> None:
        self.registry = MemoryRegistry()
        self._waiting: dict[str, tuple[TopicSchema, ...]] = {}
        for topic in topics:
            if any(schema.id is not None for schema in topic.schemas):
                self._register_all(topic.name, topic.schemas)
            elif topic.schemas:
                self._waiting[topic.name] = topic.schemas

    def topic_named(self, topic: str) -> None:
        """A statement names the topic."""
        self._register_all(topic, self._waiting.pop(topic, ()))

    def _register_all(self, topic: str, schemas: tuple[TopicSchema, ...]) -> None:
        for schema in schemas:
            self._register(topic, schema)

    def _register(self, topic: str, schema: TopicSchema) -> None:
        kind = KINDS.get((schema.format or _guess(schema.schema)).upper())
        if kind is None:
            return
        references = []
        for name, text in schema.references:
            # An id far from those a case counts with.
            self.registry.register_as(_reference_id(name, text), name, kind, text)
            references.append(Reference(name, name, 1))
        text = schema.schema if isinstance(schema.schema, str) else json.dumps(schema.schema, default=str)
        subject = subject_name(topic, schema.is_key)
        self.registry.register_as(schema.id, subject, kind, text, references)

    # --- codecs --------------------------------------------------------------------------------------

    def subject(self, topic: str, is_key: bool) -> Subject:
        return Subject(self.registry, subject_name(topic, is_key))

    def to_write(self, topic: str, is_key: bool, properties: Mapping[str, str]) -> RegisteredSchema:
        """The schema another client would write the topic with."""
        given = properties.get("schema_id")
        if given is not None:
            return self.registry.by_id(int(given))
        latest = self.registry.latest(subject_name(topic, is_key))
        assert latest is not None, topic
        return latest

    def codec(
        self, schema: RegisteredSchema, subject: str, properties: Mapping[str, str]
    ) -> tuple[Any, SqlType]:
        """The codec of a whole payload by a schema, and the type of what it holds, names as in the schema."""
        dialect = dialect_of(FORMATS[schema.kind])
        parsed = parsed_schema(dialect, self.registry, schema)
        kind = dialect.infer(parsed, properties)
        assert kind is not None, schema.text
        given = {**properties, "schema_id": str(schema.id)}
        return typed_values(FORMATS[schema.kind], kind, given, Subject(self.registry, subject)), kind


def _reference_id(name: str, text: str) -> int:
    return 1_000_000 + sum(map(ord, name + text))


def _guess(schema: Any) -> str:
    """A schema without a format: .proto text, a JSON schema, else Avro."""
    if isinstance(schema, str) and "message " in schema:
        return PROTOBUF
    if isinstance(schema, dict) and {"oneOf", "properties"} & schema.keys():
        return JSON
    return AVRO
