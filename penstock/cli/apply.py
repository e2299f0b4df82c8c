"""`penstock apply PATH...`: brings .ksql files to a server, in order; what is there already stays.

In:  .ksql files, a server's URL (Penstock's own or a real ksqlDB). Out: a table of what was done.

    SET, DEFINE        kept here, sent along with every later statement, over all files of one apply
    CREATE ...         sent; "already exists" + the same definition is `unchanged`, another one stops
    INSERT ... SELECT  with a QUERY_ID as CREATE; without, left out when a query that means the same runs
    all else           sent

The first refusal stops: what came before stays, and applying again goes on from there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.definitions import same_definition
from penstock.cli.options import connect, output_option, server_options
from penstock.cli.output import show
from penstock.cli.queries import same_query
from penstock.cli.script import Piece, ksql_files, normal, pieces
from penstock.errors import PenstockError, ServerRefused, SettingError, StatementError

if TYPE_CHECKING:
    from penstock.client import Entity, KsqlClient

NAME = r"(?P<name>`(?:[^`]|``)*`|\"[^\"]*\"|[\w.@-]+)"
STRING = r"'(?P<name>(?:[^']|'')*)'"
VALUE = r"'(?P<value>(?:[^']|'')*)'"
EXISTS = re.compile(r"already exists|already registered|already in use", re.IGNORECASE)


@dataclass(slots=True)
class Session:
    """What SET and DEFINE left; ksqlDB's CLI keeps the same between statements of a script."""

    properties: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one statement. `action`: created, unchanged, replaced, dropped, set, defined, done."""

    piece: Piece
    kind: str
    name: str
    action: str
    detail: str = ""


class ApplyFailed(PenstockError):
    """A statement of a file was refused; `done` is what came before it."""

    def __init__(self, piece: Piece, reason: str, done: list[Done]) -> None:
        super().__init__(f"{piece.place}: {reason}")
        self.done = done


@dataclass(frozen=True, slots=True)
class Task:
    """One statement at hand: its kind, what its first words matched, and whom to send it to."""

    client: KsqlClient
    session: Session
    piece: Piece
    kind: str
    found: re.Match[str] | None = None

    @property
    def name(self) -> str:
        return self.found["name"] if self.found else ""

    def done(self, action: str, detail: str = "") -> Done:
        return Done(self.piece, self.kind, self.name, action, detail)


def apply_files(client: KsqlClient, paths: tuple[Path, ...], session: Session | None = None) -> list[Done]:
    """Every statement of the files in order. Raises ApplyFailed at the first that is refused."""
    done: list[Done] = []
    kept = session or Session()
    for piece in [piece for path in ksql_files(paths) for piece in pieces(path, read_text(path))]:
        try:
            done.append(apply_one(client, kept, piece))
        except (ServerRefused, StatementError) as error:
            raise ApplyFailed(piece, error.message, done) from error
    return done


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SettingError(f"{path} is no UTF-8 text.") from error


def apply_one(client: KsqlClient, session: Session, piece: Piece) -> Done:
    plain = normal(piece.text)
    for kind, (pattern, carry_out) in KINDS.items():
        found = pattern.match(plain)
        if found:
            return carry_out(Task(client, session, piece, kind, found))
    return send(Task(client, session, piece, plain.partition(" ")[0]), "done")


def send(task: Task, action: str) -> Done:
    entities = task.client.execute(task.piece.text, task.session.properties, task.session.variables)
    # A server that had nothing to do says so in a warning entity.
    nothing = any(entity.get("@type") == "warning_entity" for entity in entities)
    return task.done("unchanged" if nothing else action, query_id_of(entities))


def query_id_of(entities: list[Entity]) -> str:
    statuses = [entity["commandStatus"] for entity in entities if "commandStatus" in entity]
    return str(statuses[0].get("queryId") or "") if statuses else ""


def create(task: Task) -> Done:
    """Send it; when it is there already, compare what the server made of ours with what stands there."""
    try:
        return send(task, "replaced" if "OR REPLACE " in normal(task.piece.text)[:20] else "created")
    except ServerRefused as error:
        if not EXISTS.search(error.message):
            raise
        standing = STANDING[task.kind](task)
        if standing is not None and not same(task, error.statement or task.piece.text, standing):
            raise StatementError(
                f"{task.name} is there already with another definition: {one_line(standing)} "
                "Drop it first, or write CREATE OR REPLACE where the change allows it."
            ) from error
        return task.done("unchanged")


def same(task: Task, ours: str, standing: str) -> bool:
    """A server spells what it refuses canonically, but for an INSERT whose id is taken: there ours is raw."""
    return runs_as(task, standing) if task.kind == "QUERY" else same_definition(ours, standing)


def insert_query(task: Task) -> Done:
    """A second INSERT query would write every row twice: look for a running one that means the same."""
    assert task.found
    if task.found["id"]:
        return create(task)
    into = [each for each in running_queries(task.client) if unquoted_name(task.name) in each["sinks"]]
    inserts = (each for each in into if each["queryString"].lstrip().upper().startswith("INSERT"))
    twin = next((each for each in inserts if runs_as(task, each["queryString"])), None)
    return task.done("unchanged", twin["id"]) if twin else send(task, "created")


def runs_as(task: Task, standing: str) -> bool:
    try:
        return same_query(task.piece.text, standing, task.session.variables)
    except StatementError as error:
        raise StatementError(
            f"Whether this query runs already can't be told ({error}). Give it a name, by which it is known: "
            f"INSERT INTO {task.name} WITH (QUERY_ID = '...') SELECT ..."
        ) from error


def source_statement(task: Task) -> str | None:
    described = task.client.entity(f"DESCRIBE {task.name} EXTENDED;")
    return str(described["sourceDescription"]["statement"])


def query_statement(task: Task) -> str | None:
    assert task.found
    query_id = task.found["id"].strip("'").upper()
    running = running_queries(task.client)
    return next((str(each["queryString"]) for each in running if each["id"] == query_id), None)


def running_queries(client: KsqlClient) -> list[Entity]:
    return list(client.entity("SHOW QUERIES;")["queries"])


def not_shown(task: Task) -> str | None:
    """No statement shows the definition of a connector or type as it was written."""
    return None


def set_property(task: Task) -> Done:
    assert task.found
    key, value = unquoted(task.found["name"]), unquoted(task.found["value"])
    task.session.properties[key] = value
    return task.done("set", value)


def unset_property(task: Task) -> Done:
    task.session.properties.pop(unquoted(task.name), None)
    return task.done("unset")


def define(task: Task) -> Done:
    assert task.found
    task.session.variables[variable_of(task.piece)] = unquoted(task.found["value"])
    return task.done("defined", unquoted(task.found["value"]))


def undefine(task: Task) -> Done:
    task.session.variables.pop(variable_of(task.piece), None)
    return task.done("undefined")


def variable_of(piece: Piece) -> str:
    """Names of variables keep their case, which normal() has folded."""
    found = re.match(r"\w+\s+(\w+)", piece.text)
    return found[1] if found else ""


def drop(task: Task) -> Done:
    return send(task, "dropped")


def insert_values(task: Task) -> Done:
    return send(task, "inserted")


def unquoted(text: str) -> str:
    return text.replace("''", "'")


def unquoted_name(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


def one_line(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 160 else flat[:157] + "..."


GUARD = r"(?:OR REPLACE )?(?:SOURCE )?"
UNLESS = r"(?:IF (?:NOT )?EXISTS )?"
KINDS: dict[str, tuple[re.Pattern[str], Callable[[Task], Done]]] = {
    "SET": (re.compile(rf"SET ?{STRING}={VALUE}"), set_property),
    "UNSET": (re.compile(rf"UNSET ?{STRING}"), unset_property),
    "DEFINE": (re.compile(rf"DEFINE {NAME}={VALUE}"), define),
    "UNDEFINE": (re.compile(rf"UNDEFINE {NAME}"), undefine),
    "STREAM": (re.compile(rf"CREATE {GUARD}STREAM {UNLESS}{NAME}"), create),
    "TABLE": (re.compile(rf"CREATE {GUARD}TABLE {UNLESS}{NAME}"), create),
    "TYPE": (re.compile(rf"CREATE TYPE {UNLESS}{NAME}"), create),
    "CONNECTOR": (re.compile(rf"CREATE (?:SOURCE|SINK) CONNECTOR {UNLESS}{NAME}"), create),
    "QUERY": (
        re.compile(rf"INSERT INTO {NAME} ?(?:WITH\(QUERY_ID=(?P<id>'?\w+'?)\))?(?=SELECT\b)"),
        insert_query,
    ),
    "ROW": (re.compile(rf"INSERT INTO {NAME}"), insert_values),
    "DROP": (re.compile(rf"DROP (?:STREAM|TABLE|TYPE|CONNECTOR) {UNLESS}{NAME}"), drop),
}
STANDING: dict[str, Callable[[Task], str | None]] = {
    "STREAM": source_statement,
    "TABLE": source_statement,
    "QUERY": query_statement,
    "TYPE": not_shown,
    "CONNECTOR": not_shown,
}


@click.command(epilog="Example: penstock apply ksql/ --url http://ksqldb:8088 --user alice --password secret")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@server_options
@output_option
@click.option("--define", "-d", "defines", multiple=True, help="A variable of the files, name=value.")
def apply(
    paths: tuple[Path, ...],
    url: str | None,
    user: str | None,
    password: str | None,
    output: str,
    defines: tuple[str, ...],
) -> None:
    """Bring .ksql files to a server, in the order of their names; what is there already stays.

    A folder stands for its .ksql files. Applying twice changes nothing the second time.
    """
    session = Session(variables=dict(variables_of(defines)))
    with connect(url, user, password) as client:
        try:
            done = apply_files(client, paths, session)
        except ApplyFailed as error:
            print_done(error.done, output)
            raise
    print_done(done, output)


def variables_of(defines: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for text in defines:
        name, sign, value = text.partition("=")
        if not sign or not name.isidentifier():
            raise click.BadParameter(f"'{text}' is not name=value.", param_hint="--define")
        yield name, value


def print_done(done: list[Done], output: str) -> None:
    rows = [(each.piece.place, each.kind, each.name, each.action, each.detail) for each in done]
    show(("statement", "kind", "name", "action", "detail"), rows, output)
    if output == "table":
        counts = Counter(each.action for each in done)
        click.echo(", ".join(f"{number} {action}" for action, number in counts.items()) or "nothing to do")
