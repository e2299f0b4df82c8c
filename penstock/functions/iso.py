"""The texts of DATE, TIME and TIMESTAMP values in ISO 8601, as CAST and JSON write them."""

from __future__ import annotations

import datetime

DAY_MS = 86_400_000
EPOCH_ORDINAL = 719_163


def date_text(days: int) -> str:
    """2024-02-29"""
    return datetime.date.fromordinal(days + EPOCH_ORDINAL).isoformat()


def time_text(ms: int) -> str:
    """13:05, 13:05:59 or 13:05:59.123: as much as is not zero, as LocalTime.toString."""
    minutes, rest = divmod(ms, 60_000)
    text = f"{minutes // 60:02d}:{minutes % 60:02d}"
    if not rest:
        return text
    text += f":{rest // 1000:02d}"
    return f"{text}.{rest % 1000:03d}" if rest % 1000 else text


def timestamp_text(ms: int) -> str:
    """2024-02-29T13:05:59.123"""
    days, rest = divmod(ms, DAY_MS)
    minutes, rest = divmod(rest, 60_000)
    return f"{date_text(days)}T{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
