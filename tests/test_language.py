"""The language: text to syntax tree and back.

The cases are data: expressions, statements, types and their canonical texts; failures with their exact
messages; variables. What is printed must read back as the same tree, for the cases, for trees made at
random, and for every statement of ksqlDB's own tests where those are at hand.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from language_trees import expressions, queries

from penstock.errors import StatementError
from penstock.language import ast, durations, parser, printer
from penstock.types import STRING, Struct

CASES = Path(__file__).parent / "cases" / "language"
SHARED = Path(__file__).resolve().parents[2] / "shared"

needs_vectors = pytest.mark.skipif(
    not (SHARED / "vectors" / "qtt").exists(), reason="ksqlDB's tests are not beside this repository"
)


def cases(name: str) -> Any:
    found = json.loads((CASES / f"{name}.json").read_text())
    ids = [case.get("name") or case.get("text") or case["type"] for case in found]
    return pytest.mark.parametrize("case", found, ids=ids)


# --- cases -------------------------------------------------------------------------------------------


@cases("expressions")
def test_expression(case: dict[str, str]) -> None:
    node = parser.parse_expression(case["text"])
    assert printer.expression(node) == case["prints"]
    assert parser.parse_expression(case["prints"]) == node


@cases("statements")
def test_statement(case: dict[str, str]) -> None:
    [parsed] = parser.parse_script(f"-- first\n{case['text']}\n", test_statements=True)
    assert parsed.text == case["text"]
    assert printer.canonical(parsed.node) == case["prints"]
    assert parser.parse_statement(case["prints"], test_statements=True) == parsed.node


@cases("types")
def test_type(case: dict[str, str]) -> None:
    custom = {"ADDRESS": Struct((("STREET", STRING),))}
    kind = parser.parse_type(case["type"], custom)
    assert printer.type_text(kind) == case["prints"]
    assert parser.parse_type(case["prints"]) == kind


@cases("failures")
def test_failure(case: dict[str, str]) -> None:
    with pytest.raises(StatementError) as failure:
        parser.parse_script(case["text"])
    assert str(failure.value) == case["message"]
    assert failure.value.statement == case["text"]


@cases("variables")
def test_variables(case: dict[str, Any]) -> None:
    try:
        parsed = parser.parse_script(case["text"], variables=case["variables"])
    except StatementError as failure:
        assert str(failure) == case.get("message")
        return
    assert " ".join(each.text for each in parsed) == case["runs"]
    assert [each.node for each in parsed] == [each.node for each in parser.parse_script(case["runs"])]


# --- what cases can't say ----------------------------------------------------------------------------


def test_only_the_failing_statement_is_named() -> None:
    with pytest.raises(StatementError) as failure:
        parser.parse_script("SHOW STREAMS;\n DROP it;\nSHOW TABLES;")
    assert failure.value.statement == "DROP it;"
    assert str(failure.value.at) == "line 2:7"


def test_a_type_serves_the_statements_after_it() -> None:
    script = """
        CREATE TYPE address AS STRUCT<street STRING>;
        CREATE TYPE person AS STRUCT<home ADDRESS>;
        CREATE STREAM people (p PERSON);
        DROP TYPE person;
        CREATE STREAM others (p PERSON);"""
    found = parser.iter_statements(script)
    nodes = [next(found).node for _ in range(4)]
    assert printer.canonical(nodes[2]) == "CREATE STREAM PEOPLE (P STRUCT<HOME STRUCT<STREET STRING>>);"
    with pytest.raises(StatementError, match="Cannot resolve unknown type: PERSON"):
        next(found)


def test_positions_count_from_one() -> None:
    node = parser.parse_statement("SELECT a,\n  b FROM s;")
    assert isinstance(node, ast.Select)
    items = [item for item in node.query.select if isinstance(item, ast.SelectItem)]
    assert [str(item.expression.at) for item in items] == ["line 1:8", "line 2:3"]


def test_equal_trees_are_equal_wherever_they_stand() -> None:
    assert parser.parse_expression("a + 1") == parser.parse_expression("  A+1")
    assert parser.parse_expression("1.0") != parser.parse_expression("1.00")


def test_explain_keeps_the_text_of_what_it_explains() -> None:
    node = parser.parse_statement("EXPLAIN  select a from b;")
    assert isinstance(node, ast.Explain)
    assert node.text == "select a from b;"


def test_secrets_are_masked() -> None:
    insert = parser.parse_statement("INSERT INTO s (a, b) VALUES ('x', 1);")
    assert printer.masked(insert) == "INSERT INTO `S` (`A`, `B`) VALUES ('[value]', '[value]');"
    connector = parser.parse_statement(
        "CREATE SINK CONNECTOR c WITH ('connector.class'='x', 'password'='p');"
    )
    masked = "CREATE SINK CONNECTOR c WITH (`connector.class`='x', password='[string]');"
    assert printer.masked(connector) == masked
    assert printer.masked(parser.parse_statement("SHOW STREAMS;")) is None


def test_too_deep_is_a_failure_like_any_other() -> None:
    text = f"SELECT {'(' * 2000}1{')' * 2000} FROM s;"
    with pytest.raises(StatementError, match="too many expressions inside each other"):
        parser.parse_script(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10 fortnights", "Invalid duration: '10 fortnights'. Unknown time unit: 'FORTNIGHTS'"),
        ("10 SECNDS", "Invalid duration: '10 SECNDS'. Unknown time unit: 'SECNDS' Did you mean SECONDS?"),
        ("x DAYS", "Invalid duration: 'x DAYS'. Size must be numeric, 'x' is not."),
        ("10", "Invalid duration: '10'. Expected 2 tokens, got: 1"),
    ],
)
def test_a_wrong_duration(text: str, message: str) -> None:
    with pytest.raises(ValueError) as failure:
        durations.parse_duration(text)
    assert str(failure.value) == message


def test_a_duration_is_milliseconds() -> None:
    assert durations.parse_duration("2 minutes").ms == 120_000
    assert str(durations.Duration.of_ms(7_200_000)) == "2 HOURS"


# --- round trips of trees made at random -------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(expressions)
def test_any_expression_reads_back(node: ast.Expression) -> None:
    assert parser.parse_expression(printer.expression(node)) == node


@settings(max_examples=60, deadline=None)
@given(queries)
def test_any_query_reads_back(node: ast.Query) -> None:
    again = parser.parse_statement(printer.query(node))
    assert isinstance(again, ast.Select)
    assert again.query == node


# --- ksqlDB's own tests ------------------------------------------------------------------------------

SYNTAX = "io.confluent.ksql.parser.exception.ParseFailedException"
# ksqlDB refuses these while parsing, we where properties are checked.
LATER = "Configuration WINDOW_SIZE is invalid"


def vectors() -> Iterator[tuple[str, list[str], dict[str, str]]]:
    for folder in ("qtt", "rqtt"):
        for path in sorted((SHARED / "vectors" / folder).glob("*.json")):
            for test in json.loads(path.read_text())["tests"]:
                refusal = test.get("expectedException") or test.get("expectedError") or {}
                statements = [each.replace("{FORMAT}", "JSON") for each in test["statements"]]
                yield f"{path.name}: {test['name']}", statements, refusal


def must_read_back(parsed: list[parser.ParsedStatement]) -> None:
    for each in parsed:
        text = printer.canonical(each.node)
        assert parser.parse_statement(text, test_statements=True) == each.node, text


@needs_vectors
def test_every_statement_of_the_vectors() -> None:
    for name, statements, refusal in vectors():
        script = "\n".join(statements)
        wanted = refusal.get("message", "").partition("\nStatement:")[0].partition("line 1:")[2]
        try:
            parsed = parser.parse_script(script)
        except StatementError as failure:
            # The REST tests send statements one by one, so their lines count from 1 each time.
            assert refusal, f"{name}: {failure}"
            assert wanted.strip() in str(failure).replace("line 2:", "") or wanted in str(failure), name
            continue
        assert refusal.get("type") != SYNTAX or LATER in refusal["message"], name
        must_read_back(parsed)


@needs_vectors
def test_every_script_of_the_vectors() -> None:
    scripts = [*(SHARED / "vectors" / "yatt").rglob("*.sql"), *(SHARED / "reference").rglob("*.ksql")]
    assert scripts
    for path in scripts:
        must_read_back(parser.parse_script(path.read_text(), test_statements=True))


@needs_vectors
def test_every_text_a_server_gave_is_canonical() -> None:
    found = set(texts_of(json.loads((SHARED / "vectors" / "ksqldb-rest-transcript.json").read_text())))
    assert len(found) > 10
    for text in found:
        assert printer.canonical(parser.parse_statement(text)) == text


def texts_of(answer: Any) -> Iterator[str]:
    """The statement texts that the server itself wrote: those with properties filled in."""
    if isinstance(answer, list):
        for each in answer:
            yield from texts_of(each)
    elif isinstance(answer, dict):
        text = answer.get("statementText", "")
        if "CLEANUP_POLICY" in text:
            yield text
        for each in answer.values():
            yield from texts_of(each)


@needs_vectors
def test_every_refusal_a_server_gave() -> None:
    exchanges = json.loads((SHARED / "vectors" / "ksqldb-rest-transcript.json").read_text())
    refused = 0
    for exchange in exchanges:
        request, answer = exchange["request"].get("body"), exchange["response"]
        message = answer.get("message", "") if isinstance(answer, dict) else ""
        if isinstance(request, dict) and "Syntax Error" in message:
            with pytest.raises(StatementError) as failure:
                parser.parse_script(request.get("ksql") or request["sql"])
            assert str(failure.value) == message.partition("\nStatement:")[0]
            refused += 1
    assert refused


@needs_vectors
def test_every_expression_of_the_oracle() -> None:
    asked = json.loads((SHARED / "vectors" / "oracle" / "expressions.json").read_text())["expressions"]
    for case in asked:
        statement = f"SELECT {case['expression']} AS r FROM one WHERE id='k';"
        try:
            must_read_back(parser.parse_script(statement))
        except StatementError as failure:
            assert str(failure) == case.get("error"), case["expression"]
        else:
            assert "Syntax Error" not in case.get("error", ""), case["expression"]


@needs_vectors
def test_a_long_script_is_fast() -> None:
    text = (SHARED / "reference" / "ksqldb" / "medallion.ksql").read_text() * 4
    begin = time.perf_counter()
    parser.parse_script(text)
    # It takes 15 ms on two slow cores; the room is for a busy machine.
    assert time.perf_counter() - begin < 0.5
