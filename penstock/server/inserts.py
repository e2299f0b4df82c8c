"""POST /inserts-stream: rows come in line by line, an acknowledgement goes out for each.

In:  {"target": "orders"} and then one JSON row a line, over HTTP/2.
Out: {"status": "ok", "seq": 0} a row; a row that is refused ends the stream with its reason.

Rows that arrive together are appended as one batch; each is acknowledged when it is in the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal as Number
from decimal import InvalidOperation
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from penstock.errors import BadRequest, PenstockError, StatementError
from penstock.executor.executor import Executor
from penstock.executor.inserts import encoded, target_of
from penstock.executor.naming import folded
from penstock.formats.registry import Registry
from penstock.language.catalog import Source
from penstock.run.cast import cast_function
from penstock.server.answers import DELIMITED, ENCODER, JSON, failure, failure_body, generic, json_response
from penstock.topics.base import Outgoing
from penstock.types import (
    BIGINT,
    BIGINT_MAX,
    BIGINT_MIN,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INT_MAX,
    INT_MIN,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Column,
    Decimal,
    Map,
    SqlType,
    Struct,
    struct_value,
)

LINE_MAX = 1 << 20
JSON_KINDS = {
    str: "String",
    bool: "Boolean",
    int: "Integer",
    float: "Double",
    list: "JsonArray",
    dict: "JsonObject",
}


class Target(msgspec.Struct):
    target: str | None = None
    properties: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class InsertsStream:
    """An ASGI endpoint: it reads and answers at the same time, which a plain response can't."""

    executor: Executor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("http_version") != "2":
            refused = json_response(generic(40004, "This endpoint is only available when using HTTP2"), 400)
            await refused(scope, receive, send)
            return
        as_array = _header(scope, b"accept") == JSON
        stream = _Stream(self.executor, send, as_array)
        try:
            async for lines in _lines(receive):
                await stream.take(lines)
                if stream.ended:
                    break
        except PenstockError as problem:
            if not stream.begun:
                await failure(problem)(scope, receive, send)
                return
            await stream.refuse(problem)
        await stream.finish()


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode() for key, value in scope["headers"] if key == name), "")


async def _lines(receive: Receive) -> Any:
    """The lines that have arrived, piece by piece; a line may come in several pieces."""
    rest = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        *whole, rest = (rest + message.get("body", b"")).split(b"\n")
        if len(rest) > LINE_MAX:
            raise BadRequest(f"A row is longer than {LINE_MAX} bytes.")
        if not message.get("more_body"):
            whole.append(rest)
        lines = [line for line in whole if line.strip()]
        if lines:
            yield lines
        if not message.get("more_body"):
            return


class _Stream:
    """One request as it goes on."""

    def __init__(self, executor: Executor, send: Send, as_array: bool) -> None:
        self.executor = executor
        self.send = send
        self.as_array = as_array
        self.source: Source | None = None
        self.sequence = 0
        self.begun = self.ended = self.answered = False

    async def take(self, lines: list[bytes]) -> None:
        if self.source is None:
            self.source = self._target(lines.pop(0))
            await self._begin()
        records: list[Outgoing] = []
        problem: PenstockError | None = None
        for line in lines:
            try:
                records.append(self._record(line))
            except PenstockError as found:
                problem = found
                break
        if records:
            await run_in_threadpool(self.executor.log.append, _together(records))
            await self._answer([{"status": "ok", "seq": self.sequence + n} for n in range(len(records))])
            self.sequence += len(records)
        if problem is not None:
            await self.refuse(problem)

    def _record(self, line: bytes) -> Outgoing:
        assert self.source is not None
        registry = self.executor.config.registry
        return record_of(self.source, _row(line), self.executor.clock(), registry)

    def _target(self, line: bytes) -> Source:
        try:
            asked = msgspec.json.decode(line, type=Target)
        except msgspec.DecodeError as problem:
            raise BadRequest(f"Invalid JSON in request: {problem}") from problem
        if asked.target is None:
            raise BadRequest('No target in the request: the first line names it, {"target": "orders"}.')
        return target_of(self.executor.world.catalog, folded(asked.target))

    async def _begin(self) -> None:
        media = JSON if self.as_array else DELIMITED
        headers = [(b"content-type", media.encode())]
        await self.send({"type": "http.response.start", "status": 200, "headers": headers})
        self.begun = True

    async def _answer(self, answers: Sequence[Mapping[str, Any]]) -> None:
        if self.as_array:
            first = b"," if self.answered else b"["
            body = first + b",".join(map(ENCODER.encode, answers))
        else:
            body = b"".join(ENCODER.encode(each) + b"\n" for each in answers)
        self.answered = True
        await self.send({"type": "http.response.body", "body": body, "more_body": True})

    async def refuse(self, problem: PenstockError) -> None:
        body = failure_body(problem)
        answer = generic(body["error_code"], body["message"])
        await self._answer([{**answer, "status": "error", "seq": self.sequence}])
        self.ended = True

    async def finish(self) -> None:
        if not self.begun:
            await self._begin()
        end = (b"]" if self.answered else b"[]") if self.as_array else b""
        await self.send({"type": "http.response.body", "body": end, "more_body": False})


