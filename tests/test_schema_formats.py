"""The formats with schemas: the same bytes as confluent-kafka's serialisers, over a real registry.

In:  values. Out: each side reads what the other wrote; SQL reads any writer's schema by ksqlDB's coercions.
"""

from __future__ import annotations

import decimal
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ports import free_port

from penstock import types
from penstock.errors import NoSchemaRegistry, PenstockError, RegistryError, SchemaNotFound
from penstock.executor.executor import Executor
from penstock.executor.world import Config
from penstock.formats import formats
from penstock.formats.framed import FramedValues
from penstock.formats.protobuf_schema import load, message_type
from penstock.formats.registry import AVRO, MemoryRegistry, Registry, Subject
from penstock.formats.registry_http import HttpRegistry
from penstock.formats.schema_formats import dialect_of
from penstock.language.catalog import Format
from penstock.language.parser import parse_statement
from penstock.run.engine import Engine
from penstock.topics.memory import MemoryLog
from schema_registry.service import Service
from schema_registry.settings import RegistrySettings

CASES = json.loads(
    (Path(__file__).parent / "cases" / "formats" / "schemas.json").read_text(), parse_float=decimal.Decimal
)
SQL = (
    "B BOOLEAN, I INT, L BIGINT, D DOUBLE, S STRING, Y BYTES, P DECIMAL(12, 3), T TIME, E DATE, M TIMESTAMP, "
    "A ARRAY<STRING>, C MAP<STRING, BIGINT>, R STRUCT<X INT, Z ARRAY<STRUCT<Q DOUBLE>>>"
)


def columns_of(sql: str) -> tuple[types.Column, ...]:
    node: Any = parse_statement(f"CREATE STREAM S ({sql}) WITH (kafka_topic='t');")
    return tuple(types.Column(element.name, element.type) for element in node.elements)


COLUMNS = columns_of(SQL)
RECORD: dict[str, types.Struct] = {column.name: column.type for column in COLUMNS}  # type: ignore[misc]
INNER = RECORD["R"].fields[1][1].item  # type: ignore[attr-defined]
FULL = types.row_class(COLUMNS)(
    True,
    -7,
    2**62,
    1.5,
    "né",
    b"\x00\xff",
    decimal.Decimal("-12345.678"),
    86_399_999,
    -20,
    -1,
    ["a", "b"],
    {"k": 3},
    types.struct_value(RECORD["R"], [4, [types.struct_value(INNER, [0.25])]]),
)
EMPTY = types.row_class(COLUMNS)()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    port = free_port()
    service = Service(MemoryLog(), None, port, settings=RegistrySettings())
    service.start()
    yield f"http://127.0.0.1:{port}"
    service.stop()


@pytest.fixture(scope="module")
def registry(url: str) -> Registry:
    return HttpRegistry(url)


@pytest.mark.parametrize("name", ["AVRO", "JSON_SR", "PROTOBUF"])
def test_values_come_back(name: str, registry: Registry) -> None:
    codec = formats.value_codec(Format(name), COLUMNS, subject=Subject(registry, f"back-{name}-value"))
    payloads, failures = codec.encode([FULL, None, EMPTY])
    assert not failures
    decoded = codec.decode(payloads)
    assert not decoded.failures
    assert types.struct_values(decoded.values[0])[:12] == types.struct_values(FULL)[:12]
    assert decoded.values[0].c12.c1[0].c0 == 0.25
    assert decoded.values[1] is None
    defaults = {"PROTOBUF": [False, 0, 0, 0.0, "", b"", None, None, None, None, [], {}, None]}
    assert types.struct_values(decoded.values[2]) == defaults.get(name, [None] * 13)


@pytest.mark.parametrize("nullable", ["OPTIONAL", "WRAPPER"])
def test_protobuf_keeps_null_when_asked_to(nullable: str) -> None:
    format = Format("PROTOBUF_NOSR", (("nullable_representation", nullable),))
    codec = formats.value_codec(format, columns_of("I INT, S STRING, A ARRAY<INT>"))
    row = types.row_class(columns_of("I INT, S STRING, A ARRAY<INT>"))
    payloads, _ = codec.encode([row(), row(0, "", [1])])
    assert payloads[0] == b""
    assert [types.struct_values(value) for value in codec.decode(payloads).values] == [
        [None, None, []],
        [0, "", [1]],
    ]


