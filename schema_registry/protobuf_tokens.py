"""A .proto text as tokens, each with its place.

In:  text. Out: Token(kind, text, at), ended by one of kind END; strings are decoded. Comments are dropped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from schema_registry.schemas import InvalidSchema

WORD, NUMBER, TEXT, SYMBOL, END = "word", "number", "text", "symbol", "end"

PATTERN = re.compile(
    r"""(?P<skip>[\s\ufeff]+|//[^\n]*|/\*.*?\*/)
      | (?P<word>\.?[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
      | (?P<number>0[xX][0-9a-fA-F]+|\d+\.?\d*(?:[eE][+-]?\d+)?f?|\.\d+(?:[eE][+-]?\d+)?f?)
      | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<symbol>[{}()\[\]<>=,;:.+\-]|/(?!\*))""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)

ESCAPE = re.compile(
    r"\\(?:[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|(.))", re.DOTALL
)
SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
HIGH_BYTE = 0xDC00
"""Where bytes from 128 on are kept in a text; a str has no better place for them."""


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    at: int


def tokens_of(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = PATTERN.match(text, at)
        if match is None:
            raise refusal(text, at, f"{unknown(text, at)} is no part of a .proto file")
        kind = match.lastgroup
        assert kind is not None
        if kind == TEXT:
            found.append(Token(TEXT, decoded(match.group()[1:-1]), at))
        elif kind != "skip":
            found.append(Token(kind, match.group(), at))
        at = match.end()
    found.append(Token(END, "", len(text)))
    return found


def unknown(text: str, at: int) -> str:
    if text.startswith("/*", at):
        return "A comment that is never closed"
    if text[at] in "\"'":
        return "A text that is never closed"
    return f"'{text[at]}'"


def decoded(body: str) -> str:
    return ESCAPE.sub(unescape, body) if "\\" in body else body


def unescape(match: re.Match[str]) -> str:
    byte, short, long, octal, letter = match.groups()
    if letter is not None:
        return SIMPLE.get(letter, letter)
    if short or long:
        point = int(short or long, 16)
        return chr(point) if point < 0x110000 and not 0xD800 <= point < 0xE000 else "\ufffd"
    value = int(byte, 16) if byte else int(octal, 8) & 0xFF
    return chr(value if value < 128 else HIGH_BYTE + value)


def refusal(text: str, at: int, message: str) -> InvalidSchema:
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    return InvalidSchema(f"line {line}:{column}: {message}.")
