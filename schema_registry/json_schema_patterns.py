"""Regular expressions of other people, matched in time that can't explode.

In:  a pattern as JSON Schema has them (ECMA-262, also read by Java), and the name of a property.
Out: True, False, or None when the pattern asks for more than this reader does.

The pattern becomes a small program, run for all its branches at once, so the work is at most its length times
the name's, where a backtracking engine needs 2^30 steps for (a+)+$ on thirty letters.

    a(b|c)*     0 is a    1 split 2, 7    2 split 3, 5    3 is b    4 jump 6    5 is c    6 jump 1    7 match

Look-around, references back, flags and possessive quantifiers give None: no program of this kind has them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

PATTERN_MAX = 10_000
PROGRAM_MAX = 2_000
DEPTH_MAX = 100
REPEAT_MAX = 1_000
WORK_MAX = 50_000

Test = Callable[[str], bool]
Tree = tuple[Any, ...]

WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
DIGITS = frozenset("0123456789")
BLANKS = frozenset(" \t\n\r\f\v\u00a0\ufeff\u2028\u2029")
LINE_ENDS = frozenset("\n\r\u2028\u2029")

CLASSES: dict[str, Test] = {
    "d": DIGITS.__contains__,
    "D": lambda each: each not in DIGITS,
    "w": WORD.__contains__,
    "W": lambda each: each not in WORD,
    "s": BLANKS.__contains__,
    "S": lambda each: each not in BLANKS,
}
CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
ASSERTIONS = {"b": "word", "B": "inside", "A": "start", "z": "end", "Z": "end"}
OPAQUE_ESCAPES = frozenset("123456789kQEGhHRXN")
CODE_LENGTHS = {"x": 2, "u": 4}
CATEGORIES = frozenset(
    (
        "L",
        "Lu",
        "Ll",
        "Lt",
        "Lm",
        "Lo",
        "N",
        "Nd",
        "Nl",
        "No",
        "M",
        "P",
        "Pd",
        "Ps",
        "Pe",
        "S",
        "Sc",
        "Z",
        "Zs",
    )
)


class PatternError(Exception):
    """The pattern is no regular expression."""


class Undecided(Exception):
    """A regular expression, but one that this reader can't run."""


def pattern_error(pattern: str) -> str:
    """What is wrong with a pattern, or nothing."""
    try:
        tree(pattern)
    except PatternError as error:
        return str(error)
    except Undecided:
        return ""
    return ""


def finds(pattern: str, name: str) -> bool | None:
    """Whether the pattern is found anywhere in the name, as JSON Schema's patterns are not anchored."""
    program = compiled(pattern)
    return None if program is None or work(pattern, name) > WORK_MAX else run(program, name)


def work(pattern: str, name: str) -> int:
    """The most steps that finds() takes."""
    return len(compiled(pattern) or ()) * len(name)


def tree(pattern: str) -> Tree:
    if len(pattern) > PATTERN_MAX:
        raise Undecided
    return Reader(pattern).read()


@lru_cache(maxsize=128)
def compiled(pattern: str) -> tuple[Tree, ...] | None:
    try:
        program: list[Tree] = []
        emit(tree(pattern), program)
        return (*program, ("match",))
    except (PatternError, Undecided):
        return None


