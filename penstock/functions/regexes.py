"""REGEXP functions: Java's regular expressions on Python's engine.

A pattern is translated once (Java spellings that Python lacks), compiled once, and kept; the replacement's
$1 and ${name} become group references.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from penstock.functions.registry import scalar
from penstock.types import INTEGER, STRING, Array

# What Java writes otherwise than Python. Classes are for ASCII, as Java's are unless told otherwise.
CLASSES = {
    "p{Lower}": "a-z", "p{Upper}": "A-Z", "p{ASCII}": "\\x00-\\x7f", "p{Alpha}": "a-zA-Z", "p{Digit}": "0-9",
    "p{Alnum}": "a-zA-Z0-9", "p{Punct}": "!-/:-@\\[-`{-~", "p{Graph}": "!-~", "p{Print}": " -~",
    "p{Blank}": " \\t",
    "p{Cntrl}": "\\x00-\\x1f\\x7f", "p{XDigit}": "0-9a-fA-F", "p{Space}": " \\t\\n\\x0b\\f\\r",
    "p{IsAlphabetic}": "^\\W\\d_", "p{L}": "^\\W\\d_", "p{IsLetter}": "^\\W\\d_", "pL": "^\\W\\d_",
    "p{Lu}": "A-ZÀ-ÖØ-ÞΑ-ΫА-Я", "p{Ll}": "a-zß-öø-ÿα-ωа-я", "p{N}": "0-9", "p{Nd}": "0-9",
    "h": " \\t\\xa0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000",
    "v": "\\n\\x0b\\f\\r\\x85\\u2028\\u2029",
}  # fmt: skip
WORDS = {
    "z": "\\Z",
    "Z": "(?=\\n?\\Z)",
    "R": "(?:\\r\\n|[\\n-\\r\\x85\\u2028\\u2029])",
    "G": "",
    "e": "\\x1b",
}
TOKEN = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|\Z)|\\(?P<escape>[pP]\{\^?\w+\}|[pP]\w|x\{[0-9A-Fa-f]+\}|k<\w+>|.)"
    r"|(?P<named>\(\?<(?=[A-Za-z]))|(?P<nested>\[(?=\^?\[)|&&)|(?P<bracket>[\[\]])",
    re.DOTALL,
)


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """A Java pattern compiled; raises re.error when it is none."""
    return re.compile(translated(pattern), re.ASCII if not needs_unicode(pattern) else 0)


def needs_unicode(pattern: str) -> bool:
    return "\\p{Is" in pattern or "\\p{L" in pattern or "\\pL" in pattern


def translated(pattern: str) -> str:
    depth = 0

    def one(found: re.Match[str]) -> str:
        nonlocal depth
        if found["quoted"] is not None:
            return re.escape(found["quoted"])
        if found["named"]:
            return "(?P<" if not depth else found[0]
        if found["bracket"]:
            depth = max(depth + (1 if found["bracket"] == "[" else -1), 0)
            return "\\[" if found["bracket"] == "[" and depth > 1 else found[0]
        if found["nested"]:
            raise re.error(f"set operations within [...] are not supported: {pattern}")
        return escape(found["escape"], depth > 0)

    return TOKEN.sub(one, pattern)


def escape(name: str, inside: bool) -> str:
    """One escape as Python spells it, within a [...] or outside."""
    negated = name.startswith(("P", "p{^"))
    members = CLASSES.get(name.replace("^", "").replace("P", "p", 1) if negated else name)
    if members is not None:
        return class_text(members, negated, inside)
    if name[0] in "pP":
        raise re.error(f"unknown character property \\{name}")
    if name.startswith("x{"):
        return re.escape(chr(int(name[2:-1], 16)))
    if name.startswith("k<"):
        return f"(?P={name[2:-1]})"
    return ("\\" + name) if inside else WORDS.get(name, "\\" + name)


def class_text(members: str, negated: bool, inside: bool) -> str:
    if not inside:
        flip = negated != members.startswith("^")
        return f"[{'^' if flip else ''}{members.removeprefix('^')}]"
    if negated or members.startswith("^"):
        raise re.error("a negated or open property within [...] is not supported")
    return members


REFERENCE = re.compile(r"\\(.)|\$\{(\w+)\}|\$(\d+)|(\$)", re.DOTALL)


@lru_cache(maxsize=1024)
def replacement_of(pattern: str, replacement: str) -> Callable[[re.Match[str]], str]:
    """What stands in for a match: Java's $n takes as many digits as there are groups for."""
    groups = compiled(pattern).groups
    parts: list[str | int] = []
    at = 0
    for found in REFERENCE.finditer(replacement):
        parts += [replacement[at : found.start()], *reference(found, groups)]
        at = found.end()
    parts.append(replacement[at:])

    def replace(match: re.Match[str]) -> str:
        return "".join([(match[part] or "") if isinstance(part, int) else part for part in parts])

    names = compiled(pattern).groupindex
    parts = [names[part[2:-1]] if isinstance(part, str) and part.startswith("${") else part for part in parts]
    return replace


