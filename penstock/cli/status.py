"""`penstock status`: what runs in a folder, the queries of its server, and how far each reader is behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from penstock.cli.options import dir_option, log_option, open_existing_log, output_option
from penstock.cli.output import show
from penstock.cli.progress import every_group
from penstock.cli.services import HEALTH_PATHS, Platform, platform_of, port_options

Row = tuple[Any, ...]


@click.command(epilog="Example: penstock status --output json")
@click.option("--host", help="Address the services listen on (PENSTOCK_HOST; 127.0.0.1).")
@dir_option
@log_option
@output_option
@port_options
def status(folder: Path | None, log: str | None, host: str | None, output: str, **ports: int | None) -> None:
    """Services, queries and how far each reader is behind. Asks, changes nothing."""
    platform = platform_of(folder, log, host, ports)
    services = (("service", "state", "address"), list(services_of(platform)))
    opened = open_existing_log(folder, log)
    groups = [
        (each.group, each.service, each.read, each.behind) for each in every_group(opened) if each.service
    ]
    readers = (("reader", "service", "read", "behind"), groups)
    if output == "json":
        parts = {"services": services, "readers": readers}
        said = {
            name: [dict(zip(columns, row, strict=True)) for row in rows]
            for name, (columns, rows) in parts.items()
        }
        click.echo(json.dumps(said, indent=2))
        return
    show(*services, output)
    show(*readers, output)


def services_of(platform: Platform) -> Iterator[Row]:
    import httpx

    for service in platform.services:
        try:
            answer = httpx.get(service.url + HEALTH_PATHS[service.service], timeout=2.0)
            state = "up" if answer.status_code == httpx.codes.OK else f"unwell (HTTP {answer.status_code})"
        except httpx.HTTPError:
            state = "down"
        yield service.service, state, service.url
