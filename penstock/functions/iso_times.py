"""ISO times: text to times and back, for CAST, comparisons with text and literals in IN lists.

In:  ISO text, also partial (2024, 2024-02, 2024-02-29T13). Out: days since 1970, milliseconds of the day, or
milliseconds since 1970; and back. Years outside 1 to 9999 are written with a sign, as Java writes them.

    2024-02-29T13:05:59.123+02:00     TIMESTAMP     zone optional, else UTC
    2024-02-29                        DATE
    13:05  13:05:59  13:05:59.123     TIME
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000
EPOCH = date(1970, 1, 1).toordinal()
DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?\Z", re.ASCII)
TIME = re.compile(r"(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\Z", re.ASCII)
PARTIAL_TIME = re.compile(r"(?:(\d{2})(?::(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?)?)?\Z", re.ASCII)
ZONE = re.compile(r"(Z|[+-]\d{2}(?::?\d{2})?|[+-]?[A-Za-z]+/[A-Za-z_/]+)\Z", re.ASCII)
OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})?\Z", re.ASCII)


def date_from_text(text: str) -> int:
    """Days since 1970-01-01."""
    found = DATE.match(text)
    if not found:
        raise ValueError(f"Failed to parse date '{text}'. Required format is: \"yyyy-MM-dd\"")
    year, month, day = (int(part or 1) for part in found.groups())
    return date(year, month, day).toordinal() - EPOCH


def time_from_text(text: str) -> int:
    """Milliseconds of the day."""
    found = TIME.match(text)
    if not found:
        raise ValueError(f"Failed to parse time '{text}'. Required format is: \"HH:mm:ss.SSS\"")
    return _milliseconds(text, *found.groups())


def _milliseconds(
    text: str, hour: str | None, minute: str | None, second: str | None, part: str | None
) -> int:
    hours, minutes, seconds = int(hour or 0), int(minute or 0), int(second or 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError(f"'{text}' is no time of a day")
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + int((part or "0").ljust(3, "0")[:3])


@lru_cache(maxsize=1024)
def timestamp_from_text(text: str) -> int:
    """Milliseconds since 1970-01-01 UTC."""
    day, _, rest = text.partition("T")
    zone = ZONE.search(rest)
    clock = PARTIAL_TIME.match(rest[: zone.start()] if zone else rest)
    if not clock:
        raise ValueError(
            f"Failed to parse timestamp '{text}'. Required format is: \"yyyy-MM-dd'T'HH:mm:ss.SSS\", with an "
            'optional numeric 4-digit timezone. Partials are also supported, for example "2020-05-26"'
        )
    local = date_from_text(day) * DAY_MS + _milliseconds(text, *clock.groups())
    return local - (_offset_ms(zone[1], local) if zone else 0)


def _offset_ms(zone: str, local_ms: int) -> int:
    """How far a zone's clock is ahead of UTC at a local time."""
    fixed = OFFSET.match(zone)
    if fixed:
        minutes = int(fixed[2]) * 60 + int(fixed[3] or 0)
        return (minutes if fixed[1] == "+" else -minutes) * 60_000
    if zone == "Z":
        return 0
    local = datetime(1970, 1, 1, tzinfo=ZoneInfo(zone)) + timedelta(milliseconds=local_ms)
    offset = local.utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) * 1000


def text_from_date(days: int) -> str:
    year, month, day = _civil(days)
    if 0 <= year <= 9999:
        return f"{year:04}-{month:02}-{day:02}"
    return f"{year:+05}-{month:02}-{day:02}"


def text_from_time(ms: int) -> str:
    """13:05:00, 13:05:59 or 13:05:59.123: seconds always, their fraction when there is one."""
    seconds, part = divmod(ms, 1000)
    minutes, second = divmod(seconds, 60)
    text = f"{minutes // 60:02}:{minutes % 60:02}:{second:02}"
    return f"{text}.{part:03}" if part else text


def text_from_timestamp(ms: int) -> str:
    days, rest = divmod(ms, DAY_MS)
    seconds, part = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    return f"{text_from_date(days)}T{minutes // 60:02}:{minutes % 60:02}:{second:02}.{part:03}"


def _civil(days: int) -> tuple[int, int, int]:
    """The date of a day number in the Gregorian calendar, for any year."""
    shifted = days + 719_468
    era, day_of_era = divmod(shifted, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    return year_of_era + era * 400 + (month <= 2), month, day
