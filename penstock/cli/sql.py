"""`penstock sql`: one statement or query to the server, its answer as a table or as JSON."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import click

from penstock.cli.options import connect, output_option, server_options
from penstock.cli.output import show, show_each
from penstock.cli.script import normal, pieces

Entity = dict[str, Any]
Table = tuple[Sequence[str], Sequence[Sequence[Any]]]

QUERY = re.compile(r"SELECT\b")
ENDLESS = re.compile(r"\bEMIT (?:CHANGES|FINAL)\b")
ROWS_AS_TABLE_MAX = 1000


def columns_of(entries: str, *columns: str) -> Callable[[Entity], Table]:
    """A table of the named members of each entry of a list."""

    def table(entity: Entity) -> Table:
        return columns, [[entry.get(column) for column in columns] for entry in entity[entries]]

    return table


def status_table(entity: Entity) -> Table:
    status = entity["commandStatus"]
    return ("status", "message"), [(status["status"], status["message"])]


def description_table(entity: Entity) -> Table:
    described = entity["sourceDescription"]
    fields = [
        (field["name"], spelled(field["schema"]), (field.get("type") or "").lower())
        for field in described["fields"]
    ]
    return ("column", "type", "role"), fields


def plan_table(entity: Entity) -> Table:
    described = entity["queryDescription"]
    return ("part", "text"), [
        (part, described[part])
        for part in ("statementText", "executionPlan", "topology")
        if described.get(part)
    ]


def topics_table(entity: Entity) -> Table:
    return ("topic", "partitions"), [(each["name"], len(each["replicaInfo"])) for each in entity["topics"]]


def queries_table(entity: Entity) -> Table:
    return ("id", "state", "sinks", "query"), [
        (each["id"], each.get("state"), ", ".join(each["sinks"]), " ".join(each["queryString"].split()))
        for each in entity["queries"]
    ]


def function_table(entity: Entity) -> Table:
    overloads = [
        (
            f"{entity['name']}({', '.join(each['type'] for each in overload['arguments'])})",
            overload["returnType"],
            overload["description"],
        )
        for overload in entity["functions"]
    ]
    return ("function", "returns", "description"), overloads


def types_table(entity: Entity) -> Table:
    return ("type", "is"), [(name, spelled(schema)) for name, schema in entity["types"].items()]


def message_table(entity: Entity) -> Table:
    return ("message",), [(entity["message"],)]


def other_table(entity: Entity) -> Table:
    """What has no table of its own: its members, those of the envelope left out."""
    shown = {key: value for key, value in entity.items() if key not in ("@type", "statementText", "warnings")}
    return ("member", "value"), list(shown.items())


TABLES: dict[str, Callable[[Entity], Table]] = {
    "currentStatus": status_table,
    "sourceDescription": description_table,
    "queryDescription": plan_table,
    "streams": columns_of("streams", "name", "topic", "keyFormat", "valueFormat", "isWindowed"),
    "tables": columns_of("tables", "name", "topic", "keyFormat", "valueFormat", "isWindowed"),
    "kafka_topics": topics_table,
    "kafka_topics_extended": topics_table,
    "queries": queries_table,
    "properties": columns_of("properties", "name", "scope", "value", "editable"),
    "function_names": columns_of("functions", "name", "type", "category"),
    "describe_function": function_table,
    "variables": columns_of("variables", "name", "value"),
    "connector_list": columns_of("connectors", "name", "type", "className", "state"),
    "connector_plugins_list": columns_of("connectorsPlugins", "className", "type", "version"),
    "type_list": types_table,
    "warning_entity": message_table,
}


def spelled(schema: Entity) -> str:
    """A schema of the REST API as its SQL type."""
    match schema["type"]:
        case "ARRAY":
            return f"ARRAY<{spelled(schema['memberSchema'])}>"
        case "MAP":
            return f"MAP<STRING, {spelled(schema['memberSchema'])}>"
        case "STRUCT":
            inner = ", ".join(f"{each['name']} {spelled(each['schema'])}" for each in schema["fields"])
            return f"STRUCT<{inner}>"
        case "DECIMAL":
            parameters = schema.get("parameters") or {}
            return f"DECIMAL({parameters.get('precision')}, {parameters.get('scale')})"
        case name:
            return str(name)


@click.command(
    epilog="Example: penstock sql \"SELECT * FROM customer_rfm WHERE customer_id = '17850';\"  "
    "(from a file: penstock sql - < query.ksql)"
)
@click.argument("statement")
@click.option("--property", "-p", "properties", multiple=True, help="A property of this request, name=value.")
@server_options
@output_option
def sql(
    statement: str,
    properties: tuple[str, ...],
    url: str | None,
    user: str | None,
    password: str | None,
    output: str,
) -> None:
    """One statement or query to the server. A query with EMIT CHANGES runs until Ctrl-C."""
    text = sys.stdin.read() if statement == "-" else statement
    settings = dict(property_of(each) for each in properties)
    with connect(url, user, password) as client:
        for piece in pieces(Path("statement"), text if text.rstrip().endswith(";") else text + ";"):
            plain = normal(piece.text)
            if QUERY.match(plain):
                with client.query(piece.text, settings) as (header, rows):
                    if ENDLESS.search(plain):
                        show_each(header.names, rows, output)
                    else:
                        show_answer(header.names, rows, output)
            else:
                show_entities(client.execute(piece.text, settings), output)


def show_answer(names: Sequence[str], rows: Any, output: str) -> None:
    """A short answer as a table that fits its columns; a long one line by line, so that it is never held."""
    first = list(islice(rows, ROWS_AS_TABLE_MAX + 1))
    if len(first) <= ROWS_AS_TABLE_MAX:
        show(names, first, output, exact=True)
    else:
        show_each(names, first, output)
        show_each(names, rows, output, heading=False)


def show_entities(entities: list[Entity], output: str) -> None:
    if output == "json":
        click.echo(json.dumps(entities, indent=2))
        return
    for entity in entities:
        table_of: Callable[[Entity], Table] = TABLES.get(entity["@type"], other_table)
        columns, rows = table_of(entity)
        show(columns, rows, output, exact=True)


def property_of(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise click.BadParameter(f"'{text}' is not name=value.", param_hint="--property")
    return name.strip(), value.strip()
