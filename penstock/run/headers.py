"""The headers of a record as columns read them: HEADERS gives all of them, HEADER('key') the last of its key.

In:  the headers of one record. Out: an ARRAY of STRUCTs, or bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.topics.base import Headers
from penstock.types import BYTES, STRING, Struct, python_type

HEADER = Struct((("KEY", STRING), ("VALUE", BYTES)))
_make = python_type(HEADER)


def header_list(headers: Headers | None) -> list[Any]:
    return [_make(key, value) for key, value in headers or ()]


def header_value(headers: Headers | None, key: str) -> bytes | None:
    """None when no header has the key."""
    for name, value in reversed(headers or ()):
        if name == key:
            return value
    return None


HEADER_HELPERS: dict[str, Callable[..., Any]] = {"header_list": header_list, "header_value": header_value}
