"""Properties a statement may set: ksqlDB's names, defaults, and who may change them.

In:  the overrides of a request, the settings the server was started with.
Out: checked overrides, effective values, the rows of SHOW PROPERTIES. No state.

Names of the streams runtime are accepted with or without `ksql.streams.`. A name nobody knows is refused when
a query or a source is created from it, as ksqlDB does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from penstock.errors import BadRequest, StatementError, did_you_mean
from penstock.executor.naming import HIDDEN_TOPICS

STREAMS_PREFIX = "ksql.streams."


@dataclass(frozen=True, slots=True)
class Property:
    """`editable` ones may be overridden by a request; `level` QUERY ones are read for each query."""

    name: str
    default: str | None
    editable: bool = False
    level: str = "SERVER"


PROPERTIES: dict[str, Property] = {
    declared.name: declared
    for declared in (
        Property("ksql.service.id", "default_"),
        Property("ksql.persistent.prefix", "query_"),
        Property("ksql.transient.prefix", "transient_"),
        Property("ksql.output.topic.name.prefix", ""),
        Property("ksql.persistence.default.format.key", "KAFKA"),
        Property("ksql.persistence.default.format.value", None),
        Property("ksql.persistence.wrap.single.values", None),
        Property("ksql.schema.registry.url", ""),
        Property("ksql.connect.url", "http://localhost:8083"),
        Property("ksql.connect.request.timeout.ms", "5000"),
        Property("ksql.hidden.topics", HIDDEN_TOPICS),
        Property("ksql.readonly.topics", HIDDEN_TOPICS),
        Property("ksql.extension.dir", "ext"),
        Property("ksql.udfs.enabled", "true"),
        Property("ksql.insert.into.values.enabled", "true"),
        Property("ksql.create.or.replace.enabled", "true"),
        Property("ksql.source.table.materialization.enabled", "true"),
        Property("ksql.headers.columns.enabled", "true"),
        Property("ksql.rowpartition.rowoffset.enabled", "true"),
        Property("ksql.lambdas.enabled", "true"),
        Property("ksql.variable.substitution.enable", "true"),
        Property("ksql.pull.queries.enable", "true"),
        Property("ksql.query.pull.stream.enabled", "true"),
        Property("ksql.query.pull.table.scan.enabled", "true", True, "QUERY"),
        Property("ksql.query.pull.range.scan.enabled", "true"),
        Property("ksql.query.pull.limit.clause.enabled", "true"),
        Property("ksql.query.pull.max.allowed.offset.lag", "9223372036854775807", True, "QUERY"),
        Property("ksql.query.push.v2.enabled", "false"),
        Property("ksql.query.persistent.active.limit", "2147483647"),
        Property("ksql.query.error.max.queue.size", "10"),
        Property("ksql.query.retry.backoff.initial.ms", "15000"),
        Property("ksql.query.retry.backoff.max.ms", "900000", True, "QUERY"),
        Property("ksql.assert.topic.default.timeout.ms", "1000"),
        Property("ksql.assert.schema.default.timeout.ms", "1000"),
        Property("ksql.cast.strings.preserve.nulls", "true", True, "QUERY"),
        Property("ksql.nested.error.set.null", "true", True, "QUERY"),
        Property("ksql.timestamp.throw.on.invalid", "false", True, "QUERY"),
        Property("ksql.suppress.enabled", "true"),
        Property("ksql.suppress.buffer.size.bytes", "-1"),
        Property("ksql.properties.overrides.denylist", ""),
        Property("ksql.fail.on.deserialization.error", "false", True, "QUERY"),
        Property("ksql.fail.on.production.error", "true", True, "QUERY"),
        Property("ksql.endpoint.migrate.query", "true"),
        Property("ksql.deployment.type", "selfManaged"),
        Property("ksql.streams.auto.offset.reset", "latest", True),
        Property("ksql.streams.cache.max.bytes.buffering", "10000000", True),
        Property("ksql.streams.commit.interval.ms", "2000", True),
        Property("ksql.streams.compression.type", "snappy", True),
        Property("ksql.streams.num.stream.threads", "4"),
        Property("ksql.streams.topology.optimization", "all"),
        Property("ksql.streams.bootstrap.servers", None),
        Property("ksql.streams.application.server", None),
        Property("ksql.streams.state.dir", None),
    )
}

RUNTIME_NAMES = frozenset(
    [
        "acceptable.recovery.lag",
        "application.id",
        "application.server",
        "auto.include.jmx.reporter",
        "auto.offset.reset",
        "bootstrap.servers",
        "buffered.records.per.partition",
        "cache.max.bytes.buffering",
        "client.id",
        "commit.interval.ms",
        "compression.type",
        "connections.max.idle.ms",
        "default.deserialization.exception.handler",
        "default.production.exception.handler",
        "default.timestamp.extractor",
        "dsl.store.suppliers.class",
        "enable.auto.commit",
        "enable.idempotence",
        "fetch.max.bytes",
        "fetch.max.wait.ms",
        "fetch.min.bytes",
        "group.id",
        "heartbeat.interval.ms",
        "interceptor.classes",
        "isolation.level",
        "key.deserializer",
        "key.serializer",
        "linger.ms",
        "batch.size",
        "buffer.memory",
        "acks",
        "log.summary.interval.ms",
        "max.block.ms",
        "max.in.flight.requests.per.connection",
        "max.partition.fetch.bytes",
        "max.poll.interval.ms",
        "max.poll.records",
        "max.request.size",
        "max.task.idle.ms",
        "max.warmup.replicas",
        "metadata.max.age.ms",
        "metric.reporters",
        "metrics.num.samples",
        "metrics.recording.level",
        "metrics.sample.window.ms",
        "num.standby.replicas",
        "num.stream.threads",
        "partition.assignment.strategy",
        "partitioner.class",
        "poll.ms",
        "probing.rebalance.interval.ms",
        "processing.guarantee",
        "receive.buffer.bytes",
        "reconnect.backoff.max.ms",
        "reconnect.backoff.ms",
        "replication.factor",
        "request.timeout.ms",
        "retries",
        "retry.backoff.ms",
        "rocksdb.config.setter",
        "security.protocol",
        "send.buffer.bytes",
        "session.timeout.ms",
        "state.cleanup.delay.ms",
        "state.dir",
        "statestore.cache.max.bytes",
        "task.timeout.ms",
        "topology.optimization",
        "transaction.timeout.ms",
        "transactional.id",
        "upgrade.from",
        "value.deserializer",
        "value.serializer",
        "window.size.ms",
        "windowstore.changelog.additional.retention.ms",
    ]
)
FAMILY = re.compile(r"(?:consumer|main\.consumer|restore\.consumer|producer|admin|topic|ssl|sasl)\.")
FIXED = frozenset(
    [
        "bootstrap.servers",
        "application.id",
        "ksql.service.id",
        "ksql.extension.dir",
        "ksql.query.persistent.active.limit",
        "ksql.pull.queries.enable",
        "ksql.hidden.topics",
        "ksql.readonly.topics",
        "ksql.headers.columns.enabled",
        "ksql.source.table.materialization.enabled",
        "ksql.rowpartition.rowoffset.enabled",
        "ksql.properties.overrides.denylist",
        "ksql.schema.registry.url",
        "ksql.connect.url",
    ]
)


class UnknownProperty(StatementError):
    """ksqlDB finds this one late and answers with a server error; clients know it by that."""

    code = 50000

    def __init__(self, name: str) -> None:
        known = [*PROPERTIES, *RUNTIME_NAMES]
        super().__init__(
            f"Not recognizable as ksql, streams, consumer, or producer property: '{name}'"
            + did_you_mean(name, known)
        )


def bare(name: str) -> str:
    return name.removeprefix(STREAMS_PREFIX)


def is_known(name: str) -> bool:
    short = bare(name)
    return name in PROPERTIES or short in RUNTIME_NAMES or FAMILY.match(short) is not None


def is_fixed(name: str) -> bool:
    short = bare(name)
    return name in FIXED or short in FIXED or short.startswith(("ssl.", "sasl."))


def one_of(*choices: str) -> Callable[[str], str | None]:
    return lambda text: None if text in choices else f"String must be one of: {', '.join(choices)}"


def whole_number(least: int) -> Callable[[str], str | None]:
    def check(text: str) -> str | None:
        if not re.match(r"-?\d+\Z", text):
            return "Not a number of type LONG"
        return None if int(text) >= least else f"Value must be at least {least}"

    return check


VALUE_CHECKS: dict[str, Callable[[str], str | None]] = {
    "auto.offset.reset": one_of("earliest", "latest"),
    "processing.guarantee": one_of("at_least_once", "exactly_once_v2"),
    "cache.max.bytes.buffering": whole_number(0),
    "statestore.cache.max.bytes": whole_number(0),
    "commit.interval.ms": whole_number(0),
    "max.task.idle.ms": whole_number(-1),
    "num.stream.threads": whole_number(1),
}


def check_value(name: str, value: str) -> None:
    check = VALUE_CHECKS.get(bare(name))
    problem = check(value) if check else None
    if problem:
        raise StatementError(f"Invalid value {value} for configuration {bare(name)}: {problem}")


def text_of(value: object) -> str:
    """A property value as text: JSON booleans are written as Java writes them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_overrides(overrides: Mapping[str, object]) -> dict[str, str]:
    """The overrides of a request as text, or BadRequest for those nobody may set."""
    prohibited = [name for name in overrides if is_fixed(name)]
    if prohibited:
        raise BadRequest(
            "One or more properties overrides set locally are prohibited by the KSQL server "
            f"(use UNSET to reset their default value): [{', '.join(prohibited)}]"
        )
    checked = {name: text_of(value) for name, value in overrides.items() if value is not None}
    for name, value in checked.items():
        check_value(name, value)
    return checked


def check_set(name: str, value: str) -> None:
    """SET 'name'='value'."""
    if not is_known(name):
        raise StatementError(f"Unknown property: {name}." + did_you_mean(name, [*PROPERTIES, *RUNTIME_NAMES]))
    if is_fixed(name):
        raise StatementError(f"Cannot override property '{name}'")
    check_value(name, value)


def check_known(overrides: Iterable[str]) -> None:
    for name in overrides:
        if not is_known(name):
            raise UnknownProperty(name)


def effective(name: str, overrides: Mapping[str, str], server: Mapping[str, str]) -> str | None:
    """The value of a property: of the request, else of the server, else the default."""
    long = name if name.startswith("ksql.") else STREAMS_PREFIX + name
    for values in (overrides, server):
        for spelling in (bare(name), long):
            if spelling in values:
                return values[spelling]
    declared = PROPERTIES.get(long)
    return declared.default if declared else None
