"""`penstock test`: cases run through the product itself, with the topics in memory.

In:  .json files or folders of them. Out: a bar while they run, a difference for each failure, one line of
counts at the end; exit code 1 when a case failed.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from penstock.cases.model import Result

DETAIL_LINES = 12


@click.command(epilog="Example: penstock test tests/cases/engine --way restore -k session -v")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--way",
    type=click.Choice(["whole", "rows", "restore"]),
    default="whole",
    show_default=True,
    help="All rows at once, row by row, or stopped and restored after every row.",
)
@click.option("-k", "containing", default="", metavar="TEXT", help="Only cases whose name contains the text.")
@click.option("-j", "processes", type=click.IntRange(1), help="Processes; by default one for each core.")
@click.option("-v", "--verbose", is_flag=True, help="Whole differences, and the reason of each skipped case.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def test(
    context: click.Context,
    paths: tuple[Path, ...],
    way: str,
    containing: str,
    processes: int | None,
    verbose: bool,
    output: str,
) -> None:
    """Run files of cases: ksqlDB's query tests, your own, or expressions with their values."""
    from penstock.cases.runner import read_all, run_all

    cases = read_all(paths, containing)
    running = run_all(cases, way, processes or os.cpu_count() or 1)
    results = sorted(_followed(running, len(cases), output), key=lambda result: result.title)
    counts = Counter(result.outcome for result in results)
    if output == "json":
        click.echo(json.dumps([_object(result) for result in results], indent=2))
    else:
        _tell(results, verbose)
        click.echo(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    context.exit(1 if counts["failed"] else 0)


def _followed(results: Iterator[Result], total: int, output: str) -> Iterator[Result]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns: Sequence[Any] = (
        TextColumn("cases"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("[red]{task.fields[failed]} failed"),
        TimeElapsedColumn(),
    )
    shown = output == "text" and console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=not shown) as bar:
        task, failed = bar.add_task("cases", total=total, failed=0), 0
        for result in results:
            failed += result.outcome == "failed"
            bar.update(task, advance=1, failed=failed)
            yield result


def _object(result: Result) -> dict[str, str]:
    return {"case": result.title, "outcome": result.outcome, "detail": result.detail}


def _tell(results: Sequence[Result], verbose: bool) -> None:
    for result in results:
        if result.outcome == "failed":
            lines = result.detail.splitlines()
            shown = lines if verbose else lines[:DETAIL_LINES]
            click.secho(f"FAILED {result.title}", fg="red", bold=True)
            click.echo("\n".join(f"    {line}" for line in shown))
            if len(shown) < len(lines):
                click.echo(f"    ... {len(lines) - len(shown)} more lines; -v shows them")
        elif verbose and result.outcome == "skipped":
            click.echo(f"skipped {result.title}: {result.detail}")
    _tell_reasons(results)


def _tell_reasons(results: Sequence[Result]) -> None:
    reasons = Counter(result.detail for result in results if result.outcome == "skipped")
    for reason, count in reasons.most_common():
        click.echo(f"{count:6} skipped: {reason}")
