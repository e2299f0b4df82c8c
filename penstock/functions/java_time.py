"""java.time patterns compiled to steps: what each letter prints.

In:  a DateTimeFormatter pattern. Out: a Pattern of steps; formatting here, parsing in java_parse.py.

    yyyy-MM-dd'T'HH:mm   ->  year(4) "-" month(2) "-" day(2) "T" hour(2) ":" minute(2)

A moment is a date, a time of day and a zone, of which any may be missing (a DATE has no hours: its pattern
may not ask for them). The locale is US English, as on a ksqlDB server: weeks start on Sunday.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from penstock.functions import zones

DAY_MS = 86_400_000
EPOCH_ORDINAL = 719_163


class PatternError(ValueError):
    """The pattern or the text does not do."""


@dataclass(frozen=True, slots=True)
class Moment:
    """`date` as (year, month, day, days since 1970), `ms` of the day, zone and its offset in seconds."""

    days: int | None
    ms: int | None
    zone: str | None = None
    offset_s: int | None = None

    @property
    def date(self) -> datetime.date:
        if self.days is None:
            raise PatternError("Unsupported field: the value has no date")
        return datetime.date.fromordinal(self.days + EPOCH_ORDINAL)

    @property
    def time_ms(self) -> int:
        if self.ms is None:
            raise PatternError("Unsupported field: the value has no time of day")
        return self.ms

    @property
    def zone_offset_s(self) -> int:
        if self.offset_s is None:
            raise PatternError("Unsupported field: the value has no zone")
        return self.offset_s


@dataclass(frozen=True, slots=True)
class Letters:
    """A run of one letter; `width` pads with spaces (the letter p), `adjacent` digits follow directly."""

    letter: str
    count: int
    width: int = 0
    adjacent: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Optional:
    steps: tuple[Step, ...]


Step = Letters | Text | Optional

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
QUARTERS = ("1st quarter", "2nd quarter", "3rd quarter", "4th quarter")

# How often a letter may stand in a row; the letters are all there are.
COUNTS_MAX = {
    **dict.fromkeys("GEMLQqecBXxZ", 5), **dict.fromkeys("uyYAnNg", 19), **dict.fromkeys("HhkKmsdwV", 2),
    **dict.fromkeys("FaW", 1), **dict.fromkeys("vzO", 4), "D": 3, "S": 9,
}  # fmt: skip
COUNTS_BAD = {("V", 1), ("c", 2), ("v", 2), ("v", 3), ("O", 2), ("O", 3), ("B", 2), ("B", 3)}


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> tuple[Step, ...]:
    """The steps of a pattern; raises PatternError when it is none."""
    reader = Reader(pattern)
    steps = reader.steps(closed_by="")
    return number_runs(steps)


class Reader:
    """Reads a pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def steps(self, closed_by: str) -> tuple[Step, ...]:
        found: list[Step] = []
        while self.at < len(self.pattern):
            character = self.pattern[self.at]
            if character == "]":
                if not closed_by:
                    raise PatternError("Pattern invalid as it contains ] without previous [")
                self.at += 1
                return tuple(found)
            found.append(self.step(character))
        # An optional part that is not closed ends with the pattern, as in Java.
        return tuple(found)

    def step(self, character: str) -> Step:
        if character.isascii() and character.isalpha():
            return self.letters()
        if character == "'":
            return self.quoted()
        if character in "{}#":
            raise PatternError(f"Pattern includes reserved character: '{character}'")
        self.at += 1
        if character == "[":
            return Optional(self.steps(closed_by="]"))
        return Text(character)

    def run(self) -> tuple[str, int]:
        start, letter = self.at, self.pattern[self.at]
        while self.at < len(self.pattern) and self.pattern[self.at] == letter:
            self.at += 1
        return letter, self.at - start

    def letters(self) -> Letters:
        letter, count = self.run()
        width = 0
        if letter == "p":
            width = count
            if self.at >= len(self.pattern) or not self.pattern[self.at].isalpha():
                raise PatternError("Pad letter 'p' must be followed by valid pad pattern")
            letter, count = self.run()
        if letter not in COUNTS_MAX:
            raise PatternError(f"Unknown pattern letter: {letter}")
        if count > COUNTS_MAX[letter] or (letter, count) in COUNTS_BAD:
            raise PatternError(f"Too many pattern letters: {letter}")
        return Letters(letter, count, width)

    def quoted(self) -> Text:
        end, text = self.at + 1, ""
        while True:
            close = self.pattern.find("'", end)
            if close < 0:
                raise PatternError(f"Pattern ends with an incomplete string literal: {self.pattern}")
            text += self.pattern[end:close]
            if self.pattern[close + 1 : close + 2] != "'":
                break
            text, end = text + "'", close + 2
        self.at = close + 1
        return Text(text or "'")


NUMERIC = set("uyYDdFHkKhmsSAnNWwg")


def is_number(step: Step) -> bool:
    if not isinstance(step, Letters) or step.width:
        return False
    return step.letter in NUMERIC or (step.letter in "MLQqec" and step.count <= 2)


