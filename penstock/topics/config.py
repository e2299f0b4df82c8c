"""Settings of a topic: Kafka's names, Kafka's values, Kafka's rules for a topic's name.

In:  settings as a user wrote them, all text.
Out: the same settings checked, with the defaults of TOPIC_DEFAULTS filled in.

What this build acts on: cleanup.policy, retention.ms, retention.bytes, compression.type, max.message.bytes,
delete.retention.ms, min.cleanable.dirty.ratio, message.timestamp.type. The other names are checked for being
Kafka's and kept, so that a topic's settings travel unchanged to a broker and back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from penstock.errors import LogError, SettingError, did_you_mean
from penstock.topics.base import TOPIC_DEFAULTS

Check = Callable[[str], str | None]
"""What the value must be when it is not, else None."""

LONG_MAX = 2**63 - 1
INT_MAX = 2**31 - 1


def number(least: int, most: int = LONG_MAX) -> Check:
    def check(value: str) -> str | None:
        fits = re.fullmatch(r"-?[0-9]{1,19}", value) and least <= int(value) <= most
        return (
            None
            if fits
            else f"a whole number of at least {least}" + (f" and at most {most}" * (most < LONG_MAX))
        )

    return check


def one_of(*choices: str) -> Check:
    return lambda value: None if value in choices else "one of " + ", ".join(choices)


def ratio(value: str) -> str | None:
    fits = re.fullmatch(r"[0-9]*\.?[0-9]+", value) and float(value) <= 1
    return None if fits else "a number between 0 and 1"


def policies(value: str) -> str | None:
    parts = policies_of(value)
    return None if parts and parts <= {"delete", "compact"} else "delete, compact, or compact,delete"


def anything(value: str) -> str | None:
    return None


truth = one_of("true", "false")

SETTINGS: Mapping[str, Check] = {
    "cleanup.policy": policies,
    "compression.gzip.level": number(-1, 9),
    "compression.lz4.level": number(1, 17),
    "compression.type": one_of("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"),
    "compression.zstd.level": number(-131072, 22),
    "delete.retention.ms": number(0),
    "file.delete.delay.ms": number(0),
    "flush.messages": number(1),
    "flush.ms": number(0),
    "follower.replication.throttled.replicas": anything,
    "index.interval.bytes": number(0, INT_MAX),
    "leader.replication.throttled.replicas": anything,
    "local.retention.bytes": number(-2),
    "local.retention.ms": number(-2),
    "max.compaction.lag.ms": number(1),
    "max.message.bytes": number(0, INT_MAX),
    "message.downconversion.enable": truth,
    "message.format.version": anything,
    "message.timestamp.after.max.ms": number(0),
    "message.timestamp.before.max.ms": number(0),
    "message.timestamp.difference.max.ms": number(0),
    "message.timestamp.type": one_of("CreateTime", "LogAppendTime"),
    "min.cleanable.dirty.ratio": ratio,
    "min.compaction.lag.ms": number(0),
    "min.insync.replicas": number(1, INT_MAX),
    "preallocate": truth,
    "remote.log.copy.disable": truth,
    "remote.log.delete.on.disable": truth,
    "remote.storage.enable": truth,
    "retention.bytes": number(-1),
    "retention.ms": number(-1),
    "segment.bytes": number(14, INT_MAX),
    "segment.index.bytes": number(4, INT_MAX),
    "segment.jitter.ms": number(0),
    "segment.ms": number(1),
    "unclean.leader.election.enable": truth,
}
assert TOPIC_DEFAULTS.keys() <= SETTINGS.keys(), TOPIC_DEFAULTS.keys() - SETTINGS.keys()

# Kafka's own defaults of the settings we act on and do not list for every topic.
OTHER_DEFAULTS: Mapping[str, str] = {
    "delete.retention.ms": "86400000",
    "min.cleanable.dirty.ratio": "0.5",
    "retention.bytes": "-1",
    "message.timestamp.type": "CreateTime",
}

TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
PARTITIONS_MAX = 10_000


def check_config(topic: str, config: Mapping[str, str] | None) -> dict[str, str]:
    """The settings as given, each found to be Kafka's and of a value that can be."""
    checked = {}
    for name, value in (config or {}).items():
        if name not in SETTINGS:
            near = did_you_mean(name, SETTINGS)
            raise SettingError(f"Topic '{topic}': {name} is not a topic setting of Kafka.{near}")
        wanted = SETTINGS[name](str(value))
        if wanted is not None:
            raise SettingError(f"Topic '{topic}': {name} is '{value}'; it must be {wanted}.")
        checked[name] = str(value)
    return checked


def with_defaults(config: Mapping[str, str]) -> dict[str, str]:
    return {**TOPIC_DEFAULTS, **config}


def check_new_topic(name: str, partitions: int) -> None:
    """Kafka's rules for names; the partitions are bounded because each append writes all end offsets."""
    if not TOPIC_NAME.fullmatch(name) or name in (".", ".."):
        raise LogError(
            f"'{name}' can't be the name of a topic. Use 1 to 249 letters, digits, '.', '_' and '-', "
            "and neither '.' nor '..' alone."
        )
    if not 1 <= partitions <= PARTITIONS_MAX:
        raise LogError(
            f"Topic '{name}' can't have {partitions} partitions. Use a number from 1 to {PARTITIONS_MAX}."
        )


def setting(config: Mapping[str, str], name: str) -> str:
    """A setting as given, else its default."""
    return config.get(name) or {**OTHER_DEFAULTS, **TOPIC_DEFAULTS}[name]


def policies_of(value: str) -> set[str]:
    return {part.strip() for part in value.split(",") if part.strip()}


def is_compacted(config: Mapping[str, str]) -> bool:
    return "compact" in policies_of(setting(config, "cleanup.policy"))
