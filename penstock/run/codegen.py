"""Typed expressions to Python source for one row, fast first.

In:  typed nodes; columns name the Python expression they are read by. Out: source text, the statements that
must stand before it, and the constants it calls by name.

    TRIM(COUNTRY)           (None if (t1 := r0.c7) is None else sql_trim(t1))
    QUANTITY > 0            (r0_c3 is not None and r0_c3 > 0)
    QUANTITY * UNIT_PRICE   (r0_c3 * r0_c4)          NULL raises here, and the row takes the slow path

What ksqlDB counts as an error raises; the caller turns that into NULL and a line of the processing log.
Sub-expressions that several outputs need are computed once, into locals, by `share`. How each kind of node is
written stands in codegen_nodes.py, its table at the end.
"""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from penstock.language.expressions import (
    BetweenOf,
    CallOf,
    CaseOf,
    ColumnRef,
    ComparisonOf,
    IntervalLiteral,
    LambdaExpression,
    Literal,
    LogicalOf,
    ParameterRef,
    Typed,
    children,
    rebuilt,
)
from penstock.run.codegen_held import ROWTIME_SLOT, held_parts
from penstock.run.codegen_nodes import WRITERS
from penstock.run.facts import deterministic, free_parameters, may_be_non_finite, may_fail, nullable
from penstock.run.headers import HEADER_HELPERS
from penstock.run.runtime import HELPERS

__all__ = ["Emitter", "may_be_non_finite"]

UNSAFE = re.compile(r"\W+")
SIMPLE_CONSTANTS = (bool, int, float, str, bytes, Decimal, type(None))


