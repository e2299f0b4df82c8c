"""TEXT BECOMES MEANING, the query's part: every name is found, every star expanded, every clause checked.

In:  a query as parsed, the catalog. Out: an Analysis: sources in order, qualified expressions, one named item
for each output column. Types are looked up later by resolve.py with `QueryScope`; the shape of the result
(stream or table, which columns are the key) is the planner's.

Rules and messages: ksqlDB's documentation of SELECT, and its statement errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count

from penstock.errors import Position, StatementError, UnknownName
from penstock.language import ast
from penstock.language.catalog import TABLE, Catalog
from penstock.language.clauses import BOUNDS, aggregate_calls, check_clauses
from penstock.language.magic_times import with_times
from penstock.language.scope import PSEUDO_COLUMNS, From, columns_of
from penstock.language.trees import names_outside_lambdas, walk

__all__ = ["Analysis", "Item", "JoinOn", "aggregate_calls", "analyse"]


@dataclass(frozen=True, slots=True)
class Item:
    """One output column: its name and its qualified expression."""

    alias: str
    expression: ast.Expression


@dataclass(frozen=True, slots=True)
class JoinOn:
    """One join: the new source is froms[index]; `left` reads earlier sources, `right` only the new one."""

    kind: str
    index: int
    left: ast.Expression
    right: ast.Expression
    within: ast.Within | None
    flipped: bool = False
    """The text names the new source first."""


@dataclass(frozen=True, slots=True)
class Analysis:
    froms: tuple[From, ...]
    joins: tuple[JoinOn, ...]
    items: tuple[Item, ...]
    where: ast.Expression | None
    group_by: tuple[ast.Expression, ...] | None
    partition_by: tuple[ast.Expression, ...] | None
    having: ast.Expression | None
    window: ast.Window | None
    emit: str | None
    limit: int | None
    query: ast.Query
    """The query with names qualified and stars expanded, as the printer shows it."""


def analyse(query: ast.Query, catalog: Catalog, *, persistent: bool) -> Analysis:
    """Raises StatementError with ksqlDB's message for whatever the query gets wrong."""
    froms = _froms(query, catalog)
    names = _Names(froms, query.window is not None)
    joins = tuple(_join(join, index + 1, froms, names) for index, join in enumerate(query.joins))
    names.synthetic = synthetic_key(froms, joins)
    partition_by = _qualify_all(query.partition_by, names, "PARTITION BY")
    items = _Items(froms, names, persistent, partition_by, query.window is not None).expand(query)
    where = _qualify(query.where, names, "WHERE")
    group_by = _qualify_all(query.group_by, names, "GROUP BY")
    having = _qualify(query.having, names, "HAVING")
    check_clauses(query, where, group_by, partition_by, having)
    return Analysis(
        froms=froms,
        joins=joins,
        items=items,
        where=with_times(where),
        group_by=group_by,
        partition_by=partition_by,
        having=having,
        window=query.window,
        emit=query.emit,
        limit=query.limit,
        query=replace(
            query,
            select=tuple(ast.SelectItem(item.expression, item.alias) for item in items),
            joins=tuple(
                replace(written, criteria=ast.Comparison("=", join.left, join.right))
                for written, join in zip(query.joins, joins, strict=True)
            ),
            where=where,
            group_by=group_by,
            partition_by=partition_by,
            having=having,
        ),
    )


def equivalent(joins: Sequence[JoinOn]) -> list[ast.Expression]:
    """What is equal to the key of the last join: its sides, and those of earlier joins that share one."""
    equal = [joins[-1].left, joins[-1].right]
    for join in reversed(joins[:-1]):
        if join.left in equal or join.right in equal:
            equal += [join.left, join.right]
    return equal


def synthetic_key(froms: Sequence[From], joins: Sequence[JoinOn]) -> str | None:
    """The name of the key that a join has to make up: no column holds it, or none does in every row."""
    if not joins:
        return None
    if joins[-1].kind != "OUTER" and any(isinstance(each, ast.Name) for each in equivalent(joins)):
        return None
    taken = {column.name for each in froms for column in each.source.schema.columns}
    numbered = ("ROWKEY" if number == 0 else f"ROWKEY_{number}" for number in count())
    return next(name for name in numbered if name not in taken)


def is_key_of(expression: ast.Expression, each: From) -> bool:
    """Whether it is the only key column of a source."""
    keys = each.source.schema.key
    return len(keys) == 1 and expression == ast.Name(keys[0].name, each.alias)


