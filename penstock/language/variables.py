"""Variables: `${name}` in a statement gives way to the value that DEFINE gave.

In:  the place of a reference and the session's variables. Out: the text that stands there instead.

    DEFINE topic = 'orders';
    CREATE STREAM ${name} (...) WITH (kafka_topic='${topic}', partitions=${n});
                  as a name                        inside a string       as a literal

A value may replace a name or a literal, never a clause or a keyword. `$${x}` stands for the text `${x}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from penstock.errors import Position, StatementError, did_you_mean

REFERENCE = re.compile(r"(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
NAME_VALUE = re.compile(r"[A-Za-z0-9_]+|`[A-Za-z0-9_]+`|\"[A-Za-z0-9_]+\"")
LITERAL_VALUE = re.compile(
    r"'(?:[^']|'')*' | -?(?: \d+(?:\.\d*)? | \.\d+ )(?:[eE][+-]?\d+)? | true | false",
    re.VERBOSE | re.IGNORECASE,
)

NAME_RULE = "Identifier names cannot start with '@' and may only contain alphanumeric values and '_'."
LITERAL_RULE = "Expected a single-quoted string, a number or a boolean."


def in_string(text: str, variables: Mapping[str, str]) -> str:
    """The inside of a quoted string; an unknown reference stays as it is."""

    def value(match: re.Match[str]) -> str:
        escaped, name = match.groups()
        if escaped:
            return match.group()[1:]
        return variables[name].replace("'", "''") if name in variables else match.group()

    return REFERENCE.sub(value, text)


def as_name(reference: str, variables: Mapping[str, str], at: Position) -> str:
    return _checked(reference, variables, at, NAME_VALUE, NAME_RULE)


def as_literal(reference: str, variables: Mapping[str, str], at: Position) -> str:
    return _checked(reference, variables, at, LITERAL_VALUE, LITERAL_RULE)


def as_name_or_literal(reference: str, variables: Mapping[str, str], at: Position) -> str:
    """Inside an expression, where both may stand."""
    value = variables.get(reference[2:-1])
    if value is not None and LITERAL_VALUE.fullmatch(value):
        return value
    return as_name(reference, variables, at)


def _checked(
    reference: str, variables: Mapping[str, str], at: Position, form: re.Pattern[str], rule: str
) -> str:
    name = reference[2:-1]
    value = variables.get(name)
    if value is not None and form.fullmatch(value):
        return value
    where = f"Illegal argument at Line: {at.line}, Col: {at.column}. {rule} Got: '{value or reference}'."
    missing = (
        "" if value is not None else f" The variable {name} is not defined.{did_you_mean(name, variables)}"
    )
    raise StatementError(where + missing, at)
