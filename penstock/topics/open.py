"""One URL in the settings chooses the log.

sqlite:///data/log.db     a file beside where the process runs
sqlite:////var/lib/log.db a file at an absolute path
memory://                 nothing is kept
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from penstock.errors import SettingError
from penstock.topics.base import Log
from penstock.topics.memory import MemoryLog
from penstock.topics.sqlite import SqliteLog


def open_log(url: str) -> Log:
    """The log a URL names; raises SettingError for one that names none."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in LOGS:
        raise SettingError(f"'{url}' does not name a topic log. Use sqlite:///path/to/log.db or memory://.")
    return LOGS[scheme](url, rest)


def open_sqlite(url: str, rest: str) -> Log:
    path = rest.removeprefix("/")
    if not rest.startswith("/") or not path:
        raise SettingError(
            f"'{url}' has no path after three slashes. Use sqlite:///relative/log.db or sqlite:////absolute/log.db."
        )
    return SqliteLog(path)


def open_memory(url: str, rest: str) -> Log:
    if rest:
        raise SettingError(f"'{url}' names something in memory; a log in memory has no name: memory://.")
    return MemoryLog()


def open_kafka(url: str, rest: str) -> Log:
    raise SettingError(
        f"'{url}': this build has no Kafka log yet. Use sqlite:///path/to/log.db, or run the same .ksql "
        "files on ksqlDB beside your brokers."
    )


LOGS: Mapping[str, Callable[[str, str], Log]] = {
    "sqlite": open_sqlite,
    "memory": open_memory,
    "kafka": open_kafka,
}
