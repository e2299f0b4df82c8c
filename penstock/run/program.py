"""What a compiled query is, whatever its shape, and the text its generated function is made of.

In:  compiler.py and aggregate.py fill a Text with lines. Out: a Python function, and its source for EXPLAIN.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from penstock.run.batch import Batch
from penstock.run.processing_log import Entry
from penstock.run.state import StateStore
from penstock.run.tables import TableStore
from penstock.topics.base import Headers


@dataclass(slots=True, eq=False)
class Output:
    """Typed rows on their way to the sink, in columns. `partitions` is None when the key decides.

    Keys of windowed results are (key, window_start, window_end); a None row is a tombstone. `headers` is None
    while no record has any.
    """

    keys: list[Any] = field(default_factory=list)
    rows: list[Any] = field(default_factory=list)
    timestamps: list[int] = field(default_factory=list)
    partitions: list[int] | None = None
    headers: list[Headers] | None = None


class Program(Protocol):
    """A query's generated code with its memory."""

    source_text: str
    tables: dict[int, TableStore]

    @property
    def store(self) -> StateStore | None: ...

    @property
    def late(self) -> int:
        """Rows that came after their window had closed, since the query was created."""
        ...

    def process(self, batch: Batch, out: Output, errors: list[Entry]) -> None:
        """Rows of the driving source. What can be emitted at once goes to `out`."""
        ...

    def flush(self, out: Output, errors: list[Entry]) -> None:
        """Emit what was held back to merge updates of one key."""
        ...


class Text:
    """Lines of Python with their indentation."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 0

    def add(self, *lines: str) -> None:
        self.lines += ["    " * self.depth + line for text in lines for line in text.split("\n")]

    @contextmanager
    def block(self, opening: str) -> Iterator[None]:
        self.add(opening)
        self.depth += 1
        yield
        self.depth -= 1

    def __str__(self) -> str:
        return "\n".join(self.lines) + "\n"


def compile_function(name: str, text: str, constants: dict[str, Any]) -> Callable[..., Any]:
    """Execute generated source; tracebacks show its lines."""
    filename = f"<penstock {name} {id(constants):x}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    scope = dict(constants)
    exec(compile(text, filename, "exec"), scope)
    return scope[name]


def mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w.]){name}\b", text) is not None


COLUMN_OF = {
    "k": "b.keys",
    "r": "b.rows",
    "ts": "b.timestamps",
    "p": "b.partitions",
    "o": "b.offsets",
    "h": "(b.headers or ((),) * len(b.rows))",
    "ws": "b.window_starts",
    "we": "b.window_ends",
}
"""Slot prefix of the driving source -> the column of the batch that a loop takes it from."""


def loop_header(body: str, always: Sequence[str] = ("r0", "i")) -> str:
    """`for k0, r0, i in zip(...)`: only the columns that the body reads."""
    used = [prefix for prefix in COLUMN_OF if f"{prefix}0" in always or mentions(body, f"{prefix}0")]
    names = [f"{prefix}0" for prefix in used] + ["i"]
    columns = [COLUMN_OF[prefix] for prefix in used] + ["range(len(b.rows))"]
    return f"for {', '.join(names)} in zip({', '.join(columns)}):"
