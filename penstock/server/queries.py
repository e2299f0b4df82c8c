"""POST /query-stream, /query and /close-query: rows, as they are or as they come.

In:  the text of one query. Out: a header, rows, a last message, in the spelling the client accepts.

    pull    all rows, then the end            push    rows until LIMIT, /close-query, TERMINATE or hang-up
    print   lines of text
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from penstock.errors import BadRequest
from penstock.executor.executor import Executor
from penstock.executor.print_topic import printed
from penstock.executor.select import COMPLETED, LIMIT_REACHED, Printing, Pulled, Pushing, select
from penstock.server.answers import (
    DELIMITED,
    JSON,
    V1_JSON,
    accepted,
    decoded,
    generic,
    not_acceptable,
)
from penstock.server.feed import Feed
from penstock.server.rows import SPELLINGS, RowValues, Spelling

ROWS_PER_PIECE = 500

QUERY_STREAM = {
    DELIMITED: DELIMITED,
    JSON: JSON,
    V1_JSON: V1_JSON,
    "*/*": DELIMITED,
    "application/*": DELIMITED,
}
QUERY = {DELIMITED: DELIMITED, JSON: V1_JSON, V1_JSON: V1_JSON, "*/*": DELIMITED, "application/*": DELIMITED}


class QueryRequest(msgspec.Struct, rename="camel"):
    """Of both endpoints: each is lenient about the other's names."""

    sql: str | None = None
    ksql: str | None = None
    properties: dict[str, Any] | None = None
    streams_properties: dict[str, Any] | None = None
    session_variables: dict[str, Any] | None = None


class CloseRequest(msgspec.Struct, rename="camel"):
    query_id: str | None = None


@dataclass(frozen=True, slots=True)
class Queries:
    executor: Executor

    async def query_stream(self, request: Request) -> Response:
        return await self._query(request, accepted(request, QUERY_STREAM, DELIMITED))

    async def query(self, request: Request) -> Response:
        return await self._query(request, accepted(request, QUERY, V1_JSON))

    async def _query(self, request: Request, media: str | None) -> Response:
        if media is None:
            return not_acceptable()
        body = await decoded(request, QueryRequest)
        text = body.sql if body.sql is not None else body.ksql
        if text is None:
            raise BadRequest("No query in the request: name it in 'sql' (/query-stream) or 'ksql' (/query).")
        properties = body.properties or body.streams_properties or {}
        variables = {name: str(value) for name, value in (body.session_variables or {}).items()}
        answer = await run_in_threadpool(select, self.executor, text, properties, variables)
        if isinstance(answer, Printing):
            return self._printing(answer, request)
        spelling = SPELLINGS[media]
        if isinstance(answer, Pulled):
            return StreamingResponse(_pulled(answer, spelling), media_type=media)
        return await self._pushing(answer, spelling)

    async def _pushing(self, answer: Pushing, spelling: Spelling) -> Response:
        feed = Feed()
        if answer.limit == 0:
            return StreamingResponse(_nothing(answer, spelling), media_type=spelling.media)
        handle = await run_in_threadpool(answer.start, feed)
        self.executor.opened(answer.query_id, answer.text, Closing(handle, feed))
        body = self._pushed(answer, spelling, feed)
        return StreamingResponse(body, media_type=spelling.media)

    async def _pushed(self, answer: Pushing, spelling: Spelling, feed: Feed) -> AsyncIterator[bytes]:
        try:
            yield spelling.header(answer.query_id, answer.columns)
            left = answer.limit
            values = RowValues(answer.columns)
            while rows := await feed.take():
                shown = [row for row in rows if spelling.tombstones or not row.tombstone]
                if left is not None:
                    shown = shown[:left]
                    left -= len(shown)
                if shown:
                    yield b"".join(
                        spelling.between + spelling.row(values(row.values), row.tombstone) for row in shown
                    )
                if left == 0:
                    break
            if feed.failure is not None:
                yield spelling.between + spelling.error(generic(50000, feed.failure)) + spelling.end
                return
            message = spelling.message(LIMIT_REACHED if left == 0 else COMPLETED)
            yield (spelling.between + message if message else b"") + spelling.end
        finally:
            self.executor.close_push(answer.query_id)

    def _printing(self, answer: Printing, request: Request) -> Response:
        feed = Feed()

        def read() -> None:
            try:
                for line in printed(self.executor.log, answer.node, lambda: not feed.ended):
                    while not feed.ready() and not feed.ended:
                        threading.Event().wait(0.05)
                    feed.rows([line])
            finally:
                feed.end()

        threading.Thread(target=read, name="penstock-print", daemon=True).start()
        query_id = f"print_{answer.node.topic}_{id(feed)}"
        self.executor.opened(query_id, "", feed)
        media = JSON if not request.headers.get("accept") else DELIMITED
        return StreamingResponse(self._lines(feed, query_id), media_type=media)

    async def _lines(self, feed: Feed, query_id: str) -> AsyncIterator[bytes]:
        try:
            while lines := await feed.take():
                yield "".join(line + "\n" for line in lines).encode()
        finally:
            self.executor.close_push(query_id)

    async def close_query(self, request: Request) -> Response:
        body = await decoded(request, CloseRequest)
        if body.query_id is None or not self.executor.close_push(body.query_id):
            raise BadRequest(f"No query with id {body.query_id}")
        return Response("", 200)


@dataclass(frozen=True, slots=True)
class Closing:
    """Closing a push query ends its reading and its response."""

    handle: Any
    feed: Feed

    def close(self) -> None:
        self.handle.close()
        self.feed.end()


async def _pulled(answer: Pulled, spelling: Spelling) -> AsyncIterator[bytes]:
    yield spelling.header(answer.query_id, answer.columns)
    values = RowValues(answer.columns)
    for start in range(0, len(answer.rows), ROWS_PER_PIECE):
        rows = answer.rows[start : start + ROWS_PER_PIECE]
        yield b"".join(spelling.between + spelling.row(values(row), False) for row in rows)
    message = spelling.message(answer.message) if answer.message is not None else b""
    if message:
        yield spelling.between + message
    yield spelling.end


async def _nothing(answer: Pushing, spelling: Spelling) -> AsyncIterator[bytes]:
    yield spelling.header(answer.query_id, answer.columns)
    message = spelling.message(LIMIT_REACHED)
    yield (spelling.between + message if message else b"") + spelling.end
