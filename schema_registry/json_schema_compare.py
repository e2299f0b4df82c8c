"""Compares two JSON Schemas, however deep and however circular.

In:  the places of the old and the new schema, and the compatibilityPolicy.
Out: every change, with its path from the top.

Rules ask for pairs of children; this file keeps the open questions on a stack of its own:

    rule(old, new) --Ask--> rule(children) --Ask--> ...         an answered pair is remembered
                   <-Outcome--             <-Outcome--          an open one that is asked again is a circle

A circle counts as compatible, as it adds nothing by itself. Should the pair turn out not to be, that was a
wrong guess, and everything is compared again with the better one, until no guess is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from schema_registry.json_schema_changes import CHANGES, CIRCLE, TOO_MUCH, Change
from schema_registry.json_schema_combined import FITS, combined_rule, combined_to_plain, plain_to_combined
from schema_registry.json_schema_documents import Place
from schema_registry.json_schema_nodes import (
    ARRAY,
    BOOLEAN,
    COMBINED,
    CONDITIONAL,
    CONST,
    EMPTY,
    ENUM,
    FALSE,
    NOT,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    TRUE,
    Child,
    CombinedNode,
    Node,
    read,
)
from schema_registry.json_schema_rules import (
    Ask,
    Outcome,
    Rule,
    Steps,
    array_rule,
    const_rule,
    enum_rule,
    kind_name,
    not_rule,
    nothing,
    number_rule,
    object_rule,
    string_rule,
)

QUESTIONS_MAX = 150_000

RULES: dict[str, Rule] = {
    STRING: string_rule,
    NUMBER: number_rule,
    OBJECT: object_rule,
    ARRAY: array_rule,
    ENUM: enum_rule,
    CONST: const_rule,
    NOT: not_rule,
    COMBINED: combined_rule,
    CONDITIONAL: nothing,
    **dict.fromkeys((EMPTY, TRUE, FALSE, BOOLEAN, NULL), nothing),
}

SAME = Outcome((), True)

Pair = tuple[int, int]


class TooMuch(Exception):
    """More questions than are worth answering."""


@dataclass(slots=True)
class Frame:
    pair: Pair
    steps: Steps


@dataclass(slots=True)
class Comparison:
    policy: str
    answers: dict[Pair, Outcome] = field(default_factory=dict)
    open: set[Pair] = field(default_factory=set)
    guessed: set[Pair] = field(default_factory=set)
    refuted: set[Pair] = field(default_factory=set)
    questions: int = 0

    def compare(self, old: Place, new: Place) -> Outcome:
        while True:
            self.answers.clear()
            self.guessed.clear()
            known = len(self.refuted)
            outcome = self.answered(old, new)
            if len(self.refuted) == known:
                return outcome

    def answered(self, old: Child, new: Child) -> Outcome:
        """The loop over open questions."""
        answer = self.known(Ask(old, new))
        if answer is not None:
            return answer
        stack = [self.opened(read(old), read(new))]
        while True:
            frame = stack[-1]
            try:
                ask = next(frame.steps) if answer is None else frame.steps.send(answer)
            except StopIteration as done:
                answer = self.closed(frame, done.value)
                stack.pop()
                if not stack:
                    return answer
                continue
            answer = self.known(ask)
            if answer is None:
                assert ask.old is not None and ask.new is not None
                stack.append(self.opened(read(ask.old), read(ask.new)))

    def known(self, ask: Ask) -> Outcome | None:
        """The answer to a question that needs no work, or was worked out before."""
        self.questions += 1
        if self.questions > QUESTIONS_MAX:
            raise TooMuch
        if ask.old is None or ask.new is None:
            if ask.old is ask.new:
                return SAME
            return self.outcome([Change("SCHEMA_ADDED" if ask.old is None else "SCHEMA_REMOVED")])
        if unchanged(ask.old, ask.new):
            return SAME
        pair = (id(read(ask.old)), id(read(ask.new)))
        if pair in self.open:
            self.guessed.add(pair)
            return self.outcome([Change(CIRCLE)] if pair in self.refuted else [])
        return self.answers.get(pair)

    def opened(self, old: Node, new: Node) -> Frame:
        pair = (id(old), id(new))
        self.open.add(pair)
        return Frame(pair, compared(old, new))

    def closed(self, frame: Frame, changes: list[Change]) -> Outcome:
        outcome = self.answers[frame.pair] = self.outcome(changes)
        self.open.discard(frame.pair)
        if not outcome.compatible and frame.pair in self.guessed:
            self.refuted.add(frame.pair)
        return outcome

    def outcome(self, changes: list[Change]) -> Outcome:
        return Outcome(tuple(changes), not any(breaks(change, self.policy) for change in changes))


def unchanged(old: Child, new: Child) -> bool:
    if not (isinstance(old, Place) and isinstance(new, Place)):
        return False
    mark = old.fingerprint()
    return mark is not None and mark == new.fingerprint()


def compared(old: Node, new: Node) -> Steps:
    """The rule that stands above all kinds."""
    if isinstance(old, CombinedNode) != isinstance(new, CombinedNode):
        special = plain_to_combined if isinstance(new, CombinedNode) else combined_to_plain
        changes = yield from special(old, new)  # type: ignore[arg-type]
        if changes:
            assert changes.pop() is FITS
            return changes
    if old.kind != new.kind:
        return kind_changes(old, new)
    changes = yield from RULES[old.kind](old, new)
    return [*note_changes(old, new), *changes]


def kind_changes(old: Node, new: Node) -> list[Change]:
    if old.kind == FALSE or new.kind in (EMPTY, TRUE):
        return []
    if old.notes.connect_type == new.notes.connect_type == "bytes":
        return []
    return [Change("TYPE_CHANGED", "", kind_name(old), kind_name(new))]


def note_changes(old: Node, new: Node) -> Iterator[Change]:
    if old.notes == new.notes:
        return
    for note in ("id", "title", "description", "default"):
        if getattr(old.notes, note) != getattr(new.notes, note):
            yield Change(f"{note.upper()}_CHANGED")


def changes_between(old: Place, new: Place, policy: str) -> list[Change]:
    """Every change from the old to the new schema, with its whole path."""
    try:
        outcome = Comparison(policy).compare(old, new)
    except TooMuch:
        return [Change(TOO_MUCH, "#/")]
    # A circle breaks because of something else, which is told by itself.
    told = any(breaks(change, policy) and change.kind != CIRCLE for change in outcome.changes)
    return [
        replace(change, path=f"#/{change.path}")
        for change in outcome.changes
        if change.kind != CIRCLE or not told
    ]


def breaks(change: Change, policy: str) -> bool:
    return not CHANGES[change.kind].compatible(policy)
