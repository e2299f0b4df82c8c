"""Times of fixed width, read quickly: yyyy-MM-dd'T'HH:mm:ss and its like.

In:  a java.time pattern. Out: a reader that gives milliseconds since 1970-01-01 UTC, or None where it is not
certain: then java_parse.py has the word, on what is odd and on what is wrong.

    2010-12-01T08:26:00   digits of the pattern's width, a day that the month has, an hour below 24
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache

from penstock.functions.java_time import DAY_MS, EPOCH_ORDINAL, Letters, Step, Text, compile_pattern

QuickReader = Callable[[str], int | None]

WIDTHS = {"u": 4, "y": 4, "M": 2, "d": 2, "H": 2, "m": 2, "s": 2, "S": 3}
DATE, TIME = ("y", "M", "d"), ("H", "m", "s", "S")


@lru_cache(maxsize=1024)
def quick_reader(pattern: str) -> QuickReader | None:
    """None for a pattern that has more than a date and a time in digits."""
    steps = compile_pattern(pattern)
    letters = ["y" if step.letter == "u" else step.letter for step in steps if isinstance(step, Letters)]
    told = [letter for letter in TIME if letter in letters]
    whole = sorted(letters) == sorted([*DATE, *told]) and tuple(told) == TIME[: len(told)]
    if not whole or not all(map(_is_fixed, steps)):
        return None
    match = re.compile("".join(map(_expression, steps)), re.ASCII).fullmatch
    order = [letters.index(letter) for letter in (*DATE, *told)]
    missing = (0,) * (len(TIME) - len(told))

    def read(text: str) -> int | None:
        found = match(text)
        if found is None:
            return None
        parts = found.groups()
        year, month, day, hour, minute, second, ms = [int(parts[at]) for at in order] + [*missing]
        if hour > 23 or minute > 59 or second > 59:
            return None
        try:
            days = date(year, month, day).toordinal() - EPOCH_ORDINAL
        except ValueError:
            return None
        return days * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 + ms

    return read


def _is_fixed(step: Step) -> bool:
    if isinstance(step, Letters):
        return WIDTHS.get(step.letter) == step.count and not step.width
    return isinstance(step, Text)


def _expression(step: Step) -> str:
    return rf"(\d{{{step.count}}})" if isinstance(step, Letters) else re.escape(getattr(step, "text", ""))
