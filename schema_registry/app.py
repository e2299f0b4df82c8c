"""The registry's REST API: a request becomes a call of a handler, its answer JSON.

In:  HTTP. Out: HTTP, with {"error_code", "message"} for every failure.

    raw path -> segments -> /contexts/{c}/... taken off -> ROUTES (routes.py) -> handler -> bytes

Plain ASGI and no framework: the look-up of a schema by its id is what every serializer of every client asks,
and it is a dictionary away. Handlers that parse or write run in threads; all others right here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from penstock.errors import PenstockError
from schema_registry import media
from schema_registry.auth import Authenticator
from schema_registry.calls import Answer, Call
from schema_registry.errors import RegistryError
from schema_registry.forwarding import Forwarder
from schema_registry.registry import Registry
from schema_registry.routes import HEAVY, READ, WRITE, Route, matched
from schema_registry.subjects import DEFAULT, context_name

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BODY_BYTES_MAX = 16 * 1024 * 1024
THREADS = 4


class Application:
    def __init__(self, registry: Registry, authenticator: Authenticator, forwarder: Forwarder) -> None:
        self.registry = registry
        self.authenticator = authenticator
        self.forwarder = forwarder
        self.executor: Executor = ThreadPoolExecutor(THREADS, thread_name_prefix="registry")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.lifespan(scope, receive, send)
            return
        headers = dict(scope["headers"])
        path, query = scope["raw_path"], scope["query_string"]
        try:
            accepted = media.negotiated(headers.get(b"accept"))
            answer = await self.answered(scope["method"], path, query, headers, receive)
        except Exception as error:
            accepted, answer = media.DEFAULT_BYTES, failure(error)
        await respond(send, answer.status, answer.body, accepted, answer.headers)

    async def answered(
        self, method: str, path: bytes, query: bytes, headers: Mapping[bytes, bytes], receive: Receive
    ) -> Answer:
        call, route = self.routed(method, path, query)
        self.authenticator.check(headers.get(b"authorization"), WRITE if route.access == WRITE else READ)
        raw = await body_of(receive) if method in ("POST", "PUT") else b""
        if raw:
            media.check_content(headers.get(b"content-type"))
        if route.access == WRITE and not self.registry.store.leads:
            return await self.forwarder.forward(method, path, query, headers, raw)
        call.body = decoded(raw)
        if route.access in HEAVY or route.heavy:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self.executor, route.handler, self.registry, call)
        return route.handler(self.registry, call)

    def routed(self, method: str, path: bytes, query: bytes) -> tuple[Call, Route]:
        segments = [text_of(one) for one in path.split(b"/")[1:]]
        while segments and segments[-1] == "" and len(segments) > 1:
            segments.pop()
        context, confined = DEFAULT, False
        if len(segments) > 2 and segments[0] == "contexts":
            context, confined, segments = context_name(segments[1]), True, segments[2:]
        route, names = matched(method, segments)
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        return Call(context, names, pairs, confined=confined), route

    async def lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        while scope["type"] == "lifespan":
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return


def text_of(segment: bytes) -> str:
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise RegistryError(404, "HTTP 404 Not Found: the path is not UTF-8.") from None


async def body_of(receive: Receive) -> bytes:
    parts, size = [], 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_BYTES_MAX:
            raise RegistryError(413, f"The request has more than {BODY_BYTES_MAX} bytes.")
        if not message.get("more_body"):
            return b"".join(parts)


def decoded(raw: bytes) -> Any:
    if not raw.strip():
        return None
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RegistryError(400, f"The request's body is not JSON: {error}") from error


def failure(error: Exception) -> Answer:
    """The one place where a failure becomes a response."""
    if isinstance(error, RegistryError):
        headers = [(b"www-authenticate", b'Basic realm="schema-registry"')] if error.status == 401 else []
        return Answer(error.status, said(error.code, str(error)), headers)
    if isinstance(error, PenstockError) and error.code == 42201:
        return Answer(422, said(42201, str(error)))
    if isinstance(error, msgspec.ValidationError):
        return Answer(422, said(422, f"The request can't be read: {error}"))
    logger.error("A request failed", exc_info=error)
    return Answer(500, said(50001, f"{type(error).__name__}: {error}"))


def said(code: int, message: str) -> bytes:
    return msgspec.json.encode({"error_code": code, "message": message})


async def respond(
    send: Send, status: int, body: bytes, kind: bytes, more: list[tuple[bytes, bytes]] | None = None
) -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *(more or ())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
