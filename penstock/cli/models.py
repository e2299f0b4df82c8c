"""`penstock models`: train the model that scores customers, and see what is known of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import click

from penstock import settings
from penstock.cli.main import load
from penstock.cli.options import dir_option, output_option
from penstock.cli.output import show

TABLE = Path("lake") / "gold" / "customer_rfm"


@click.group()
def models() -> None:
    """Train and inspect the models that score."""


@models.command(epilog="Example: penstock models train --table .penstock/lake/gold/customer_rfm")
@click.option("--table", type=click.Path(path_type=Path), help="Delta table (<dir>/lake/gold/customer_rfm).")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder of the model (where the service loads it)."
)
@dir_option
@output_option
def train(table: Path | None, out: Path | None, folder: Path | None, output: str) -> None:
    """Make the segmentation model from the customers' Delta table. The same rows give the same model."""
    make = cast(Callable[[Path, Path], Any], load("sidecars.scoring.train:train"))
    where = cast(Callable[[], Path], load("sidecars.scoring.models:model_folder"))
    print_model(make(table or settings.folder(folder) / TABLE, out or where()), output)


@models.command("show", epilog="Example: penstock models show --output json")
@output_option
def show_model(output: str) -> None:
    """Version, features, segments and metrics of the model that the service loads."""
    where = cast(Callable[[], Path], load("sidecars.scoring.models:model_folder"))
    read = cast(Callable[[Path], Any], load("sidecars.scoring.models:read_manifest"))
    print_model(read(where()), output)


def print_model(manifest: Any, output: str) -> None:
    sizes, medians = manifest.metrics["customers"], manifest.metrics["medians"]
    names = sorted(sizes, key=sizes.get, reverse=True)
    rows = [(name, sizes[name], *medians.get(name, {}).values()) for name in names]
    title = f"{manifest.name} {manifest.version}, silhouette {manifest.metrics['silhouette']}"
    show(
        ("segment", "customers", *(f"median {name}" for name in manifest.features)), rows[::-1], output, title
    )
