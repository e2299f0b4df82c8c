"""`penstock schemas` over folders, git and a running registry."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from registry_process import free_port

from penstock.cli.schemas import schemas
from penstock.topics.memory import MemoryLog
from schema_registry.service import Service
from schema_registry.settings import RegistrySettings

OURS = Path(__file__).resolve().parents[1] / "schemas"
PAGE = {"name": "page", "type": "string"}


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.delenv("PENSTOCK_REGISTRY_URL", raising=False)
    service = Service(MemoryLog(), None, free_port(), settings=RegistrySettings())
    service.start()
    yield service.store.leader_url
    service.stop()


def penstock(*arguments: str | Path) -> Result:
    return CliRunner().invoke(schemas, [str(one) for one in arguments])


def rows(*arguments: str | Path) -> list[dict[str, Any]]:
    found = penstock(*arguments, "--output", "json")
    return list(json.JSONDecoder().raw_decode(found.output)[0])


def write(folder: Path, name: str, *fields: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps({"type": "record", "name": "Click", "fields": list(fields)}))


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("PENSTOCK_REGISTRY_URL", raising=False)
    folder = tmp_path / "schemas"
    write(folder, "clicks-value.avsc", PAGE)
    write(folder, "old-value.avsc", PAGE)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return folder


def test_a_break_against_git(repository: Path) -> None:
    assert penstock("check", repository).exit_code == 0
    write(repository, "clicks-value.avsc", PAGE, {"name": "ms", "type": "long"})
    write(repository, "new-value.avsc", PAGE)
    (repository / "old-value.avsc").unlink()
    found = penstock("check", repository, "--junit", repository / "report.xml")
    assert found.exit_code == 1 and "1 of 3 subjects would break: clicks-value" in found.output
    results = {one["subject"]: one for one in rows("check", repository)}
    assert results["clicks-value"]["difference"] == "READER_FIELD_MISSING_DEFAULT_VALUE"
    assert results["clicks-value"]["path"] == "/fields/1" and "default" in results["clicks-value"]["what"]
    assert results["new-value"]["result"] == "new" and results["old-value"]["result"] == "removed"
    report = ElementTree.parse(repository / "report.xml").getroot()
    assert (report.get("tests"), report.get("failures")) == ("3", "1")


def test_the_level_decides(repository: Path) -> None:
    write(repository, "clicks-value.avsc", PAGE, {"name": "ms", "type": "long"})
    assert penstock("check", repository, "--level", "FORWARD").exit_code == 0
    (repository / "schemas.toml").write_text('[subjects."clicks-value"]\nlevel = "NONE"\n')
    assert penstock("check", repository).exit_code == 0


def test_no_schema_and_no_revision(repository: Path) -> None:
    (repository / "clicks-value.avsc").write_text('{"type": "recrd"}')
    found = penstock("check", repository)
    assert found.exit_code == 1 and "invalid" in found.output
    refused = penstock("check", repository, "--against", "git:nowhere")
    assert refused.exit_code == 1 and "git" in str(refused.exception)


def test_our_own_schemas_register_check_list_and_pull(url: str, tmp_path: Path) -> None:
    done = rows("register", OURS, "--url", url)
    assert {one["result"] for one in done} == {"registered"} and len(done) >= 5
    assert {one["result"] for one in rows("register", OURS, "--url", url)} == {"there already"}
    assert {one["result"] for one in rows("check", OURS, "--against", url)} == {"unchanged"}
    listed = {one["subject"]: one for one in rows("list", "--url", url)}
    assert listed["fraud-alerts-value"]["level"] == "FULL_TRANSITIVE"
    assert penstock("pull", tmp_path / "pulled", "--url", url).exit_code == 0
    assert {one["result"] for one in rows("check", tmp_path / "pulled", "--against", url)} == {"unchanged"}


def test_a_break_against_a_registry(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "schemas"
    write(folder, "clicks-value.avsc", PAGE)
    penstock("register", folder, "--url", url)
    write(folder, "clicks-value.avsc", {"name": "page", "type": "int"})
    found = rows("check", folder, "--against", url)
    assert [(one["result"], one["difference"], one["against"]) for one in found] == [
        ("breaks", "TYPE_MISMATCH", "version 1")
    ]
    differences = rows("diff", "clicks-value@1", folder / "clicks-value.avsc", "--url", url)
    assert {one["difference"] for one in differences} == {"TYPE_MISMATCH"} and len(differences) == 2
