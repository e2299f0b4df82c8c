"""`penstock demo`: the whole platform on real retail events, from nothing to Delta tables, with a summary.

In:  the pipelines in ksql/, the retail transactions that Penstock ships. Out: a folder with log and lake.

    up ------ apply ksql/ ------ replay ------ wait until landed ------ summary
     `- topics and reference data meanwhile
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock import settings
from penstock.cli.apply import apply_files
from penstock.cli.landing import Expected, expected_connectors, expected_queries, wait_until_landed
from penstock.cli.options import connect, dir_option
from penstock.cli.output import console
from penstock.cli.progress import service_of
from penstock.cli.replay import bar
from penstock.cli.services import Platform, platform_of, platform_up, port_options
from penstock.cli.summary import print_summary
from penstock.cli.troubles import Troubles, late_rows
from penstock.cli.up import stop_signals
from penstock.errors import PenstockError, SettingError
from penstock.replay import ReplaySummary, ensure_topics, replay, send_reference
from penstock.supervisor import FolderLock, Phase, Supervisor, in_background

if TYPE_CHECKING:
    from penstock.topics.base import Log

ROOT = Path(__file__).resolve().parents[2]
READY_WAIT_S = 60.0
# What Penstock writes in its folder; --fresh takes away nothing else.
OWN = ("log.db*", "lake", "logs")


@dataclass(slots=True)
class Times:
    """Seconds of each part, for the summary."""

    parts: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.parts[name] = time.perf_counter() - begun


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is replayed."""

    limit: int | None
    dirt: float
    seed: int


@click.command(epilog="Example: penstock demo --dirt 2 --seed 7 mixes in 2 % of bad records.")
@click.option("--limit", type=click.IntRange(1), help="Only the first so many transactions.")
@click.option("--dirt", type=click.FloatRange(0, 50), default=0.0, help="Percent of bad records mixed in.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed, the same dirt.")
@click.option("--fresh", is_flag=True, help="Remove what an earlier run wrote in the folder, without asking.")
@click.option("--keep-running", is_flag=True, help="Leave the services up after the summary, until Ctrl-C.")
@click.option("--host", help="Address the services listen on (PENSTOCK_HOST; 127.0.0.1).")
@dir_option
@port_options
def demo(
    limit: int | None,
    dirt: float,
    seed: int,
    fresh: bool,
    keep_running: bool,
    host: str | None,
    folder: Path | None,
    **ports: int | None,
) -> None:
    """Real retail events to Delta tables, from nothing, with a summary.

    Starts every service, brings the pipelines of ksql/, replays 541,909 transactions, waits until every
    table has landed and every customer is scored, and tells what came of it.
    """
    platform = platform_of(folder, None, host, ports)
    make_room(platform, fresh)
    times = Times()
    with platform_up(platform) as supervisor, in_background(supervisor), stop_signals() as stopped:
        late = play(platform, supervisor, Wishes(limit, dirt, seed), times, stopped)
        print_summary(platform.lake, times.parts, late)
        if keep_running:
            click.echo("The services stay up. Ctrl-C stops them.")
            while not stopped:
                supervisor.check()
                time.sleep(0.2)
    click.echo("Stopped. `penstock up` starts the services again on the same data.")


def make_room(platform: Platform, fresh: bool) -> None:
    """An earlier run's data would be counted twice: remove it, when that is wanted."""
    there = [path for pattern in OWN for path in platform.dir.glob(pattern)]
    if not (platform.dir / settings.LOG_FILE).exists():
        return
    if not fresh and not (sys.stdin.isatty() and click.confirm(f"Remove what stands in {platform.dir}?")):
        raise SettingError(
            f"An earlier run stands in {platform.dir}. --fresh removes it, --dir DIR chooses another folder."
        )
    with FolderLock(platform.dir):
        for path in there:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def play(
    platform: Platform, supervisor: Supervisor, wishes: Wishes, times: Times, stopped: list[int]
) -> Mapping[str, int]:
    """Every part of the demo in its order; returns the rows dropped as too late, by query.

    Ends early, without a summary, when a signal comes or when a part of the platform can't go on.
    """
    from penstock.topics.open import open_log

    log = open_log(platform.log_url)
    watch = Watch(supervisor, stopped)
    try:
        with times.part("start"):
            prepare(log)
            watch.until_ready("server", "connect")
        with times.part("apply"), connect(platform.service("server").url) as client:
            apply_files(client, (pipelines(),))
            expected = (*expected_queries(client), *expected_connectors(platform.service("connect").url))
        with times.part("replay"):
            sent = send(log, wishes, watch)
        click.echo(f"Sent {dirt_told(sent)}.")
        with times.part("landing"):
            troubles = Troubles(platform.service("server").url, platform.service("connect").url)
            land(log, (*expected, scoring()), watch, troubles)
        late = late_rows(platform.service("server").url)
    finally:
        log.close()
    return late


class Stopped(PenstockError):
    pass


@dataclass(frozen=True, slots=True)
class Watch:
    """Asked at every turn of the demo: do the services live, does the person still want it?"""

    supervisor: Supervisor
    stopped: list[int]

    def look(self) -> None:
        if self.stopped:
            raise Stopped("Stopped before the end; --fresh starts anew.")
        self.supervisor.check()

    def until_ready(self, *names: str) -> None:
        deadline = time.monotonic() + READY_WAIT_S
        states = self.supervisor.states
        while any(states[name].phase is not Phase.READY for name in names):
            self.look()
            if time.monotonic() > deadline:
                slow = ", ".join(name for name in names if states[name].phase is not Phase.READY)
                raise PenstockError(f"Not ready after {READY_WAIT_S:.0f} s: {slow}. See the services' logs.")
            time.sleep(0.02)


def prepare(log: Log) -> None:
    """The topics and what the pipelines look up, while the services start."""
    ensure_topics(log)
    send_reference(log)


def dirt_told(sent: ReplaySummary) -> str:
    """How many of each were sent, to be found again in the tables."""
    dirt = {"duplicates": sent.duplicates, "malformed": sent.malformed}
    dirt |= {"of a wrong type": sent.wrong_types, "late": sent.late}
    told = ", ".join(f"{count:,} {kind}" for kind, count in dirt.items() if count)
    return f"{sent.records:,} records" + (f", of them {told}" if told else "")


def pipelines() -> Path:
    return settings.read("ksql", Path, ROOT / "ksql")


def scoring() -> Expected:
    return Expected("penstock-scoring", ("gold.customer_rfm",))


def send(log: Log, wishes: Wishes, watch: Watch) -> ReplaySummary:
    with bar(console()) as shown:
        task = shown.add_task("replay", total=wishes.limit, rate="")

        def on_progress(sent: int, total: int) -> None:
            watch.look()
            speed = shown.tasks[task].speed
            shown.update(task, completed=sent, total=total, rate=f"{speed:,.0f}/s" if speed else "")

        return replay(log, limit=wishes.limit, dirt=wishes.dirt, seed=wishes.seed, progress=on_progress)


def land(log: Log, expected: tuple[Expected, ...], watch: Watch, troubles: Troubles) -> None:
    with console().status("landing") as status:

        def on_look(behind: Mapping[str, int]) -> None:
            watch.look()
            troubles.look()
            slowest = {service_of(group): 0 for group in behind}
            for group, count in behind.items():
                slowest[service_of(group)] = max(slowest[service_of(group)], count)
            told = ", ".join(f"{name} {count:,}" for name, count in slowest.items())
            status.update(f"landing; records still before {told}")

        wait_until_landed(log, expected, on_look)
