"""Settings: an option wins over the environment, the environment over the default.

In:  what a command was given, and the environment (PENSTOCK_<NAME>).
Out: typed, checked values; a wrong one is a SettingError that names where it came from.

    penstock run server --port 9000       9000                 the option
    PENSTOCK_SERVER_PORT=9000             9000                 this service's own variable
    PENSTOCK_PORT=9000                    9000                 any service's
    (nothing)                             8088                 the default

Everything Penstock writes stands in one folder, `dir`; the log is `<dir>/log.db` unless a URL says otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from penstock.errors import SettingError, did_you_mean

T = TypeVar("T")

PREFIX = "PENSTOCK_"
DEFAULT_DIR = Path(".penstock")
DEFAULT_HOST = "127.0.0.1"
LOG_FILE = "log.db"
DEFAULT_PORTS: Mapping[str, int] = {"server": 8088, "connect": 8083, "scoring": 8084, "registry": 8081}
LOG_SCHEMES = ("sqlite://", "memory://", "kafka://")


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What every service is started with."""

    service: str
    dir: Path
    log_url: str
    host: str
    port: int

    @property
    def url(self) -> str:
        return http_url(self.host, self.port)


def read(
    name: str,
    kind: Callable[[str], T],
    default: T,
    option: T | str | None = None,
    environment: Mapping[str, str] | None = None,
) -> T:
    """One setting: `option` when given, else PENSTOCK_<NAME>, else `default`."""
    if option is not None:
        return checked(f"--{name.replace('_', '-')}", kind, str(option))
    variable = PREFIX + name.upper()
    text = (os.environ if environment is None else environment).get(variable)
    return default if text is None or text == "" else checked(variable, kind, text)


def checked(where: str, kind: Callable[[str], T], text: str) -> T:
    try:
        return kind(text)
    except ValueError as error:
        raise SettingError(f"{where} can't be '{text}': {error}") from error


def port(text: str) -> int:
    if not text.strip().isdecimal() or not 0 < int(text) < 65536:
        raise ValueError("a port is a whole number from 1 to 65535.")
    return int(text)


def positive(text: str) -> int:
    if not text.strip().isdecimal() or int(text) == 0:
        raise ValueError("it takes a whole number above 0.")
    return int(text)


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError("it takes a number of seconds.") from None
    if not 0 <= value < float("inf"):
        raise ValueError("it takes a number of seconds from 0 up.")
    return value


def log_url(text: str) -> str:
    if not text.startswith(LOG_SCHEMES):
        raise ValueError(f"a log URL starts with one of {', '.join(LOG_SCHEMES)}.")
    return text


def http_url_text(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("a URL starts with http:// or https://.")
    return text.rstrip("/")


def http_url(host: str, number: int) -> str:
    """The URL to reach a service by; one that listens everywhere is reached on this machine."""
    reach = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
    return f"http://{reach}:{number}"


def folder(option: Path | str | None = None, environment: Mapping[str, str] | None = None) -> Path:
    return read("dir", Path, DEFAULT_DIR, option, environment)


def log_of(where: Path, option: str | None = None, environment: Mapping[str, str] | None = None) -> str:
    """The log's URL; by default the SQLite file in the folder."""
    return read("log", log_url, f"sqlite:///{(where / LOG_FILE).absolute()}", option, environment)


def service_port(service: str, option: int | None, environment: Mapping[str, str] | None = None) -> int:
    if service not in DEFAULT_PORTS:
        hint = did_you_mean(service, DEFAULT_PORTS)
        raise SettingError(f"There is no service '{service}'.{hint} It is one of {', '.join(DEFAULT_PORTS)}.")
    common = read("port", port, DEFAULT_PORTS[service], option, environment)
    return common if option is not None else read(f"{service}_port", port, common, None, environment)


def service_settings(
    service: str,
    *,
    dir: Path | str | None = None,
    log: str | None = None,
    host: str | None = None,
    port: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> ServiceSettings:
    where = folder(dir, environment)
    return ServiceSettings(
        service=service,
        dir=where,
        log_url=log_of(where, log, environment),
        host=read("host", str, DEFAULT_HOST, host, environment),
        port=service_port(service, port, environment),
    )
