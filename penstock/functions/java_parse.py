"""java.time patterns read backwards: text to fields, fields to a moment, as DateTimeFormatter resolves them.

In:  the steps of a pattern (java_time.py) and a text. Out: a Parsed moment, or PatternError.

A pattern becomes one regular expression with a group for each field; optional parts become optional groups.

    dd/MM/yy   ->  (\\d{2})/(\\d{2})/(\\d{2})     fields d, M, y   ->  a date, a time, or parts
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

from penstock.functions import zones
from penstock.functions.java_time import (
    DAY_MS,
    DAYS,
    EPOCH_ORDINAL,
    MONTHS,
    QUARTERS,
    Letters,
    Optional,
    PatternError,
    Step,
    Text,
    compile_pattern,
    day_of_week,
)

YEAR_BASE = 2000
Fields = dict[str, int]


@dataclass(slots=True)
class Parsed:
    """What a text told: a whole date and time when the fields made one, and all fields by letter."""

    fields: Fields
    days: int | None = None
    ms: int | None = None
    offset_s: int | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A field in the regular expression: how its text becomes a number, and the range it must be in."""

    letter: str
    read: Callable[[str], int]
    low: int = 0
    high: int = 10**19


@dataclass(slots=True)
class TextPattern:
    """A compiled pattern for parsing."""

    regex: re.Pattern[str]
    groups: tuple[Group | str, ...]

    def fields(self, text: str) -> tuple[Fields, dict[str, str]]:
        found = self.regex.fullmatch(text)
        if found is None:
            raise PatternError(f"Text '{text}' could not be parsed")
        numbers: Fields = {}
        names: dict[str, str] = {}
        for group, part in zip(self.groups, found.groups(), strict=True):
            if part is None:
                continue
            if isinstance(group, str):
                names[group] = part
            else:
                put(numbers, group, part, text)
        return numbers, names


def put(numbers: Fields, group: Group, part: str, text: str) -> None:
    value = group.read(part)
    if not group.low <= value <= group.high:
        raise PatternError(f"Text '{text}' could not be parsed: Invalid value for {group.letter}: {value}")
    if numbers.setdefault(group.letter, value) != value:
        raise PatternError(f"Text '{text}' could not be parsed: conflict found for {group.letter}")


@lru_cache(maxsize=1024)
def text_pattern(pattern: str, ignore_case: bool) -> TextPattern:
    groups: list[Group | str] = []
    source = expression(compile_pattern(pattern), groups)
    return TextPattern(re.compile(source, re.IGNORECASE if ignore_case else 0), tuple(groups))


def expression(steps: Sequence[Step], groups: list[Group | str]) -> str:
    parts = []
    for step in steps:
        if isinstance(step, Text):
            parts.append(re.escape(step.text))
        elif isinstance(step, Optional):
            parts.append(f"(?:{expression(step.steps, groups)})?")
        else:
            parts.append(field_expression(step, groups))
    return "".join(parts)


def field_expression(step: Letters, groups: list[Group | str]) -> str:
    group, source = READERS[step.letter](step)
    groups.append(group)
    padding = f"(?=.{{{step.width}}}) *" if step.width else ""
    return f"{padding}({source})"


# --- the fields ---------------------------------------------------------------------------------------

# letter: least and greatest value. Year and the like have their own readers.
RANGES = {
    "M": (1, 12), "L": (1, 12), "d": (1, 31), "D": (1, 366), "Q": (1, 4), "q": (1, 4), "w": (1, 54),
    "W": (0, 6), "F": (1, 5), "e": (1, 7), "c": (1, 7), "h": (1, 12), "K": (0, 11), "H": (0, 24),
    "k": (1, 24), "m": (0, 59), "s": (0, 59), "A": (0, DAY_MS - 1), "n": (0, 10**9 - 1),
    "N": (0, DAY_MS * 10**6 - 1), "g": (-(10**9), 10**9),
}  # fmt: skip
SAME = {"L": "M", "q": "Q", "c": "e"}
ANY_WIDTH = frozenset("AnNg")

Reader = Callable[[Letters], tuple[Group | str, str]]


def number(step: Letters) -> tuple[Group, str]:
    """Digits: as many as letters, or any number for one letter."""
    low, high = RANGES[step.letter]
    if step.letter in ANY_WIDTH:
        width = f"{{{step.count},19}}"
    elif step.letter == "D" and step.count > 1:
        width = f"{{{step.count},3}}"
    else:
        width = "{1,19}" if step.count == 1 else f"{{{step.count}}}"
    return Group(SAME.get(step.letter, step.letter), int, low, high), f"\\d{width}"


