"""The topic and what it adds up to: records go in by one writer, the index follows the log.

In:  records to write. Out: an index that has applied everything the log holds.

    write(records) -> one transaction -> log -> reader -> index    (only what the log has)

One instance leads: it holds the lock file in the folder, whose text is its URL, and fences any earlier
producer. The others follow the log and pass writes on to the leader (app.py); when the leader is gone one
of them takes over. Where instances share no folder the newest one leads, and a fenced one says so.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from pathlib import Path

from penstock.clock import Clock, now_ms
from penstock.errors import Fenced, LogError
from penstock.topics.base import RETENTION_FOREVER, Log, Outgoing, Producer
from schema_registry.errors import RegistryError
from schema_registry.index import Index
from schema_registry.records import noop_key

logger = logging.getLogger(__name__)

TOPIC = "_schemas"
WRITER = "schema-registry"
LEADER_FILE = "registry.leader"
FOLLOW_SECONDS = 0.5
CHUNK_RECORDS = 5000
RECORD_BYTES_MAX = 16 * 1024 * 1024

Record = tuple[bytes, bytes | None]


class Store:
    def __init__(
        self,
        log: Log,
        directory: Path | None = None,
        url: str = "",
        topic: str = TOPIC,
        clock: Clock = now_ms,
    ) -> None:
        self.index = Index()
        self.lock = threading.RLock()
        self._log, self._topic, self._clock, self._url = log, topic, clock, url
        self._leader_file = None if directory is None else directory / LEADER_FILE
        self._held: int | None = None
        self._producer: Producer | None = None
        self._stopped = threading.Event()
        self._follower: threading.Thread | None = None
        self._make_topic()
        self._reader = log.reader({topic: "earliest"})
        self.catch_up()
        self._try_to_lead()

    @property
    def leads(self) -> bool:
        return self._producer is not None

    @property
    def leader_url(self) -> str:
        """Where the leader is reached; empty when nobody says so."""
        if self.leads:
            return self._url
        try:
            return self._leader_file.read_text().strip() if self._leader_file is not None else ""
        except OSError:
            return ""

    def write(self, *records: Record) -> None:
        """Append and apply. Returns when the records are durable and every question sees them."""
        with self.lock:
            if self._producer is None:
                raise RegistryError(50004, self._no_leader())
            keys, values = [key for key, _ in records], [value for _, value in records]
            times = [self._clock()] * len(records)
            try:
                with self._producer.begin() as transaction:
                    transaction.append(Outgoing(self._topic, keys, values, times, [0] * len(records)))
            except Fenced as error:
                self._step_down()
                raise RegistryError(50004, self._no_leader()) from error
            except LogError as error:
                raise RegistryError(
                    50001, f"Register operation failed: the log took no records. {error}"
                ) from error
            self.catch_up()

    def now_ms(self) -> int:
        return self._clock()

    def catch_up(self) -> None:
        with self.lock:
            while chunks := self._reader.poll(CHUNK_RECORDS):
                for chunk in chunks:
                    for key, value, ts in zip(chunk.keys, chunk.values, chunk.timestamps, strict=True):
                        self.index.apply(key, value, ts)

    def follow(self) -> None:
        """Keep up with the log in a thread of its own for as long as another instance leads."""
        if self.leads or self._follower is not None:
            return
        self._follower = threading.Thread(target=self._follow, name="schema-registry-follow", daemon=True)
        self._follower.start()

    def close(self) -> None:
        self._stopped.set()
        if self._follower is not None:
            self._follower.join()
        with self.lock:
            self._reader.close()
            self._release()

    def _follow(self) -> None:
        while not self._stopped.is_set() and not self.leads:
            self._log.wait(FOLLOW_SECONDS)
            with self.lock:
                self.catch_up()
                self._try_to_lead()
        self._follower = None

    def _make_topic(self) -> None:
        found = self._log.topic(self._topic)
        if found is None:
            config = {
                "cleanup.policy": "compact",
                "retention.ms": RETENTION_FOREVER,
                "max.message.bytes": str(RECORD_BYTES_MAX),
            }
            self._log.create_topic(self._topic, 1, config)
        elif "compact" not in found.config["cleanup.policy"]:
            raise LogError(
                f"The topic {self._topic} has cleanup.policy={found.config['cleanup.policy']}: schemas would "
                "be lost with time. Set it to compact."
            )

    def _try_to_lead(self) -> None:
        if self._leader_file is not None and not self._take(self._leader_file):
            return
        self._producer = self._log.producer(WRITER)
        self.catch_up()

    def _take(self, path: Path) -> bool:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(held)
            return False
        os.ftruncate(held, 0)
        os.pwrite(held, self._url.encode(), 0)
        self._held = held
        return True

    def _step_down(self) -> None:
        logger.warning("Another schema registry writes to %s now; this one serves reads.", self._topic)
        self._producer = None
        self._release()

    def _release(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _no_leader(self) -> str:
        where = self.leader_url
        reach = f"It is at {where}." if where else "Where it is, is not known here."
        return f"Another registry took over writing; this one only reads. {reach}"


def noop() -> Record:
    return noop_key(), None
