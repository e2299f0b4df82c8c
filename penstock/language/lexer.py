"""Text becomes tokens: one compiled expression, run once over a whole script.

In:  the text of one or many statements. Out: tokens with their offsets, comments and blanks left out;
the last one is <EOF>. What no token begins with becomes a token of kind STRAY: the parser says so.

    SELECT a->b, 'it''s' FROM s;   ->   SELECT NAME -> NAME , TEXT FROM NAME ; <EOF>

A keyword's kind is the word itself in upper case; a symbol's kind is the symbol.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

from penstock.errors import Position
from penstock.language.words import KEYWORDS

NAME, QUOTED_NAME, TEXT, VARIABLE, STRAY, END = "NAME", "QUOTED_NAME", "TEXT", "VARIABLE", "STRAY", "<EOF>"
WHOLE, EXACT, FLOATING = "INTEGER_VALUE", "DECIMAL_VALUE", "FLOATING_POINT_VALUE"
NUMBERS = frozenset((WHOLE, EXACT, FLOATING))

TOKEN = re.compile(
    r"""(?P<BLANK> (?: [\s\ufeff]+ | --[^\r\n]* | /\*.*?\*/ )+ )
      | (?P<WORD> [A-Za-z_][A-Za-z0-9_@]* )
      | (?P<FLOATING_POINT_VALUE> (?: \d+(?:\.\d*)? | \.\d+ ) [eE][+-]?\d+ (?![A-Za-z0-9_@]) )
      | (?P<DECIMAL_VALUE> \d+\.\d* | \.\d+ )
      | (?P<INTEGER_VALUE> \d+ (?![A-Za-z0-9_@]) )
      | (?P<NAME> \d[A-Za-z0-9_@]+ )
      | (?P<TEXT> '(?:[^']|'')*' )
      | (?P<QUOTED_NAME> `(?:[^`]|``)*` | "(?:[^"]|"")*" )
      | (?P<VARIABLE> \$\{[^}]*\} )
      | (?P<SYMBOL> => | -> | := | <> | != | <= | >= | \|\| | [=<>+\-*%()\[\],.;] | /(?!\*) )
      | (?P<STRAY> /\* | . )""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


def tokens(text: str) -> list[Token]:
    found: list[Token] = []
    append, keywords = found.append, KEYWORDS
    for match in TOKEN.finditer(text):
        kind = match.lastgroup
        assert kind is not None
        if kind == "BLANK":
            continue
        word = match.group()
        if kind == "WORD":
            upper = word.upper()
            kind = upper if upper in keywords else NAME
        elif kind == "SYMBOL":
            kind = word
        append(Token(kind, word, match.start(), match.end()))
    append(Token(END, "<EOF>", len(text), len(text)))
    return found


class Lines:
    """Turns offsets into positions."""

    def __init__(self, text: str) -> None:
        self._starts = [0] + [match.end() for match in re.finditer(r"\n", text)]

    def position(self, offset: int) -> Position:
        line = bisect_right(self._starts, offset)
        return Position(line, offset - self._starts[line - 1] + 1)


def name_of(token: Token) -> str:
    """A name as it is stored: a bare one in upper case, a quoted one as written."""
    if token.kind != QUOTED_NAME:
        return token.text.upper()
    mark = token.text[0]
    return token.text[1:-1].replace(mark * 2, mark)


def string_of(token: Token) -> str:
    return token.text[1:-1].replace("''", "'")
