"""The loop: polls every running query, computes, and commits outputs, offsets and state as one transaction.

In:  queries by plan, jobs from other threads. Out: rows in the log, answers to pull and push queries.

    while running:  jobs -> each query: poll, compute -> one transaction -> retention now and then -> wait

One thread computes; everything else asks it by call(). A query that fails stops alone, with its reason, and
is tried again after a while; a log that can't be written stops all of them the same way. What was not
committed is computed again, so a kill at any instruction changes no final answer.
"""

from __future__ import annotations

import logging
import queue
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from penstock.clock import Clock, now_ms
from penstock.errors import LogError, PenstockError
from penstock.formats.registry import Registry
from penstock.language.catalog import Source
from penstock.plan.steps import Aggregate as AggregateStep
from penstock.plan.steps import Joined, QueryPlan, find
from penstock.run.answers import PullResult, PushQuery, RowSink, pull_stream, pull_table
from penstock.run.batch import Codecs, Decoder, decoder_key
from penstock.run.processing_log import PROCESSING_LOG_TOPIC, Entry, outgoing, thread_entry
from penstock.run.query import (
    CHANGELOG_CONFIG,
    RunningQuery,
    Written,
    changelog_of,
    group_of,
)
from penstock.topics.base import Log, TopicPartition

log_of = logging.getLogger("penstock.engine")

T = TypeVar("T")

RUNNING, PAUSED, ERROR = "RUNNING", "PAUSED", "ERROR"
ERRORS_KEPT = 10


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """`records_per_poll` bounds a cycle; `commit_interval_ms` how long a cache may hold updates back."""

    records_per_poll: int = 8_192
    commit_interval_ms: int = 1_000
    cached_records_max: int = 65_536
    idle_wait_s: float = 0.01
    clean_every_ms: int = 60_000
    retry_first_ms: int = 1_000
    retry_max_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class QueryStatus:
    """A query as SHOW QUERIES, DESCRIBE and the metrics tell of it."""

    state: str
    error: str | None
    rows_in: int
    rows_out: int
    errors: int
    late_dropped: int
    lag: int
    state_keys: int
    offsets: Mapping[TopicPartition, int]
    code: str


@dataclass(slots=True)
class _Entry:
    """A query and how it fares. `running` is None while it is paused or has failed."""

    plan: QueryPlan
    properties: Mapping[str, str]
    running: RunningQuery | None = None
    state: str = RUNNING
    errors: list[str] = field(default_factory=list)
    retry_at_ms: int = 0
    failures: int = 0


