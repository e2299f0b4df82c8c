"""Walking and rewriting syntax trees without a visitor class for each node kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from penstock.language import ast

E = TypeVar("E", bound=ast.Node)


def rewrite(node: E, change: Callable[[ast.Node], ast.Node | None]) -> E:
    """A tree with `change` applied from the top: a node it returns takes the place of the old one whole."""
    changed = change(node)
    if changed is not None:
        return changed  # type: ignore[return-value]
    replaced: dict[str, Any] = {}
    for name in _child_fields(type(node)):
        before = getattr(node, name)
        after = _rewrite_value(before, change)
        if after is not before:
            replaced[name] = after
    return dataclasses.replace(node, **replaced) if replaced else node


def _rewrite_value(value: Any, change: Callable[[ast.Node], ast.Node | None]) -> Any:
    if isinstance(value, ast.Node):
        return rewrite(value, change)
    if isinstance(value, tuple):
        items = tuple(_rewrite_value(item, change) for item in value)
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def walk(node: ast.Node) -> Iterator[ast.Node]:
    """The node and all nodes under it, parents first."""
    yield node
    for name in _child_fields(type(node)):
        yield from _walk_value(getattr(node, name))


def _walk_value(value: Any) -> Iterator[ast.Node]:
    if isinstance(value, ast.Node):
        yield from walk(value)
    elif isinstance(value, tuple):
        for item in value:
            yield from _walk_value(item)


_FIELDS: dict[type, tuple[str, ...]] = {}


def _child_fields(kind: type) -> tuple[str, ...]:
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(field.name for field in dataclasses.fields(kind) if field.name != "at")
    return _FIELDS[kind]


def names_outside_lambdas(
    expression: ast.Node, change: Callable[[ast.Name], ast.Expression]
) -> ast.Expression:
    """Rewrite every column name; parameters of lambdas are left alone inside their body."""

    def inside(bound: frozenset[str]) -> Callable[[ast.Node], ast.Node | None]:
        def step(node: ast.Node) -> ast.Node | None:
            if isinstance(node, ast.Lambda):
                return ast.Lambda(
                    node.parameters,
                    rewrite(node.body, inside(bound | frozenset(node.parameters))),
                    at=node.at,
                )
            if isinstance(node, ast.Name):
                return node if node.qualifier is None and node.name in bound else change(node)
            return None

        return step

    return rewrite(expression, inside(frozenset()))  # type: ignore[return-value]