def is_foreign(analysis: Analysis, position: int) -> bool:
    """Whether a join of two tables compares something else than the left one's key."""
    join = analysis.joins[position]
    if analysis.froms[0].source.kind != TABLE:
        return False
    if position > 0 and not is_foreign(analysis, position - 1):
        return join.left not in equivalent(analysis.joins[:position])
    return not is_key_of(join.left, analysis.froms[0])


def has_aggregates(expressions: Iterable[ast.Node | None]) -> bool:
    return any(True for expression in expressions for _ in aggregate_calls(expression))


def _froms(query: ast.Query, catalog: Catalog) -> tuple[From, ...]:
    relations = [query.source, *(join.right for join in query.joins)]
    found = []
    for index, relation in enumerate(relations):
        source = catalog.sources.get(relation.name)
        if source is None:
            raise UnknownName(
                f"Exception while preparing statement: {relation.name} does not exist.",
                relation.name,
                catalog.sources,
                relation.at,
            )
        found.append(From(index, relation.alias, source))
    _check_repeated(found)
    return tuple(found)


def _check_repeated(froms: list[From]) -> None:
    if len(froms) == 2 and froms[0].source.name == froms[1].source.name:
        name = froms[0].source.name
        raise StatementError(f"Can not join '{name}' to '{name}': self joins are not yet supported.")
    seen: set[str] = set()
    for each in froms:
        if each.source.name in seen:
            raise StatementError(
                f"N-way joins do not support multiple occurrences of the same source. "
                f"Source: '{each.source.name}'."
            )
        seen.add(each.source.name)


class _Names:
    """Finds the source of a name."""

    def __init__(self, froms: tuple[From, ...], windowed: bool) -> None:
        self.froms = froms
        self.windowed = windowed
        self.aliases = {each.alias: each for each in froms}
        self.synthetic: str | None = None

    def qualified(self, name: ast.Name, clause: str) -> ast.Name:
        if self.synthetic is not None and name.name == self.synthetic and name.qualifier is None:
            return ast.Name(name.name, None, at=name.at)
        candidates = self._candidates(name, clause)
        if len(candidates) > 1:
            choices = " or ".join(f"{each.alias}.{name.name}" for each in candidates)
            raise StatementError(
                f"Exception while preparing statement: {_place(name)}Column '{name.name}' is ambiguous. "
                f"Could be {choices}.",
                name.at,
            )
        if not candidates:
            shown = f"{name.qualifier}.{name.name}" if name.qualifier else name.name
            known = [column for each in self.froms for column in columns_of(each.source)]
            raise UnknownName(
                f"{_place(name)}{clause} column '{shown}' cannot be resolved.", name.name, known, name.at
            )
        return ast.Name(name.name, candidates[0].alias, at=name.at)

    def _candidates(self, name: ast.Name, clause: str) -> list[From]:
        sources = list(self.froms)
        if name.qualifier is not None:
            if name.qualifier not in self.aliases:
                raise _unknown_alias(name.qualifier, self.aliases, name.at)
            sources = [self.aliases[name.qualifier]]
        return [each for each in sources if name.name in columns_of(each.source)]


def _unknown_alias(alias: str, known: Iterable[str], at: Position) -> UnknownName:
    reason = f"Failed to prepare statement: '{alias}' is not a valid stream/table name or alias."
    return UnknownName(reason, alias, list(known), at)


def _place(name: ast.Node) -> str:
    return f"Line: {name.at.line}, Col: {name.at.column}: " if name.at.line else ""


def _qualify(expression: ast.Expression | None, names: _Names, clause: str) -> ast.Expression | None:
    if expression is None:
        return None
    return names_outside_lambdas(expression, lambda name: _column_or_bound(name, names, clause))


def _column_or_bound(name: ast.Name, names: _Names, clause: str) -> ast.Expression:
    """WINDOWSTART and WINDOWEND of a windowed aggregation belong to no source and stay as they are.

    Of a join they can't be asked for.
    """
    is_bound = names.windowed and name.qualifier is None and name.name in BOUNDS and len(names.froms) == 1
    if is_bound and not any(each.source.window for each in names.froms):
        return ast.Name(name.name, None, at=name.at)
    return names.qualified(name, clause)


