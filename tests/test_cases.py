"""Cases through the product: our own three ways, ksqlDB's as a floor that must not sink.

cases/engine/*.json are our own, in the format of ksqlDB's query tests. Those tests themselves are read from
../shared when they are there; `penstock test ../shared/vectors/qtt -v` shows what fails and why.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from penstock.cases.drive import run_case
from penstock.cases.file import load, read_cases
from penstock.cases.model import WAYS, Case
from penstock.cases.runner import read_all, run_all
from penstock.cli.test import test as command

ROOT = Path(__file__).resolve().parents[1]
OWN = sorted((Path(__file__).parent / "cases" / "engine").glob("*.json"))
VECTORS = ROOT.parent / "shared" / "vectors"
PASSED_AT_LEAST = 1486
REST_PASSED_AT_LEAST = 236
"""Of the query tests, all rows at once. Raise it with what is built."""

needs_vectors = pytest.mark.skipif(
    not (VECTORS / "qtt").exists(),
    reason="../shared/vectors/qtt is not here; put ksqlDB's query tests there to run them",
)


def own_cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}: {case.name}")
        for path in OWN
        for case in read_cases(path, load(path))
    ]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", own_cases())
def test_own(case: Case, way: str) -> None:
    result = run_case(case, way)
    assert result.outcome == "passed", result.detail


@needs_vectors
@pytest.mark.parametrize("way", WAYS)
def test_a_real_ksqldbs_tests(way: str) -> None:
    cases = read_all([VECTORS / "qtt", VECTORS / "oracle" / "ksqldb-8.3.1.json"])
    results = list(run_all(cases, way, 1))
    assert sum(result.outcome == "passed" for result in results) >= PASSED_AT_LEAST


@needs_vectors
@pytest.mark.parametrize("way", WAYS)
def test_a_real_ksqldbs_queries(way: str) -> None:
    results = list(run_all(read_all([VECTORS / "rqtt"]), way, 1))
    assert sum(result.outcome == "passed" for result in results) >= REST_PASSED_AT_LEAST


RIGHT = {
    "name": "right",
    "statements": [
        "CREATE STREAM S (K INT KEY, V INT) WITH (kafka_topic='s', value_format='JSON');",
        "CREATE STREAM T AS SELECT K, V + 1 AS W FROM S;",
    ],
    "inputs": [{"topic": "s", "key": 1, "value": {"V": 1}}],
    "outputs": [{"topic": "T", "key": 1, "value": {"W": 2}}],
}


def runs(folder: Path, tests: list[dict[str, Any]], *options: str) -> Any:
    path = folder / "cases.json"
    path.write_text(json.dumps({"tests": tests}))
    return CliRunner().invoke(command, [str(path), "-j", "1", *options])


def test_command_counts_and_shows_differences(tmp_path: Path) -> None:
    wrong = {**RIGHT, "name": "wrong", "outputs": [{"topic": "T", "key": 1, "value": {"W": 3}}]}
    disabled = {**RIGHT, "name": "disabled", "enabled": False}
    done = runs(tmp_path, [RIGHT, wrong, disabled])
    assert done.exit_code == 1
    assert done.output.splitlines()[-1] == "1 passed, 1 failed, 1 skipped"
    assert "FAILED cases: wrong" in done.output
    assert '- 1 | {"W": 3}' in done.output
    assert '+ 1 | {"W": 2}' in done.output
    assert re.search(r"1 skipped: the file disables it", done.output)


def test_command_filters_and_speaks_json(tmp_path: Path) -> None:
    other = {**RIGHT, "name": "other"}
    done = runs(tmp_path, [RIGHT, other], "-k", "RIGHT", "--output", "json")
    assert done.exit_code == 0
    assert json.loads(done.output) == [{"case": "cases: right", "outcome": "passed", "detail": ""}]


def test_expected_errors_are_compared(tmp_path: Path) -> None:
    error = {"message": "WHAT does not exist"}
    statements = ["CREATE STREAM T AS SELECT * FROM WHAT;"]
    missing = {"name": "missing", "statements": statements, "expectedException": error}
    none = {**RIGHT, "name": "none", "expectedException": error}
    done = runs(tmp_path, [missing, none])
    assert done.output.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"
    assert "no error, expected:" in done.output
