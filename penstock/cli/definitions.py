"""Is what stands on the server what the file says? Compares statements as the server spells them.

In:  two texts of one statement: ours, theirs. Out: whether they define the same.

A server answers a CREATE of what exists with "already exists" and *our* statement in its canonical form:
names in upper case, stars expanded, defaults filled in. What stands there it shows (DESCRIBE, SHOW QUERIES)
in the same form. So two texts are compared that one printer has made, and no grammar is needed here.
"""

from __future__ import annotations

import re

from penstock.cli.script import normal

# A server fills these in for one side only, from the topic that it made or found.
FILLED_IN = frozenset(
    {"CLEANUP_POLICY", "KAFKA_TOPIC", "KEY_FORMAT", "PARTITIONS", "REPLICAS", "RETENTION_MS", "VALUE_FORMAT"}
)
GUARDS = re.compile(r"^CREATE (?:OR REPLACE )?((?:SOURCE )?(?:STREAM|TABLE|TYPE)) (?:IF NOT EXISTS )?")
WITH = re.compile(r"\bWITH\((?P<inside>(?:[^()']|'(?:[^']|'')*')*)\)")
PROPERTY = re.compile(r"(?P<name>[\w.]+|'[^']*')=(?P<value>'(?:[^']|'')*'|[^,]+)")


def same_definition(ours: str, theirs: str) -> bool:
    """Equal texts, where properties that only a server fills in may stand on one side alone."""
    our_text, our_properties = taken_apart(ours)
    their_text, their_properties = taken_apart(theirs)
    differing = {
        name
        for name in our_properties.keys() | their_properties.keys()
        if our_properties.get(name) != their_properties.get(name)
    }
    return our_text == their_text and not differing - one_sided(our_properties, their_properties)


def one_sided(ours: dict[str, str], theirs: dict[str, str]) -> set[str]:
    return {name for name in ours.keys() ^ theirs.keys() if name in FILLED_IN}


def taken_apart(text: str) -> tuple[str, dict[str, str]]:
    """The statement without guards and WITH clause, and the properties of that clause."""
    plain = GUARDS.sub(r"CREATE \1 ", normal(text), count=1)
    clause = WITH.search(plain)
    if clause is None:
        return plain, {}
    properties = {
        found["name"].strip("'"): found["value"].strip() for found in PROPERTY.finditer(clause["inside"])
    }
    return f"{plain[: clause.start()].strip()} {plain[clause.end() :].strip()}".strip(), properties
