"""Findings as JUnit XML, which build servers show beside the tests.

In:  the findings of a check. Out: the text of one <testsuite>.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from schema_registry.checking import REMOVED, Finding


def report(findings: Sequence[Finding]) -> str:
    stopped = sum(one.stops for one in findings)
    suite = ElementTree.Element(
        "testsuite", name="penstock schemas check", tests=str(len(findings)), failures=str(stopped)
    )
    for one in findings:
        case = ElementTree.SubElement(
            suite, "testcase", classname=one.subject, name=f"{one.level} {one.result}"
        )
        if one.stops:
            failure = ElementTree.SubElement(case, "failure", message=f"{one.result} against {one.against}")
            failure.text = "\n".join(f"{it.kind} {it.path}: {it.message}" for it in one.differences)
        elif one.result == REMOVED:
            ElementTree.SubElement(case, "skipped", message=f"the file is gone since {one.against}")
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)
