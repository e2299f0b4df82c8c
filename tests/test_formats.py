"""The formats: cases of bytes and values, and the fast JSON reader against the exact one.

tests/cases/formats/*.json hold cases {"name", "format", "columns", "payload" | "payload_hex", then
"row" (what it reads to), "failure" (part of the reason), or "written" (the bytes of the row)}.
Values of a row are written as JSON: DECIMAL as text, BYTES as base64, STRUCT as a list, NaN as "NaN".
"""

from __future__ import annotations

import base64
import decimal
import json
import math
import struct
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock import types
from penstock.errors import RecordError, StatementError
from penstock.formats import formats, java_numbers, json_fast
from penstock.formats.json_exact import ExactReader
from penstock.formats.json_fast import JsonReader
from penstock.language.catalog import Format, SourceWindow

CASES = Path(__file__).parent / "cases" / "formats"


def load(name: str) -> list[Any]:
    cases = json.loads((CASES / f"{name}.json").read_text(encoding="utf-8"))
    return [pytest.param(case, id=f"{name}: {case['name']}") for case in cases]


def kind_of(text: Any) -> types.SqlType:
    """A type as the cases write it: "INTEGER", ["DECIMAL", 4, 2], ["ARRAY", t], ["STRUCT", {name: t}]."""
    if isinstance(text, str):
        return types.PRIMITIVES[text]
    match text:
        case ["DECIMAL", precision, scale]:
            return types.Decimal(precision, scale)
        case ["ARRAY", item]:
            return types.Array(kind_of(item))
        case ["MAP", value]:
            return types.Map(types.STRING, kind_of(value))
        case ["STRUCT", fields]:
            return types.Struct(tuple((name, kind_of(field)) for name, field in fields.items()))
    raise AssertionError(text)


def value_of(kind: types.SqlType, shown: Any) -> Any:
    """The value that a case shows."""
    if shown is None:
        return None
    match kind:
        case types.Decimal():
            return decimal.Decimal(shown)
        case types.Array(item):
            return [value_of(item, one) for one in shown]
        case types.Map(_, value):
            return {name: value_of(value, one) for name, one in shown.items()}
        case types.Struct(fields):
            members = zip(fields, shown, strict=True)
            return types.struct_value(kind, [value_of(field, one) for (_, field), one in members])
    if kind == types.BYTES:
        return base64.b64decode(shown)
    return float(shown) if kind == types.DOUBLE else shown


def columns_of(case: dict[str, Any]) -> tuple[types.Column, ...]:
    return tuple(types.Column(name, kind_of(text)) for name, text in case["columns"].items())


def payload_of(case: dict[str, Any]) -> bytes:
    return bytes.fromhex(case["payload_hex"]) if "payload_hex" in case else case["payload"].encode()


def codec_of(case: dict[str, Any]) -> Any:
    named = Format(case.get("format", "JSON"), tuple(case.get("properties", {}).items()))
    return formats.value_codec(named, columns_of(case), unwrapped=case.get("unwrapped", False))


def same(left: Any, right: Any) -> bool:
    """Equal in value and in kind: 0.0 is not -0.0, 1 is not 1.0, 2.5 is not 2.50."""
    return show(left) == show(right)


