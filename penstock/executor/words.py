"""The words in which a statement is refused: whose text is shown, and in which phase it failed.

ksqlDB shows a statement as written while it prepares it, and in its canonical form from then on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from penstock.errors import StatementError

PREPARING = "Failed to prepare statement: "
FINDING_SOURCES = "Exception while preparing statement: "
FINDING_SCHEMA = "Could not determine output schema for query due to error: "


@contextmanager
def failures_show(statement: str, prefix: str = "") -> Iterator[None]:
    """A refusal inside shows this text, unless it has one; `prefix` says in which phase it failed."""
    try:
        yield
    except StatementError as failure:
        if prefix and not failure.message.startswith(prefix):
            failure.args = (prefix + failure.message,)
        if not failure.statement:
            failure.statement = statement
        raise
