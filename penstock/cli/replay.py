"""`penstock replay`: the retail transactions go to their topic, with as much dirt and as fast as asked."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock import settings
from penstock.cli.options import dir_option, log_option, output_option
from penstock.cli.output import console, show

if TYPE_CHECKING:
    from penstock.replay import ReplaySummary
    from penstock.topics.base import Log


@click.command(epilog="Example: penstock replay --rate 2000 --dirt 2 --seed 7")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The transactions (data/online-retail.csv.gz).",
)
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Records a second; else all at once.")
@click.option("--limit", type=click.IntRange(0), help="Rows of the file at most.")
@click.option(
    "--dirt",
    type=click.FloatRange(0, 100),
    default=0.0,
    show_default=True,
    help="Percent of the rows with a duplicate, a broken copy, a wrong type, or that come late.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same dirt.")
@dir_option
@log_option
@output_option
def replay(
    path: Path | None,
    rate: float | None,
    limit: int | None,
    dirt: float,
    seed: int,
    folder: Path | None,
    log: str | None,
    output: str,
) -> None:
    """Send the retail transactions to their topic.

    Missing topics are created; products and countries are sent first.
    """
    from penstock.replay import ensure_topics, send_reference
    from penstock.topics.open import open_log

    opened = open_log(made_ready(settings.log_of(settings.folder(folder), log)))
    try:
        ensure_topics(opened)
        reference = send_reference(opened, path)
        summary = with_progress(opened, path, limit, quiet=output == "json", rate=rate, dirt=dirt, seed=seed)
    finally:
        opened.close()
    show_summary(summary, reference, output)


def made_ready(url: str) -> str:
    """The folder of a SQLite log is made, as `penstock up` makes it."""
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return url


def with_progress(
    log: Log, path: Path | None, limit: int | None, quiet: bool, **options: Any
) -> ReplaySummary:
    """A bar with the rate while it runs; nothing but the result when a program listens."""
    from penstock.replay import replay as send_all

    screen = console()
    if quiet or not screen.is_terminal:
        return send_all(log, path, limit=limit, **options)
    with bar(screen) as shown:
        task = shown.add_task("retail-transactions", total=None, rate="")

        def progress(sent: int, total: int) -> None:
            speed = shown.tasks[task].speed
            shown.update(task, completed=sent, total=total, rate=f"{speed:,.0f}/s" if speed else "")

        return send_all(log, path, limit=limit, progress=progress, **options)


def bar(screen: Any) -> Any:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=screen,
    )


def show_summary(summary: ReplaySummary, reference: dict[str, int], output: str) -> None:
    counts = {
        **asdict(summary),
        "seconds": round(summary.seconds, 3),
        "records_per_second": round(summary.records_per_second),
        **reference,
    }
    if output == "json":
        click.echo(json.dumps(counts, indent=2))
        return
    show(("sent", "records"), [(name.replace("_", " "), value) for name, value in counts.items()], output)
