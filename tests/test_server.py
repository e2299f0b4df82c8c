"""The REST API against what a real ksqlDB answered: its transcript, request by request, in order.

Where we differ on purpose, tests/cases/server/differences.json names the paths and the reason; a difference
that is not listed fails, and so does a listed one that is there no more.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from ports import free_port
from transcript import differences

from penstock.server.app import Service
from penstock.topics.open import open_log

ROOT = Path(__file__).resolve().parent.parent
TRANSCRIPT = ROOT.parent / "shared" / "vectors" / "ksqldb-rest-transcript.json"
DIFFERENCES = json.loads((Path(__file__).parent / "cases" / "server" / "differences.json").read_text())
SETTLE_S = 10.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = open_log(f"sqlite:///{tmp_path_factory.mktemp('server')}/log.db")
    service = Service(log, free_port(), properties={"ksql.connect.url": "http://127.0.0.1:1"})
    service.start()
    url = f"http://127.0.0.1:{service.port}"
    wait_until_up(url)
    yield url
    service.stop()
    log.close()


def wait_until_up(url: str) -> None:
    deadline = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/info").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise AssertionError(f"{url} did not come up")


def send(client: httpx.Client, request: dict[str, Any]) -> tuple[int, Any]:
    body = request["body"]
    content = body if body is None or isinstance(body, str) else json.dumps(body)
    built = client.build_request(
        request["method"], request["path"], headers=request["headers"], content=content
    )
    if "Accept" not in request["headers"]:
        built.headers.pop("accept", None)
    answer = client.send(built)
    try:
        return answer.status_code, answer.json()
    except ValueError:
        return answer.status_code, answer.text


@pytest.mark.skipif(
    not TRANSCRIPT.exists(), reason="the transcript of a real ksqlDB is not beside this repository"
)
def test_answers_as_a_real_ksqldb_did(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.executor.executor.SEQUENCE_WAIT_S", 0.1)
    found: dict[str, list[str]] = {}
    with httpx.Client(base_url=server, timeout=20) as client:
        for entry in json.loads(TRANSCRIPT.read_text()):
            if entry["name"] in ("describe extended", "pull key stream application/vnd.ksqlapi.delimited.v1"):
                wait_until_read(client)
            status, ours = send(client, entry["request"])
            paths = differences(ours, entry["response"])
            if status != entry["status"]:
                paths.append(f"status {status}")
            if paths:
                found[entry["name"]] = paths
    assert found == {name: each["differs"] for name, each in DIFFERENCES.items()}


def wait_until_read(client: httpx.Client) -> None:
    """Until every query stands at the end of what it reads."""
    deadline = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline:
        lags = [
            line for line in client.get("/metrics").text.splitlines() if line.startswith("penstock_query_lag")
        ]
        if lags and all(line.endswith(" 0") for line in lags):
            time.sleep(0.3)
            return
        time.sleep(0.05)
    raise AssertionError("the queries do not come to the end of their topics")
