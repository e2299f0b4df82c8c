"""JSON as Jackson reads and writes it: numbers keep their digits, text after the value is not looked at.

In:  text. Out: Python values (dict, list, str, int, Decimal, bool, None), and back to compact text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

SPACE = " \t\n\r"
ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
ESCAPED = re.compile(r'[\x00-\x1f"\\]')


def no_constant(name: str) -> Any:
    raise ValueError(f"Unrecognized token '{name}'")


decoder = json.JSONDecoder(parse_float=Decimal, parse_constant=no_constant)
MISSING = object()


def read(text: str) -> Any:
    """The first JSON value of a text; MISSING when there is nothing but space; raises ValueError."""
    stripped = text.lstrip(SPACE)
    if not stripped:
        return MISSING
    value, end = decoder.raw_decode(stripped)
    bare = not isinstance(value, str | dict | list)
    if bare and stripped[end : end + 1] not in ("", *SPACE):
        raise ValueError(f"Unexpected character ({stripped[end]!r}) after the value")
    return value


def quoted(text: str) -> str:
    escaped = ESCAPED.sub(lambda found: ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04X}", text)
    return f'"{escaped}"'


def decimal_text(value: Decimal) -> str:
    """BigDecimal.toString, which knows no negative zero."""
    return str(value.copy_abs() if value.is_zero() else value)


def write_object(value: dict[str, Any]) -> str:
    return "{" + ",".join([f"{quoted(key)}:{write(each)}" for key, each in value.items()]) + "}"


WRITERS: dict[type, Callable[[Any], str]] = {
    str: quoted,
    bool: lambda value: "true" if value else "false",
    int: str,
    Decimal: decimal_text,
    type(None): lambda value: "null",
    list: lambda value: "[" + ",".join([write(each) for each in value]) + "]",
    dict: write_object,
}


def write(value: Any) -> str:
    """Compact text, members in their order."""
    return WRITERS[type(value)](value)
