"""A .ksql file as single statements, each with its place.

In:  the text of a file. Out: its statements with the line each begins on. No grammar: what a statement
means is the server's to say, which may be newer than we are.

    -- a comment; with a semicolon
    CREATE STREAM a ... WITH (x='it''s; one');   ->  Piece(line 2, "CREATE STREAM a ...;")
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import SettingError

TOKEN = re.compile(
    r"""(?P<comment> --[^\n]* | /\*.*?(?:\*/|\Z) )
      | (?P<quoted> '(?:[^']|'')*' | `(?:[^`]|``)*` | "(?:[^"]|"")*" )
      | (?P<end> ; )
      | (?P<blank> \s+ )
      | (?P<word> [\w.$@{}]+ )
      | (?P<other> . )""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement of a file, with its semicolon."""

    path: Path
    line: int
    text: str

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}"


def pieces(path: Path, text: str) -> Iterator[Piece]:
    begin: int | None = None
    for token in TOKEN.finditer(text):
        if token.lastgroup in ("comment", "blank"):
            continue
        if token.lastgroup == "end":
            if begin is not None:
                yield Piece(path, text.count("\n", 0, begin) + 1, text[begin : token.end()])
            begin = None
        elif begin is None:
            begin = token.start()
    if begin is not None:
        line = text.count("\n", 0, begin) + 1
        raise SettingError(f"{path}:{line}: the last statement does not end with a semicolon.")


def ksql_files(paths: tuple[Path, ...]) -> list[Path]:
    """Files as given; of a folder its .ksql files in the order of their names."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(path.glob("*.ksql"))
            if not inside:
                raise SettingError(f"The folder {path} holds no .ksql file.")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise SettingError(f"There is no file or folder {path}.")
    return found


def normal(text: str) -> str:
    """A statement without comments and layout, words outside quotes in upper case: for comparing texts."""
    parts: list[str] = []
    for token in TOKEN.finditer(text):
        kind = token.lastgroup
        if kind not in ("word", "quoted", "other"):
            continue
        part = token.group().upper() if kind == "word" else token.group()
        # Two words need a blank between them; around everything else blanks mean nothing.
        glued = not parts or kind == "other" or not (parts[-1][-1].isalnum() or parts[-1][-1] in "_'`\"$@}")
        parts.append(part if glued else " " + part)
    return "".join(parts)
