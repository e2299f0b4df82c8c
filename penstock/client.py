"""Speaks ksqlDB's REST API: to `penstock run server` or to a real ksqlDB, which answer alike.

In:  a URL, statements with the session's properties and variables.
Out: the entities of /ksql, the rows of /query-stream; a refusal is the server's own message.

    execute("CREATE ...")  --POST /ksql-->          [{"@type": "currentStatus", ...}]
    query("SELECT ...")    --POST /query-stream-->  header line, then one line a row, as long as it runs

A distributed command is waited for (/status), and each request names the last command it depends on, so
that what was created is there for the next statement.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import quote as quote_path

import httpx
import msgspec

from penstock.errors import ServerRefused, ServerUnreachable

Entity = dict[str, Any]
Rows = Iterator[list[Any]]

JSON = "application/vnd.ksql.v1+json"
DELIMITED = "application/vnd.ksqlapi.delimited.v1"
PENDING = frozenset({"QUEUED", "PARSING", "EXECUTING"})
COMMAND_WAIT_S = 60.0
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Header:
    """What a query's rows are made of."""

    query_id: str | None
    names: tuple[str, ...]
    types: tuple[str, ...]


class KsqlClient:
    """One session with a server. `auth` is (name, password) of HTTP basic authentication."""

    def __init__(self, url: str, auth: tuple[str, str] | None = None, timeout_s: float = 60.0) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=self.url, auth=auth, timeout=timeout_s, follow_redirects=True)
        self._sequence: int | None = None

    def info(self) -> Entity:
        return self._json(self._send("GET", "/info"))["KsqlServerInfo"]

    def health(self) -> Entity:
        return self._json(self._send("GET", "/healthcheck"))

    def execute(
        self,
        sql: str,
        properties: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> list[Entity]:
        """Statements to /ksql; returns its entities when the commands have run."""
        body = {
            "ksql": sql,
            "streamsProperties": dict(properties or {}),
            "sessionVariables": dict(variables or {}),
        }
        if self._sequence is not None:
            body["commandSequenceNumber"] = self._sequence  # type: ignore[assignment]
        entities: list[Entity] = self._json(self._send("POST", "/ksql", body, JSON))
        return [self._settled(entity) for entity in entities]

    def entity(self, sql: str) -> Entity:
        """The one entity that a SHOW or DESCRIBE answers."""
        return self.execute(sql)[0]

    @contextmanager
    def query(
        self,
        sql: str,
        properties: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Iterator[tuple[Header, Rows]]:
        """A SELECT: its header and its rows as they come. Leaving the block ends the query."""
        body = {"sql": sql, "properties": dict(properties or {}), "sessionVariables": dict(variables or {})}
        forever = httpx.Timeout(self._http.timeout.connect, read=None)
        with (
            self._translated(),
            self._http.stream(
                "POST", "/query-stream", json=body, headers={"Accept": DELIMITED}, timeout=forever
            ) as response,
        ):
            if response.status_code >= 400:
                response.read()
                raise refusal(response)
            lines = (line for line in response.iter_lines() if line.strip())
            yield header_of(next(lines, "{}")), rows_of(lines)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> KsqlClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _settled(self, entity: Entity) -> Entity:
        """Wait until a distributed command has run; one that failed is a refusal."""
        if "commandStatus" not in entity:
            return entity
        self._sequence = entity.get("commandSequenceNumber", self._sequence)
        deadline = time.monotonic() + COMMAND_WAIT_S
        while entity["commandStatus"]["status"] in PENDING and time.monotonic() < deadline:
            time.sleep(POLL_S)
            path = "/status/" + quote_path(entity["commandId"])
            entity = {**entity, "commandStatus": self._json(self._send("GET", path))}
        status = entity["commandStatus"]
        if status["status"] == "ERROR":
            raise ServerRefused(status["message"], 40001, 200, entity.get("statementText", ""))
        return entity

    def _send(self, method: str, path: str, body: Any = None, accept: str | None = None) -> httpx.Response:
        with self._translated():
            headers = {"Accept": accept} if accept else {}
            response = self._http.request(method, path, json=body, headers=headers)
        if response.status_code >= 400:
            raise refusal(response)
        return response

    def _json(self, response: httpx.Response) -> Any:
        try:
            return msgspec.json.decode(response.content)
        except msgspec.DecodeError as error:
            raise ServerUnreachable(f"What answers at {self.url} is no ksqlDB server.") from error

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException as error:
            raise ServerUnreachable(f"The ksqlDB server at {self.url} did not answer in time.") from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise ServerUnreachable(
                f"No ksqlDB server answers at {self.url} ({error}). Is `penstock up` running?"
            ) from error


def refusal(response: httpx.Response) -> ServerRefused:
    """The server's own words, or at least its HTTP status."""
    try:
        said = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        said = None
    if not isinstance(said, dict) or "message" not in said:
        where = response.request.url
        return ServerRefused(f"{where} answered HTTP {response.status_code}.", 50000, response.status_code)
    code = said.get("error_code", 50000)
    return ServerRefused(said["message"], code, response.status_code, said.get("statementText") or "")


def header_of(line: str) -> Header:
    said = msgspec.json.decode(line)
    if "columnNames" not in said:
        raise row_failure(said)
    return Header(said.get("queryId"), tuple(said["columnNames"]), tuple(said["columnTypes"]))


def rows_of(lines: Iterator[str]) -> Rows:
    for line in lines:
        row = msgspec.json.decode(line)
        if isinstance(row, list):
            yield row
        elif "message" in row:
            raise row_failure(row)


def row_failure(said: Entity) -> ServerRefused:
    message = said.get("message", "The server ended the query without a header.")
    return ServerRefused(message, said.get("error_code", 50000), 200)
