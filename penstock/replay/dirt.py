"""Dirt: what real sources send besides clean rows. The same seed always makes the same stream.

In:  clean records in order, a share in percent, a seed. Out: the records to send, and a count of each kind.

    duplicate   the row again, within the next 1,000 rows
    malformed   the row, and then its text cut short or broken
    wrong type  the row, and then a copy whose quantity or unit_price no reader can take for a number
    late        the row is held back, to be sent 20 minutes to 30 days of event time later

Every clean row is sent once as it is, late or not. Rows still held back at the end of the file are sent then.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from penstock.replay.rows import Record

Turn = TypeVar("Turn", int, str)

DUPLICATE, MALFORMED, WRONG_TYPE, LATE = KINDS = ("duplicate", "malformed", "wrong type", "late")
DUPLICATE_AFTER_MAX = 1000
MINUTE, HOUR, DAY = 60, 3600, 86_400
# Seconds, from and to: some rows are a little late, some miss every grace.
DELAYS = ((20 * MINUTE, HOUR), (HOUR, DAY), (DAY, 7 * DAY), (7 * DAY, 30 * DAY))
HELD_MAX = 100_000

WRONG_QUANTITIES = (b'"many"', b"true", b'{"pieces":6}', b"[6]", b'"six"')
WRONG_PRICES = (b'{"amount":1}', b"false", b'"cheap"', b"[2.55]", b'"2,55"')


@dataclass(slots=True)
class Dirt:
    """Mixes dirt into records; `counts` tells how many of each kind were sent."""

    percent: float
    seed: int
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))

    def mix(self, records: Iterable[Record]) -> Iterator[Record]:
        draw = random.Random(self.seed)
        share = self.percent / 100
        again: Held[int] = Held()
        late: Held[str] = Held()
        for position, record in enumerate(records):
            yield from late.due(record.date)
            yield from again.due(position)
            if draw.random() >= share:
                yield record
                continue
            kind = draw.choice(KINDS)
            self.counts[kind] += 1
            if kind == LATE:
                late.hold(later(record.date, draw), record)
                continue
            yield record
            if kind == DUPLICATE:
                again.hold(position + draw.randint(1, DUPLICATE_AFTER_MAX), record)
            else:
                yield SPOIL[kind](record, draw)
        yield from again.rest()
        yield from late.rest()


class Held(Generic[Turn]):
    """Records waiting for their turn, in the order of it; of equal turns the first held goes first."""

    def __init__(self) -> None:
        self._heap: list[tuple[Turn, int, Record]] = []
        self._count = 0

    def hold(self, turn: Turn, record: Record) -> None:
        self._count += 1
        heapq.heappush(self._heap, (turn, self._count, record))

    def due(self, turn: Turn) -> Iterator[Record]:
        heap = self._heap
        while heap and (heap[0][0] <= turn or len(heap) > HELD_MAX):
            yield heapq.heappop(heap)[2]

    def rest(self) -> Iterator[Record]:
        while self._heap:
            yield heapq.heappop(self._heap)[2]


def later(date: str, draw: random.Random) -> str:
    """The event time at which a late row is sent; ISO texts of one length sort as their times do."""
    low, high = draw.choice(DELAYS)
    moment = datetime.fromisoformat(date) + timedelta(seconds=draw.randint(low, high))
    return moment.isoformat(timespec="seconds")


def malformed(record: Record, draw: random.Random) -> Record:
    """Cut short, without its opening brace, without a quote, or no JSON at all."""
    value = record.value
    broken = draw.choice(
        (value[: draw.randint(1, len(value) - 1)], value[1:], value.replace(b'":', b":", 1), b"<xml/>")
    )
    return record._replace(value=broken)


def wrong_type(record: Record, draw: random.Random) -> Record:
    if draw.random() < 0.5:
        value = with_member(record.value, b"quantity", draw.choice(WRONG_QUANTITIES))
    else:
        value = with_member(record.value, b"unit_price", draw.choice(WRONG_PRICES))
    return record._replace(value=value)


def with_member(value: bytes, name: bytes, text: bytes) -> bytes:
    """The record with another value of a number, which ends at the next comma."""
    start = value.index(b'"' + name + b'":') + len(name) + 3
    return value[:start] + text + value[value.index(b",", start) :]


SPOIL = {MALFORMED: malformed, WRONG_TYPE: wrong_type}
