"""What `up` and `demo` share: the plans of all services over one folder, and the table of their health.

In:  folder, log, host and ports by option or environment. Out: plans for the supervisor, rich tables.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock import settings
from penstock.cli.output import table_of
from penstock.cli.run import SERVICES
from penstock.supervisor import FolderLock, Plan, State, Supervisor, resident_bytes

if TYPE_CHECKING:
    from penstock.cli.options import Decorated

HEALTH_PATHS: Mapping[str, str] = {"server": "/healthcheck", "connect": "/health", "scoring": "/health"}
"""The services that `up` starts. A schema registry is run by whom needs one: `penstock run registry`."""
assert HEALTH_PATHS.keys() <= SERVICES.keys(), HEALTH_PATHS.keys() - SERVICES.keys()


@dataclass(frozen=True, slots=True)
class Platform:
    """One folder with its log and the settings of every service over it."""

    dir: Path
    log_url: str
    services: tuple[settings.ServiceSettings, ...]

    def service(self, name: str) -> settings.ServiceSettings:
        return next(each for each in self.services if each.service == name)

    @property
    def lake(self) -> Path:
        return self.dir / "lake"


def port_options(command: Decorated) -> Decorated:
    """--server-port, --connect-port, ...: one for each service."""
    for name, number in [(name, settings.DEFAULT_PORTS[name]) for name in reversed(tuple(HEALTH_PATHS))]:
        option: Callable[[Decorated], Decorated] = click.option(
            f"--{name}-port", type=int, help=f"Port of {name} (PENSTOCK_{name.upper()}_PORT; {number})."
        )
        command = option(command)
    return command


def platform_of(
    folder: Path | None, log: str | None, host: str | None, ports: Mapping[str, int | None]
) -> Platform:
    """`ports` as click gives them: server_port, connect_port, ..."""
    chosen = tuple(
        settings.service_settings(name, dir=folder, log=log, host=host, port=ports.get(f"{name}_port"))
        for name in HEALTH_PATHS
    )
    return Platform(chosen[0].dir, chosen[0].log_url, chosen)


def plans_of(platform: Platform) -> list[Plan]:
    urls = {f"PENSTOCK_{each.service.upper()}_URL": each.url for each in platform.services}
    return [plan_of(each, urls) for each in platform.services]


def plan_of(service: settings.ServiceSettings, urls: Mapping[str, str]) -> Plan:
    command = (sys.executable, "-m", "penstock", "run", service.service)
    given = ("--host", service.host, "--port", str(service.port))
    where = ("--dir", str(service.dir), "--log", service.log_url)
    return Plan(
        name=service.service,
        command=(*command, *given, *where),
        host=service.host,
        port=service.port,
        health_url=service.url + HEALTH_PATHS[service.service],
        words=service.dir / "logs" / f"{service.service}.log",
        environment=urls,
    )


@contextmanager
def platform_up(platform: Platform) -> Iterator[Supervisor]:
    """The folder locked, its ports free, a supervisor with nothing started yet."""
    platform.dir.mkdir(parents=True, exist_ok=True)
    with FolderLock(platform.dir):
        supervisor = Supervisor(plans_of(platform))
        supervisor.check_ports()
        yield supervisor


COLUMNS = ("service", "state", "pid", "up", "restarts", "memory", "behind", "address")


def health_table(supervisor: Supervisor, now: int, behind: Mapping[str, int]) -> Any:
    rows = [health_row(supervisor, state, now, behind.get(name)) for name, state in supervisor.states.items()]
    return table_of(COLUMNS, rows)


def health_row(supervisor: Supervisor, state: State, now: int, behind: int | None) -> Sequence[Any]:
    plan = supervisor.plans[state.name]
    memory = resident_bytes(state.pid) if state.pid else None
    return (
        state.name,
        state.phase.value,
        str(state.pid or ""),
        duration(now - state.since_ms) if state.pid else "",
        state.restarts,
        f"{memory / 2**20:.0f} MB" if memory else "",
        "" if behind is None else f"{behind:,} records",
        f"{plan.host}:{plan.port}",
    )


def duration(elapsed_ms: int) -> str:
    """Two figures that a person wants: 8 s, 3 min 12 s, 2 h 5 min, 4 d 3 h."""
    total = max(0, elapsed_ms) // 1000
    for size, unit, smaller, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if total >= size:
            return f"{total // size} {unit} {total % size // smaller} {name}"
    return f"{total} s"