def year(step: Letters) -> tuple[Group, str]:
    if step.count == 2:
        return Group(step.letter, lambda text: YEAR_BASE + int(text)), r"\d{2}"
    low = 1 if step.letter == "y" else -999_999_999
    if step.count < 4:
        return Group(step.letter, int, low, 999_999_999), rf"-?\d{{{step.count},19}}"
    n = step.count
    # More digits than letters only after a plus, unless fixed-width numbers follow directly.
    plain = rf"\d{{{n},19}}" if step.adjacent else rf"\d{{{n}}}"
    return Group(step.letter, int, low, 999_999_999), rf"{plain}|\+\d{{{n + 1},19}}|-\d{{{n},19}}"


def fraction(step: Letters) -> tuple[Group, str]:
    return Group("n", lambda text: int(text) * 10 ** (9 - len(text))), rf"\d{{{step.count}}}"


def words(letter: str, names: Mapping[str, int]) -> tuple[Group, str]:
    folded = {name.lower(): value for name, value in names.items()}
    source = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return Group(letter, lambda text: folded[text.lower()]), source


def numbered(names: Sequence[str], size: int | None) -> dict[str, int]:
    return {name[:size]: at + 1 for at, name in enumerate(names)}


def named(letter: str, full: Sequence[str], short: Sequence[str]) -> Reader:
    """1-2 letters a number, 3 the short names, 4 the full ones, 5 letters that tell nothing apart."""

    def read(step: Letters) -> tuple[Group | str, str]:
        if step.count < 3 and letter != "E":
            return number(step)
        if step.count == 5:
            raise PatternError(f"Text of one letter can't be parsed: {step.letter * 5}")
        return words(letter, numbered(full if step.count == 4 else short, None))

    return read


def week_day(step: Letters) -> tuple[Group | str, str]:
    """`e` names days as E does, but its numbers count from Sunday."""
    return number(step) if step.count < 3 else named("E", DAYS, SHORT_DAYS)(step)


SHORT_MONTHS = tuple(name[:3] for name in MONTHS)
SHORT_DAYS = tuple(name[:3] for name in DAYS)
ERAS = {3: {"BC": 0, "AD": 1}, 4: {"Before Christ": 0, "Anno Domini": 1}, 5: {"B": 0, "A": 1}}
PERIODS = {
    "midnight": 0,
    "at night": 0,
    "in the morning": 0,
    "noon": 1,
    "in the afternoon": 1,
    "in the evening": 1,
}

OFFSETS = {
    "X1": r"Z|[+-]\d{2}(?:\d{2})?", "X2": r"Z|[+-]\d{4}", "X3": r"Z|[+-]\d{2}:\d{2}",
    "X4": r"Z|[+-]\d{4}(?:\d{2})?", "X5": r"Z|[+-]\d{2}:\d{2}(?::\d{2})?",
    "x1": r"[+-]\d{2}(?:\d{2})?", "x2": r"[+-]\d{4}", "x3": r"[+-]\d{2}:\d{2}",
    "x4": r"[+-]\d{4}(?:\d{2})?", "x5": r"[+-]\d{2}:\d{2}(?::\d{2})?",
    "Z1": r"[+-]\d{4}", "Z2": r"[+-]\d{4}", "Z3": r"[+-]\d{4}", "Z5": r"Z|[+-]\d{2}:\d{2}(?::\d{2})?",
    "Z4": r"GMT(?:[+-]\d{2}:\d{2}(?::\d{2})?)?", "O4": r"GMT(?:[+-]\d{2}:\d{2}(?::\d{2})?)?",
    "O1": r"GMT(?:[+-]\d{1,2}(?::\d{2}(?::\d{2})?)?)?",
}  # fmt: skip
OFFSET_PARTS = re.compile(r"(?:GMT)?([+-])(\d{1,2}):?(\d{2})?:?(\d{2})?\Z")


def offset(step: Letters) -> tuple[Group, str]:
    return Group("X", read_offset, -zones.OFFSET_MAX_S, zones.OFFSET_MAX_S), OFFSETS[
        f"{step.letter}{step.count}"
    ]


def read_offset(text: str) -> int:
    found = OFFSET_PARTS.match(text)
    if found is None:
        return 0
    sign, hours, minutes, seconds = found.groups()
    total = int(hours) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return -total if sign == "-" else total


def zone(step: Letters) -> tuple[str, str]:
    if step.letter == "V":
        return "zone", r"[A-Za-z][A-Za-z0-9~/._+-]*|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?"
    return "zone", r"[A-Za-z][A-Za-z0-9~/._+-]*(?: [A-Za-z]+)*"


