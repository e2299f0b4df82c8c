"""A schema registry server, asked over HTTP as Confluent's clients ask it.

In:  URLs, a user. Out: a Registry; RegistryError when the server says no or nobody answers.

A schema that was read by its id is kept: it can't change. The latest of a subject is asked for each time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from penstock.errors import RegistryError, SchemaNotFound
from penstock.formats.registry import AVRO, Reference, RegisteredSchema, Registry

TIMEOUT_S = 10.0
KEPT_MAX = 1_000
MEDIA = {"Accept": "application/vnd.schemaregistry.v1+json"}


class HttpRegistry:
    """A registry server at a URL; several URLs, separated by commas, are tried in their order.

    `user`: name and password as "name:password" (basic.auth.user.info).
    """

    def __init__(self, urls: str, user: str | None = None) -> None:
        self._urls = [url.strip().rstrip("/") for url in urls.split(",") if url.strip()]
        name, _, password = (user or "").partition(":")
        self._client = httpx.Client(timeout=TIMEOUT_S, auth=(name, password) if user else None, headers=MEDIA)
        self._known: OrderedDict[int, RegisteredSchema] = OrderedDict()

    def by_id(self, schema_id: int) -> RegisteredSchema:
        found = self._known.get(schema_id)
        if found is None:
            answer = self._found("GET", f"/schemas/ids/{schema_id}")
            found = self._known[schema_id] = _schema(schema_id, answer)
            if len(self._known) > KEPT_MAX:
                self._known.popitem(last=False)
        return found

    def latest(self, subject: str) -> RegisteredSchema | None:
        try:
            return self._version(subject, "latest")
        except SchemaNotFound:
            return None

    def version(self, subject: str, version: int) -> RegisteredSchema:
        return self._version(subject, str(version))

    def _version(self, subject: str, version: str) -> RegisteredSchema:
        answer = self._found("GET", f"/subjects/{quote(subject, safe='')}/versions/{version}")
        return _schema(int(answer["id"]), answer)

    def register(self, subject: str, kind: str, text: str, references: Sequence[Reference] = ()) -> int:
        body: dict[str, Any] = {"schema": text}
        if kind != AVRO:
            body["schemaType"] = kind
        if references:
            body["references"] = [
                {"name": each.name, "subject": each.subject, "version": each.version} for each in references
            ]
        answer = self._found("POST", f"/subjects/{quote(subject, safe='')}/versions", body)
        return int(answer["id"])

    def _found(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        response = self._answer(method, path, body)
        if response.status_code == 404:
            raise SchemaNotFound(_reason(response))
        if response.is_error:
            raise RegistryError(f"{_reason(response)}; error code: {response.status_code}")
        answer: dict[str, Any] = response.json()
        return answer

    def _answer(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx.Response:
        problem: Exception | None = None
        for url in self._urls:
            try:
                return self._client.request(method, url + path, json=body)
            except httpx.HTTPError as error:
                problem = error
        raise RegistryError(
            f"The schema registry does not answer at {', '.join(self._urls)}: {problem}. Start it, or "
            "correct 'ksql.schema.registry.url'."
        ) from problem


def open_registry(properties: Mapping[str, str]) -> Registry | None:
    """The registry that a server's properties name, or None."""
    url = properties.get("ksql.schema.registry.url")
    if not url:
        return None
    return HttpRegistry(url, properties.get("ksql.schema.registry.basic.auth.user.info"))


def _schema(schema_id: int, answer: Mapping[str, Any]) -> RegisteredSchema:
    references = tuple(
        Reference(each["name"], each["subject"], int(each["version"]))
        for each in answer.get("references") or ()
    )
    return RegisteredSchema(schema_id, answer.get("schemaType") or AVRO, answer["schema"], references)


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return response.text[:500] or f"HTTP {response.status_code}"