# --- confluent-kafka's serialisers -------------------------------------------------------------------

clients = pytest.importorskip("confluent_kafka.schema_registry", reason="confluent-kafka is not installed")


USE_LATEST = {"auto.register.schemas": False, "use.latest.version": True}


def context(topic: str) -> Any:
    from confluent_kafka.serialization import MessageField, SerializationContext

    return SerializationContext(topic, MessageField.VALUE)


def test_avro_as_confluent_kafka_has_it(url: str, registry: Registry) -> None:
    from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer

    client = clients.SchemaRegistryClient({"url": url})
    columns = columns_of("ID BIGINT, NAME STRING, PRICE DECIMAL(6, 2), TS TIMESTAMP")
    subject = Subject(registry, "avro-theirs-value")
    codec = formats.value_codec(Format("AVRO"), columns, subject=subject)
    row = types.row_class(columns)(7, "lamp", decimal.Decimal("12.50"), 1_000)
    payload = codec.encode([row])[0][0]
    read = AvroDeserializer(client)(payload, context("avro-theirs"))
    assert read["ID"] == 7
    assert read["PRICE"] == decimal.Decimal("12.50")
    assert read["TS"].timestamp() == 1.0
    latest = registry.latest("avro-theirs-value")
    assert latest is not None
    write = AvroSerializer(
        client, latest.text, conf={"auto.register.schemas": False, "use.latest.version": True}
    )
    assert write(read, context("avro-theirs")) == payload


