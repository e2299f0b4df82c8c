"""What the transactions refer to: products with their descriptions, countries with their usual names.

In:  the data set, and data/countries.csv. Out: records for two compacted topics, in the order of their keys.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path

import msgspec

from penstock.replay.rows import data_file, file_rows

COUNTRIES_FILE = "countries.csv"

Keyed = list[tuple[bytes, bytes]]


def products(path: Path | None = None) -> Keyed:
    """Each product with the description it bears most often; with null when it never has one."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for _, product, description, *_ in file_rows(path or data_file()):
        seen[product][description.strip()] += 1
    return [
        (product.encode(), msgspec.json.encode({"product_id": product, "description": most_frequent(found)}))
        for product, found in sorted(seen.items())
    ]


def most_frequent(found: Counter[str]) -> str | None:
    """Of texts met equally often the first in order, so that every run sends the same."""
    texts = [(-count, text) for text, count in found.items() if text]
    return min(texts)[1] if texts else None


def countries() -> Keyed:
    """Each name as the data has it, with the name, code and region it stands for."""
    with data_file(COUNTRIES_FILE).open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    return [
        (row["country"].encode(), msgspec.json.encode({name: value or None for name, value in row.items()}))
        for row in rows
    ]
