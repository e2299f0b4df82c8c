"""What the registry can be told, by the environment: PENSTOCK_REGISTRY_<NAME>, names from Confluent's own.

    schema.compatibility.level    ->  PENSTOCK_REGISTRY_SCHEMA_COMPATIBILITY_LEVEL
    rule_sets (dropped | kept)    ->  PENSTOCK_REGISTRY_RULE_SETS

The folder may hold the same as `registry.properties` (name=value, # comments); the environment wins.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.errors import SettingError
from penstock.settings import PREFIX, checked

FILE = "registry.properties"
DROPPED, KEPT = "dropped", "kept"


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """`rule_sets` dropped is what the community registry does; kept is what it does with a rule plugin."""

    level: str = "BACKWARD"
    topic: str = "_schemas"
    rule_sets_kept: bool = False
    reference_versions_strict: bool = False
    reject_empty_subject: bool = False
    schema_bytes_max: int = 1_000_000
    users: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None


def truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("it is true or false.")
    return text.lower() == "true"


def kept(text: str) -> bool:
    if text not in (DROPPED, KEPT):
        raise ValueError(f"rule sets are {DROPPED} or {KEPT}.")
    return text == KEPT


def level(text: str) -> str:
    from schema_registry.compatibility import LEVELS

    if text.upper() not in LEVELS:
        raise ValueError(f"a level is one of {', '.join(LEVELS)}.")
    return text.upper()


NAMES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "schema.compatibility.level": ("level", level),
    "kafkastore.topic": ("topic", str),
    "rule_sets": ("rule_sets_kept", kept),
    "schema.providers.reference.versions.strict": ("reference_versions_strict", truth),
    "schema.reject.empty.subject": ("reject_empty_subject", truth),
    "schema.bytes.max": ("schema_bytes_max", int),
    "users": ("users", Path),
    "tls.certificate": ("tls_certificate", Path),
    "tls.key": ("tls_key", Path),
}


def registry_settings(
    directory: Path | None = None, environment: Mapping[str, str] | None = None
) -> RegistrySettings:
    given = dict(read_file(directory / FILE)) if directory is not None else {}
    environment = os.environ if environment is None else environment
    found: dict[str, Any] = {}
    for name, (attribute, kind) in NAMES.items():
        variable = f"{PREFIX}REGISTRY_{name.replace('.', '_').upper()}"
        text = environment.get(variable) or given.get(name)
        if text:
            found[attribute] = checked(
                variable if environment.get(variable) else f"{FILE}: {name}", kind, text
            )
    made = RegistrySettings(**found)
    if (made.tls_certificate is None) != (made.tls_key is None):
        raise SettingError("TLS needs both: tls.certificate and tls.key, paths of PEM files.")
    return made


def read_file(path: Path) -> Mapping[str, str]:
    if not path.exists():
        return {}
    lines = [line.strip() for line in path.read_text().splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name.strip(): value.strip() for name, _, value in pairs}
