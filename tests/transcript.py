"""Compares two answers of a server: what one clock, one cluster or one order makes different is left out.

In:  two JSON values. Out: the paths at which they differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

OF_ONE_RUN = frozenset(
    {
        "kafkaClusterId",
        "kafka-cluster",
        "topology",
        "executionPlan",
        "statistics",
        "clusterStatistics",
        "tasksMetadata",
        "ksqlHostQueryStatus",
    }
)
"""Members that belong to one cluster or one run, or are text for people (plans)."""

RANDOM_IDS = (
    (re.compile(r"query_\d{10,}"), "query_N"),
    (re.compile(r"transient_([A-Z_]+?)_\d+(_\d+)?"), r"transient_\1_N"),
    (re.compile(r"rowtime: [\d/]+ [\d:.]+ Z"), "rowtime: T"),
    (re.compile(r" Did you mean [^?]+\?$"), ""),
)
"""Ids and times of one run; and the suggestion that we add to a refusal."""


def same_for_all(value: Any) -> Any:
    """The value without what belongs to one run, lists in one order."""
    if isinstance(value, dict):
        return {name: same_for_all(each) for name, each in value.items() if name not in OF_ONE_RUN}
    if isinstance(value, list):
        return sorted(
            (same_for_all(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True)
        )
    if isinstance(value, str):
        if value.startswith("{") and "\n" in value:
            return same_for_all([json.loads(line) for line in value.splitlines()])
        for pattern, replacement in RANDOM_IDS:
            value = pattern.sub(replacement, value)
    return value


def differences(ours: Any, theirs: Any) -> list[str]:
    return sorted(set(_differences(same_for_all(ours), same_for_all(theirs), "")))


def _differences(ours: Any, theirs: Any, path: str) -> Iterator[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted(ours.keys() | theirs.keys()):
            if name not in ours or name not in theirs:
                yield f"{path}.{name}"
            else:
                yield from _differences(ours[name], theirs[name], f"{path}.{name}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for left, right in zip(ours, theirs, strict=True):
            yield from _differences(left, right, f"{path}[]")
    elif ours != theirs:
        yield path or "."
