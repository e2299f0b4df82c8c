"""Config and mode of subjects and contexts: read, put, deleted. What holds for whom is in scopes.py.

In:  a scope (a subject, `:.ctx:`, or the empty text for the default context) and what a request gives.
Out: the settings as the answer spells them, or the RegistryError that says why not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schema_registry import records, rules, scopes
from schema_registry.errors import (
    no_subject_level,
    no_subject_mode,
    not_permitted,
    reference_exists,
    subject_not_found,
)
from schema_registry.index import Version, in_scope
from schema_registry.registry import Registry
from schema_registry.store import Record
from schema_registry.subjects import GLOBAL_SCOPE, context_of, is_context


def put_config(registry: Registry, scope: str, given: dict[str, Any]) -> dict[str, Any]:
    with registry.store.lock:
        registry.check_writable(scope)
        merged = scopes.updated(registry.index.configs.get(scope) or {}, given)
        config = scopes.as_config(merged)
        rules.check(config.default_rule_set)
        rules.check(config.override_rule_set)
        if not registry.settings.rule_sets_kept:
            merged = {name: one for name, one in merged.items() if not name.endswith("RuleSet")}
        key = records.subject_key(records.CONFIG, scope)
        registry.store.write((key, records.write({"subject": scope or None, **merged})))
        return scopes.echoed(merged)


def delete_config(registry: Registry, scope: str) -> dict[str, Any]:
    with registry.store.lock:
        registry.check_writable(scope)
        old = registry.index.configs.get(scope)
        if old is None and scope != "":
            raise subject_not_found(scope)
        if old is not None:
            registry.store.write((records.subject_key(records.CONFIG, scope), None))
        return {scopes.LEVEL_OUT: registry.settings.level, **(old or {})}


def get_config(registry: Registry, scope: str, inherited: bool) -> dict[str, Any]:
    if inherited:
        return scopes.config_in_scope(registry.index, scope, registry.settings.level)
    own = registry.index.configs.get(scope)
    if own is None and scope != "":
        raise no_subject_level(scope)
    return {scopes.LEVEL_OUT: registry.settings.level, **(own or {})}


def put_mode(registry: Registry, scope: str, mode: str | None, force: bool) -> None:
    with registry.store.lock:
        key = records.subject_key(records.MODE, scope)
        if mode is None:
            registry.store.write((key, None))
            return
        if mode == scopes.FORWARD and scope != GLOBAL_SCOPE:
            raise not_permitted("Forward mode only supported on global level")
        out: list[Record] = []
        if mode == scopes.IMPORT and registry.mode(scope) != scopes.IMPORT:
            out = made_ready_for_import(registry, scope, force)
        registry.store.write(*out, (key, records.mode_value(scope, mode)))


def made_ready_for_import(registry: Registry, scope: str, force: bool) -> list[Record]:
    """An import brings ids and versions of its own, so what is soft-deleted in its way is cleared."""
    if force:
        return []
    names = in_scope(registry.index, scope) if scope != GLOBAL_SCOPE else registry.index.names()
    out: list[Record] = []
    for name in names:
        every = registry.index.versions(name, deleted=True)
        if any(not one.deleted for one in every):
            raise not_permitted("Cannot import since found existing subjects")
        refuse_referenced_from_outside(registry, every, names)
        key = records.subject_key(records.CLEAR_SUBJECT, name)
        out.append((key, records.write({"subject": name})))
    return out


def refuse_referenced_from_outside(
    registry: Registry, every: Iterable[Version], names: Iterable[str]
) -> None:
    for one in every:
        users = registry.index.referrers_of(one.subject, one.version, deleted=True)
        if any(user.subject not in names for user in users):
            raise reference_exists(one.subject, one.version)


def delete_mode(registry: Registry, scope: str, recursive: bool) -> str | None:
    with registry.store.lock:
        old = registry.index.modes.get(scope)
        if old is None and not recursive and scope != "":
            raise subject_not_found(scope)
        gone = [scope] if old is not None else []
        if recursive and is_context(scope):
            context = context_of(scope)
            gone += [name for name in registry.index.modes if context_of(name) == context and name != scope]
        if gone:
            registry.store.write(*((records.subject_key(records.MODE, name), None) for name in gone))
        return old if old is not None or scope != "" else scopes.READWRITE


def get_mode(registry: Registry, scope: str, inherited: bool) -> str:
    if inherited:
        return registry.mode(scope)
    own = registry.index.modes.get(scope)
    if own is None and scope != "":
        raise no_subject_mode(scope)
    return own or scopes.READWRITE
