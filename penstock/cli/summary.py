"""What a demo ends with: rows and rate per layer, what was rejected and why, and where to look further."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from penstock.cli.lake import Landed, columns, counted, landed
from penstock.cli.output import show

TOP = 8


def print_summary(lake: Path, seconds: Mapping[str, float], late: Mapping[str, int]) -> None:
    """`seconds` of the parts; the rate of a table counts from the first record sent until all had landed.

    `late`: rows each query has dropped because their window had closed.
    """
    tables = landed(lake)
    moving = seconds.get("replay", 0.0) + seconds.get("landing", 0.0)
    click.echo()
    show(
        ("layer", "table", "rows", "rows/s"), [layer_row(each, moving) for each in tables], "table", "Landed"
    )
    show(("reason", "rows"), rejected(lake), "table", "Rejected, by reason (a copy; silver keeps the row)")
    if late:
        show(("query", "rows"), sorted(late.items()), "table", "Too late for their window, and dropped")
    show(("country", "revenue", "transactions"), top_countries(lake), "table", "Top countries")
    show(("segment", "customers"), counted(lake, "gold/customer_segments", "segment"), "table", "Segments")
    click.echo(", ".join(f"{name} {spent:.1f} s" for name, spent in seconds.items()))
    print_where(lake, tables)


def layer_row(table: Landed, seconds: float) -> tuple[Any, ...]:
    return table.layer, table.name, table.rows, round(table.rows / seconds) if seconds else None


def rejected(lake: Path) -> list[tuple[str, int]]:
    told: Counter[str] = Counter()
    for stage, reason in columns(lake, "silver/rejected", ["stage", "reason"]):
        told[reason if stage == "quality" else f"{stage}: {first_words(reason)}"] += 1
    return told.most_common(TOP)


def first_words(reason: str | None) -> str:
    """What went wrong, without the value it went wrong with: `Malformed JSON` of `Malformed JSON: ...`."""
    return re.split(r"[.:]\s", (reason or "no reason").splitlines()[0], maxsplit=1)[0]


def top_countries(lake: Path) -> list[tuple[Any, ...]]:
    rows = columns(lake, "gold/geographic_sales", ["country", "total_revenue", "transaction_count"])
    return sorted(rows, key=lambda row: -(row[1] or 0))[:TOP]


def print_where(lake: Path, tables: list[Landed]) -> None:
    example = lake / "gold" / "geographic_sales"
    click.echo(f"\nThe {len(tables)} Delta tables are in {lake}/. Read one with what you like:\n")
    click.echo("  from deltalake import DeltaTable")
    click.echo(f'  DeltaTable("{example}").to_pyarrow_table()\n')
    click.echo(f"  SELECT * FROM delta_scan('{example}');                -- DuckDB")
    click.echo(f'  polars.read_delta("{example}")                        # Polars')
    click.echo('\nWhile the services are up:  penstock sql "SELECT * FROM geographic_sales;"')
