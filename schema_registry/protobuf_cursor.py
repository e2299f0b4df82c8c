"""Reads tokens one after the other: words, names, numbers, and the options that may stand anywhere.

In:  the tokens of a text. Out: what was asked for, or InvalidSchema with the place and what stands there.
"""

from __future__ import annotations

from dataclasses import dataclass

from schema_registry.protobuf_tokens import END, NUMBER, SYMBOL, TEXT, WORD, Token, refusal, tokens_of
from schema_registry.protobuf_tree import Aggregate, Items, Literal, Option, Value
from schema_registry.schemas import InvalidSchema

NESTING_MAX = 64
"""Twice of what protoc takes."""


def parse_value(text: str) -> Value:
    """A value that stands alone: { ... }, [ ... ] or a single one."""
    return Cursor(text, tokens_of(text)).value()


@dataclass(slots=True)
class Cursor:
    text: str
    tokens: list[Token]
    at: int = 0
    depth: int = 0

    # -- tokens

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Token:
        token = self.tokens[self.at]
        self.at += token.kind != END
        return token

    def fail(self, message: str, token: Token | None = None) -> InvalidSchema:
        return refusal(self.text, (token or self.next).at, message)

    def skip(self, text: str) -> bool:
        """Go past a symbol or a word if it stands here."""
        token = self.next
        found = token.text == text and token.kind in (SYMBOL, WORD)
        self.at += found
        return found

    def expect(self, text: str) -> None:
        if not self.skip(text):
            raise self.fail(f"'{text}' was expected, {named(self.next)} found")

    def word(self, what: str) -> str:
        token = self.next
        if token.kind != WORD:
            raise self.fail(f"{what} was expected, {named(token)} found")
        return self.take().text

    def name(self, what: str) -> str:
        token = self.next
        found = self.word(what)
        if "." in found:
            raise self.fail(f"{what} has no dots: {found}", token)
        return found

    def quoted(self, what: str) -> str:
        if self.next.kind != TEXT:
            raise self.fail(f"{what} was expected in quotes, {named(self.next)} found")
        parts = [self.take().text]
        while self.next.kind == TEXT:
            parts.append(self.take().text)
        return "".join(parts)

    def integer(self, what: str) -> int:
        token = self.next
        sign = -1 if self.skip("-") else 1
        digits = self.take() if self.next.kind == NUMBER else token
        found = whole(digits.text) if digits.kind == NUMBER else None
        if found is None:
            raise self.fail(f"{what} must be a whole number, not {named(token)}", token)
        return sign * found

    # -- options

    def bracketed(self) -> tuple[Option, ...]:
        """[option, ...] or nothing."""
        if not self.skip("["):
            return ()
        options = [self.option()]
        while self.skip(","):
            options.append(self.option())
        self.expect("]")
        return tuple(options)

    def option(self) -> Option:
        extension = self.skip("(")
        name = self.word("The name of an option")
        path = ""
        if extension:
            self.expect(")")
        else:
            name, _, path = name.partition(".")
        path = ".".join(part for part in (path, *self.option_path()) if part)
        self.expect("=")
        return Option(name, self.value(), extension, path)

    def option_path(self) -> list[str]:
        """What follows a name: .doc or .(other.extension)."""
        parts = []
        while self.next.text.startswith(".") and self.next.kind in (WORD, SYMBOL):
            token = self.take()
            if token.text != ".":
                parts.append(token.text[1:])
                continue
            self.expect("(")
            parts.append(f"({self.word('The name of an option')})")
            self.expect(")")
        return parts

    def value(self) -> Value:
        token = self.next
        if token.kind == TEXT:
            return Literal(self.quoted("A value"), quoted=True)
        if token.text in ("{", "<", "[") and token.kind == SYMBOL:
            self.depth += 1
            if self.depth > NESTING_MAX:
                raise self.fail(f"nested more than {NESTING_MAX} levels deep", token)
            found = self.items() if token.text == "[" else self.aggregate()
            self.depth -= 1
            return found
        sign = "-" if self.skip("-") else ""
        self.skip("+")
        if self.next.kind not in (WORD, NUMBER) or (
            self.next.text.startswith(".") and self.next.kind == WORD
        ):
            raise self.fail(f"a value was expected, {named(self.next)} found")
        return Literal(sign + self.take().text)

    def items(self) -> Value:
        self.expect("[")
        values = []
        while not self.skip("]"):
            values.append(self.value())
            if not self.skip(",") and self.next.text != "]":
                raise self.fail(f"',' or ']' was expected, {named(self.next)} found")
        return Items(tuple(values))

    def aggregate(self) -> Value:
        close = "}" if self.take().text == "{" else ">"
        entries: dict[str, list[Value]] = {}
        while not self.skip(close):
            key = self.key()
            if not self.skip(":") and self.next.text not in ("{", "<"):
                raise self.fail(f"':' was expected, {named(self.next)} found")
            entries.setdefault(key, []).append(self.value())
            if not self.skip(","):
                self.skip(";")
        # A key that is repeated means the same as one with a list.
        return Aggregate(
            tuple((key, found[0] if len(found) == 1 else listed(found)) for key, found in entries.items())
        )

    def key(self) -> str:
        if not self.skip("["):
            return self.word("A name")
        name = self.word("The name of an extension")
        while self.skip("/"):
            name += "/" + self.word("The name of a type")
        self.expect("]")
        return f"[{name}]"


def listed(values: list[Value]) -> Items:
    flat: list[Value] = []
    for value in values:
        flat.extend(value.values if isinstance(value, Items) else (value,))
    return Items(tuple(flat))


def named(token: Token) -> str:
    if token.kind == END:
        return "the end of the text"
    return f"the text '{token.text[:40]}'" if token.kind == TEXT else f"'{token.text[:40]}'"


def whole(text: str) -> int | None:
    """Decimal, 0x hexadecimal or 0 octal; None when it is something else, or longer than any number here."""
    if len(text) > 20:
        return None
    try:
        if text[:2] in ("0x", "0X"):
            return int(text, 16)
        return int(text, 8 if len(text) > 1 and text[0] == "0" else 10)
    except ValueError:
        return None
