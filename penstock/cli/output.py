"""What commands print: a table for a person, JSON for a program."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click

PIPE_WIDTH = 240


def show(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    output: str,
    title: str | None = None,
    exact: bool = False,
) -> None:
    """Rows under their columns; as JSON a list of objects. `exact`: numbers as they are, for data."""
    if output == "json":
        click.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=2, default=str))
        return
    console().print(table_of(columns, rows, title, exact))


def console() -> Any:
    """A terminal has its own width; a file or pipe takes whole lines."""
    from rich.console import Console

    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=PIPE_WIDTH)


def show_each(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], output: str, heading: bool = True
) -> None:
    """Rows as they come, for a query that may never end: JSON objects, or fields behind tabs."""
    if output == "table" and heading:
        click.echo("\t".join(columns))
    for row in rows:
        if output == "json":
            click.echo(json.dumps(dict(zip(columns, row, strict=True)), default=str))
        else:
            click.echo("\t".join(text_of(value, exact=True) for value in row))


def table_of(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None, exact: bool = False
) -> Any:
    """A rich table; numbers to the right."""
    from rich import box
    from rich.table import Table

    kept = [list(row) for row in rows]
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for position, name in enumerate(columns):
        numeric = bool(kept) and all(isinstance(row[position], int | float | None) for row in kept)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in kept:
        table.add_row(*(escaped(text_of(value, exact)) for value in row))
    return table


def text_of(value: Any, exact: bool = False) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() if not exact:
            return f"{value:,}"
        case float() if not exact:
            return f"{value:,.2f}"
        case dict() | list():
            return json.dumps(value, default=str)
    return str(value)


def escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