READERS: dict[str, Reader] = {
    **dict.fromkeys(RANGES, number),
    **dict.fromkeys("uyY", year),
    **dict.fromkeys("XxZO", offset),
    **dict.fromkeys("Vvz", zone),
    "M": named("M", MONTHS, SHORT_MONTHS),
    "L": named("M", MONTHS, SHORT_MONTHS),
    "Q": named("Q", QUARTERS, ("Q1", "Q2", "Q3", "Q4")),
    "q": named("Q", QUARTERS, ("Q1", "Q2", "Q3", "Q4")),
    "E": named("E", DAYS, SHORT_DAYS),
    "e": week_day,
    "c": week_day,
    "G": lambda step: words("G", ERAS[max(step.count, 3)]),
    "a": lambda step: words("a", {"AM": 0, "PM": 1}),
    "B": lambda step: words("a", PERIODS),
    "S": fraction,
}


# --- fields to a moment -------------------------------------------------------------------------------


def parse(pattern: str, text: str, ignore_case: bool = False) -> Parsed:
    """DateTimeFormatter.parse with the SMART resolver."""
    fields, names = text_pattern(pattern, ignore_case).fields(text)
    parsed = Parsed(fields, offset_s=fields.get("X"), zone=zones.named_zone(names["zone"]) if names else None)
    settle_year(fields)
    parsed.ms = time_of(fields)
    parsed.days = date_of(fields)
    if parsed.days is not None:
        cross_check(fields, parsed.days, text)
    return parsed


def settle_year(fields: Fields) -> None:
    """A year of era is the year itself unless the era is BC."""
    if "y" in fields and "u" not in fields:
        fields["u"] = fields["y"] if fields.get("G", 1) else 1 - fields["y"]


def date_of(fields: Fields) -> int | None:
    """Days since 1970 when the fields make a whole date."""
    try:
        if "u" in fields and "M" in fields and "d" in fields:
            return year_month_day(fields["u"], fields["M"], fields["d"])
        if "u" in fields and "D" in fields:
            return year_day(fields["u"], fields["D"])
        if "g" in fields:
            return fields["g"] - 40_587
        if "Y" in fields and "w" in fields and ("e" in fields or "E" in fields):
            return week_date(fields)
    except (ValueError, OverflowError) as error:
        raise PatternError(f"Invalid date: {error}") from error
    return None


