"""java.text.SimpleDateFormat, which PARSE_DATE uses: lenient, and content with the beginning of a text.

In:  a pattern and a text. Out: milliseconds since 1970 in UTC.

    '2023-02-29'  yyyy-MM-dd  ->  2023-03-01, the 29th day of a month of 28
"""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Callable
from functools import lru_cache

from penstock.functions import zones
from penstock.functions.java_parse import SHORT_DAYS, SHORT_MONTHS
from penstock.functions.java_time import DAY_MS, DAYS, EPOCH_ORDINAL, MONTHS, PatternError

LETTERS = frozenset("GyYMLwWDdFEuaHkKhmsSzZX")
TEXTS = {
    "M": (*MONTHS, *SHORT_MONTHS), "L": (*MONTHS, *SHORT_MONTHS), "E": (*DAYS, *SHORT_DAYS),
    "a": ("AM", "PM"), "G": ("BC", "AD"),
}  # fmt: skip
YEARS_BACK = 80

Token = tuple[str, int] | str


@lru_cache(maxsize=1024)
def tokens(pattern: str) -> tuple[Token, ...]:
    """Runs of a letter as (letter, count), other text as it stands."""
    found: list[Token] = []
    for part in re.finditer(r"'((?:[^']|'')*)'|([A-Za-z])\2*|(.)", pattern, re.DOTALL):
        if part[1] is not None:
            found.append(part[1].replace("''", "'") or "'")
        elif part[2]:
            if part[2] not in LETTERS:
                raise PatternError(f"Illegal pattern character '{part[2]}'")
            found.append((part[2], len(part[0])))
        elif part[3] == "'":
            raise PatternError("Unterminated quote")
        else:
            found.append(part[3])
    return tuple(found)


def parse_ms(pattern: str, text: str) -> int:
    """The instant of the beginning of a text; what follows is not looked at."""
    every = tokens(pattern)
    fields: dict[str, int] = {}
    at = 0
    for index, token in enumerate(every):
        if isinstance(token, str):
            if not text.startswith(token, at):
                raise PatternError(f'Unparseable date: "{text}"')
            at += len(token)
        else:
            following = every[index + 1] if index + 1 < len(every) else ""
            at = read(token, isinstance(following, tuple), text, at, fields)
    return instant(fields)


def read(token: tuple[str, int], abutting: bool, text: str, at: int, fields: dict[str, int]) -> int:
    """Reads one field and returns where it ends."""
    letter, count = token
    while text[at : at + 1] in (" ", "\t"):
        at += 1
    if letter in "zZX":
        return read_zone(text, at, fields)
    if letter in TEXTS and (letter not in "ML" or count > 2):
        return read_text(letter, text, at, fields)
    width = str(count) if abutting else "1,18"
    found = re.compile(rf"-?\d{{{width}}}").match(text, at)
    if found is None:
        raise PatternError(f'Unparseable date: "{text}"')
    value = int(found[0])
    if letter == "y" and count <= 2 and len(found[0]) == 2:
        value = near_year(value)
    fields["M" if letter == "L" else letter] = value
    return found.end()


def near_year(two_digits: int) -> int:
    """Two digits mean the year within 80 years back and 20 ahead."""
    earliest = datetime.datetime.now(datetime.UTC).year - YEARS_BACK
    year = earliest - earliest % 100 + two_digits
    return year + 100 if year < earliest else year


def read_text(letter: str, text: str, at: int, fields: dict[str, int]) -> int:
    names = TEXTS[letter]
    for name in sorted(names, key=len, reverse=True):
        if text[at : at + len(name)].lower() == name.lower():
            fields["M" if letter == "L" else letter] = names.index(name) % PERIODS[letter] + FIRST[letter]
            return at + len(name)
    raise PatternError(f'Unparseable date: "{text}"')


PERIODS = {"M": 12, "L": 12, "E": 7, "a": 2, "G": 2}
FIRST = {"M": 1, "L": 1, "E": 1, "a": 0, "G": 0}
ZONE = re.compile(r"(?:GMT)?([+-])(\d{1,2}):?(\d{2})?|Z|[A-Za-z][A-Za-z/_]+")


def read_zone(text: str, at: int, fields: dict[str, int]) -> int:
    found = ZONE.match(text, at)
    if found is None:
        raise PatternError(f'Unparseable date: "{text}"')
    if found[1]:
        seconds = int(found[2]) * 3600 + int(found[3] or 0) * 60
        fields["Z"] = -seconds if found[1] == "-" else seconds
    else:
        fields["Z"] = zones.offset_at(zones.zone_of(zones.named_zone(found[0])), 0)
    return found.end()


def instant(fields: dict[str, int]) -> int:
    """Fields beyond their range run over into the next larger one."""
    year = fields.get("y", 1970)
    if fields.get("G") == 0:
        year = 1 - year
    ms = (
        hours(fields) * 3_600_000
        + fields.get("m", 0) * 60_000
        + fields.get("s", 0) * 1000
        + fields.get("S", 0)
    )
    return days(fields, year) * DAY_MS + ms - fields.get("Z", 0) * 1000


def days(fields: dict[str, int], year: int) -> int:
    month = fields.get("M", 1) - 1
    if "D" in fields and "d" not in fields and "M" not in fields:
        return start_of(year, 0) + fields["D"] - 1
    first = start_of(year, month)
    if "E" in fields and "d" not in fields:
        # The first such day of the week in the month.
        return first + (fields["E"] - 1 - calendar.weekday(1970, 1, 1) - first) % 7
    return first + fields.get("d", 1) - 1


def start_of(year: int, month: int) -> int:
    try:
        date = datetime.date(year + month // 12, month % 12 + 1, 1)
    except (ValueError, OverflowError) as error:
        raise PatternError(f"Year out of range: {year}") from error
    return date.toordinal() - EPOCH_ORDINAL


HOURS: dict[str, Callable[[int], int]] = {
    "H": lambda hour: hour,
    "k": lambda hour: 0 if hour == 24 else hour,
    "K": lambda hour: hour,
    "h": lambda hour: 0 if hour == 12 else hour,
}


def hours(fields: dict[str, int]) -> int:
    for letter, meaning in HOURS.items():
        if letter in fields:
            half = 12 * fields.get("a", 0) if letter in "Kh" else 0
            return meaning(fields[letter]) + half
    return 12 * fields.get("a", 0)