def _qualify_all(
    expressions: tuple[ast.Expression, ...] | None, names: _Names, clause: str
) -> tuple[ast.Expression, ...] | None:
    if expressions is None:
        return None
    qualified = tuple(_qualify(expression, names, clause) for expression in expressions)
    for position, expression in enumerate(qualified):
        if expression in qualified[:position]:
            from penstock.language.printer import expression as shown

            raise StatementError(f"Duplicate {clause} expression: {shown(expression)}")  # type: ignore[arg-type]
    return qualified  # type: ignore[return-value]


def _join(join: ast.Join, index: int, froms: tuple[From, ...], names: _Names) -> JoinOn:
    criteria = join.criteria
    if isinstance(criteria, ast.Logical):
        raise StatementError(
            "Invalid join condition: joins on multiple conditions are not yet supported. "
            f"Got {_shown(criteria)}.",
            criteria.at,
        )
    if not isinstance(criteria, ast.Comparison):
        raise StatementError(f"Unsupported join expression: {_shown(criteria)}", criteria.at)
    if criteria.operator != "=":
        raise StatementError("Only equality join criteria is supported.", criteria.at)
    sides = [_qualify(side, names, "JOIN ON") for side in (criteria.left, criteria.right)]
    aliases = [_one_source(side, criteria) for side in sides]
    if aliases[0] == aliases[1]:
        raise StatementError(
            "Each side of the join must reference exactly one source and not the same source. "
            f"Left side references `{aliases[0]}` and right references `{aliases[1]}`",
            criteria.at,
        )
    new = froms[index].alias
    if new not in aliases:
        raise StatementError(
            f"A join criteria is expected to reference the source (`{new}`) in the FROM clause, instead the "
            f"right source references `{aliases[1]}` and the left source references `{aliases[0]}`",
            criteria.at,
        )
    flipped = aliases[1] != new
    left, right = (sides[1], sides[0]) if flipped else sides
    return JoinOn(join.kind, index, left, right, join.within, flipped)  # type: ignore[arg-type]


def _one_source(side: ast.Expression | None, criteria: ast.Comparison) -> str:
    assert side is not None
    found = {node.qualifier for node in walk(side) if isinstance(node, ast.Name) and node.qualifier}
    if len(found) != 1:
        raise StatementError(
            f"Invalid comparison expression '{_shown(side)}' in join '{_shown(criteria)}'. Each side of the "
            "join comparision must contain references from exactly one source.",
            criteria.at,
        )
    return found.pop()


def _shown(expression: ast.Expression) -> str:
    from penstock.language.printer import expression as shown

    return shown(expression)


def _reserved(name: str) -> StatementError:
    return StatementError(f"Reserved column name in select: `{name}`. Please remove or alias the column.")