def _together(records: Sequence[Outgoing]) -> Outgoing:
    return Outgoing(
        records[0].topic,
        [record.keys[0] for record in records],
        [record.values[0] for record in records],
        [record.timestamps[0] for record in records],
    )


def _row(line: bytes) -> dict[str, Any]:
    try:
        row = msgspec.json.decode(line)
    except msgspec.DecodeError as problem:
        raise BadRequest(f"Invalid JSON in inserts stream: {problem}") from problem
    if not isinstance(row, dict):
        raise BadRequest("A row of an inserts stream is a JSON object.")
    return row


# --- JSON to typed values ----------------------------------------------------------------------------


def record_of(
    source: Source, row: Mapping[str, Any], now_ms: int, registry: Registry | None = None
) -> Outgoing:
    given = {folded(name): value for name, value in row.items()}
    headers = dict(source.headers)
    columns = {column.name: column for column in source.schema.columns if column.name not in headers}
    unknown = [name for name in given if name not in columns]
    if unknown:
        raise StatementError(f"Column name `{unknown[0]}` does not exist.")
    for column in source.schema.key:
        if given.get(column.name) is None and not source.is_stream:
            raise StatementError(f"Key field must be specified: {column.name}")
    typed = {name: typed_value(value, columns[name]) for name, value in given.items()}
    return encoded(source, typed, now_ms, registry)


def typed_value(value: Any, column: Column) -> Any:
    return _typed(value, column.type)


def _typed(value: Any, kind: SqlType) -> Any:
    """A JSON value as a value of the type; text is read as times, bytes and decimals only."""
    if value is None:
        return None
    match kind, value:
        case Array(item), list():
            return [_typed(each, item) for each in value]
        case Map(_, held), dict():
            return {name: _typed(each, held) for name, each in value.items()}
        case Struct(fields), dict():
            given = {folded(name): each for name, each in value.items()}
            return struct_value(kind, [_typed(given.get(name), field) for name, field in fields])
        case Decimal(), str() | int() | float() if not isinstance(value, bool):
            return _decimal(value, kind)
    if _fits(value, kind):
        return float(value) if kind == DOUBLE else value
    if isinstance(value, str) and kind in (TIME, DATE, TIMESTAMP, BYTES):
        try:
            return cast_function(STRING, kind)(value)
        except (ValueError, ArithmeticError) as problem:
            raise _uncoercible(value, kind) from problem
    raise _uncoercible(value, kind)


def _fits(value: Any, kind: SqlType) -> bool:
    if isinstance(value, bool):
        return kind == BOOLEAN
    if isinstance(value, int):
        bounds = {INTEGER: (INT_MIN, INT_MAX), BIGINT: (BIGINT_MIN, BIGINT_MAX)}.get(kind)  # type: ignore[call-overload]
        return kind == DOUBLE or (bounds is not None and bounds[0] <= value <= bounds[1])
    if isinstance(value, float):
        return kind == DOUBLE
    return isinstance(value, str) and kind == STRING


def _decimal(value: str | int | float, kind: Decimal) -> Number:
    try:
        number = Number(str(value))
        scaled = number.quantize(Number(1).scaleb(-kind.scale))
    except InvalidOperation as problem:
        raise _uncoercible(value, kind) from problem
    if scaled != number or len(scaled.as_tuple().digits) > kind.precision:
        raise _uncoercible(value, kind)
    return scaled


def _uncoercible(value: Any, kind: SqlType) -> StatementError:
    shown = {"INTEGER": "INT"}.get(str(kind), str(kind))
    given = JSON_KINDS.get(type(value), type(value).__name__)
    return StatementError(f"Can't coerce a field of type {given} into type {shown}")
