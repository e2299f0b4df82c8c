"""Expected and found, held beside each other by the rules of ksqlDB's tests.

In:  what a case states, what the topics and the catalog hold. Out: nothing, or a Mismatch that shows both.

Of the topics a case names every record counts, in order. DOUBLE is compared to 1e-6, DECIMAL and whole
numbers exactly; an object has exactly the expected members, by their name or its upper case.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from penstock.cases.model import Mismatch, Record
from penstock.language import ast
from penstock.language.catalog import Source
from penstock.language.parser import parse_statement
from penstock.types import DOUBLE, Array, Column, Map, SqlType, Struct
from penstock.types import Decimal as DecimalType

TOLERANCE = 1e-6


def check_records(expected: Sequence[Record], found: Mapping[str, Sequence[Record]], sources: Any) -> None:
    for topic in dict.fromkeys(record.topic for record in expected):
        wanted = [record for record in expected if record.topic == topic]
        got = found.get(topic, ())
        source: Source | None = sources.get(topic)
        for position, (want, have) in enumerate(zip(wanted, got, strict=False)):
            problem = record_problem(want, have, source)
            if problem:
                raise Mismatch(f"{topic} record {position + 1}: {problem}\n{listing(wanted, got)}")
        if len(wanted) != len(got):
            raise Mismatch(
                f"{topic}: {len(wanted)} records expected, {len(got)} found\n{listing(wanted, got)}"
            )


def listing(wanted: Sequence[Record], got: Sequence[Record]) -> str:
    lines = [f"  - {shown(record)}" for record in wanted] + [f"  + {shown(record)}" for record in got]
    return "\n".join(lines[:40])


def shown(record: Record) -> str:
    parts = [as_text(record.key), as_text(record.value)]
    if record.window is not None:
        parts.append(f"window {record.window[0]}..{record.window[1]}")
    if record.timestamp is not None:
        parts.append(f"@{record.timestamp}")
    if record.headers:
        parts.append(f"headers {record.headers}")
    return " | ".join(parts)


def as_text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else json.dumps(value, default=str)


def record_problem(want: Record, have: Record, source: Source | None) -> str | None:
    """What differs first, in words."""
    keys = source.schema.key if source else ()
    values = source.schema.value if source else ()
    if not same_row(want.key, have.key, keys, bare=len(keys) == 1):
        return "the key differs"
    if not same_row(want.value, have.value, values, bare=bool(source and source.unwrapped_value)):
        return "the value differs"
    if want.timestamp is not None and want.timestamp != have.timestamp:
        return "the timestamp differs"
    if want.window is not None and want.window != have.window:
        return "the window differs"
    if want.headers != have.headers:
        return "the headers differ"
    return None


def same_row(want: Any, have: Any, columns: Sequence[Column], bare: bool) -> bool:
    if bare and columns:
        return same(want, have, columns[0].type)
    return same(want, have, Struct(tuple((column.name, column.type) for column in columns)))


def same(want: Any, have: Any, kind: SqlType | None = None) -> bool:
    if want is None or have is None:
        return want is None and have is None
    if isinstance(want, Mapping):
        return isinstance(have, Mapping) and _same_object(want, have, kind)
    if isinstance(want, list):
        item = kind.item if isinstance(kind, Array) else None
        return (
            isinstance(have, list)
            and len(want) == len(have)
            and all(same(one, other, item) for one, other in zip(want, have, strict=True))
        )
    if isinstance(have, str) or isinstance(want, str):
        return _same_text(want, have, kind)
    if isinstance(want, bool) or isinstance(have, bool):
        return want is have
    return _same_number(want, have, kind)


def _same_text(want: Any, have: Any, kind: SqlType | None) -> bool:
    """A line of cells may be stated as a bare number, and an exact number as text."""
    if isinstance(kind, DecimalType) and isinstance(want, str) and not isinstance(have, str):
        return Decimal(want) == Decimal(have)
    return str(want) == str(have)


def _same_object(want: Mapping[str, Any], have: Mapping[str, Any], kind: SqlType | None) -> bool:
    if len(want) != len(have):
        return False
    for name, value in want.items():
        spelled = name if name in have else name.upper()
        if not same(value, have.get(spelled), member_type(kind, spelled)):
            return False
    return True


def member_type(kind: SqlType | None, name: str) -> SqlType | None:
    if isinstance(kind, Struct):
        found = kind.field(name)
        return found[1] if found else None
    return kind.value if isinstance(kind, Map) else None


def _same_number(want: Any, have: Any, kind: SqlType | None) -> bool:
    if not isinstance(want, int | float | Decimal) or not isinstance(have, int | float | Decimal):
        return False
    if kind == DOUBLE or isinstance(have, float):
        return abs(float(want) - float(have)) <= TOLERANCE or float(want) == float(have)
    return Decimal(want) == Decimal(have)


# --- sources -----------------------------------------------------------------------------------------


def check_source(expected: Mapping[str, Any], found: Source | None) -> None:
    name = expected["name"]
    if found is None:
        raise Mismatch(f"There is no stream or table {name}.")
    for member, read in READ.items():
        if member in expected:
            want, have = WANTED.get(member, lambda value: value)(expected[member]), read(found)
            if want != have:
                raise Mismatch(f"{name}: {member} differs\n  - {want}\n  + {have}")


def _schema(text: str) -> str:
    kind = "TABLE" if "PRIMARY KEY" in text.upper() else "STREAM"
    node = parse_statement(f"CREATE {kind} S ({text}) WITH (kafka_topic='t');")
    assert isinstance(node, ast.CreateSource)
    return ", ".join(f"{each.name} {each.type}{_role(each)}" for each in node.elements)


def _role(element: ast.Element) -> str:
    if element.role == "VALUE":
        return ""
    return " KEY" if element.role in ("KEY", "PRIMARY KEY") else f" {element.role} {element.header_key or ''}"


def _schema_of(source: Source) -> str:
    headers = dict(source.headers)
    parts = [f"{column.name} {column.type} KEY" for column in source.schema.key]
    for column in source.schema.value:
        role = ""
        if column.name in headers:
            key = headers[column.name]
            role = f" HEADER {key}" if key else " HEADERS "
        parts.append(f"{column.name} {column.type}{role}")
    return ", ".join(parts)


def _format_name(given: Any) -> str:
    return str(given if isinstance(given, str) else given["format"]).upper()


READ: dict[str, Any] = {
    "type": lambda source: source.kind.lower(),
    "schema": _schema_of,
    "keyFormat": lambda source: source.key_format.name,
    "valueFormat": lambda source: source.value_format.name,
    "isSource": lambda source: source.read_only,
}
WANTED: dict[str, Any] = {
    "type": str.lower,
    "schema": _schema,
    "keyFormat": _format_name,
    "valueFormat": _format_name,
}
