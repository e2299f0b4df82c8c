"""`penstock up`: every service as a process over one log, their health in one live table, until Ctrl-C."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.options import dir_option, log_option
from penstock.cli.progress import by_service, every_group
from penstock.cli.services import Platform, health_table, platform_of, platform_up, port_options
from penstock.clock import now_ms
from penstock.errors import LogError
from penstock.supervisor import TICK_S, Supervisor

if TYPE_CHECKING:
    from penstock.topics.base import Log

LOOK_AT_LOG_S = 1.0


class Behind:
    """How far the services are behind, looked up in the log once a second."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._log: Log | None = None
        self._looked_s = 0.0
        self._last: Mapping[str, int] = {}

    def now(self) -> Mapping[str, int]:
        if time.monotonic() - self._looked_s >= LOOK_AT_LOG_S:
            self._looked_s = time.monotonic()
            # The table is a comfort: when the log can't be read now, the services will say so themselves.
            try:
                self._last = by_service(every_group(self._open()))
            except LogError:
                self._last = {}
        return self._last

    def _open(self) -> Log:
        if self._log is None:
            from penstock.topics.open import open_log

            self._log = open_log(self._url)
        return self._log


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """SIGTERM and SIGINT as a list that fills, so that the loop ends between two steps."""
    seen: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        seen.append(number)

    before = {
        number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    }
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@click.command(epilog="Example: penstock up --dir .penstock --server-port 8088")
@click.option("--host", help="Address the services listen on (PENSTOCK_HOST; 127.0.0.1).")
@dir_option
@log_option
@port_options
def up(folder: Path | None, log: str | None, host: str | None, **ports: int | None) -> None:
    """Start every service over one log and keep them running, until Ctrl-C.

    What dies is started again. What a service says is in the folder's logs/.
    """
    platform = platform_of(folder, log, host, ports)
    with platform_up(platform) as supervisor, stop_signals() as stopped:
        try:
            tend(platform, supervisor, stopped)
        finally:
            click.echo("Stopping ...", err=True)
            supervisor.stop()


def tend(platform: Platform, supervisor: Supervisor, stopped: list[int]) -> None:
    """Step after step until a signal comes; a terminal sees a table, anything else a line a change."""
    from rich.console import Console
    from rich.live import Live

    console = Console()
    behind = Behind(platform.log_url)
    if not console.is_terminal:
        said: dict[str, str] = {}
        while not stopped:
            step(supervisor)
            say_changes(supervisor, said)
        return
    with Live(console=console, auto_refresh=False) as live:
        shown_ms = 0
        while not stopped:
            step(supervisor)
            if now_ms() - shown_ms >= 250:
                shown_ms = now_ms()
                live.update(picture(platform, supervisor, behind), refresh=True)


def step(supervisor: Supervisor) -> None:
    supervisor.step()
    supervisor.check()
    time.sleep(TICK_S)


def picture(platform: Platform, supervisor: Supervisor, behind: Behind) -> Any:
    from rich.console import Group
    from rich.text import Text

    where = Text(f"Penstock in {platform.dir}   log {platform.log_url}   Ctrl-C stops", style="dim")
    return Group(health_table(supervisor, now_ms(), behind.now()), where)


def say_changes(supervisor: Supervisor, said: dict[str, str]) -> None:
    for name, state in supervisor.states.items():
        line = f"{name} is {state.phase.value}" + (f" (process {state.pid})" if state.pid else "")
        if state.exit_code is not None and state.pid is None:
            line += f" after code {state.exit_code}: {supervisor.last_words(name)}"
        if said.get(name) != line:
            said[name] = line
            click.echo(line)
