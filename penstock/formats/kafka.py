"""The KAFKA format: one primitive value by Kafka's own serialisers, big endian, no coercion.

In:  payloads. Out: bare values, and back. None and null bytes are the same.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock import types
from penstock.formats.codec import Decoded


def _number(name: str, layout: str) -> tuple[Callable[[bytes], Any], Callable[[Any], bytes]]:
    packed = struct.Struct(layout)

    def read(payload: bytes) -> Any:
        if len(payload) != packed.size:
            raise ValueError(f"Size of data received by {name}Deserializer is not {packed.size}")
        return packed.unpack(payload)[0]

    return read, packed.pack


def _read_text(payload: bytes) -> str:
    """Java replaces what is not UTF-8 on reading, and what has no UTF-8 on writing."""
    return payload.decode("utf-8", "replace")


def _write_text(value: str) -> bytes:
    return value.encode("utf-8", "replace")


def _same(value: bytes) -> bytes:
    return value


SERDES: dict[types.SqlType, tuple[Callable[[bytes], Any], Callable[[Any], bytes]]] = {
    types.INTEGER: _number("Integer", ">i"),
    types.BIGINT: _number("Long", ">q"),
    types.DOUBLE: _number("Double", ">d"),
    types.STRING: (_read_text, _write_text),
    types.BYTES: (_same, _same),
}


@dataclass(frozen=True, slots=True)
class KafkaScalars:
    """Values of one primitive type."""

    kind: types.SqlType

    def decode(self, payloads: Sequence[bytes | None]) -> Decoded:
        if self.kind == types.STRING:
            # Written out, because keys of this type are read for every record.
            return Decoded(
                [None if payload is None else payload.decode("utf-8", "replace") for payload in payloads], {}
            )
        read = SERDES[self.kind][0]
        values: list[Any] = []
        failures: dict[int, str] = {}
        for position, payload in enumerate(payloads):
            try:
                values.append(None if payload is None else read(payload))
            except ValueError as problem:
                values.append(None)
                failures[position] = str(problem)
        return Decoded(values, failures)

    def encode(self, keys: Sequence[Any]) -> tuple[list[bytes | None], Mapping[int, str]]:
        if self.kind == types.STRING:
            return [None if key is None else key.encode("utf-8", "replace") for key in keys], {}
        write = SERDES[self.kind][1]
        payloads: list[bytes | None] = []
        failures: dict[int, str] = {}
        for position, key in enumerate(keys):
            try:
                payloads.append(None if key is None else write(key))
            except struct.error as problem:
                payloads.append(None)
                failures[position] = f"{key!r} is no {self.kind}: {problem}"
        return payloads, failures