def reference(found: re.Match[str], groups: int) -> list[str | int]:
    literal, name, digits, bare = found.groups()
    if literal is not None:
        return [literal]
    if name is not None:
        return ["${" + name + "}"]
    if bare is not None:
        raise ValueError("Illegal group reference")
    return numbered(digits, groups)


def numbered(digits: str, groups: int) -> list[str | int]:
    group, used = int(digits[0]), 1
    if group > groups:
        raise IndexError(f"No group {group}")
    while used < len(digits) and int(digits[: used + 1]) <= groups:
        used += 1
        group = int(digits[:used])
    return [group, digits[used:]]


@scalar("REGEXP_EXTRACT", STRING, STRING, returns=STRING, category="REGULAR EXPRESSION",
        spelling="regexp_extract", example=("REGEXP_EXTRACT('[a-z]+', '42 late')", "late"))  # fmt: skip
def regexp_extract(pattern: str, input: str) -> str | None:
    """The first match of a pattern."""
    found = compiled(pattern).search(input)
    return found[0] if found else None


@scalar("REGEXP_EXTRACT", STRING, STRING, INTEGER, returns=STRING, category="REGULAR EXPRESSION",
        example=("REGEXP_EXTRACT('(.*) (.*)', 'a b', 2)", "b"))  # fmt: skip
def regexp_extract_group(pattern: str, input: str, group: int) -> str | None:
    """A group of the first match."""
    regex = compiled(pattern)
    found = regex.search(input) if group <= regex.groups else None
    return found[group] if found else None


@scalar("REGEXP_EXTRACT_ALL", STRING, STRING, returns=Array(STRING), category="REGULAR EXPRESSION",
        spelling="regexp_extract_all",
        example=("REGEXP_EXTRACT_ALL('a.', 'ab ac')", ["ab", "ac"]))  # fmt: skip
def regexp_extract_all(pattern: str, input: str) -> list[str]:
    """All matches of a pattern."""
    return [found[0] for found in compiled(pattern).finditer(input)]


@scalar("REGEXP_EXTRACT_ALL", STRING, STRING, INTEGER, returns=Array(STRING), category="REGULAR EXPRESSION",
        example=("REGEXP_EXTRACT_ALL('a(.)', 'ab ac', 1)", ["b", "c"]))  # fmt: skip
def regexp_extract_all_group(pattern: str, input: str, group: int) -> list[str | None] | None:
    """A group of all matches."""
    regex = compiled(pattern)
    return [found[group] for found in regex.finditer(input)] if group <= regex.groups else None


@scalar("REGEXP_REPLACE", STRING, STRING, STRING, returns=STRING, category="REGULAR EXPRESSION",
        spelling="regexp_replace",
        example=("REGEXP_REPLACE('a1b22', '([0-9]+)', '<$1>')", "a<1>b<22>"))  # fmt: skip
def regexp_replace(str: str, regexp: str, new_str: str) -> str:
    """All matches of a pattern replaced; $1 is the first group."""
    regex = compiled(regexp)
    return regex.sub(replacement_of(regexp, new_str), str) if regex.search(str) else str


@scalar("REGEXP_SPLIT_TO_ARRAY", STRING, STRING, returns=Array(STRING), category="REGULAR EXPRESSION",
        spelling="regexp_split_to_array",
        example=("REGEXP_SPLIT_TO_ARRAY('a1b22c', '[0-9]+')", ["a", "b", "c"]))  # fmt: skip
def regexp_split_to_array(string: str, regexp: str) -> list[str]:
    """The parts between matches of a pattern; a pattern that matches nothing splits into characters."""
    regex = compiled(regexp)
    if regex.fullmatch(""):
        return [part for part in split_at(regex, string) if part] or [""]
    return split_at(regex, string)


def split_at(regex: re.Pattern[str], text: str) -> list[str]:
    """Unlike re.split, groups of the pattern are not part of the answer."""
    parts, at = [], 0
    for found in regex.finditer(text):
        parts.append(text[at : found.start()])
        at = found.end()
    parts.append(text[at:])
    return parts
