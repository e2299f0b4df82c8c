"""A task at work: one thread that reads its topics, gathers a batch, and has the sink make it durable.

In:  a connector, the log. Out: batches to the sink; state, trace and counts for whoever asks.

    open sink -> committed offsets -> reader at these offsets
         ^            .-> poll -> gather -> due? -> sink.write(batch) -> offsets to the log (only to be seen)
         |            `-------------------------'
         `--- Retriable: wait, start anew from what the sink has committed ---'

Nothing is remembered between two starts: the sink's own offsets decide. The group `connect-<name>` in the
log follows behind for displays of lag.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connect.api import Batch, Context, SinkTask
from connect.converters import converter
from connect.dead_letters import DeadLetters
from connect.errors import Retriable, TaskError
from connect.plugins import (
    KEY_CONVERTER,
    RESTART_ALWAYS,
    RESTART_NEVER,
    VALUE_CONVERTER,
    Connector,
    topics_of,
)
from penstock.clock import Clock
from penstock.errors import Fenced, LogError, PenstockError
from penstock.topics.base import Chunk, Log, Reader, TopicPartition

logger = logging.getLogger(__name__)

RUNNING, PAUSED, FAILED = "RUNNING", "PAUSED", "FAILED"
POLL_RECORDS = 10_000
RECORD_BYTES = 1000
"""The size of a record, as long as none was seen."""
WAIT_S = 0.1
TOPICS_LOOK_MS = 500
PUBLISH_MS = 1000
DELAY_MAX_MS = 60_000
WRITE_PART = 4
BACKLOG_AGES = 5
"""Under a backlog a record waits for a full batch, but not longer than this many flush intervals."""


@dataclass(slots=True)
class Gathered:
    """What was polled and is not committed yet."""

    opened_ms: int = 0
    rows: int = 0
    bytes: int = 0
    chunks: list[Chunk] = field(default_factory=list)

    def add(self, chunks: Sequence[Chunk], now_ms: int) -> None:
        if not self.chunks:
            self.opened_ms = now_ms
        self.chunks += chunks
        self.rows += sum(len(chunk) for chunk in chunks)
        self.bytes += sum(sum(map(len, filter(None, chunk.values))) for chunk in chunks)


@dataclass(frozen=True, slots=True)
class Limits:
    rows: int
    bytes: int
    interval_ms: int


def due(gathered: Gathered, limits: Limits, backlog: bool, last_write_ms: int, now_ms: int) -> bool:
    """Flush on size, or on age: sooner when the reader has caught up, later while it has a backlog.

    Where commits are slow (a merge into a large table) they come less often, so that they take no more than
    a part of the time.
    """
    if not gathered.rows:
        return False
    if gathered.rows >= limits.rows or gathered.bytes >= limits.bytes:
        return True
    age_ms_max = max(limits.interval_ms, last_write_ms * WRITE_PART) * (BACKLOG_AGES if backlog else 1)
    return now_ms - gathered.opened_ms >= age_ms_max


@dataclass(slots=True)
class Counts:
    """What a task has done since it was made."""

    rows: int = 0
    deleted: int = 0
    skipped: int = 0
    commits: int = 0
    dead_letters: int = 0
    restarts: int = 0
    lost: int = 0
    """Records that the log had forgotten before they were read."""
    lag: int = 0
    last_commit_ms: int = 0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a worker gives to each of its tasks."""

    log: Log
    folder: Path
    clock: Clock
    changed: Callable[[], None]
    """Called when the state of a task changed."""