def test_avro_of_another_writer(url: str, registry: Registry) -> None:
    from confluent_kafka.schema_registry.avro import AvroSerializer

    schema = {
        "type": "record",
        "name": "Order",
        "fields": [
            {"name": "id", "type": "int"},
            {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW", "OLD"]}},
            {"name": "tags", "type": {"type": "map", "values": "string"}},
            {"name": "spare", "type": "double"},
        ],
    }
    client = clients.SchemaRegistryClient({"url": url})
    payload = AvroSerializer(client, json.dumps(schema))(
        {"id": 3, "state": "OLD", "tags": {"a": "b"}, "spare": 0.5}, context("orders")
    )
    columns = columns_of("ID BIGINT, STATE STRING, TAGS MAP<STRING, STRING>, ABSENT INT")
    codec = formats.value_codec(Format("AVRO"), columns, subject=Subject(registry, "orders-value"))
    decoded = codec.decode([payload])
    assert types.struct_values(decoded.values[0]) == [3, "OLD", {"a": "b"}, None]


def test_json_schema_as_confluent_kafka_has_it(url: str, registry: Registry) -> None:
    from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer

    client = clients.SchemaRegistryClient({"url": url})
    columns = columns_of("ID BIGINT, NAME STRING, L ARRAY<INT>")
    codec = formats.value_codec(Format("JSON_SR"), columns, subject=Subject(registry, "js-value"))
    payload = codec.encode([types.row_class(columns)(7, None, [1, None])])[0][0]
    latest = registry.latest("js-value")
    assert latest is not None
    read = JSONDeserializer(latest.text, schema_registry_client=client)(payload, context("js"))
    assert read == {"ID": 7, "NAME": None, "L": [1, None]}
    write = JSONSerializer(
        latest.text, client, conf={"auto.register.schemas": False, "use.latest.version": True}
    )
    theirs = write(read, context("js"))
    assert types.struct_values(codec.decode([theirs]).values[0]) == [7, None, [1, None]]


def test_protobuf_as_confluent_kafka_has_it(url: str, registry: Registry) -> None:
    from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
    from google.protobuf import message_factory

    client = clients.SchemaRegistryClient({"url": url})
    columns = columns_of("ID BIGINT, NAME STRING, L ARRAY<INT>")
    codec = formats.value_codec(Format("PROTOBUF"), columns, subject=Subject(registry, "pb-value"))
    payload = codec.encode([types.row_class(columns)(7, "n", [1, 2])])[0][0]
    latest = registry.latest("pb-value")
    assert latest is not None
    message = message_factory.GetMessageClass(load(latest.text, {}).messages[0])
    theirs = ProtobufDeserializer(message, {"use.deprecated.format": False}, client)
    read = theirs(payload, context("pb"))
    assert (read.ID, read.NAME, list(read.L)) == (7, "n", [1, 2])
    conf = {"auto.register.schemas": False, "use.latest.version": True, "use.deprecated.format": False}
    assert ProtobufSerializer(message, client, conf)(read, context("pb")) == payload


# --- schemas as SQL ----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES["read"], ids=lambda case: case["name"])
def test_schemas_as_sql(case: dict[str, Any]) -> None:
    registry = MemoryRegistry()
    name = case["format"]
    schema = case["schema"] if isinstance(case["schema"], str) else json.dumps(case["schema"])
    schema_id = registry.register("t-value", dialect_of(name).kind, schema)
    dialect = dialect_of(name)
    kind = dialect.infer(dialect.parse(registry.by_id(schema_id), {}), {})
    assert str(kind) == case["type"]


@pytest.mark.parametrize("case", CASES["write"], ids=lambda case: case["name"])
def test_schemas_of_sql(case: dict[str, Any]) -> None:
    registry = MemoryRegistry()
    columns = columns_of(case["columns"])
    properties = tuple(case.get("properties", {}).items())
    codec = formats.value_codec(Format(case["format"], properties), columns, subject=Subject(registry, "t"))
    codec.encode([])
    found = registry.latest("t")
    assert found is not None
    assert (found.text if isinstance(case["schema"], str) else json.loads(found.text)) == case["schema"]


# --- what goes wrong ---------------------------------------------------------------------------------


def test_what_cannot_be_read_fails_alone() -> None:
    registry = MemoryRegistry()
    text_id = registry.register(
        "t", AVRO, '{"type":"record","name":"R","fields":[{"name":"ID","type":"string"}]}'
    )
    codec = formats.value_codec(Format("AVRO"), columns_of("ID INT"), subject=Subject(registry, "t"))
    good = codec.encode([types.row_class(columns_of("ID INT"))(1)])[0][0]
    header = b"\x00" + text_id.to_bytes(4, "big")
    decoded = codec.decode([good, b"{}", b"\x00\x00\x00\x00\x63x", header + b"\x02a", good])
    assert [value is None for value in decoded.values] == [False, True, True, True, False]
    assert decoded.failures == {
        1: "Unknown magic byte!",
        2: "Error retrieving schema for id 99: Schema 99 not found",
        3: "Cannot deserialize type STRING as type INT32 for path: $.ID",
    }


def test_a_registry_that_does_not_answer_is_no_bad_record() -> None:
    class Silent(MemoryRegistry):
        def by_id(self, schema_id: int) -> Any:
            raise RegistryError("nobody answers")

    codec = FramedValues(dialect_of("AVRO"), types.INTEGER, {}, Subject(Silent(), "t"))
    with pytest.raises(RegistryError, match="nobody answers"):
        codec.decode([b"\x00\x00\x00\x00\x01\x02"])


def test_without_a_registry() -> None:
    with pytest.raises(NoSchemaRegistry):
        formats.value_codec(Format("AVRO"), COLUMNS)


def test_what_a_registry_server_does_not_have(registry: Registry) -> None:
    assert registry.latest("nowhere-value") is None
    with pytest.raises(SchemaNotFound):
        registry.by_id(4_711)
    with pytest.raises(RegistryError, match="does not answer"):
        HttpRegistry(f"http://127.0.0.1:{free_port()}").by_id(1)


def test_a_message_by_its_indexes() -> None:
    parsed = load(
        'syntax = "proto3"; message A {int32 a = 1;} message B {message C {string c = 1;} C c = 1;}', {}
    )
    indexes, message = parsed.named("B.C")
    assert indexes == [1, 0]
    assert str(message_type(message, {})) == "STRUCT<`c` STRING>"
    dialect = dialect_of("PROTOBUF")
    kind = types.Struct((("C", types.STRING),))
    write = dialect.writer(parsed, kind, {"schema_full_name": "B.C"})
    payload = write(types.struct_value(kind, ["x"]))
    assert payload == b"\x04\x02\x00\n\x01x"
    assert dialect.reader(parsed, kind)(payload).c0 == "x"


# --- a server with a registry ------------------------------------------------------------------------


def executor(log: MemoryLog, registry: Registry) -> Executor:
    properties = {"ksql.schema.registry.url": "a registry"}
    engine = Engine(log, registry=registry)
    made = Executor(log, engine, Config(properties=properties, registry=registry))
    made.restore()
    return made


def test_columns_come_from_the_registry_and_stay_without_it() -> None:
    log, registry = MemoryLog(), MemoryRegistry()
    log.create_topic("orders", 1)
    order = {"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}]}
    registry.register("orders-value", AVRO, json.dumps(order))
    first = executor(log, registry)
    first.run("CREATE STREAM BY_NAME WITH (kafka_topic='orders', value_format='AVRO');")
    first.run("CREATE STREAM BY_ID WITH (kafka_topic='orders', value_format='AVRO', value_schema_id=1);")
    first.run("CREATE STREAM COPY AS SELECT * FROM BY_NAME;")
    assert str(first.world.catalog.sources["BY_NAME"].schema) == "`ID` BIGINT"
    assert str(first.world.catalog.sources["BY_ID"].schema) == "`id` BIGINT"
    assert registry.latest("COPY-value") is not None
    again = executor(log, MemoryRegistry())
    assert again.world.catalog.sources.keys() == first.world.catalog.sources.keys()
    assert str(again.world.catalog.sources["BY_ID"].schema) == "`id` BIGINT"


REFUSED = [
    ("value_format='AVRO'", "", "Schema for message values on topic 'orders' does not exist"),
    ("value_format='KAFKA', value_schema_id=1", "", "Current format is KAFKA."),
    ("value_format='AVRO', value_schema_id=1", "(V INT)", "Table elements and VALUE_SCHEMA_ID cannot both"),
    ("value_format='JSON_SR', value_schema_id=1", "", "Format: [JSON_SR], Fetched schema type: [AVRO]."),
    ("value_format='AVRO', value_schema_id=77", "", "does not exist in the Schema Registry"),
]


@pytest.mark.parametrize(("properties", "columns", "message"), REFUSED)
def test_refused_schemas(properties: str, columns: str, message: str) -> None:
    log, registry = MemoryLog(), MemoryRegistry()
    log.create_topic("orders", 1)
    registry.register("other", AVRO, '"int"')
    with pytest.raises(PenstockError) as refused:
        executor(log, registry).run(f"CREATE STREAM S {columns} WITH (kafka_topic='orders', {properties});")
    assert message in str(refused.value)


def test_a_schema_the_registry_refuses_refuses_the_statement() -> None:
    class Full(MemoryRegistry):
        def register(self, subject: str, *content: Any) -> int:
            raise RegistryError("Schema being registered is incompatible with an earlier schema")

    log = MemoryLog()
    made = executor(log, Full())
    with pytest.raises(PenstockError, match=r"Could not register schema for topic: t\n.*incompatible"):
        made.run("CREATE STREAM S (V INT) WITH (kafka_topic='t', partitions=1, value_format='AVRO');")
    assert "S" not in made.world.catalog.sources


def test_assert_schema() -> None:
    log, registry = MemoryLog(), MemoryRegistry()
    registry.register("other", AVRO, '"int"')
    made = executor(log, registry)
    made.run("ASSERT SCHEMA SUBJECT 'other' ID 1; ASSERT NOT EXISTS SCHEMA ID 2;")
    with pytest.raises(PenstockError, match="Schema with subject name none does not exist"):
        made.run("ASSERT SCHEMA SUBJECT 'none' TIMEOUT 0 SECONDS;")
    with pytest.raises(PenstockError, match="Schema with id 1 exists"):
        made.run("ASSERT NOT EXISTS SCHEMA ID 1 TIMEOUT 0 SECONDS;")
