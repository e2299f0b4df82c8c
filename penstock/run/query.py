"""A running query: reads its topics from its own offsets, computes, and hands over what to commit.

In:  chunks from its reader. Out: into one transaction of the engine: its rows, its log entries, the changes
of its state and its offsets, always together.

    poll -> decode (shared) -> program -> Output --write()--> sink topic, changelog, offsets
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.errors import RecordError
from penstock.formats.registry import Registry
from penstock.language.catalog import STREAM, Source
from penstock.plan.steps import Aggregate, Flatten, Joined, QueryPlan, find
from penstock.run.batch import Batch, Decoder, entries_of
from penstock.run.compiler import StatelessProgram
from penstock.run.flatten import FlattenProgram
from penstock.run.joins import JoinProgram, in_order
from penstock.run.processing_log import Entry
from penstock.run.program import Output, Program
from penstock.run.sink import SinkWriter
from penstock.run.table_aggregate import aggregate_program
from penstock.topics.base import Chunk, Log, Outgoing, Start, Transaction

CHANGELOG_CONFIG = {"cleanup.policy": "delete", "retention.ms": "-1", "max.message.bytes": "1073741824"}
SNAPSHOT, CHANGE = b"S", b"C"
SNAPSHOT_AFTER_KEYS = 50_000
"""A snapshot is due when the changelog holds this many keys and four times as many as are alive."""
CHANGING_KEYS = frozenset(("DELIMITED", "PROTOBUF", "PROTOBUF_NOSR"))
"""Key formats in which a NULL or an empty text within a key comes back as something else."""

Decoders = Callable[[Any], Decoder]


def group_of(query_id: str) -> str:
    return f"_confluent-ksql-default_query_{query_id}"


def changelog_of(query_id: str) -> str:
    return f"{group_of(query_id)}-Aggregate-Aggregate-Materialize-changelog"


@dataclass(slots=True)
class Statistics:
    """Counts since the query was started in this process."""

    rows_in: int = 0
    rows_out: int = 0
    errors: int = 0


@dataclass(slots=True)
class Written:
    """What a query put into a transaction, to be finished when it is committed."""

    after_commit: list[Callable[[Chunk], None] | None] = field(default_factory=list)


class RunningQuery:
    """One persistent query. Belongs to the engine's thread."""

    def __init__(
        self,
        query_id: str,
        plan: QueryPlan,
        log: Log,
        decoder_of: Callable[[Source], Decoder],
        decoder_in_use: Callable[[Source], Decoder | None],
        properties: Mapping[str, str],
        registry: Registry | None = None,
    ) -> None:
        """`decoder_in_use` tells how a sink is read by others: None when no query reads it."""
        self.id = query_id
        self.registry = registry
        self.plan = plan
        self.log = log
        self.properties = dict(properties)
        self.decoder_in_use = decoder_in_use
        self.cached = cache_bytes(properties) > 0
        self.program: Program = make_program(plan, query_id, log, self.cached)
        self.inputs = [
            (source.index, source.source.topic, decoder_of(source.source)) for source in plan.froms
        ]
        self.writer = self._make_writer()
        self.out = Output()
        self.errors: list[Entry] = []
        self.statistics = Statistics()
        self.changelog_keys = 0
        self.snapshot_offset: int | None = None
        self.last_commit_ms = 0
        self.uncommitted = 0
        self.reader = log.reader(self._restore())

    @property
    def driving_topic(self) -> str:
        return self.inputs[0][1]

    def _make_writer(self) -> SinkWriter | None:
        if self.plan.sink is None:
            return None
        return SinkWriter(self.plan.sink, self.plan.partitions, self.id, self.registry)

    # --- start and restore ---------------------------------------------------------------------------

    def _restore(self) -> dict[str, Start | Mapping[int, int]]:
        """State as it was committed; returns where to read on."""
        committed = self.log.committed(group_of(self.id))
        starts: dict[str, Start | Mapping[int, int]] = {}
        for index, topic, decoder in self.inputs:
            offsets = {partition: offset for (name, partition), offset in committed.items() if name == topic}
            if offsets:
                starts[topic] = offsets
                if index in self.program.tables:
                    self._reread_table(index, topic, decoder, offsets)
            else:
                starts[topic] = self._first_start(index)
        if committed and self.program.store is not None:
            self._restore_store()
        return starts

    def _first_start(self, index: int) -> Start:
        """Tables are read from the beginning whatever auto.offset.reset says."""
        source = next(each.source for each in self.plan.froms if each.index == index)
        if source.kind != STREAM:
            return "earliest"
        for name in ("auto.offset.reset", "ksql.streams.auto.offset.reset"):
            if name in self.properties:
                return "earliest" if self.properties[name].lower() == "earliest" else "latest"
        return "latest"

    def _reread_table(self, index: int, topic: str, decoder: Decoder, until: Mapping[int, int]) -> None:
        reader = self.log.reader({topic: "earliest"})
        table = self.program.tables[index]
        while chunks := reader.poll(20_000):
            for chunk in chunks:
                table.update(decoder.batch(_before(chunk, until)))
        reader.close()

    def _restore_store(self) -> None:
        store = self.program.store
        topic = changelog_of(self.id)
        if store is None or self.log.topic(topic) is None:
            return
        reader = self.log.reader({topic: "earliest"})
        while chunks := reader.poll(100):
            for chunk in chunks:
                for value in chunk.values:
                    assert value is not None
                    if value[:1] == SNAPSHOT:
                        store.clear()
                        self.changelog_keys = 0
                    store.restore(value[1:])
        reader.close()
        self.changelog_keys = store.live_keys()

    # --- work ----------------------------------------------------------------------------------------

    def step(self, records_max: int) -> int:
        """Read and compute; returns how many records were read."""
        records = 0
        for chunk in self.reader.poll(records_max):
            records += len(chunk)
            taken = [
                (index, decoder.batch(chunk)) for index, topic, decoder in self.inputs if topic == chunk.topic
            ]
            for index, batch in in_order(chunk, taken) if isinstance(self.program, JoinProgram) else taken:
                self._take(index, batch)
        self.uncommitted += records
        return records

    def _take(self, index: int, batch: Any) -> None:
        if batch.failures:
            self._note(batch)
        if index in self.program.tables:
            self.program.tables[index].update(batch)
            return
        self.statistics.rows_in += batch.records
        if isinstance(self.program, JoinProgram):
            self.program.take(index, batch, self.out, self.errors)
            return
        self.program.process(batch, self.out, self.errors)

    def _note(self, batch: Batch) -> None:
        """Records that can't be read are logged; one without a time may be set to stop the query."""
        throws = self.properties.get("ksql.timestamp.throw.on.invalid", "").lower() == "true"
        untimed = [failure for failure in batch.failures if failure.target is None]
        if throws and untimed:
            raise RecordError(
                f"Fatal user code error in TimestampExtractor callback for record {untimed[0].at}: "
                f"{untimed[0].reason}"
            )
        self.errors += entries_of(batch, self.id)

    def due(self, now_ms: int, idle: bool, interval_ms: int, records_max: int) -> bool:
        """Whether to commit now. A cache is kept back until it is full, old enough, or the input rests."""
        if not self.uncommitted:
            return False
        if not self.cached or self.program.store is None or idle:
            return True
        return self.uncommitted >= records_max or now_ms - self.last_commit_ms >= interval_ms

    def write(self, transaction: Transaction, written: Written, now_ms: int) -> list[Entry]:
        """Put everything since the last commit into the transaction; returns the log entries to write."""
        self.program.flush(self.out, self.errors)
        if self.out.rows and self.writer is not None:
            self._write_rows(transaction, written)
        self.out = Output()
        self._write_state(transaction, written, now_ms)
        transaction.commit_offsets(group_of(self.id), self.reader.positions())
        self.statistics.errors += len(self.errors)
        entries, self.errors = self.errors, []
        self.uncommitted = 0
        self.last_commit_ms = now_ms
        return entries

    def _write_rows(self, transaction: Transaction, written: Written) -> None:
        assert self.writer is not None and self.plan.sink is not None
        out = self.out
        records, whole = self.writer.outgoing(out, self.errors)
        self.statistics.rows_out += len(records.values)
        if not records.values:
            return
        transaction.append(records)
        written.after_commit.append(self._hand_over(out) if whole else None)

    def _hand_over(self, out: Output) -> Callable[[Chunk], None] | None:
        """Rows for those who read the sink; without readers nobody keeps them alive."""
        assert self.plan.sink is not None
        formats = self.plan.sink.value_format.name, self.plan.sink.key_format.name
        decoder = self.decoder_in_use(self.plan.sink)
        if decoder is None or formats[0] != "JSON" or formats[1] in CHANGING_KEYS:
            return None
        return lambda chunk: decoder.hand_over(chunk, out.keys, out.rows)

    def _write_state(self, transaction: Transaction, written: Written, now_ms: int) -> None:
        store = self.program.store
        if store is None:
            return
        self.changelog_keys += store.changed_keys()
        payload = store.changes()
        if payload is None:
            return
        live = store.live_keys()
        whole = self.changelog_keys > SNAPSHOT_AFTER_KEYS and self.changelog_keys > 4 * live
        if whole:
            payload = store.snapshot()
            self.changelog_keys = live
        value = (SNAPSHOT if whole else CHANGE) + payload
        transaction.append(Outgoing(changelog_of(self.id), [None], [value], [now_ms], [0]))
        written.after_commit.append(self._forget_before if whole else None)

    def _forget_before(self, snapshot: Chunk) -> None:
        self.log.delete_records(snapshot.topic, {0: snapshot.offsets[0]})

    def close(self) -> None:
        self.reader.close()


