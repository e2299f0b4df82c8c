"""The options that several commands share, and what they are made into."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from penstock import settings
from penstock.errors import SettingError

if TYPE_CHECKING:
    from penstock.client import KsqlClient
    from penstock.topics.base import Log

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

dir_option = click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder of everything Penstock writes (PENSTOCK_DIR; .penstock).",
)
log_option = click.option("--log", help="URL of the topic log (PENSTOCK_LOG; sqlite in the folder).")
output_option = click.option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A table to read, or JSON for a program.",
)


def server_options(command: Decorated) -> Decorated:
    """--url, --user, --password: the server a command speaks to."""
    for option in (
        click.option("--password", help="Password of basic authentication (PENSTOCK_PASSWORD)."),
        click.option("--user", help="Name of basic authentication (PENSTOCK_USER)."),
        click.option("--url", help="The ksqlDB server (PENSTOCK_URL; http://127.0.0.1:8088)."),
    ):
        command = option(command)
    return command


def connect(url: str | None, user: str | None = None, password: str | None = None) -> KsqlClient:
    """A client of the server that options or environment name."""
    from penstock.client import KsqlClient

    default = settings.http_url(settings.DEFAULT_HOST, settings.DEFAULT_PORTS["server"])
    name = settings.read("user", str, "", user)
    secret = settings.read("password", str, "", password)
    address = settings.read("url", settings.http_url_text, default, url)
    return KsqlClient(address, (name, secret) if name else None)


def open_existing_log(folder: Path | None, log: str | None) -> Log:
    """The log, for commands that look at one and must not make one by looking."""
    from penstock.topics.open import open_log

    url = settings.log_of(settings.folder(folder), log)
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and not path.exists():
        raise SettingError(f"There is no log at {path}. Start one with `penstock up`, or name it with --log.")
    return open_log(url)