@dataclass(slots=True)
class Reader:
    """Reads a pattern from left to right into a tree."""

    pattern: str
    at: int = 0
    depth: int = 0

    def read(self) -> Tree:
        found = self.alternatives()
        if self.at < len(self.pattern):
            raise PatternError(f"the ) at {self.at + 1} closes nothing")
        return found

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self) -> str:
        found = self.peek()
        if not found:
            raise PatternError("it ends with a backslash" if self.at else "it is cut off")
        self.at += 1
        return found

    def skip(self, text: str) -> bool:
        found = self.pattern.startswith(text, self.at)
        self.at += len(text) * found
        return found

    def alternatives(self) -> Tree:
        branches = [self.sequence()]
        while self.skip("|"):
            branches.append(self.sequence())
        return branches[0] if len(branches) == 1 else ("any", branches)

    def sequence(self) -> Tree:
        parts: list[Tree] = []
        while (first := self.peek()) and first not in "|)":
            start = self.at
            part = self.atom()
            parts.append(self.repeated(part, start))
        return ("all", parts)

    def atom(self) -> Tree:
        first = self.take()
        if first in ATOMS:
            return ATOMS[first](self)
        if first in "*+?":
            raise PatternError(f"the {first} at {self.at} has nothing to repeat")
        return ("is", lambda each: each == first)

    def repeated(self, part: Tree, start: int) -> Tree:
        bounds = self.quantifier()
        if bounds is None:
            return part
        if self.peek() == "+":
            raise Undecided
        self.skip("?")
        if self.peek() in ("*", "+", "?") and self.peek():
            raise PatternError(f"the {self.peek()} at {self.at + 1} has nothing to repeat")
        least, most = bounds
        if most is not None and most < least:
            raise PatternError(f"the repetition after {start + 1} runs from {least} down to {most}")
        if max(least, most or 0) > REPEAT_MAX:
            raise Undecided
        return ("repeat", part, least, most)

    def quantifier(self) -> tuple[int, int | None] | None:
        simple = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self.peek())
        if simple:
            self.at += 1
            return simple
        end = self.pattern.find("}", self.at)
        inner = self.pattern[self.at + 1 : end] if self.peek() == "{" and end > 0 else ""
        least, comma, most = inner.partition(",")
        if not (least.isascii() and least.isdigit() and (not most or (most.isascii() and most.isdigit()))):
            return None  # a brace that counts nothing stands for itself
        if len(inner) > 12:
            raise Undecided
        self.at = end + 1
        return int(least), int(most) if most else None if comma else int(least)

    def group(self) -> Tree:
        opened = self.at
        if self.skip("?") and not self.skip(":"):
            self.named_group()
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise Undecided
        found = self.alternatives()
        self.depth -= 1
        if not self.skip(")"):
            raise PatternError(f"the ( at {opened} is never closed")
        return found

    def named_group(self) -> None:
        end = self.pattern.find(">", self.at)
        name = self.pattern[self.at + 1 : end]
        if self.peek() != "<" or end < 0 or not name.isidentifier():
            raise Undecided
        self.at = end + 1

    def escape(self) -> Tree:
        letter = self.peek()
        if letter in ASSERTIONS and letter:
            self.at += 1
            return (ASSERTIONS[letter],)
        return ("is", self.escaped())

    def escaped(self) -> Test:
        """The test of an escape, inside brackets or outside."""
        letter = self.take()
        if letter in CLASSES:
            return CLASSES[letter]
        if letter in OPAQUE_ESCAPES:
            raise Undecided
        if letter in "pP":
            return self.category(letter == "P")
        literal = self.code(letter)
        return lambda each: each == literal

    def code(self, letter: str) -> str:
        if letter in CONTROLS:
            return CONTROLS[letter]
        if letter == "c":
            return chr(ord(self.take()) % 32)
        digits = self.pattern[self.at : self.at + CODE_LENGTHS.get(letter, 0)]
        if letter in CODE_LENGTHS and len(digits) == CODE_LENGTHS[letter]:
            try:
                point = int(digits, 16)
            except ValueError:
                return letter
            self.at += len(digits)
            return chr(point)
        return letter

    def category(self, negated: bool) -> Test:
        if self.skip("{"):
            end = self.pattern.find("}", self.at)
            name = self.pattern[self.at : end]
            self.at = end + 1
        else:
            end, name = 0, self.take()
        if end < 0 or name not in CATEGORIES:
            raise Undecided
        return lambda each: unicodedata.category(each).startswith(name) != negated

    def brackets(self) -> Tree:
        opened = self.at
        negated = self.skip("^")
        members = Members()
        first = True
        while first or self.peek() != "]":
            if not self.peek():
                raise PatternError(f"the [ at {opened} is never closed")
            if self.pattern.startswith("&&", self.at):
                raise Undecided
            if first and self.peek() == "]":
                break  # [] holds nothing, [^] everything
            self.member(members)
            first = False
        self.at += 1
        return ("is", lambda each: members.has(each) != negated)

    def member(self, members: Members) -> None:
        low = self.single()
        if not (self.peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("]", "")):
            members.add(low, low)
            return
        self.at += 1
        high = self.single()
        if isinstance(low, str) and isinstance(high, str) and low > high:
            raise PatternError(f"the range {low}-{high} runs backwards")
        members.add(low, high)

    def single(self) -> str | Test:
        """One letter of a bracket, or the test of a class such as \\d."""
        letter = self.take()
        if letter != "\\":
            return letter
        if (kind := self.peek()) in CLASSES or kind in "pP" or kind in OPAQUE_ESCAPES:
            return self.escaped()
        letter = self.take()
        return "\b" if letter == "b" else self.code(letter)


