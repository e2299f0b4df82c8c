"""Landing in Delta Lake: rows a second of our sink beside the library's own calls, on the same rows.

    python benchmarks/delta.py [rows]         appends: 30 columns of JSON, about 550 bytes a record
                                              upserts: a narrow table, keys scattered and new

Ours starts from the bytes of a topic and ends with rows and offsets in one fsynced commit, every value
checked. The library is given Arrow tables that are parsed already, with the same offsets as a transaction;
it doesn't check, doesn't fold keys and doesn't fsync. The third figure adds Arrow's own JSON reader to it, on
the same bytes.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.json as pj
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from connect.api import Batch, Context
from connect.converters import Converter, read_json
from connect.delta.cast import PLAIN, Caster
from connect.delta.columns import arrow_schema, declared
from connect.delta.sink import DeltaSink
from connect.plugins import Connector, understood
from connect.worker import Surroundings, Task, context
from penstock.topics.base import Chunk
from penstock.topics.open import open_log

WIDE = (
    "transaction_id STRING, invoice_no STRING, stock_code STRING, description STRING, quantity INT, "
    "unit_price DOUBLE, amount DOUBLE, ts TIMESTAMP, invoice_date DATE, customer_id INT, country STRING, "
    "year INT, month INT, day INT, hour INT, dow INT, is_return BOOLEAN, is_uk BOOLEAN, "
    "customer_type STRING, price_band STRING, qty_band STRING, category STRING, discount DOUBLE, "
    "tax DOUBLE, net DOUBLE, "
    "source STRING, batch_id BIGINT, quality DOUBLE, flags STRING, processed_at TIMESTAMP"
)
NARROW = "customer_id INT, window_start TIMESTAMP, orders BIGINT, amount DOUBLE"
UPSERT = {"delta.mode": "upsert", "delta.key.columns": "customer_id, window_start"}
WORDS = ("WHITE", "RED", "HEART", "LANTERN", "HOLDER", "METAL", "GLASS", "STAR", "CAKE", "STAND", "BAG")


def wide(count: int) -> Iterator[bytes]:
    """Records as a silver stream of a shop has them: some texts repeat, some never do."""
    chance, encode = random.Random(7), msgspec.json.Encoder().encode
    names = [column.name.upper() for column in declared(WIDE)]
    for number in range(count):
        quantity, price = chance.randint(-5, 60), chance.randint(10, 2000) / 100
        at, invoice = 1291191960000 + number * 60000, str(536365 + number // 20)
        words = chance.sample(WORDS, 4)
        band = "low" if price < 2 else "high"
        row = (
            *(f"{invoice}-{number}", invoice, f"{chance.randint(10000, 99999)}A", " ".join(words), quantity),
            *(price, round(quantity * price, 2), at, at // 86400000, 12346 + number % 4000, "United Kingdom"),
            *(2010, 12, number % 28 + 1, number % 24, number % 7, quantity < 0, True, "registered", band),
            *("single", words[0], 0.0, round(price * 0.2, 4), round(price * 0.8, 4), "online-retail"),
            *(number // 1000, 0.97, "", at + 1234),
        )
        yield encode(dict(zip(names, row, strict=True)))


def narrow(count: int, scattered: bool) -> Iterator[bytes]:
    """Rows of a windowed table: each key comes again, near by or far away."""
    chance, encode = random.Random(7), msgspec.json.Encoder().encode
    for number in range(count):
        window = chance.randrange(count // 50) if scattered else number // 50
        row = {
            "CUSTOMER_ID": number % 40,
            "WINDOW_START": window * 3600000,
            "ORDERS": number,
            "AMOUNT": number / 4,
        }
        yield encode(row)


def sink(folder: Path, columns: str, **settings: str) -> DeltaSink:
    config = {
        "name": "c",
        "connector.class": "DeltaSink",
        "topics": "t",
        "delta.columns": columns,
        **settings,
    }
    connector: Connector = understood("c", config)
    around = Surroundings(open_log("memory://"), folder, lambda: 0, lambda: None)
    surroundings: Context = context(Task(connector, 0, 1, around), around)
    made = DeltaSink()
    made.start(surroundings)
    return made


def ours(folder: Path, lines: Sequence[bytes], step: int, columns: str, settings: dict[str, str]) -> None:
    made = sink(folder, columns, **settings)
    for start in range(0, len(lines), step):
        part = lines[start : start + step]
        zeros = [0] * len(part)
        chunk = Chunk("t", start, [None] * len(part), part, zeros, zeros, range(start, start + len(part)))
        made.write(Batch((chunk,), {("t", 0): start + len(part)}))


def parsed(lines: Sequence[bytes], columns: str) -> pa.Table:
    return Caster(declared(columns), Converter("JSON", read_json, plain_json=True), "error").read(lines).table


def library_read_append(folder: Path, lines: Sequence[bytes], step: int) -> None:
    """As a script would do it; instants and dates stay numbers."""
    kinds = [(column.name.upper(), column.type) for column in declared(WIDE)]
    schema = pa.schema([(name, PLAIN[kind][0]) for name, kind in kinds])
    options = pj.ParseOptions(explicit_schema=schema)
    for start in range(0, len(lines), step):
        part = pj.read_json(pa.BufferReader(b"\n".join(lines[start : start + step])), parse_options=options)
        write_deltalake(folder / "c", part, mode="append", commit_properties=properties(start + step))


def properties(version: int) -> CommitProperties:
    return CommitProperties(app_transactions=[Transaction("c/t/0", version)])


def library_append(folder: Path, rows: pa.Table, step: int, columns: str) -> None:
    table = DeltaTable.create(str(folder / "c"), schema=arrow_schema(declared(columns)))
    for start in range(0, rows.num_rows, step):
        part = rows.slice(start, step)
        write_deltalake(table, part, mode="append", commit_properties=properties(start + part.num_rows))


def library_merge(folder: Path, rows: pa.Table, step: int, columns: str) -> None:
    """As the manual shows it; the source is folded before, since it has to be."""
    table = DeltaTable.create(str(folder / "c"), schema=arrow_schema(declared(columns)))
    keys = ["customer_id", "window_start"]
    for start in range(0, rows.num_rows, step):
        part = rows.slice(start, step)
        part = part.append_column("__at", pa.array(range(part.num_rows)))
        last = part.group_by(keys).aggregate([("__at", "max")]).column("__at_max")
        source = part.take(last).drop_columns(["__at"])
        merger = table.merge(
            source,
            "t.customer_id = s.customer_id AND t.window_start = s.window_start",
            source_alias="s",
            target_alias="t",
            commit_properties=properties(start + step),
        )
        merger.when_matched_update_all().when_not_matched_insert_all().execute()


def measured(work: Callable[[Path], None], rows: int) -> float:
    folder = Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    try:
        start = time.perf_counter()
        work(folder)
        return rows / (time.perf_counter() - start)
    finally:
        shutil.rmtree(folder)


def show(name: str, step: int, ours_rate: float, *others: float) -> None:
    told = "".join(f"{rate:>16,.0f}" for rate in others)
    print(f"{name:<26}{step:>9,}{ours_rate:>12,.0f}{told}", flush=True)


def appends(count: int) -> None:
    print(f"{'rows a second':<26}{'a commit':>9}{'ours':>12}{'write Arrow':>16}{'read and write':>16}")
    lines = list(wide(count))
    for step in (100_000, 10_000, 1_000):
        part = lines if step > 1_000 else lines[:100_000]
        table = parsed(part, WIDE)
        show(
            "append, 30 columns JSON",
            step,
            measured(partial(ours, lines=part, step=step, columns=WIDE, settings={}), len(part)),
            measured(partial(library_append, rows=table, step=step, columns=WIDE), len(part)),
            measured(partial(library_read_append, lines=part, step=step), len(part)),
        )


def upserts(count: int) -> None:
    print(f"{'rows a second':<26}{'a commit':>9}{'ours':>12}{'merge Arrow':>16}")
    for name, scattered in (("upsert, newest keys", False), ("upsert, scattered keys", True)):
        lines = list(narrow(count, scattered))
        table = parsed(lines, NARROW)
        show(
            name,
            10_000,
            measured(partial(ours, lines=lines, step=10_000, columns=NARROW, settings=UPSERT), count),
            measured(partial(library_merge, rows=table, step=10_000, columns=NARROW), count),
        )


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    appends(asked)
    upserts(min(asked, 200_000))
