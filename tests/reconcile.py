"""The landed tables beside what DuckDB makes of the CSV file: an independent calculation of every layer.

In:  a lake folder, how many rows were sent, in which order the ids arrived. Out: the differences, if any.
The queries are data: tests/cases/reconcile/<layer>.<table>.sql, each with its key columns in the first line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "tests" / "cases" / "reconcile"
CSV = ROOT / "data" / "online-retail.csv.gz"

TABLES = sorted(path.stem for path in CASES.glob("*.*.sql"))
# Counted by HyperLogLog beyond a few thousand different values, exactly below.
APPROXIMATE = {"unique_customers", "orders", "invoices", "active_customers", "daily_unique_products"}
APPROXIMATE_WITHIN = 0.05
CENT = 0.005
LANDED_BRONZE = """
SELECT *,
  json_extract_string(message_value, '$.transaction_id') AS in_transaction_id,
  json_extract_string(message_value, '$.customer_id') AS in_customer_id,
  json_extract_string(message_value, '$.product_id') AS in_product_id,
  json_extract(message_value, '$.quantity')::INTEGER AS in_quantity,
  json_extract(message_value, '$.unit_price')::DOUBLE AS in_unit_price,
  json_extract_string(message_value, '$.transaction_date') AS in_transaction_date,
  json_extract_string(message_value, '$.country') AS in_country
FROM landed_rows
"""


class Expectation:
    """What the file says, for the ids that arrived, in the order they arrived."""

    def __init__(self, arrivals: list[str] | None = None, limit: int | None = None) -> None:
        self.db = duckdb.connect()
        self.db.execute("SET preserve_insertion_order = true; SET threads = 2; SET TimeZone = 'UTC'")
        self._arrive(arrivals, limit)
        text = (CASES / "00_rows.sql").read_text()
        countries = ROOT / "data" / "countries.csv"
        for name, path in (("csv", CSV), ("whole", CSV), ("countries", countries)):
            text = text.replace("{" + name + "}", str(path))
        self.db.execute(text)

    def _arrive(self, arrivals: list[str] | None, limit: int | None) -> None:
        if arrivals is not None:
            given = pa.table({"transaction_id": arrivals, "arrival": range(len(arrivals))})  # noqa: F841
            self.db.execute("CREATE TABLE arrivals AS SELECT * FROM given")
            return
        self.db.execute(f"""
            CREATE TABLE arrivals AS
            SELECT InvoiceNo || '-' || row_number() OVER (PARTITION BY InvoiceNo ORDER BY line)
                     AS transaction_id,
                   line AS arrival
            FROM (SELECT row_number() OVER () AS line, InvoiceNo
                  FROM read_csv('{CSV}', header = true, all_varchar = true, parallel = false))
            WHERE line <= {limit or 10**9}""")

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.db.execute(sql).fetchall()

    def differences(self, lake: Path, table: str, expected_sql: str | None = None) -> list[str]:
        """What the landed table has that it should not, lacks, or holds with other values."""
        text = (CASES / f"{table}.sql").read_text()
        keys = [key.strip() for key in text.split("\n", 1)[0].removeprefix("-- keys:").split(",")]
        landed = pa.table(DeltaTable(str(lake / table.replace(".", "/"))).scan())
        self.db.register("landed_rows", _without_zones(landed))
        source = f"({LANDED_BRONZE})" if table.startswith("bronze.") else "landed_rows"
        self.db.execute(f"CREATE OR REPLACE TEMP TABLE expected AS {expected_sql or text}")
        self.db.execute(f"CREATE OR REPLACE TEMP TABLE landed AS SELECT * FROM {source} AS s")
        columns = [row[0] for row in self.query("DESCRIBE expected")]
        return [
            *self._counts(keys),
            *(line for column in columns if column not in keys for line in self._column(column, keys)),
        ]

    def _counts(self, keys: list[str]) -> list[str]:
        joined = ", ".join(keys)
        found = []
        for words, one, other in (("missing", "expected", "landed"), ("not expected", "landed", "expected")):
            sql = f"SELECT {joined} FROM {one} EXCEPT SELECT {joined} FROM {other}"
            rows = self.query(sql)
            if rows:
                found.append(f"{len(rows)} {words}, such as {rows[:3]}")
        doubled = self.query(f"SELECT {joined}, count(*) FROM landed GROUP BY ALL HAVING count(*) > 1")
        if doubled:
            found.append(f"{len(doubled)} keys more than once, such as {doubled[:3]}")
        return found

    def _column(self, column: str, keys: list[str]) -> list[str]:
        on = " AND ".join(f"e.{key} = l.{key}" for key in keys)
        differs = self._differs(column)
        sql = f"""
            SELECT {", ".join(f"e.{key}" for key in keys)}, e.{column}, l.{column}
            FROM expected e JOIN landed l ON {on} WHERE {differs} LIMIT 100"""
        rows = self.query(sql)
        return [f"{column}: {len(rows)} differ, such as {rows[:3]}"] if rows else []

    def _differs(self, column: str) -> str:
        kind = self.query(f"SELECT typeof({column}) FROM expected LIMIT 1")
        if column in APPROXIMATE:
            return f"abs(e.{column} - l.{column}) > {APPROXIMATE_WITHIN} * e.{column}"
        if kind and kind[0][0] == "DOUBLE":
            return f"(e.{column} IS NULL) <> (l.{column} IS NULL) OR abs(e.{column} - l.{column}) > {CENT}"
        return f"e.{column} IS DISTINCT FROM l.{column}"


def _without_zones(rows: pa.Table) -> pa.Table:
    """Times in UTC without saying so, as DuckDB reads them from the file."""
    for position, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            rows = rows.set_column(position, field.name, rows.column(position).cast(pa.timestamp("us")))
    return rows


GAP_MS, GRACE_MS = 30 * 60_000, 60 * 60_000


def sessions_of_arrivals(expectation: Expectation) -> str:
    """Sessions when rows come out of order, by the rule in words: SQL has no loop for it.

    A row joins the sessions of its customer within the gap; the merged session is dropped when it ended
    more than gap + grace before the latest time seen. Returns the query of the expected table.
    """
    rows = expectation.query(
        "SELECT customer_id, epoch_ms(transaction_date), total_amount FROM good ORDER BY arrival"
    )
    sessions: dict[str, list[list[Any]]] = {}
    seen = 0
    for customer, time, amount in rows:
        seen = max(seen, time)
        own = sessions.setdefault(customer, [])
        near = [each for each in own if each[0] - GAP_MS <= time <= each[1] + GAP_MS]
        merged = [
            min([time, *(each[0] for each in near)]),
            max([time, *(each[1] for each in near)]),
            1 + sum(each[2] for each in near),
            amount + sum(each[3] for each in near),
        ]
        if merged[1] >= seen - GAP_MS - GRACE_MS:
            sessions[customer] = [each for each in own if each not in near] + [merged]
    made = [(customer, *each) for customer, own in sessions.items() for each in own]
    names = ("customer_id", "start_ms", "end_ms", "transaction_count", "total_amount")
    table = pa.table({name: [row[at] for row in made] for at, name in enumerate(names)})
    expectation.db.register("simulated", table)
    expectation.db.execute("CREATE OR REPLACE TABLE simulated_sessions AS SELECT * FROM simulated")
    return """
        SELECT customer_id, make_timestamp(start_ms * 1000) AS session_start,
          make_timestamp(end_ms * 1000) AS session_end, transaction_count, total_amount,
          (end_ms - start_ms) / 60000 AS duration_minutes
        FROM simulated_sessions"""
