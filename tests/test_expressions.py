"""Expressions end to end: text, types, generated code, value; the fast path beside the slow one.

cases/expressions/*.json are our own cases; a real server's answers are read from ../shared when it is there.
"""

from __future__ import annotations

import base64
import json
import math
from decimal import Decimal as Number
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import Position, StatementError, UnknownName
from penstock.evaluate import compile_expression
from penstock.functions.iso_times import text_from_date, text_from_time, text_from_timestamp
from penstock.language.expressions import ColumnRef, Typed
from penstock.language.parser import parse_expression
from penstock.language.resolve import resolve
from penstock.run.codegen import Emitter
from penstock.run.evaluate import compile_each
from penstock.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Column,
    Decimal,
    Map,
    SqlType,
    Struct,
    row_class,
    struct_value,
)

ROOT = Path(__file__).resolve().parents[1]
CASES = sorted((Path(__file__).parent / "cases" / "expressions").glob("*.json"))
ORACLE = ROOT.parent / "shared" / "vectors" / "oracle" / "expressions.json"
ROWTIME = 1_700_000_000_000

DEEP = Struct((("C", STRING),))
NESTED = Struct((("A", INTEGER), ("B", DEEP)))
LINE = Struct((("SKU", STRING), ("N", INTEGER)))
COLUMNS: dict[str, SqlType] = {
    "ID": STRING,
    "N_STRING": STRING,
    "N_INT": INTEGER,
    "N_BIGINT": BIGINT,
    "N_DOUBLE": DOUBLE,
    "N_DECIMAL": Decimal(10, 2),
    "N_BOOLEAN": BOOLEAN,
    "N_BYTES": BYTES,
    "N_DATE": DATE,
    "N_TIME": TIME,
    "N_TIMESTAMP": TIMESTAMP,
    "N_INTS": Array(INTEGER),
    "N_STRINGS": Array(STRING),
    "N_MAP": Map(STRING, INTEGER),
    "N_STRUCT": Struct((("A", INTEGER), ("B", STRING))),
    "S": STRING,
    "I": INTEGER,
    "D": DOUBLE,
    "HOLES": Array(INTEGER),
    "WORDS": Array(STRING),
    "COUNTS": Map(STRING, INTEGER),
    "NESTED": NESTED,
    "LINES": Array(LINE),
}
VALUES: dict[str, Any] = {
    "ID": "k",
    "S": "Hello, World",
    "I": 7,
    "D": 2.5,
    "HOLES": [3, None, 1, 3],
    "WORDS": ["b", "a", None, "a", "C"],
    "COUNTS": {"x": 1, "y": None, "z": 3},
    "NESTED": struct_value(NESTED, [1, struct_value(DEEP, ["deep"])]),
    "LINES": [struct_value(LINE, ["A", 2]), struct_value(LINE, ["B", None])],
}
ROW = row_class(tuple(Column(name, kind) for name, kind in COLUMNS.items()))(
    *[VALUES.get(name) for name in COLUMNS]
)


class OneRow:
    """The columns of the oracle's table, whose names begin with N_ when they are NULL."""

    def column(self, name: str, qualifier: str | None, at: Position) -> Typed:
        if name == "ROWTIME":
            return ColumnRef(BIGINT, "ts0", nullable=False)
        if name not in COLUMNS:
            place = f"Line: {at.line}, Col: {at.column}: "
            raise UnknownName(f"{place}SELECT column '{name}' cannot be resolved.", name, (), at)
        return ColumnRef(COLUMNS[name], f"r0.c{list(COLUMNS).index(name)}")

    def has_column(self, name: str) -> bool:
        return name in COLUMNS


def typed(text: str, clause: str = "SELECT", interpreted: bool = False) -> Typed:
    return resolve(parse_expression(text), OneRow(), clause, interpreted=interpreted)


def slow(expression: Typed) -> Any:
    try:
        return compile_each([expression], ["r0", "ts0"])[0](ROW, ROWTIME)
    except Exception:
        return None


def fast(expressions: list[Typed]) -> Any:
    """All expressions of a row in one function, with what they share computed once."""
    constants: dict[str, Any] = {}
    emitter = Emitter(constants)
    emitter.share(expressions)
    results = ", ".join(emitter.expression(each) for each in expressions)
    lines = [*emitter.lines, f"return [{results}]"]
    exec("def row(r0, ts0):\n" + "".join(f"    {line}\n" for line in lines), constants)
    return constants["row"]


# --- our cases ---------------------------------------------------------------------------------------


def cases() -> list[Any]:
    found = [(path.stem, case) for path in CASES for case in json.loads(path.read_text())["cases"]]
    return [pytest.param(case, id=f"{stem}: {case['expression']}") for stem, case in found]


