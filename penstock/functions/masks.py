"""The MASK family: characters replaced by the mask of their class, all of them or at one end.

    class     upper case letter   lower case letter   digit   anything else
    default   X                   x                   n       -

A NULL mask leaves its class as it is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache

from penstock.functions.registry import scalar
from penstock.types import INTEGER, STRING

Masks = tuple[str | None, str | None, str | None, str | None]

DEFAULT: Masks = ("X", "x", "n", "-")
CLASSES = {"Lu": 0, "Ll": 1, "Nd": 2}
OTHER = 3


class Mask(dict[int, str]):
    """A translation table for str.translate that learns each character once."""

    CHARACTERS_MAX = 10_000

    def __init__(self, masks: Masks) -> None:
        super().__init__()
        for mask in masks:
            if mask is not None and len(mask) != 1:
                raise ValueError(f"Invalid mask character: '{mask}'. A mask is exactly one character.")
        self.masks = masks

    def __missing__(self, code: int) -> str:
        character = chr(code)
        mask = self.masks[CLASSES.get(unicodedata.category(character), OTHER)]
        # Outside the basic plane Java sees two code units, each in no class.
        found = character if mask is None else mask * (2 if code > 0xFFFF else 1)
        if len(self) < self.CHARACTERS_MAX:
            self[code] = found
        return found


@lru_cache(maxsize=256)
def table_of(masks: Masks) -> Mask:
    return Mask(masks)


def left(text: str, count: int, table: Mask) -> str:
    return text[:count].translate(table) + text[count:]


def right(text: str, count: int, table: Mask) -> str:
    at = max(len(text) - count, 0)
    return text[:at] + text[at:].translate(table)


def keep_left(text: str, count: int, table: Mask) -> str:
    return text[:count] + text[count:].translate(table)


def keep_right(text: str, count: int, table: Mask) -> str:
    at = max(len(text) - count, 0)
    return text[:at].translate(table) + text[at:]


@scalar("MASK", STRING, returns=STRING, nulls="pass", category="STRING", spelling="mask",
        example=("MASK('My Test $123')", "Xx-Xxxx--nnn"))  # fmt: skip
def mask(input: str | None) -> str | None:
    """Every character replaced by the mask of its class."""
    return None if input is None else input.translate(table_of(DEFAULT))


@scalar("MASK", STRING, STRING, STRING, STRING, STRING, returns=STRING, nulls="pass", category="STRING",
        example=("MASK('My Test $123', '*', NULL, '1', NULL)", "*y *est $111"))  # fmt: skip
def mask_with(
    input: str | None, upper: str | None, lower: str | None, digit: str | None, other: str | None
) -> str | None:
    """The same with masks of your own; a NULL mask leaves its class as it is."""
    table = table_of((upper, lower, digit, other))
    return None if input is None else input.translate(table)


Cutter = Callable[[str, int, Mask], str]


def declare_side(name: str, cutter: Cutter, meaning: str, example: tuple[str, str]) -> None:
    """The two signatures of a function that masks part of a text."""

    def checked(text: str | None, count: int, table: Mask) -> str | None:
        if count < 0:
            raise ValueError(f"function {name} requires a non-negative number of characters to mask or skip")
        return None if text is None else cutter(text, count, table)

    def plain(input: str | None, num_chars: int) -> str | None:
        return checked(input, num_chars, table_of(DEFAULT))

    def masked(
        input: str | None,
        num_chars: int,
        upper: str | None,
        lower: str | None,
        digit: str | None,
        other: str | None,
    ) -> str | None:
        return checked(input, num_chars, table_of((upper, lower, digit, other)))

    plain.__doc__ = meaning
    masked.__doc__ = meaning.removesuffix(".") + ", with masks of your own."
    text, value = example
    own = text.removesuffix(")") + ", 'X', 'x', 'n', '-')"
    spelling = name.lower()
    scalar(name, STRING, INTEGER, returns=STRING, nulls="pass", primitive=(1,), category="STRING",
           spelling=spelling, example=example)(plain)  # fmt: skip
    scalar(name, STRING, INTEGER, STRING, STRING, STRING, STRING, returns=STRING, nulls="pass",
           primitive=(1,), category="STRING", example=(own, value))(masked)  # fmt: skip


declare_side("MASK_LEFT", left, "The first n characters masked.", ("MASK_LEFT('Card 12', 4)", "Xxxx 12"))
declare_side("MASK_RIGHT", right, "The last n characters masked.", ("MASK_RIGHT('Card 12', 2)", "Card nn"))
declare_side(
    "MASK_KEEP_LEFT",
    keep_left,
    "All but the first n characters masked.",
    ("MASK_KEEP_LEFT('Card 12', 4)", "Card-nn"),
)
declare_side(
    "MASK_KEEP_RIGHT",
    keep_right,
    "All but the last n characters masked.",
    ("MASK_KEEP_RIGHT('Card 12', 2)", "Xxxx-12"),
)
