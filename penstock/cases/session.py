"""The product under a case: its statements carried out on a log in memory, its queries stepped one by one.

In:  statements, records. Out: what the topics hold afterwards. Nothing here is a copy of the product: parser,
executor, planner, generated code, formats and state are the ones the server runs.

    statement -> parser -> DECIDERS -> effects -> MemoryLog, Engine       a topic that is missing is made
    query     -> drive(): read, compute, commit                           "restore": a new Engine in between
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec

from penstock.cases.model import Case, Record
from penstock.cases.payloads import key_bytes, key_json, value_bytes, value_json
from penstock.cases.schemas import CaseSchemas
from penstock.errors import PenstockError, StatementError
from penstock.executor.canonical import canonical_query
from penstock.executor.perform import perform
from penstock.executor.properties import is_known
from penstock.executor.statements import DECIDERS
from penstock.executor.world import Config, Query, Session, Task, World
from penstock.language import ast
from penstock.language.catalog import Catalog, Source
from penstock.language.parser import parse_script
from penstock.language.printer import canonical
from penstock.run.engine import Engine
from penstock.run.processing_log import PROCESSING_LOG_TOPIC
from penstock.topics.base import Chunk, Outgoing
from penstock.topics.memory import MemoryLog

SERVER = {
    "auto.offset.reset": "earliest",
    "cache.max.bytes.buffering": "0",
    "ksql.schema.registry.url": "memory:",
}
POLL_RECORDS = 10_000


class CaseSession:
    """One case's log, catalog and engine. Its clock stands still."""

    def __init__(self, case: Case) -> None:
        self.log = MemoryLog(self.clock)
        self.schemas = CaseSchemas(case.topics)
        self.engine = self._engine()
        self.world = World()
        properties = {**SERVER, **case.properties}
        self.session = Session({name: value for name, value in properties.items() if is_known(name)})
        self.config = Config(properties=properties, registry=self.schemas.registry)
        self.sources: dict[str, Source] = {}
        for topic in case.topics:
            if topic.partitions is not None:
                self.make_topic(topic.name, topic.partitions)

    def _engine(self) -> Engine:
        return Engine(self.log, clock=self.clock, registry=self.schemas.registry)

    @staticmethod
    def clock() -> int:
        return 0

    def make_topic(self, name: str, partitions: int = 1) -> None:
        if self.log.topic(name) is None:
            self.log.create_topic(name, partitions, {"retention.ms": "-1"})

    # --- statements ----------------------------------------------------------------------------------

    def run(self, text: str) -> None:
        for parsed in parse_script(text, self.world.catalog.types, dict(self.session.variables)):
            self._carry_out(parsed.text, parsed.node)

    def _carry_out(self, text: str, node: ast.Statement) -> None:
        if isinstance(node, ast.CreateSource):
            self._make_topic_of(node)
        if isinstance(node, ast.CreateSource | ast.CreateAs):
            prefix = self.config.get("ksql.output.topic.name.prefix", self.session.properties) or ""
            named = dict(node.properties).get("KAFKA_TOPIC", prefix + node.name)
            self.schemas.topic_named(str(named))
        world = replace(self.world, topics=self.log.topics())
        try:
            decision = DECIDERS[type(node)](Task(text, node, world, self.session, self.config))
        except StatementError as refused:
            refused.statement = _shown(node, world.catalog) or refused.statement
            raise
        for effect in decision.effects:
            perform(effect, self.log, self.engine, {})
        self.world = decision.world
        self.session = decision.session or self.session
        for source in self.world.catalog.sources.values():
            # The first to describe a topic says how its records are written and read.
            self.sources.setdefault(source.topic, source)

    def _make_topic_of(self, node: ast.CreateSource) -> None:
        given = dict(node.properties)
        if "KAFKA_TOPIC" in given and "PARTITIONS" not in given:
            self.make_topic(str(given["KAFKA_TOPIC"]))

    # --- records -------------------------------------------------------------------------------------

    def send(self, records: tuple[Record, ...]) -> None:
        """Neighbours of one topic go in one batch, so that the listed order is the log's order."""
        waiting: list[Record] = []
        for record in records:
            if waiting and waiting[0].topic != record.topic:
                self._append(waiting)
                waiting = []
            waiting.append(record)
        if waiting:
            self._append(waiting)

    def _append(self, records: list[Record]) -> None:
        topic = records[0].topic
        source = self.sources.get(topic)
        if source is None:
            return
        self.make_topic(topic)
        self.log.append(
            Outgoing(
                topic,
                [key_bytes(source, record.key, record.window, self.schemas) for record in records],
                [value_bytes(source, record.value, self.schemas) for record in records],
                [record.timestamp or 0 for record in records],
                headers=[record.headers for record in records],
            )
        )

    def records_of(self, topic: str) -> list[Record]:
        source = self.sources.get(topic)
        if source is None or self.log.topic(topic) is None:
            return []
        places = [(chunk, at) for chunk in self._chunks(topic) for at in range(len(chunk))]
        return [self._record(source, chunk, at) for chunk, at in places]

    def _record(self, source: Source, chunk: Chunk, at: int) -> Record:
        key, window = key_json(source, chunk.keys[at], self.schemas)
        value = value_json(source, chunk.values[at], self.schemas)
        headers = tuple(chunk.headers[at]) if chunk.headers else ()
        return Record(chunk.topic, key, value, chunk.timestamps[at], window, headers)

    def log_messages(self) -> list[dict[str, Any]]:
        """The processing log, decoded."""
        values = [value for chunk in self._chunks(PROCESSING_LOG_TOPIC) for value in chunk.values]
        return [msgspec.json.decode(value) for value in values if value is not None]

    def _chunks(self, topic: str) -> Iterator[Chunk]:
        reader = self.log.reader({topic: "earliest"})
        while chunks := reader.poll(POLL_RECORDS):
            yield from chunks
        reader.close()

    # --- queries -------------------------------------------------------------------------------------

    def drive(self, way: str) -> None:
        """Queries run one after another in the order they were made: each sees all that came before it."""
        for query in list(self.world.queries.values()):
            while self.engine.drive(query.id, POLL_RECORDS if way == "whole" else 1):
                self._check(query)
                if way == "restore":
                    self._restart()
            self._check(query)

    def push(self) -> None:
        """Rows to the push queries, until there are no more."""
        while self.engine.push_rows():
            pass

    def _check(self, query: Query) -> None:
        status = self.engine.status(query.id)
        if status.error is not None:
            raise QueryStopped(status.error)

    def _restart(self) -> None:
        self.engine.stop()
        self.engine = self._engine()
        for query in self.world.queries.values():
            self.engine.add(query.id, query.plan, query.properties)

    def close(self) -> None:
        self.engine.stop()
        self.log.close()


def _shown(node: ast.Statement, catalog: Catalog) -> str | None:
    """A query as ksqlDB's messages show it: qualified, with the properties it was given and no others."""
    if not isinstance(node, ast.CreateAs | ast.InsertSelect):
        return None
    shown = canonical_query(node, catalog, 1)
    assert isinstance(shown, ast.CreateAs | ast.InsertSelect)
    return canonical(replace(shown, properties=node.properties))


class QueryStopped(PenstockError):
    """A query went to ERROR while it ran."""
