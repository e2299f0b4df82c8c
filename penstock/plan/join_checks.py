"""What a join must be to run, and ksqlDB's sentence for each that is not.

In:  an analysed query and the place of one of its joins. Out: nothing, or StatementError.
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.errors import StatementError
from penstock.language import ast
from penstock.language.analyser import Analysis, JoinOn, equivalent, is_foreign, is_key_of
from penstock.language.catalog import STREAM, TABLE, Source
from penstock.language.expressions import Typed
from penstock.language.printer import expression as shown
from penstock.language.resolve import resolve
from penstock.language.scope import From, QueryScope
from penstock.topics.base import TopicInfo
from penstock.types import Array, Map, SqlType, Struct, quote

Topics = Callable[[str], TopicInfo | None]

NOT_WINDOWED = (
    "A window definition was provided for a {0} join. These joins are not windowed. Please drop the window "
    "definition (ie. the WITHIN clause) and try to execute your {0} join again."
)
NO_WITHIN = (
    "Stream-stream joins must have a WITHIN clause specified. None was provided. To learn about how "
    "to specify a WITHIN clause with a stream-stream join, please visit: "
    "https://docs.confluent.io/current/ksql/docs/syntax-reference.html#create-stream-as-select"
)
NO_REKEYED_WINDOWS = (
    "Implicit repartitioning of windowed sources is not supported. "
    "See https://github.com/confluentinc/ksql/issues/4385."
)

__all__ = ["check_pair", "check_types", "is_foreign", "is_key_of"]


def check_pair(analysis: Analysis, position: int, topics: Topics) -> None:
    """A join by the kinds of its two sides, their formats, windows and partitions."""
    join = analysis.joins[position]
    left, right = analysis.froms[0], analysis.froms[join.index]
    _check_value_formats(analysis, position)
    if left.source.kind == TABLE and right.source.kind == STREAM:
        raise StatementError(
            "Invalid join order: table-stream joins are not supported; only stream-table joins. "
            f"Got {left.source.name} join {right.source.name}."
        )
    if join.within is None and right.source.kind == STREAM:
        raise StatementError(NO_WITHIN)
    if join.within is not None and right.source.kind == TABLE:
        kinds = "Stream-Table" if left.source.kind == STREAM else "Table-Table"
        raise StatementError(NOT_WINDOWED.format(kinds))
    if right.source.kind == TABLE and left.source.kind == STREAM:
        _check_stream_table(join, left.source, right)
    elif right.source.kind == TABLE:
        _check_table_table(analysis, position)
    _check_windows(left, right)
    if right.source.window is not None or left.source.window is not None:
        _check_windowed_keys(analysis, position)
    if not is_foreign(analysis, position):
        _check_partitions(left, right, topics)


def _check_value_formats(analysis: Analysis, position: int) -> None:
    join = analysis.joins[position]
    sides = ([analysis.froms[0]] if position == 0 else []) + [analysis.froms[join.index]]
    bad = [each.source.name for each in sides if each.source.value_format.name == "KAFKA"]
    if bad:
        raise StatementError(
            f"Source(s) {', '.join(bad)} are using the 'KAFKA' value format. "
            "This format does not yet support JOIN."
        )


def _check_stream_table(join: JoinOn, left: Source, right: From) -> None:
    if join.kind == "OUTER":
        raise StatementError(
            "Invalid join type: full-outer join not supported for stream-table join. "
            f"Got {left.name} [FULL] OUTER JOIN {right.source.name}."
        )
    if join.kind == "RIGHT":
        raise StatementError("Invalid join type encountered: RIGHT [OUTER] JOIN")
    keys = right.source.schema.key
    if len(keys) > 1:
        names = ", ".join(str(column) for column in keys)
        raise StatementError(f"JOINs are not supported with multiple key columns: [{names}]")
    if not is_key_of(join.right, right):
        raise StatementError(
            "Invalid join condition: stream-table joins require to join on the table's primary key. "
            f"Got {written(join)}."
        )


def _check_table_table(analysis: Analysis, position: int) -> None:
    join = analysis.joins[position]
    if not is_key_of(join.right, analysis.froms[join.index]):
        raise StatementError(
            "Invalid join condition: table-table joins require to join on the primary key of the right input "
            f"table. Got {written(join)}."
        )
    if not is_foreign(analysis, position):
        return
    if position > 0:
        raise StatementError(
            "Invalid join condition: foreign-key table-table joins are not supported as part of n-way joins. "
            f"Got {written(join)}."
        )
    if join.kind in ("RIGHT", "OUTER"):
        kind = "RIGHT" if join.kind == "RIGHT" else "FULL"
        raise StatementError(f"{kind} OUTER JOIN on a foreign key is not supported")


def _check_windows(left: From, right: From) -> None:
    one, other = left.source.window, right.source.window
    if (one is None) != (other is None):
        raise StatementError(
            "Can not join windowed source to non-windowed source.\n"
            + _windowing(left)
            + "\n"
            + _windowing(right)
        )
    if one is None or other is None or one == other:
        return
    if (one.kind == "SESSION") != (other.kind == "SESSION"):
        raise StatementError(
            f"Incompatible windowed sources.\nLeft source: {one.kind}\nRight source: {other.kind}\n"
            "Session windowed sources can only be joined to other session windowed sources, and may still "
            "not result in expected behaviour as session bounds must be an exact match for the join to work\n"
            "Hopping and tumbling windowed sources can only be joined to other hopping and tumbling windowed "
            "sources"
        )


def _windowing(each: From) -> str:
    window = each.source.window
    return f"`{each.alias}` is {f'{window.kind} windowed' if window else 'not windowed'}"


def _check_windowed_keys(analysis: Analysis, position: int) -> None:
    """A windowed key can't be computed anew, nor written in another format."""
    join = analysis.joins[position]
    left, right = analysis.froms[0], analysis.froms[join.index]
    kept = is_key_of(join.left, left) or (position > 0 and join.left in equivalent(analysis.joins[:position]))
    alike = left.source.key_format == right.source.key_format and left.source.window == right.source.window
    if not (kept and is_key_of(join.right, right) and alike):
        raise StatementError(NO_REKEYED_WINDOWS)