class Emitter:
    """Collects the source for one row.

    `constants` become the globals of the generated function. `careful` is the slow path: an element of a
    constructor that fails becomes NULL alone, which the fast path leaves to the slow one.
    """

    def __init__(self, constants: dict[str, Any], careful: bool = False) -> None:
        self.constants = constants
        self.careful = careful
        self.lines: list[str] = []
        self.opening: list[str] = []
        """Statements that must stand before the loop."""
        self._shared: dict[Typed, str] = {}
        self._simplified: dict[Typed, Typed] = {}
        self._never_null: set[Typed] = set()
        self._temps = 0
        constants.update({**HELPERS, **HEADER_HELPERS})

    # --- what the compiler asks for ---

    def expression(self, node: Typed) -> str:
        """Source of the value; None is NULL."""
        node = self.simplified(node)
        shared = self._shared.get(node)
        return shared if shared is not None else WRITERS[type(node)](self, node)

    def condition(self, node: Typed) -> str:
        """Source for `if`: NULL counts as not matching; an error is still an error."""
        source = self.expression(node)
        whole = source.startswith("(") and source.endswith(")") and _encloses(source)
        return source[1:-1] if whole and ":=" not in source else source

    def share(self, nodes: Iterable[Typed]) -> None:
        """Put what these expressions have in common into locals, by statements appended to `lines`.

        Only what is evaluated in any case moves up: never a branch of CASE, the right of AND and OR, a lambda
        body. A column that is read twice anywhere is loaded once.
        """
        roots = [self.simplified(node) for node in nodes]
        everywhere, always = Counter[Typed](), Counter[Typed]()
        for root in roots:
            _count(root, everywhere, self._shared, always_only=False)
            _count(root, always, self._shared, always_only=True)
        for node in always:
            if everywhere[node] > 1 and self._worth_sharing(node):
                self._assign(node)
        for node in everywhere:
            if everywhere[node] > 1 and isinstance(node, ColumnRef) and self._worth_sharing(node):
                self._assign(node)

    def hold(self, nodes: Iterable[Typed]) -> None:
        """Put what is the same for all rows of a span of event time into locals that outlive the row.

        A row that fails on the way leaves an empty span behind, so that nothing half computed is used.
        """
        parts, span = held_parts([self.simplified(node) for node in nodes], _always)
        if not parts:
            return
        before, self.lines = self.lines, []
        for part in parts:
            self._assign(part)
        inside, self.lines = self.lines, before
        self.opening.append("held_from = held_upto = 0")
        self.lines.append(f"if not held_from <= {ROWTIME_SLOT} < held_upto:")
        inside = ["held_upto = held_from", *inside, f"held_from = {ROWTIME_SLOT} - {ROWTIME_SLOT} % {span}"]
        # Before 1970 whole numbers are divided towards zero, so a span has other bounds there.
        inside += [f"held_upto = held_from + {span} if held_from >= 0 else held_from"]
        self.lines += [f"    {line}" for line in inside]

    # --- what the writers ask for ---

    def boolean(self, node: Typed) -> str:
        """Source of an operand that must not be NULL: of AND, OR, NOT and WHEN."""
        if not self.may_be_null(node):
            return self.expression(node)
        first, again = self.atom(node)
        return f"({again} if {first} is not None else null_boolean())"

    def may_be_null(self, node: Typed) -> bool:
        node = self.simplified(node)
        return node not in self._never_null and nullable(node)

    @contextmanager
    def known(self, node: Typed, name: str) -> Iterator[None]:
        """Inside, the node's value is in a local and is not NULL."""
        node = self.simplified(node)
        before = self._shared.get(node)
        self._shared[node] = name
        self._never_null.add(node)
        try:
            yield
        finally:
            self._never_null.discard(node)
            if before is None:
                del self._shared[node]
            else:
                self._shared[node] = before

    def atom(self, node: Typed) -> tuple[str, str]:
        """Source for the first use, which keeps the value, and for every later one."""
        source = self.expression(node)
        if source.isidentifier() or isinstance(self.simplified(node), Literal):
            return source, source
        name = self.temp()
        return f"({name} := {source})", name

    def temp(self) -> str:
        self._temps += 1
        return f"t{self._temps}"

    def constant(self, value: Any, name: str) -> str:
        """A global that holds the value, named as asked or numbered."""
        base = UNSAFE.sub("_", name).strip("_") or "constant"
        base = f"{base}_" if keyword.iskeyword(base) or not base.isidentifier() else base
        candidate, number = base, 1
        while not _same(self.constants.setdefault(candidate, value), value):
            number += 1
            candidate = f"{base}_{number}"
        return candidate

    def simplified(self, node: Typed) -> Typed:
        """The node with constant parts computed."""
        known = self._simplified.get(node)
        if known is None:
            known = self._simplified[node] = self._compute(rebuilt(node, self.simplified))
            self._simplified[known] = known
        return known

    def _compute(self, node: Typed) -> Typed:
        if isinstance(node, Literal | ColumnRef | ParameterRef | IntervalLiteral | LambdaExpression):
            return node
        if not all(isinstance(child, Literal | IntervalLiteral) for child in children(node)):
            return node
        if isinstance(node, CallOf) and not node.function.deterministic:
            return node
        scratch = Emitter({}, self.careful)
        scratch._simplified[node] = node
        try:
            value = eval(WRITERS[type(node)](scratch, node), scratch.constants)
        except Exception:
            # It fails for every row; it must fail at the row, where the log can say so.
            return node
        return Literal(node.type, value) if isinstance(value, SIMPLE_CONSTANTS) else node

    def _worth_sharing(self, node: Typed) -> bool:
        if node in self._shared or isinstance(
            node, Literal | IntervalLiteral | LambdaExpression | ParameterRef
        ):
            return False
        if isinstance(node, ColumnRef):
            return not node.slot.isidentifier()
        return deterministic(node) and not free_parameters(node)

    def _assign(self, node: Typed) -> None:
        source = self.expression(node)
        if not source.isidentifier():
            name = UNSAFE.sub("_", node.slot).strip("_") if isinstance(node, ColumnRef) else self.temp()
            self.lines.append(f"{name} = {source}")
            source = name
        self._shared[node] = source


def _same(known: Any, value: Any) -> bool:
    return known is value or (isinstance(value, Decimal) and repr(known) == repr(value))


def _encloses(source: str) -> bool:
    """Whether the first parenthesis closes at the very end."""
    if '"' in source or "'" in source:
        return False
    depth = 0
    for position, character in enumerate(source):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return position == len(source) - 1
    return False


def _count(node: Typed, counter: Counter[Typed], known: Mapping[Typed, str], always_only: bool) -> None:
    """Occurrences, children before parents; what stands inside a repeated node counts once."""
    if node in known:
        return
    if counter[node]:
        counter[node] += 1
        return
    parts = _always(node) if always_only else tuple(children(node))
    for child in parts:
        _count(child, counter, known, always_only)
    # A Counter keeps the order of insertion, so the statements come out innermost first.
    del counter[node]
    counter[node] = 1


def _always(node: Typed) -> Sequence[Typed]:
    """The children that are evaluated whenever the node is."""
    match node:
        case LogicalOf(left=left):
            return (left,)
        case CaseOf(whens=whens):
            return (whens[0][0],)
        case LambdaExpression():
            return ()
        case ComparisonOf(operator=operator, left=left, right=right):
            skips = not operator.startswith("IS") and nullable(left) and may_fail(right)
            return (left,) if skips else (left, right)
        case BetweenOf(value=value, low=low):
            return (value,) if nullable(value) and may_fail(low) else (value, low)
    return tuple(children(node))
