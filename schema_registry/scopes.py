"""Config and mode: which of several settings holds for a subject.

    :.ctx:subject  ->  :.ctx:  ->  :.__GLOBAL:  ->  the server's default
    subject        ->  (default context, which is what /config means)  ->  :.__GLOBAL:  ->  the default

In:  an index, a scope (a subject, a context, or the empty text). Out: a Config, a mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from schema_registry.compatibility import LEVELS
from schema_registry.content import Metadata, RuleSet
from schema_registry.errors import RegistryError, invalid_level
from schema_registry.index import Index
from schema_registry.schemas import LENIENT, LOGICAL, STRICT
from schema_registry.subjects import DEFAULT_SCOPE, GLOBAL_SCOPE, context_of, join

READWRITE, READONLY, READONLY_OVERRIDE = "READWRITE", "READONLY", "READONLY_OVERRIDE"
IMPORT, FORWARD = "IMPORT", "FORWARD"
MODES = (READWRITE, READONLY, READONLY_OVERRIDE, IMPORT, FORWARD)
REFUSING = (READONLY, READONLY_OVERRIDE, FORWARD)


class Config(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A config as it is stored. None is not set."""

    alias: str | None = None
    normalize: bool | None = None
    validate_fields: bool | None = None
    validate_new_schemas: bool | None = None
    validate_rules: bool | None = None
    compatibility_level: str | None = None
    compatibility_policy: str | None = None
    compatibility_group: str | None = None
    default_metadata: Metadata | None = None
    override_metadata: Metadata | None = None
    default_rule_set: RuleSet | None = None
    override_rule_set: RuleSet | None = None


INHERITED = (
    "normalize",
    "validateFields",
    "validateNewSchemas",
    "validateRules",
    "compatibilityPolicy",
    "compatibilityGroup",
)
POLICIES = (STRICT, LENIENT, LOGICAL)
LEVEL_IN, LEVEL_OUT = "compatibility", "compatibilityLevel"


def chain(scope: str) -> list[str]:
    """The scopes that may say something about this one, the nearest first."""
    context = context_of(scope)
    outer = DEFAULT_SCOPE if join(context, "") == "" else join(context, "")
    return list(dict.fromkeys([scope, outer, GLOBAL_SCOPE]))


def config_in_scope(index: Index, scope: str, level: str) -> dict[str, Any]:
    """The config that holds, as JSON members: the nearest one, completed by the outer ones."""
    configs = [index.configs[one] for one in chain(scope) if one in index.configs]
    found = dict(configs[0]) if configs else {}
    for outer in configs[1:]:
        found.update({name: outer[name] for name in INHERITED if name in outer and name not in found})
    found.setdefault(LEVEL_OUT, level)
    return found


def effective(index: Index, scope: str, level: str) -> Config:
    return as_config(config_in_scope(index, scope, level))


def mode_in_scope(index: Index, scope: str) -> str:
    return next((index.modes[one] for one in chain(scope) if one in index.modes), READWRITE)


def updated(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A stored config after a PUT: absent members stay, null clears. Checks what was given."""
    known = {name: value for name, value in given.items() if name in WRITABLE}
    if LEVEL_IN in known:
        known[LEVEL_OUT] = checked_level(known.pop(LEVEL_IN))
    policy = known.get("compatibilityPolicy")
    if policy is not None:
        known["compatibilityPolicy"] = checked_policy(policy)
    merged = {name: value for name, value in {**stored, **known}.items() if value is not None}
    try:
        return dict(msgspec.to_builtins(msgspec.convert(merged, Config, strict=False)))
    except msgspec.ValidationError as error:
        raise RegistryError(422, f"The config can't be: {error}") from error


WRITABLE = {field.encode_name for field in msgspec.structs.fields(Config)} - {LEVEL_OUT} | {LEVEL_IN}


def checked_level(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or value.upper() not in LEVELS:
        raise invalid_level()
    return value.upper()


def checked_policy(value: Any) -> str:
    if not isinstance(value, str) or value.upper() not in POLICIES:
        raise RegistryError(422, f"A compatibilityPolicy is one of {', '.join(POLICIES)}.")
    return value.upper()


def echoed(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A config as the answer to a PUT spells it."""
    return {LEVEL_IN if name == LEVEL_OUT else name: value for name, value in stored.items()}


def as_config(members: Mapping[str, Any]) -> Config:
    return msgspec.convert(members, Config, strict=False)
