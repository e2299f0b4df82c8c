"""Queries: SELECT with its clauses in their one order.

In:  the cursor at SELECT. Out: an ast.Query.

    SELECT items FROM source [joins] [WINDOW w] [WHERE b] [GROUP BY e, ..] [PARTITION BY e, ..] [HAVING b]
    [EMIT CHANGES | FINAL] [LIMIT n]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from penstock.language import ast
from penstock.language.cursor import NAME_KINDS, Cursor
from penstock.language.durations import PLURALS, Duration
from penstock.language.lexer import END, NUMBERS, VARIABLE
from penstock.language.parse_expressions import expression, primary, value

CLAUSES = ("JOIN", "WINDOW", "WHERE", "GROUP", "PARTITION", "HAVING", "EMIT", "LIMIT")
JOIN_KINDS = {"INNER": "INNER", "LEFT": "LEFT", "RIGHT": "RIGHT", "FULL": "OUTER"}


def query(c: Cursor) -> ast.Query:
    at = c.position()
    c.expect("SELECT")
    select = _select_items(c)
    source = _relation(c)
    joins = []
    while c.kind == "JOIN" or c.kind in JOIN_KINDS:
        joins.append(_join(c))
    found = ast.Query(
        select=select,
        source=source,
        joins=tuple(joins),
        window=_window(c) if c.accept("WINDOW") else None,
        where=expression(c) if c.accept("WHERE") else None,
        group_by=_grouping(c) if c.accept("GROUP", "BY") else None,
        partition_by=_grouping(c) if c.accept("PARTITION", "BY") else None,
        having=expression(c) if c.accept("HAVING") else None,
        emit=_emit(c),
        limit=_limit(c) if c.accept("LIMIT") else None,
        at=at,
    )
    if c.kind not in (";", END):
        c.fail_after(CLAUSES)
    return found


def persistent_query(c: Cursor) -> ast.Query:
    """A query that goes on for ever emits changes unless it says otherwise."""
    found = query(c)
    return found if found.emit else replace(found, emit="CHANGES")


# --- what is selected --------------------------------------------------------------------------------


def _select_items(c: Cursor) -> tuple[ast.SelectItem | ast.SelectStar | ast.SelectStructStar, ...]:
    items = [_select_item(c)]
    while c.accept(","):
        items.append(_select_item(c))
    if c.kind != "FROM":
        c.fail_expecting(",", "FROM")
    c.next()
    return tuple(items)


def _select_item(c: Cursor) -> ast.SelectItem | ast.SelectStar | ast.SelectStructStar:
    at = c.position()
    if c.accept("*"):
        return ast.SelectStar(at=at)
    if c.kind in NAME_KINDS and c.ahead() == "." and c.ahead(2) == "*":
        qualifier = c.name()
        c.expect(".", "*")
        return ast.SelectStar(qualifier, at=at)
    start = c.index
    item = expression(c)
    if c.kind == "->":
        # Only a primary has fields: `a + b->*` means nothing.
        c.index = start
        item = primary(c)
        if not c.accept("->", "*"):
            c.fail_near()
        return ast.SelectStructStar(item, at=at)
    return ast.SelectItem(item, _alias(c), at=at)


def _alias(c: Cursor) -> str | None:
    if c.accept("AS"):
        return c.name()
    return c.name() if c.kind in NAME_KINDS or c.kind == VARIABLE else None


# --- where it comes from -----------------------------------------------------------------------------


def _relation(c: Cursor) -> ast.Relation:
    at = c.position()
    name = c.name()
    if c.accept("AS"):
        return ast.Relation(name, c.name(), at=at)
    return ast.Relation(name, name if _sees_clause(c) else _alias(c) or name, at=at)


def _sees_clause(c: Cursor) -> bool:
    """EMIT and PARTITION are free words: what follows tells a clause from an alias."""
    return c.sees("PARTITION", "BY") or c.sees("EMIT", "CHANGES") or c.sees("EMIT", "FINAL")


def _join(c: Cursor) -> ast.Join:
    at = c.position()
    kind = JOIN_KINDS.get(c.kind, "INNER")
    if c.kind != "JOIN":
        c.next()
        if kind != "INNER":
            c.accept("OUTER")
    c.expect("JOIN")
    right = _relation(c)
    within = _within(c) if c.kind == "WITHIN" else None
    c.expect("ON")
    return ast.Join(kind, right, expression(c), within, at=at)


def _within(c: Cursor) -> ast.Within:
    """WITHIN 10 SECONDS, or WITHIN (before, after), with GRACE PERIOD."""
    at = c.position()
    c.expect("WITHIN")
    if c.accept("("):
        before = duration(c)
        c.expect(",")
        after = duration(c)
        c.expect(")")
        text = f"({before}, {after})"
    else:
        before = after = duration(c)
        text = f"{before}"
    grace = duration(c) if c.accept("GRACE", "PERIOD") else None
    text += f" GRACE PERIOD {grace}" if grace else ""
    return ast.Within(before.ms, after.ms, grace.ms if grace else None, text, at=at)


def duration(c: Cursor) -> Duration:
    amount = c.whole()
    if c.kind not in PLURALS:
        c.fail_near()
    return Duration(amount, PLURALS[c.next().kind])


# --- windows -----------------------------------------------------------------------------------------


def _window(c: Cursor) -> ast.Window:
    at = c.position()
    if c.kind not in WINDOWS or c.ahead() != "(":
        # A window may have a name, which nothing ever uses.
        c.name()
    kind = c.kind
    if kind not in WINDOWS:
        c.fail_expecting(*WINDOWS)
    c.next()
    c.expect("(")
    parts = WINDOWS[kind](c)
    if c.accept(",", "RETENTION"):
        parts["RETENTION"] = duration(c)
    if c.accept(",", "GRACE"):
        c.expect("PERIOD")
        parts["GRACE PERIOD"] = duration(c)
    c.expect(")")
    return _window_of(kind, parts, at)


def _window_of(kind: str, parts: dict[str, Duration], at: ast.Position) -> ast.Window:
    ms = {label: part.ms for label, part in parts.items()}
    text = " , ".join(f"{label} {part}".strip() for label, part in parts.items())
    return ast.Window(
        kind,
        ms["SIZE" if "SIZE" in ms else ""],
        advance_ms=ms.get("ADVANCE BY"),
        grace_ms=ms.get("GRACE PERIOD"),
        retention_ms=ms.get("RETENTION"),
        text=f"{kind} ( {text} ) ",
        at=at,
    )


def _tumbling(c: Cursor) -> dict[str, Duration]:
    c.expect("SIZE")
    return {"SIZE": duration(c)}


def _hopping(c: Cursor) -> dict[str, Duration]:
    parts = _tumbling(c)
    c.expect(",", "ADVANCE", "BY")
    return {**parts, "ADVANCE BY": duration(c)}


def _session(c: Cursor) -> dict[str, Duration]:
    return {"": duration(c)}


WINDOWS: dict[str, Callable[[Cursor], dict[str, Duration]]] = {
    "TUMBLING": _tumbling,
    "HOPPING": _hopping,
    "SESSION": _session,
}


# --- how it is grouped, emitted and limited ----------------------------------------------------------


def _grouping(c: Cursor) -> tuple[ast.Expression, ...]:
    """`a, b`, or the same in one pair of brackets, which may be empty."""
    if c.accept("(", ")"):
        return ()
    bracketed = c.kind == "(" and _holds_a_list(c)
    if bracketed:
        c.next()
    found = [value(c)]
    while c.accept(","):
        found.append(value(c))
    if bracketed:
        c.expect(")")
    return tuple(found)


def _holds_a_list(c: Cursor) -> bool:
    """Whether the bracket that opens here holds the whole clause: `(a, b)`, not `(a), b` or `(a = b)`."""
    depth, commas, count = 0, 0, 0
    while c.ahead(count) != END:
        kind = c.ahead(count)
        depth += (kind in "([") - (kind in ")]")
        commas += kind == "," and depth == 1
        if depth == 0:
            return commas > 0 and c.ahead(count + 1) in AFTER_GROUPING
        count += 1
    return False


AFTER_GROUPING = frozenset((";", END, "PARTITION", "HAVING", "EMIT", "LIMIT"))


def _emit(c: Cursor) -> str | None:
    if not c.accept("EMIT"):
        return None
    if c.kind not in ("CHANGES", "FINAL"):
        c.fail_expecting("CHANGES", "FINAL")
    return c.next().kind


def _limit(c: Cursor) -> int:
    at = c.position()
    if c.kind != "-" and c.kind not in NUMBERS and c.kind != VARIABLE:
        c.fail_near()
    number = c.literal()
    if not isinstance(number, int):
        raise c.refused("Value must be integer for command: LIMIT", at)
    return number
