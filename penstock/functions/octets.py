"""Functions over BYTES, and the encodings between BYTES, STRING and numbers.

Encodings are named hex, utf8, ascii, base64; any other name is an error of the row.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Callable, Mapping
from typing import TypeVar

from penstock.functions.registry import scalar
from penstock.types import BIGINT, BYTES, DOUBLE, INTEGER, STRING, Array, SqlType

HEX_QUOTED = re.compile(r"[xX]'(.*)'\Z", re.DOTALL)


def from_hex(text: str) -> bytes:
    """Hexadecimal, also as 0x... or X'...'; an odd number of digits gets a zero in front."""
    quoted = HEX_QUOTED.match(text)
    digits = quoted[1] if quoted else text.removeprefix("0x")
    return binascii.unhexlify("0" + digits if len(digits) % 2 else digits)


def from_base64(text: str) -> bytes:
    """Base64 as Java's basic decoder takes it: without padding too, but without foreign characters."""
    raw = text.encode("ascii")
    if b"=" not in raw and len(raw) % 4:
        raw += b"=" * (-len(raw) % 4)
    return base64.b64decode(raw, validate=True)


def to_text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


DECODERS: dict[str, Callable[[str], bytes]] = {
    "hex": from_hex,
    "utf8": lambda text: text.encode("utf-8", "replace"),
    "ascii": lambda text: text.encode("ascii", "replace"),
    "base64": from_base64,
}
ENCODERS: dict[str, Callable[[bytes], str]] = {
    "hex": lambda value: value.hex().upper(),
    "utf8": to_text,
    "ascii": lambda value: value.decode("ascii", "replace"),
    "base64": lambda value: base64.b64encode(value).decode("ascii"),
}
assert DECODERS.keys() == ENCODERS.keys()


Coder = TypeVar("Coder")


def choose(table: Mapping[str, Coder], encoding: str) -> Coder:
    try:
        return table[encoding]
    except KeyError:
        raise ValueError(
            f"Unknown encoding type '{encoding}'. Supported formats are {', '.join(table)}."
        ) from None


@scalar("TO_BYTES", STRING, STRING, returns=BYTES, category="STRING", spelling="to_bytes",
        example=("FROM_BYTES(TO_BYTES('6869', 'hex'), 'utf8')", "hi"))  # fmt: skip
def to_bytes(value: str, encoding: str) -> bytes:
    """A text in an encoding as bytes."""
    return choose(DECODERS, encoding)(value)


@scalar("FROM_BYTES", BYTES, STRING, returns=STRING, category="STRING", spelling="from_bytes",
        example=("FROM_BYTES(TO_BYTES('hi', 'utf8'), 'hex')", "6869"))  # fmt: skip
def from_bytes(value: bytes, encoding: str) -> str:
    """Bytes as text in an encoding."""
    return choose(ENCODERS, encoding)(value)


@scalar("ENCODE", STRING, STRING, STRING, returns=STRING, category="STRING", spelling="encode",
        example=("ENCODE('hi', 'utf8', 'base64')", "aGk="))  # fmt: skip
def encode(str: str, input_encoding: str, output_encoding: str) -> str:
    """A text in one encoding in another."""
    decode = choose(DECODERS, input_encoding)
    return choose(ENCODERS, output_encoding)(decode(str))


@scalar("LEN", BYTES, returns=INTEGER, category="STRING", example=("LEN(TO_BYTES('0aff', 'hex'))", 2))
def len_bytes(input: bytes) -> int:
    """How many bytes there are."""
    return len(input)


@scalar("CONCAT", BYTES, returns=BYTES, nulls="pass", category="STRING",
        example=("FROM_BYTES(CONCAT(TO_BYTES('a', 'utf8'), TO_BYTES('b', 'utf8')), 'utf8')",
                 "ab"))  # fmt: skip
def concat_bytes(*inputs: bytes | None) -> bytes:
    """All bytes in a row, NULLs left out."""
    return b"".join([each for each in inputs if each is not None])


@scalar("CONCAT_WS", BYTES, BYTES, returns=BYTES, nulls="pass", category="STRING",
        example=("LEN(CONCAT_WS(TO_BYTES('00', 'hex'), TO_BYTES('0a', 'hex')))", 1))  # fmt: skip
