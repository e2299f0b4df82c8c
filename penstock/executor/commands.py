"""The command topic: the memory of the catalog, one record for each statement that changed something.

In:  statements as they are kept, with their properties. Out: the same, in order, at the next start.

    key    stream/`ORDERS`/create
    value  {"command_id": .., "statement": "CREATE STREAM ORDERS ..", "properties": {"auto.offset.reset": ..}}

A command that could not be carried out after it was written is undone by a record that names it.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from penstock.errors import LogUnavailable
from penstock.topics.base import RETENTION_FOREVER, Log, Outgoing

SETTINGS = {"cleanup.policy": "delete", "retention.ms": RETENTION_FOREVER}


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """`undoes` is the place (from 0) of a command that is to be forgotten."""

    command_id: str
    statement: str = ""
    properties: dict[str, str] = {}
    undoes: int | None = None


class CommandTopic:
    """Appends and reads commands. The executor alone writes."""

    def __init__(self, log: Log, topic: str) -> None:
        self.log = log
        self.topic = topic
        if log.topic(topic) is None:
            log.create_topic(topic, 1, SETTINGS)

    def append(self, command_id: str, statement: str, properties: Mapping[str, str], now_ms: int) -> None:
        self._write(Command(command_id, statement, dict(properties)), now_ms)

    def undo(self, command_id: str, place: int, now_ms: int) -> None:
        self._write(Command(command_id, undoes=place), now_ms)

    def _write(self, command: Command, now_ms: int) -> None:
        value = msgspec.json.encode(command)
        self.log.append(Outgoing(self.topic, [command.command_id.encode()], [value], [now_ms], [0]))

    def read(self) -> list[Command]:
        """All commands, in order; undone ones and what undoes them too."""
        reader = self.log.reader({self.topic: "earliest"})
        commands: list[Command] = []
        try:
            while chunks := reader.poll(1_000):
                commands += [self._decode(value) for chunk in chunks for value in chunk.values]
        finally:
            reader.close()
        return commands

    def _decode(self, value: bytes | None) -> Command:
        try:
            return msgspec.json.decode(value or b"", type=Command)
        except msgspec.DecodeError as problem:
            raise LogUnavailable(
                f"The topic {self.topic} holds a record that is no command of Penstock ({problem}). "
                "Was the log written by another program? Give the server a log of its own."
            ) from problem
