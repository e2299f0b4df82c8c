"""The text a statement is kept and shown under: names qualified, output columns named, WITH filled in.

In:  a statement as parsed, the catalog. Out: the node that the printer writes as ksqlDB would.

    SELECT id, amount * 2 FROM orders
    SELECT ORDERS.ID ID, (ORDERS.AMOUNT * 2) KSQL_COL_0 FROM ORDERS ORDERS

Nothing is refused here. A name that can't be found stays as it is written, because the text is also shown in
the answer that says so. Stars stay stars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from penstock.executor.with_clause import with_properties
from penstock.language import ast
from penstock.language.catalog import STREAM, Catalog, Source
from penstock.language.scope import columns_of
from penstock.language.trees import names_outside_lambdas
from penstock.plan.sinks import RETENTION_DEFAULT_MS

Carriers = Sequence[tuple[str, Source]]


def qualified(query: ast.Query, catalog: Catalog) -> ast.Query:
    """Every name with its source, every output column with its name."""
    relations = [query.source, *(join.right for join in query.joins)]
    carriers = [
        (relation.alias, catalog.sources[relation.name])
        for relation in relations
        if relation.name in catalog.sources
    ]

    def full(expression: Any) -> Any:
        return names_outside_lambdas(expression, lambda name: _with_source(name, carriers))

    def full_all(expressions: Any) -> Any:
        return None if expressions is None else tuple(full(each) for each in expressions)

    return replace(
        query,
        select=_Aliases(carriers).named(query.select, full),
        joins=tuple(replace(join, criteria=full(join.criteria)) for join in query.joins),
        where=None if query.where is None else full(query.where),
        group_by=full_all(query.group_by),
        partition_by=full_all(query.partition_by),
        having=None if query.having is None else full(query.having),
        emit=query.emit,
    )


def _with_source(name: ast.Name, carriers: Carriers) -> ast.Name:
    if name.qualifier is not None:
        return name
    found = [alias for alias, source in carriers if name.name in columns_of(source)]
    return ast.Name(name.name, found[0], at=name.at) if len(found) == 1 else name


class _Aliases:
    """Names output columns: the column, alias_column when two sources carry it, else KSQL_COL_n."""

    def __init__(self, carriers: Carriers) -> None:
        self.carriers = carriers
        self.known = {name for _, source in carriers for name in columns_of(source)}
        self.generated = 0
        self.taken: set[str] = set()

    def named(self, select: Sequence[ast.Node], full: Any) -> tuple[Any, ...]:
        return tuple(self._item(item, full) for item in select)

    def _item(self, item: ast.Node, full: Any) -> ast.Node:
        if isinstance(item, ast.SelectStructStar):
            return replace(item, expression=full(item.expression))
        if not isinstance(item, ast.SelectItem):
            return item
        expression = full(item.expression)
        alias = item.alias if item.alias is not None else self._alias(expression)
        self.taken.add(alias)
        return replace(item, expression=expression, alias=alias)

    def _alias(self, expression: ast.Expression) -> str:
        if isinstance(expression, ast.Name):
            several = sum(expression.name in columns_of(source) for _, source in self.carriers) > 1
            return f"{expression.qualifier}_{expression.name}" if several else expression.name
        if isinstance(expression, ast.Dereference):
            return self._free(expression.field_name)
        while (alias := f"KSQL_COL_{self.generated}") in self.known:
            self.generated += 1
        self.generated += 1
        return alias

    def _free(self, wanted: str) -> str:
        number, name = 0, wanted
        while name in self.taken:
            number += 1
            name = f"{wanted}_{number}"
        return name


def canonical_query(
    node: ast.CreateAs | ast.InsertSelect, catalog: Catalog, partitions: int
) -> ast.Statement:
    """A query statement as it is kept. `partitions` are those of its leftmost topic."""
    query = replace(qualified(node.query, catalog), emit=node.query.emit or "CHANGES")
    if isinstance(node, ast.InsertSelect):
        return replace(node, query=query)
    filled = {
        "KAFKA_TOPIC": node.name,
        "PARTITIONS": partitions,
        "REPLICAS": 1,
        "RETENTION_MS": RETENTION_DEFAULT_MS,
        "CLEANUP_POLICY": sink_cleanup_policy(node),
    }
    return replace(node, query=query, properties=with_properties(node.properties, filled.items()))


def sink_cleanup_policy(node: ast.CreateAs) -> str:
    if node.kind == STREAM:
        return "delete"
    return "compact" if node.query.window is None else "compact,delete"


def canonical_create(node: ast.CreateSource, defaults: dict[str, str | None]) -> ast.CreateSource:
    """A CREATE as it is kept: formats and the clean-up policy filled in."""
    given = dict(node.properties)
    filled: dict[str, Any] = {"CLEANUP_POLICY": create_cleanup_policy(node)}
    if "FORMAT" not in given:
        filled |= {name: value for name, value in defaults.items() if value is not None}
    return replace(node, properties=with_properties(node.properties, filled.items()))


def create_cleanup_policy(node: ast.CreateSource) -> str:
    if node.kind == STREAM:
        return "delete"
    return "compact,delete" if "WINDOW_TYPE" in dict(node.properties) else "compact"


def without_inferred(node: ast.Statement) -> ast.Statement:
    """A kept statement as a user may send it: without the settings that only a server fills in."""
    if not isinstance(node, ast.CreateSource | ast.CreateAs):
        return node
    inferred = {"CLEANUP_POLICY"}
    if isinstance(node, ast.CreateAs) and sink_cleanup_policy(node) == "compact":
        inferred.add("RETENTION_MS")
    return replace(node, properties=tuple(pair for pair in node.properties if pair[0] not in inferred))