def concat_ws_bytes(separator: bytes | None, *inputs: bytes | None) -> bytes | None:
    """All bytes with a separator between, NULLs left out."""
    if not inputs:
        raise ValueError("Function Concat_WS expects at least two input arguments.")
    if separator is None:
        return None
    return separator.join([each for each in inputs if each is not None])


@scalar("SPLIT", BYTES, BYTES, returns=Array(BYTES), category="STRING",
        example=("ARRAY_LENGTH(SPLIT(TO_BYTES('a,b', 'utf8'), TO_BYTES(',', 'utf8')))", 2))  # fmt: skip
def split_bytes(string: bytes, delimiter: bytes) -> list[bytes]:
    """The parts between delimiters; an empty delimiter splits into single bytes."""
    if not delimiter:
        return [bytes([each]) for each in string] or [b""]
    return string.split(delimiter)


def pad(size: int, padding: bytes, target: int) -> bytes:
    return (padding * ((target - size) // len(padding) + 1))[: target - size]


@scalar("LPAD", BYTES, INTEGER, BYTES, returns=BYTES, category="STRING",
        example=("FROM_BYTES(LPAD(TO_BYTES('7', 'utf8'), 3, TO_BYTES('0', 'utf8')), 'utf8')",
                 "007"))  # fmt: skip
def lpad_bytes(input: bytes, target_len: int, padding: bytes) -> bytes | None:
    """Padded on the left to a length, or cut to it."""
    if not padding or target_len < 0:
        return None
    return input[:target_len] if len(input) >= target_len else pad(len(input), padding, target_len) + input


@scalar("RPAD", BYTES, INTEGER, BYTES, returns=BYTES, category="STRING",
        example=("FROM_BYTES(RPAD(TO_BYTES('7', 'utf8'), 3, TO_BYTES('0', 'utf8')), 'utf8')",
                 "700"))  # fmt: skip
def rpad_bytes(input: bytes, target_len: int, padding: bytes) -> bytes | None:
    """Padded on the right to a length, or cut to it."""
    if not padding or target_len < 0:
        return None
    return input[:target_len] if len(input) >= target_len else input + pad(len(input), padding, target_len)


ORDERS = {"BIG_ENDIAN": ">", "LITTLE_ENDIAN": "<"}


def number_from(value: bytes, order: str, code: str) -> int | float:
    """A number of exactly the size of its type."""
    if order not in ORDERS:
        raise ValueError("Byte order must be BIG_ENDIAN or LITTLE_ENDIAN")
    size = struct.calcsize(">" + code)
    if len(value) != size:
        raise ValueError(f"Number of bytes must be equal to {size}, but found {len(value)}")
    return struct.unpack(ORDERS[order] + code, value)[0]


def declare_number(name: str, kind: SqlType, code: str, digits: str, one: float) -> None:
    """The two signatures of a ..._FROM_BYTES function."""

    def of(value: bytes) -> int | float:
        return number_from(value, "BIG_ENDIAN", code)

    def of_order(value: bytes, byte_order: str) -> int | float:
        return number_from(value, byte_order, code)

    of.__doc__ = "The number that bytes hold, most significant byte first."
    of_order.__doc__ = "The number that bytes hold in the order BIG_ENDIAN or LITTLE_ENDIAN."
    backwards = "".join(reversed(re.findall("..", digits)))
    big, little = (
        f"{name}(TO_BYTES('{digits}', 'hex'))",
        f"{name}(TO_BYTES('{backwards}', 'hex'), 'LITTLE_ENDIAN')",
    )
    scalar(name, BYTES, returns=kind, category="CONVERSIONS", spelling=name.lower(), example=(big, one))(of)
    scalar(name, BYTES, STRING, returns=kind, category="CONVERSIONS", example=(little, one))(of_order)


declare_number("INT_FROM_BYTES", INTEGER, "i", "00000102", 258)
declare_number("BIGINT_FROM_BYTES", BIGINT, "q", "0000000000000102", 258)
declare_number("DOUBLE_FROM_BYTES", DOUBLE, "d", "3ff8000000000000", 1.5)
