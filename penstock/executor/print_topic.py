"""PRINT: the records of a topic as text, with a guess at their formats.

In:  a topic of the log. Out: lines, until the limit or until nobody listens.

    Key format: KAFKA_STRING
    Value format: JSON or KAFKA_STRING
    rowtime: 2026/11/23 23:22:01.920 Z, key: o0, value: {"AMOUNT":5.5}, partition: 0
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from penstock.language import ast
from penstock.topics.base import Chunk, Log

NO_DATA = "¯\\_(ツ)_/¯ - no data processed"
RECORDS_PER_POLL = 500
WAIT_S = 0.2


def printed(log: Log, node: ast.PrintTopic, listening: Callable[[], bool]) -> Iterator[str]:
    """Lines as records come. Runs on one thread; ends at the limit or when `listening` says no."""
    reader = log.reader({node.topic: "earliest" if node.from_beginning else "latest"})
    left = node.limit
    announced, count = False, 0
    try:
        while listening() and left != 0:
            chunks = reader.poll(RECORDS_PER_POLL if left is None else min(left, RECORDS_PER_POLL))
            for chunk in chunks:
                if not announced:
                    yield f"Key format: {guessed(chunk.keys)}"
                    yield f"Value format: {guessed(chunk.values)}"
                    announced = True
                for position in range(len(chunk)):
                    count += 1
                    if node.interval is None or (count - 1) % node.interval == 0:
                        yield _line(chunk, position)
                        left = None if left is None else left - 1
                    if left == 0:
                        return
            if not chunks:
                log.wait(WAIT_S)
    finally:
        reader.close()


def _line(chunk: Chunk, position: int) -> str:
    moment = datetime.fromtimestamp(chunk.timestamps[position] / 1000, UTC)
    rowtime = f"{moment:%Y/%m/%d %H:%M:%S}.{chunk.timestamps[position] % 1000:03d} Z"
    key, value = shown(chunk.keys[position]), shown(chunk.values[position])
    return f"rowtime: {rowtime}, key: {key}, value: {value}, partition: {chunk.partitions[position]}"


def guessed(payloads: Sequence[bytes | None]) -> str:
    """The formats all payloads could be in."""
    held = [payload for payload in payloads if payload is not None]
    if not held:
        return NO_DATA
    if all(_is_json(payload) for payload in held):
        return "JSON or KAFKA_STRING"
    if all(_text(payload) is not None for payload in held):
        return "KAFKA_STRING"
    sizes = {len(payload) for payload in held}
    return {frozenset((4,)): "KAFKA_INT", frozenset((8,)): "KAFKA_BIGINT or KAFKA_DOUBLE"}.get(
        frozenset(sizes), "KAFKA_BYTES"
    )


def shown(payload: bytes | None) -> str:
    if payload is None:
        return "<null>"
    text = _text(payload)
    if text is not None:
        return text
    if len(payload) == 4:
        return str(struct.unpack(">i", payload)[0])
    if len(payload) == 8:
        return str(struct.unpack(">q", payload)[0])
    return payload.hex(" ")


def _text(payload: bytes) -> str | None:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() or "\n" in text or "\t" in text else None


def _is_json(payload: bytes) -> bool:
    if payload[:1] not in (b"{", b"["):
        return False
    try:
        msgspec.json.decode(payload)
    except msgspec.DecodeError:
        return False
    return True
