"""Functions over STRING: case, cutting, padding, joining, searching.

Java strings are UTF-16; lengths and positions count code units. Text outside the basic plane is rare, so each
function takes Python's own indexes when there is none and goes through UTF-16 only when there is.
"""

from __future__ import annotations

import hashlib
import re
import uuid as uuids

from penstock.functions.registry import scalar
from penstock.types import BYTES, INTEGER, STRING, Array, Map

SPACES = "".join(map(chr, range(0x21)))
WORD = re.compile(r"[^ \t\n\x0b\f\r]+[ \t\n\x0b\f\r]*")
WIDE = re.compile("[\U00010000-\U0010ffff]")


def units(text: str) -> list[str]:
    """The UTF-16 code units of a text, each as a str of one character."""
    raw = text.encode("utf-16-le", "surrogatepass")
    return [raw[at : at + 2].decode("utf-16-le", "surrogatepass") for at in range(0, len(raw), 2)]


def joined(parts: list[str]) -> str:
    """Code units back to a text; pairs of surrogates become one character again."""
    return "".join(parts).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def length_of(text: str) -> int:
    return len(text) if text.isascii() else len(text) + len(WIDE.findall(text))


def cut(text: str, start: int, end: int | None = None) -> str:
    """text.substring(start, end) in code units."""
    if text.isascii() or not WIDE.search(text):
        return text[start:end]
    return joined(units(text)[start:end])


def utf16_key(text: str) -> bytes:
    """Sorts as Java compares strings."""
    return text.encode("utf-16-be", "surrogatepass")


@scalar("TRIM", STRING, returns=STRING, category="STRING", spelling="trim", example=("TRIM('  a b ')", "a b"))
def trim(input: str) -> str:
    """Without the white space and control characters at both ends."""
    return input.strip(SPACES)


@scalar(
    "UCASE", STRING, returns=STRING, category="STRING", spelling="ucase", example=("UCASE('Late')", "LATE")
)
def ucase(input: str) -> str:
    """In upper case."""
    return input.upper()


@scalar(
    "LCASE", STRING, returns=STRING, category="STRING", spelling="lcase", example=("LCASE('Late')", "late")
)
def lcase(input: str) -> str:
    """In lower case."""
    return input.lower()


@scalar("LEN", STRING, returns=INTEGER, category="STRING", spelling="len", example=("LEN('late')", 4))
def len_text(input: str) -> int:
    """How many UTF-16 code units a text has."""
    return len(input) if input.isascii() else length_of(input)


@scalar(
    "INITCAP", STRING, returns=STRING, category="STRING", spelling="initcap",
    example=("INITCAP('late ORDER')", "Late Order"),
)  # fmt: skip
def initcap(str: str) -> str:
    """First letter of every word in upper case, the rest in lower."""
    # White space before the first word is dropped, as ksqlDB drops it.
    words = WORD.findall(str.lower())
    return "".join([word[:1].upper() + word[1:] for word in words])


@scalar("CONCAT", STRING, returns=STRING, nulls="pass", category="STRING", spelling="concat",
        example=("CONCAT('a', NULL, 'b')", "ab"))  # fmt: skip
def concat(*inputs: str | None) -> str:
    """All texts in a row, NULLs left out."""
    return "".join([each for each in inputs if each is not None])


@scalar("CONCAT_WS", STRING, STRING, returns=STRING, nulls="pass", category="STRING", spelling="concat_ws",
        example=("CONCAT_WS('-', 'a', NULL, 'b')", "a-b"))  # fmt: skip
def concat_ws(separator: str | None, *inputs: str | None) -> str | None:
    """All texts with a separator between, NULLs left out."""
    if not inputs:
        raise ValueError("Function Concat_WS expects at least two input arguments.")
    if separator is None:
        return None
    return separator.join([each for each in inputs if each is not None])


@scalar("SUBSTRING", STRING, INTEGER, INTEGER, returns=STRING, category="STRING", spelling="substring",
        example=("SUBSTRING('stream', 3, 2)", "re"))  # fmt: skip
def substring_length(str: str, pos: int, length: int) -> str:
    """The part of a text from a position (from 1; negative counts from the end) with a length."""
    size = length_of(str)
    start = start_of(pos, size)
    return cut(str, start, max(start, min(start + length, size)))


