"""Functions over DATE, TIME and TIMESTAMP: texts by pattern, sums with intervals, zones, epochs.

A literal pattern is compiled when the query starts, and what it made of recent values is remembered: printing
at the granularity of its finest field, parsing by the text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.clock import now_ms
from penstock.functions import java_parse, simple_dates, zones
from penstock.functions.fixed_times import quick_reader
from penstock.functions.java_numbers import wrap_int, wrap_long
from penstock.functions.java_time import (
    DAY_MS,
    Moment,
    PatternError,
    compile_pattern,
    granularity_ms,
    printed,
)
from penstock.functions.patterns import INTERVAL_UNIT
from penstock.functions.registry import scalar
from penstock.types import BIGINT, DATE, INTEGER, STRING, TIME, TIMESTAMP

TIMES = "DATE / TIME"
# The zone of timestamps without one: patterns print its name as GMT.
DEFAULT_ZONE, SERVER_ZONE = "GMT", "UTC"
MEMO_MAX = 10_000
# Since then every zone is a multiple of 15 minutes off UTC.
QUARTER_HOURS_SINCE_MS = 73_574_730_000
QUARTER_HOUR_MS = 900_000


class Memo(dict[Any, Any]):
    """Answers by question; it forgets all when it is full."""

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        super().__init__()
        self.answer = answer

    def __missing__(self, question: Any) -> Any:
        if len(self) >= MEMO_MAX:
            self.clear()
        found = self[question] = self.answer(question)
        return found


# --- FORMAT -------------------------------------------------------------------------------------------


def timestamp_text(ts: int, pattern: str, zone: str) -> str:
    where = zones.zone_of(zone)
    offset_s = zones.offset_at(where, ts)
    days, ms = divmod(ts + offset_s * 1000, DAY_MS)
    return printed(compile_pattern(pattern), Moment(days, ms, zone, offset_s))


def by_granule(pattern: str, zone: str) -> Callable[..., str]:
    """A formatter that remembers by the pattern's finest unit."""
    unit = granularity_ms(compile_pattern(pattern))
    plain = zones.zone_of(zone) is zones.UTC
    unit = unit if plain else min(unit, QUARTER_HOUR_MS)
    memo = Memo(lambda granule: timestamp_text(granule * unit, pattern, zone))

    def quick(ts: int, *rest: str) -> str:
        return memo[ts // unit]

    def careful(ts: int, *rest: str) -> str:
        return memo[ts // unit] if ts >= QUARTER_HOURS_SINCE_MS else timestamp_text(ts, pattern, zone)

    return quick if plain else careful


def specialize_format(default: str) -> Callable[[dict[int, Any]], Callable[..., str] | None]:
    def specialize(literals: dict[int, Any]) -> Callable[..., str] | None:
        zone = literals.get(2, default)
        if literals.get(1) is None or zone is None:
            return None
        try:
            return by_granule(literals[1], zone)
        except ValueError:
            return None  # every row fails with its own error

    return specialize


def specialize_format_literal_zone(literals: dict[int, Any]) -> Callable[..., str] | None:
    return specialize_format(DEFAULT_ZONE)(literals) if 2 in literals else None


@scalar("FORMAT_TIMESTAMP", TIMESTAMP, STRING, returns=STRING, category=TIMES, spelling="format_timestamp",
        specialize=specialize_format(DEFAULT_ZONE), names=("timestamp", "formatPattern"),
        example=("FORMAT_TIMESTAMP(FROM_UNIXTIME(0), 'yyyy-MM-dd HH:mm')", "1970-01-01 00:00"))  # fmt: skip
def format_timestamp(timestamp: int, pattern: str) -> str:
    """A TIMESTAMP as text by a java.time pattern, in UTC."""
    return timestamp_text(timestamp, pattern, DEFAULT_ZONE)


@scalar("FORMAT_TIMESTAMP", TIMESTAMP, STRING, STRING, returns=STRING, category=TIMES,
        specialize=specialize_format_literal_zone, names=("timestamp", "formatPattern", "timeZone"),
        example=("FORMAT_TIMESTAMP(FROM_UNIXTIME(0), 'HH:mm', 'Asia/Kolkata')", "05:30"))  # fmt: skip
def format_timestamp_zone(timestamp: int, pattern: str, zone: str) -> str:
    """A TIMESTAMP as text by a java.time pattern, in a time zone."""
    return timestamp_text(timestamp, pattern, zone)


@scalar("TIMESTAMPTOSTRING", BIGINT, STRING, returns=STRING, primitive=(0,), category=TIMES,
        spelling="timestamptostring", specialize=specialize_format(SERVER_ZONE),
        names=("epochMilli", "formatPattern"), example=("TIMESTAMPTOSTRING(0, 'yyyy')", "1970"))  # fmt: skip
def timestamp_to_string(epoch_milli: int, pattern: str) -> str:
    """Milliseconds since 1970 as text; FORMAT_TIMESTAMP has taken its place."""
    return timestamp_text(epoch_milli, pattern, SERVER_ZONE)


@scalar("TIMESTAMPTOSTRING", BIGINT, STRING, STRING, returns=STRING, primitive=(0,), category=TIMES,
        specialize=specialize_format_literal_zone, names=("epochMilli", "formatPattern", "timeZone"),
        example=("TIMESTAMPTOSTRING(0, 'HH:mm', 'Asia/Kolkata')", "05:30"))  # fmt: skip
def timestamp_to_string_zone(epoch_milli: int, pattern: str, zone: str) -> str:
    """Milliseconds since 1970 as text in a time zone; FORMAT_TIMESTAMP has taken its place."""
    return timestamp_text(epoch_milli, pattern, zone)


def date_text(days: int, pattern: str) -> str:
    return printed(compile_pattern(pattern), Moment(days, None))


def specialize_date(literals: dict[int, Any]) -> Callable[..., str] | None:
    pattern = literals.get(1)
    if pattern is None:
        return None
    memo = Memo(lambda days: date_text(days, pattern))
    return lambda days, _: memo[days]


@scalar("FORMAT_DATE", DATE, STRING, returns=STRING, category=TIMES, spelling="format_date",
        specialize=specialize_date, names=("date", "formatPattern"),
        example=("FORMAT_DATE(FROM_DAYS(0), 'd MMM yyyy')", "1 Jan 1970"))  # fmt: skip
def format_date(date: int, pattern: str) -> str:
    """A DATE as text by a java.time pattern."""
    return date_text(date, pattern)


@scalar("DATETOSTRING", INTEGER, STRING, returns=STRING, primitive=(0,), category=TIMES,
        spelling="datetostring", specialize=specialize_date, names=("epochDays", "formatPattern"),
        example=("DATETOSTRING(0, 'yyyy')", "1970"))  # fmt: skip
def date_to_string(epoch_days: int, pattern: str) -> str:
    """Days since 1970 as text; FORMAT_DATE has taken its place."""
    return date_text(epoch_days, pattern)


@scalar("FORMAT_TIME", TIME, STRING, returns=STRING, category=TIMES, spelling="format_time",
        names=("time", "formatPattern"),
        example=("FORMAT_TIME(PARSE_TIME('13:05', 'HH:mm'), 'h:mm a')", "1:05 PM"))  # fmt: skip
def format_time(time: int, pattern: str) -> str:
    """A TIME as text by a java.time pattern."""
    return printed(compile_pattern(pattern), Moment(None, time))


# --- PARSE --------------------------------------------------------------------------------------------


def text_timestamp(text: str, pattern: str, zone: str = SERVER_ZONE) -> int:
    quick = quick_reader(pattern) if zones.zone_of(zone) is zones.UTC else None
    found = quick(text) if quick is not None else None
    if found is not None:
        return found
    return java_parse.instant_ms(java_parse.parse(pattern, text, ignore_case=True), zone, text)


def text_date(text: str, pattern: str) -> int:
    days, rest = divmod(simple_dates.parse_ms(pattern, text), DAY_MS)
    if rest:
        raise PatternError("Date format contains time field.")
    return days


def text_time(text: str, pattern: str) -> int:
    parsed = java_parse.parse(pattern, text)
    if java_parse.has_date(parsed):
        raise PatternError("Time format contains date field.")
    if parsed.ms is None:
        raise PatternError(f"Unable to obtain LocalTime from '{text}'")
    return parsed.ms


def text_days(text: str, pattern: str) -> int:
    parsed = java_parse.parse(pattern, text)
    if parsed.days is None:
        raise PatternError(f"Unable to obtain LocalDate from '{text}'")
    return parsed.days


def by_text(parse: Callable[..., int]) -> Callable[[dict[int, Any]], Callable[..., int] | None]:
    """A literal pattern (and zone): answers are remembered by the text; failures are not."""

    def specialize(literals: dict[int, Any]) -> Callable[..., int] | None:
        rest = tuple(literals[at] for at in sorted(literals) if at)
        if literals.get(1) is None or None in rest:
            return None
        memo = Memo(lambda text: parse(text, *rest))
        return lambda text, *_: memo[text]

    return specialize


def by_timestamp_text(literals: dict[int, Any]) -> Callable[..., int] | None:
    """The same for timestamps in UTC, with a short way for plain patterns."""
    pattern = literals.get(1)
    if pattern is None:
        return None
    try:
        quick = java_parse.plain_instant(pattern)
    except ValueError:
        return None  # every row fails with its own error
    if quick is None:
        return by_text(text_timestamp)(literals)

    def answer(text: str) -> int:
        found = quick(text)
        return text_timestamp(text, pattern) if found is None else found

    memo = Memo(answer)
    return lambda text, _: memo[text]


def by_text_zone(literals: dict[int, Any]) -> Callable[..., int] | None:
    return by_text(text_timestamp)(literals) if 2 in literals else None


@scalar("PARSE_TIMESTAMP", STRING, STRING, returns=TIMESTAMP, category=TIMES, spelling="parse_timestamp",
        specialize=by_timestamp_text, names=("formattedTimestamp", "formatPattern"),
        example=("PARSE_TIMESTAMP('1970-01-02', 'yyyy-MM-dd')", DAY_MS))  # fmt: skip
def parse_timestamp(text: str, pattern: str) -> int:
    """A text as TIMESTAMP by a java.time pattern, in UTC unless it tells its zone."""
    return text_timestamp(text, pattern)


@scalar("PARSE_TIMESTAMP", STRING, STRING, STRING, returns=TIMESTAMP, category=TIMES, specialize=by_text_zone,
        names=("formattedTimestamp", "formatPattern", "timeZone"),
        example=("PARSE_TIMESTAMP('1970-01-01 05:30', 'yyyy-MM-dd HH:mm', 'Asia/Kolkata')", 0))  # fmt: skip
def parse_timestamp_zone(text: str, pattern: str, zone: str) -> int:
    """A text as TIMESTAMP by a java.time pattern, in a time zone."""
    return text_timestamp(text, pattern, zone)


@scalar("STRINGTOTIMESTAMP", STRING, STRING, returns=BIGINT, nulls="pass", category=TIMES,
        spelling="stringtotimestamp", specialize=by_timestamp_text, primitive=(0, 1),
        names=("formattedTimestamp", "formatPattern"),
        example=("STRINGTOTIMESTAMP('1970-01-02', 'yyyy-MM-dd')", DAY_MS))  # fmt: skip
def string_to_timestamp(text: str, pattern: str) -> int:
    """A text as milliseconds since 1970; PARSE_TIMESTAMP has taken its place."""
    return text_timestamp(text, pattern)


@scalar("STRINGTOTIMESTAMP", STRING, STRING, STRING, returns=BIGINT, nulls="pass", category=TIMES,
        specialize=by_text_zone, primitive=(0, 1, 2),
        names=("formattedTimestamp", "formatPattern", "timeZone"),
        example=("STRINGTOTIMESTAMP('1970-01-01 05:30', 'yyyy-MM-dd HH:mm', 'Asia/Kolkata')",
                 0))  # fmt: skip
def string_to_timestamp_zone(text: str, pattern: str, zone: str) -> int:
    """A text as milliseconds since 1970 in a time zone; PARSE_TIMESTAMP has taken its place."""
    return text_timestamp(text, pattern, zone)


@scalar("PARSE_DATE", STRING, STRING, returns=DATE, category=TIMES, spelling="parse_date",
        specialize=by_text(text_date), names=("formattedDate", "formatPattern"),
        example=("PARSE_DATE('02/01/70', 'dd/MM/yy')", 1))  # fmt: skip
def parse_date(text: str, pattern: str) -> int:
    """A text as DATE by a SimpleDateFormat pattern without time fields."""
    return text_date(text, pattern)


@scalar("STRINGTODATE", STRING, STRING, returns=INTEGER, nulls="pass", primitive=(0, 1), category=TIMES,
        spelling="stringtodate", specialize=by_text(text_days), names=("formattedDate", "formatPattern"),
        example=("STRINGTODATE('1970-01-02', 'yyyy-MM-dd')", 1))  # fmt: skip
def string_to_date(text: str, pattern: str) -> int:
    """A text as days since 1970; PARSE_DATE has taken its place."""
    return text_days(text, pattern)


@scalar("PARSE_TIME", STRING, STRING, returns=TIME, category=TIMES, spelling="parse_time",
        specialize=by_text(text_time), names=("formattedTime", "formatPattern"),
        example=("PARSE_TIME('01:00', 'HH:mm')", 3_600_000))  # fmt: skip
def parse_time(text: str, pattern: str) -> int:
    """A text as TIME by a java.time pattern without date fields."""
    return text_time(text, pattern)


# --- sums and epochs ----------------------------------------------------------------------------------


def shifted_days(unit_ms: int, interval: int, date: int) -> int:
    """Whole days; less than a day is cut off towards 1970, as Java's TimeUnit does."""
    total = date * DAY_MS + unit_ms * interval
    return -(-total // DAY_MS) if total < 0 else total // DAY_MS


def shifted_ms(unit_ms: int, interval: int, time: int) -> int:
    """Round the clock."""
    return (time + unit_ms * interval) % DAY_MS


def shifted_instant(unit_ms: int, interval: int, timestamp: int) -> int:
    return timestamp + unit_ms * interval


def declare_shift(
    name: str, kind: Any, call: Callable[[int, int, int], int], sign: int, meaning: str
) -> None:
    def shift(unit: int, interval: int, value: int) -> int:
        return call(unit, sign * interval, value)

    shift.__doc__ = meaning
    label = {DATE: "date", TIME: "time", TIMESTAMP: "timestamp"}[kind]
    example, value = SHIFT_EXAMPLES[name]
    scalar(name, INTERVAL_UNIT, INTEGER, kind, returns=kind, category=TIMES, spelling=name.lower(),
           names=("unit", "interval", label), example=(f"{name}{example}", value))(shift)  # fmt: skip


SHIFT_EXAMPLES: dict[str, tuple[str, int]] = {
    "DATEADD": ("(DAYS, 3, FROM_DAYS(1))", 4),
    "DATESUB": ("(DAYS, 3, FROM_DAYS(1))", -2),
    "TIMEADD": ("(HOURS, 25, PARSE_TIME('01:00', 'HH:mm'))", 7_200_000),
    "TIMESUB": ("(HOURS, 2, PARSE_TIME('01:00', 'HH:mm'))", 82_800_000),
    "TIMESTAMPADD": ("(SECONDS, 2, FROM_UNIXTIME(1000))", 3000),
    "TIMESTAMPSUB": ("(SECONDS, 2, FROM_UNIXTIME(1000))", -1000),
}

for stem, kind, call in (
    ("DATE", DATE, shifted_days), ("TIME", TIME, shifted_ms), ("TIMESTAMP", TIMESTAMP, shifted_instant),
):  # fmt: skip
    declare_shift(f"{stem}ADD", kind, call, 1, f"A {stem} later by an interval.")
    declare_shift(f"{stem}SUB", kind, call, -1, f"A {stem} earlier by an interval.")


@scalar("CONVERT_TZ", TIMESTAMP, STRING, STRING, returns=TIMESTAMP, category=TIMES, spelling="convert_tz",
        names=("timestamp", "fromTimeZone", "toTimeZone"),
        example=("CONVERT_TZ(FROM_UNIXTIME(0), 'UTC', 'Asia/Kolkata')", 19_800_000))  # fmt: skip
def convert_tz(timestamp: int, from_zone: str, to_zone: str) -> int:
    """A TIMESTAMP moved by the difference of two time zones at that time."""
    before = zones.offset_at(zones.zone_of(from_zone), timestamp)
    after = zones.offset_at(zones.zone_of(to_zone), timestamp)
    return timestamp + (after - before) * 1000


@scalar("FROM_DAYS", INTEGER, returns=DATE, primitive=(0,), category=TIMES, spelling="from_days",
        example=("FROM_DAYS(50)", 50))  # fmt: skip
def from_days(days: int) -> int:
    """Days since 1970 as DATE."""
    return days


@scalar("FROM_UNIXTIME", BIGINT, returns=TIMESTAMP, category=TIMES, spelling="from_unixtime",
        names=("epochMilli",), example=("FROM_UNIXTIME(0)", 0))  # fmt: skip
def from_unixtime(epoch_milli: int) -> int:
    """Milliseconds since 1970 as TIMESTAMP."""
    return epoch_milli


@scalar("UNIX_TIMESTAMP", returns=BIGINT, deterministic=False, category=TIMES, spelling="unix_timestamp")
def unix_timestamp_now() -> int:
    """Milliseconds since 1970 now."""
    return wrap_long(now_ms())


@scalar(
    "UNIX_TIMESTAMP",
    TIMESTAMP,
    returns=BIGINT,
    category=TIMES,
    example=("UNIX_TIMESTAMP(FROM_UNIXTIME(5))", 5),
)
def unix_timestamp(timestamp: int) -> int:
    """A TIMESTAMP as milliseconds since 1970."""
    return timestamp


@scalar("UNIX_DATE", returns=INTEGER, deterministic=False, category=TIMES, spelling="unix_date")
def unix_date_now() -> int:
    """Days since 1970 now."""
    return wrap_int(now_ms() // DAY_MS)


@scalar("UNIX_DATE", DATE, returns=INTEGER, category=TIMES, example=("UNIX_DATE(FROM_DAYS(5))", 5))
def unix_date(date: int) -> int:
    """A DATE as days since 1970."""
    return date