def make_program(plan: QueryPlan, query_id: str, log: Log, cached: bool) -> Program:
    program = _row_program(plan, query_id, log, cached)
    return program if find(plan.root, Joined) is None else JoinProgram(plan, query_id, program)


def _row_program(plan: QueryPlan, query_id: str, log: Log, cached: bool) -> Program:
    if find(plan.root, Aggregate) is not None:
        return aggregate_program(plan, query_id, cached)
    if find(plan.root, Flatten) is not None:
        return FlattenProgram(plan, query_id)
    return StatelessProgram(plan, query_id, _keeps_partition(plan, log))


def _keeps_partition(plan: QueryPlan, log: Log) -> bool:
    """A row whose key stays as it was stays in its partition too: nobody has to hash it."""
    source = plan.froms[0].source
    if plan.sink is None or plan.root.rekeyed or source.key_format != plan.sink.key_format:
        return False
    info = log.topic(source.topic)
    return info is not None and info.partitions == plan.partitions


def cache_bytes(properties: Mapping[str, str]) -> int:
    """ksqlDB's cache.max.bytes.buffering, by any of the names it is set by."""
    for name in (
        "cache.max.bytes.buffering",
        "ksql.streams.cache.max.bytes.buffering",
        "statestore.cache.max.bytes",
        "ksql.streams.statestore.cache.max.bytes",
    ):
        if name in properties:
            return int(properties[name])
    return 10_000_000


def _before(chunk: Chunk, until: Mapping[int, int]) -> Chunk:
    """The records of a chunk that stand below the committed offsets."""
    kept = [
        position
        for position, (partition, offset) in enumerate(zip(chunk.partitions, chunk.offsets, strict=True))
        if offset < until.get(partition, 0)
    ]
    if len(kept) == len(chunk):
        return chunk
    return Chunk(
        chunk.topic,
        chunk.sequence,
        [chunk.keys[position] for position in kept],
        [chunk.values[position] for position in kept],
        [chunk.timestamps[position] for position in kept],
        [chunk.partitions[position] for position in kept],
        [chunk.offsets[position] for position in kept],
        None if chunk.headers is None else [chunk.headers[position] for position in kept],
    )
