"""`penstock topics`: list, describe, read and follow the topics of the log, whatever wrote them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.options import dir_option, log_option, open_existing_log, output_option
from penstock.cli.output import show
from penstock.errors import UnknownTopic

if TYPE_CHECKING:
    from penstock.topics.base import Chunk, Log, TopicInfo

BATCH_ROWS = 1000
WAIT_S = 0.5


@click.group()
def topics() -> None:
    """List, describe, read and follow topics."""


@topics.command("list", epilog="Example: penstock topics list --output json")
@dir_option
@log_option
@output_option
def list_topics(folder: Path | None, log: str | None, output: str) -> None:
    """Every topic with its partitions and the records it holds."""
    opened = open_existing_log(folder, log)
    rows = [
        (name, info.partitions, records_in(opened, name)) for name, info in sorted(opened.topics().items())
    ]
    show(("topic", "partitions", "records"), rows, output)


@topics.command(epilog="Example: penstock topics describe retail-transactions")
@click.argument("topic")
@dir_option
@log_option
@output_option
def describe(topic: str, folder: Path | None, log: str | None, output: str) -> None:
    """Settings of a topic, its partitions, and how far each group has read."""
    opened = open_existing_log(folder, log)
    info = known_topic(opened, topic)
    show(("setting", "value"), sorted(info.config.items()), output)
    begins, ends = opened.begin_offsets(topic), opened.end_offsets(topic)
    every = {group: opened.committed(group) for group in opened.groups()}
    groups = [group for group, offsets in every.items() if any(name == topic for name, _ in offsets)]
    rows = [
        (number, begins[number], ends[number], *(every[group].get((topic, number)) for group in groups))
        for number in sorted(ends)
    ]
    show(("partition", "first", "next", *groups), rows, output)


@topics.command(epilog="Example: penstock topics read streaming-errors --limit 5 --output json")
@click.argument("topic")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="Records at most.")
@click.option("--from", "start", type=click.Choice(["earliest", "latest"]), default="earliest")
@dir_option
@log_option
@output_option
def read(topic: str, limit: int, start: str, folder: Path | None, log: str | None, output: str) -> None:
    """The first records of a topic, as they stand there."""
    opened = open_existing_log(folder, log)
    known_topic(opened, topic)
    reader = opened.reader({topic: start})  # type: ignore[dict-item]
    left = limit
    while left > 0 and (chunks := reader.poll(min(left, BATCH_ROWS))):
        for chunk in chunks:
            print_records(chunk, left, output)
            left -= len(chunk)


@topics.command(epilog="Example: penstock topics tail customer-segments")
@click.argument("topic")
@dir_option
@log_option
@output_option
def tail(topic: str, folder: Path | None, log: str | None, output: str) -> None:
    """New records of a topic as they are committed, until Ctrl-C."""
    opened = open_existing_log(folder, log)
    known_topic(opened, topic)
    reader = opened.reader({topic: "latest"})
    while True:
        chunks = reader.poll(BATCH_ROWS)
        for chunk in chunks:
            print_records(chunk, len(chunk), output)
        if not chunks:
            opened.wait(WAIT_S)


def known_topic(log: Log, topic: str) -> TopicInfo:
    info = log.topic(topic)
    if info is None:
        raise UnknownTopic(topic, log.topics())
    return info


def records_in(log: Log, topic: str) -> int:
    begins = log.begin_offsets(topic)
    return sum(end - begins[partition] for partition, end in log.end_offsets(topic).items())


def print_records(chunk: Chunk, limit: int, output: str) -> None:
    for record in records_of(chunk, limit):
        if output == "json":
            click.echo(json.dumps(record))
        else:
            place = f"{record['partition']}:{record['offset']}"
            click.echo(f"{record['timestamp']}  {place}  {record['key']}  {record['value']}")


def records_of(chunk: Chunk, limit: int) -> Iterator[dict[str, Any]]:
    for position in range(min(limit, len(chunk))):
        yield {
            "partition": chunk.partitions[position],
            "offset": chunk.offsets[position],
            "timestamp": moment(chunk.timestamps[position]),
            "key": readable(chunk.keys[position]),
            "value": readable(chunk.values[position]),
        }


def moment(time_ms: int) -> str:
    text = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def readable(payload: bytes | None) -> str | None:
    """Text as it is; bytes that are no UTF-8 as Python writes them, so that nothing is hidden."""
    if payload is None:
        return None
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError:
        return repr(payload)
