"""Durations as statements spell them: `10 SECONDS`, `1 HOUR`.

In:  an amount and a unit, or the text of a setting such as WINDOW_SIZE. Out: milliseconds, and the
canonical text with the unit in the plural.
"""

from __future__ import annotations

from dataclasses import dataclass

from penstock.errors import did_you_mean

UNITS_MS = {
    "DAYS": 86_400_000,
    "HOURS": 3_600_000,
    "MINUTES": 60_000,
    "SECONDS": 1_000,
    "MILLISECONDS": 1,
}
PLURALS = {unit[:-1]: unit for unit in UNITS_MS} | {unit: unit for unit in UNITS_MS}


@dataclass(frozen=True, slots=True)
class Duration:
    amount: int
    unit: str

    @property
    def ms(self) -> int:
        return self.amount * UNITS_MS[self.unit]

    def __str__(self) -> str:
        return f"{self.amount} {self.unit}"

    @staticmethod
    def of_ms(ms: int) -> Duration:
        """In the largest unit that divides it."""
        for unit, size in UNITS_MS.items():
            if ms % size == 0 and ms >= size:
                return Duration(ms // size, unit)
        return Duration(ms, "MILLISECONDS")


def parse_duration(text: str) -> Duration:
    """The value of WINDOW_SIZE: `'10 SECONDS'`. Raises ValueError with ksqlDB's sentence."""
    words = text.split()
    if len(words) != 2:
        raise ValueError(f"Invalid duration: '{text}'. Expected 2 tokens, got: {len(words)}")
    amount, unit = words[0], words[1].upper()
    if not amount.lstrip("+-").isdigit():
        raise ValueError(f"Invalid duration: '{text}'. Size must be numeric, '{amount}' is not.")
    if unit not in PLURALS:
        hint = did_you_mean(unit, PLURALS)
        raise ValueError(f"Invalid duration: '{text}'. Unknown time unit: '{unit}'{hint}")
    return Duration(int(amount), PLURALS[unit])