def _check_partitions(left: From, right: From, topics: Topics) -> None:
    one, other = topics(left.source.topic), topics(right.source.topic)
    if one is not None and other is not None and one.partitions != other.partitions:
        raise StatementError(
            f"Can't join `{left.alias}` with `{right.alias}` since the number of partitions don't match. "
            f"`{left.alias}` partitions = {one.partitions}; `{right.alias}` partitions = {other.partitions}. "
            "Please repartition either one so that the number of partitions match."
        )


def check_types(join: JoinOn, analysis: Analysis, scope: QueryScope) -> Typed:
    """The join key as the left side gives it; both sides are of one type."""
    left, right = resolve(join.left, scope, "JOIN ON"), resolve(join.right, scope, "JOIN ON")
    if left.type != right.type:
        sides = [f"{shown(join.left)}{{{left.type}}}", f"{shown(join.right)}{{{right.type}}}"]
        raise StatementError(
            "Invalid join condition: types don't match. "
            f"Got {' = '.join(sides[::-1] if join.flipped else sides)}."
        )
    if _holds_map(left.type):
        name = f"{join.left.qualifier}_{join.left.name}" if isinstance(join.left, ast.Name) else "ROWKEY"
        raise StatementError(
            "Map keys, including types that contain maps, are not supported as they may lead to unexpected "
            f"behavior due to inconsistent serialization. Key column name: {quote(name)}. Column type: "
            f"{left.type}. See https://github.com/confluentinc/ksql/issues/6621 for more."
        )
    return left


def _holds_map(kind: SqlType) -> bool:
    match kind:
        case Map():
            return True
        case Array(item):
            return _holds_map(item)
        case Struct(fields):
            return any(_holds_map(field) for _, field in fields)
    return False


def written(join: JoinOn) -> str:
    """The criterion with its sides as they stand in the text."""
    sides = [shown(join.left), shown(join.right)]
    return " = ".join(sides[::-1] if join.flipped else sides)
