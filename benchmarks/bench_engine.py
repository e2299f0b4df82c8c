"""The engine from log to log: the retail data set through SQLite, one core, no server.

    python benchmarks/bench_engine.py [--records N] [--part stateless|window|pipeline] [--profile]

Each part runs in a process of its own, on its own copy of one log that the replay has filled. `limit` is
plain msgspec in the same process on the same bytes: the records decoded into a typed class, the rows of the
result encoded from one, nothing between, no log. `ksqlDB` is what we measured of a real one with the same
records on two cores.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy  # noqa: F401  (the log loads it with its first large batch; that is no record's time)
from statements import Statements

from penstock.replay import TRANSACTIONS, ensure_topics, replay, send_reference
from penstock.run.process import tune_process
from penstock.topics.base import Log
from penstock.topics.open import open_log

PIPELINES = Path(__file__).resolve().parents[1] / "ksql"
LIMIT_BATCH, LIMIT_ROUNDS = 500, 3

SOURCE = """
CREATE STREAM retail (
  transaction_key STRING KEY, transaction_id STRING, customer_id STRING, product_id STRING, quantity INT,
  unit_price DOUBLE, transaction_date STRING, country STRING
) WITH (kafka_topic = 'retail-transactions', value_format = 'JSON',
        timestamp = 'transaction_date', timestamp_format = 'yyyy-MM-dd''T''HH:mm:ss');
"""
STATELESS = """
CREATE STREAM silver WITH (kafka_topic = 'bench.silver', retention_ms = -1) AS
SELECT transaction_key, transaction_id, CAST(customer_id AS INT) AS customer_id, product_id,
  quantity, unit_price, quantity * unit_price AS total_amount,
  FROM_UNIXTIME(ROWTIME) AS transaction_date,
  TRIM(country) AS country,
  CAST(ROWTIME / 3600000 % 24 AS INT) AS hour_of_day,
  CAST((ROWTIME / 86400000 + 3) % 7 + 1 AS INT) AS day_of_week,
  CAST(FORMAT_TIMESTAMP(FROM_UNIXTIME(ROWTIME), 'd') AS INT) AS day_of_month,
  CAST(FORMAT_TIMESTAMP(FROM_UNIXTIME(ROWTIME), 'M') AS INT) AS month,
  (ROWTIME / 86400000 + 3) % 7 >= 5 AS is_weekend,
  customer_id IS NOT NULL AS customer_id_complete,
  quantity > 0 AS quantity_valid,
  unit_price > 0 AS unit_price_valid,
  customer_id IS NOT NULL AND quantity > 0 AND unit_price > 0 AS quality_passed
FROM retail EMIT CHANGES;
"""
WINDOW = """
CREATE TABLE metrics WITH (kafka_topic = 'bench.metrics', retention_ms = -1) AS
SELECT country AS country_key, AS_VALUE(country) AS country,
  FROM_UNIXTIME(WINDOWSTART) AS window_start, FROM_UNIXTIME(WINDOWEND) AS window_end,
  COUNT(*) AS transaction_count, SUM(quantity * unit_price) AS total_revenue,
  AVG(quantity * unit_price) AS avg_order_value, COUNT_DISTINCT(customer_id) AS unique_customers
