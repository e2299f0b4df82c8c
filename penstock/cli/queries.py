"""Does a query run already? Compares an INSERT INTO ... SELECT with what a server shows of a running one.

In:  our text as written, a running query's text in the server's spelling. Out: whether they mean the same.

    ours     INSERT INTO t SELECT id, n * 2 AS m FROM s
    theirs   INSERT INTO T SELECT S.ID ID, (S.N * 2) M FROM S S EMIT CHANGES

No server spells ours for us, as it does for a CREATE (definitions.py), so both are parsed: layout, brackets,
units and spelling of types are gone with that. What a server adds (qualifiers, aliases, EMIT CHANGES, the
columns of a star) agrees with its absence; everything else must be equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from penstock.language import ast
from penstock.language.parser import parse_statement

Items = tuple[ast.SelectItem | ast.SelectStar | ast.SelectStructStar, ...]


def same_query(ours: str, theirs: str, variables: Mapping[str, str] | None = None) -> bool:
    """`variables` are those of ours. Raises StatementError when a text is beyond our grammar."""
    left, right = parse_statement(ours, variables=variables), parse_statement(theirs)
    if not isinstance(left, ast.InsertSelect) or not isinstance(right, ast.InsertSelect):
        return False
    return left.target == right.target and agree(left.query, right.query)


def agree(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(agree, left, right))
    if isinstance(left, ast.Node):
        return AGREEMENTS.get(type(left), same_fields)(left, right)
    return bool(left == right)


def same_fields(left: ast.Node, right: ast.Node, *without: str) -> bool:
    """Every field agrees that takes part in the comparison of nodes."""
    names = [each.name for each in fields(left) if each.compare and each.name not in without]
    return all(agree(getattr(left, name), getattr(right, name)) for name in names)


def same_name(left: ast.Name, right: ast.Name) -> bool:
    return left.name == right.name and (None in (left.qualifier, right.qualifier) or left == right)


def same_item(left: ast.SelectItem, right: ast.SelectItem) -> bool:
    return label(left) == label(right) and agree(left.expression, right.expression)


def label(item: ast.SelectItem) -> str | None:
    plain = item.expression.name if isinstance(item.expression, ast.Name) else None
    return item.alias or plain


def same_whole_query(left: ast.Query, right: ast.Query) -> bool:
    rest = same_fields(left, right, "select", "emit")
    return rest and (left.emit or "CHANGES") == (right.emit or "CHANGES") and same_select(left, right)


def same_select(left: ast.Query, right: ast.Query) -> bool:
    """A star stands for the plain columns of its source; which, only the server knows."""
    stars = [is_star(query.select) for query in (left, right)]
    if any(stars) and not all(stars):
        return all(is_plain(item) for item in (right if stars[0] else left).select)
    return agree(left.select, right.select)


def is_star(items: Items) -> bool:
    return len(items) == 1 and isinstance(items[0], ast.SelectStar)


def is_plain(item: Any) -> bool:
    return (
        isinstance(item, ast.SelectItem)
        and isinstance(item.expression, ast.Name)
        and item.alias in (None, item.expression.name)
    )


AGREEMENTS: dict[type[ast.Node], Callable[..., bool]] = {
    ast.Name: same_name,
    ast.SelectItem: same_item,
    ast.Query: same_whole_query,
}