@pytest.mark.parametrize("case", cases())
def test_case(case: dict[str, Any]) -> None:
    clause = case.get("clause", "SELECT")
    if "error" in case:
        with pytest.raises(StatementError) as refused:
            typed(case["expression"], clause)
        assert str(refused.value) == case["error"]
        return
    expression = typed(case["expression"], clause)
    assert str(expression.type) == case["type"]
    assert shown(slow(expression), expression.type) == case["value"]
    if "source" in case:
        assert Emitter({}).expression(expression) == case["source"]


def shown(value: Any, kind: SqlType | None) -> Any:
    """A value as JSON holds it in the cases: decimals and special doubles as text."""
    if value is None or kind is None:
        return value
    match kind:
        case Array(item):
            return [shown(each, item) for each in value]
        case Map(_, item):
            return {key: shown(each, item) for key, each in value.items()}
        case Struct(fields):
            pairs = enumerate(fields)
            return {name: shown(getattr(value, f"c{at}"), field) for at, (name, field) in pairs}
        case Decimal():
            return format(value, "f")
    return SHOWN[kind](value) if kind in SHOWN else value


SHOWN: dict[SqlType, Any] = {
    DATE: text_from_date,
    TIME: text_from_time,
    TIMESTAMP: text_from_timestamp,
    BYTES: lambda value: base64.b64encode(value).decode(),
    DOUBLE: lambda value: value if math.isfinite(value) else str(value),
}


# --- a real server's answers -------------------------------------------------------------------------

KNOWN_DIFFERENCES = {
    # Pull queries interpret; these follow the generated code of persistent queries, as ksqlDB's own tests do.
    "CAST(holes AS ARRAY<BIGINT>)": "an element that is NULL stays NULL",
    "TRANSFORM(holes, x => x * 2)": "NULL in arithmetic fails the whole call",
}


@pytest.mark.skipif(not ORACLE.exists(), reason="../shared/vectors/oracle is not here")
def test_a_real_servers_answers() -> None:
    wrong = []
    for case in json.loads(ORACLE.read_text())["expressions"]:
        found, wanted = answered(case["expression"]), expected(case)
        if not same(found, wanted) and case["expression"] not in KNOWN_DIFFERENCES:
            wrong.append(f"{case['expression']}: {found}, a server says {wanted}")
    assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong[:40])


def answered(text: str) -> tuple[str, Any]:
    try:
        expression = typed(text, interpreted=True)
    except StatementError:
        return "refused", None
    return str(expression.type), shown(slow(expression), expression.type)


def expected(case: dict[str, Any]) -> tuple[str, Any]:
    return ("refused", None) if "error" in case else (case["type"], case["value"])


def same(found: Any, wanted: Any) -> bool:
    """Numbers by value, doubles to 14 digits: Java's StrictMath rounds the last one otherwise."""
    if isinstance(wanted, dict) and wanted.keys() == {"$number"}:
        wanted = Number(wanted["$number"])
    if isinstance(found, float | Number) or (isinstance(wanted, Number) and isinstance(found, str)):
        numbers = isinstance(wanted, Number | int) and not isinstance(wanted, bool)
        return numbers and math.isclose(float(found), float(wanted), rel_tol=1e-14)
    if isinstance(found, str) and isinstance(wanted, int) and not isinstance(wanted, bool):
        return float(found) == wanted
    if isinstance(found, str) and isinstance(wanted, str):
        return found == wanted or SPECIAL.get(found, shorter_time(found)) == shorter_time(wanted)
    if isinstance(found, list | tuple) and isinstance(wanted, list | tuple):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(found, dict) and isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(same(found[key], wanted[key]) for key in found)
    return bool(found == wanted)


SPECIAL = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def shorter_time(text: str) -> str:
    """The server's answers leave milliseconds and a zero second of TIME away."""
    if len(text) in (8, 12) and text[2:3] == text[5:6] == ":":
        return text[:8].removesuffix(":00")
    return text


# --- fast path and slow path -------------------------------------------------------------------------

NUMBERS = st.sampled_from(
    [
        "i",
        "d",
        "n_int",
        "n_double",
        "n_decimal",
        "1",
        "0",
        "-3",
        "2.50",
        "2.5E0",
        "3000000000",
        "holes[1]",
        "ROWTIME",
    ]
)
TEXTS = st.sampled_from(["s", "n_string", "'Hello, World'", "''", "words[1]", "words[3]", "nested->b->c"])


def binary(parts: st.SearchStrategy[str], *operators: str) -> st.SearchStrategy[str]:
    return st.builds("({} {} {})".format, parts, st.sampled_from(operators), parts)


