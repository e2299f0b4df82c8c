"""The vocabulary: every declaration's example, our own cases, and the aggregates as the engine runs them.

cases/functions/*.json hold the cases. Aggregates run three ways: at once, with the state stored and restored
after each row, and as two sessions merged.
"""

from __future__ import annotations

import json
import math
import random
import textwrap
from decimal import Decimal as Number
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import StatementError
from penstock.evaluate import compile_expression
from penstock.functions import java_parse, java_time, times
from penstock.functions.describe import describe_function
from penstock.functions.java_numbers import double_text
from penstock.functions.registry import (
    SCALARS,
    BoundAggregate,
    Overload,
    find_aggregate,
    find_scalar,
    find_table_function,
    function_names,
    is_aggregate,
    is_table_function,
    scalar,
)
from penstock.language.parser import parse_type
from penstock.types import (
    BIGINT,
    DOUBLE,
    INTEGER,
    STRING,
    TIMESTAMP,
    Array,
    Decimal,
    SqlType,
    Struct,
    struct_values,
)

CASES = Path(__file__).parent / "cases" / "functions"
REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference" / "ksqldb" / "functions.json"


def cases(name: str) -> list[Any]:
    return json.loads((CASES / f"{name}.json").read_text())


def named(entries: list[Any]) -> Any:
    return pytest.mark.parametrize("case", entries, ids=[entry["name"] for entry in entries])


EXAMPLES: list[tuple[str, Overload]] = [
    (overload.example[0], overload)
    for function in SCALARS.functions.values()
    for overload in function.overloads
    if overload.example
]


@pytest.mark.parametrize(("text", "overload"), EXAMPLES, ids=[text for text, _ in EXAMPLES])
def test_an_example_holds(text: str, overload: Overload) -> None:
    assert overload.example is not None
    assert compile_expression(text, {})({}) == overload.example[1]


def test_every_function_explains_itself() -> None:
    for function in SCALARS.functions.values():
        assert function.description, function.name
        examples = [overload for overload in function.overloads if overload.example]
        assert examples or not function.overloads[0].deterministic, function.name


@pytest.mark.skipif(not REFERENCE.exists(), reason=f"no reference at {REFERENCE}")
def test_the_library_is_whole() -> None:
    wanted = {entry["name"]: len(entry["signatures"]) for entry in json.loads(REFERENCE.read_text())}
    found = {each.name: describe_function(each.name) for each in function_names()}
    assert wanted.keys() == found.keys()
    assert {name: len(each.overloads) for name, each in found.items() if each} == wanted


@named(cases("values"))
def test_a_value(case: Any) -> None:
    wanted = case["value"]
    if isinstance(wanted, dict) and "$decimal" in wanted:
        wanted = Number(wanted["$decimal"])
    assert compile_expression(case["expression"], {}).or_null({}) == wanted


@named(cases("refusals"))
def test_a_refusal(case: Any) -> None:
    with pytest.raises(StatementError) as refused:
        compile_expression(case["expression"], {})
    assert case["error"] in str(refused.value)


# --- aggregates ---------------------------------------------------------------------------------------


def filled(template: str, names: dict[str, str]) -> str:
    for name, source in names.items():
        template = template.replace("{" + name + "}", source)
    return template


class Group:
    """One group: the recipe's text compiled with a list as state."""

    def __init__(self, bound: BoundAggregate) -> None:
        self.bound = bound
        self.functions = dict(bound.helpers)
        exec(self.source(), self.functions)
        self.state = self.functions["initial"]()

    def source(self) -> str:
        bound = self.bound
        slots = range(len(bound.slots))
        arguments = ", ".join(f"x{at}" for at in range(len(bound.parameters)))
        names = {f"x{at}": f"x{at}" for at in range(len(bound.parameters))}
        names |= {f"s{at}": f"st[{at}]" for at in slots} | {f"t{at}": f"other[{at}]" for at in slots}
        initial = ", ".join(filled(slot.initial, names) for slot in bound.slots)
        parts = [
            f"def initial():\n    return [{initial}]",
            f"def result(st):\n    return {filled(bound.result, names)}",
            f"def add(st, {arguments}):\n" + textwrap.indent(filled(bound.add, names), "    "),
            "def merge(st, other):\n" + textwrap.indent(filled(bound.merge or "pass", names), "    "),
        ]
        if bound.undo:
            parts.append(f"def undo(st, {arguments}):\n" + textwrap.indent(filled(bound.undo, names), "    "))
        return "\n".join(parts)

    def add(self, row: list[Any]) -> None:
        self.functions["add"](self.state, *row)

    def undo(self, row: list[Any]) -> None:
        self.functions["undo"](self.state, *row)

    def merge(self, later: Group) -> None:
        self.functions["merge"](self.state, later.state)

    def store_and_restore(self) -> None:
        packed = [msgspec.msgpack.encode(value) for value in self.state]
        self.state = [
            msgspec.msgpack.decode(raw, type=slot.type)
            for raw, slot in zip(packed, self.bound.slots, strict=True)
        ]

    @property
    def result(self) -> Any:
        return self.functions["result"](self.state)


