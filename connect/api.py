"""What a sink is: the contract between the worker and a connector, as Connect's SinkTask in batches.

In:  batches of raw records with the offsets behind them, a context with settings, converters, dead letters.
Out: rows at rest together with those offsets.

    start(context) -> committed(partitions) -> read from there -> write(batch) ... write(batch) -> stop()
                             ^                                        |
                             `------- after a kill, a retry ----------'

The promise of write(): when it returns, the rows of the batch and `batch.offsets` are durable in ONE step
of the target; when it raises, none of them is visible. So `committed()` always tells exactly where to go on.
A sink that can't keep offsets beside its rows can't promise this, and should say so in its documentation.

A connector is declared once as a Plugin; plugins.py lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, Protocol

from connect.converters import Converter
from connect.dead_letters import DeadLetters
from connect.settings import Setting
from penstock.clock import Clock
from penstock.topics.base import Chunk, TopicPartition


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that become durable together, in log order, and the next offset of each partition."""

    chunks: tuple[Chunk, ...]
    offsets: Mapping[TopicPartition, int]
    starts: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        starts = (0, *accumulate(len(chunk) for chunk in self.chunks))
        object.__setattr__(self, "starts", starts)

    def __len__(self) -> int:
        return self.starts[-1]

    @property
    def keys(self) -> list[bytes | None]:
        return [key for chunk in self.chunks for key in chunk.keys]

    @property
    def values(self) -> list[bytes | None]:
        return [value for chunk in self.chunks for value in chunk.values]


@dataclass(frozen=True, slots=True)
class Written:
    """What one write() did: rows put or deleted, records without effect, commits of the target."""

    rows: int
    deleted: int = 0
    skipped: int = 0
    commits: int = 1


@dataclass(frozen=True, slots=True)
class Context:
    """What the worker hands to a task at its start."""

    connector: str
    task: int
    topics: Sequence[str]
    settings: Mapping[str, Any]
    folder: Path
    key_converter: Converter
    value_converter: Converter
    dead_letters: DeadLetters
    clock: Clock


class SinkTask(Protocol):
    """Belongs to one thread. May raise Retriable (it will be started anew) or TaskError (it has failed)."""

    def start(self, context: Context) -> None: ...

    def committed(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The next offset of each of these partitions, as far as the target knows them."""
        ...

    def write(self, batch: Batch) -> Written: ...

    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Plugin:
    """A connector class: its public names, its settings and how to make a task of it."""

    class_name: str
    aliases: tuple[str, ...]
    type: Literal["sink", "source"]
    version: str
    settings: tuple[Setting, ...]
    task: Callable[[], SinkTask]
    check: Callable[[Mapping[str, Any]], Iterator[tuple[str, str]]]
    """Yields (setting, what is wrong) for what only several settings together can tell."""
    tasks_max: Callable[[Mapping[str, Any]], int]
