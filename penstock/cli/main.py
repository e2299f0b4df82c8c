"""The command `penstock`: a table of commands, each loaded only when it is asked for.

In:  the arguments of a shell. Out: the exit code; what is refused is one sentence on stderr and code 1.

    penstock apply ksql/  --COMMANDS-->  penstock.cli.apply:apply  --imported now-->  runs

The one place where an error of ours becomes words for a person; nothing below prints one.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import click

from penstock.errors import PenstockError


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command stands, and its line in the help, so that the help imports nothing."""

    target: str
    about: str


COMMANDS: dict[str, Command] = {
    "demo": Command("penstock.cli.demo:demo", "Real retail events to Delta tables, with a summary."),
    "up": Command("penstock.cli.up:up", "Start every service over one log and keep them running."),
    "apply": Command("penstock.cli.apply:apply", "Bring .ksql files to a server; what is there stays."),
    "replay": Command("penstock.cli.replay:replay", "Send the retail transactions to their topic."),
    "sql": Command("penstock.cli.sql:sql", "One statement or query, its answer as a table."),
    "status": Command("penstock.cli.status:status", "Services, queries and how far each reader is behind."),
    "topics": Command("penstock.cli.topics:topics", "List, describe, read and follow topics."),
    "schemas": Command(
        "penstock.cli.schemas:schemas", "Schemas in files: check, register, diff, list, pull."
    ),
    "test": Command("penstock.cli.test:test", "Run files of cases through the engine, topics in memory."),
    "models": Command("penstock.cli.models:models", "Train and inspect the models that score."),
    "run": Command("penstock.cli.run:run", "One service in the foreground: server, connect, registry ..."),
}


class LazyGroup(click.Group):
    """Commands by name; a module is imported when its command runs or asks for its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = load(COMMANDS[cmd_name].target)
        assert isinstance(command, click.Command), cmd_name
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.about) for name, command in COMMANDS.items()])


def load(target: str) -> object:
    """The object that "module:name" names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with `penstock demo`; `penstock COMMAND --help` shows examples.",
)
@click.version_option(package_name="penstock", message="penstock %(version)s")
def cli() -> None:
    """ksqlDB pipelines from Python: no JVM, Delta Lake at the end of the pipe."""


DISK_SENTENCES: dict[int, str] = {
    errno.ENOSPC: "The disk is full",
    errno.EDQUOT: "The disk quota is used up",
    errno.EROFS: "The file system is read-only",
    errno.EACCES: "Permission is denied",
    errno.EPERM: "Permission is denied",
    errno.ENOTDIR: "A file stands where a folder should be",
    errno.EEXIST: "A file stands where a folder should be",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and leave with its exit code."""
    try:
        code = cli.main(args=arguments, prog_name="penstock", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except BrokenPipeError:
        # The reader of our output has left (`| head`); Python must not complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except PenstockError as error:
        code = fail(error.message)
    except OSError as error:
        words = DISK_SENTENCES.get(error.errno or 0, error.strerror or str(error))
        code = fail(f"{words}: {error.filename}" if error.filename else words)
    sys.exit(code if isinstance(code, int) else 0)


def fail(sentence: str) -> int:
    click.echo(f"penstock: {sentence}", err=True)
    return 1