def start_of(pos: int, size: int) -> int:
    """The index of a position that counts from 1, or from the end when it is negative."""
    if pos < 0:
        return max(size + pos, 0)
    return min(max(pos - 1, 0), size)


@scalar("SUBSTRING", BYTES, INTEGER, INTEGER, returns=BYTES, category="STRING",
        example=("FROM_BYTES(SUBSTRING(TO_BYTES('stream', 'utf8'), 3, 2), 'utf8')", "re"))  # fmt: skip
def substring_bytes_length(bytes: bytes, pos: int, length: int) -> bytes:
    """The part of bytes from a position with a length."""
    start = start_of(pos, len(bytes))
    return bytes[start : max(start, min(start + length, len(bytes)))]


@scalar("SUBSTRING", BYTES, INTEGER, returns=BYTES, category="STRING",
        example=("FROM_BYTES(SUBSTRING(TO_BYTES('stream', 'utf8'), 3), 'utf8')", "ream"))  # fmt: skip
def substring_bytes(bytes: bytes, pos: int) -> bytes:
    """The part of bytes from a position to the end."""
    return bytes[start_of(pos, len(bytes)) :]


@scalar(
    "SUBSTRING", STRING, INTEGER, returns=STRING, category="STRING", example=("SUBSTRING('stream', -2)", "am")
)
def substring(str: str, pos: int) -> str:
    """The part of a text from a position (from 1; negative counts from the end) to the end."""
    return cut(str, start_of(pos, length_of(str)))


@scalar("REPLACE", STRING, STRING, STRING, returns=STRING, category="STRING", spelling="replace",
        example=("REPLACE('a.b.c', '.', '-')", "a-b-c"))  # fmt: skip
def replace(str: str, old_str: str, new_str: str) -> str:
    """With all occurrences of a text replaced by another."""
    # Unlike Java's String.replace, an empty text to look for changes nothing.
    return str.replace(old_str, new_str) if old_str else str


@scalar("SPLIT", STRING, STRING, returns=Array(STRING), category="STRING", spelling="split",
        example=("SPLIT('a,b,', ',')", ["a", "b", ""]))  # fmt: skip
def split(string: str, delimiter: str) -> list[str]:
    """The parts between delimiters; an empty delimiter splits into characters."""
    if not delimiter:
        return list(string) or [""]
    return string.split(delimiter)


@scalar("SPLIT_TO_MAP", STRING, STRING, STRING, returns=Map(STRING, STRING), category="STRING",
        example=("SPLIT_TO_MAP('a=1;b=2', ';', '=')", {"a": "1", "b": "2"}))  # fmt: skip
def split_to_map(input: str, entry_delimiter: str, kv_delimiter: str) -> dict[str, str] | None:
    """A text of entries as a map; entries without a delimiter between key and value are dropped."""
    if not entry_delimiter or not kv_delimiter or entry_delimiter == kv_delimiter:
        return None
    pairs = (entry.split(kv_delimiter) for entry in input.split(entry_delimiter) if entry)
    return {parts[0]: parts[1] for parts in pairs if len(parts) > 1}


