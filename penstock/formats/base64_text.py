"""Base64 as the two Java decoders read it: Jackson's for JSON, java.util's for DELIMITED.

In:  text. Out: bytes, or ValueError. Both ignore the unused low bits of the last letter.
"""

from __future__ import annotations

import binascii
import re

QUARTETS = re.compile(
    r"(?:[\x00-\x20]*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==))*[\x00-\x20]*\Z"
)
PLAIN = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?\Z")
BLANKS = re.compile(r"[\x00-\x20]+")


def decode_mime(text: str) -> bytes:
    """Jackson: blanks between groups of four are skipped, each group may end in padding."""
    if not QUARTETS.match(text):
        raise ValueError("not base64")
    letters = BLANKS.sub("", text)
    if "=" not in letters[:-2]:
        return binascii.a2b_base64(letters)
    groups = (letters[start : start + 4] for start in range(0, len(letters), 4))
    return b"".join(map(binascii.a2b_base64, groups))


def decode_plain(text: str) -> bytes:
    """java.util.Base64: no blanks; the padding at the end may be left out."""
    if not PLAIN.match(text):
        raise ValueError("not base64")
    return binascii.a2b_base64(text + "=" * (-len(text) % 4))


def encode(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode("ascii")
