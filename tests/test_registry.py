"""The registry where no vector looks: bad input, kills, two instances, roles, TLS, foreign records."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from registry_process import RegistryProcess, free_port

from penstock.topics.base import Log, Outgoing
from penstock.topics.memory import MemoryLog
from penstock.topics.sqlite import SqliteLog
from schema_registry import records
from schema_registry.content import content
from schema_registry.service import Service
from schema_registry.settings import RegistrySettings
from schema_registry.store import TOPIC, Store


def record(*fields: str, name: str = "r") -> str:
    listed = [{"name": field, "type": "string", "default": ""} for field in fields]
    return json.dumps({"type": "record", "name": name, "fields": listed})


class Running:
    """A registry in this process, with its log at hand."""

    def __init__(self, log: Log | None = None, settings: RegistrySettings | None = None) -> None:
        self.log = log or MemoryLog()
        self.service = Service(self.log, None, free_port(), settings=settings or RegistrySettings())
        self.service.start()
        self.client = httpx.Client(base_url=self.service.store.leader_url, timeout=30)

    def stop(self) -> None:
        self.client.close()
        self.service.stop()


@pytest.fixture
def running() -> Iterator[Running]:
    made = Running()
    yield made
    made.stop()


def put(client: httpx.Client, subject: str, schema: str, **more: Any) -> httpx.Response:
    return client.post(f"/subjects/{subject}/versions", json={"schema": schema, **more})


# --- bad input --------------------------------------------------------------------------------------------


def nested_avro(levels: int) -> str:
    text = '"string"'
    for level in range(levels):
        text = f'{{"type":"record","name":"r{level}","fields":[{{"name":"f","type":{text}}}]}}'
    return text


def nested_json(levels: int) -> str:
    return '{"properties":{"f":' * levels + '{"type":"string"}' + "}}" * levels


BAD: dict[str, tuple[dict[str, Any] | str, int, int, str]] = {
    "no JSON": ("{", 400, 400, "not JSON"),
    "a list": ("[]", 422, 422, "JSON object"),
    "no schema": ({}, 422, 42201, "Empty schema"),
    "a number for a schema": ({"schema": 5}, 422, 422, "schema"),
    "no Avro": ({"schema": "{}"}, 422, 42201, 'has no "type"'),
    "unknown type": ({"schema": "x", "schemaType": "THRIFT"}, 422, 42201, "Invalid schema type THRIFT"),
    "dangling reference": (
        {"schema": record("a"), "references": [{"name": "x", "subject": "nobody", "version": 1}]},
        422,
        42201,
        "no schema reference found for subject 'nobody'",
    ),
    "a schema of 1.1 MB": ({"schema": record("a", "x" * 1_100_000)}, 422, 42209, "Split it by references"),
    "nested beyond all": ({"schema": nested_avro(5000)}, 422, 42201, "nested"),
    "nested beyond all, JSON": ({"schema": nested_json(5000), "schemaType": "JSON"}, 422, 42201, "nested"),
    "a message without end": ({"schema": "message A {", "schemaType": "PROTOBUF"}, 422, 42201, ""),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_a_sentence(running: Running, name: str) -> None:
    body, status, code, said = BAD[name]
    content = body if isinstance(body, str) else json.dumps(body)
    headers = {"Content-Type": "application/json"}
    answer = running.client.post("/subjects/s/versions", content=content, headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code), answer.text[:300]
    assert said in answer.json()["message"], answer.json()["message"][:300]
    assert running.client.get("/subjects").json() == []


DEEP = {
    "AVRO": nested_avro(300),
    "JSON": nested_json(450),
    "PROTOBUF": 'syntax = "proto3";' + "".join(f"message M{n} {{" for n in range(500)) + "}" * 500,
}


@pytest.mark.parametrize("kind", DEEP)
def test_deep_nesting_ends_quickly(running: Running, kind: str) -> None:
    """Taken or refused with a sentence, in either case without an error of the server."""
    started = time.monotonic()
    answer = put(running.client, "deep", DEEP[kind], schemaType=kind)
    assert answer.status_code in (200, 422), answer.text[:300]
    if answer.status_code == 200:
        again = running.client.post(
            "/compatibility/subjects/deep/versions", json={"schema": DEEP[kind], "schemaType": kind}
        )
        assert again.json() == {"is_compatible": True}, again.text[:300]
    assert time.monotonic() - started < 10


def test_patterns_that_explode_are_not_run(running: Running) -> None:
    slow = {"type": "object", "patternProperties": {"^(a+)+$": {"type": "string"}}}
    wide = {**slow, "properties": {"a" * 40 + "!": {"type": "string"}}}
    started = time.monotonic()
    put(running.client, "s", json.dumps(wide), schemaType="JSON")
    answer = running.client.post(
        "/compatibility/subjects/s/versions", json={"schema": json.dumps(slow), "schemaType": "JSON"}
    )
    assert answer.status_code in (200, 422) and time.monotonic() - started < 5, answer.text[:300]


def test_a_circle_of_references_is_named(running: Running) -> None:
    """Only an import can make one: it registers a version before the one it references."""
    client = running.client
    assert client.put("/mode", json={"mode": "IMPORT"}).status_code == 200
    text = record("f", name="A")
    assert put(client, "a", text, id=1, version=1).status_code == 200
    to_a = [{"name": "A", "subject": "a", "version": 1}]
    assert put(client, "b", record("f", name="B"), id=2, version=1, references=to_a).status_code == 200
    to_b = [{"name": "B", "subject": "b", "version": 1}]
    assert put(client, "a", record("f", name="A2"), id=3, version=1, references=to_b).status_code == 200
    answer = put(client, "c", record("f", name="C"), id=4, version=1, references=to_b)
    assert answer.json()["error_code"] == 42201 and "leads back to itself" in answer.json()["message"]


# --- many at once, kills, restarts ------------------------------------------------------------------------


def test_the_same_schema_at_once_has_one_id(running: Running) -> None:
    def one(number: int) -> tuple[int, int]:
        found = put(running.client, "s", record("a")).json()
        return found["id"], found["version"]

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(40))) == {(1, 1)}
    assert running.client.get("/subjects/s/versions").json() == [1]


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    """Registrations run into a kill -9; every id that was answered is there afterwards, with its schema."""
    registry = RegistryProcess(tmp_path)
    answered: dict[int, str] = {}

    def send() -> None:
        with registry.client() as client:
            for number in range(10_000):
                schema = json.loads(record(f"f{number}"))
                try:
                    answer = put(client, f"s{number}", json.dumps(schema))
                except httpx.HTTPError:
                    return
                answered[answer.json()["id"]] = answer.json()["schema"]

    sender = threading.Thread(target=send)
    sender.start()
    while len(answered) < 30:
        time.sleep(0.01)
    registry.kill()
    sender.join()
    again = RegistryProcess(tmp_path)
    with again.client() as client:
        for id, schema in answered.items():
            assert client.get(f"/schemas/ids/{id}").json()["schema"] == schema
        assert put(client, "next", record("next")).json()["id"] > max(answered)
    again.kill()


def test_everything_is_there_after_a_restart() -> None:
    log = MemoryLog()
    first = Running(log)
    client = first.client
    put(client, "s", record("a"), metadata={"properties": {"owner": "x"}})
    put(client, "s", record("a", "b"))
    put(client, ":.ctx:t", record("a"))
    put(client, "gone", record("c"))
    client.put("/config/s", json={"compatibility": "FULL", "alias": "t"})
    client.put("/mode/other", json={"mode": "READONLY"})
    client.delete("/subjects/s/versions/1")
    client.delete("/subjects/gone")
    client.delete("/subjects/gone?permanent=true")
    before = everything(client)
    first.stop()
    second = Running(log)
    assert everything(second.client) == before
    second.stop()


def everything(client: httpx.Client) -> list[Any]:
    paths = (
        "/schemas?subjectPrefix=:*:&deleted=true",
        "/subjects?deleted=true",
        "/contexts",
        "/config/s",
        "/mode/other",
        "/schemas/ids/1?fetchMaxId=true",
    )
    return [client.get(path).json() for path in paths]


# --- Confluent's records ----------------------------------------------------------------------------------

CONFLUENT: list[tuple[str, str | None]] = [
    ('{"keytype":"NOOP","magic":0}', None),
    (
        '{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}',
        '{"subject":"s","version":1,"id":7,"schema":"\\"int\\"","deleted":false}',
    ),
    (
        '{"keytype":"SCHEMA","subject":"s","version":2,"magic":1}',
        '{"subject":"s","version":2,"id":8,"md5":"x","schema":"\\"long\\"","deleted":false,"offset":3,"ts":4}',
    ),
    (
        '{"keytype":"SCHEMA","subject":"p","version":1,"magic":1}',
        '{"subject":"p","version":1,"id":9,"schemaType":"JSON","references":[],"schema":"{}","deleted":false}',
    ),
    ('{"keytype":"CONFIG","subject":null,"magic":0}', '{"compatibilityLevel":"FULL"}'),
    ('{"keytype":"CONFIG","subject":"s","magic":0}', '{"subject":"s","compatibilityLevel":"NONE"}'),
    ('{"keytype":"MODE","subject":null,"magic":0}', '{"subject":null,"mode":"READWRITE"}'),
    ('{"keytype":"DELETE_SUBJECT","subject":"s","magic":0}', '{"subject":"s","version":1}'),
    (
        '{"keytype":"CONTEXT","tenant":"default","context":".c","magic":0}',
        '{"tenant":"default","context":".c"}',
    ),
    ('{"keytype":"SOMETHING_NEW","magic":9}', '{"x":1}'),
    ('{"keytype":"SCHEMA","subject":"p","version":1,"magic":1}', None),
]


def test_a_topic_of_confluents_server_is_read() -> None:
    log = MemoryLog()
    log.create_topic(TOPIC, 1, {"cleanup.policy": "compact"})
    keys = [key.encode() for key, _ in CONFLUENT]
    values = [None if value is None else value.encode() for _, value in CONFLUENT]
    log.append(Outgoing(TOPIC, keys, values, [1000] * len(keys)))
    running = Running(log)
    client = running.client
    assert client.get("/subjects").json() == ["s"]
    assert client.get("/subjects/s/versions").json() == [2]
    assert client.get("/subjects/s/versions?deleted=true").json() == [1, 2]
    assert client.get("/schemas/ids/7").json()["schema"] == '"int"'
    assert client.get("/config").json() == {"compatibilityLevel": "FULL"}
    assert client.get("/config/s").json() == {"compatibilityLevel": "NONE"}
    assert client.get("/contexts").json() == [".", ".c"]
    assert put(client, "t", '"double"').json()["id"] == 10
    running.stop()


def test_our_records_are_confluents() -> None:
    running = Running()
    put(running.client, "s", record("a"))
    running.client.put("/config", json={"compatibility": "FULL"})
    running.client.delete("/subjects/s")
    found = [
        (json.loads(key or b""), json.loads(value or b""))
        for chunk in running.log.reader({TOPIC: "earliest"}).poll(100)
        for key, value in zip(chunk.keys, chunk.values, strict=True)
    ]
    assert [key for key, _ in found] == [
        {"keytype": "SCHEMA", "subject": "s", "version": 1, "magic": 1},
        {"keytype": "CONFIG", "subject": None, "magic": 0},
        {"keytype": "DELETE_SUBJECT", "subject": "s", "magic": 0},
    ]
    assert found[0][1].items() >= {"subject": "s", "version": 1, "id": 1, "deleted": False}.items()
    assert found[1][1]["compatibilityLevel"] == "FULL"
    assert found[2][1] == {"subject": "s", "version": 1}
    running.stop()


# --- two instances ----------------------------------------------------------------------------------------


def test_a_second_instance_reads_and_passes_writes_on(tmp_path: Path) -> None:
    first = RegistryProcess(tmp_path).wait()
    second = RegistryProcess(tmp_path).wait()
    with first.client() as leader, second.client() as follower:
        assert put(follower, "s", record("a")).json()["id"] == 1
        assert leader.get("/subjects/s/versions").json() == [1]
        assert follower.get("/schemas/ids/1").status_code == 200
        first.kill()
        deadline = time.monotonic() + 10
        while (answer := put(follower, "t", record("b"))).status_code != 200 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert answer.json()["id"] == 2, answer.text
    second.kill()


def test_a_fenced_writer_says_so() -> None:
    log = MemoryLog()
    running = Running(log)
    Store(log)
    answer = put(running.client, "s", record("a"))
    assert answer.json()["error_code"] == 50004 and "only reads" in answer.json()["message"]
    assert running.client.get("/subjects").json() == []
    running.stop()


# --- roles and TLS ----------------------------------------------------------------------------------------


def test_roles(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("# who\nana: secret, write\nben: other, read\n")
    running = Running(settings=RegistrySettings(users=users))
    client = running.client
    assert client.get("/subjects").status_code == 401
    assert client.get("/subjects", auth=("ben", "wrong")).json()["error_code"] == 401
    assert client.get("/subjects", auth=("ben", "other")).json() == []
    body = {"schema": record("a")}
    denied = client.post("/subjects/s/versions", json=body, auth=("ben", "other"))
    assert denied.json()["error_code"] == 403
    assert client.post("/subjects/s/versions", json=body, auth=("ana", "secret")).json()["id"] == 1
    assert client.post("/subjects/s", json=body, auth=("ben", "other")).json()["id"] == 1
    running.stop()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
def test_tls(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    service = Service(
        MemoryLog(), None, free_port(), settings=RegistrySettings(tls_certificate=certificate, tls_key=key)
    )
    service.start()
    with httpx.Client(
        base_url=service.store.leader_url, verify=ssl.create_default_context(cafile=certificate)
    ) as client:
        assert client.get("/subjects").json() == []
    service.stop()


# --- start-up ---------------------------------------------------------------------------------------------


def test_ten_thousand_schemas_are_read_in_three_seconds(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db")
    store = Store(log, tmp_path)
    out = []
    for number in range(10_000):
        what = content(record(f"f{number}", "a", "b", "c"), "AVRO")
        value = records.schema_value(f"s{number}", 1, number + 1, what, False)
        out.append((records.schema_key(f"s{number}", 1), value))
    for at in range(0, len(out), 500):
        store.write(*out[at : at + 500])
    store.close()
    started = time.monotonic()
    again = Store(log, tmp_path)
    assert time.monotonic() - started < 3
    assert len(again.index.names()) == 10_000
    again.close()
    log.close()
