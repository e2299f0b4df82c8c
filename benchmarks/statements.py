"""Statements on an engine without a server: what the benchmarks share.

In:  the text of .ksql files, a log. Out: an engine whose queries run cycle by cycle on the caller's thread.

It does what the executor does for the statements of pipelines, and nothing of its checks.
"""

from __future__ import annotations

from dataclasses import replace

from penstock.language import ast
from penstock.language.catalog import Catalog, Format, Source
from penstock.language.parser import parse_script
from penstock.plan.planner import plan_query
from penstock.plan.sinks import timestamp_column
from penstock.run.engine import Engine
from penstock.topics.base import Log
from penstock.types import Column, Schema


class Statements:
    def __init__(self, log: Log) -> None:
        self.log = log
        self.engine = Engine(log)
        self.catalog = Catalog()
        self.properties = {"auto.offset.reset": "earliest"}
        self.variables: dict[str, str] = {}

    def run(self, text: str) -> None:
        for parsed in parse_script(text, variables=self.variables):
            self._carry_out(parsed.node)

    def settle(self) -> int:
        """Cycles until nothing is left to read; the records that were read, by all queries together."""
        records = 0
        while read := self.engine.cycle():
            records += read
        self.engine.cycle()
        return records

    def _carry_out(self, node: ast.Statement) -> None:
        match node:
            case ast.SetProperty():
                self.properties[node.name] = node.value
            case ast.UnsetProperty():
                self.properties.pop(node.name, None)
            case ast.Define():
                self.variables[node.name] = node.value
            case ast.CreateSource():
                self._declare(node)
            case ast.CreateAs() | ast.InsertSelect():
                self._start(node)

    def _declare(self, node: ast.CreateSource) -> None:
        given = {name.upper(): value for name, value in node.properties}
        topic = str(given["KAFKA_TOPIC"])
        if self.log.topic(topic) is None:
            self.log.create_topic(topic, int(given.get("PARTITIONS", 1)))
        key = tuple(Column(each.name, each.type) for each in node.elements if "KEY" in each.role)
        value = tuple(Column(each.name, each.type) for each in node.elements if each.role == "VALUE")
        schema = Schema(key, value)
        value_format = str(given.get("VALUE_FORMAT") or given["FORMAT"]).upper()
        key_format = str(given.get("KEY_FORMAT") or given.get("FORMAT") or "KAFKA").upper()
        time = given.get("TIMESTAMP")
        source = Source(
            node.name,
            node.kind,
            topic,
            schema,
            Format(key_format if key else "NONE"),
            Format(value_format),
            None if time is None else timestamp_column(str(time), given.get("TIMESTAMP_FORMAT"), schema),
            unwrapped_value=value_format == "KAFKA",
        )
        self.catalog = self.catalog.with_source(source)

    def _start(self, node: ast.CreateAs | ast.InsertSelect) -> None:
        plan = plan_query(node, self.catalog, self.log.topic, self.properties)
        name = f"CAS_{node.name}" if isinstance(node, ast.CreateAs) else f"INSERT_{len(self.engine.queries)}"
        if plan.creates_sink and plan.sink is not None:
            if self.log.topic(plan.sink.topic) is None:
                self.log.create_topic(plan.sink.topic, plan.partitions, plan.topic_config)
            self.catalog = self.catalog.with_source(replace(plan.sink, query_id=name))
        self.engine.add(name, plan, dict(self.properties))
