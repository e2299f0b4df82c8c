"""Scoring: the model's promises, and the sidecar between two topics of a log."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ports import free_port

from penstock.errors import PenstockError
from penstock.topics.base import Outgoing
from penstock.topics.open import open_log
from sidecars.base import Health, Loop
from sidecars.scoring import models, service, train

SHIPPED = models.SHIPPED / models.MODEL_NAME


def customers(count: int, seed: int = 5) -> models.Matrix:
    """Customers as they come: many small ones, few great ones."""
    random = np.random.default_rng(seed)
    frequency = np.ceil(random.lognormal(3.6, 1.2, count))
    monetary = frequency * random.lognormal(2.8, 0.6, count)
    recency = np.floor(random.exponential(90, count))
    return np.column_stack([recency, frequency, monetary, monetary * random.uniform(1, 12, count)])


@pytest.fixture(scope="module")
def shipped() -> models.Model:
    return models.load(SHIPPED)


def test_the_shipped_model_knows_a_champion_from_a_sleeper(shipped: models.Model) -> None:
    scores = shipped.score(np.array([[3.0, 400.0, 15_000.0, 16_000.0], [350.0, 3.0, 40.0, 480.0]]))
    assert scores.segments == ["champions", "hibernating"]
    assert all(0.5 < value <= 1 for value in scores.confidences)


def test_training_is_deterministic_and_blind_to_order(tmp_path: Path) -> None:
    rows = customers(600)
    first = train.train_on(rows, tmp_path / "a", {})
    second = train.train_on(rows[::-1].copy(), tmp_path / "b", {})
    assert (first.version, first.segments, first.metrics) == (second.version, second.segments, second.metrics)
    assert sorted(first.segments) == sorted(train.PROFILES)
    again = [models.load(tmp_path / name).score(rows) for name in "ab"]
    assert again[0] == again[1]


def test_training_reads_the_delta_table(tmp_path: Path) -> None:
    import pyarrow as pa
    from deltalake import write_deltalake

    rows = customers(300)
    columns = {name.upper(): rows[:, at] for at, name in enumerate(train.FEATURES)}
    write_deltalake(tmp_path / "rfm", pa.table({"CUSTOMER_ID": [str(at) for at in range(300)], **columns}))
    from_table = train.train(tmp_path / "rfm", tmp_path / "model")
    assert from_table.version == train.train_on(rows, tmp_path / "other", {}).version
    with pytest.raises(PenstockError, match="no Delta table at"):
        train.train(tmp_path / "nothing", tmp_path / "model")


def spoil_file(folder: Path) -> None:
    with (folder / models.MODEL_FILE).open("ab") as file:
        file.write(b"x")


def spoil_library(folder: Path) -> None:
    change_manifest(folder, lambda known: known["libraries"].update({"scikit-learn": "0.1.2"}))


def drop_manifest(folder: Path) -> None:
    (folder / models.MANIFEST_FILE).unlink()


def spoil_manifest(folder: Path) -> None:
    change_manifest(folder, lambda known: known.pop("features"))


def change_manifest(folder: Path, change: Any) -> None:
    path = folder / models.MANIFEST_FILE
    known = json.loads(path.read_text())
    change(known)
    path.write_text(json.dumps(known))


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (spoil_file, "is not the file that its manifest describes"),
        (spoil_library, r"made with scikit-learn 0\.1\.2, but .* is installed"),
        (drop_manifest, "There is no model in .*models train"),
        (spoil_manifest, "is no manifest of a model: .*features"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(tmp_path: Path, spoil: Any, sentence: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(SHIPPED, folder)
    spoil(folder)
    with pytest.raises(PenstockError, match=sentence):
        models.load(folder)


# --- the sidecar ---------------------------------------------------------------------------------------


def rfm(recency: float, frequency: int, monetary: float) -> bytes:
    row = {"CUSTOMER_ID": "c", "RECENCY_DAYS": recency, "FREQUENCY": frequency}
    return json.dumps({**row, "MONETARY": monetary, "LIFETIME_VALUE": monetary * 2}).encode()


RECORDS: list[tuple[bytes | None, bytes | None]] = [
    (b"1", rfm(300, 1, 20.0)),
    (b"2", rfm(350, 2, 30.0)),
    (b"1", rfm(2, 500, 20_000.0)),
    (b"3", b'{"RECENCY_DAYS": "soon"}'),
    (b"4", b"{oops"),
    (None, rfm(1, 1, 1.0)),
    (b"5", rfm(-1, 1, 1.0)),
    (b"2", None),
]


def run_over(folder: Path, model: models.Model, records_max: int) -> tuple[list[Any], list[Any], Health]:
    """The sidecar over RECORDS in batches of `records_max`: its rows and its refusals."""
    log = open_log(f"sqlite:///{folder / 'log.db'}")
    log.create_topic(service.INPUT, 1)
    keys, values = zip(*RECORDS, strict=True)
    log.append(Outgoing(service.INPUT, keys, values, list(range(len(RECORDS)))))
    sidecar = service.sidecar_of(model, service.INPUT)
    health = Health("scoring")
    for _ in range(len(RECORDS)):
        # A new loop for each batch: what it knows is in the log or nowhere.
        small = type(sidecar)(sidecar.name, sidecar.reads, sidecar.process, records_max, sidecar.writes)
        one_batch(log, small, health)
    rows = everything(log, service.OUTPUT), everything(log, service.ERRORS)
    assert sum(log.committed(sidecar.group).values()) == len(RECORDS)
    log.close()
    return *rows, health


def one_batch(log: Any, sidecar: Any, health: Health) -> None:
    loop = Loop(log, sidecar, health, threading.Event())
    service_topics = {topic: log.topic(topic) for topic in sidecar.writes}
    if None in service_topics.values():
        from sidecars.base import ensure_topics

        ensure_topics(log, sidecar.writes)
    reader = loop._open()
    assert reader is not None
    loop.step(reader)
    reader.close()


def everything(log: Any, topic: str) -> list[Any]:
    reader, rows = log.reader({topic: "earliest"}), []
    while chunks := reader.poll(100):
        for chunk in chunks:
            rows += zip(chunk.keys, [v and json.loads(v) for v in chunk.values], strict=True)
    return rows


@pytest.mark.parametrize("records_max", [100, 3, 1])
def test_last_state_of_each_customer_is_scored_and_bad_rows_are_told(
    tmp_path: Path, shipped: models.Model, records_max: int
) -> None:
    rows, refused, health = run_over(tmp_path, shipped, records_max)
    last = dict(rows)
    assert last.keys() == {b"1", b"2"}
    assert last[b"2"] is None
    assert last[b"1"]["segment"] == "champions"
    assert last[b"1"]["customer_id"] == "1"
    assert (last[b"1"]["model"], last[b"1"]["model_version"]) == (models.MODEL_NAME, shipped.manifest.version)
    assert (last[b"1"]["source_partition"], last[b"1"]["source_offset"]) == (0, 2)
    told = sorted(refused, key=by_offset)
    assert [key for key, _ in told] == [b"3", b"4", None, b"5"]
    assert [row["SOURCE_OFFSET"] for _, row in told] == [3, 4, 5, 6]
    assert {(row["SOURCE_TOPIC"], row["SOURCE_PARTITION"]) for _, row in told} == {(service.INPUT, 0)}
    reasons = [row["REASON"] for _, row in told]
    assert "Expected `float`, got `str` - at `$.RECENCY_DAYS`" in reasons[0]
    assert "no key" in reasons[2]
    assert "RECENCY_DAYS is -1.0" in reasons[3]
    assert health.records_read == len(RECORDS)


def by_offset(refused: tuple[Any, Any]) -> int:
    return int(refused[1]["SOURCE_OFFSET"])


def test_the_service_scores_what_comes_and_ends_when_told(tmp_path: Path) -> None:
    url, port = f"sqlite:///{tmp_path / 'log.db'}", free_port()
    command = [sys.executable, "-m", "penstock", "run", "scoring", "--log", url, "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(models.SHIPPED.parent)}
    process = subprocess.Popen([*command, "--dir", str(tmp_path)], env=environment)
    try:
        until(lambda: health_of(port)["status"] == "waiting")
        log = open_log(url)
        log.create_topic(service.INPUT, 2)
        log.append(Outgoing(service.INPUT, [b"7"], [rfm(1, 300, 9_000.0)], [5]))
        until(lambda: health_of(port)["records_written"] == 1)
        ((key, row),) = everything(log, service.OUTPUT)
        assert (key, row["segment"], row["source_timestamp"]) == (b"7", "champions", 5)
        log.close()
    finally:
        process.terminate()
    assert process.wait(15) == 0


def health_of(port: int) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return json.load(answer)  # type: ignore[no-any-return]
    except urllib.error.URLError:
        return {"status": "down", "records_written": 0}


def until(done: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)