def value_of(kind: SqlType, value: Any) -> Any:
    """A case's value as the engine holds it."""
    if value is None or not isinstance(kind, Decimal):
        return math.nan if value == "NaN" else value
    return Number(value)


def plain(kind: SqlType, value: Any) -> Any:
    """The engine's value as a case has it."""
    if isinstance(kind, Struct):
        pairs = zip(kind.fields, struct_values(value), strict=True)
        return {name: plain(inner, each) for (name, inner), each in pairs}
    if isinstance(kind, Array) and value is not None:
        return [plain(kind.item, each) for each in value]
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return str(value) if isinstance(value, Number) else value


def bound_of(case: Any) -> BoundAggregate:
    function = find_aggregate(case["function"])
    assert function is not None
    literals = {int(at): value for at, value in case.get("literals", {}).items()}
    types = [parse_type(text) for text in case["types"]]
    return function.bind(types, literals, properties=case.get("properties"))


@named(cases("aggregates"))
def test_an_aggregate(case: Any) -> None:
    bound = bound_of(case)
    rows = [
        [value_of(kind, value) for kind, value in zip(bound.parameters, row, strict=True)]
        for row in case["rows"]
    ]
    whole, restored = Group(bound), Group(bound)
    if "error" in case:
        with pytest.raises(ArithmeticError) as failed:
            [whole.add(row) for row in rows]
        assert str(failed.value) == case["error"]
        return
    for row in rows:
        whole.add(row)
        restored.add(row)
        restored.store_and_restore()
    assert plain(bound.returns, whole.result) == case["result"]
    assert plain(bound.returns, restored.result) == case["result"]
    check_merge(case, bound, rows)
    if "undone" in case:
        [whole.undo(row) for row in reversed(rows)]
        assert plain(bound.returns, whole.result) == case["undone"]


def check_merge(case: Any, bound: BoundAggregate, rows: list[list[Any]]) -> None:
    earlier, later = Group(bound), Group(bound)
    half = (len(rows) + 1) // 2
    [earlier.add(row) for row in rows[:half]]
    [later.add(row) for row in rows[half:]]
    earlier.merge(later)
    assert plain(bound.returns, earlier.result) == case.get("merged", case["result"])


def test_a_result_does_not_change_when_the_group_goes_on() -> None:
    for name in ("COLLECT_LIST", "COLLECT_SET", "HISTOGRAM"):
        group = Group(bound_of({"function": name, "types": ["STRING"]}))
        group.add(["a"])
        before = group.result
        group.add(["b"])
        assert len(before) == 1, name


@pytest.mark.parametrize("distinct", [100, 2048, 2049, 20_000, 100_000])
def test_many_distinct_values_are_nearly_counted(distinct: int) -> None:
    group = Group(bound_of({"function": "COUNT_DISTINCT", "types": ["BIGINT"]}))
    for value in range(distinct):
        group.add([value])
    group.store_and_restore()
    group.add([0])
    error = abs(group.result - distinct) / distinct
    assert error == 0 if distinct <= 2048 else error < 0.03


def test_sketches_merge() -> None:
    bound = bound_of({"function": "COUNT_DISTINCT", "types": ["BIGINT"]})
    for sizes in ((10, 5000), (5000, 10), (5000, 5000), (2000, 2000)):
        earlier, later = Group(bound), Group(bound)
        [earlier.add([value]) for value in range(sizes[0])]
        [later.add([value]) for value in range(1000, 1000 + sizes[1])]
        earlier.merge(later)
        wanted = len(set(range(sizes[0])) | set(range(1000, 1000 + sizes[1])))
        assert abs(earlier.result - wanted) / wanted < 0.03


def test_a_parameter_must_be_constant() -> None:
    topk = find_aggregate("topk")
    assert topk is not None
    with pytest.raises(
        StatementError, match=r"Parameter 2 passed to function TOPK must be a literal constant"
    ):
        topk.bind([INTEGER, INTEGER], {}, ["A", "X"])


# --- the register -------------------------------------------------------------------------------------


def test_kinds_of_functions_are_told_apart() -> None:
    assert is_aggregate("sum") and not is_aggregate("abs")
    assert is_table_function("explode") and not is_table_function("sum")
    explode = find_table_function("EXPLODE")
    assert explode is not None
    bound = explode.bind([Array(Decimal(5, 2))])
    assert bound.returns == Decimal(5, 2)
    assert bound.call([1, None]) == [1, None] and bound.call(None) == []
    cube = find_table_function("CUBE_EXPLODE")
    assert cube is not None
    assert cube.bind([Array(INTEGER)]).call([1, None, 2]) == [
        [None, None, None], [None, None, 2], [1, None, None], [1, None, 2],
    ]  # fmt: skip


