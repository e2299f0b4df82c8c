"""The place a parser has reached in a statement, and how it says that it can't go on.

In:  tokens. Out: tokens one by one, names, strings and literals with their variables replaced, and
failures in ksqlDB's words. The parse_*.py files hold the grammar; this file knows none of it.

A variable is replaced where it is met: its token gives way to the tokens of its value, and the edit is
kept, so that the statement's text can be given back as it was run.
"""

from __future__ import annotations

import decimal
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from penstock.errors import Position, StatementError, SyntaxFailure, did_you_mean
from penstock.language import lexer, variables
from penstock.language.lexer import END, NAME, QUOTED_NAME, STRAY, TEXT, VARIABLE, Lines, Token
from penstock.language.words import FREE, OPENING, RESERVED
from penstock.types import BIGINT_MAX, BIGINT_MIN, SqlType

NAME_KINDS = frozenset((NAME, QUOTED_NAME)) | FREE


class Cursor:
    def __init__(
        self,
        text: str,
        types: Mapping[str, SqlType],
        values: Mapping[str, str],
        test_statements: bool = False,
    ) -> None:
        self.text = text
        self.types = types
        self.variables = values
        self.test_statements = test_statements
        self.tokens = lexer.tokens(text)
        self.index = 0
        # How many brackets are open: decides how a misplaced reserved word is reported.
        self.depth = 0
        self._lines = Lines(text)
        self._edits: dict[int, tuple[int, str]] = {}

    # --- looking ---

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    @property
    def kind(self) -> str:
        return self.tokens[self.index].kind

    def ahead(self, count: int = 1) -> str:
        """The kind of the token that many places on."""
        return self.tokens[min(self.index + count, len(self.tokens) - 1)].kind

    def sees(self, *kinds: str) -> bool:
        """Whether the next tokens are of these kinds."""
        return all(self.ahead(count) == kind for count, kind in enumerate(kinds))

    def position(self, token: Token | None = None) -> Position:
        return self._lines.position((token or self.token).start)

    # --- taking ---

    def next(self) -> Token:
        token = self.tokens[self.index]
        self.index += 1
        return token

    def accept(self, *kinds: str) -> bool:
        """Takes these tokens if they all stand here."""
        if not self.sees(*kinds):
            return False
        self.index += len(kinds)
        return True

    def expect(self, *kinds: str) -> Token:
        """Takes these tokens, which must stand here; gives the last."""
        for kind in kinds:
            if self.kind != kind:
                self.fail_expecting(kind)
            token = self.next()
        return token

    def open(self) -> None:
        self.expect("(")
        self.depth += 1

    def close(self) -> None:
        if self.kind != ")":
            self.fail_near()
        self.depth -= 1
        self.next()

    # --- names and literals ---

    def name(self) -> str:
        return lexer.name_of(self.name_token())

    def name_token(self) -> Token:
        self.replace_variable(variables.as_name)
        if self.kind not in NAME_KINDS:
            self.fail_name()
        return self.next()

    def resource(self) -> str:
        """The name of a topic, connector or subject: its case is kept, and it may stand in single quotes."""
        self.replace_variable(variables.as_name)
        if self.kind == TEXT:
            return self.string()
        token = self.name_token()
        return lexer.name_of(token) if token.kind == QUOTED_NAME else token.text

    def string(self) -> str:
        self.replace_variable(variables.as_literal)
        token = self.expect(TEXT)
        value = lexer.string_of(token)
        if "${" not in token.text or token.start in self._edits:
            return value
        inside = variables.in_string(token.text[1:-1], self.variables)
        self._edits[token.start] = (token.end, f"'{inside}'")
        return inside.replace("''", "'")

    def literal(self) -> Any:
        """A literal as its Python value: of WITH (...) and the like."""
        self.replace_variable(variables.as_literal)
        kind = self.kind
        if kind == TEXT:
            return self.string()
        if kind in ("TRUE", "FALSE"):
            return self.next().kind == "TRUE"
        if kind == "NULL":
            self.next()
            return None
        if kind != "-" and kind not in lexer.NUMBERS:
            self.fail_near()
        return self.number()

    def number(self) -> int | decimal.Decimal | float:
        at = self.position()
        minus = "-" if self.accept("-") else ""
        if self.kind not in lexer.NUMBERS:
            self.fail_near()
        token = self.next()
        return self._number_of(token.kind, minus + token.text, at)

    def whole(self) -> int:
        self.replace_variable(variables.as_literal)
        if self.kind != lexer.WHOLE:
            self.fail_expecting(lexer.WHOLE)
        return int(self.next().text)

    def _number_of(self, kind: str, text: str, at: Position) -> int | decimal.Decimal | float:
        if kind == lexer.EXACT:
            return decimal.Decimal(text)
        # ksqlDB counts the column of a bad literal from 2, and its tests compare it.
        place = f"line {at.line}:{at.column + 1}"
        if kind == lexer.FLOATING:
            value = float(text)
            if value in (float("inf"), float("-inf")):
                raise self.refused(f"{place}: Number overflows DOUBLE: {text}", at)
            return value
        if not BIGINT_MIN <= int(text) <= BIGINT_MAX:
            raise self.refused(f"{place}: Invalid numeric literal: {text}", at)
        return int(text)

    # --- variables ---

    def replace_variable(self, form: Any) -> None:
        """Puts the value of a variable that stands here in its place."""
        token = self.token
        if token.kind != VARIABLE:
            return
        value: str = form(token.text, self.variables, self.position())
        self._edits[token.start] = (token.end, value)
        found = lexer.tokens(value)[:-1]
        self.tokens[self.index : self.index + 1] = [
            Token(each.kind, each.text, token.start, token.end) for each in found
        ]

    def text_between(self, start: int, end: int) -> str:
        """The text with the variables in it replaced."""
        parts, reached = [], start
        for at in sorted(self._edits):
            if start <= at < end:
                upto, value = self._edits[at]
                parts += [self.text[reached:at], value]
                reached = upto
        return "".join([*parts, self.text[reached:end]])

    # --- failing ---

    def refused(self, message: str, at: Position) -> StatementError:
        """The text is well formed and still can't be a statement."""
        return StatementError(f"Failed to prepare statement: {message}", at)

    def fail(self, detail: str) -> NoReturn:
        detail = UNCLOSED.get(self.token.text, detail) if self.kind == STRAY else detail
        raise SyntaxFailure(self.position(), f"Syntax Error\n{detail}")

    def fail_expecting(self, *expected: str) -> NoReturn:
        """`Expecting {',', 'FROM'}`; kinds of tokens that are no fixed text stand without quotes."""
        shown = [each if each in FREE_TEXTS else f"'{each}'" for each in expected]
        self.fail(f"Expecting {shown[0] if len(shown) == 1 else '{' + ', '.join(shown) + '}'}")

    def fail_near(self) -> NoReturn:
        self.fail("" if self.kind == STRAY else self._near())

    def _near(self) -> str:
        return f"Syntax error at or near '{self.token.text}' at {self.position()}"

    def fail_name(self) -> NoReturn:
        """A name was wanted."""
        token = self.token
        if token.kind not in RESERVED:
            self.fail_near()
        self.fail(
            f'"{token.text}" is a reserved keyword and it can\'t be used as an identifier.'
            f" You can use it as an identifier by escaping it as '{token.text}' "
        )

    def fail_after(self, words: Iterable[str]) -> NoReturn:
        """A query is followed by what begins none of its clauses; a misspelt word gets its suggestion."""
        if self.kind in OPENING:
            self.fail_unended()
        known = tuple(words)
        near = (closest(self.tokens[at], known) for at in (self.index, self.index - 1))
        self.fail(next((f"Did you mean '{word}'?" for word in near if word), ""))

    def end_statement(self) -> None:
        """Takes the `;`. What stands there instead may open the next statement or be a misspelt clause."""
        if self.accept(";"):
            return
        if self.kind == END or self.kind in OPENING:
            self.fail_unended()
        word = closest(self.token, LATE_WORDS)
        self.fail(self._near() + (f"\nDid you mean '{word}'?" if word else ""))

    def fail_unended(self) -> NoReturn:
        self.fail(f"missing ';' at '{self.token.text}'")


FREE_TEXTS = frozenset((TEXT, *lexer.NUMBERS))
LATE_WORDS = ("AS", "WITH", "EXTENDED", "DELETE TOPIC", "TIMEOUT", "LIMIT", "FROM BEGINNING", "ADD COLUMN")
UNCLOSED = {
    **dict.fromkeys("'\"`", "The quote that opens here is never closed."),
    "/*": "The comment that opens here is never closed.",
}


def closest(token: Token, known: Iterable[str]) -> str | None:
    """The known word that a bare name is a misspelling of."""
    hint = did_you_mean(token.text, known) if token.kind == NAME else ""
    return hint.removeprefix(" Did you mean ").removesuffix("?") or None
