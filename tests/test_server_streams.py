"""Rows over HTTP as they come: push queries, inserts, PRINT; and the server as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from ports import free_port
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from test_server import wait_until_up

from penstock.server.app import Service, server_properties
from penstock.server.http import application
from penstock.topics.open import open_log

STREAM = "CREATE STREAM s (id STRING KEY, n INT, ts TIMESTAMP, p DECIMAL(5, 2)) WITH (kafka_topic='s', partitions=1, value_format='JSON');"  # noqa: E501
DELIMITED = {"Accept": "application/vnd.ksqlapi.delimited.v1"}
EARLIEST = {"auto.offset.reset": "earliest"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    log = open_log(f"sqlite:///{tmp_path_factory.mktemp('streams')}/log.db")
    service = Service(log, free_port())
    service.start()
    wait_until_up(url_of(service))
    ksql(service, STREAM)
    yield service
    service.stop()
    log.close()


def url_of(service: Service) -> str:
    return f"http://127.0.0.1:{service.port}"


def ksql(service: Service, text: str) -> list[dict[str, Any]]:
    answer = httpx.post(f"{url_of(service)}/ksql", json={"ksql": text})
    assert answer.status_code == 200, answer.text
    return answer.json()


def insert(service: Service, *rows: str) -> None:
    for row in rows:
        ksql(service, f"INSERT INTO s (id, n, ts, p) VALUES ({row});")


def lines_of(response: httpx.Response) -> Iterator[Any]:
    for line in response.iter_lines():
        yield json.loads(line)


def test_a_push_query_follows_its_topic_until_it_is_closed(server: Service) -> None:
    body = {"sql": "SELECT id, n FROM s WHERE n > 100 EMIT CHANGES;", "properties": {}}
    with httpx.stream(
        "POST", f"{url_of(server)}/query-stream", json=body, headers=DELIMITED, timeout=20
    ) as rows:
        lines = lines_of(rows)
        query_id = next(lines)["queryId"]
        assert [each["queryType"] for each in ksql(server, "SHOW QUERIES;")[0]["queries"]] == ["PUSH"]
        insert(
            server, "'a', 101, '2020-01-31T10:11:12.345', 1.5", "'b', 7, NULL, NULL", "'c', 102, NULL, NULL"
        )
        assert [next(lines), next(lines)] == [["a", 101], ["c", 102]]
        closed = httpx.post(f"{url_of(server)}/close-query", json={"queryId": query_id})
        assert closed.status_code == 200
        assert list(lines) == []
    assert ksql(server, "SHOW QUERIES;")[0]["queries"] == []


def test_hanging_up_ends_a_push_query(server: Service) -> None:
    body = {"sql": "SELECT * FROM s EMIT CHANGES;"}
    with httpx.stream(
        "POST", f"{url_of(server)}/query-stream", json=body, headers=DELIMITED, timeout=20
    ) as rows:
        next(rows.iter_lines())
    deadline = time.monotonic() + 5
    while ksql(server, "SHOW QUERIES;")[0]["queries"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_terminate_ends_a_push_query(server: Service) -> None:
    body = {"sql": "SELECT * FROM s EMIT CHANGES;"}
    with httpx.stream(
        "POST", f"{url_of(server)}/query-stream", json=body, headers=DELIMITED, timeout=20
    ) as rows:
        lines = lines_of(rows)
        query_id = next(lines)["queryId"]
        ended = ksql(server, f"TERMINATE `{query_id}`;")[0]
        assert (ended["@type"], ended["wasTerminated"]) == ("terminate_query", True)
        assert list(lines) == []


def test_values_are_spelled_for_json(server: Service) -> None:
    insert(server, "'v', -1, '2020-01-31T10:11:12.345', 1.50")
    sql = "SELECT id, ts, p, CAST(ts AS DATE) AS d FROM s WHERE n = -1;"
    answer = httpx.post(f"{url_of(server)}/query-stream", json={"sql": sql}, headers=DELIMITED)
    header, row = answer.text.splitlines()
    assert json.loads(header)["columnTypes"] == ["STRING", "TIMESTAMP", "DECIMAL(5, 2)", "DATE"]
    assert row == '["v","2020-01-31T10:11:12.345",1.50,"2020-01-31"]'


def test_lines_of_the_old_protocol_end_where_elements_do(server: Service) -> None:
    """Clients that read line by line take a comma and a line feed for the end of an element."""
    body = {"ksql": "SELECT id FROM s EMIT CHANGES LIMIT 1;", "streamsProperties": EARLIEST}
    answer = httpx.post(
        f"{url_of(server)}/query", json=body, headers={"Accept": "application/json"}, timeout=20
    )
    header, row, last = answer.text.split(",\n")
    assert (
        header.startswith('[{"header":{"queryId":"transient_S_')
        and last == '{"finalMessage":"Limit Reached"}]'
    )
    assert json.loads(row)["row"]["columns"]


def test_inserts_stream_acknowledges_each_row(server: Service) -> None:
    ksql(
        server,
        "CREATE STREAM i (id STRING KEY, n INT) WITH (kafka_topic='i', partitions=1, value_format='JSON');",
    )
    rows = [
        '{"target":"i"}',
        '{"id":"x","n":1}',
        '{"ID":"y","N":2}',
        '{"id":"z","n":"two"}',
        '{"id":"w","n":4}',
    ]
    with httpx.Client(http1=False, http2=True) as client:
        answer = client.post(
            f"{url_of(server)}/inserts-stream", content="\n".join(rows) + "\n", headers=DELIMITED
        )
    acks = [json.loads(line) for line in answer.text.splitlines()]
    assert acks[:2] == [{"status": "ok", "seq": 0}, {"status": "ok", "seq": 1}]
    assert acks[2]["message"] == "Can't coerce a field of type String into type INT"
    assert (acks[2]["status"], acks[2]["seq"], acks[2]["error_code"], len(acks)) == ("error", 2, 40001, 3)
    pulled = httpx.post(f"{url_of(server)}/query-stream", json={"sql": "SELECT * FROM i;"}, headers=DELIMITED)
    assert pulled.text.splitlines()[1:] == ['["x",1]', '["y",2]']


def test_inserts_stream_needs_http_2(server: Service) -> None:
    answer = httpx.post(f"{url_of(server)}/inserts-stream", content='{"target":"s"}\n')
    assert (answer.status_code, answer.json()["error_code"]) == (400, 40004)


def test_print_follows_a_topic(server: Service) -> None:
    body = {"ksql": "PRINT s LIMIT 1;", "streamsProperties": {}}
    timer = threading.Timer(0.5, insert, (server, "'p', 9, NULL, NULL"))
    timer.start()
    text = httpx.post(f"{url_of(server)}/query", json=body, timeout=20).text.splitlines()
    timer.join()
    assert text[:2] == ["Key format: KAFKA_STRING", "Value format: JSON or KAFKA_STRING"]
    assert text[2].endswith('key: p, value: {"N":9,"TS":null,"P":null}, partition: 0')


def over_websocket(server: Service, sql: str) -> tuple[list[Any], int, str]:
    """All messages, the close code and its reason."""
    asked = json.dumps({"ksql": sql, "streamsProperties": EARLIEST})
    client = TestClient(application(server.executor))
    said: list[Any] = []
    with client.websocket_connect(f"/ws/query?request={quote(asked)}") as socket:
        try:
            while True:
                said.append(json.loads(socket.receive_text()))
        except WebSocketDisconnect as closed:
            return said, closed.code, closed.reason


def test_queries_over_a_websocket(server: Service) -> None:
    ksql(server, "INSERT INTO s (n) VALUES (1);")
    said, code, reason = over_websocket(server, "SELECT n FROM s EMIT CHANGES LIMIT 1;")
    assert (len(said), code, reason) == (2, 1000, "done")
    assert said[0] == [{"name": "N", "schema": {"type": "INTEGER", "fields": None, "memberSchema": None}}]
    assert said[1]["row"]["columns"]
    said, code, reason = over_websocket(server, "SELECT nope FROM s;")
    assert (said, code) == ([], 1003) and "cannot be resolved" in reason


def test_unknown_media_types_are_refused(server: Service) -> None:
    answer = httpx.post(
        f"{url_of(server)}/ksql", json={"ksql": "SHOW STREAMS;"}, headers={"Accept": "text/html"}
    )
    assert answer.status_code == 406


def test_metrics_tell_of_every_query(server: Service) -> None:
    ksql(server, "CREATE STREAM copy AS SELECT * FROM s;")
    text = httpx.get(f"{url_of(server)}/metrics").text
    assert 'penstock_query_lag_records{query="CSAS_COPY_' in text


def test_properties_come_from_the_environment() -> None:
    found = server_properties(
        None, {"KSQL_KSQL_OUTPUT_TOPIC_NAME_PREFIX": "x_", "PENSTOCK_CONNECT_URL": "http://c:1"}
    )
    assert found == {"ksql.output.topic.name.prefix": "x_", "ksql.connect.url": "http://c:1"}


# --- the process -------------------------------------------------------------------------------------


def start(folder: Path, port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "penstock", "run", "server", "--dir", str(folder), "--port", str(port)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_a_process_stops_cleanly_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    for round_ in range(2):
        process = start(tmp_path, port)
        try:
            wait_until_up(url)
            if round_ == 0:
                httpx.post(f"{url}/ksql", json={"ksql": STREAM}).raise_for_status()
            names = [
                each["name"]
                for each in httpx.post(f"{url}/ksql", json={"ksql": "SHOW STREAMS;"}).json()[0]["streams"]
            ]
            assert names == ["KSQL_PROCESSING_LOG", "S"]
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0, process.stdout and process.stdout.read()


def test_a_second_server_on_the_same_log_says_so(tmp_path: Path) -> None:
    first = start(tmp_path, port := free_port())
    try:
        wait_until_up(f"http://127.0.0.1:{port}")
        second = start(tmp_path, free_port())
        said, _ = second.communicate(timeout=10)
        assert second.returncode not in (0, None)
        assert f"Another Penstock server (process {first.pid}) already runs on" in said.replace("\n", " ")
        assert "Traceback" not in said
        assert httpx.get(f"http://127.0.0.1:{port}/healthcheck").json()["isHealthy"]
    finally:
        os.kill(first.pid, signal.SIGTERM)
        first.wait(10)