def test_a_function_may_be_declared_while_the_program_runs() -> None:
    scalar("TEST_TWICE", BIGINT, returns=BIGINT)(lambda value: value * 2)
    try:
        assert compile_expression("TEST_TWICE(21)", {})({}) == 42
    finally:
        SCALARS.forget("TEST_TWICE")
    assert find_scalar("TEST_TWICE") is None


def test_a_description_lists_signatures() -> None:
    found = describe_function("substring")
    assert found is not None
    first = found.overloads[0]
    assert [argument.type for argument in first.arguments] == ["VARCHAR", "INT", "INT"]
    assert first.returns == "VARCHAR"


# --- quick ways give what slow ways give --------------------------------------------------------------

PATTERNS = ("HH", "yyyy-MM-dd", "yyyy-MM-dd HH:mm", "EEE HH:mm:ss.SSS", "yyyy-MM-dd HH:mm XXX zzz")
ZONES = ("UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata", "Africa/Monrovia", "+03:07")
INSTANTS = st.integers(-2_000_000_000_000, 4_000_000_000_000)


@settings(max_examples=200, deadline=None)
@given(INSTANTS, st.sampled_from(PATTERNS), st.sampled_from(ZONES))
def test_a_literal_pattern_prints_the_same(instant: int, pattern: str, zone: str) -> None:
    function = find_scalar("FORMAT_TIMESTAMP")
    assert function is not None
    bound = function.bind([TIMESTAMP, STRING, STRING])
    assert bound.specialize is not None
    quick = bound.specialize({1: pattern, 2: zone})
    assert quick is not None
    nearby = [instant + step for step in (-1, 0, 1, 59_999, 3_599_999)]
    random.shuffle(nearby)
    for each in nearby:
        assert quick(each, pattern, zone) == bound.call(each, pattern, zone)


@settings(max_examples=200, deadline=None)
@given(st.integers(-62_000_000_000_000, 200_000_000_000_000))
def test_what_was_printed_is_read_back(instant: int) -> None:
    for pattern in (
        "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
        "EEEE d MMMM yyyy h:mm:ss.SSS a",
        "yyyyMMddHHmmssSSS",
        "yyyy-D A",
    ):
        text = times.timestamp_text(instant, pattern, "UTC")
        assert times.text_timestamp(text, pattern) == instant, (pattern, text)


TEXTS = st.from_regex(
    r"[0-9]{4}-[0-3][0-9]-[0-9]{2} [0-2][0-9]:[0-6][0-9](:[0-6][0-9](\\.[0-9]{1,4})?)?", fullmatch=True
)
READ = (
    "yyyy-MM-dd HH:mm",
    "yyyy-MM-dd HH:mm:ss",
    "uuuu-MM-dd HH:mm:ss.SSS",
    "yyyy-MM-dd HH:mm:ss.S",
    "yyyy-dd-MM HH:mm",
)


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.sampled_from(READ))
def test_a_plain_pattern_reads_the_same(text: str, pattern: str) -> None:
    function = find_scalar("PARSE_TIMESTAMP")
    assert function is not None
    bound = function.bind([STRING, STRING])
    assert bound.specialize is not None
    quick = bound.specialize({1: pattern})
    assert quick is not None and java_parse.plain_instant(pattern)
    assert outcome(quick, text, pattern) == outcome(bound.call, text, pattern)


def outcome(call: Any, *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except ValueError as error:
        return str(error)


def test_a_memo_is_bounded() -> None:
    memo = times.Memo(lambda question: question)
    for question in range(times.MEMO_MAX * 2 + 1):
        assert memo[question] == question
    assert len(memo) <= times.MEMO_MAX


@given(st.floats())
def test_a_double_reads_back(value: float) -> None:
    text = double_text(value)
    assert float(text) == value or math.isnan(value)
    assert "E" not in text or not 1e-3 <= abs(value) < 1e7


def test_a_pattern_that_is_none() -> None:
    for pattern in ("yyyy-bb", "'open", "]", "p", "HHH", "{x}"):
        with pytest.raises(java_time.PatternError):
            java_time.compile_pattern(pattern)
    with pytest.raises(java_time.PatternError):
        java_parse.parse("yyyy", "20x4")


def test_widening_is_chosen_only_when_needed() -> None:
    power = find_scalar("POWER")
    assert power is not None
    assert power.bind([INTEGER, INTEGER]).parameters == (INTEGER, INTEGER)
    assert power.bind([INTEGER, DOUBLE]).parameters == (DOUBLE, DOUBLE)