def padding(size: int, pad: str, target: int) -> str:
    return (pad * ((target - size) // len(pad) + 1))[: target - size]


@scalar("LPAD", STRING, INTEGER, STRING, returns=STRING, category="STRING", spelling="lpad",
        example=("LPAD('7', 3, '0')", "007"))  # fmt: skip
def lpad(input: str, target_len: int, padding_: str) -> str | None:
    """Padded on the left to a length, or cut to it."""
    if not padding_ or target_len < 0:
        return None
    size = length_of(input)
    return cut(input, 0, target_len) if size >= target_len else padding(size, padding_, target_len) + input


@scalar("RPAD", STRING, INTEGER, STRING, returns=STRING, category="STRING", spelling="rpad",
        example=("RPAD('7', 3, '0')", "700"))  # fmt: skip
def rpad(input: str, target_len: int, padding_: str) -> str | None:
    """Padded on the right to a length, or cut to it."""
    if not padding_ or target_len < 0:
        return None
    size = length_of(input)
    return cut(input, 0, target_len) if size >= target_len else input + padding(size, padding_, target_len)


@scalar("INSTR", STRING, STRING, returns=INTEGER, nulls="pass", category="STRING", spelling="instr",
        example=("INSTR('stream', 'e')", 4))  # fmt: skip
def instr(str: str | None, substring: str | None) -> int:
    """The position of a text within another, from 1; 0 when it is not there."""
    return instr_occurrence(str, substring, 1, 1)


@scalar("INSTR", STRING, STRING, INTEGER, returns=INTEGER, nulls="pass", primitive=(2,), category="STRING",
        example=("INSTR('corporate floor', 'or', 3)", 5))  # fmt: skip
def instr_from(str: str | None, substring: str | None, position: int) -> int:
    """The same, from a position on; a negative one counts from the end and searches backwards."""
    return instr_occurrence(str, substring, position, 1)


@scalar("INSTR", STRING, STRING, INTEGER, INTEGER, returns=INTEGER, nulls="pass", primitive=(2, 3),
        category="STRING", example=("INSTR('corporate floor', 'or', 3, 2)", 14))  # fmt: skip
def instr_occurrence(str: str | None, substring: str | None, position: int, occurrence: int) -> int:
    """The same, of the nth occurrence."""
    if str is None or substring is None:
        return 0
    size = length_of(str)
    if abs(position) > size or position == 0 or occurrence < 1:
        return 0
    if size != len(str):
        str, substring = "".join(units(str)), "".join(units(substring))
    if position > 0:
        found = nth_index(str[position - 1 :], substring, occurrence)
        return found + position if found >= 0 else 0
    return nth_index_backwards(str[: size + position + 1], substring, occurrence) + 1


def nth_index(text: str, wanted: str, occurrence: int) -> int:
    """The index of the nth occurrence; they may overlap."""
    at = text.find(wanted)
    while at >= 0 and occurrence > 1 and wanted:
        at, occurrence = text.find(wanted, at + 1), occurrence - 1
    return at


def nth_index_backwards(text: str, wanted: str, occurrence: int) -> int:
    at = text.rfind(wanted)
    while at >= 0 and occurrence > 1 and wanted:
        at, occurrence = text.rfind(wanted, 0, at + len(wanted) - 1), occurrence - 1
    return at


@scalar("CHR", INTEGER, returns=STRING, category="STRING", spelling="chr", example=("CHR(75)", "K"))
def chr_number(decimal: int) -> str | None:
    """The character of a Unicode code point."""
    return chr(decimal) if 0 <= decimal <= 0x10FFFF else None


ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")


@scalar("CHR", STRING, returns=STRING, category="STRING", example=(r"CHR('\u004b')", "K"))
def chr_escape(utf16_code: str) -> str | None:
    """The characters of \\uXXXX escapes."""
    codes = ESCAPE.findall(utf16_code)
    if not codes or len(utf16_code) < 6 or not utf16_code.startswith("\\u"):
        return None
    return joined([chr(int(code, 16)) for code in codes])


@scalar("ELT", INTEGER, STRING, returns=STRING, nulls="pass", primitive=(0,), category="STRING",
        example=("ELT(2, 'a', 'b')", "b"))  # fmt: skip
def elt(pos: int, *args: str | None) -> str | None:
    """The nth of the following texts, from 1."""
    return args[pos - 1] if 1 <= pos <= len(args) else None


@scalar("FIELD", STRING, STRING, returns=INTEGER, nulls="pass", category="STRING",
        example=("FIELD('b', 'a', 'b')", 2))  # fmt: skip
def field(str: str | None, *args: str | None) -> int:
    """Which of the following texts equals the first, from 1; 0 when none does."""
    return args.index(str) + 1 if str is not None and str in args else 0


@scalar("MD5", STRING, returns=STRING, category="STRING",
        example=("MD5('a')", "0cc175b9c0f1b6a831c399e269772661"))  # fmt: skip
def md5(s: str) -> str:
    """The MD5 digest of a text in UTF-8, as lower case hexadecimal."""
    return hashlib.md5(s.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


@scalar("UUID", returns=STRING, deterministic=False, category="STRING", spelling="uuid")
def uuid_new() -> str:
    """A new random identifier for every row."""
    return str(uuids.uuid4())


@scalar("UUID", BYTES, returns=STRING, category="STRING",
        example=("UUID(TO_BYTES('000102030405060708090a0b0c0d0e0f', 'hex'))",
                 "00010203-0405-0607-0809-0a0b0c0d0e0f"))  # fmt: skip
def uuid_of(bytes: bytes) -> str | None:
    """The text of an identifier of 16 bytes."""
    return str(uuids.UUID(bytes=bytes)) if len(bytes) == 16 else None
