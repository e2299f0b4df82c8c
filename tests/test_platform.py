"""The whole platform on the real data: every landed table beside DuckDB, killed, with dirt, and in peace."""

from __future__ import annotations

import random
import threading
from collections import Counter
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from platform_helpers import Services
from reconcile import TABLES, Expectation, sessions_of_arrivals

from penstock.replay import ensure_topics, replay, send_reference
from penstock.topics.base import Log

pytestmark = pytest.mark.slow
KILLS = 10
KILLED_ROWS, KILLED_RATE = 40_000, 4_000
DIRTY_ROWS = 60_000


def prepared(services: Services) -> None:
    ensure_topics(services.log)
    send_reference(services.log)
    services.apply()


def assert_reconciled(expectation: Expectation, lake: Path) -> None:
    found = {table: expectation.differences(lake, table) for table in TABLES}
    assert found == {table: [] for table in TABLES}


def test_every_table_holds_what_the_file_says(tmp_path: Path) -> None:
    with Services(tmp_path) as services:
        prepared(services)
        replay(services.log)
        services.wait_landed()
        assert not any(services.late().values())
    assert_reconciled(Expectation(), tmp_path / "lake")


def test_kills_change_no_answer(tmp_path: Path) -> None:
    """The engine and the worker are killed ten times while rows come in."""
    moments = random.Random(20111209)
    with Services(tmp_path) as services:
        prepared(services)
        sender = threading.Thread(
            target=replay, args=(services.log,), kwargs={"limit": KILLED_ROWS, "rate": KILLED_RATE}
        )
        sender.start()
        for count in range(KILLS):
            sender.join(moments.uniform(0.2, 1.6))
            services.kill(("server", "connect")[count % 2])
        sender.join()
        services.wait_landed()
    assert_reconciled(Expectation(limit=KILLED_ROWS), tmp_path / "lake")


def test_dirt_is_counted_and_changes_nothing_else(tmp_path: Path) -> None:
    with Services(tmp_path) as services:
        prepared(services)
        sent = replay(services.log, limit=DIRTY_ROWS, dirt=2, seed=7)
        services.wait_landed()
        arrivals = arrivals_of(services.log)
        late = services.late()
        errors = errors_of(services.log)
    unreadable = sent.malformed + sent.wrong_types
    assert errors == {"retail-transactions": unreadable}
    expectation, lake = Expectation(arrivals), tmp_path / "lake"
    sessions = {"gold.customer_sessions": sessions_of_arrivals(expectation)}
    same = [table for table in TABLES if table not in ("bronze.realtime_transactions", "silver.rejected")]
    found = {table: expectation.differences(lake, table, sessions.get(table)) for table in same}
    assert found == {table: [] for table in same}
    assert rows_of(lake / "bronze" / "realtime_transactions") == sent.records
    (failed,) = expectation.query("SELECT count(*) FROM silver WHERE NOT quality_passed")
    assert stages_of(lake / "silver" / "rejected") == {"quality": failed[0], "unreadable": unreadable}
    (dropped,) = expectation.query("SELECT count(*) - (SELECT count(*) FROM silver) FROM rows")
    (seen,) = (count for query, count in late.items() if query.startswith("CTAS_SEEN_TRANSACTIONS_"))
    # A duplicate of a row that came too late is too late itself.
    assert dropped[0] <= seen <= dropped[0] + sent.duplicates


def rows_of(table: Path) -> int:
    return int(pa.table(DeltaTable(str(table)).scan()).num_rows)


def stages_of(table: Path) -> dict[str, int]:
    stages = pa.table(DeltaTable(str(table)).scan(columns=["stage"])).column("stage").to_pylist()
    return dict(Counter(stages))


def arrivals_of(log: Log) -> list[str]:
    """Ids that could be read, in the order they first arrived."""
    seen: dict[str, None] = {}
    reader = log.reader({"retail-transactions": "earliest"})
    while chunks := reader.poll(20_000):
        for chunk in chunks:
            for value in chunk.values:
                row = readable(value or b"")
                if row is not None:
                    seen.setdefault(row["transaction_id"])
    return list(seen)


def readable(value: bytes) -> dict[str, object] | None:
    try:
        row = msgspec.json.decode(value)
    except msgspec.DecodeError:
        return None
    good = isinstance(row, dict) and type(row["quantity"]) is int
    return row if good and isinstance(row["unit_price"], int | float) else None


def errors_of(log: Log) -> Counter[str]:
    """How many records of each topic stand in streaming-errors, each with its place and reason."""
    found: Counter[str] = Counter()
    reader = log.reader({"streaming-errors": "earliest"})
    while chunks := reader.poll(20_000):
        for chunk in chunks:
            for value in chunk.values:
                row = msgspec.json.decode(value or b"")
                assert row["REASON"] and row["SOURCE_PARTITION"] >= 0 and row["SOURCE_OFFSET"] >= 0
                found[row["SOURCE_TOPIC"]] += 1
    return found