class Engine:
    """Runs persistent queries and answers pull and push queries. start() gives it its thread."""

    def __init__(
        self,
        log: Log,
        settings: EngineSettings | None = None,
        clock: Clock = now_ms,
        registry: Registry | None = None,
    ) -> None:
        self.log = log
        self.registry = registry
        self.settings = settings or EngineSettings()
        self.clock = clock
        self.queries: dict[str, _Entry] = {}
        self.pushes: list[PushQuery] = []
        self.decoders: dict[Any, Decoder] = {}
        self.codecs: Codecs = {}
        self.jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.producer = log.producer("penstock-engine")
        self.stopping = threading.Event()
        self.thread: threading.Thread | None = None
        self.janitor: threading.Thread | None = None
        if log.topic(PROCESSING_LOG_TOPIC) is None:
            log.create_topic(PROCESSING_LOG_TOPIC, 1)

    # --- from any thread -----------------------------------------------------------------------------

    def start(self) -> None:
        self.thread = threading.Thread(target=self._run, name="penstock-engine", daemon=True)
        self.thread.start()
        self.janitor = threading.Thread(target=self._clean, name="penstock-janitor", daemon=True)
        self.janitor.start()

    def stop(self) -> None:
        """Finish the cycle, commit, close. Returns when that is done."""
        self.stopping.set()
        for thread in (self.thread, self.janitor):
            if thread is not None:
                thread.join()
        for entry in self.queries.values():
            if entry.running is not None:
                entry.running.close()

    def call(self, function: Callable[[], T]) -> T:
        """Run a function on the engine's thread, between two cycles."""
        if self.thread is None or self.thread is threading.current_thread():
            return function()
        done = threading.Event()
        result: list[T] = []
        failure: list[BaseException] = []

        def job() -> None:
            try:
                result.append(function())
            except BaseException as error:
                failure.append(error)
            finally:
                done.set()

        self.jobs.put(job)
        while not done.wait(0.5):
            if not self.thread.is_alive():
                raise PenstockError("The engine has stopped. See its log, then start the server again.")
        if failure:
            raise failure[0]
        return result[0]

    def add(
        self, query_id: str, plan: QueryPlan, properties: Mapping[str, str], *, keep: bool = False
    ) -> None:
        """Start a query, or go on where it was committed last.

        With `keep` a query that can't be started stands in ERROR and is tried again, as one that failed
        while running; without, its error is raised and nothing is left of it.
        """
        self.call(lambda: self._add(query_id, plan, properties, keep))

    def remove(self, query_id: str, delete_state: bool = True) -> None:
        self.call(lambda: self._remove(query_id, delete_state))

    def pause(self, query_id: str) -> None:
        self.call(lambda: self._pause(query_id))

    def resume(self, query_id: str) -> None:
        self.call(lambda: self._resume(query_id))

    def status(self, query_id: str) -> QueryStatus:
        return self.call(lambda: self._status(query_id))

    def pull(self, plan: QueryPlan) -> PullResult:
        """The current rows of a table, or all rows of a stream from its beginning to its end now."""
        source = plan.froms[0].source
        if source.is_stream:
            return pull_stream(plan, self.log, self.registry)
        return self.call(lambda: self._pull(plan, source))

    def push(self, plan: QueryPlan, sink: RowSink, properties: Mapping[str, str]) -> PushQuery:
        """Rows as they come, until close(). `sink` is called on the engine's thread and must not block."""
        return self.call(lambda: self._push(plan, sink, properties))

    # --- on the engine's thread ----------------------------------------------------------------------

    def _run(self) -> None:
        while not self.stopping.is_set():
            self._do_jobs()
            try:
                worked = self.cycle()
            except LogError as error:
                self._all_failed(error)
                worked = 0
            if not worked:
                self.log.wait(self.settings.idle_wait_s)
        self._do_jobs()

    def _clean(self) -> None:
        """Retention and compaction, beside the computing."""
        while not self.stopping.wait(self.settings.clean_every_ms / 1000):
            try:
                self.log.clean(self.clock())
            except LogError as error:
                log_of.warning("retention and compaction are put off: %s", error)

    def _do_jobs(self) -> None:
        while not self.jobs.empty():
            self.jobs.get()()

    def cycle(self) -> int:
        """One turn of every query and one transaction. Returns how many records were read."""
        now = self.clock()
        self._retry(now)
        records = 0
        due: list[tuple[str, _Entry]] = []
        for query_id, entry in list(self.queries.items()):
            if entry.running is None:
                continue
            read = self._guarded(query_id, entry, lambda q: q.step(self.settings.records_per_poll))
            records += read
            limits = (self.settings.commit_interval_ms, self.settings.cached_records_max)
            if entry.running is not None and entry.running.due(now, not read, *limits):
                due.append((query_id, entry))
        if due:
            self._commit(due, now)
        return records + self.push_rows()

    def drive(self, query_id: str, records_max: int) -> int:
        """One turn of one query alone, with its own commit: for who decides himself what runs when."""
        entry = self.queries[query_id]
        if entry.running is None:
            return 0
        read = self._guarded(query_id, entry, lambda query: query.step(records_max))
        if entry.running is not None:
            self._commit([(query_id, entry)], self.clock())
        return read

    def _guarded(self, query_id: str, entry: _Entry, work: Callable[[RunningQuery], int]) -> int:
        assert entry.running is not None
        try:
            return work(entry.running)
        except LogError:
            raise
        except Exception as error:
            self._failed(query_id, entry, error)
            return 0

    def _commit(self, due: list[tuple[str, _Entry]], now: int) -> None:
        transaction = self.producer.begin()
        after: list[Callable[[Any], None] | None] = []
        entries: list[Entry] = []
        for query_id, entry in due:
            assert entry.running is not None
            written = Written()
            try:
                # A query that fails here must leave nothing in the transaction, so it writes to a part first.
                part = _Part()
                logged = entry.running.write(part, written, now)  # type: ignore[arg-type]
            except LogError:
                raise
            except Exception as error:
                self._failed(query_id, entry, error)
                continue
            part.move_to(transaction)
            after += written.after_commit
            entries += logged
        if entries:
            transaction.append(outgoing(entries, now))
            after.append(None)
        for chunk, finish in zip(transaction.commit(), after, strict=True):
            if finish is not None:
                finish(chunk)

    # --- failures ------------------------------------------------------------------------------------

    def _failed(self, query_id: str, entry: _Entry, error: Exception) -> None:
        """The query stops alone; it goes on from its last commit after a growing pause."""
        reason = str(error) or type(error).__name__
        log_of.error("query %s stopped: %s\n%s", query_id, reason, traceback.format_exc())
        if entry.running is not None:
            entry.running.close()
        entry.running = None
        entry.state = ERROR
        entry.errors = [*entry.errors, reason][-ERRORS_KEPT:]
        pause = min(self.settings.retry_first_ms * 2**entry.failures, self.settings.retry_max_ms)
        entry.failures += 1
        entry.retry_at_ms = self.clock() + pause
        if not isinstance(error, LogError):
            self.log.append(outgoing([thread_entry(f"processing.{query_id}", reason)], self.clock()))

    def _all_failed(self, error: LogError) -> None:
        for query_id, entry in self.queries.items():
            if entry.running is not None:
                self._failed(query_id, entry, error)

    def _retry(self, now: int) -> None:
        for query_id, entry in self.queries.items():
            if entry.state == ERROR and entry.retry_at_ms <= now:
                try:
                    entry.running = self._make(query_id, entry)
                    entry.state = RUNNING
                except Exception as error:
                    self._failed(query_id, entry, error)

    # --- jobs ----------------------------------------------------------------------------------------

    def _make(self, query_id: str, entry: _Entry) -> RunningQuery:
        return RunningQuery(
            query_id,
            entry.plan,
            self.log,
            self.decoder_of,
            self.decoder_in_use,
            entry.properties,
            self.registry,
        )

    def decoder_of(self, source: Source) -> Decoder:
        """One decoder for all sources that read a topic alike."""
        key = decoder_key(source)
        if key not in self.decoders:
            self.decoders[key] = Decoder(source, self.codecs, self.registry)
        return self.decoders[key]

    def decoder_in_use(self, source: Source) -> Decoder | None:
        """The decoder of those who read a source, if anybody does."""
        return self.decoders.get(decoder_key(source))

    def _add(self, query_id: str, plan: QueryPlan, properties: Mapping[str, str], keep: bool) -> None:
        assert query_id not in self.queries, query_id
        needs_state = plan.is_table or any(find(plan.root, kind) for kind in (AggregateStep, Joined))
        if needs_state and self.log.topic(changelog_of(query_id)) is None:
            self.log.create_topic(changelog_of(query_id), 1, CHANGELOG_CONFIG)
        entry = _Entry(plan, properties)
        try:
            entry.running = self._make(query_id, entry)
        except Exception as error:
            if not keep:
                raise
            self._failed(query_id, entry, error)
        self.queries[query_id] = entry

    def _remove(self, query_id: str, delete_state: bool) -> None:
        entry = self.queries.pop(query_id, None)
        if entry is not None and entry.running is not None:
            entry.running.close()
        self.pushes = [push for push in self.pushes if not push.closed]
        if delete_state:
            if self.log.topic(changelog_of(query_id)) is not None:
                self.log.delete_topic(changelog_of(query_id))
            if group_of(query_id) in self.log.groups():
                self.log.delete_group(group_of(query_id))

    def _pause(self, query_id: str) -> None:
        entry = self.queries[query_id]
        if entry.running is not None:
            self._commit([(query_id, entry)], self.clock())
        if entry.running is not None:
            entry.running.close()
        entry.running, entry.state = None, PAUSED

    def _resume(self, query_id: str) -> None:
        entry = self.queries[query_id]
        if entry.state == PAUSED:
            entry.running = self._make(query_id, entry)
            entry.state = RUNNING

    def _status(self, query_id: str) -> QueryStatus:
        entry = self.queries[query_id]
        running = entry.running
        error = entry.errors[-1] if entry.errors and entry.state == ERROR else None
        if running is None:
            return QueryStatus(entry.state, error, 0, 0, 0, 0, 0, 0, {}, "")
        store = running.program.store
        return QueryStatus(
            entry.state,
            error,
            running.statistics.rows_in,
            running.statistics.rows_out,
            running.statistics.errors,
            running.program.late,
            running.reader.lag(),
            store.live_keys() if store is not None else 0,
            running.reader.positions(),
            running.program.source_text,
        )

    def _pull(self, plan: QueryPlan, source: Source) -> PullResult:
        entry = self.queries.get(source.query_id or "")
        if entry is None or entry.running is None or entry.running.program.store is None:
            raise PenstockError(
                f"The `{source.name}` table can't be read now: the query that keeps it is "
                f"{entry.state if entry else 'gone'}."
            )
        return pull_table(plan, entry.running)

    def _push(self, plan: QueryPlan, sink: RowSink, properties: Mapping[str, str]) -> PushQuery:
        made = PushQuery(plan, self.log, self.decoder_of, sink, properties)
        self.pushes.append(made)
        return made

    def push_rows(self) -> int:
        """One turn of every push query."""
        self.pushes = [push for push in self.pushes if not push.closed]
        records = 0
        for push in self.pushes:
            try:
                records += push.step(self.settings.records_per_poll)
            except Exception as error:
                # Only who asked is told: its topic may be gone, or its rows can't be computed.
                push.close()
                push.sink.failed(str(error) or type(error).__name__)
        return records


class _Part:
    """What one query wants committed, kept apart until it is complete."""

    def __init__(self) -> None:
        self.batches: list[Any] = []
        self.offsets: list[tuple[str, Mapping[TopicPartition, int]]] = []

    def append(self, batch: Any) -> None:
        self.batches.append(batch)

    def commit_offsets(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        self.offsets.append((group, offsets))

    def move_to(self, transaction: Any) -> None:
        for batch in self.batches:
            transaction.append(batch)
        for group, offsets in self.offsets:
            transaction.commit_offsets(group, offsets)


__all__ = ["ERROR", "PAUSED", "RUNNING", "Engine", "EngineSettings", "QueryStatus"]
