"""Which rule sets are valid: names, kinds and modes of data contract rules.

In:  a RuleSet. Out: nothing, or RegistryError 42210 with the rule that is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping

from schema_registry.content import Rule, RuleSet
from schema_registry.errors import invalid_rule_set

KINDS = ("TRANSFORM", "CONDITION")
READ_MODES = ("WRITE", "READ", "WRITEREAD")
MODES: Mapping[str, tuple[str, ...]] = {
    "migrationRules": ("UPGRADE", "DOWNGRADE", "UPDOWN"),
    "domainRules": READ_MODES,
    "encodingRules": READ_MODES,
}


def check(rules: RuleSet | None) -> None:
    if rules is None:
        return
    for part, listed in rules.every():
        names: set[str] = set()
        for rule in listed:
            check_rule(part, rule)
            if rule.name in names:
                raise invalid_rule_set(f"found rule with duplicate name '{rule.name}' among {part}")
            names.add(rule.name or "")


def check_rule(part: str, rule: Rule) -> None:
    if not rule.name:
        raise invalid_rule_set(f"a rule of {part} has no name")
    if not rule.type:
        raise invalid_rule_set(f"rule '{rule.name}' of {part} has no type")
    if rule.kind is not None and rule.kind not in KINDS:
        raise invalid_rule_set(f"rule '{rule.name}' has kind {rule.kind}; it is one of {', '.join(KINDS)}")
    if rule.mode is not None and rule.mode not in MODES[part]:
        raise invalid_rule_set(
            f"rule '{rule.name}' of {part} has mode {rule.mode}; it is one of {', '.join(MODES[part])}"
        )
