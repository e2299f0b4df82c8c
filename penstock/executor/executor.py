"""The door: requests come in as text, the catalog and the running queries change, entities go out.

In:  a log, an engine, the server's settings. Out: `run` for /ksql, `selected` for queries.

    request --parse--> tasks --decide on a copy--> all fine? --decide again, perform, one by one--> entities
                                                       |no: refused, nothing has changed

    perform:  create topics -> append to the command topic -> start and stop queries -> the new world stands
              a crash in between is healed at the next start, from what the command topic says

Statements are carried out one at a time. Reading never waits for them: a World is never changed in place.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from penstock.clock import Clock, now_ms
from penstock.errors import CommandTimeout, PenstockError
from penstock.executor import processing_log
from penstock.executor.canonical import without_inferred
from penstock.executor.commands import Command, CommandTopic
from penstock.executor.entities import CommandState, Entity, TerminateQuery
from penstock.executor.naming import sequence_number
from penstock.executor.perform import AnyTopics, EngineOfQueries, perform
from penstock.executor.properties import check_overrides
from penstock.executor.reads import Reads
from penstock.executor.statements import ANSWERS, DECIDERS, TRIED_FIRST, answer
from penstock.executor.world import (
    Config,
    CreateTopic,
    Decision,
    Query,
    RegisterSchema,
    Session,
    Task,
    World,
)
from penstock.language import ast
from penstock.language.parser import ParsedStatement, parse_script, parse_statement
from penstock.topics.base import Log

logger = logging.getLogger("penstock.executor")

SEQUENCE_WAIT_S = 5.0
BEFORE_COMMAND = (CreateTopic, RegisterSchema)
"""Effects without which a statement is refused; who sends it again finds them done."""


class Executor:
    """All of one service's statements. Its methods may be called from any thread."""

    def __init__(self, log: Log, engine: EngineOfQueries, config: Config, clock: Clock = now_ms) -> None:
        self.log = log
        self.engine = engine
        self.config = config
        self.clock = clock
        self.world = World(topics=log.topics())
        self.failed: dict[str, str] = {}
        self.pushes: dict[str, tuple[str, Any]] = {}
        self.changing = threading.Lock()
        self.changed = threading.Condition()
        self.commands = CommandTopic(log, config.naming.command_topic)

    # --- start ---------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Catalog and queries as the command topic tells; on a new log, what every server begins with."""
        commands = self.commands.read()
        undone = {command.undoes for command in commands}
        for place, command in enumerate(commands):
            if command.undoes is not None or place in undone:
                self.world = replace(self.world, commands=self.world.commands + 1)
            else:
                self._replay(place, command)
        self.world = replace(self.world, topics=self.log.topics())
        for query in self.world.queries.values():
            self._start_again(query)
        if not commands:
            self.run(processing_log.STATEMENT)

    def _replay(self, place: int, command: Command) -> None:
        try:
            node = without_inferred(parse_statement(command.statement, self.world.catalog.types))
            session = Session(command.properties)
            world = replace(self.world, topics=AnyTopics(self.log.topics()))
            task = Task(command.statement, node, world, session, self.config, self.clock(), replayed=True)
            decision = self._decide(task)
        except PenstockError as problem:
            logger.error("command %d can't be carried out again: %s\n%s", place, problem, command.statement)
            status = CommandState(status="ERROR", message=str(problem))
            self.world = self.world.after(command.command_id, status)
            return
        self.world = decision.world

    def _start_again(self, query: Query) -> None:
        try:
            if query.plan.creates_sink and query.plan.sink and query.plan.sink.topic not in self.world.topics:
                self.log.create_topic(query.plan.sink.topic, query.plan.partitions, query.plan.topic_config)
            self.engine.add(query.id, query.plan, query.settings, keep=True)
            if query.paused:
                self.engine.pause(query.id)
        except Exception as problem:
            # One query that can't run must not keep the others, or the server, from running.
            logger.exception("query %s can't be started: %s", query.id, problem)
            self.failed[query.id] = str(problem) or type(problem).__name__

    # --- requests ------------------------------------------------------------------------------------

    def run(
        self,
        text: str,
        properties: Mapping[str, object] | None = None,
        variables: Mapping[str, str] | None = None,
        after_sequence: int | None = None,
    ) -> list[Entity]:
        """Carry out all statements of a text; `RequestFailed.entities` of a failure tells what was done."""
        session = Session(check_overrides(properties or {}), dict(variables or {}))
        if after_sequence is not None and after_sequence >= 0:
            self.wait_for(after_sequence)
        parsed = parse_script(text, self.world.catalog.types, session.variables)
        if len(parsed) > 1:
            self._try_out(parsed, session)
        entities: list[Entity] = []
        for each in parsed:
            try:
                entity, session = self._carry_out(each, session)
            except PenstockError as failure:
                raise RequestFailed(failure, entities) from failure
            if entity is not None:
                entities.append(entity)
        return entities

    def _try_out(self, parsed: Sequence[ParsedStatement], session: Session) -> None:
        """Decide every statement on a copy of the world: a wrong one stops the request before it begins."""
        world = replace(self.world, topics=self.log.topics())
        for each in parsed:
            task = self._task(each, world, session)
            if isinstance(each.node, TRIED_FIRST) and getattr(each.node, "what", "") != "CONNECTOR":
                answer(task, self.reads())
            elif type(each.node) in DECIDERS and not self._push_of(task):
                decision = self._decide(task)
                world, session = decision.world, decision.session or session

    def _carry_out(self, each: ParsedStatement, session: Session) -> tuple[Entity | None, Session]:
        if type(each.node) in ANSWERS:
            world = replace(self.world, topics=self.log.topics())
            return answer(self._task(each, world, session), self.reads()), session
        with self.changing:
            task = self._task(each, replace(self.world, topics=self.log.topics()), session)
            push = self._push_of(task)
            if push is not None:
                return self._end_push(task), session
            decision = self._decide(task)
            self._perform(task, decision)
        return decision.entity, decision.session or session

    def _task(self, each: ParsedStatement, world: World, session: Session) -> Task:
        return Task(each.text, each.node, world, session, self.config, self.clock())

    def _decide(self, task: Task) -> Decision:
        return DECIDERS[type(task.node)](task)

    def _perform(self, task: Task, decision: Decision) -> None:
        before = self.world
        for effect in decision.effects:
            if isinstance(effect, BEFORE_COMMAND):
                perform(effect, self.log, self.engine, self.failed)
        recorded = decision.recorded
        if recorded is not None:
            properties = task.session.properties
            self.commands.append(recorded.command_id, recorded.statement, properties, self.clock())
        try:
            for effect in decision.effects:
                if not isinstance(effect, BEFORE_COMMAND):
                    perform(effect, self.log, self.engine, self.failed)
        except Exception:
            if recorded is not None:
                self._undo(recorded.command_id, before)
            raise
        with self.changed:
            self.world = decision.world
            self.changed.notify_all()

    def _undo(self, command_id: str, before: World) -> None:
        """What could not be performed is forgotten: it is not tried again at the next start."""
        self.commands.undo(command_id, before.commands, self.clock())
        self.world = replace(before, commands=before.commands + 2)

    def wait_for(self, sequence: int) -> None:
        """Until the command of that number has been carried out."""
        deadline = time.monotonic() + SEQUENCE_WAIT_S
        with self.changed:
            while sequence_number(self.world.commands - 1) < sequence:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise CommandTimeout(
                        "Timed out while waiting for a previous command to execute. "
                        f"command sequence number: {sequence}"
                    )
                self.changed.wait(left)

    def reads(self) -> Reads:
        pushes = {query_id: text for query_id, (text, _) in list(self.pushes.items())}
        return Reads(self.engine, self.log, dict(self.failed), pushes)

    # --- push queries --------------------------------------------------------------------------------

    def _push_of(self, task: Task) -> Any | None:
        """The push query a TERMINATE names."""
        node = task.node
        if isinstance(node, ast.QueryControl) and node.action == "TERMINATE" and node.query_id:
            return self.pushes.get(node.query_id)
        return None

    def _end_push(self, task: Task) -> Entity:
        query_id = str(task.node.query_id)
        ended = self.close_push(query_id)
        return TerminateQuery(statement_text=task.text, query_id=query_id, was_terminated=ended)

    def opened(self, query_id: str, text: str, handle: Any) -> None:
        self.pushes[query_id] = (text, handle)

    def close_push(self, query_id: str) -> bool:
        """End a push query; False when there is none of that id."""
        found = self.pushes.pop(query_id, None)
        if found is None:
            return False
        found[1].close()
        return True

    def close(self) -> None:
        for query_id in list(self.pushes):
            self.close_push(query_id)


class RequestFailed(PenstockError):
    """A statement of a request failed when it was carried out; `entities` tells what was done before it."""

    def __init__(self, failure: PenstockError, entities: list[Entity]) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.entities = entities
