"""The SELECTs of a case: sent as a client sends them, their answers held beside what the case states.

In:  a case with `responses` (ksqlDB's REST query tests), and the session its other statements ran in.
Out: nothing, or a Mismatch that shows the rows of both.

    statements --not SELECT--> run    inputs --> sent    SELECT --> header, rows, final message
                                                         compared; rows in any order, numbers as in compare.py

A push query that waits for rows is begun before they are sent. Answers to other statements are not compared:
that they were carried out is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from penstock.cases.compare import same
from penstock.cases.model import Case, Mismatch
from penstock.cases.session import CaseSession
from penstock.errors import PenstockError
from penstock.executor.executor import Executor
from penstock.executor.select import (
    LIMIT_REACHED,
    OutputColumn,
    Printing,
    Pulled,
    Pushing,
    header_schema,
    select,
)
from penstock.run.answers import PushRow
from penstock.server.answers import ENCODER
from penstock.server.rows import RowValues


def is_select(statement: str) -> bool:
    return statement.lstrip().upper().startswith("SELECT ")


def run_selects(case: Case, session: CaseSession, way: str) -> None:
    """Sends the records and asks every SELECT."""
    begun: dict[str, _Rows] = {}
    if case.waits_for_push:
        begun = {text: _Rows(_answer(session, text), session) for text in case.statements if is_select(text)}
    session.send(case.inputs)
    session.drive("whole" if begun else way)
    if case.expected_error is None:
        _check(case, session, begun)
    else:
        for text in filter(is_select, case.statements):
            _Rows(_answer(session, text), session)


def _check(case: Case, session: CaseSession, begun: Mapping[str, _Rows]) -> None:
    for text, response in zip(case.statements, case.responses, strict=False):
        if is_select(text) and "query" in response:
            rows = begun.get(text) or _Rows(_answer(session, text), session)
            _compare(text, response["query"], rows.told(session))


def _answer(session: CaseSession, text: str) -> Pulled | Pushing:
    # A session has what select() asks of an executor: log, engine, clock, config and the world of now.
    executor = cast(Executor, session)
    answer = select(executor, text, {}, session.session.variables)
    assert not isinstance(answer, Printing), text
    return answer


class _Rows:
    """The answer to one SELECT, as the objects of its body."""

    def __init__(self, answer: Pulled | Pushing, session: CaseSession) -> None:
        self.answer = answer
        self.taken: list[PushRow] = []
        self.failure: str | None = None
        if isinstance(answer, Pushing):
            answer.start(self)

    def ready(self) -> bool:
        return True

    def rows(self, rows: list[PushRow]) -> None:
        self.taken += rows

    def failed(self, reason: str) -> None:
        self.failure = reason

    def told(self, session: CaseSession) -> list[Any]:
        answer = self.answer
        header = {"header": {"schema": header_schema(answer.columns)}}
        if isinstance(answer, Pulled):
            end = [] if answer.message is None else [{"finalMessage": answer.message}]
            return [header, *(_row(answer.columns, row, False) for row in answer.rows), *end]
        session.push()
        if self.failure is not None:
            raise PenstockError(self.failure)
        limit = answer.limit
        taken = self.taken if limit is None else self.taken[:limit]
        told = [header, *(_row(answer.columns, row.values, row.tombstone) for row in taken)]
        return [*told, {"finalMessage": LIMIT_REACHED}] if len(taken) == limit else told


def _row(columns: Sequence[OutputColumn], values: list[Any], tombstone: bool) -> Any:
    row: dict[str, Any] = {"columns": RowValues(columns)(values)}
    if tombstone:
        row["tombstone"] = True
    return json.loads(ENCODER.encode({"row": row}), parse_float=Decimal)


def _compare(text: str, wanted: Sequence[Any], told: Sequence[Any]) -> None:
    left = list(told)
    for want in wanted:
        place = next((at for at, have in enumerate(left) if _fits(want, have)), None)
        if place is None:
            raise _different(text, wanted, told)
        del left[place]
    if left:
        raise _different(text, wanted, told)


def _fits(want: Any, have: Any) -> bool:
    """An object has the members that are stated; a name may end in `|starts_with`."""
    if not isinstance(want, Mapping) or not isinstance(have, Mapping):
        return same(want, have)
    for name, value in want.items():
        plain, _, how = name.replace(":", "|").partition("|")
        if plain == "queryId":
            # Ids are a server's own.
            continue
        if plain not in have:
            return False
        if how == "starts_with":
            if not str(have[plain]).startswith(value):
                return False
        elif not _fits(value, have[plain]):
            return False
    return True


def _different(text: str, wanted: Sequence[Any], told: Sequence[Any]) -> Mismatch:
    lines = [f"  - {json.dumps(each, default=str)}" for each in wanted]
    lines += [f"  + {json.dumps(each, default=str)}" for each in told]
    return Mismatch("\n".join([text, *lines[:40]]))
