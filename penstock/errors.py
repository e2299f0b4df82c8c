"""All failures of the engine, drawn as a tree. Each says what happened, where, and what to do next.

    PenstockError                    anything we refuse or fail at; `code` is its public number
    |- StatementError        40001   a statement is wrong; has a position when the text shows one
    |  |- SyntaxFailure              the text is no statement
    |  `- UnknownName                a name that nothing carries; suggests a near one
    |- BadRequest            40000   the request around the statement is wrong
    |- QueryOnKsql           40002   a SELECT was sent to /ksql
    |- AssertFailed          41700   ASSERT found otherwise
    |- LogError                      the topic log can't do it
    |  |- UnknownTopic               no such topic
    |  |- TopicExists                it is there with other settings
    |  |- LogUnavailable             full disk, read-only folder, corrupt or foreign file
    |  `- Fenced                     another process took over
    |- NoSchemaRegistry      42801   a format needs a schema registry and none is configured
    |- RegistryError                 the schema registry refuses or does not answer
    |  `- SchemaNotFound             it has no such schema
    |- CommandTimeout        50301   a request waits for a command that does not come
    |- NotFound              40400   no such thing
    |- ServerRefused                 a ksqlDB server said no; message and code are its own
    |- ServerUnreachable             nobody answers at a URL
    |- RecordError                   one record can't be read or written; it goes to the processing log
    `- SettingError                  a setting has a value that can't be

Codes are ksqlDB's (its REST API documentation). Only the outermost layer turns an error into a response.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a statement's text; both count from 1 as ksqlDB's messages print them."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}:{self.column}"


class PenstockError(Exception):
    code = 50000

    @property
    def message(self) -> str:
        return str(self)


class StatementError(PenstockError):
    """A statement that is refused. `statement` is filled in by whoever knows the text."""

    code = 40001

    def __init__(self, message: str, at: Position | None = None, statement: str = "") -> None:
        super().__init__(message)
        self.at = at
        self.statement = statement


class SyntaxFailure(StatementError):
    """The text is not a statement. Message as ksqlDB words it: `line 1:8: Syntax Error` and more."""

    def __init__(self, at: Position, message: str) -> None:
        super().__init__(f"{at}: {message}", at)


class UnknownName(StatementError):
    """A name that nothing carries."""

    def __init__(self, message: str, name: str, known: Iterable[str], at: Position | None = None) -> None:
        super().__init__(message + did_you_mean(name, known), at)


class BadRequest(PenstockError):
    code = 40000


class QueryOnKsql(PenstockError):
    code = 40002
    statement = ""


class AssertFailed(PenstockError):
    code = 41700


class NoSchemaRegistry(PenstockError):
    code = 42801


class RegistryError(PenstockError):
    """The schema registry said no, or nothing at all."""


class SchemaNotFound(RegistryError):
    """The registry has no schema of that id or subject."""


class CommandTimeout(PenstockError):
    code = 50301


class NotFound(PenstockError):
    code = 40400


class LogError(PenstockError):
    pass


class UnknownTopic(LogError):
    def __init__(self, topic: str, known: Iterable[str] = ()) -> None:
        super().__init__(f"Topic '{topic}' does not exist.{did_you_mean(topic, known)}")
        self.topic = topic


class TopicExists(LogError):
    def __init__(self, topic: str, difference: str = "") -> None:
        super().__init__(f"Topic '{topic}' already exists{difference}.")
        self.topic = topic


class LogUnavailable(LogError):
    pass


class Fenced(LogError):
    pass


class ServerRefused(PenstockError):
    """`statement` is the statement as the server spells it, when it says so; `status` the HTTP status."""

    def __init__(self, message: str, code: int, status: int, statement: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.statement = statement


class ServerUnreachable(PenstockError):
    pass


class RecordError(PenstockError):
    pass


class SettingError(PenstockError):
    pass


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` Did you mean AMOUNT?` when a known name is near, else nothing."""
    folded = {candidate.upper(): candidate for candidate in known}
    near = difflib.get_close_matches(name.upper(), folded, n=1, cutoff=0.7)
    return f" Did you mean {folded[near[0]]}?" if near else ""
