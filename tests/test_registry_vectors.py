"""Other people's conversations and pairs of schemas, over HTTP against `penstock run registry`.

Each conversation starts on an empty registry, so each has a process of its own; the next one is started
while one is running. Pairs share one registry, each under a subject of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from registry_process import RegistryProcess
from registry_vectors import converse, need_vectors, vectors

SERVER_SETTINGS = {
    "rule_sets": "PENSTOCK_REGISTRY_RULE_SETS",
    "schema.providers.reference.versions.strict": (
        "PENSTOCK_REGISTRY_SCHEMA_PROVIDERS_REFERENCE_VERSIONS_STRICT"
    ),
}


def test_vectors_are_there() -> None:
    need_vectors()


class Spares:
    """Registries without settings, one started ahead."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self._next: RegistryProcess | None = None

    def _start(self, environment: Mapping[str, str] | None = None) -> RegistryProcess:
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        return RegistryProcess(folder, environment)

    def take(self, environment: Mapping[str, str]) -> RegistryProcess:
        if environment:
            return self._start(environment)
        taken = self._next or self._start()
        self._next = self._start()
        return taken

    def close(self) -> None:
        if self._next is not None:
            self._next.kill()


@pytest.fixture(scope="module")
def spares(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spares]:
    made = Spares(tmp_path_factory.mktemp("registries"))
    yield made
    made.close()


@pytest.mark.parametrize("case", vectors("rest"), ids=lambda case: case["id"])
def test_conversation(case: dict[str, Any], spares: Spares) -> None:
    server = case.get("server") or {}
    environment = {
        SERVER_SETTINGS[name]: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in server.items()
    }
    registry = spares.take(environment)
    try:
        with registry.client() as client:
            converse(client, case["steps"])
    finally:
        registry.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    registry = RegistryProcess(tmp_path_factory.mktemp("registry"))
    try:
        with registry.client() as client:
            yield client
    finally:
        registry.kill()


def call(client: httpx.Client, method: str, path: str, body: Any = None) -> Any:
    answer = client.request(method, path, json=body)
    assert answer.status_code == 200, f"{method} {path}: {answer.status_code} {answer.text[:800]}"
    return answer.json()


def judge(
    client: httpx.Client,
    subject: str,
    level: str,
    originals: list[dict[str, Any]],
    update: dict[str, Any],
    policy: str | None = None,
) -> tuple[bool, str]:
    """Register the originals unasked, then ask whether the update may follow."""
    name = quote(subject, safe="")
    call(client, "PUT", f"/config/{name}", {"compatibility": level, "compatibilityPolicy": policy})
    for one in originals:
        call(client, "POST", f"/subjects/{name}/versions?force=true", one)
    answer = call(client, "POST", f"/compatibility/subjects/{name}/versions?verbose=true", update)
    return answer["is_compatible"], "\n".join(answer["messages"])


@pytest.mark.parametrize("case", vectors("avro"), ids=lambda case: case["id"])
def test_avro_pair(case: dict[str, Any], shared: httpx.Client) -> None:
    originals = [{"schema": json.dumps(one)} for one in case["originals"]]
    update = {"schema": json.dumps(case["update"])}
    found, messages = judge(shared, case["id"], case["level"], originals, update)
    assert found == case["compatible"], messages


POLICIES = {"compatible": "STRICT", "compatible_lenient": "LENIENT"}


@pytest.mark.parametrize("case", vectors("json-schema"), ids=lambda case: case["id"])
def test_json_schema_pair(case: dict[str, Any], shared: httpx.Client) -> None:
    original = {"schema": json.dumps(case["original"]), "schemaType": "JSON"}
    update = {"schema": json.dumps(case["update"]), "schemaType": "JSON"}
    for member, policy in POLICIES.items():
        if member in case:
            subject = f"{case['id']}:{policy}"
            found, messages = judge(shared, subject, "BACKWARD", [original], update, policy)
            assert found == case[member], f"{policy}: {messages}"


def with_references(client: httpx.Client, case: dict[str, Any], side: str) -> dict[str, Any]:
    """A Protobuf schema whose dependencies are registered; what ships with protoc needs no reference."""
    texts = case.get(f"{side}_dependencies") or {}
    references = []
    for reference in case.get(f"{side}_references") or ():
        text = texts.get(reference["name"])
        if text is not None:
            subject = f"{case['id']}:{side}:{reference['subject']}"
            call(
                client,
                "POST",
                f"/subjects/{quote(subject, safe='')}/versions",
                {"schema": text, "schemaType": "PROTOBUF"},
            )
            references.append({"name": reference["name"], "subject": subject, "version": 1})
    return {"schema": case[side], "schemaType": "PROTOBUF", "references": references}


@pytest.mark.parametrize("case", vectors("protobuf"), ids=lambda case: case["id"])
def test_protobuf_pair(case: dict[str, Any], shared: httpx.Client) -> None:
    original, update = (with_references(shared, case, side) for side in ("original", "update"))
    found, messages = judge(shared, case["id"], "BACKWARD", [original], update)
    assert found == case["compatible"], messages
