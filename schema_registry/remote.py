"""A registry over HTTP, ours or Confluent's, for the commands that compare, register and pull.

In:  a URL, and a name and password. Out: subjects, versions, levels; a refusal is the server's own message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from penstock.errors import ServerRefused, ServerUnreachable
from schema_registry.schemas import AVRO, Reference

MEDIA = "application/vnd.schemaregistry.v1+json"
NOT_FOUND = (40401, 40402, 40408)


@dataclass(frozen=True, slots=True)
class Registered:
    subject: str
    version: int
    id: int
    kind: str
    text: str
    references: tuple[Reference, ...]


class RemoteRegistry:
    def __init__(self, url: str, auth: tuple[str, str] | None = None, timeout_s: float = 30.0) -> None:
        self.url = url.rstrip("/")
        headers = {"Accept": MEDIA, "Content-Type": MEDIA}
        self._http = httpx.Client(base_url=self.url, auth=auth, timeout=timeout_s, headers=headers)

    def __enter__(self) -> RemoteRegistry:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def subjects(self, prefix: str = "") -> list[str]:
        return [name for name in self._call("GET", "/subjects") if name.startswith(prefix)]

    def versions(self, subject: str) -> list[int]:
        return list(self._or_none("GET", f"/subjects/{path(subject)}/versions") or [])

    def version(self, subject: str, version: int | str = "latest") -> Registered | None:
        found = self._or_none("GET", f"/subjects/{path(subject)}/versions/{version}")
        if found is None:
            return None
        references = tuple(Reference(**one) for one in found.get("references") or ())
        kind = found.get("schemaType") or AVRO
        return Registered(subject, found["version"], found["id"], kind, found["schema"], references)

    def level(self, subject: str) -> str:
        return str(self._call("GET", f"/config/{path(subject)}?defaultToGlobal=true")["compatibilityLevel"])

    def set_level(self, subject: str, level: str) -> None:
        self._call("PUT", f"/config/{path(subject)}", {"compatibility": level})

    def register(
        self, subject: str, kind: str, text: str, references: Sequence[Reference], normalize: bool
    ) -> int:
        """The id of the schema under this subject, new or old."""
        used = [{"name": one.name, "subject": one.subject, "version": one.version} for one in references]
        body = {"schema": text, "schemaType": kind, "references": used}
        query = "?normalize=true" if normalize else ""
        return int(self._call("POST", f"/subjects/{path(subject)}/versions{query}", body)["id"])

    def reference_texts(self, references: Sequence[Reference]) -> dict[str, str]:
        texts: dict[str, str] = {}
        for one in references:
            found = self.version(one.subject, one.version)
            if found is not None and one.name not in texts:
                texts.update(
                    {k: v for k, v in self.reference_texts(found.references).items() if k not in texts}
                )
                texts[one.name] = found.text
        return texts

    def _or_none(self, method: str, target: str) -> Any:
        try:
            return self._call(method, target)
        except ServerRefused as error:
            if error.code in NOT_FOUND:
                return None
            raise

    def _call(self, method: str, target: str, body: Any = None) -> Any:
        try:
            answer = self._http.request(method, target, json=body)
        except httpx.HTTPError as error:
            raise ServerUnreachable(f"No schema registry answers at {self.url}: {error}") from error
        try:
            found = answer.json()
        except ValueError:
            found = {}
        if answer.is_success:
            return found
        code, message = found.get("error_code", answer.status_code), found.get("message", answer.text[:300])
        raise ServerRefused(f"{self.url} refused {method} {target}: {message}", code, answer.status_code)


def path(subject: str) -> str:
    return quote(subject, safe="")
