"""Protobuf's wire format, as far as descriptors need it: numbers and lengths.

In:  bytes or values. Out: fields in order (number, value), or bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

VARINT, FIXED64, LENGTH, START_GROUP, END_GROUP, FIXED32 = range(6)
FIXED_SIZES = {FIXED64: 8, FIXED32: 4}

Wire = int | bytes


class WireError(Exception):
    """The bytes are not Protobuf."""


def read_fields(data: bytes) -> Iterator[tuple[int, Wire]]:
    """Every field: a number for varints, else its bytes. Groups are not written by descriptors."""
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        kind = tag & 7
        if tag >> 3 == 0:
            raise WireError("a field without a number")
        if kind == VARINT:
            number, at = read_varint(data, at)
            yield tag >> 3, number
            continue
        if kind == LENGTH:
            size, at = read_varint(data, at)
        elif kind in FIXED_SIZES:
            size = FIXED_SIZES[kind]
        else:
            raise WireError(f"wire type {kind}")
        if at + size > len(data):
            raise WireError("it ends too early")
        yield tag >> 3, data[at : at + size]
        at += size


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value & (2**64 - 1), at
        shift += 7
    raise WireError("it ends too early")


def signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def write_number(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def write_bytes(number: int, value: bytes) -> bytes:
    return varint(number << 3 | LENGTH) + varint(len(value)) + value


def write_text(number: int, value: str) -> bytes:
    return write_bytes(number, value.encode("utf-8", "surrogatepass")) if value else b""


def write_all(number: int, values: Iterable[bytes]) -> bytes:
    return b"".join(write_bytes(number, value) for value in values)
