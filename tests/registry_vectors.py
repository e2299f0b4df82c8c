"""Conversations with a registry, as data: steps to send, and how an answer is held against what is expected.

In:  steps {method, path, body, headers, status, response, response_headers} and a client.
Out: nothing, or an AssertionError that names the step and the place in the answer.

    {"$exact": v}  {"$set": [...]}  {"$includes": [...]}  {"$len": n}  {"$absent": true}  {"$present": true}
    {"$contains": s}  {"$json": v}  {"$save": x}  {"$saved": x}      and ${x} in a path
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

VECTORS = Path(__file__).resolve().parents[2] / "shared" / "vectors" / "registry"
MISSING = object()


def vectors(name: str) -> list[Any]:
    path = VECTORS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else []


def need_vectors() -> None:
    if not VECTORS.is_dir():
        pytest.skip(f"no vectors in {VECTORS}")


def converse(client: httpx.Client, steps: list[dict[str, Any]]) -> None:
    saved: dict[str, Any] = {}
    for number, step in enumerate(steps, 1):
        where = f"step {number}: {step['method']} {step['path']}"
        answer = send(client, step, saved)
        said = f"{where}: {answer.status_code} {answer.text[:600]}"
        assert answer.status_code == step["status"], said
        for name, expected in (step.get("response_headers") or {}).items():
            match(answer.headers.get(name, MISSING), expected, f"{where}: {name}", saved)
        if step.get("response") is not None:
            match(answer.json(), step["response"], said, saved)


def send(client: httpx.Client, step: Mapping[str, Any], saved: Mapping[str, Any]) -> httpx.Response:
    path = re.sub(r"\$\{(\w+)}", lambda found: str(saved[found[1]]), step["path"])
    headers = dict(step.get("headers") or {})
    body = step.get("body")
    content = None if body is None else body if isinstance(body, str) else json.dumps(body)
    if content is not None and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/vnd.schemaregistry.v1+json"
    return client.request(step["method"], path, content=content, headers=headers)


def match(found: Any, expected: Any, where: str, saved: dict[str, Any]) -> None:
    if isinstance(expected, dict) and len(expected) == 1 and (word := next(iter(expected))) in MATCHERS:
        MATCHERS[word](found, expected[word], where, saved)
    elif isinstance(expected, dict):
        assert isinstance(found, dict), f"{where}\n{found!r} is no object"
        for name, inner in expected.items():
            match(found.get(name, MISSING), inner, f"{where}\n.{name}", saved)
    elif isinstance(expected, list):
        assert isinstance(found, list) and len(found) == len(expected), f"{where}\n{found!r} != {expected!r}"
        for at, (one, inner) in enumerate(zip(found, expected, strict=True)):
            match(one, inner, f"{where}[{at}]", saved)
    else:
        assert found == expected and type(found) is type(expected), f"{where}\n{found!r} != {expected!r}"


def fits(found: Any, expected: Any, saved: dict[str, Any]) -> bool:
    try:
        match(found, expected, "", saved)
    except AssertionError:
        return False
    return True


def same_set(found: Any, expected: Any, where: str, saved: dict[str, Any]) -> None:
    assert isinstance(found, list) and len(found) == len(expected), f"{where}\n{found!r} !~ {expected!r}"
    includes(found, expected, where, saved)


def includes(found: Any, expected: Any, where: str, saved: dict[str, Any]) -> None:
    left = list(found)
    for one in expected:
        at = next((n for n, candidate in enumerate(left) if fits(candidate, one, saved)), None)
        assert at is not None, f"{where}\n{one!r} is not in {found!r}"
        left.pop(at)


def exact(found: Any, expected: Any, where: str, saved: dict[str, Any]) -> None:
    assert found == expected, f"{where}\n{found!r} != {expected!r}"


def length(found: Any, expected: Any, where: str, saved: dict[str, Any]) -> None:
    assert len(found) == expected, f"{where}\n{len(found)} elements, not {expected}"


def absent(found: Any, expected: Any, where: str, saved: dict[str, Any]) -> None:
    assert found is MISSING or found is None, f"{where}\n{found!r} is there"


def present(found: Any, expected: Any, where: str, saved: dict[str, Any]) -> None:
    assert found is not MISSING and found is not None, f"{where}\nis missing"


def contains(found: Any, expected: Any, where: str, saved: dict[str, Any]) -> None:
    for part in [expected] if isinstance(expected, str) else expected:
        assert isinstance(found, str) and part in found, f"{where}\n{part!r} is not in {found!r}"


def parses_to(found: Any, expected: Any, where: str, saved: dict[str, Any]) -> None:
    match(json.loads(found), expected, where, saved)


def save(found: Any, expected: Any, where: str, saved: dict[str, Any]) -> None:
    present(found, True, where, saved)
    saved[expected] = found


def equals_saved(found: Any, expected: Any, where: str, saved: dict[str, Any]) -> None:
    assert found == saved[expected], f"{where}\n{found!r} != {saved[expected]!r}"


MATCHERS: Mapping[str, Callable[[Any, Any, str, dict[str, Any]], None]] = {
    "$exact": exact,
    "$set": same_set,
    "$includes": includes,
    "$len": length,
    "$absent": absent,
    "$present": present,
    "$contains": contains,
    "$json": parses_to,
    "$save": save,
    "$saved": equals_saved,
}
