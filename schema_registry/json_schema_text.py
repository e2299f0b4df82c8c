"""JSON text to values and back, without changing a number.

In:  a text somebody sent. Out: dicts, lists, strings, ints, Decimals (so that 1.0 stays 1.0), booleans, None.

What is no JSON, or nested very deeply, raises InvalidSchema with the place in the text.
"""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal
from typing import Any

import msgspec

from schema_registry.schemas import InvalidSchema

DECODER = msgspec.json.Decoder(float_hook=Decimal)
ENCODER = msgspec.json.Encoder(decimal_format="number")
SORTED = msgspec.json.Encoder(decimal_format="number", order="sorted")

DIGEST_BYTES = 16
DEPTH_MAX = 800
BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
BRACKET_STEPS = {"{": 1, "[": 1, "}": -1, "]": -1}


def read_json(text: str) -> Any:
    refuse_depth(text)
    try:
        return DECODER.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidSchema(f"The schema is not JSON: {reason(error, text)}.") from error
    except UnicodeError as error:
        raise InvalidSchema("The schema is not JSON: it holds half a surrogate pair.") from error
    except ValueError as error:  # an integer of thousands of digits
        raise InvalidSchema(f"The schema is not JSON: {error}.") from error


def refuse_depth(text: str) -> None:
    """The decoder's depth hangs on the stack it is called on, so ours is well below it."""
    if text.count("{") + text.count("[") <= DEPTH_MAX:
        return
    depth = 0
    for token in BRACKETS.finditer(text):
        depth += BRACKET_STEPS.get(token.group(), 0)
        if depth > DEPTH_MAX:
            raise InvalidSchema(
                f"The schema is nested too deeply: more than {DEPTH_MAX} levels of JSON. Give inner schemas "
                "a name in definitions, and refer to them."
            )


def reason(error: msgspec.DecodeError, text: str) -> str:
    if not text.strip():
        return "the text is empty"
    words = str(error).removeprefix("JSON is malformed: ")
    return words.replace("Input data was truncated", "it ends too early")


def write_json(value: Any) -> str:
    """White space dropped, order and numbers as they came."""
    return ENCODER.encode(value).decode()


def write_sorted(value: Any) -> str:
    """As write_json, with the keys of every object in order."""
    return SORTED.encode(value).decode()


def digest(value: Any) -> bytes:
    """Equal for values that differ only in the order of keys."""
    return hashlib.blake2b(SORTED.encode(value), digest_size=DIGEST_BYTES).digest()


def value_key(value: Any) -> Any:
    """A hashable stand-in: equal for JSON values that are equal (1 and 1.0 are, 1 and true are not)."""
    if isinstance(value, bool) or value is None:
        return ("literal", value)
    if isinstance(value, int | Decimal):
        return ("number", value)
    return ("text", value) if isinstance(value, str) else ("container", digest(value))
