"""Files of cases become Cases: formats and configurations are multiplied out, records get their defaults.

In:  JSON in the shape of ksqlDB's query translation tests; numbers with a fraction are exact decimals.
Out: Cases in the order of the file. Members nobody knows are left alone, as the tests themselves do.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from penstock.cases.model import Case, CaseTopic, Record, TopicSchema
from penstock.errors import SettingError


def case_files(paths: Iterable[Path]) -> list[Path]:
    """Files as given; of a folder every .json file, by name."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise SettingError(f"There are no cases at {path}. Name a .json file or a folder of them.")
        found += sorted(path.rglob("*.json")) if path.is_dir() else [path]
    return found


def load(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except ValueError as problem:
        raise SettingError(f"{path} is not JSON: {problem}") from problem


def read_cases(path: Path, content: Mapping[str, Any]) -> list[Case]:
    return [case for test in content["tests"] for case in _expanded(str(path), test)]


def _expanded(file: str, test: Mapping[str, Any]) -> Iterator[Case]:
    for format in test.get("format") or [None]:
        for config in test.get("config") or [None]:
            suffix = "".join(f" - {part}" for part in (format, config) if part is not None)
            yield _case(file, test["name"] + suffix, _filled(test, format), config)


def _filled(test: Mapping[str, Any], format: str | None) -> Mapping[str, Any]:
    """{FORMAT} stands for the format in statements and topics."""
    if format is None:
        return test
    marked = {name: test[name] for name in ("statements", "topics") if name in test}
    text = json.dumps(marked, default=str).replace("{FORMAT}", format)
    return {**test, **json.loads(text)}


def _case(file: str, name: str, test: Mapping[str, Any], config: Any) -> Case:
    properties = dict(test.get("properties") or {})
    if config is not None:
        properties = {key: config if value == "{CONFIG}" else value for key, value in properties.items()}
    return Case(
        file=file,
        name=name,
        statements=tuple(test["statements"]),
        inputs=tuple(map(record, test.get("inputs") or ())),
        outputs=tuple(map(record, test.get("outputs") or ())),
        properties={key: _property(value) for key, value in properties.items()},
        topics=tuple(_topic(topic) for topic in test.get("topics") or ()),
        sources=tuple((test.get("post") or {}).get("sources") or ()),
        expected_error=test.get("expectedException") or test.get("expectedError"),
        log=None if test.get("log") is None else tuple(test["log"]),
        skip=None if test.get("enabled", True) else "the file disables it",
        responses=tuple(test.get("responses") or ()),
        waits_for_push=bool((test.get("inputConditions") or {}).get("waitForActivePushQuery")),
    )


def _property(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _topic(topic: Any) -> CaseTopic:
    if isinstance(topic, str):
        return CaseTopic(topic)
    schemas = tuple(
        TopicSchema(
            side == "key",
            topic.get(f"{side}Format") or topic.get("format"),
            topic[f"{side}Schema"],
            topic.get(f"{side}SchemaId"),
            tuple((each["name"], each["schema"]) for each in topic.get(f"{side}SchemaReferences") or ()),
        )
        for side in ("key", "value")
        if topic.get(f"{side}Schema") is not None
    )
    partitions = topic.get("partitions")
    return CaseTopic(topic["name"], None if partitions is None else int(partitions), schemas)


def record(given: Mapping[str, Any]) -> Record:
    """`window` may be {"start", "end"} or [start, end]; `payload` stands for a value that is no JSON."""
    window = given.get("window")
    if isinstance(window, Mapping):
        window = (window["start"], window["end"])
    value = given.get("value")
    if "payload" in given:
        value = given["payload"].encode()
    return Record(
        topic=given["topic"],
        key=given.get("key"),
        value=value,
        timestamp=given.get("timestamp"),
        window=None if window is None else (int(window[0]), int(window[1])),
        headers=tuple(_header(header) for header in given.get("headers") or ()),
        given=frozenset(given),
    )


def _header(header: Mapping[str, Any]) -> tuple[str, bytes | None]:
    value = header.get("VALUE")
    return header["KEY"], None if value is None else base64.b64decode(value)
