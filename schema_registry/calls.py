"""A request as handlers see it, and the answer they give back.

In:  the context of the path, the names in it, the query and the body. Out: an Answer of bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from schema_registry.errors import RegistryError
from schema_registry.subjects import within

T = TypeVar("T")


@dataclass(slots=True)
class Call:
    """`context` is that of a path under /contexts/{c}/, else the default one; `confined` tells them apart."""

    context: str
    names: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    body: Any = None
    confined: bool = False

    def subject(self) -> str:
        """The subject in the path, as the context of the path means it."""
        return within(self.context, self.names["subject"])

    def text(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.query if key == name), default)

    def every(self, name: str) -> list[str]:
        return [value for key, value in self.query if key == name]

    def truth(self, name: str) -> bool:
        return self.text(name).lower() == "true"

    def number(self, name: str, default: int) -> int:
        text = self.text(name)
        try:
            return int(text) if text else default
        except ValueError:
            raise RegistryError(404, f"HTTP 404 Not Found: {name} is a whole number, not '{text}'.") from None

    def page(self, found: list[T], limit_max: int | None = None) -> list[T]:
        """The part of a list that `offset` and `limit` choose."""
        start, limit = max(self.number("offset", 0), 0), self.number("limit", -1)
        if limit_max is not None and not 0 <= limit <= limit_max:
            limit = limit_max
        return found[start:] if limit < 0 else found[start : start + limit]

    def members(self) -> dict[str, Any]:
        if not isinstance(self.body, dict):
            raise RegistryError(422, "The request's body is a JSON object.")
        return self.body

    def read(self, kind: type[T]) -> T:
        return msgspec.convert(self.members(), kind, strict=False)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


def ok(what: Any) -> Answer:
    return Answer(200, msgspec.json.encode(what))


def bare(text: str) -> Answer:
    return Answer(200, text.encode("utf-8", "surrogatepass"))
