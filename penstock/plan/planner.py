"""MEANING BECOMES STEPS: a query statement becomes a chain of typed steps and the source it makes.

In:  a statement that holds a query, the catalog, the topics there are, the session's properties.
Out: a QueryPlan. Nothing is created here and nothing runs.

The result's kind and key follow ksqlDB: GROUP BY gives a table keyed by its expressions, PARTITION BY a
stream keyed by its own, a join the join key, everything else keeps the key of its source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from penstock.errors import StatementError
from penstock.functions.registry import find_aggregate, find_function, unknown_function
from penstock.language import ast
from penstock.language.analyser import Analysis, Item, aggregate_calls, analyse
from penstock.language.catalog import STREAM, TABLE, Catalog, Source
from penstock.language.expressions import CastTo, ColumnRef, Typed
from penstock.language.printer import expression as shown
from penstock.language.resolve import resolve
from penstock.language.scope import From, QueryScope
from penstock.language.trees import names_outside_lambdas, walk
from penstock.plan.flatten import check_no_table_functions, flattened
from penstock.plan.intermediates import check_intermediates
from penstock.plan.joins import checked_joins, join_rows, join_slots, keeps_rows
from penstock.plan.keys import check_projection, key_missing, result_key
from penstock.plan.sinks import Sink, check_target, check_timestamp_named, insert_sink, new_sink
from penstock.plan.steps import (
    Aggregate,
    AggregateCall,
    Having,
    Project,
    QueryPlan,
    Read,
    Step,
    Where,
)
from penstock.plan.windows import check_window
from penstock.topics.base import TopicInfo
from penstock.types import BIGINT, BOOLEAN, Column, SqlType

Topics = Callable[[str], TopicInfo | None]
QueryStatement = ast.CreateAs | ast.InsertSelect | ast.Select


def plan_query(
    node: QueryStatement, catalog: Catalog, topics: Topics, properties: Mapping[str, str]
) -> QueryPlan:
    """Raises StatementError, with ksqlDB's message, for a query that can't be."""
    persistent = not isinstance(node, ast.Select)
    analysis = analyse(node.query, catalog, persistent=persistent)
    _check_supported(analysis, persistent)
    analysis = checked_joins(analysis, topics)
    rows = _rows(analysis)
    sink = _sink_name(node)
    if sink is None and analysis.group_by is None and _aggregates(analysis):
        # Who asks may have all rows in one group; a table of it would have no key.
        analysis = replace(analysis, group_by=())
    if isinstance(node, ast.CreateAs):
        check_timestamp_named(node.properties, [item.alias for item in analysis.items])
    if analysis.group_by is not None:
        root, is_table = _grouped(analysis, rows, sink, properties), True
    else:
        root, is_table = _ungrouped(analysis, rows, sink, properties), _is_table(analysis)
    plan = QueryPlan(
        node=replace(node, query=analysis.query),
        root=root,
        sink=None,
        is_table=is_table,
        window=analysis.window,
        partitions=1,
        topic_config={},
        creates_sink=False,
        limit=analysis.limit,
        emit=analysis.emit,
    )
    if isinstance(node, ast.Select):
        return plan
    return _with_sink(plan, node, analysis, catalog, topics, properties)


def _sink_name(node: QueryStatement) -> str | None:
    """None for a query whose rows go to who asks."""
    return node.name if isinstance(node, ast.CreateAs) else getattr(node, "target", None)


def _with_sink(
    plan: QueryPlan,
    node: ast.CreateAs | ast.InsertSelect,
    analysis: Analysis,
    catalog: Catalog,
    topics: Topics,
    properties: Mapping[str, str],
) -> QueryPlan:
    if isinstance(node, ast.InsertSelect):
        check_target(node.target, catalog)
    _check_result_kind(node, plan)
    check_projection(plan.schema)
    if isinstance(node, ast.InsertSelect):
        sink = insert_sink(node.target, plan.root, catalog, topics)
        return replace(plan, sink=sink.source, root=sink.root, partitions=sink.partitions)
    made: Sink = new_sink(node, plan, analysis.froms[0].source, topics, properties)
    return replace(
        plan,
        sink=made.source,
        partitions=made.partitions,
        topic_config=made.topic_config,
        creates_sink=True,
        node=replace(node, query=analysis.query, properties=made.shown_properties),
    )


def _is_table(analysis: Analysis) -> bool:
    return analysis.froms[0].source.kind == TABLE


def _check_supported(analysis: Analysis, persistent: bool) -> None:
    first = analysis.froms[0].source
    if persistent and first.kind == TABLE and first.window is not None:
        raise StatementError("KSQL does not support persistent queries on windowed tables.")
    if persistent and analysis.limit is not None:
        raise StatementError("CREATE STREAM AS SELECT statements don't support LIMIT clause.")
    if analysis.emit == "FINAL" and analysis.window is None:
        raise StatementError("EMIT FINAL is only supported for windowed aggregations.")
    if analysis.window is not None:
        check_window(analysis.window)
    if first.kind == TABLE and analysis.window is not None:
        raise StatementError("Windowing not supported for table aggregations.")


# --- rows: read, join, filter --------------------------------------------------------------------------


def _rows(analysis: Analysis) -> Step:
    scope = QueryScope(analysis.froms)
    step = join_rows(analysis)
    if analysis.where is not None:
        condition = resolve(analysis.where, scope, "WHERE", join_slots(analysis, scope))
        if condition.type != BOOLEAN:
            raise StatementError(
                "Type error in WHERE expression: Should evaluate to boolean but is "
                f"{shown(analysis.where)} ({condition.type}) instead."
            )
        step = Where(step, condition)
    return step


# --- projections --------------------------------------------------------------------------------------


def _ungrouped(analysis: Analysis, rows: Step, sink: str | None, properties: Mapping[str, str]) -> Project:
    _check_no_aggregates(analysis)
    if analysis.having is not None:
        raise StatementError("HAVING requires a GROUP BY clause or aggregate functions.")
    scope = QueryScope(analysis.froms)
    rows, slots = flattened(analysis, rows, scope, join_slots(analysis, scope))
    typed = {item.expression: resolve(item.expression, scope, "SELECT", slots) for item in analysis.items}
    if sink is None:
        value = tuple((item.alias, typed[item.expression]) for item in analysis.items)
        return Project(rows, (), value, False)
    may_lose_key = properties.get("ksql.new.query.planner.enabled", "").lower() == "true"
    key = result_key(analysis, scope, sink, may_lose_key)
    return _projected(rows, analysis.items, typed, key.parts, key.typed, key.rekeyed)


def _aggregates(analysis: Analysis) -> list[ast.Call]:
    return [call for item in analysis.items for call in aggregate_calls(item.expression)]


def _check_no_aggregates(analysis: Analysis) -> None:
    calls = _aggregates(analysis)
    if not calls:
        return
    loose = [item.expression for item in analysis.items if not aggregate_calls(item.expression)]
    if loose:
        raise _non_aggregate(loose, analysis)
    call = calls[0]
    counted = replace(call, star=False, arguments=(ast.Name("ROWTIME"),)) if counts_rows(call) else call
    raise StatementError(
        "CREATE TABLE AS SELECT statement does not support aggregate function "
        f"[{shown(unqualified(counted))}] without a GROUP BY clause."
    )


def counts_rows(call: ast.Call) -> bool:
    return call.star or (call.name == "COUNT" and not call.arguments)


def unqualified(expression: ast.Expression) -> ast.Expression:
    return names_outside_lambdas(expression, lambda name: ast.Name(name.name, None, at=name.at))


def _non_aggregate(expressions: Sequence[ast.Expression], analysis: Analysis) -> StatementError:
    joined = len(analysis.froms) > 1
    listed = dict.fromkeys(shown(each if joined else unqualified(each)) for each in expressions)
    return StatementError(
        f"Non-aggregate SELECT expression(s) not part of GROUP BY: {', '.join(listed)}\n"
        "Either add the column(s) to the GROUP BY or remove them from the SELECT."
    )


def _projected(
    rows: Step,
    items: tuple[Item, ...],
    typed: Mapping[ast.Expression, Typed],
    key_parts: Mapping[ast.Expression, str | None],
    key_typed: Mapping[ast.Expression, Typed],
    rekeyed: bool,
) -> Project:
    names: dict[ast.Expression, str | None] = dict(key_parts)
    value: list[tuple[str, Typed]] = []
    used: set[ast.Expression] = set()
    for item in items:
        if item.expression in names and item.expression not in used:
            names[item.expression] = item.alias
            used.add(item.expression)
        else:
            value.append((item.alias, typed[item.expression]))
    key = tuple((name, key_typed[part]) for part, name in names.items() if name is not None)
    return Project(rows, key, tuple(value), rekeyed)


def _grouped(analysis: Analysis, rows: Step, sink: str | None, properties: Mapping[str, str]) -> Project:
    scope = QueryScope(analysis.froms)
    group_by = analysis.group_by or ()
    check_no_table_functions(analysis)
    group = tuple(resolve(part, scope, "GROUP BY", join_slots(analysis, scope)) for part in group_by)
    calls, slots = _aggregate_calls(analysis, scope, properties)
    check_intermediates(analysis.froms[0].source, calls)
    for position, (part, typed) in enumerate(zip(group_by, group, strict=True)):
        slots[part] = ColumnRef(typed.type, "g" if len(group) == 1 else f"g[{position}]", False)
    bounds: dict[ast.Expression, Typed] = {}
    if analysis.window is not None:
        bounds = {
            ast.Name("WINDOWSTART"): ColumnRef(BIGINT, "ws", False),
            ast.Name("WINDOWEND"): ColumnRef(BIGINT, "we", False),
        }
    _check_grouped(analysis, slots, bounds)
    if _is_table(analysis):
        _check_undo(calls)
    step: Step = Aggregate(rows, group, calls, analysis.window)
    if analysis.having is not None:
        condition = resolve(analysis.having, scope, "HAVING", {**slots, **bounds})
        if condition.type != BOOLEAN:
            raise StatementError(
                "Type error in HAVING expression: Should evaluate to boolean but is "
                f"{shown(analysis.having)} ({condition.type}) instead."
            )
        step = Having(step, condition)
    everything = {**slots, **bounds}
    typed_items = {
        item.expression: resolve(item.expression, scope, "SELECT", everything) for item in analysis.items
    }
    if sink is None:
        value = tuple((item.alias, typed_items[item.expression]) for item in analysis.items)
        return Project(step, (), value, True)
    parts = dict.fromkeys(group_by)
    key_typed = {part: slots[part] for part in group_by}
    _check_group_projection(analysis, sink)
    return _projected(step, analysis.items, typed_items, parts, key_typed, True)


def _aggregate_calls(
    analysis: Analysis, scope: QueryScope, properties: Mapping[str, str]
) -> tuple[tuple[AggregateCall, ...], dict[ast.Expression, Typed]]:
    """Each different aggregate once, and the slot its result stands in."""
    slots: dict[ast.Expression, Typed] = {}
    calls: list[AggregateCall] = []
    for expression in (*(item.expression for item in analysis.items), analysis.having):
        for call in aggregate_calls(expression):
            if call in slots:
                continue
            made = _bind_aggregate(call, analysis, scope, properties)
            slots[call] = ColumnRef(made.function.returns, f"agg{len(calls)}")
            calls.append(made)
    if not calls:
        _check_functions(analysis)
        raise StatementError("GROUP BY requires aggregate functions in either the SELECT or HAVING clause.")
    return tuple(calls), slots


def _check_undo(calls: Sequence[AggregateCall]) -> None:
    """A table takes rows back, which not every function can."""
    names = list(dict.fromkeys(call.function.name for call in calls if call.function.undo is None))
    if names:
        plural = "s" if len(names) > 1 else ""
        listed = " and ".join([", ".join(names[:-1]), names[-1]]) if plural else names[0]
        raise StatementError(
            f"The aggregation function{plural} {listed} cannot be applied to a table source, "
            "only to a stream source."
        )


def _check_functions(analysis: Analysis) -> None:
    """A function nobody knows may have been meant as the aggregate."""
    for item in analysis.items:
        for node in walk(item.expression):
            if isinstance(node, ast.Call) and find_function(node.name) is None:
                raise unknown_function(node.name)


def _bind_aggregate(
    call: ast.Call, analysis: Analysis, scope: QueryScope, properties: Mapping[str, str]
) -> AggregateCall:
    arguments = call.arguments
    if counts_rows(call):
        arguments = (ast.Name("ROWTIME", analysis.froms[0].alias),)
    for argument in arguments:
        nested = aggregate_calls(argument)
        if nested:
            raise StatementError(
                f"Aggregate functions can not be nested: {call.name}({nested[0].name}())", call.at
            )
    typed = tuple(resolve(argument, scope, "SELECT", join_slots(analysis, scope)) for argument in arguments)
    if counts_rows(call) and keeps_rows(analysis):
        # The first source may have no row there; the joined row always has a time.
        typed = (ColumnRef(BIGINT, "ts0", nullable=False),)
    literals = {
        n: part.value for n, part in enumerate(arguments) if isinstance(part, ast.Integer | ast.Boolean)
    }
    found = find_aggregate(call.name)
    assert found is not None
    texts = [shown(unqualified(argument)) for argument in arguments]
    bound = found.bind([part.type for part in typed], literals, texts, properties)
    return AggregateCall(bound, _cast_arguments(typed, bound.parameters))


def _cast_arguments(typed: tuple[Typed, ...], parameters: tuple[object, ...]) -> tuple[Typed, ...]:
    cast: list[Typed] = []
    for part, wanted in zip(typed, parameters, strict=False):
        needs = isinstance(wanted, SqlType) and wanted != part.type
        cast.append(CastTo(wanted, part) if needs and isinstance(wanted, SqlType) else part)
    return tuple(cast)


def _check_grouped(
    analysis: Analysis, slots: Mapping[ast.Expression, Typed], bounds: Mapping[ast.Expression, Typed]
) -> None:
    wrong: list[ast.Expression] = []
    for item in analysis.items:
        loose = _loose_names(item.expression, slots, bounds)
        if loose:
            wrong += loose if aggregate_calls(item.expression) else [item.expression]
    if wrong:
        raise _non_aggregate(wrong, analysis)
    if analysis.having is not None:
        loose = _loose_names(analysis.having, slots, bounds)
        if loose:
            raise StatementError(f"Non-aggregate HAVING expression not part of GROUP BY: {shown(loose[0])}")


def _loose_names(
    expression: ast.Node, slots: Mapping[ast.Expression, Typed], bounds: Mapping[ast.Expression, Typed]
) -> list[ast.Name]:
    """Column names that stand outside every aggregate and grouping expression."""
    if expression in slots or expression in bounds:
        return []
    if isinstance(expression, ast.Name):
        return [expression] if expression.qualifier is not None else []
    children = [
        value for name in type(expression).__slots__ for value in _children(getattr(expression, name))
    ]
    return [name for child in children for name in _loose_names(child, slots, bounds)]


def _children(value: object) -> list[ast.Node]:
    if isinstance(value, ast.Node):
        return [value]
    if isinstance(value, tuple):
        return [node for part in value for node in _children(part)]
    return []


def _check_group_projection(analysis: Analysis, sink: str) -> None:
    selected = [item.expression for item in analysis.items]
    missing = [part for part in analysis.group_by or () if part not in selected]
    if missing:
        raise key_missing(sink, "grouping expression", [_unqualified(part) for part in missing])
    for part in analysis.group_by or ():
        aliases = [item.alias for item in analysis.items if item.expression == part]
        if len(aliases) > 1:
            raise StatementError(
                "The projection contains a key column more than once: "
                + " and ".join(f"`{alias}`" for alias in aliases)
                + ".\nEach key column must only be in the projection once. If you intended to copy the key "
                "into the value, then consider using the AS_VALUE function to indicate which key reference "
                "should be copied."
            )


def _unqualified(expression: ast.Expression) -> str:
    return expression.name if isinstance(expression, ast.Name) else shown(expression)


def _check_result_kind(node: ast.CreateAs | ast.InsertSelect, plan: QueryPlan) -> None:
    if isinstance(node, ast.InsertSelect):
        if plan.is_table:
            raise StatementError(
                f"Incompatible data sink and query result. Data sink ({node.target}) type is KSTREAM but "
                "select query result is KTABLE."
            )
        return
    if node.kind == STREAM and plan.is_table:
        raise StatementError(
            "Invalid result type. Your SELECT query produces a TABLE. "
            "Please use CREATE TABLE AS SELECT statement instead."
        )
    if node.kind == TABLE and not plan.is_table:
        raise StatementError(
            "Invalid result type. Your SELECT query produces a STREAM. "
            "Please use CREATE STREAM AS SELECT statement instead."
        )


def plan_source_table(source: Source) -> QueryPlan:
    """The query of CREATE SOURCE TABLE: it writes nothing and keeps the table's rows for pull queries."""
    read = From(0, source.name, source)
    scope = QueryScope((read,))

    def typed(columns: tuple[Column, ...]) -> tuple[tuple[str, Typed], ...]:
        return tuple((column.name, resolve(ast.Name(column.name, source.name), scope)) for column in columns)

    return QueryPlan(
        node=ast.Select(ast.Query((ast.SelectStar(),), ast.Relation(source.name, source.name))),
        root=Project(Read(read), typed(source.schema.key), typed(source.schema.value), False),
        sink=None,
        is_table=True,
        window=None,
        partitions=1,
        topic_config={},
        creates_sink=False,
    )
