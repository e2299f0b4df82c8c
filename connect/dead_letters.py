"""Dead letters: records a sink refuses go to a topic of their own, each with its reason.

In:  refused records of one batch (place in the batch, stage, reason).
Out: the same key, value, timestamp and headers in the dead-letter topic, with Connect's
     `__connect.errors.*` headers; or, where nothing is tolerated, BadRecord.

Written once: the letters and how far they reach go to the log in one transaction, under the group
`connect-<name>.dead-letters`. A batch that is read again after a kill doesn't send its letters again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connect.errors import BadRecord, Retriable
from penstock.errors import Fenced, TopicExists
from penstock.topics.base import RETENTION_FOREVER, Headers, Log, Outgoing, TopicPartition

if TYPE_CHECKING:
    from connect.api import Batch

TOLERATE_NONE, TOLERATE_ALL = "none", "all"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record of a batch by its place, what was being done with it, and why it was refused."""

    place: int
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Letter:
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    refusal: Refusal


class DeadLetters:
    def __init__(
        self, log: Log, connector: str, task: int, class_name: str, topic: str | None, tolerance: str
    ) -> None:
        self._log, self._connector, self._task, self._class = log, connector, task, class_name
        self._topic, self._tolerance = topic, tolerance
        self._group = f"connect-{connector}.dead-letters"
        self._producer = log.producer(f"connect-{connector}-{task}-dead-letters")
        self._sent: dict[TopicPartition, int] | None = None
        self._count = 0

    def report(self, batch: Batch, refusals: Sequence[Refusal]) -> None:
        """Send the letters of a batch before its rows are committed. Raises BadRecord by tolerance."""
        if not refusals:
            return
        in_order = sorted(refusals, key=lambda refusal: refusal.place)
        letters = [letter(batch, refusal) for refusal in in_order]
        if self._tolerance != TOLERATE_ALL:
            raise BadRecord(words(letters[0], len(letters)))
        new = [one for one in letters if one.offset >= self._reached((one.topic, one.partition))]
        if new and self._topic:
            self._send(self._topic, new)
        self._count += len(new)

    def taken(self) -> int:
        """How many records were refused since this was last asked."""
        count, self._count = self._count, 0
        return count

    def _reached(self, partition: TopicPartition) -> int:
        if self._sent is None:
            self._sent = dict(self._log.committed(self._group))
        return self._sent.get(partition, 0)

    def _send(self, topic: str, letters: Sequence[Letter]) -> None:
        ensure_topic(self._log, topic)
        reach = {(one.topic, one.partition): one.offset + 1 for one in letters}
        try:
            with self._producer.begin() as transaction:
                transaction.append(self._outgoing(topic, letters))
                transaction.commit_offsets(self._group, reach)
        except Fenced as error:
            raise Retriable(f"Another worker runs connector {self._connector}: {error}") from error
        self._sent = {**(self._sent or {}), **reach}

    def _outgoing(self, topic: str, letters: Sequence[Letter]) -> Outgoing:
        return Outgoing(
            topic,
            [one.key for one in letters],
            [one.value for one in letters],
            [one.timestamp for one in letters],
            headers=[one.headers + self._headers(one) for one in letters],
        )

    def _headers(self, one: Letter) -> Headers:
        told: Mapping[str, object] = {
            "topic": one.topic,
            "partition": one.partition,
            "offset": one.offset,
            "connector.name": self._connector,
            "task.id": self._task,
            "stage": one.refusal.stage,
            "class.name": self._class,
            "exception.class.name": "org.apache.kafka.connect.errors.DataException",
            "exception.message": one.refusal.reason,
            "exception.stacktrace": one.refusal.reason,
        }
        return tuple((f"__connect.errors.{name}", str(value).encode()) for name, value in told.items())


def letter(batch: Batch, refusal: Refusal) -> Letter:
    """The refused record itself, found again by its place in the batch."""
    number = bisect_right(batch.starts, refusal.place) - 1
    chunk, at = batch.chunks[number], refusal.place - batch.starts[number]
    headers = chunk.headers[at] if chunk.headers is not None else ()
    return Letter(
        chunk.topic,
        chunk.partitions[at],
        chunk.offsets[at],
        chunk.timestamps[at],
        chunk.keys[at],
        chunk.values[at],
        tuple(headers),
        refusal,
    )


def words(first: Letter, count: int) -> str:
    """The sentence a task fails with when nothing is tolerated."""
    more = f" ({count - 1} more in this batch)" if count > 1 else ""
    return (
        f"Tolerance exceeded in error handler: record {first.topic}-{first.partition}@{first.offset} was "
        f"refused: {first.refusal.reason}{more} Correct it, or set errors.tolerance=all to send such records "
        "to the dead-letter topic and go on."
    )


def ensure_topic(log: Log, name: str, config: Mapping[str, str] | None = None) -> None:
    """Create a topic that is kept forever, unless it is there."""
    if log.topic(name) is not None:
        return
    try:
        log.create_topic(name, 1, config or {"retention.ms": RETENTION_FOREVER})
    except TopicExists:
        return  # another worker was faster


def refusals_of(stage: str, reasons: Iterable[tuple[int, str]]) -> list[Refusal]:
    return [Refusal(place, stage, reason) for place, reason in reasons]