def conditions(numbers: st.SearchStrategy[str], texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    simple = st.one_of(
        binary(numbers, "=", "<>", "<", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"),
        binary(texts, "=", "<>", "<"),
        st.builds("({} IS NULL)".format, st.one_of(numbers, texts)),
        st.builds("({} BETWEEN {} AND {})".format, numbers, numbers, numbers),
        st.builds("({} IN ({}, {}))".format, numbers, numbers, numbers),
        st.builds("({} LIKE '%o%')".format, texts),
        st.just("n_boolean"),
    )
    return st.recursive(
        simple,
        lambda inner: st.one_of(binary(inner, "AND", "OR"), st.builds("(NOT {})".format, inner)),
        max_leaves=4,
    )


CHOICE = "CASE WHEN {} THEN CAST({} AS DOUBLE) ELSE CAST({} AS DOUBLE) END"


def deeper(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        binary(parts, "+", "-", "*", "/", "%"),
        st.builds(
            "CASE WHEN {} THEN CAST({} AS DOUBLE) ELSE CAST({} AS DOUBLE) END".format,
            conditions(parts, TEXTS),
            parts,
            parts,
        ),
        st.builds("CAST({} AS INT)".format, parts),
        st.builds("CAST(CAST({} AS STRING) AS DOUBLE)".format, parts),
        st.builds("COALESCE(CAST({} AS BIGINT), CAST({} AS BIGINT))".format, parts, parts),
        st.builds("(ARRAY[{0}, {1}])[{2}]".format, parts, parts, st.sampled_from(["1", "2", "-1", "0"])),
    )


EXPRESSIONS = st.recursive(NUMBERS, deeper, max_leaves=6)


INTEGERS = st.one_of(st.none(), st.integers(-3, 9), st.sampled_from([2**31 - 1, -(2**31)]))
DOUBLES = st.one_of(
    st.none(), st.sampled_from([0.0, -0.0, 2.5, -7.25, 0.1, 1e300]), st.floats(allow_nan=False)
)
CENTS = st.one_of(st.none(), st.integers(-(10**9), 10**9).map(lambda cents: Number(cents).scaleb(-2)))
WORDS = st.one_of(st.none(), st.sampled_from(["", "Hello, World", "o\no", "7"]))
ROWS = st.fixed_dictionaries(
    {
        "I": INTEGERS,
        "N_INT": INTEGERS,
        "D": DOUBLES,
        "N_DOUBLE": DOUBLES,
        "N_DECIMAL": CENTS,
        "N_BOOLEAN": st.sampled_from([None, True, False]),
        "S": WORDS,
        "N_STRING": WORDS,
        "HOLES": st.one_of(st.none(), st.lists(INTEGERS, max_size=2)),
    }
)


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
@settings(max_examples=200, deadline=None)
@given(
    st.lists(EXPRESSIONS, min_size=1, max_size=4), conditions(EXPRESSIONS, TEXTS), st.lists(ROWS, max_size=4)
)
def test_fast_and_slow_agree(texts: list[str], condition: str, rows: list[dict[str, Any]]) -> None:
    """What the fast path gives for a row, the slow path gives too; where it raises, nothing is promised."""
    expressions = [each for text in [*texts, condition] if (each := typed_or_none(text))]
    fast_path, slow_path = fast(expressions), compile_each(expressions, ["r0", "ts0"])
    for values in [{}, *rows]:
        row = type(ROW)(*[{**VALUES, **values}.get(name) for name in COLUMNS])
        try:
            found = fast_path(row, ROWTIME)
        except Exception:
            continue
        # Values by their text: NaN equals NaN, 1 is not 1.0 and 2.50 is not 2.5.
        assert [repr(each) for each in found] == [repr(each(row, ROWTIME)) for each in slow_path]


def typed_or_none(text: str) -> Typed | None:
    try:
        return typed(text)
    except StatementError:
        return None


def test_what_is_shared_is_computed_once() -> None:
    emitter = Emitter({})
    both = [
        typed("UCASE(TRIM(s))"),
        typed("LCASE(TRIM(s))"),
        typed("CASE WHEN i > 0 THEN i / n_int ELSE i / n_int END"),
    ]
    emitter.share(both)
    assert sum("sql_trim(" in line for line in emitter.lines) == 1
    assert not any("divide" in line for line in emitter.lines), "the branches of CASE stay where they are"


def test_a_failing_element_leaves_its_neighbours() -> None:
    heard: list[Exception] = []
    made = compile_each([typed("ARRAY[1, 1 / (i - 7), 3]")], ["r0", "ts0"], heard.append)[0]
    assert made(ROW, ROWTIME) == [1, None, 3]
    assert [str(each) for each in heard] == ["/ by zero"]


def test_the_door_for_rules() -> None:
    rule = compile_expression(
        "QUANTITY > 0 AND COUNTRY <> ''", {"QUANTITY": INTEGER, "COUNTRY": STRING}, "WHERE"
    )
    assert rule({"QUANTITY": 3, "COUNTRY": "Eire"}) is True
    assert rule({"QUANTITY": None, "COUNTRY": "Eire"}) is False
    assert rule.columns == {"QUANTITY", "COUNTRY"}
    assert compile_expression("1 / N", {"N": INTEGER}).or_null({"N": 0}) is None