class Task:
    """One task of a sink connector. Its methods are called by the herder; `_run` is its own thread."""

    def __init__(self, connector: Connector, number: int, count: int, around: Surroundings) -> None:
        self.connector, self.number = connector, number
        self._count, self._around = count, around
        self.state, self.trace = RUNNING, ""
        self.counts = Counts()
        self.topics: tuple[str, ...] = ()
        self.offsets: dict[TopicPartition, int] = {}
        self._paused, self._stopping = threading.Event(), threading.Event()
        self._fruitless = 0
        settings = connector.settings
        self._limits = Limits(settings["flush.size"], settings["flush.bytes"], settings["flush.interval.ms"])
        self._thread = threading.Thread(target=self._run, name=f"{connector.name}-{number}", daemon=True)

    def start(self, paused: bool = False) -> None:
        if paused:
            self._paused.set()
            self.state = PAUSED
        self._thread.start()

    def pause(self) -> None:
        self._paused.set()

    def resume(self) -> None:
        self._paused.clear()

    def ask_to_stop(self) -> None:
        self._stopping.set()

    def join(self) -> None:
        self._thread.join()

    # Its own thread.

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                Session(self, self._around).run()
            except Exception as error:  # the outermost layer of the thread: every failure becomes a state
                if not self._again(error):
                    self._fail(error)
                    return

    def _again(self, error: Exception) -> bool:
        """Whether to start anew, after a wait that doubles each time."""
        settings = self.connector.settings
        policy = settings["errors.restart"]
        retriable = isinstance(error, Retriable | Fenced)
        if policy == RESTART_NEVER or not (retriable or policy == RESTART_ALWAYS):
            return False
        self._fruitless += 1
        if self._fruitless > settings["errors.restart.attempts"]:
            return False
        self.counts.restarts += 1
        delay_ms = min(settings["errors.restart.delay.ms"] * 2 ** (self._fruitless - 1), DELAY_MAX_MS)
        self._stopping.wait(delay_ms / 1000)
        return True

    def _fail(self, error: Exception) -> None:
        self.trace = told(error)
        logger.error("Task %s-%d failed: %s", self.connector.name, self.number, self.trace)
        self._become(FAILED)

    def _become(self, state: str) -> None:
        if self.state != state:
            self.state = state
            self._around.changed()

    def fruitful(self) -> None:
        self._fruitless = 0

    @property
    def limits(self) -> Limits:
        return self._limits

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def hold(self) -> bool:
        """Whether the task is paused now; keeps `state` in step."""
        paused = self._paused.is_set()
        self._become(PAUSED if paused else RUNNING)
        return paused

    def wait(self, seconds: float) -> None:
        self._stopping.wait(seconds)

    def its_topics(self) -> tuple[str, ...]:
        """Its share of the connector's topics: tasks divide them in turn."""
        every = topics_of(self.connector.settings, list(self._around.log.topics()))
        return every[self.number :: self._count]