class _Items:
    """Expands the projection into named columns."""

    def __init__(
        self,
        froms: tuple[From, ...],
        names: _Names,
        persistent: bool,
        partition_by: tuple[ast.Expression, ...] | None,
        windowed: bool,
    ) -> None:
        self.froms = froms
        self.names = names
        self.persistent = persistent
        self.partition_by = partition_by
        self.grouped_by_window = windowed
        self.generated = 0
        self.taken: set[str] = set()

    def expand(self, query: ast.Query) -> tuple[Item, ...]:
        items: list[Item] = []
        for selected in query.select:
            new = self._expand_one(selected)
            items += new
            self.taken |= {item.alias for item in new}
        return tuple(items)

    def _expand_one(self, selected: ast.Node) -> list[Item]:
        if isinstance(selected, ast.SelectStar):
            return self._star(selected)
        if isinstance(selected, ast.SelectStructStar):
            return self._struct_star(selected)
        assert isinstance(selected, ast.SelectItem)
        if self.persistent and selected.alias is None and not self.grouped_by_window:
            self._check_no_bound(selected.expression)
        expression = _qualify(selected.expression, self.names, "SELECT")
        assert expression is not None
        if selected.alias is not None:
            self._check_alias(selected)
            return [Item(selected.alias, expression)]
        if self.persistent and isinstance(expression, ast.Name):
            alias = self._name_alias(expression)
            if alias in BOUNDS and self.grouped_by_window:
                # The key of a windowed result carries its bounds already.
                return []
            if alias in PSEUDO_COLUMNS:
                raise _reserved(alias)
        return [Item(self._alias_of(expression), expression)]

    def _check_no_bound(self, expression: ast.Expression) -> None:
        if isinstance(expression, ast.Name) and expression.name in BOUNDS:
            raise _reserved(expression.name)

    def _check_alias(self, selected: ast.SelectItem) -> None:
        if self.persistent and selected.alias in PSEUDO_COLUMNS:
            raise StatementError(
                f"`{selected.alias}` is a reserved column name. You cannot use it as an alias for a column.",
                selected.at,
            )

    def _name_alias(self, name: ast.Name) -> str:
        if len(self.froms) == 1 or name.qualifier is None:
            return name.name
        carriers = [each for each in self.froms if name.name in columns_of(each.source)]
        return f"{name.qualifier}_{name.name}" if len(carriers) > 1 else name.name

    def _free(self, wanted: str) -> str:
        """The field's name, numbered when a column of a source or of the result has it."""
        columns = {column.name for each in self.froms for column in each.source.schema.columns}
        taken, number, name = self.taken | columns, 0, wanted
        while name in taken:
            number += 1
            name = f"{wanted}_{number}"
        return name

    def _generate(self) -> str:
        known = {name for each in self.froms for name in columns_of(each.source)}
        while (alias := f"KSQL_COL_{self.generated}") in known:
            self.generated += 1
        self.generated += 1
        return alias

    def _star(self, star: ast.SelectStar) -> list[Item]:
        chosen, synthetic = self.froms, self.names.synthetic
        if star.qualifier is None and synthetic is not None:
            made = [Item(synthetic, ast.Name(synthetic))]
            return [*made, *(item for each in chosen for item in self._star_of(each))]
        if star.qualifier is not None:
            if star.qualifier not in self.names.aliases:
                raise _unknown_alias(star.qualifier, self.names.aliases, star.at)
            chosen = (self.names.aliases[star.qualifier],)
        return [*self._computed_keys(), *(item for each in chosen for item in self._star_of(each))]

    def _star_of(self, each: From) -> list[Item]:
        source = each.source
        keys = [column.name for column in source.schema.key]
        values = [column.name for column in source.schema.value]
        bounds = [*BOUNDS] if source.window and not self.persistent else []
        order = [*keys, *bounds, *values]
        if self.partition_by is not None:
            order = self._repartitioned(each, keys, values)
        prefix = f"{each.alias}_" if len(self.froms) > 1 else ""
        return [Item(prefix + name, ast.Name(name, each.alias)) for name in order]

    def _repartitioned(self, each: From, keys: list[str], values: list[str]) -> list[str]:
        """PARTITION BY puts the new key first and the old key columns last."""
        new = [
            expression.name
            for expression in self.partition_by or ()
            if isinstance(expression, ast.Name)
            and expression.qualifier == each.alias
            and expression.name in keys + values
        ]
        # What a join re-keys carries the place of its sources along, and a star shows it.
        places = ["ROWTIME", "ROWPARTITION", "ROWOFFSET"] if len(self.froms) > 1 else []
        rest = [name for name in [*values, *places, *keys] if name not in new]
        return new + rest

    def _computed_keys(self) -> list[Item]:
        """What PARTITION BY computes stands in front of the columns of a star."""
        columns = {column.name for each in self.froms for column in each.source.schema.columns}
        return [
            Item(self._alias_of(expression), expression)
            for expression in self.partition_by or ()
            if not isinstance(expression, ast.Null)
            and not (isinstance(expression, ast.Name) and expression.name in columns)
        ]

    def _alias_of(self, expression: ast.Expression) -> str:
        if isinstance(expression, ast.Name):
            return self._name_alias(expression)
        if isinstance(expression, ast.Dereference):
            return self._free(expression.field_name)
        return self._generate()

    def _struct_star(self, star: ast.SelectStructStar) -> list[Item]:
        from penstock.language.resolve import resolve
        from penstock.language.scope import QueryScope
        from penstock.types import Struct

        base = _qualify(star.expression, self.names, "SELECT")
        assert base is not None
        kind = resolve(base, QueryScope(self.froms)).type
        if not isinstance(kind, Struct):
            raise StatementError(f"Cannot use ->* on a {kind}: {_shown(base)} is not a STRUCT.", star.at)
        items: list[Item] = []
        for name, _ in kind.fields:
            alias = self._free(name)
            self.taken.add(alias)
            items.append(Item(alias, ast.Dereference(base, name)))
        return items
