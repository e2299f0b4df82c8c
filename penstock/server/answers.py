"""Values and failures become HTTP responses, here and nowhere else.

In:  entities, or a PenstockError. Out: JSON in ksqlDB's shape; the HTTP status is the code without its last
     two digits (40001 -> 400).
"""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from penstock.errors import BadRequest, PenstockError, QueryOnKsql, StatementError
from penstock.executor.executor import RequestFailed

logger = logging.getLogger("penstock.server")

JSON = "application/json"
V1_JSON = "application/vnd.ksql.v1+json"
DELIMITED = "application/vnd.ksqlapi.delimited.v1"

ENCODER = msgspec.json.Encoder(decimal_format="number")


def json_response(
    value: Any, status: int = 200, media: str = JSON, headers: dict[str, str] | None = None
) -> Response:
    return Response(ENCODER.encode(value), status, headers=headers, media_type=media)


def not_found(_: Request, __: Exception | None = None) -> Response:
    return PlainTextResponse("Not Found", 404)


def failure(error: Exception) -> Response:
    """The response of a failure; one that nobody foresaw is logged with its trace."""
    body = failure_body(error)
    return json_response(body, body["error_code"] // 100)


def failure_body(error: Exception) -> dict[str, Any]:
    if isinstance(error, RequestFailed):
        body = failure_body(error.failure)
        return {**body, "entities": error.entities} if error.entities or "entities" in body else body
    if not isinstance(error, PenstockError):
        logger.error("a request failed", exc_info=error)
        return generic(50000, f"{type(error).__name__}: {error}. The server's log has the details.")
    if isinstance(error, StatementError | QueryOnKsql):
        return {
            "@type": "statement_error",
            "error_code": error.code,
            "message": error.message,
            "statementText": getattr(error, "statement", ""),
            "entities": [],
        }
    return generic(error.code, error.message)


def generic(code: int, message: str) -> dict[str, Any]:
    return {"@type": "generic_error", "error_code": code, "message": message}


T = Any


async def decoded(request: Request, kind: type[T]) -> T:
    """The body as a value of `kind`; members nobody knows are ignored."""
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise BadRequest(f"Invalid JSON in request: {problem}") from problem


def accepted(request: Request, offered: dict[str, str], otherwise: str) -> str | None:
    """What the client takes: the first media type of Accept that is offered; None when nothing fits."""
    wanted = request.headers.get("accept")
    if not wanted:
        return otherwise
    for part in wanted.split(","):
        media = part.split(";")[0].strip().lower()
        if media in offered:
            return offered[media]
    return None


def not_acceptable() -> Response:
    return json_response(generic(40600, "Not Acceptable"), 406)
