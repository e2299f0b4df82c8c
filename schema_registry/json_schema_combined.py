"""Schemas made of others: allOf, anyOf, oneOf against each other, and against a plain schema.

In:  two nodes of which at least one is combined. Out: changes, as in json_schema_rules.py.

Members are compared each with each; what fits becomes an edge, and as many pairs as possible are formed:

    old  string   number          string -- string | null
    new  number | null, string    number -- number | null    two pairs, nobody is left over
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from schema_registry.json_schema_changes import Change
from schema_registry.json_schema_documents import Place
from schema_registry.json_schema_nodes import ALL_OF, ANY_OF, ONE_OF, Child, CombinedNode, Node
from schema_registry.json_schema_rules import Ask, Outcome, Steps, moved


def plain_to_combined(old: Node, new: CombinedNode) -> Steps:
    """A plain schema became a choice that one of the members reads; empty when none does."""
    if len(new.members) != 1 and new.criterion == ALL_OF:
        return []
    for member in new.members:
        outcome = yield Ask(old, member)
        if outcome.compatible:
            widened = [Change("SUM_TYPE_EXTENDED")] if len(new.members) != 1 else []
            return [*outcome.changes, *widened, FITS]
    return []


def combined_to_plain(old: CombinedNode, new: Node) -> Steps:
    """One of several conditions is left, and it reads what that member allowed; empty when none does."""
    if len(old.members) != 1 and old.criterion != ALL_OF:
        return []
    for member in old.members:
        outcome = yield Ask(member, new)
        if outcome.compatible:
            less = [Change("PRODUCT_TYPE_NARROWED")] if len(old.members) != 1 else []
            return [*outcome.changes, *less, FITS]
    return []


FITS = Change("")
"""Ends the list of a special case that applies, so that it is told from one that does not."""


def combined_rule(old: CombinedNode, new: CombinedNode) -> Steps:
    changes = criterion_changes(old, new)
    if changes and changes[0].kind == "COMBINED_TYPE_CHANGED":
        return changes
    before, after = distinct(old.members), distinct(new.members)
    changes += size_changes(old, new, len(before), len(after))
    edges: dict[tuple[int, int], Outcome] = {}
    twins = equal_pairs(before, after)
    for left, member in enumerate(before):
        if left in twins:
            continue
        for right, other in enumerate(after):
            if right not in twins.values():
                outcome = yield Ask(member, other)
                if outcome.compatible:
                    edges[left, right] = outcome
    pairs = largest_matching(len(before), len(after), edges)
    for left, right in sorted(pairs.items()):
        changes += moved(edges[left, right].changes, old.criterion, str(left))
    if len(pairs) + len(twins) < min(len(before), len(after)):
        changes.append(Change("COMBINED_TYPE_SUBSCHEMAS_CHANGED"))
    return changes


def criterion_changes(old: CombinedNode, new: CombinedNode) -> list[Change]:
    if old.criterion == new.criterion:
        return []
    one_before, one_after = len(old.members) == 1, len(new.members) == 1
    wider = (
        new.criterion == ANY_OF
        or (one_before and (one_after or new.criterion == ONE_OF))
        or (one_after and old.criterion == ALL_OF)
    )
    kind = "COMBINED_TYPE_EXTENDED" if wider else "COMBINED_TYPE_CHANGED"
    return [Change(kind, "", old.criterion, new.criterion)]


def size_changes(old: CombinedNode, new: CombinedNode, before: int, after: int) -> list[Change]:
    if before < after:
        return [Change("PRODUCT_TYPE_EXTENDED" if new.criterion == ALL_OF else "SUM_TYPE_EXTENDED")]
    if before > after:
        return [Change("PRODUCT_TYPE_NARROWED" if old.criterion == ALL_OF else "SUM_TYPE_NARROWED")]
    return []


def distinct(members: Sequence[Child]) -> list[Child]:
    """Members written twice count once; two names for the same thing count as two."""
    first: dict[object, Child] = {}
    for member in members:
        said = member.marks()[0] if isinstance(member, Place) else None
        first.setdefault(said or id(member), member)
    return [*first.values()]


def equal_pairs(before: Sequence[Child], after: Sequence[Child]) -> dict[int, int]:
    """Members that did not change, paired beforehand.

    No pairing is lost by it: what another member could pair with one of the two, it can with the other.
    """
    marks = [each.fingerprint() if isinstance(each, Place) else None for each in before]
    places = {each.fingerprint(): at for at, each in enumerate(after) if isinstance(each, Place)}
    return {at: places[mark] for at, mark in enumerate(marks) if mark is not None and mark in places}


def largest_matching(lefts: int, rights: int, edges: dict[tuple[int, int], Outcome]) -> dict[int, int]:
    """As many pairs as there can be (augmenting paths, breadth first), without recursion."""
    choices: list[list[int]] = [[] for _ in range(lefts)]
    for left, right in edges:
        choices[left].append(right)
    partner: dict[int, int] = {}
    pair_of: dict[int, int] = {}
    for start in range(lefts):
        free, came_from = free_right(start, choices, partner)
        while free is not None:
            left = came_from[free]
            freed = pair_of.get(left)
            partner[free], pair_of[left] = left, free
            free = freed if left != start else None
    return pair_of


def free_right(
    start: int, choices: Sequence[Sequence[int]], partner: dict[int, int]
) -> tuple[int | None, dict[int, int]]:
    """A right member without a partner that `start` can reach, and how each one on the way was reached."""
    came_from: dict[int, int] = {}
    waiting = deque((start,))
    while waiting:
        left = waiting.popleft()
        for right in choices[left]:
            if right in came_from:
                continue
            came_from[right] = left
            if right not in partner:
                return right, came_from
            waiting.append(partner[right])
    return None, came_from
