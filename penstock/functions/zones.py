"""Time zones by Java's names: offsets, their changes, and the English names that patterns print.

In:  a zone id as java.time.ZoneId takes it (Europe/Paris, GMT, UTC+2, +02:00, Z). Out: offsets in seconds.
"""

from __future__ import annotations

import datetime
import re
import zoneinfo
from functools import lru_cache

UTC_NAMES = frozenset({"UTC", "GMT", "UT", "Z", "Etc/UTC", "Etc/GMT", "Universal", "Zulu", "Greenwich"})
OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d{2})(?::?(\d{2}))?)?\Z")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
UTC = datetime.UTC
OFFSET_MAX_S = 18 * 3600

GENERIC = {
    "America/New_York": "Eastern", "America/Detroit": "Eastern", "America/Toronto": "Eastern",
    "America/Chicago": "Central", "America/Winnipeg": "Central", "America/Denver": "Mountain",
    "America/Phoenix": "Mountain", "America/Edmonton": "Mountain", "America/Los_Angeles": "Pacific",
    "America/Vancouver": "Pacific", "America/Anchorage": "Alaska", "America/Halifax": "Atlantic",
    "Europe/Paris": "Central European", "Europe/Berlin": "Central European",
    "Europe/Madrid": "Central European", "Europe/Rome": "Central European",
    "Europe/Amsterdam": "Central European", "Europe/Brussels": "Central European",
    "Europe/Vienna": "Central European", "Europe/Zurich": "Central European",
    "Europe/Prague": "Central European", "Europe/Warsaw": "Central European",
    "Europe/Stockholm": "Central European", "Europe/Oslo": "Central European",
    "Europe/Copenhagen": "Central European", "Europe/Budapest": "Central European",
    "Europe/Athens": "Eastern European", "Europe/Helsinki": "Eastern European",
    "Europe/Kiev": "Eastern European", "Europe/Bucharest": "Eastern European",
    "Europe/Sofia": "Eastern European", "Europe/Lisbon": "Western European", "Europe/Moscow": "Moscow",
    "Asia/Kolkata": "India", "Asia/Calcutta": "India", "Asia/Tokyo": "Japan", "Asia/Shanghai": "China",
    "Asia/Hong_Kong": "Hong Kong", "Asia/Singapore": "Singapore", "Asia/Seoul": "Korean",
    "Australia/Sydney": "Australian Eastern", "Australia/Melbourne": "Australian Eastern",
    "Australia/Brisbane": "Australian Eastern", "Australia/Perth": "Australian Western",
    "Pacific/Auckland": "New Zealand", "Africa/Johannesburg": "South Africa",
    "America/Sao_Paulo": "Brasilia",
}  # fmt: skip
SUMMER = {"European": "Summer", "Brasilia": "Summer", "Moscow": "Summer"}


class ZoneError(ValueError):
    """No such zone."""


@lru_cache(maxsize=1024)
def zone_of(name: str) -> datetime.tzinfo:
    """A zone by its id; raises ZoneError."""
    if name in UTC_NAMES:
        return datetime.UTC
    found = OFFSET.match(name)
    if found:
        return datetime.timezone(datetime.timedelta(seconds=offset_seconds(found)))
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ZoneError(f"Unknown time-zone ID: {name}") from None


def offset_seconds(found: re.Match[str]) -> int:
    sign, hours, minutes, seconds = found.groups()
    total = int(hours) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    if total > OFFSET_MAX_S:
        raise ZoneError(f"Zone offset not in valid range: {found[0]}")
    return -total if sign == "-" else total


def offset_at(zone: datetime.tzinfo, epoch_ms: int) -> int:
    """Seconds east of UTC at an instant."""
    if zone is datetime.UTC:
        return 0
    moment = EPOCH + datetime.timedelta(milliseconds=epoch_ms)
    delta = zone.utcoffset(moment.astimezone(zone))
    return int(delta.total_seconds()) if delta else 0


def instant_of(zone: datetime.tzinfo, local_ms: int, preferred_s: int | None = None) -> int:
    """The instant of a local time. In a gap it moves forward; of two candidates the preferred offset wins."""
    if zone is datetime.UTC:
        return local_ms
    naive = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=local_ms)
    early, late = (int(naive.replace(tzinfo=zone, fold=fold).utcoffset().total_seconds()) for fold in (0, 1))  # type: ignore[union-attr]
    # In a gap fold 0 has the offset before it, which moves the local time forward by the gap's length.
    chosen = late if early > late and preferred_s == late else early
    return local_ms - chosen * 1000


def display_name(name: str, epoch_ms: int, full: bool) -> str:
    """CET or Central European Standard Time."""
    zone = zone_of(name)
    if zone is datetime.UTC:
        return utc_name(name, full)
    if OFFSET.match(name):
        return name
    local = (EPOCH + datetime.timedelta(milliseconds=epoch_ms)).astimezone(zone)
    summer = bool(local.dst())
    if full and name == "Europe/London":
        return "British Summer Time" if summer else "Greenwich Mean Time"
    generic = GENERIC.get(name)
    if not full or generic is None:
        return local.tzname() or name
    return f"{generic} {summer_word(generic) if summer else 'Standard'} Time"


def utc_name(name: str, full: bool) -> str:
    if name == "Z":
        return "Z"
    if name in ("GMT", "Etc/GMT", "Greenwich"):
        return "Greenwich Mean Time" if full else "GMT"
    return "Coordinated Universal Time" if full else "UTC"


def summer_word(generic: str) -> str:
    return SUMMER.get(generic.split()[-1], "Daylight")


def generic_name(name: str, full: bool) -> str:
    generic = GENERIC.get(name)
    if generic is None:
        return display_name(name, 0, full)
    words = f"{generic} Time"
    return words if full else "".join(word[0] for word in words.split())


ABBREVIATIONS = {
    "EST": "America/New_York", "EDT": "America/New_York", "CST": "America/Chicago",
    "CDT": "America/Chicago", "MST": "America/Denver", "MDT": "America/Denver",
    "PST": "America/Los_Angeles", "PDT": "America/Los_Angeles", "CET": "Europe/Paris",
    "CEST": "Europe/Paris", "EET": "Europe/Athens", "EEST": "Europe/Athens", "WET": "Europe/Lisbon",
    "WEST": "Europe/Lisbon", "BST": "Europe/London", "MSK": "Europe/Moscow", "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo", "KST": "Asia/Seoul", "AEST": "Australia/Sydney", "AEDT": "Australia/Sydney",
    "NZST": "Pacific/Auckland", "NZDT": "Pacific/Auckland",
}  # fmt: skip


def named_zone(text: str) -> str:
    """The id behind a name that a pattern read: an id itself, an abbreviation, or an English name."""
    known = ABBREVIATIONS.get(text.upper())
    if known:
        return known
    for name, generic in GENERIC.items():
        if text.startswith(generic + " ") and text.endswith(" Time"):
            return name
    if text in ("Greenwich Mean Time", "Coordinated Universal Time"):
        return "UTC"
    zone_of(text)
    return text