FROM retail WINDOW TUMBLING (SIZE 5 MINUTES, GRACE PERIOD 10 MINUTES)
WHERE quantity > 0 AND unit_price > 0
GROUP BY country EMIT CHANGES;
"""


def pipeline_text() -> str:
    files = [path for path in sorted(PIPELINES.glob("*.ksql")) if "sinks" not in path.name]
    return "\n".join(path.read_text() for path in files)


PARTS = {
    "stateless": lambda: SOURCE + STATELESS,
    "window": lambda: SOURCE + WINDOW,
    "pipeline": pipeline_text,
}
RESULTS = {"stateless": "bench.silver", "window": "bench.metrics"}
TARGETS = {"stateless": 400_000, "window": 600_000}
KSQLDB = {"stateless": 120_000, "window": 43_000}
RSS_TARGET_MB = 400


class Plain(msgspec.Struct, gc=False):
    """The record, typed by hand."""

    transaction_id: str | None = None
    customer_id: str | None = None
    product_id: str | None = None
    quantity: int | None = None
    unit_price: float | None = None
    transaction_date: str | None = None
    country: str | None = None


def limit_per_second(read: Sequence[bytes], written: Sequence[bytes]) -> float:
    """Records a second of plain msgspec: what was read decoded, what was written encoded; the best rounds."""
    shape = {name: type(value) | None for name, value in msgspec.json.decode(written[0]).items()}
    row = msgspec.defstruct("Row", [(name, kind, None) for name, kind in shape.items()], gc=False)
    rows = msgspec.json.Decoder(row).decode
    decode, encode = msgspec.json.Decoder(Plain).decode, msgspec.json.Encoder().encode
    made = [[rows(payload) for payload in batch] for batch in batches(written)]
    seconds = best_round(decode, list(batches(read))) + best_round(encode, made)
    return len(read) / seconds


def batches(payloads: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (payloads[at : at + LIMIT_BATCH] for at in range(0, len(payloads), LIMIT_BATCH))


def best_round(work: Callable[[Any], Any], given: Sequence[Sequence[Any]]) -> float:
    spent = []
    for _ in range(LIMIT_ROUNDS):
        began = time.perf_counter()
        for batch in given:
            list(map(work, batch))
        spent.append(time.perf_counter() - began)
    return min(spent)


@contextmanager
def profiled(wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    profile = cProfile.Profile()
    with profile:
        yield
    pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(40)


def measure(part: str, url: str, profile: bool) -> None:
    """Run one part here and print what was found."""
    tune_process()
    log = open_log(url)
    records = sum(log.end_offsets(TRANSACTIONS).values())
    statements = Statements(log)
    statements.run(PARTS[part]())
    began, cpu = time.perf_counter(), time.process_time()
    with profiled(profile):
        statements.settle()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = {each: statements.engine.status(each) for each in statements.engine.queries}
    bad = {each: status.error for each, status in found.items() if status.error or status.lag}
    if bad:
        raise SystemExit(f"{part}: not all was read: {bad}")
    limit = 0.0
    if part in RESULTS:
        limit = limit_per_second(payloads_of(log, TRANSACTIONS), payloads_of(log, RESULTS[part]))
    print(
        json.dumps(
            {
                "records": records,
                "rate": records / seconds,
                "seconds": seconds,
                "cpu": cpu,
                "limit": limit,
                "peak_mb": peak_mb,
                "rows": sum(each.rows_out for each in found.values()),
            }
        )
    )


def payloads_of(log: Log, topic: str) -> list[bytes]:
    reader = log.reader({topic: "earliest"})
    found: list[bytes] = []
    while chunks := reader.poll(50_000):
        for chunk in chunks:
            found += [value for value in chunk.values if value is not None]
    return found


def filled(folder: Path, records: int | None) -> Path:
    """A log with the reference topics and the transactions."""
    path = folder / "filled.db"
    log = open_log(f"sqlite:///{path}")
    ensure_topics(log)
    send_reference(log)
    done = replay(log, limit=records)
    print(f"replay: {done.records:,} records, {done.records_per_second:,.0f}/s\n")
    log.close()
    return path


def in_a_process(part: str, source: Path, profile: bool) -> dict[str, float]:
    copied = source.with_name(f"{part}.db")
    shutil.copyfile(source, copied)
    command = [sys.executable, __file__, "--inside", part, "--url", f"sqlite:///{copied}"]
    done = subprocess.run(command + ["--profile"] * profile, stdout=subprocess.PIPE, check=True)
    for left in source.parent.glob(f"{part}.db*"):
        left.unlink()
    found: dict[str, float] = json.loads(done.stdout)
    return found


def show(part: str, found: dict[str, float]) -> None:
    limit = (
        f"{found['limit']:>11,.0f} {found['rate'] / found['limit']:>7.0%}" if found["limit"] else f"{'':>19}"
    )
    target = f"{TARGETS[part]:,}" if part in TARGETS else ""
    rival = f"{KSQLDB[part]:,}" if part in KSQLDB else ""
    print(
        f"{part:10} {found['rate']:>11,.0f} {target:>9} {limit} {rival:>9} {found['seconds']:>8.2f} "
        f"{found['cpu']:>7.2f} {found['rows']:>10,} {found['peak_mb']:>8.0f}",
        flush=True,
    )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--records", type=int)
    asked.add_argument("--part", choices=PARTS, action="append")
    asked.add_argument("--profile", action="store_true")
    asked.add_argument("--inside", choices=PARTS, help=argparse.SUPPRESS)
    asked.add_argument("--url", help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.inside:
        measure(given.inside, given.url, given.profile)
        return
    folder = Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    try:
        source = filled(folder, given.records)
        print(
            f"{'':10} {'records/s':>11} {'target':>9} {'limit':>11} {'of it':>7} {'ksqlDB':>9} "
            f"{'seconds':>8} {'cpu s':>7} {'rows out':>10} {'peak MB':>8}"
        )
        for part in given.part or PARTS:
            show(part, in_a_process(part, source, given.profile))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
