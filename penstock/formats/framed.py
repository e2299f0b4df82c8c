"""Payloads with a schema id before their data: the frame of Confluent's serialisers.

In:  payloads. Out: typed values by the schema each one names; and back, under the schema of the subject.

    0 | id (4 bytes, big endian) | data           reading: by the writer's schema, whichever it is
                                                  writing: the schema made of the SQL type, registered at the
                                                           first write; or the one SCHEMA_ID names

What differs between formats is a Dialect: how a schema is made, read, and turned into functions.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from penstock import types
from penstock.errors import RecordError, RegistryError, SchemaNotFound, StatementError
from penstock.formats.codec import Decoded
from penstock.formats.registry import RegisteredSchema, Registry, Subject, imported

HEADER = struct.Struct(">bI")
MAGIC = 0
READERS_MAX = 1_000
"""Schemas of one topic whose readers are kept; a topic has few."""

Read = Callable[[bytes], Any]
Write = Callable[[Any], bytes]
Properties = Mapping[str, str]


class Dialect(Protocol):
    """One schema language. A `parsed` schema is the dialect's own."""

    @property
    def kind(self) -> str:
        """The registry's word: AVRO, JSON, PROTOBUF."""
        ...

    def schema_text(self, kind: types.SqlType, properties: Properties) -> str:
        """The schema ksqlDB registers for a type; raises StatementError when there is none."""
        ...

    def parse(self, schema: RegisteredSchema, imports: Mapping[str, str]) -> Any: ...

    def infer(self, parsed: Any, properties: Properties) -> types.SqlType | None:
        """The type the schema describes, with its names as they are; None when SQL has no such type."""
        ...

    def reader(self, parsed: Any, kind: types.SqlType) -> Read: ...

    def writer(self, parsed: Any, kind: types.SqlType, properties: Properties) -> Write: ...


def parsed_schema(dialect: Dialect, registry: Registry, schema: RegisteredSchema) -> Any:
    if schema.kind != dialect.kind:
        raise RecordError(f"Schema {schema.id} is of type {schema.kind}, not {dialect.kind}.")
    return dialect.parse(schema, imported(registry, schema))


class FramedValues:
    """Values of one type: a row is a STRUCT of its columns."""

    def __init__(
        self, dialect: Dialect, kind: types.SqlType, properties: Properties, subject: Subject
    ) -> None:
        self._dialect = dialect
        self._kind = kind
        self._properties = properties
        self._subject = subject
        self._readers: dict[int, Read | str] = {}
        self._write: tuple[bytes, Write] | None = None

    # --- reading -------------------------------------------------------------------------------------

    def decode(self, payloads: Sequence[bytes | None]) -> Decoded:
        values: list[Any] = []
        failures: dict[int, str] = {}
        for position, payload in enumerate(payloads):
            value = None
            if payload is not None:
                try:
                    value = self._read(payload)
                except RecordError as problem:
                    failures[position] = str(problem)
            values.append(value)
        return Decoded(values, failures)

    def _read(self, payload: bytes) -> Any:
        schema_id = schema_id_of(payload)
        read = self._readers.get(schema_id)
        if read is None:
            read = self._make_reader(schema_id)
        if isinstance(read, str):
            raise RecordError(read)
        return read(payload[HEADER.size :])

    def _make_reader(self, schema_id: int) -> Read | str:
        """What can't be read is remembered too. A registry that does not answer is not: it may come back."""
        registry = self._subject.registry
        made: Read | str
        try:
            parsed = parsed_schema(self._dialect, registry, registry.by_id(schema_id))
            made = self._dialect.reader(parsed, self._kind)
        except SchemaNotFound as problem:
            raise RecordError(f"Error retrieving schema for id {schema_id}: {problem}") from problem
        except (RecordError, StatementError) as problem:
            made = str(problem)
        if len(self._readers) >= READERS_MAX:
            self._readers.clear()
        self._readers[schema_id] = made
        return made

    # --- writing -------------------------------------------------------------------------------------

    def encode(self, values: Sequence[Any]) -> tuple[list[bytes | None], Mapping[int, str]]:
        header, write = self._write or self._make_writer()
        payloads: list[bytes | None] = [None] * len(values)
        failures: dict[int, str] = {}
        for position, value in enumerate(values):
            if value is not None:
                try:
                    payloads[position] = header + write(value)
                except RecordError as problem:
                    failures[position] = str(problem)
        return payloads, failures

    def _make_writer(self) -> tuple[bytes, Write]:
        schema = self._schema_to_write()
        parsed = parsed_schema(self._dialect, self._subject.registry, schema)
        write = self._dialect.writer(parsed, self._kind, self._properties)
        self._write = HEADER.pack(MAGIC, schema.id), write
        return self._write

    def _schema_to_write(self) -> RegisteredSchema:
        registry = self._subject.registry
        given = self._properties.get("schema_id")
        if given is not None:
            return registry.by_id(int(given))
        text = self._dialect.schema_text(self._kind, self._properties)
        try:
            schema_id = registry.register(self._subject.name, self._dialect.kind, text)
        except RegistryError as problem:
            raise RegistryError(f"Could not register schema for {self._subject.name}: {problem}") from problem
        return RegisteredSchema(schema_id, self._dialect.kind, text)


def schema_id_of(payload: bytes) -> int:
    """Raises RecordError for bytes without the frame."""
    if len(payload) < HEADER.size or payload[0] != MAGIC:
        raise RecordError("Unknown magic byte!")
    return int(HEADER.unpack_from(payload)[1])
