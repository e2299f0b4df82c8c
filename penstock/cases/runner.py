"""Many cases in several processes: files become pieces, pieces become results, in any order.

In:  paths, the way, how many processes, a text that names must contain. Out: an iterator of Results.
"""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.cases.drive import run_case
from penstock.cases.expressions import ExpressionCase, read_expressions, run_expression
from penstock.cases.file import case_files, load, read_cases
from penstock.cases.model import Case, Result

PIECE = 16
"""Cases handed to a process at a time: few enough to share the work out, enough not to talk all the time."""

Runnable = Case | ExpressionCase


@dataclass(frozen=True, slots=True)
class Job:
    way: str
    cases: tuple[Runnable, ...]


def read_all(paths: Iterable[Path], containing: str = "") -> list[Runnable]:
    """Every case of the files whose title contains the text, in the files' order."""
    found: list[Runnable] = []
    for path in case_files(paths):
        found += [case for case in _read(path) if containing.lower() in case.title.lower()]
    return found


def _read(path: Path) -> Sequence[Runnable]:
    content: Any = load(path)
    if isinstance(content, dict) and "expressions" in content and "table" in content:
        return read_expressions(path, content)
    return read_cases(path, content) if isinstance(content, dict) and "tests" in content else []


def run_all(cases: Sequence[Runnable], way: str, processes: int) -> Iterator[Result]:
    jobs = [Job(way, tuple(cases[at : at + PIECE])) for at in range(0, len(cases), PIECE)]
    if processes <= 1 or len(jobs) <= 1:
        for job in jobs:
            yield from run_job(job)
        return
    with multiprocessing.get_context("fork").Pool(processes, quiet) as pool:
        for results in pool.imap_unordered(run_job, jobs):
            yield from results


def quiet() -> None:
    """A query that stops is a case's result, not a line of the log."""
    logging.getLogger("penstock").setLevel(logging.CRITICAL)


def run_job(job: Job) -> list[Result]:
    quiet()
    return [run_one(case, job.way) for case in job.cases]


def run_one(case: Runnable, way: str) -> Result:
    return run_case(case, way) if isinstance(case, Case) else run_expression(case)
