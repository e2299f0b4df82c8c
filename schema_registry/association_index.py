"""Associations as they stand: which subject a topic's keys and values have, found by topic, id or subject.

In:  records of the `_schemas` topic (index.py). Out: Associations, by what a request names.

    by_name     orders -> {key: Association}             what a serializer asks, once per topic
    by_id       lkc-1:orders -> {key: Association}       by_subject  orders-value -> {key: Association}

One thread changes this, any thread may ask: every walk goes over a copy that is made in one step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

STRONG, WEAK, NONE = "STRONG", "WEAK", "NONE"
LIFECYCLES = (STRONG, WEAK)
TOPIC = "topic"
TYPES: dict[str, tuple[str, ...]] = {TOPIC: ("key", "value")}
"""Which kinds of association a kind of resource has."""
ANY = "-"
"""As a name or namespace in a path: every one."""

Key = tuple[str, str, str, str, str]


class Association(msgspec.Struct, frozen=True, rename="camel"):
    """A topic's keys or values have their schemas in a subject. STRONG: the subject belongs to the topic."""

    subject: str
    guid: str
    resource_name: str
    resource_namespace: str
    resource_id: str
    resource_type: str
    association_type: str
    lifecycle: str = WEAK
    frozen: bool = False
    create_ts: int = 0
    update_ts: int = 0

    @property
    def key(self) -> Key:
        """What a later record of the same association has too."""
        return (
            self.resource_name,
            self.resource_namespace,
            self.resource_type,
            self.association_type,
            self.subject,
        )

    @property
    def members(self) -> dict[str, Any]:
        return dict(msgspec.to_builtins(self))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request narrows a list of associations by; an empty one takes everything."""

    resource_type: str = ""
    association_types: Sequence[str] = ()
    lifecycles: Sequence[str] = ()

    def takes(self, one: Association) -> bool:
        return (
            (not self.resource_type or one.resource_type == self.resource_type)
            and (not self.association_types or one.association_type in self.association_types)
            and (not self.lifecycles or one.lifecycle in self.lifecycles)
        )


@dataclass(slots=True)
class Associations:
    every: dict[Key, Association] = field(default_factory=dict)
    by_name: dict[str, dict[Key, Association]] = field(default_factory=dict)
    by_id: dict[str, dict[Key, Association]] = field(default_factory=dict)
    by_subject: dict[str, dict[Key, Association]] = field(default_factory=dict)

    def put(self, one: Association) -> None:
        self.remove(one.key)
        self.every[one.key] = one
        for found, name in self.places(one):
            found.setdefault(name, {})[one.key] = one

    def remove(self, key: Key) -> None:
        one = self.every.pop(key, None)
        for found, name in self.places(one) if one is not None else ():
            del found[name][key]
            if not found[name]:
                del found[name]

    def places(self, one: Association) -> Iterable[tuple[dict[str, dict[Key, Association]], str]]:
        return (
            (self.by_name, one.resource_name),
            (self.by_id, one.resource_id),
            (self.by_subject, one.subject),
        )

    def of_subject(self, subject: str, wanted: Wanted = Wanted()) -> list[Association]:
        return chosen(self.by_subject.get(subject), wanted)

    def of_id(self, id: str, wanted: Wanted = Wanted()) -> list[Association]:
        return chosen(self.by_id.get(id), wanted)

    def of_name(self, namespace: str, name: str, wanted: Wanted = Wanted()) -> list[Association]:
        found = chosen(self.every if name == ANY else self.by_name.get(name), wanted)
        return [one for one in found if namespace in (ANY, one.resource_namespace)]


def chosen(found: dict[Key, Association] | None, wanted: Wanted) -> list[Association]:
    return [one for _, one in sorted((found or {}).copy().items()) if wanted.takes(one)]
