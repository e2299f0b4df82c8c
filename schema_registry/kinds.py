"""The kinds of schema that there are, by their name on the wire, and a bounded memory of what was parsed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping

from schema_registry import avro, json_schema, protobuf
from schema_registry.errors import invalid_schema
from schema_registry.schemas import NESTING_MAX, InvalidSchema, Parsed, SchemaKind

KINDS: Mapping[str, SchemaKind] = {one.name: one for one in (json_schema.KIND, protobuf.KIND, avro.KIND)}

REMEMBERED_MAX = 2000
REMEMBERED_BYTES_MAX = 100_000

Key = tuple[str, str, tuple[tuple[str, str], ...]]


class Remembered:
    """The schemas parsed last, by all that parsing depends on; the least used one goes first."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._found: OrderedDict[Key, Parsed] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Parsed | None:
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
            return self._found.get(key)

    def put(self, key: Key, parsed: Parsed) -> None:
        with self._lock:
            self._found[key] = parsed
            if len(self._found) > self._count_max:
                self._found.popitem(last=False)


remembered = Remembered(REMEMBERED_MAX)


def kind(name: str) -> SchemaKind:
    found = KINDS.get(name)
    if found is None:
        raise invalid_schema(f"Invalid schema type {name}. It is one of {', '.join(KINDS)}.")
    return found


def parse(name: str, text: str, references: Mapping[str, str]) -> Parsed:
    of, used = kind(name), tuple(references.items())
    if len(text) + sum(map(len, references.values())) > REMEMBERED_BYTES_MAX:
        return parsed(of, text, references)
    found = remembered.get((name, text, used))
    if found is None:
        found = parsed(of, text, references)
        remembered.put((name, text, used), found)
        # What is stored and compared later is the canonical text, which parses to the same.
        remembered.put((name, found.text, used), found)
    return found


def parsed(of: SchemaKind, text: str, references: Mapping[str, str]) -> Parsed:
    try:
        return of.parse(text, references)
    except RecursionError:
        raise InvalidSchema(f"The schema is nested too deeply: more than {NESTING_MAX} levels.") from None
