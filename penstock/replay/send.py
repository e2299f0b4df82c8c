"""Sending: records to the log in batches, as fast as it takes them or at a steady rate.

In:  records in order, a log, a clock. Out: the batches in the log in the same order, and a summary.
The decision how many records are due is a function of values; reading, waiting and writing are here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from penstock.clock import Clock, now_ms
from penstock.replay import reference
from penstock.replay.dirt import DUPLICATE, KINDS, LATE, MALFORMED, WRONG_TYPE, Dirt
from penstock.replay.rows import Record, clean_records, row_count
from penstock.replay.topics import COUNTRIES, PRODUCTS, TRANSACTIONS
from penstock.topics.base import Log, Outgoing

BATCH_RECORDS_MAX = 5_000
TICK_S = 0.05

Progress = Callable[[int, int], None]
"""Called after each batch with the records sent so far and those expected in all."""


@dataclass(frozen=True, slots=True)
class ReplaySummary:
    """What was sent: records = rows + duplicates + malformed + wrong_types. Late rows are among the rows."""

    rows: int
    records: int
    duplicates: int
    malformed: int
    wrong_types: int
    late: int
    seconds: float

    @property
    def records_per_second(self) -> float:
        return self.records / self.seconds if self.seconds else 0.0


def replay(
    log: Log,
    file: Path | None = None,
    *,
    rate: float | None = None,
    limit: int | None = None,
    dirt: float = 0.0,
    seed: int = 1,
    progress: Progress | None = None,
    clock: Clock = now_ms,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> ReplaySummary:
    """Send the rows of the file, `dirt` percent of them with dirt, at most `rate` records a second."""
    mixed = Dirt(dirt, seed)
    records = mixed.mix(islice(clean_records(file), limit))
    total = expected_records(file, limit, dirt) if progress is not None else 0
    started = monotonic()
    sent = 0
    while batch := list(islice(records, due(rate, monotonic() - started, sent))):
        send(log, batch, clock())
        sent += len(batch)
        if progress is not None:
            progress(sent, max(sent, total))
        wait = pause(rate, monotonic() - started, sent)
        if wait > 0:
            sleep(wait)
    return summary(mixed, sent, monotonic() - started)


def expected_records(file: Path | None, limit: int | None, dirt: float) -> int:
    """The rows, and what dirt will add: every kind but late rows adds a record."""
    rows = row_count(file)
    rows = rows if limit is None else min(rows, limit)
    return rows + round(rows * dirt / 100 * (len(KINDS) - 1) / len(KINDS))


def due(rate: float | None, elapsed_s: float, sent: int) -> int:
    """How many records the next batch may have; never none, because the pause before it was long enough."""
    if rate is None:
        return BATCH_RECORDS_MAX
    return min(max(int(elapsed_s * rate) - sent, 1), BATCH_RECORDS_MAX)


def pause(rate: float | None, elapsed_s: float, sent: int) -> float:
    """Seconds until the next batch: at least until one record is due, else until the tick has passed."""
    if rate is None:
        return 0.0
    return max((sent + 1) / rate - elapsed_s, TICK_S if elapsed_s * rate - sent < rate * TICK_S else 0.0)


def send(log: Log, batch: list[Record], timestamp: int) -> None:
    log.append(
        Outgoing(
            TRANSACTIONS,
            keys=[record.key for record in batch],
            values=[record.value for record in batch],
            timestamps=[timestamp] * len(batch),
        )
    )


def summary(mixed: Dirt, sent: int, seconds: float) -> ReplaySummary:
    counts = mixed.counts
    extra = sum(counts[kind] for kind in KINDS if kind != LATE)
    return ReplaySummary(
        rows=sent - extra,
        records=sent,
        duplicates=counts[DUPLICATE],
        malformed=counts[MALFORMED],
        wrong_types=counts[WRONG_TYPE],
        late=counts[LATE],
        seconds=seconds,
    )


def send_reference(log: Log, file: Path | None = None, clock: Clock = now_ms) -> dict[str, int]:
    """Products and countries in one transaction; the records of each topic."""
    found = {PRODUCTS: reference.products(file), COUNTRIES: reference.countries()}
    stamp = clock()
    log.append(*(keyed_batch(topic, keyed, stamp) for topic, keyed in found.items()))
    return {topic: len(keyed) for topic, keyed in found.items()}


def keyed_batch(topic: str, keyed: reference.Keyed, stamp: int) -> Outgoing:
    return Outgoing(
        topic,
        keys=[key for key, _ in keyed],
        values=[value for _, value in keyed],
        timestamps=[stamp] * len(keyed),
    )
