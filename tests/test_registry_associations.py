"""Topics and their subjects: confluent-kafka's client and plain HTTP against a running registry."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from registry_process import RegistryProcess, free_port

pytest.importorskip("confluent_kafka.schema_registry")
pytest.importorskip("fastavro")

from confluent_kafka.schema_registry import (
    AssociationCreateOrUpdateInfo,
    AssociationCreateOrUpdateRequest,
    Schema,
    SchemaRegistryClient,
)
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from penstock.topics.memory import MemoryLog
from schema_registry.service import Service
from schema_registry.settings import RegistrySettings

CLICK = {"type": "record", "name": "Click", "fields": [{"name": "page", "type": "string"}]}
WIDER = {**CLICK, "fields": [*CLICK["fields"], {"name": "ms", "type": "long", "default": 0}]}
BROKEN = {**CLICK, "fields": [{"name": "page", "type": "int"}]}


class CountingLog(MemoryLog):
    cleaned = 0

    def clean(self, now_ms: int) -> None:
        self.cleaned += 1
        super().clean(now_ms)


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service(CountingLog(), None, free_port(), settings=RegistrySettings(), clean_seconds=0.05)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def client(service: Service) -> SchemaRegistryClient:
    return SchemaRegistryClient({"url": service.store.leader_url})


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.store.leader_url, timeout=30) as made:
        yield made


def request(*infos: AssociationCreateOrUpdateInfo, topic: str = "orders") -> AssociationCreateOrUpdateRequest:
    return AssociationCreateOrUpdateRequest(
        resource_name=topic,
        resource_namespace="lkc-1",
        resource_id=f"lkc-1:{topic}",
        resource_type="topic",
        associations=list(infos),
    )


def value(subject: str | None = "shop.Order", **more: Any) -> AssociationCreateOrUpdateInfo:
    return AssociationCreateOrUpdateInfo(subject=subject, association_type="value", **more)


def key(subject: str | None = "shop.Order", **more: Any) -> AssociationCreateOrUpdateInfo:
    return AssociationCreateOrUpdateInfo(subject=subject, association_type="key", **more)


def avro(schema: Any = CLICK) -> Schema:
    return Schema(json.dumps(schema), "AVRO")


def found(client: SchemaRegistryClient, topic: str = "orders", **more: Any) -> list[tuple[str, str, bool]]:
    every = client.get_associations_by_resource_name(topic, "lkc-1", **more)
    return [(one.association_type or "", one.subject or "", one.frozen) for one in every]


def test_client_calls(client: SchemaRegistryClient) -> None:
    client.register_schema("shop.Order", avro())
    made = client.create_association(request(value(), key("shop.Key", schema=avro())))
    assert made.resource_id == "lkc-1:orders" and made.associations is not None
    assert [(one.association_type, one.lifecycle) for one in made.associations] == [
        ("value", "WEAK"),
        ("key", "WEAK"),
    ]
    assert client.get_latest_version("shop.Key").version == 1
    assert found(client) == [("key", "shop.Key", False), ("value", "shop.Order", False)]
    assert found(client, association_types=["value"]) == [("value", "shop.Order", False)]
    assert found(client, association_types=["value", "key"], limit=1, offset=1) == found(client)[1:]
    assert found(client, "unknown") == []
    assert len(client.get_associations_by_resource_name("orders", "-", "topic")) == 2
    one = client.get_associations_by_resource_name("orders", "lkc-1", association_types=["key"])[0]
    assert one.guid and one.resource_name == "orders" and one.resource_namespace == "lkc-1"
    client.delete_associations("lkc-1:orders", association_types=["key"])
    assert found(client) == [("value", "shop.Order", False)]
    client.delete_associations("lkc-1:orders", "topic")
    assert found(client) == [] and client.get_versions("shop.Key") == [1]
    with pytest.raises(SchemaRegistryError) as refused:
        client.delete_associations("lkc-1:orders")
    assert (refused.value.http_status_code, refused.value.error_code) == (404, 40410)


def test_a_serializer_writes_with_the_associated_subject(client: SchemaRegistryClient) -> None:
    client.create_association(request(value(schema=avro())))
    serialize = AvroSerializer(client, json.dumps(WIDER), conf={"subject.name.strategy.type": "ASSOCIATED"})
    serialize({"page": "a", "ms": 1}, SerializationContext("orders", MessageField.VALUE))
    assert client.get_versions("shop.Order") == [1, 2]
    assert client.get_subjects() == ["shop.Order"]
    serialize({"page": "a", "ms": 1}, SerializationContext("others", MessageField.VALUE))
    assert client.get_subjects() == ["others-value", "shop.Order"]


REFUSED: dict[str, tuple[list[Any], Any, int, str]] = {
    "no subject there": ([], request(value("nobody")), 40907, "version exists for subject 'nobody'"),
    "another of the same type": (
        [request(value(schema=avro()))],
        request(value("other", schema=avro())),
        40903,
        "An association of type 'value' already exists for resource 'orders'",
    ),
    "STRONG where one is": (
        [request(value(schema=avro()))],
        request(value(lifecycle="STRONG"), topic="more"),
        40904,
        "An association already exists for subject 'shop.Order'",
    ),
    "where a STRONG one is": (
        [request(value(schema=avro(), lifecycle="STRONG"))],
        request(value(), topic="more"),
        40905,
        "A strong association already exists for subject 'shop.Order'",
    ),
    "STRONG twice in one request": (
        [request(value(schema=avro()), topic="first")],
        request(value("both", schema=avro(), lifecycle="STRONG"), key("both", schema=avro())),
        40904,
        "",
    ),
    "an incompatible schema": (
        [request(value(schema=avro()))],
        request(key("fresh", schema=avro()), value(schema=avro(BROKEN)), topic="more"),
        40901,
        "incompatible with an earlier schema",
    ),
    "no schema": ([], request(value(schema=Schema("{}", "AVRO"))), 42201, "type"),
    "WEAK and frozen": ([], request(value(schema=avro(), lifecycle="WEAK", frozen=True)), 42212, "WEAK"),
    "an unknown lifecycle": ([], request(value(schema=avro(), lifecycle="ETERNAL")), 42212, "lifecycle"),
    "a type twice": ([], request(value(schema=avro()), value("b", schema=avro())), 42212, "named twice"),
    "an unknown type": (
        [],
        request(AssociationCreateOrUpdateInfo(subject="s", association_type="header", schema=avro())),
        42212,
        "associationType",
    ),
    "no association": ([], request(), 42212, "associations"),
    "no resource": (
        [],
        AssociationCreateOrUpdateRequest(associations=[value(schema=avro())]),
        42212,
        "resourceName",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_has_its_code_and_changes_nothing(client: SchemaRegistryClient, name: str) -> None:
    before, asked, code, said = REFUSED[name]
    for one in before:
        client.create_association(one)
    subjects, standing = client.get_subjects(), client.get_associations_by_resource_name("-", "-")
    with pytest.raises(SchemaRegistryError) as refused:
        client.create_association(asked)
    assert (refused.value.error_code, refused.value.http_status_code) == (code, code // 100)
    assert said in str(refused.value)
    assert client.get_subjects() == subjects
    assert client.get_associations_by_resource_name("-", "-") == standing


def test_the_same_request_again_is_done_already(client: SchemaRegistryClient) -> None:
    asked = request(value(schema=avro(), lifecycle="STRONG", frozen=True))
    client.create_association(asked)
    before = client.get_associations_by_resource_name("orders", "lkc-1")
    client.create_association(asked)
    assert client.get_associations_by_resource_name("orders", "lkc-1") == before
    assert client.get_versions("shop.Order") == [1]


def put(http: httpx.Client, asked: AssociationCreateOrUpdateRequest, path: str = "/associations") -> Any:
    return http.put(path, json=asked.to_dict())


def test_put_makes_and_changes(client: SchemaRegistryClient, http: httpx.Client) -> None:
    assert put(http, request(value(schema=avro()))).status_code == 200
    guid = http.get("/associations/resources/lkc-1:orders").json()[0]["guid"]
    answer = put(http, request(value(None, lifecycle="STRONG", schema=avro(WIDER))))
    assert answer.json()["associations"][0]["lifecycle"] == "STRONG"
    assert answer.json()["associations"][0]["schema"]["version"] == 2
    by_path = put(http, request(value(None)), "/associations/resources/lkc-1:orders")
    assert by_path.status_code == 200
    one = http.get("/associations/subjects/shop.Order").json()[0]
    assert (one["guid"], one["lifecycle"], one["frozen"]) == (guid, "STRONG", False)
    assert one["createTs"] <= one["updateTs"]
    for asked, code in (
        (request(value("other", schema=avro())), 42212),
        (request(value(frozen=True)), 42212),
        (request(value("other", schema=avro()), topic="new"), 200),
    ):
        assert put(http, asked).json().get("error_code", 200) == code
    assert put(http, request(value()), "/associations/resources/other").json()["error_code"] == 42212


def test_a_frozen_one_stays_until_a_cascading_delete(
    client: SchemaRegistryClient, http: httpx.Client
) -> None:
    """A schema without a subject: the topic has a subject of its own, in a context of its namespace."""
    client.create_association(request(value(None, schema=avro())))
    assert found(client) == [("value", ":.lkc-1:orders-value", True)]
    assert put(http, request(value(None, lifecycle="WEAK"))).json()["error_code"] == 40908
    assert put(http, request(value(None, frozen=False))).json()["error_code"] == 42212
    with pytest.raises(SchemaRegistryError) as refused:
        client.delete_associations("lkc-1:orders")
    assert refused.value.error_code == 40908
    with pytest.raises(SchemaRegistryError) as kept:
        client.delete_subject(":.lkc-1:orders-value")
    assert kept.value.error_code == 40904
    client.delete_associations("lkc-1:orders", cascade_lifecycle=True)
    assert found(client) == []
    assert http.get("/subjects?deleted=true&subjectPrefix=:*:").json() == []


def test_a_cascade_leaves_subjects_that_are_shared(client: SchemaRegistryClient) -> None:
    client.create_association(request(value(schema=avro())))
    client.delete_associations("lkc-1:orders", cascade_lifecycle=True)
    assert client.get_versions("shop.Order") == [1]


def test_a_dry_run_only_checks(client: SchemaRegistryClient, http: httpx.Client) -> None:
    asked = request(value(schema=avro())).to_dict()
    del asked["resourceId"]
    assert http.post("/associations", json=asked).json()["error_code"] == 42212
    answer = http.post("/associations?dryRun=true", json=asked)
    assert answer.status_code == 200 and "associations" not in answer.json()
    assert found(client) == [] and client.get_subjects() == []
    client.create_association(request(value(schema=avro())))
    assert http.delete("/associations/resources/lkc-1:orders?dryRun=true").status_code == 204
    assert len(found(client)) == 1


def test_schemas_are_narrowed_by_associations(client: SchemaRegistryClient, http: httpx.Client) -> None:
    client.register_schema("alone", avro())
    client.create_association(request(value("weak", schema=avro()), key("keys", schema=avro())))
    client.create_association(request(value("strong", schema=avro(), lifecycle="STRONG"), topic="own"))
    for query, subjects in {
        "": ["alone", "keys", "strong", "weak"],
        "resourceType=topic": ["keys", "strong", "weak"],
        "resourceType=table": [],
        "associationType=key": ["keys"],
        "associationType=key&associationType=value": ["keys", "strong", "weak"],
        "lifecycle=WEAK": ["keys", "weak"],
        "lifecycle=STRONG&associationType=value": ["strong"],
        "lifecycle=NONE": ["alone"],
        "lifecycle=NONE&lifecycle=STRONG": ["alone", "strong"],
        "lifecycle=WEAK&limit=1&offset=1": ["weak"],
    }.items():
        answer = http.get(f"/schemas?{query}").json()
        assert [one["subject"] for one in answer] == subjects, query
        with_topics = bool(query) and query != "lifecycle=NONE"
        assert all(("associations" in one) == (with_topics and one["subject"] != "alone") for one in answer)
    assert http.get("/schemas?lifecycle=X").json()["error_code"] == 42212


def test_associations_survive_a_kill(tmp_path: Path) -> None:
    registry = RegistryProcess(tmp_path).wait()
    client = SchemaRegistryClient({"url": registry.url})
    client.create_association(request(value(schema=avro(), lifecycle="STRONG"), key("k", schema=avro())))
    client.delete_associations("lkc-1:orders", association_types=["key"])
    before = client.get_associations_by_resource_name("orders", "lkc-1")
    registry.kill()
    again = RegistryProcess(tmp_path).wait()
    try:
        client = SchemaRegistryClient({"url": again.url})
        assert client.get_associations_by_resource_name("orders", "lkc-1") == before and len(before) == 1
        with pytest.raises(SchemaRegistryError) as refused:
            client.create_association(request(value(), topic="more"))
        assert refused.value.error_code == 40905
    finally:
        again.stop()


def test_the_service_compacts_its_log(service: Service) -> None:
    log, deadline = service.store._log, time.monotonic() + 10
    assert isinstance(log, CountingLog)
    while log.cleaned < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert log.cleaned >= 2
