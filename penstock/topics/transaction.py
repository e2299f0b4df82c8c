"""Records and offsets collected until they are committed together.

In:  batches, each checked and packed as it comes. Out: one write of everything, or nothing.

    open --append--> open --commit--> done          after a refused batch only abort is left, so that
      |                 `--abort----> done          no half of what belonged together can be kept
      `--refused------> refused --abort--> done
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol

from penstock.errors import LogError
from penstock.topics.base import Chunk, Outgoing, TopicPartition
from penstock.topics.store import Packed

GroupOffsets = dict[str, dict[TopicPartition, int]]


@dataclass(frozen=True, slots=True)
class ProducerEpoch:
    transactional_id: str
    epoch: int


class Writer(Protocol):
    """What a transaction needs of its log."""

    def pack(self, outgoing: Outgoing) -> Packed: ...

    def check_offsets(self, group: str, offsets: Mapping[TopicPartition, int]) -> None: ...

    def write(
        self, packed: list[Packed], offsets: GroupOffsets, producer: ProducerEpoch | None
    ) -> list[Chunk]: ...


class BufferedTransaction:
    def __init__(self, writer: Writer, producer: ProducerEpoch | None = None) -> None:
        self._writer = writer
        self._producer = producer
        self._packed: list[Packed] = []
        self._offsets: GroupOffsets = {}
        self._state: Literal["open", "refused", "done"] = "open"

    def append(self, batch: Outgoing) -> None:
        self._check_open()
        self._state = "refused"
        packed = self._writer.pack(batch)
        if len(packed.batch):
            self._packed.append(packed)
        self._state = "open"

    def commit_offsets(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        self._check_open()
        self._state = "refused"
        self._writer.check_offsets(group, offsets)
        self._offsets.setdefault(group, {}).update(offsets)
        self._state = "open"

    def commit(self) -> list[Chunk]:
        self._check_open()
        try:
            return self._writer.write(self._packed, self._offsets, self._producer)
        finally:
            self.abort()

    def abort(self) -> None:
        """Let go of everything. After a commit there is nothing left to let go of."""
        self._state = "done"
        self._packed, self._offsets = [], {}

    def _check_open(self) -> None:
        if self._state == "refused":
            raise LogError("This transaction refused a batch before; abort it and begin a new one.")
        if self._state == "done":
            raise LogError("This transaction was committed or aborted before; begin a new one.")

    def __enter__(self) -> BufferedTransaction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._state == "done":
            return
        if kind is None:
            self.commit()
        else:
            self.abort()


class FencingProducer:
    def __init__(self, writer: Writer, producer: ProducerEpoch) -> None:
        self._writer = writer
        self._producer = producer

    def begin(self) -> BufferedTransaction:
        return BufferedTransaction(self._writer, self._producer)
