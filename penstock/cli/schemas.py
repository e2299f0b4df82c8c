"""`penstock schemas`: may this change be merged? A folder of schemas against git or a registry.

In:  a folder with one file a subject, a registry's URL or a git revision. Out: tables, JSON or JUnit XML;
exit code 1 when a change would break readers or writers.

The room of the registry is known by name only, as services are: this room must not import rooms beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from penstock import settings
from penstock.cli.main import load
from penstock.cli.options import output_option
from penstock.cli.output import show
from penstock.errors import SettingError

FOLDER = Path("schemas")
COLUMNS = ("subject", "level", "against", "result", "difference", "path", "what")
LEVELS = (
    "BACKWARD",
    "FORWARD",
    "FULL",
    "BACKWARD_TRANSITIVE",
    "FORWARD_TRANSITIVE",
    "FULL_TRANSITIVE",
    "NONE",
)

folder_argument = click.argument("folder", type=click.Path(path_type=Path), default=FOLDER)
url_option = click.option("--url", help="The schema registry (PENSTOCK_REGISTRY_URL; http://127.0.0.1:8081).")
user_option = click.option("--user", help="name:password of basic authentication (PENSTOCK_REGISTRY_USER).")
level_option = click.option("--level", type=click.Choice(LEVELS, case_sensitive=False), help="One for all.")


@click.group()
def schemas() -> None:
    """Schemas in files: check changes, register, compare, list, pull."""


def registry_url(url: str | None) -> str:
    default = settings.http_url(settings.DEFAULT_HOST, settings.DEFAULT_PORTS["registry"])
    return settings.read("registry_url", settings.http_url_text, default, url)


def credentials(user: str | None) -> tuple[str, str] | None:
    text = settings.read("registry_user", str, "", user)
    name, _, password = text.partition(":")
    return (name, password) if name else None


def remote(url: str | None, user: str | None) -> Any:
    made: Any = load("schema_registry.remote:RemoteRegistry")
    return made(registry_url(url), credentials(user))


@schemas.command(epilog="Example: penstock schemas check schemas --against git:origin/main")
@folder_argument
@click.option("--against", help="git:REF, or the URL of a registry (PENSTOCK_REGISTRY_URL; git:HEAD).")
@click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit XML to this file too.")
@level_option
@user_option
@output_option
@click.pass_context
def check(
    context: click.Context,
    folder: Path,
    against: str | None,
    junit: Path | None,
    level: str | None,
    user: str | None,
    output: str,
) -> None:
    """Judge each changed file at its level; exit 1 on a break."""
    where = against or settings.read("registry_url", str, "git:HEAD")
    if not where.startswith(("git:", "http://", "https://")):
        raise SettingError(f"--against takes git:REF or a URL, not '{where}'.")
    checking: Any = load("schema_registry.checking:check")
    before: Any = load("schema_registry.checking:before")
    found = checking(folder, before(where, folder, credentials(user)), level)
    show(COLUMNS, rows(found), output)
    if junit is not None:
        report: Any = load("schema_registry.junit:report")
        junit.write_text(report(found))
    stopped = [one.subject for one in found if one.stops]
    if stopped:
        click.echo(f"{len(stopped)} of {len(found)} subjects would break: {', '.join(stopped)}.", err=True)
        context.exit(1)


def rows(found: list[Any]) -> list[tuple[Any, ...]]:
    """A line for each difference; one line for a subject without any."""
    out: list[tuple[Any, ...]] = []
    for one in found:
        start = (one.subject, one.level, one.against, one.result)
        out += [(*start, it.kind, it.path, it.message) for it in one.differences] or [(*start, "", "", "")]
    return out


@schemas.command(epilog="Example: penstock schemas register schemas --url http://127.0.0.1:8081")
@folder_argument
@url_option
@user_option
@click.option("--normalize", is_flag=True, help="Let the registry bring schemas into their normal form.")
@output_option
def register(folder: Path, url: str | None, user: str | None, normalize: bool, output: str) -> None:
    """Register every file, references first, with its level; what is there already stays."""
    bring: Any = load("schema_registry.bringing:register")
    with remote(url, user) as registry:
        done = bring(registry, folder, normalize)
    show(("subject", "version", "id", "result"), done, output)


@schemas.command(epilog="Example: penstock schemas diff old.avsc new.avsc")
@click.argument("old")
@click.argument("new")
@url_option
@user_option
@click.option("--level", type=click.Choice(LEVELS, case_sensitive=False), default="FULL", show_default=True)
@output_option
def diff(old: str, new: str, url: str | None, user: str | None, level: str, output: str) -> None:
    """What stops one schema from following another. Each is a file, or subject@version in the registry."""
    both: Any = load("schema_registry.bringing:two")
    difference: Any = load("schema_registry.checking:difference")
    with remote(url, user) as registry:
        first, second = both(registry, old, new)
    found = difference(second, first, level.upper())
    show(("difference", "path", "what"), [(one.kind, one.path, one.message) for one in found], output)


@schemas.command("list", epilog="Example: penstock schemas list --prefix retail")
@url_option
@user_option
@click.option("--prefix", default="", help="Subjects that begin so.")
@output_option
def list_schemas(url: str | None, user: str | None, prefix: str, output: str) -> None:
    """The subjects of a registry with their latest version, kind and level."""
    with remote(url, user) as registry:
        found = [(one, registry.version(one), registry.level(one)) for one in registry.subjects(prefix)]
    lines = [(name, one.version, one.id, one.kind, level) for name, one, level in found if one is not None]
    show(("subject", "version", "id", "kind", "level"), lines, output)


@schemas.command(epilog="Example: penstock schemas pull schemas --prefix retail")
@folder_argument
@url_option
@user_option
@click.option("--prefix", default="", help="Subjects that begin so.")
@output_option
def pull(folder: Path, url: str | None, user: str | None, prefix: str, output: str) -> None:
    """Write the latest versions of a registry into files, with schemas.toml beside them."""
    bring: Any = load("schema_registry.bringing:pull")
    with remote(url, user) as registry:
        done = bring(registry, folder, prefix)
    show(("subject", "version", "file"), done, output)