@dataclass(slots=True)
class Members:
    """What brackets hold: ranges of letters and tests."""

    ranges: list[tuple[str, str]] = field(default_factory=list)
    tests: list[Test] = field(default_factory=list)

    def add(self, low: str | Test, high: str | Test) -> None:
        if isinstance(low, str) and isinstance(high, str):
            self.ranges.append((low, high))
            return
        for each in (low, high):
            if isinstance(each, str):
                self.ranges.append((each, each))
            else:
                self.tests.append(each)

    def has(self, letter: str) -> bool:
        return any(low <= letter <= high for low, high in self.ranges) or any(
            test(letter) for test in self.tests
        )


ATOMS: dict[str, Callable[[Reader], Tree]] = {
    "(": Reader.group,
    "[": Reader.brackets,
    "\\": Reader.escape,
    ".": lambda _: ("is", lambda each: each not in LINE_ENDS),
    "^": lambda _: ("start",),
    "$": lambda _: ("end",),
}


def emit(part: Tree, program: list[Tree]) -> None:
    """Append the program of a tree; jumps hold absolute places."""
    if len(program) > PROGRAM_MAX:
        raise Undecided
    if part[0] == "all":
        # Even an empty group takes a place, so that (((){1000}){1000}){1000} runs into the limit.
        program.append(("jump", len(program) + 1))
        for each in part[1]:
            emit(each, program)
    elif part[0] == "any":
        emit_any(part[1], program)
    elif part[0] == "repeat":
        emit_repeat(part[1], part[2], part[3], program)
    else:
        program.append(part)


def emit_any(branches: list[Tree], program: list[Tree]) -> None:
    ends = []
    for branch in branches[:-1]:
        split = reserve(program)
        emit(branch, program)
        ends.append(reserve(program))
        program[split] = ("split", split + 1, len(program))
    emit(branches[-1], program)
    for end in ends:
        program[end] = ("jump", len(program))


def emit_repeat(part: Tree, least: int, most: int | None, program: list[Tree]) -> None:
    for _ in range(least):
        emit(part, program)
    if most is None:
        split = reserve(program)
        emit(part, program)
        program.append(("jump", split))
        program[split] = ("split", split + 1, len(program))
        return
    splits = []
    for _ in range(most - least):
        splits.append(reserve(program))
        emit(part, program)
    for split in splits:
        program[split] = ("split", split + 1, len(program))


def reserve(program: list[Tree]) -> int:
    program.append(())
    return len(program) - 1


def run(program: tuple[Tree, ...], name: str) -> bool:
    """Follow every branch at once: the set of places reached, letter by letter."""
    reached: list[int] = []
    for at in range(len(name) + 1):
        places = spread(program, [*reached, 0], name, at)
        if places is None:
            return True
        letter = name[at : at + 1]
        reached = [place + 1 for place in places if letter and program[place][1](letter)]
    return False


def spread(program: tuple[Tree, ...], starts: list[int], name: str, at: int) -> list[int] | None:
    """The letters tested next, through jumps, splits and assertions; None when the end is among them."""
    seen: set[int] = set()
    waiting, letters = starts, []
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        step = program[place]
        if step[0] == "match":
            return None
        if step[0] == "is":
            letters.append(place)
        elif step[0] in ("jump", "split"):
            waiting.extend(step[1:])
        elif holds(step[0], name, at):
            waiting.append(place + 1)
    return letters


def holds(assertion: str, name: str, at: int) -> bool:
    if assertion == "start":
        return at == 0
    if assertion == "end":
        return at == len(name)
    before = at > 0 and name[at - 1] in WORD
    after = at < len(name) and name[at] in WORD
    return (before != after) == (assertion == "word")
