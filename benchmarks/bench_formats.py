"""What our JSON rows cost beside plain msgspec and beside json, on the same retail records.

Run:  python benchmarks/bench_formats.py [rows]
Out:  records a second to read and to write, and how much of plain msgspec's speed remains.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from penstock import types
from penstock.formats import formats
from penstock.language.catalog import Format

BATCH = 500
ROUNDS = 7
COLUMNS = tuple(
    types.Column(name.upper(), kind)
    for name, kind in {
        "transaction_id": types.STRING,
        "customer_id": types.STRING,
        "product_id": types.STRING,
        "quantity": types.INTEGER,
        "unit_price": types.DOUBLE,
        "transaction_date": types.STRING,
        "country": types.STRING,
    }.items()
)


class Plain(msgspec.Struct, gc=False):
    """The same record, typed by hand."""

    transaction_id: str | None = None
    customer_id: str | None = None
    product_id: str | None = None
    quantity: int | None = None
    unit_price: float | None = None
    transaction_date: str | None = None
    country: str | None = None


def records(count: int) -> list[bytes]:
    """Records like those of the data set, one in fifty with a zero price."""
    return [
        msgspec.json.encode(
            {
                "transaction_id": f"{536365 + n // 20}-{n % 20 + 1}",
                "customer_id": None if n % 4 == 0 else str(12346 + n % 5000),
                "product_id": f"{20000 + n % 4000}A",
                "quantity": n % 50 - 2,
                "unit_price": 0.0 if n % 50 == 0 else round(n % 997 / 100 + 0.01, 2),
                "transaction_date": f"2010-12-{n % 28 + 1:02}T08:26:00",
                "country": "United Kingdom",
            }
        )
        for n in range(count)
    ]


def best(work: Callable[[], Any]) -> float:
    """Seconds of the fastest round."""
    spent = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return min(spent)


def in_batches(rows: Sequence[Any], work: Callable[[Sequence[Any]], Any]) -> Callable[[], Any]:
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    return lambda: [work(batch) for batch in batches]


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    payloads = records(count)
    codec = formats.value_codec(Format("JSON"), COLUMNS)
    rows = codec.decode(payloads).values
    own = types.row_class(COLUMNS)
    sink = [own(*[getattr(row, f"c{n}") for n in range(len(COLUMNS))]) for row in rows]
    plain = msgspec.json.Decoder(Plain)
    plain_rows = [plain.decode(payload) for payload in payloads]
    encoder = msgspec.json.Encoder()
    loaded = [json.loads(payload) for payload in payloads]
    reads = {
        "msgspec, typed": best(in_batches(payloads, lambda batch: list(map(plain.decode, batch)))),
        "penstock": best(in_batches(payloads, codec.decode)),
        "json.loads": best(in_batches(payloads, lambda batch: list(map(json.loads, batch)))),
    }
    writes = {
        "msgspec, typed": best(in_batches(plain_rows, lambda batch: list(map(encoder.encode, batch)))),
        "penstock": best(in_batches(sink, codec.encode)),
        "json.dumps": best(in_batches(loaded, lambda batch: [json.dumps(row).encode() for row in batch])),
    }
    for title, measured in (("read", reads), ("write", writes)):
        for name, seconds in measured.items():
            share = measured["msgspec, typed"] / seconds
            rate = count / seconds
            print(
                f"{title:6} {name:16} {rate:12,.0f} records/s  {seconds / count * 1e9:6.0f} ns  {share:6.1%}"
            )


if __name__ == "__main__":
    main()
