"""Types as statements spell them.

In:  the cursor. Out: SqlType values. Names of custom types (CREATE TYPE) are resolved here, so that nothing
below knows them.

    STRUCT<A INT, B ARRAY<VARCHAR(20)>>      DECIMAL(10, 2)      INT ARRAY      ADDRESS
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.errors import Position, did_you_mean
from penstock.language.cursor import Cursor
from penstock.language.lexer import WHOLE, name_of
from penstock.types import ALIASES, PRIMITIVES, Array, Decimal, Map, SqlType, Struct


def parse_type(c: Cursor) -> SqlType:
    at = c.position()
    build = BUILDERS.get(c.kind)
    # MAP and its like are free words: only their bracket makes them a type of their own.
    kind = build(c) if build and c.ahead() in ("<", "(", "<>") else _named(c, at)
    while c.accept("ARRAY"):
        kind = Array(kind)
    return kind


def _named(c: Cursor, at: Position) -> SqlType:
    if c.kind in ("DECIMAL", "NULL"):
        c.fail_near()
    token = c.name_token()
    if c.kind == "(":
        _skip_parameters(c)
    name = name_of(token)
    for known in (PRIMITIVES, ALIASES, c.types):
        if name in known:
            return known[name]
    hint = did_you_mean(name, (*PRIMITIVES, *ALIASES, *c.types))
    raise c.refused(f"Cannot resolve unknown type: {name}.{hint}", at)


def _skip_parameters(c: Cursor) -> None:
    """VARCHAR(20): the length means nothing."""
    c.open()
    while True:
        if c.kind not in ("STRING", WHOLE):
            c.fail_expecting("STRING", WHOLE)
        c.next()
        if not c.accept(","):
            break
    c.close()


def _decimal(c: Cursor) -> SqlType:
    at = c.position()
    c.expect("DECIMAL", "(")
    precision = c.whole()
    c.expect(",")
    scale = c.whole()
    c.expect(")")
    try:
        return Decimal(precision, scale)
    except ValueError as wrong:
        raise c.refused(str(wrong), at) from wrong


def _array(c: Cursor) -> SqlType:
    c.expect("ARRAY", "<")
    item = _inner(c)
    _end(c)
    return Array(item)


def _map(c: Cursor) -> SqlType:
    c.expect("MAP", "<")
    key = _inner(c)
    c.expect(",")
    value = _inner(c)
    _end(c)
    return Map(key, value)


def _struct(c: Cursor) -> SqlType:
    c.expect("STRUCT")
    if c.accept("<>"):
        return Struct(())
    c.expect("<")
    fields: list[tuple[str, SqlType]] = []
    if c.kind != ">":
        fields.append((c.name(), _inner(c)))
        while c.accept(","):
            fields.append((c.name(), _inner(c)))
    _end(c)
    return Struct(tuple(fields))


def _inner(c: Cursor) -> SqlType:
    c.depth += 1
    kind = parse_type(c)
    c.depth -= 1
    return kind


def _end(c: Cursor) -> None:
    if c.kind != ">":
        c.fail_expecting(",", ">")
    c.next()


BUILDERS: dict[str, Callable[[Cursor], SqlType]] = {
    "DECIMAL": _decimal,
    "ARRAY": _array,
    "MAP": _map,
    "STRUCT": _struct,
}