def fixed_width(step: Letters) -> int:
    """The width of a number that always prints the same number of digits; 0 for others."""
    if step.letter == "S":
        return step.count
    return 0 if step.count == 1 or (step.letter in "uyY" and step.count != 2) else step.count


def number_runs(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Tells each number how many digits of fixed-width numbers follow directly: parsing leaves them alone."""
    found: list[Step] = []
    following = 0
    for step in reversed(steps):
        if isinstance(step, Optional):
            found.append(Optional(number_runs(step.steps)))
            following = 0
        elif isinstance(step, Letters) and is_number(step):
            width = fixed_width(step)
            found.append(Letters(step.letter, step.count, 0, following))
            following = following + width if width else 0
        else:
            found.append(step)
            following = 0
    return tuple(reversed(found))


# --- printing -----------------------------------------------------------------------------------------


def printed(steps: Sequence[Step], moment: Moment) -> str:
    return "".join([print_step(step, moment) for step in steps])


def print_step(step: Step, moment: Moment) -> str:
    if isinstance(step, Text):
        return step.text
    if isinstance(step, Optional):
        try:
            return printed(step.steps, moment)
        except PatternError:
            return ""
    text = PRINTERS[step.letter](moment, step.count)
    if not step.width:
        return text
    if len(text) > step.width:
        raise PatternError(
            f"Cannot print as output of {len(text)} characters exceeds pad width of {step.width}"
        )
    return text.rjust(step.width)


def padded(value: int, count: int, width_max: int = 0) -> str:
    """A number with at least as many digits as there are letters."""
    if count > 1 and len(str(abs(value))) > (width_max or count):
        raise PatternError(f"{value} exceeds the maximum print width of {count}")
    return f"{'-' if value < 0 else ''}{abs(value):0{count}d}"


def year_text(value: int, count: int) -> str:
    """Two letters print two digits; four or more put a plus before a year that outgrows them."""
    if count == 2:
        return f"{abs(value) % 100:02d}"
    text = f"{abs(value):0{count}d}"
    if value < 0:
        return "-" + text
    return "+" + text if count >= 4 and len(text) > count else text


def named(full: str, number: int, count: int, short: str | None = None) -> str:
    """1-2 letters: the number, 3: the short name, 4: the full name, 5: one letter."""
    forms: dict[int, str] = {3: short or full[:3], 4: full, 5: full[:1]}
    return forms[count] if count > 2 else padded(number, count)


def print_quarter(moment: Moment, count: int) -> str:
    quarter = (moment.date.month + 2) // 3
    if count == 5:
        return str(quarter)
    return named(QUARTERS[quarter - 1], quarter, count, f"Q{quarter}")


def print_month(moment: Moment, count: int) -> str:
    return named(MONTHS[moment.date.month - 1], moment.date.month, count)


def print_day_name(moment: Moment, count: int) -> str:
    return named(DAYS[moment.date.weekday()], 0, max(count, 3))


def print_day_number(moment: Moment, count: int) -> str:
    return named(DAYS[moment.date.weekday()], day_of_week(moment.date), count)


def day_of_week(date: datetime.date) -> int:
    """From Sunday, 1, to Saturday, 7."""
    return date.isoweekday() % 7 + 1


def week_of_month(date: datetime.date) -> int:
    first = day_of_week(date.replace(day=1))
    return (date.day + first - 2) // 7 + 1


def week_of_year(date: datetime.date) -> tuple[int, int]:
    """The week-based year and its week; week 1 holds 1 January."""
    saturday = date + datetime.timedelta(days=7 - day_of_week(date))
    if saturday.year > date.year:
        return saturday.year, 1
    first = day_of_week(date.replace(month=1, day=1))
    return date.year, (date.timetuple().tm_yday + first - 2) // 7 + 1


def hour12(moment: Moment) -> int:
    return moment.time_ms // 3_600_000 % 12


def print_fraction(moment: Moment, count: int) -> str:
    return f"{moment.time_ms % 1000:03d}000000"[:count]


def print_era(moment: Moment, count: int) -> str:
    moment.date  # noqa: B018  a time of day has no era
    return {4: "Anno Domini", 5: "A"}.get(count, "AD")


DAY_PERIODS = (
    (6, "at night"),
    (12, "in the morning"),
    (18, "in the afternoon"),
    (21, "in the evening"),
    (24, "at night"),
)


def print_day_period(moment: Moment, count: int) -> str:
    if moment.time_ms // 60_000 in (0, 720):
        return "midnight" if moment.time_ms < 60_000 else "noon"
    return next(text for until, text in DAY_PERIODS if moment.time_ms < until * 3_600_000)


def offset_text(seconds: int, form: str, zero: str) -> str:
    """+HH, +HHmm, +HH:MM, +HHMMss, +HH:MM:ss by the letters h, m, s (needed) and M, S (when not zero)."""
    if not seconds:
        return zero
    sign, total = ("-" if seconds < 0 else "+"), abs(seconds)
    hours, minutes, rest = total // 3600, total // 60 % 60, total % 60
    colon = ":" if ":" in form else ""
    text = f"{sign}{hours:02d}"
    if "m" in form or minutes:
        text += f"{colon}{minutes:02d}"
    return text + (f"{colon}{rest:02d}" if "s" in form and rest else "")


OFFSET_FORMS = {1: "h", 2: "hm", 3: "h:m", 4: "hms", 5: "h:m:s"}
ZERO_FORMS = {1: "+00", 2: "+0000", 3: "+00:00", 4: "+0000", 5: "+00:00"}


def print_offset_z(moment: Moment, count: int) -> str:
    return offset_text(moment.zone_offset_s, OFFSET_FORMS[count], "Z")


def print_offset(moment: Moment, count: int) -> str:
    return offset_text(moment.zone_offset_s, OFFSET_FORMS[count], ZERO_FORMS[count])


def print_offset_rfc(moment: Moment, count: int) -> str:
    if count == 4:
        return print_offset_gmt(moment, 4)
    if count == 5:
        return offset_text(moment.zone_offset_s, "h:m:s", "Z")
    return offset_text(moment.zone_offset_s, "hm", "+0000")


def print_offset_gmt(moment: Moment, count: int) -> str:
    text = offset_text(moment.zone_offset_s, "h:m:s" if count == 4 else "h:s", "")
    if count == 1 and text:
        text = text[0] + text[1:].removeprefix("0")
    return "GMT" + text


def print_zone_id(moment: Moment, count: int) -> str:
    if moment.zone is None:
        raise PatternError("Unable to extract ZoneId from temporal")
    return moment.zone


def print_zone_name(moment: Moment, count: int) -> str:
    instant_ms = (moment.days or 0) * DAY_MS + moment.time_ms - moment.zone_offset_s * 1000
    return zones.display_name(print_zone_id(moment, 2), instant_ms, full=count == 4)


def print_generic_zone_name(moment: Moment, count: int) -> str:
    return zones.generic_name(print_zone_id(moment, 2), full=count == 4)


Printer = Callable[[Moment, int], str]

PRINTERS: dict[str, Printer] = {
    "G": print_era,
    "u": lambda moment, count: year_text(moment.date.year, count),
    "y": lambda moment, count: year_text(moment.date.year, count),
    "Y": lambda moment, count: year_text(week_of_year(moment.date)[0], count),
    "D": lambda moment, count: padded(moment.date.timetuple().tm_yday, count, 3),
    "M": print_month,
    "L": print_month,
    "d": lambda moment, count: padded(moment.date.day, count),
    "g": lambda moment, count: padded(moment.date.toordinal() - EPOCH_ORDINAL + 40_587, count, 19),
    "Q": print_quarter,
    "q": print_quarter,
    "w": lambda moment, count: padded(week_of_year(moment.date)[1], count),
    "W": lambda moment, count: padded(week_of_month(moment.date), count),
    "E": print_day_name,
    "e": print_day_number,
    "c": print_day_number,
    "F": lambda moment, count: padded((moment.date.day - 1) // 7 + 1, count),
    "a": lambda moment, count: "PM" if moment.time_ms >= DAY_MS // 2 else "AM",
    "B": print_day_period,
    "h": lambda moment, count: padded(hour12(moment) or 12, count),
    "K": lambda moment, count: padded(hour12(moment), count),
    "H": lambda moment, count: padded(moment.time_ms // 3_600_000, count),
    "k": lambda moment, count: padded(moment.time_ms // 3_600_000 or 24, count),
    "m": lambda moment, count: padded(moment.time_ms // 60_000 % 60, count),
    "s": lambda moment, count: padded(moment.time_ms // 1000 % 60, count),
    "S": print_fraction,
    "A": lambda moment, count: padded(moment.time_ms, count, 19),
    "n": lambda moment, count: padded(moment.time_ms % 1000 * 1_000_000, count, 19),
    "N": lambda moment, count: padded(moment.time_ms * 1_000_000, count, 19),
    "V": print_zone_id,
    "v": print_generic_zone_name,
    "z": print_zone_name,
    "O": print_offset_gmt,
    "X": print_offset_z,
    "x": print_offset,
    "Z": print_offset_rfc,
}
assert PRINTERS.keys() == COUNTS_MAX.keys(), PRINTERS.keys() ^ COUNTS_MAX.keys()

# The finest unit each letter can tell apart, in milliseconds; a text is the same within it.
GRANULARITY = {
    **dict.fromkeys("GuyYDMLdgQqwWEecF", DAY_MS), **dict.fromkeys("ahKHk", 3_600_000),
    **dict.fromkeys("mB", 60_000), **dict.fromkeys("VvzOXxZ", 900_000), "s": 1000, **dict.fromkeys("SAnN", 1),
}  # fmt: skip
assert GRANULARITY.keys() == PRINTERS.keys()


def granularity_ms(steps: Sequence[Step]) -> int:
    """The finest unit a pattern prints."""
    found = [DAY_MS]
    for step in steps:
        if isinstance(step, Optional):
            found.append(granularity_ms(step.steps))
        elif isinstance(step, Letters):
            found.append(GRANULARITY[step.letter])
    return min(found)
