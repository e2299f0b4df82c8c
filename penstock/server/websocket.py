"""GET /ws/query: a query over a WebSocket, as older clients ask for rows.

In:  `?request=<a KsqlRequest as JSON>`. Out: text messages, the schema first, then one row each; then close.

    1000 "done"    1003 the request is wrong    1011 the query failed
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from penstock.errors import PenstockError
from penstock.executor.entities import FieldInfo, schema_info
from penstock.executor.executor import Executor
from penstock.executor.select import OutputColumn, Printing, Pulled, Pushing, select
from penstock.server.answers import ENCODER
from penstock.server.feed import Feed
from penstock.server.queries import Closing
from penstock.server.rows import RowValues

DONE, WRONG, FAILED = 1000, 1003, 1011
REASON_BYTES_MAX = 120


class WsRequest(msgspec.Struct, rename="camel"):
    ksql: str = ""
    streams_properties: dict[str, Any] | None = None
    session_variables: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class WsQuery:
    executor: Executor

    async def __call__(self, socket: WebSocket) -> None:
        await socket.accept()
        try:
            asked = msgspec.json.decode(socket.query_params.get("request", ""), type=WsRequest)
            variables = {name: str(value) for name, value in (asked.session_variables or {}).items()}
            answer = await run_in_threadpool(
                select, self.executor, asked.ksql, asked.streams_properties or {}, variables
            )
            await self._answer(socket, answer)
            await socket.close(DONE, "done")
        except (msgspec.DecodeError, PenstockError) as problem:
            await socket.close(WRONG, short(str(problem)))
        except WebSocketDisconnect:
            return

    async def _answer(self, socket: WebSocket, answer: Pulled | Pushing | Printing) -> None:
        if isinstance(answer, Printing):
            raise PenstockError("PRINT is answered at /query, not over a WebSocket.")
        await socket.send_text(ENCODER.encode(schema_of(answer.columns)).decode())
        if isinstance(answer, Pulled):
            values = RowValues(answer.columns)
            for row in answer.rows:
                await send_row(socket, values(row))
        else:
            await self._follow(socket, answer)

    async def _follow(self, socket: WebSocket, answer: Pushing) -> None:
        feed = Feed()
        handle = await run_in_threadpool(answer.start, feed)
        self.executor.opened(answer.query_id, answer.text, Closing(handle, feed))
        try:
            values, left = RowValues(answer.columns), answer.limit
            while left != 0 and (rows := await feed.take()):
                for row in rows[:left]:
                    await send_row(socket, values(row.values), row.tombstone)
                left = None if left is None else max(left - len(rows), 0)
        finally:
            self.executor.close_push(answer.query_id)


def schema_of(columns: tuple[OutputColumn, ...]) -> list[FieldInfo]:
    return [FieldInfo(name=each.name, schema=schema_info(each.type)) for each in columns]


async def send_row(socket: WebSocket, row: list[Any], tombstone: bool = False) -> None:
    body = {"columns": row, "tombstone": True} if tombstone else {"columns": row}
    await socket.send_text(ENCODER.encode({"row": body}).decode())


def short(reason: str) -> str:
    """What fits into a close frame."""
    return reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore")