def year_month_day(year: int, month: int, day: int) -> int:
    """A day beyond the month's end is its last day."""
    try:
        return datetime.date(year, month, day).toordinal() - EPOCH_ORDINAL
    except ValueError:
        if not 1 <= year <= 9999:
            raise
    next_month = datetime.date(year + month // 12, month % 12 + 1, 1)
    return next_month.toordinal() - 1 - EPOCH_ORDINAL


def year_day(year: int, day: int) -> int:
    date = datetime.date(year, 1, 1) + datetime.timedelta(days=day - 1)
    if date.year != year:
        raise PatternError(f"Invalid date 'DayOfYear {day}' as '{year}' is not a leap year")
    return date.toordinal() - EPOCH_ORDINAL


def week_date(fields: Fields) -> int:
    """Week 1 of a week-based year holds 1 January; weeks start on Sunday."""
    first = datetime.date(fields["Y"], 1, 1)
    sunday = first.toordinal() - day_of_week(first) + 1
    day = fields["e"] if "e" in fields else fields["E"] % 7 + 1
    return sunday + 7 * (fields["w"] - 1) + day - 1 - EPOCH_ORDINAL


def cross_check(fields: Fields, days: int, text: str) -> None:
    """Fields beside the date must agree with it."""
    date = datetime.date.fromordinal(days + EPOCH_ORDINAL)
    facts = {"E": date.isoweekday(), "e": day_of_week(date), "Q": (date.month + 2) // 3}
    for letter, fact in facts.items():
        if fields.get(letter, fact) != fact:
            raise PatternError(
                f"Text '{text}' could not be parsed: conflict found: {letter} {fields[letter]}"
            )


def time_of(fields: Fields) -> int | None:
    """Milliseconds of the day when the fields make a time: an hour at least, and no gap below it."""
    hour = hour_of(fields)
    if "A" in fields:
        return fields["A"]
    if "N" in fields:
        return fields["N"] // 1_000_000
    if hour is None:
        return None
    minute, second, nano = fields.get("m"), fields.get("s"), fields.get("n")
    if (minute is None and (second is not None or nano is not None)) or (second is None and nano is not None):
        return None
    total = hour * 3_600_000 + (minute or 0) * 60_000 + (second or 0) * 1000 + (nano or 0) // 1_000_000
    if hour == 24:
        if total > DAY_MS or nano:
            raise PatternError("Invalid value for HourOfDay (valid values 0 - 23): 24")
        return 0
    return total


def hour_of(fields: Fields) -> int | None:
    if "H" in fields:
        return fields["H"]
    if "k" in fields:
        return fields["k"] % 24
    twelve = half_day_hour(fields)
    return fields["a"] * 12 + twelve if twelve is not None and "a" in fields else None


def half_day_hour(fields: Fields) -> int | None:
    if "K" in fields:
        return fields["K"]
    return fields["h"] % 12 if "h" in fields else None


DATE_LETTERS = frozenset("uyYMdDgEFG")


def has_date(parsed: Parsed) -> bool:
    return parsed.days is not None or not DATE_LETTERS.isdisjoint(parsed.fields)


def instant_ms(parsed: Parsed, zone_name: str, text: str) -> int:
    """The instant of a text; fields it does not tell are those of 1970-01-01T00:00."""
    days = parsed.days if parsed.days is not None else partial_days(parsed.fields)
    ms = parsed.ms if parsed.ms is not None else partial_ms(parsed.fields)
    local_ms = days * DAY_MS + ms
    if parsed.offset_s is not None:
        return local_ms - parsed.offset_s * 1000
    where = zones.zone_of(parsed.zone or zone_name)
    # The text is laid over 1970-01-01 in that zone, so of two candidates its offset is preferred.
    return zones.instant_of(where, local_ms, preferred_s=zones.offset_at(where, 0))


def partial_ms(fields: Fields) -> int:
    hour = hour_of(fields)
    if hour is None:
        hour = (half_day_hour(fields) or 0) + 12 * fields.get("a", 0)
    return (
        hour % 24 * 3_600_000
        + fields.get("m", 0) * 60_000
        + fields.get("s", 0) * 1000
        + fields.get("n", 0) // 10**6
    )


def partial_days(fields: Fields) -> int:
    if "D" in fields and "u" not in fields and fields["D"] == 366:
        raise PatternError("Leap day cannot be parsed without supplying the year field")
    start = fields.get("E", 4) - 4
    if "D" in fields:
        start = fields["D"] - 1
    base = datetime.date.fromordinal(start + EPOCH_ORDINAL)
    return year_month_day(fields.get("u", base.year), fields.get("M", base.month), fields.get("d", base.day))


# --- the usual patterns, quickly ----------------------------------------------------------------------

PLAIN = {"y": 4, "u": 4, "M": 2, "d": 2, "H": 2, "m": 2, "s": 2}
PLAIN_GROUPS = {"y": "y", "u": "y", "M": "M", "d": "d", "H": "H", "m": "m", "s": "s", "S": "n"}


def plain_instant(pattern: str) -> Callable[[str], int | None] | None:
    """For patterns of plain digits from the year down: a reader of UTC texts without the fields between.

    The reader gives None for what it does not take at once; parse() then decides.
    """
    source, seen = "", set()
    for step in compile_pattern(pattern):
        if isinstance(step, Text):
            source += re.escape(step.text)
            continue
        if (
            isinstance(step, Optional)
            or step.width
            or (step.letter != "S" and PLAIN.get(step.letter) != step.count)
        ):
            return None
        name = PLAIN_GROUPS[step.letter]
        if name in seen:
            return None
        seen.add(name)
        source += f"(?P<{name}>[0-9]{{{step.count}}})"
    return plain_reader(source, seen) if {"y", "M", "d"} <= seen and no_gap(seen) else None


def no_gap(seen: set[str]) -> bool:
    """Each unit below the hour stands with the one above it."""
    return all(upper in seen for upper, lower in ("Hm", "ms", "sn") if lower in seen)


def plain_reader(source: str, seen: set[str]) -> Callable[[str], int | None]:
    # Units that the pattern leaves out become empty groups, so that there are always seven.
    source += "".join(f"(?P<{name}>)" for name in "Hmsn" if name not in seen)
    regex = re.compile(source)
    wanted = itemgetter(*(regex.groupindex[name] - 1 for name in "yMdHmsn"))

    def read(text: str) -> int | None:
        found = regex.fullmatch(text)
        if found is None:
            return None
        year, month, day, hour, minute, second, part = wanted(found.groups())
        try:
            days = datetime.date(int(year), int(month), int(day)).toordinal() - EPOCH_ORDINAL
        except ValueError:
            return None
        if hour > "23" or minute > "59" or second > "59":
            return None
        seconds = int(hour or 0) * 3600 + int(minute or 0) * 60 + int(second or 0)
        return days * DAY_MS + seconds * 1000 + (int((part + "00")[:3]) if part else 0)

    return read
