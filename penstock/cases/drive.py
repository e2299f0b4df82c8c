"""One case from beginning to end: statements, records, queries, comparison.

In:  a Case and the way its rows are fed. Out: a Result.

What is not built yet is refused by the planner or the formats with a sentence that says so; that sentence is
the reason a case is skipped for. Nothing is skipped by its name.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from typing import Any

from penstock.cases.compare import check_records, check_source
from penstock.cases.model import FAILED, PASSED, SKIPPED, Case, Mismatch, Result
from penstock.cases.rest import is_select, run_selects
from penstock.cases.session import CaseSession, QueryStopped
from penstock.errors import PenstockError

NOT_YET = re.compile(r"is not in this (?:version of Penstock|build) yet")


def run_case(case: Case, way: str) -> Result:
    if case.skip:
        return Result(case.title, SKIPPED, case.skip)
    session = CaseSession(case)
    try:
        return _judged(case, session, way)
    finally:
        session.close()


def _judged(case: Case, session: CaseSession, way: str) -> Result:
    try:
        _run(case, session, way)
    except Mismatch as problem:
        return Result(case.title, FAILED, str(problem))
    except PenstockError as refused:
        return _refused(case, refused)
    except Exception:
        return Result(case.title, FAILED, traceback.format_exc(limit=-6))
    if case.expected_error is not None:
        message = case.expected_error.get("message", case.expected_error.get("type", ""))
        return Result(case.title, FAILED, f"no error, expected:\n  - {message}")
    return Result(case.title, PASSED)


def _run(case: Case, session: CaseSession, way: str) -> None:
    selects = any(map(is_select, case.statements))
    for place, statement in enumerate(case.statements):
        if is_select(statement):
            continue
        # The statements of a case are lines of one text: positions in messages count from its first.
        session.run("\n" * place + statement)
    if selects:
        run_selects(case, session, way)
    else:
        session.send(case.inputs)
        session.drive(way)
    if case.expected_error is not None:
        return
    found = {topic: session.records_of(topic) for topic in {record.topic for record in case.outputs}}
    check_records(case.outputs, found, session.sources)
    for expected in case.sources:
        check_source(expected, session.world.catalog.sources.get(expected["name"]))
    if case.log is not None:
        _check_log(case.log, [_message(entry) for entry in session.log_messages()])


def _message(entry: dict[str, Any]) -> str:
    kinds = [member for member in entry["message"].values() if isinstance(member, dict)]
    return f"{entry['logger']}: {kinds[0]['errorMessage']}"


def _check_log(expected: tuple[str, ...], found: list[str]) -> None:
    missing = [line for line in expected if not any(line in entry for entry in found)]
    if missing or len(expected) != len(found):
        lines = [f"  - {line}" for line in expected] + [f"  + {entry}" for entry in found]
        raise Mismatch("the processing log differs\n" + "\n".join(lines))


def _refused(case: Case, refused: PenstockError) -> Result:
    if NOT_YET.search(refused.message):
        return Result(case.title, SKIPPED, _reason(refused.message))
    if case.expected_error is None:
        return Result(case.title, FAILED, f"refused: {refused.message}")
    wanted = case.expected_error.get("message")
    shown = f"{refused.message}\nStatement: {getattr(refused, 'statement', '')}"
    if wanted is None or wanted in shown or _is_cause(case.expected_error, refused):
        return Result(case.title, PASSED)
    return Result(case.title, FAILED, f"another message:\n  - {wanted}\n  + {refused.message}")


def _is_cause(expected: Mapping[str, Any], refused: PenstockError) -> bool:
    """A query that stops tells the cause itself, without the words of Kafka Streams around it."""
    cause = expected.get("causeMessage")
    return isinstance(refused, QueryStopped) and cause is not None and cause in refused.message


def _reason(message: str) -> str:
    """The sentence that says what is not built, without names of this case's own."""
    found = next(line for line in re.split(r"\n|: ", message) if NOT_YET.search(line))
    return re.sub(r"`[^`]*` ", "", found)
