"""`penstock run SERVICE`: one service in the foreground, on a desk and in a container alike.

In:  the service's name, its port, host, log and folder by option or environment.
Out: the service, until it is told to stop (SIGTERM, Ctrl-C).

A service is a function `run(log_url, directory, port, host)` that returns when it has stopped. It is known
here by name only: this room must not import the rooms beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import click

from penstock import settings
from penstock.cli.main import load
from penstock.cli.options import dir_option, log_option
from penstock.supervised import end_with_supervisor

Run = Callable[[str, Path, int, str], None]

SERVICES: dict[str, str] = {
    "server": "penstock.server.app:run",
    "connect": "connect.service:run",
    "scoring": "sidecars.scoring.service:run",
    "registry": "schema_registry.service:run",
}
assert SERVICES.keys() == settings.DEFAULT_PORTS.keys(), SERVICES.keys() ^ settings.DEFAULT_PORTS.keys()


@click.command(epilog="Example: penstock run server --port 8088 --dir .penstock")
@click.argument("service", type=click.Choice(list(SERVICES)))
@click.option("--port", type=int, help="Port to listen on (PENSTOCK_<SERVICE>_PORT, PENSTOCK_PORT).")
@click.option("--host", help="Address to listen on (PENSTOCK_HOST; 127.0.0.1).")
@dir_option
@log_option
def run(service: str, port: int | None, host: str | None, folder: Path | None, log: str | None) -> None:
    """One service in the foreground.

    \b
    server   ksqlDB's REST API and the engine          port 8088
    connect  Kafka Connect's REST API and the sinks    port 8083
    scoring  customer segments by the shipped model    port 8084
    registry Confluent's Schema Registry REST API      port 8081
    """
    chosen = settings.service_settings(service, dir=folder, log=log, host=host, port=port)
    chosen.dir.mkdir(parents=True, exist_ok=True)
    end_with_supervisor()
    cast(Run, load(SERVICES[service]))(chosen.log_url, chosen.dir, chosen.port, chosen.host)
