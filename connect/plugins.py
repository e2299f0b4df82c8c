"""The connector classes this worker knows, and the settings that every connector has.

In:  a connector's config. Out: its plugin, its typed settings, what is wrong with them.

The names are Connect's; `errors.restart*` and `flush.*` are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connect import settings
from connect.api import Plugin
from connect.converters import JSON, converter
from connect.delta.sink import PLUGIN as DELTA
from connect.errors import BadConfig
from connect.settings import REQUIRED, Checked, Setting, at_least
from penstock.errors import SettingError, did_you_mean

PLUGINS: tuple[Plugin, ...] = (DELTA,)
DEAD_LETTER_TOPIC = "streaming-errors"
RESTART_NEVER, RESTART_RETRIABLE, RESTART_ALWAYS = "none", "retriable", "all"
KEY_CONVERTER = ("org.apache.kafka.connect.storage.StringConverter", False)
VALUE_CONVERTER = (JSON, False)
"""The worker's own converters (class, schemas.enable), for connectors that name none."""

COMMON: tuple[Setting, ...] = (
    Setting("name", "STRING", REQUIRED, "Name of the connector, one of its kind.", importance="HIGH"),
    Setting("connector.class", "STRING", REQUIRED, "Its class, or an alias.", importance="HIGH"),
    Setting("tasks.max", "INT", "1", "The most tasks it may have.", check=at_least(1), importance="HIGH"),
    Setting("key.converter", "CLASS", None, "Converter of the keys; without it the worker's."),
    Setting("value.converter", "CLASS", None, "Converter of the values; without it the worker's."),
    Setting(
        "errors.tolerance", "STRING", "none",
        "What a refused record does. none: fail the task. all: go to the dead letters.",
        group="Error Handling", choices=("none", "all"),
    ),
    Setting(
        "errors.deadletterqueue.topic.name", "STRING", DEAD_LETTER_TOPIC,
        "Topic of the refused records. Empty: they are only counted.", group="Error Handling",
    ),
    Setting(
        "errors.restart", "STRING", RESTART_RETRIABLE,
        "Which failures start a task anew by themselves: conflicts with another writer, all, or none.",
        group="Error Handling", choices=(RESTART_RETRIABLE, RESTART_ALWAYS, RESTART_NEVER),
    ),
    Setting(
        "errors.restart.attempts", "INT", "8", "Starts in a row, without a commit between, before it fails.",
        group="Error Handling", check=at_least(0),
    ),
    Setting(
        "errors.restart.delay.ms", "LONG", "250", "Wait before the first new start; doubles up to a minute.",
        group="Error Handling", check=at_least(1),
    ),
)  # fmt: skip

SINK: tuple[Setting, ...] = (
    Setting("topics", "LIST", "", "Topics to read, separated by commas.", importance="HIGH"),
    Setting("topics.regex", "STRING", None, "Or: a pattern of their whole names.", importance="HIGH"),
    Setting(
        "flush.size", "INT", "100000", "Records in a commit at most.", group="Flush", check=at_least(1)
    ),
    Setting(
        "flush.bytes", "LONG", "33554432", "Bytes of records in a commit at most (and in memory).",
        group="Flush", check=at_least(1024),
    ),
    Setting(
        "flush.interval.ms", "LONG", "1000", "Age at which a record is committed when there is no backlog.",
        group="Flush", check=at_least(1),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Connector:
    """A connector's config, understood."""

    name: str
    config: Mapping[str, str]
    plugin: Plugin
    settings: Mapping[str, Any]


def plugin_named(name: str) -> Plugin:
    for plugin in PLUGINS:
        if name in (plugin.class_name, *plugin.aliases):
            return plugin
    known = [known for plugin in PLUGINS for known in (plugin.class_name, *plugin.aliases)]
    raise BadConfig(
        f"Failed to find any class that implements Connector and which name matches {name}, available "
        f"connectors are: {', '.join(plugin.class_name for plugin in PLUGINS)}.{did_you_mean(name, known)}"
    )


def settings_of(plugin: Plugin) -> tuple[Setting, ...]:
    return COMMON + SINK + plugin.settings if plugin.type == "sink" else COMMON + plugin.settings


def checked(plugin: Plugin, config: Mapping[str, str]) -> Checked:
    """Each setting by itself, then all of them together."""
    found = settings.check(settings_of(plugin), config)
    errors = {name: list(words) for name, words in found.errors.items()}
    for name, words in (*_check_common(found.values, config), *plugin.check(found.values)):
        errors.setdefault(name, []).append(words)
    return Checked(found.values, errors)


def understood(name: str, config: Mapping[str, str]) -> Connector:
    """Raises BadConfig with all errors, in Connect's words."""
    if not config.get("connector.class"):
        raise BadConfig(f"Connector config {dict(config)} contains no connector type")
    plugin = plugin_named(config["connector.class"])
    found = checked(plugin, config)
    count = sum(len(words) for words in found.errors.values())
    if count:
        told = "\n".join(words for several in found.errors.values() for words in several)
        raise BadConfig(
            f"Connector configuration is invalid and contains the following {count} error(s):\n{told}\n"
            "You can also find the above list of errors at the endpoint "
            "`/connector-plugins/{connectorType}/config/validate`"
        )
    return Connector(name, dict(config), plugin, found.values)


def _check_common(values: Mapping[str, Any], config: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    topics, pattern = values.get("topics") or (), values.get("topics.regex")
    if bool(topics) == bool(pattern):
        yield "topics", "Must configure exactly one of topics or topics.regex."
    if pattern and (wrong := _wrong_pattern(pattern)):
        yield "topics.regex", wrong
    dead = values.get("errors.deadletterqueue.topic.name")
    if dead and (dead in topics or (pattern and _matches(pattern, dead))):
        yield "errors.deadletterqueue.topic.name", f"The dead-letter topic {dead} can't be a topic it reads."
    for prefix, default in (("key.converter", KEY_CONVERTER), ("value.converter", VALUE_CONVERTER)):
        try:
            converter(config, prefix, default)
        except SettingError as error:
            yield prefix, str(error)


def _wrong_pattern(pattern: str) -> str | None:
    try:
        re.compile(pattern)
    except re.error as error:
        return f"topics.regex is not a pattern: {error}"
    return None


def _matches(pattern: str, name: str) -> bool:
    return not _wrong_pattern(pattern) and re.fullmatch(pattern, name) is not None


def topics_of(values: Mapping[str, Any], known: Sequence[str]) -> tuple[str, ...]:
    """The topics a sink reads: as named, or those of the log that its pattern matches."""
    if values["topics"]:
        return tuple(dict.fromkeys(values["topics"]))
    return tuple(sorted(name for name in known if re.fullmatch(values["topics.regex"], name)))
