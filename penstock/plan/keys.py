"""Which columns are the key of a result, and what the projection must do about them.

In:  an analysed query without GROUP BY. Out: the key expressions in order, and whether they are new.
Source of the rules: ksqlDB's "Key requirements" and its statement errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penstock.errors import StatementError
from penstock.language import ast
from penstock.language.analyser import Analysis, synthetic_key
from penstock.language.catalog import TABLE
from penstock.language.expressions import ColumnRef, Typed
from penstock.language.printer import expression as shown
from penstock.language.resolve import resolve
from penstock.language.scope import QueryScope
from penstock.plan.joins import foreign_key_names, keeps_rows, key_of_result, viable_keys
from penstock.types import Array, Map, Schema, SqlType, Struct, quote


@dataclass(frozen=True, slots=True)
class ResultKey:
    """`parts`: key expression -> its column name when the projection need not name it, else None."""

    parts: Mapping[ast.Expression, str | None]
    typed: Mapping[ast.Expression, Typed]
    rekeyed: bool


def result_key(analysis: Analysis, scope: QueryScope, sink: str, may_lose_key: bool = False) -> ResultKey:
    """`sink` is the name of the result, for messages.

    `may_lose_key` (ksql.new.query.planner.enabled): a stream whose key is not selected has none.
    """
    selected = [item.expression for item in analysis.items]
    plain = analysis.partition_by is None and not analysis.joins and analysis.froms[0].source.is_stream
    if may_lose_key and plain:
        source = analysis.froms[0]
        keys = [ast.Name(column.name, source.alias) for column in source.source.schema.key]
        if not all(key in selected for key in keys):
            return ResultKey({}, {}, True)
    if analysis.partition_by is not None:
        return _partitioned(analysis, scope, sink)
    if analysis.joins:
        return _joined(analysis, scope, sink)
    return _kept(analysis, scope, sink)


def key_missing(sink: str, kind: str, names: Sequence[str], last: str = "and") -> StatementError:
    """The projection leaves key columns out; `names` are those it must have."""
    plural = "s" if len(names) > 1 else ""
    listed = f" {last} ".join([", ".join(names[:-1]), names[-1]]) if plural else names[0]
    example = names[0] if last == "or" else ", ".join(names)
    head = "s" if plural and last == "and" else ""
    return StatementError(
        f"Key{head} missing from projection (ie, SELECT). \nThe query used to build `{sink}` must include "
        f"the {kind}{plural} {listed} in its projection (eg, SELECT {example}...)."
    )


def _kept(analysis: Analysis, scope: QueryScope, sink: str) -> ResultKey:
    source = analysis.froms[0]
    names = [ast.Name(column.name, source.alias) for column in source.source.schema.key]
    selected = [item.expression for item in analysis.items]
    for name in names:
        if name not in selected:
            raise key_missing(sink, "key column", [each.name for each in names])
        _check_once(name, analysis)
    return ResultKey(dict.fromkeys(names), {name: resolve(name, scope) for name in names}, False)


def _check_once(key: ast.Expression, analysis: Analysis) -> None:
    aliases = sorted(item.alias for item in analysis.items if item.expression == key)
    if len(aliases) > 1:
        joined = f"{key.qualifier}_" if analysis.joins and isinstance(key, ast.Name) and key.qualifier else ""
        name = joined + key.name if isinstance(key, ast.Name) else shown(key)
        raise StatementError(
            f"The projection contains a key column (`{name}`) more than once, aliased as: "
            + " and ".join(aliases)
            + ".\nEach key column must only be in the projection once. If you intended to copy the key into "
            "the value, then consider using the AS_VALUE function to indicate which key reference should be "
            "copied."
        )


def _partitioned(analysis: Analysis, scope: QueryScope, sink: str) -> ResultKey:
    source = analysis.froms[0].source
    parts = analysis.partition_by or ()
    if source.kind == TABLE and not _same_key(parts, analysis):
        raise StatementError(
            "Cannot repartition a TABLE source. If this is a join, make sure that the criteria uses the "
            f"TABLE's key column {', '.join(c.name for c in source.schema.key)} instead of "
            f"{', '.join(shown(part) for part in parts)}"
        )
    if source.window is not None:
        raise StatementError(
            "Implicit repartitioning of windowed sources is not supported. "
            "See https://github.com/confluentinc/ksql/issues/4385."
        )
    if any(isinstance(part, ast.Null) for part in parts):
        if len(parts) > 1:
            raise StatementError("Cannot PARTITION BY multiple columns including NULL")
        return ResultKey({}, {}, True)
    selected = {item.expression: item.alias for item in analysis.items}
    for part in parts:
        if part not in selected:
            raise key_missing(sink, "partitioning expression", [shown(each) for each in parts])
        _check_once(part, analysis)
    return ResultKey(
        dict.fromkeys(parts),
        {part: resolve(part, scope, "PARTITION BY") for part in parts},
        not _same_key(parts, analysis),
    )


def _same_key(parts: tuple[ast.Expression, ...], analysis: Analysis) -> bool:
    keys = analysis.froms[0].source.schema.key
    return len(parts) == len(keys) == 1 and parts[0] == ast.Name(keys[0].name, analysis.froms[0].alias)


def _joined(analysis: Analysis, scope: QueryScope, sink: str) -> ResultKey:
    """Any column that is equal to the join key may name it; a foreign-key join keeps the left table's."""
    foreign = foreign_key_names(analysis)
    if foreign:
        return _foreign(analysis, foreign)
    synthetic = synthetic_key(analysis.froms, analysis.joins)
    viable = [ast.Name(synthetic)] if synthetic else viable_keys(analysis)
    selected = [item.expression for item in analysis.items]
    chosen = next((name for name in viable if name in selected), None)
    if chosen is None:
        raise _join_key_missing(sink, synthetic, viable)
    _check_once(chosen, analysis)
    last = analysis.joins[-1]
    rekeyed = keeps_rows(analysis) or not _same_key((last.left,), analysis)
    return ResultKey({chosen: None}, {chosen: key_of_result(analysis, scope)}, rekeyed)