def show(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        columns = [name for name in value.__struct_fields__ if name.startswith("c")]
        return [show(getattr(value, name)) for name in columns]
    if isinstance(value, list | tuple):
        return [show(one) for one in value]
    if isinstance(value, dict):
        return {name: show(one) for name, one in value.items()}
    return repr(value)


@pytest.mark.parametrize("case", load("json") + load("delimited") + load("kafka"))
def test_case(case: dict[str, Any]) -> None:
    codec, columns = codec_of(case), columns_of(case)
    if "written" in case:
        row = types.row_class(columns)(
            *[value_of(column.type, shown) for column, shown in zip(columns, case["row"], strict=True)]
        )
        assert codec.encode([row]) == ([case["written"].encode()], {})
        return
    # Before and after a record of the plain shape, so that the learned decoder meets it too.
    around = [case["around"].encode()] if "around" in case else []
    decoded = codec.decode([*around, payload_of(case), *around])
    position = len(around)
    assert set(decoded.failures) == ({position} if "failure" in case else set())
    if "failure" in case:
        assert case["failure"] in decoded.failures[position]
    elif case["row"] is None:
        assert decoded.values[position] is None
    else:
        expected = [value_of(column.type, one) for column, one in zip(columns, case["row"], strict=True)]
        assert same(decoded.values[position], expected)


FIELD_NAMES = ["A", "B", "C", "d", "ID"]
PRIMITIVE_KINDS = [types.PRIMITIVES[name] for name in sorted(types.PRIMITIVES)]


def kinds(depth: int = 2) -> st.SearchStrategy[types.SqlType]:
    leaves = st.sampled_from([*PRIMITIVE_KINDS, types.Decimal(4, 2), types.Decimal(20, 9)])
    if depth == 0:
        return leaves
    inner = kinds(depth - 1)
    return st.one_of(
        leaves,
        leaves,
        inner.map(types.Array),
        inner.map(lambda kind: types.Map(types.STRING, kind)),
        rows(inner),
    )


def rows(inner: st.SearchStrategy[types.SqlType]) -> st.SearchStrategy[types.Struct]:
    names = st.lists(st.sampled_from(FIELD_NAMES), min_size=1, max_size=4, unique=True)
    return names.flatmap(
        lambda chosen: st.tuples(*[inner for _ in chosen]).map(
            lambda found: types.Struct(tuple(zip(chosen, found, strict=True)))
        )
    )


NUMBERS = """0 -0 0.0 -0.0 1 -1 1.0 1.5 -1.9 2.50 99.99 100 99.999 1e3 1E-10 1e400 -1e400 1e-400 -1e-400
 2147483647 2147483648 -2147483649 3000000000 9007199254740993 9223372036854775807 86400000 86400001
 9223372036854775808 123456789012345678901234567890 9007199254740993.0 0e5 12345678901234567890.123456789
 1e99999999999 4.35 0.1 1e22 1e23 5e-324 2.2250738585072011e-308"""
STRINGS = r"""
"" "7" "+7" "_7" "1.5" "1_0" "NaN" "-0.0" "1e3" "1.5d" "x" "QUI=" "QQ" "QR==" "QQ==QQ==" "QUFB\n" "\u0020QUFB"
"\u00207" "\ud83d\ude00" "\ud800" "\u0041" "é" "a\/b" "٣" "-1e-400"
"""
NUMBER_TEXTS = st.sampled_from(NUMBERS.split()) | st.integers(-(2**70), 2**70).map(str)
TEXTS = st.sampled_from(STRINGS.split()) | st.text(max_size=5).map(json.dumps)
BROKEN = st.sampled_from(
    ["NaN", "Infinity", "01", "1.", ".5", "+1", "tru", "'x'", '"\x01"', '"\\x"', "", "[1,]", "{,}", "[" * 30]
)


def any_json(depth: int = 2) -> st.SearchStrategy[str]:
    scalars = st.one_of(NUMBER_TEXTS, TEXTS, st.sampled_from(["null", "true", "false"]))
    if depth == 0:
        return scalars
    inner = any_json(depth - 1)
    return st.one_of(scalars, st.lists(inner, max_size=2).map(array_text), objects(inner))


def array_text(items: list[str]) -> str:
    return "[" + ", ".join(items) + "]"


def objects(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    names = st.sampled_from(["A", "a", "B", "b", "d", "D", "id", "Id", "ID", "x", "\\u0041"])
    return st.lists(st.tuples(names, inner), max_size=5).map(
        lambda found: "{" + ",".join(f'"{name}":{text}' for name, text in found) + "}"
    )


def texts_of(kind: types.SqlType) -> st.SearchStrategy[str]:
    """Mostly what fits the type, often something odd."""
    return st.one_of(fitting(kind), fitting(kind), fitting(kind), any_json(1), BROKEN)


def fitting(kind: types.SqlType) -> st.SearchStrategy[str]:
    match kind:
        case types.Array(item):
            return st.lists(texts_of(item), max_size=3).map(array_text)
        case types.Map(_, value):
            return objects(texts_of(value))
        case types.Struct(fields):
            return st.tuples(*[texts_of(field) for _, field in fields]).flatmap(
                lambda members: record_text([name for name, _ in fields], members)
            )
    if kind in (types.STRING, types.BYTES):
        return TEXTS
    return st.sampled_from(["true", "false"]) if kind == types.BOOLEAN else NUMBER_TEXTS


def record_text(names: list[str], members: tuple[str, ...]) -> st.SearchStrategy[str]:
    """The members under their names, in some case, with some left out, doubled or extra."""
    spelling = st.sampled_from([str.lower, str.upper, str.lower, str.lower])
    extra = st.sampled_from(["", "", ', "note": "é"', ',"z":{"y":[1e999,"\\u0000"]}', ',"a":1', ',"A":null'])
    tail = st.sampled_from(["", "", "", " ", "\n", " x", "}", ",{}"])
    return st.tuples(spelling, extra, tail, st.integers(0, 20)).map(
        lambda drawn: (
            "{"
            + ",".join(
                f'"{drawn[0](name)}" : {text}'
                for position, (name, text) in enumerate(zip(names, members, strict=True))
                if position != drawn[3]
            )
            + drawn[1]
            + "}"
            + drawn[2]
        )
    )


def exactly(kind: types.SqlType, payload: bytes) -> Any:
    try:
        return ExactReader(kind).read(payload)
    except RecordError as problem:
        return problem.message


CHUNKS = kinds().flatmap(
    lambda kind: st.tuples(st.just(kind), st.lists(texts_of(kind), min_size=1, max_size=12))
)
ROWS = rows(kinds(1)).flatmap(
    lambda kind: st.tuples(st.just(kind), st.lists(texts_of(kind), min_size=1, max_size=12))
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(ROWS, ROWS, CHUNKS))
def test_fast_reads_what_exact_reads(chunk: tuple[types.SqlType, list[str]]) -> None:
    kind, texts = chunk
    payloads = [text.encode("utf-8", "surrogatepass") for text in texts]
    expected = [exactly(kind, payload) for payload in payloads]
    reader = JsonReader(kind)
    for _ in range(2):  # The second time through the shapes it has learned.
        decoded = reader.decode(payloads)
        for position, wanted in enumerate(expected):
            got = decoded.failures.get(position, decoded.values[position])
            assert same(got, wanted), (kind, payloads[position])


def test_fast_is_taken_for_plain_records(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = types.Struct((("ID", types.INTEGER), ("NOTE", types.STRING), ("P", types.Decimal(6, 2))))
    reader = JsonReader(kind)
    reader.decode([b'{"id":1,"note":"x","p":1.25,"more":"y"}'])
    monkeypatch.setattr(json_fast, "parse", lambda payload: pytest.fail(f"slow: {payload!r}"))
    payloads = [b'{"id":%d,"note":null,"p":%d}' % (n, n) for n in range(50)]
    assert [row.c0 for row in reader.decode(payloads).values] == list(range(50))


def test_one_bad_record_costs_only_itself() -> None:
    reader = JsonReader(types.Struct((("ID", types.INTEGER),)))
    payloads: list[bytes | None] = [b'{"id":%d}' % n for n in range(100)]
    payloads[40], payloads[60] = b'{"id":', None
    decoded = reader.decode(payloads)
    assert set(decoded.failures) == {40}
    assert decoded.values[40] is None and decoded.values[60] is None
    assert [row.c0 for row in decoded.values if row is not None] == [
        *range(40),
        *range(41, 60),
        *range(61, 100),
    ]


def test_shapes_are_bounded() -> None:
    reader = JsonReader(types.Struct((("ID", types.INTEGER),)))
    for n in range(500):
        assert reader.decode([b'{"id":%d,"extra%d":"x"}' % (n, n)]).values[0].c0 == n
    assert len(reader._shapes) <= json_fast.SHAPES_MAX and reader._lessons_left == 0


ID, NAME = types.Column("ID", types.INTEGER), types.Column("NAME", types.STRING)
KEY_CASES: list[tuple[str, tuple[types.Column, ...], SourceWindow | None, Any, bytes | None]] = [
    ("KAFKA", (ID,), None, 7, b"\x00\x00\x00\x07"),
    ("KAFKA", (NAME,), None, "é", b"\xc3\xa9"),
    ("KAFKA", (NAME,), None, None, None),
    ("JSON", (NAME,), None, "a", b'"a"'),
    ("JSON", (ID,), None, None, None),
    ("JSON", (ID, NAME), None, (1, None), b'{"ID":1,"NAME":null}'),
    ("DELIMITED", (ID, NAME), None, (1, "a,b"), b'1,"a,b"'),
    ("DELIMITED", (NAME,), None, "x", b"x"),
    ("NONE", (), None, None, None),
    ("KAFKA", (NAME,), SourceWindow("TUMBLING", 10), ("k", 20, 30), b"k" + struct.pack(">q", 20)),
    (
        "JSON",
        (ID, NAME),
        SourceWindow("SESSION"),
        ((1, "k"), 2, 9),
        b'{"ID":1,"NAME":"k"}' + struct.pack(">qq", 9, 2),
    ),
]


@pytest.mark.parametrize(("name", "columns", "window", "key", "payload"), KEY_CASES)
def test_keys(
    name: str, columns: tuple[types.Column, ...], window: SourceWindow | None, key: Any, payload: bytes | None
) -> None:
    codec = formats.key_codec(Format(name), columns, window)
    assert codec.encode([key, key]) == ([payload, payload], {})
    decoded = codec.decode([payload, None])
    assert (decoded.values, decoded.failures) == ([key, None], {})


def test_short_windowed_key_is_refused() -> None:
    codec = formats.key_codec(Format("KAFKA"), (NAME,), SourceWindow("HOPPING", 10))
    assert set(codec.decode([b"short", b"k" + bytes(8)]).failures) == {0}


UNSUPPORTED = (
    "Key format does not support schema.\nformat: {}\n"
    "schema: Persistence{{columns=[{}], features=[]}}\nreason: {}"
)
ONE_FIELD = "The 'KAFKA' format only supports a single field. Got: [`ID` INTEGER KEY, `NAME` STRING KEY]"
NO_DECIMAL = "The 'KAFKA' format does not support type 'DECIMAL'"
NO_ARRAY = "The 'DELIMITED' format does not support type 'ARRAY', column: `L`"
NO_CONFIG = "JSON does not support the following configs: [delimiter]"
NO_NAME = "Schema is not compatible with Avro: Illegal initial character: 1D"
PRICE = types.Column("P", types.Decimal(4, 2))
LIST = types.Column("L", types.Array(types.INTEGER))
REFUSALS: list[tuple[Format, tuple[types.Column, ...], str]] = [
    (Format("foo"), (), "Unknown format: FOO"),
    (Format("KAFKA"), (ID, NAME), UNSUPPORTED.format("KAFKA", f"{ID} KEY, {NAME} KEY", ONE_FIELD)),
    (Format("KAFKA"), (PRICE,), UNSUPPORTED.format("KAFKA", "`P` DECIMAL(4, 2) KEY", NO_DECIMAL)),
    (Format("delimited"), (LIST,), UNSUPPORTED.format("DELIMITED", "`L` ARRAY<INTEGER> KEY", NO_ARRAY)),
    (Format("JSON", (("delimiter", "|"),)), (ID,), NO_CONFIG),
    (Format("AVRO"), (types.Column("1D", types.INTEGER),), NO_NAME),
]


@pytest.mark.parametrize(("named", "columns", "message"), REFUSALS)
def test_refusals(named: Format, columns: tuple[types.Column, ...], message: str) -> None:
    with pytest.raises(StatementError) as refused:
        formats.check_format(named, columns, is_key=True)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("text", "delimiter"), [("TAB", "\t"), ("space", " "), ("|", "|"), ("", None), (" ", None), ("<~>", None)]
)
def test_delimiters(text: str, delimiter: str | None) -> None:
    if delimiter is not None:
        assert formats.parse_delimiter(text) == delimiter
        return
    with pytest.raises(StatementError, match="Example valid value"):
        formats.parse_delimiter(text)


DOUBLE_TEXTS = {
    "1.0": 1.0,
    "1.0E10": 1e10,
    "1.0E-5": 1e-5,
    "9.0E-9": 9e-9,
    "0.001": 0.001,
    "9999999.0": 9999999.0,
    "1.0E7": 1e7,
    "-2.5E-4": -2.5e-4,
    "3.70370367037037E19": 3.70370367037037e19,
    "1234567.125": 1234567.125,
    "-0.0": -0.0,
    "4.9E-324": 5e-324,
    "NaN": math.nan,
    "-Infinity": -math.inf,
}


@pytest.mark.parametrize(("text", "value"), DOUBLE_TEXTS.items())
def test_double_text(text: str, value: float) -> None:
    assert java_numbers.double_text(value) == text


def test_written_rows_read_back() -> None:
    """What msgspec would change in silence: NaN, infinities, many digits; and who is not asked for."""
    columns = (types.Column("D", types.DOUBLE), types.Column("L", types.Array(types.DOUBLE)))
    row = types.row_class(columns)
    rows: list[Any] = [row(1.5, None), None, row(math.nan, [math.inf, None]), row(-math.inf, [0.5])]
    written, failures = formats.value_codec(Format("JSON"), columns).encode(rows)
    assert written == [
        b'{"D":1.5,"L":null}',
        None,
        b'{"D":"NaN","L":["Infinity",null]}',
        b'{"D":"-Infinity","L":[0.5]}',
    ]
    assert not failures
    assert math.isnan(rows[2].c0)  # The row was not changed.
    trusting = formats.value_codec(Format("JSON"), columns, doubles_to_check=())
    assert trusting.encode([row(1.5, [2.0])]) == ([b'{"D":1.5,"L":[2.0]}'], {})


def test_rows_of_a_source_are_written_in_their_own_names() -> None:
    """A decoded row may be of a class with the spelling of its source; written, it has the schema's."""
    codec = formats.value_codec(Format("JSON"), (ID, NAME))
    rows = codec.decode([b'{"id":1,"name":"a","extra":"b"}'] * 3).values
    assert codec.encode(rows) == ([b'{"ID":1,"NAME":"a"}'] * 3, {})


def test_a_row_that_cannot_be_written_is_named() -> None:
    row = types.row_class((NAME,))
    written, failures = formats.value_codec(Format("JSON"), (NAME,)).encode(
        [row("a"), row("\ud800"), row("b")]
    )
    assert written == [b'{"NAME":"a"}', None, b'{"NAME":"b"}']
    assert set(failures) == {1}
