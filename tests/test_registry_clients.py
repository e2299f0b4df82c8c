"""Real clients against the registry over HTTP: confluent-kafka's client and its three serializers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from registry_process import RegistryProcess

pytest.importorskip("confluent_kafka.schema_registry")
pytest.importorskip("fastavro")

from confluent_kafka.schema_registry import (
    RegisteredSchema,
    Schema,
    SchemaReference,
    SchemaRegistryClient,
    topic_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [{"name": "id", "type": "long"}, {"name": "customer", "type": "shop.Customer"}],
}
CUSTOMER = {
    "type": "record",
    "name": "Customer",
    "namespace": "shop",
    "fields": [{"name": "name", "type": "string"}],
}
CLICK = {"type": "record", "name": "Click", "fields": [{"name": "page", "type": "string"}]}
WIDER = {**CLICK, "fields": [*CLICK["fields"], {"name": "ms", "type": "long", "default": 0}]}  # type: ignore[misc]
EVENT = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Event",
    "type": "object",
    "properties": {"id": {"type": "integer"}},
    "required": ["id"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    registry = RegistryProcess(tmp_path_factory.mktemp("registry")).wait()
    yield registry.url
    registry.stop()


@pytest.fixture
def client(url: str) -> SchemaRegistryClient:
    return SchemaRegistryClient({"url": url})


def value_of(topic: str) -> SerializationContext:
    return SerializationContext(topic, MessageField.VALUE)


def test_client_calls(client: SchemaRegistryClient) -> None:
    first, second = Schema(json.dumps(CLICK), "AVRO"), Schema(json.dumps(WIDER), "AVRO")
    id = client.register_schema("calls-value", first)
    assert client.register_schema("calls-value", first) == id
    assert client.test_compatibility("calls-value", second)
    second_id = client.register_schema("calls-value", second)
    assert json.loads(client.get_schema(id).schema_str or "") == CLICK
    found = client.lookup_schema("calls-value", second)
    assert isinstance(found, RegisteredSchema) and (found.version, found.schema_id) == (2, second_id)
    assert client.get_latest_version("calls-value").version == 2
    assert client.get_versions("calls-value") == [1, 2]
    assert "calls-value" in client.get_subjects()
    client.set_compatibility("calls-value", "FULL")
    assert client.get_compatibility("calls-value") == "FULL"
    assert client.delete_version("calls-value", 1) == 1
    assert client.delete_subject("calls-value") == [2]
    with pytest.raises(SchemaRegistryError) as refused:
        client.get_versions("calls-value")
    assert (refused.value.http_status_code, refused.value.error_code) == (404, 40401)


def test_an_incompatible_schema_is_refused(client: SchemaRegistryClient) -> None:
    client.register_schema("refused-value", Schema(json.dumps(CLICK), "AVRO"))
    broken = {**CLICK, "fields": [{"name": "page", "type": "int"}]}
    with pytest.raises(SchemaRegistryError, match="TYPE_MISMATCH") as refused:
        client.register_schema("refused-value", Schema(json.dumps(broken), "AVRO"))
    assert refused.value.http_status_code == 409


def round_trip(serialize: Any, deserialize: Any, topic: str, value: Any) -> Any:
    payload = serialize(value, value_of(topic))
    assert payload[0] == 0
    return deserialize(payload, value_of(topic))


def test_avro_serializer(client: SchemaRegistryClient) -> None:
    serialize = AvroSerializer(client, json.dumps(CLICK))
    assert round_trip(serialize, AvroDeserializer(client), "avro", {"page": "a"}) == {"page": "a"}
    wider = AvroDeserializer(client, json.dumps(WIDER))
    assert wider(serialize({"page": "a"}, value_of("avro")), value_of("avro")) == {"page": "a", "ms": 0}


def test_avro_references(client: SchemaRegistryClient) -> None:
    client.register_schema("shop.Customer", Schema(json.dumps(CUSTOMER), "AVRO"))
    used = [SchemaReference("shop.Customer", "shop.Customer", 1)]
    serialize = AvroSerializer(client, Schema(json.dumps(ORDER), "AVRO", used))
    order = {"id": 1, "customer": {"name": "Ana"}}
    assert round_trip(serialize, AvroDeserializer(client), "orders", order) == order
    assert client.get_latest_version("orders-value").schema.references[0].subject == "shop.Customer"


def test_use_latest_version(client: SchemaRegistryClient) -> None:
    subject = topic_subject_name_strategy(value_of("latest"), None)
    client.register_schema(subject, Schema(json.dumps(CLICK), "AVRO"))
    second = client.register_schema(subject, Schema(json.dumps(WIDER), "AVRO"))
    settings = {"auto.register.schemas": False, "use.latest.version": True}
    serialize = AvroSerializer(client, json.dumps(CLICK), conf=settings)
    payload = serialize({"page": "a", "ms": 5}, value_of("latest"))
    assert int.from_bytes(payload[1:5], "big") == second


def test_json_serializer(client: SchemaRegistryClient) -> None:
    module = pytest.importorskip("confluent_kafka.schema_registry.json_schema")
    serialize = module.JSONSerializer(json.dumps(EVENT), client)
    deserialize = module.JSONDeserializer(json.dumps(EVENT), schema_registry_client=client)
    assert round_trip(serialize, deserialize, "json", {"id": 1}) == {"id": 1}
    assert client.get_latest_version("json-value").schema.schema_type == "JSON"


def test_protobuf_serializer(client: SchemaRegistryClient, url: str) -> None:
    """A well-known type, an imported file and a nested message; the client sends base64 descriptors."""
    module = pytest.importorskip("confluent_kafka.schema_registry.protobuf")
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    pool = descriptor_pool.Default()
    pool.Add(proto_file(descriptor_pb2, "penstock_customer.proto", "Customer", []))
    pool.Add(proto_file(descriptor_pb2, "penstock_order.proto", "Order", ["penstock_customer.proto"]))
    order_class = message_factory.GetMessageClass(pool.FindMessageTypeByName("penstock.test.Order"))
    serialize = module.ProtobufSerializer(order_class, client, {"use.deprecated.format": False})
    deserialize = module.ProtobufDeserializer(order_class, {"use.deprecated.format": False}, client)
    order = order_class(name="first")
    order.other.name = "Ana"
    assert round_trip(serialize, deserialize, "protobuf", order) == order
    another = SchemaRegistryClient({"url": url})
    apart = module.ProtobufDeserializer(order_class, {"use.deprecated.format": False}, another)
    assert round_trip(serialize, apart, "protobuf", order) == order
    latest = another.get_latest_version("protobuf-value").schema
    assert [one.name for one in latest.references] == ["penstock_customer.proto"]
    assert "message Order" in latest.schema_str


def proto_file(pb: Any, name: str, message: str, imports: list[str]) -> Any:
    file = pb.FileDescriptorProto(name=name, package="penstock.test", syntax="proto3", dependency=imports)
    made = file.message_type.add(name=message)
    field = pb.FieldDescriptorProto
    made.field.add(name="name", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    if imports:
        made.field.add(
            name="other",
            number=2,
            type=field.TYPE_MESSAGE,
            type_name=".penstock.test.Customer",
            label=field.LABEL_OPTIONAL,
        )
    return file