def _join_key_missing(sink: str, synthetic: str | None, viable: Sequence[ast.Name]) -> StatementError:
    missing = key_missing(sink, "join expression", [shown(each) for each in viable], "or")
    if synthetic is None:
        return missing
    first, rest = missing.message.split("\n", 1)
    return StatementError(
        f"{first.rstrip()} See https://cnfl.io/2LV7ouS.\n{rest}\n"
        f"{synthetic} was added as a synthetic key column because the join criteria did not match any source "
        "column. This expression must be included in the projection and may be aliased. "
    )


def _foreign(analysis: Analysis, names: Sequence[ast.Name]) -> ResultKey:
    left = analysis.froms[0]
    selected = [item.expression for item in analysis.items]
    missing = [quote(name.name) for name in names if name not in selected]
    if missing:
        plural = "s" if len(missing) > 1 else ""
        raise StatementError(
            f"Primary key column{plural} missing in projection. For foreign-key table-table joins, the "
            "projection must include all primary key columns from the left input table "
            f"({quote(left.alias)}). Missing column{plural}: {', '.join(missing)}."
        )
    typed: dict[ast.Expression, Typed] = {}
    for position, (name, column) in enumerate(zip(names, left.source.schema.key, strict=True)):
        _check_once(name, analysis)
        slot = "k0" if len(names) == 1 else f"(None if k0 is None else k0[{position}])"
        typed[name] = ColumnRef(column.type, slot)
    return ResultKey(dict.fromkeys(names), typed, True)


def check_projection(schema: Schema) -> None:
    """Checks on the result as a whole."""
    for key in schema.key:
        if holds_map(key.type):
            raise StatementError(
                "Map keys, including types that contain maps, are not supported as they may lead to "
                "unexpected behavior due to inconsistent serialization. Key column name: "
                f"{quote(key.name)}. Column type: {key.type}. "
                "See https://github.com/confluentinc/ksql/issues/6621 for more."
            )
    if not schema.value:
        raise StatementError("The projection contains no value columns.")
    seen: set[str] = set()
    for column in schema.columns:
        if column.name in seen:
            raise StatementError(f"Duplicate value columns found in schema: {column}")
        seen.add(column.name)


def holds_map(kind: SqlType) -> bool:
    match kind:
        case Map():
            return True
        case Array(item):
            return holds_map(item)
        case Struct(fields):
            return any(holds_map(field) for _, field in fields)
    return False
