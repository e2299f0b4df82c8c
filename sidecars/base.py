"""What every sidecar shares: the loop from topics to topics, its health by HTTP, its end by SIGTERM.

In:  the topics a sidecar reads, a function from chunks to batches. Out: those batches, committed.

    poll --chunks--> process --batches--> one transaction: batches + offsets of the group --> poll ...

A kill before the commit leaves nothing behind; after it, the next start goes on behind it. The loop runs in
a thread; the main thread answers /health. A failure of the loop ends the process with its sentence, and
the supervisor starts it again.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hypercorn.asyncio import serve as serve_http
from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from penstock.errors import TopicExists
from penstock.topics.base import Chunk, Log, Outgoing, Reader, Start
from penstock.topics.open import open_log

Process = Callable[[Sequence[Chunk]], Sequence[Outgoing]]

WAIT_S = 0.5
STOP_WAIT_S = 8.0
logger = logging.getLogger("penstock.sidecar")


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A sidecar's place at the log. Its group and its transactional id have one name.

    `linger_s` lets records gather between two batches, for a sidecar that looks only at the last of a key.
    """

    name: str
    reads: tuple[str, ...]
    process: Process
    records_max: int = 50_000
    writes: Mapping[str, tuple[int, Mapping[str, str]]] = field(default_factory=dict)
    linger_s: float = 0.0

    @property
    def group(self) -> str:
        return f"penstock-{self.name}"


@dataclass(slots=True)
class Health:
    """What /health tells. `status`: waiting (a topic is not there yet), running, failed, stopped."""

    name: str
    status: str = "waiting"
    detail: str = ""
    records_read: int = 0
    records_written: int = 0
    commits: int = 0


class Loop:
    """Reads, processes, commits, until `stop` is set. Belongs to one thread."""

    def __init__(self, log: Log, sidecar: Sidecar, health: Health, stop: threading.Event) -> None:
        self._log, self._sidecar, self._health, self._stop = log, sidecar, health, stop
        self._producer = log.producer(sidecar.group)

    def run(self) -> None:
        ensure_topics(self._log, self._sidecar.writes)
        reader = self._open()
        if reader is None:
            return
        self._health.status, self._health.detail = "running", ""
        while not self._stop.is_set():
            read = self.step(reader)
            if not read:
                self._log.wait(WAIT_S)
            elif read < self._sidecar.records_max:
                self._stop.wait(self._sidecar.linger_s)
        reader.close()

    def step(self, reader: Reader) -> int:
        """One batch, whole: read, processed, committed. Returns the records read."""
        chunks = reader.poll(self._sidecar.records_max)
        if not chunks:
            return 0
        batches = self._sidecar.process(chunks)
        with self._producer.begin() as transaction:
            for batch in batches:
                transaction.append(batch)
            transaction.commit_offsets(self._sidecar.group, reader.positions())
        read = sum(len(chunk) for chunk in chunks)
        self._health.records_read += read
        self._health.records_written += sum(len(batch.values) for batch in batches)
        self._health.commits += 1
        return read

    def _open(self) -> Reader | None:
        """A reader behind the group's offsets, once every topic is there; None when told to stop before."""
        while missing := [topic for topic in self._sidecar.reads if self._log.topic(topic) is None]:
            self._health.detail = f"waiting for topic {', '.join(missing)}"
            self._log.wait(WAIT_S)
            if self._stop.is_set():
                return None
        return self._log.reader(starts_of(self._log, self._sidecar))


def starts_of(log: Log, sidecar: Sidecar) -> dict[str, Start | Mapping[int, int]]:
    committed = log.committed(sidecar.group)
    starts: dict[str, Start | Mapping[int, int]] = {}
    for topic in sidecar.reads:
        offsets = {partition: offset for (name, partition), offset in committed.items() if name == topic}
        ends = log.end_offsets(topic)
        if any(offset > ends.get(partition, 0) for partition, offset in offsets.items()):
            # The topic was deleted and made anew since: its records are others, so all of them are read.
            logger.warning("topic %s is shorter than what %s has read: from the start", topic, sidecar.group)
            offsets = {}
        starts[topic] = offsets or "earliest"
    return starts


def ensure_topics(log: Log, topics: Mapping[str, tuple[int, Mapping[str, str]]]) -> None:
    """Make the topics a sidecar writes, where nobody has made them."""
    for name, (partitions, config) in topics.items():
        if log.topic(name) is None:
            try:
                log.create_topic(name, partitions, config)
            except TopicExists:
                continue  # another process was faster; its settings stand


def run_sidecar(log_url: str, host: str, port: int, sidecar: Sidecar) -> None:
    """The service: loop and health, until SIGTERM or a failure, which is raised."""
    log = open_log(log_url)
    stop, health = threading.Event(), Health(sidecar.name)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            Loop(log, sidecar, health, stop).run()
        except BaseException as error:
            failures.append(error)
            health.status, health.detail = "failed", str(error)
        finally:
            stop.set()

    thread = threading.Thread(target=work, name=sidecar.name, daemon=True)
    thread.start()
    asyncio.run(answer_health(f"{host}:{port}", health, stop))
    stop.set()
    thread.join(STOP_WAIT_S)
    log.close()
    if failures:
        raise failures[0]


async def answer_health(address: str, health: Health, stop: threading.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    config = Config()
    config.bind = [address]
    config.errorlog = None
    await serve_http(
        health_app(health),  # type: ignore[arg-type]
        config,
        shutdown_trigger=lambda: loop.run_in_executor(None, stop.wait),
    )


def health_app(health: Health) -> Starlette:
    async def answer(request: Request) -> JSONResponse:
        told = {name: getattr(health, name) for name in Health.__slots__}
        return JSONResponse(told, status_code=503 if health.status == "failed" else 200)

    return Starlette(routes=[Route("/health", answer)])