class Session:
    """One start of a task: from the committed offsets until a stop, a failure or a new topic."""

    def __init__(self, task: Task, around: Surroundings) -> None:
        self._task, self._log, self._clock = task, around.log, around.clock
        self._sink: SinkTask = task.connector.plugin.task()
        self._context = context(task, around)
        self._gathered = Gathered()
        self._looked_ms = self._published_ms = around.clock()
        self._unpublished: dict[TopicPartition, int] = {}
        self._producer = around.log.producer(f"connect-{task.connector.name}-{task.number}")
        self._record_bytes = RECORD_BYTES
        self._last_write_ms = 0

    def run(self) -> None:
        self._sink.start(self._context)
        try:
            reader = self._reader()
            try:
                self._pump(reader)
            finally:
                reader.close()
        finally:
            self._sink.stop()

    def _reader(self) -> Reader:
        """Reads the topics that exist, from where the sink stands."""
        names = [name for name in self._task.its_topics() if self._log.topic(name) is not None]
        self._task.topics = tuple(names)
        infos = {name: info for name in names if (info := self._log.topic(name)) is not None}
        partitions = [(name, number) for name, info in infos.items() for number in range(info.partitions)]
        committed = self._sink.committed(partitions)
        self._unpublished = dict(committed)
        self._task.offsets = dict(committed)
        self._look_for_lost(committed)
        try:
            return self._log.reader({name: _starts(name, committed) for name in infos})
        except LogError as error:
            raise TaskError(
                f"The offsets in the target don't fit the topic: {error} If the topic was deleted and made "
                "anew, delete the connector and make it with a new name, or restore the topic."
            ) from error

    def _look_for_lost(self, committed: Mapping[TopicPartition, int]) -> None:
        """Retention may have been faster than the sink: that is said, not passed over."""
        begins = {topic: self._log.begin_offsets(topic) for topic, _ in committed}
        for (topic, partition), offset in committed.items():
            gap = begins[topic].get(partition, 0) - offset
            if gap > 0:
                self._task.counts.lost += gap
                words = "%s: records %d to %d of %s-%d were deleted from the log before they were landed"
                name = self._task.connector.name
                logger.warning(words, name, offset, offset + gap - 1, topic, partition)

    def _pump(self, reader: Reader) -> None:
        while not self._task.stopping:
            if self._task.hold():
                self._flush(reader)
                self._publish(force=True)
                self._task.wait(WAIT_S)
                continue
            if self._new_topics():
                break
            self._step(reader)
        self._flush(reader)
        self._publish(force=True)

    def _step(self, reader: Reader) -> None:
        limits, now_ms = self._task.limits, self._clock()
        chunks = reader.poll(self._room())
        self._gathered.add(chunks, now_ms)
        if chunks:
            self._record_bytes = max(1, self._gathered.bytes // self._gathered.rows)
        lag = reader.lag()
        self._task.counts.lag = lag + self._gathered.rows
        if due(self._gathered, limits, lag > 0, self._last_write_ms, now_ms):
            self._flush(reader)
        self._publish()
        if not chunks:
            self._log.wait(self._wait_s())

    def _room(self) -> int:
        """How many records the batch may still take, by number and by what they are likely to weigh."""
        limits, gathered = self._task.limits, self._gathered
        by_bytes = (limits.bytes - gathered.bytes) // self._record_bytes
        return max(1, min(POLL_RECORDS, limits.rows - gathered.rows, by_bytes))

    def _wait_s(self) -> float:
        if not self._gathered.rows:
            return WAIT_S
        left_ms = self._gathered.opened_ms + self._task.limits.interval_ms - self._clock()
        return max(0.001, min(WAIT_S, left_ms / 1000))

    def _flush(self, reader: Reader) -> None:
        if not self._gathered.rows:
            return
        gathered, self._gathered = self._gathered, Gathered()
        offsets, began_ms = ends(gathered.chunks), self._clock()
        written = self._sink.write(Batch(tuple(gathered.chunks), offsets))
        counts = self._task.counts
        counts.rows += written.rows
        counts.deleted += written.deleted
        counts.skipped += written.skipped
        counts.commits += written.commits
        counts.dead_letters += self._context.dead_letters.taken()
        counts.lag = reader.lag()
        counts.last_commit_ms = self._clock()
        self._last_write_ms = counts.last_commit_ms - began_ms
        self._unpublished |= offsets
        self._task.offsets = self._task.offsets | offsets
        self._task.fruitful()

    def _publish(self, force: bool = False) -> None:
        """Tell the log's group where the sink stands; for displays only, so not at each commit."""
        now_ms = self._clock()
        if not self._unpublished or (not force and now_ms - self._published_ms < PUBLISH_MS):
            return
        with self._producer.begin() as transaction:
            transaction.commit_offsets(f"connect-{self._task.connector.name}", self._unpublished)
        self._unpublished, self._published_ms = {}, now_ms

    def _new_topics(self) -> bool:
        """Whether a topic that was waited for, or that the pattern matches, has come."""
        now_ms = self._clock()
        if now_ms - self._looked_ms < TOPICS_LOOK_MS:
            return False
        self._looked_ms = now_ms
        known = set(self._task.topics)
        return any(name not in known and self._log.topic(name) for name in self._task.its_topics())


def _starts(topic: str, committed: Mapping[TopicPartition, int]) -> dict[int, int]:
    return {partition: offset for (name, partition), offset in committed.items() if name == topic}


def ends(chunks: Sequence[Chunk]) -> dict[TopicPartition, int]:
    """The next offset of each partition after these chunks."""
    found: dict[TopicPartition, int] = {}
    for chunk in chunks:
        for partition, offset in dict(zip(chunk.partitions, chunk.offsets, strict=True)).items():
            found[chunk.topic, partition] = offset + 1
    return found


def context(task: Task, around: Surroundings) -> Context:
    connector = task.connector
    config, settings = connector.config, connector.settings
    return Context(
        connector=connector.name,
        task=task.number,
        topics=task.its_topics(),
        settings=settings,
        folder=around.folder,
        key_converter=converter(config, "key.converter", KEY_CONVERTER),
        value_converter=converter(config, "value.converter", VALUE_CONVERTER),
        dead_letters=DeadLetters(
            around.log,
            connector.name,
            task.number,
            connector.plugin.class_name,
            settings["errors.deadletterqueue.topic.name"],
            settings["errors.tolerance"],
        ),
        clock=around.clock,
    )


def told(error: Exception) -> str:
    """The trace of a status: the sentence of a failure we know, the whole stack of one we don't."""
    if isinstance(error, PenstockError):
        return f"{type(error).__name__}: {error}"
    return "".join(traceback.format_exception(error))
