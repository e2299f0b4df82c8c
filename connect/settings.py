"""Settings of connectors: each declared once, read by the worker and by the REST validation.

In:  a connector's flat map of texts, as Connect's REST API carries it.
Out: typed values; or, for each setting, what is wrong with it; or Connect's validation answer.

A key that begins with one of our own prefixes and that nobody declared is an error: a misspelt
`delta.colums` must not be ignored. Other unknown keys are ignored, as Connect does.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.errors import SettingError, did_you_mean

OWN_PREFIXES = ("delta.", "flush.", "errors.restart")


class Required(enum.Enum):
    """The default of a setting that has none."""

    REQUIRED = "required"


REQUIRED = Required.REQUIRED


def boolean(text: str) -> bool:
    try:
        return {"true": True, "false": False}[text.strip().lower()]
    except KeyError:
        raise ValueError("Expected value to be either true or false") from None


def whole(text: str) -> int:
    try:
        return int(text.strip())
    except ValueError:
        raise ValueError("Not a number of type LONG") from None


def names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


READERS: dict[str, Callable[[str], Any]] = {
    "STRING": str.strip,
    "CLASS": str.strip,
    "PASSWORD": str,
    "BOOLEAN": boolean,
    "INT": whole,
    "LONG": whole,
    "LIST": names,
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One key: its type (a name of READERS), default text, check (raises ValueError) and documentation."""

    name: str
    kind: str
    default: str | Required | None
    words: str
    group: str = "Common"
    check: Callable[[Any], object] | None = None
    choices: tuple[str, ...] = ()
    importance: str = "MEDIUM"

    def read(self, text: str) -> Any:
        """The typed value. Raises ValueError."""
        value = READERS[self.kind](text)
        if self.choices and value not in self.choices:
            raise ValueError(f"Must be one of: {', '.join(self.choices)}")
        if self.check is not None:
            self.check(value)
        return value


def at_least(low: int) -> Callable[[int], None]:
    def check(value: int) -> None:
        if value < low:
            raise ValueError(f"Value must be at least {low}")

    return check


def as_text(value: Any) -> str:
    """A JSON value of a config as Connect's own reader takes it: scalars become text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


@dataclass(frozen=True, slots=True)
class Checked:
    """Typed values of the settings that could be read, and the errors of the others by name."""

    values: Mapping[str, Any]
    errors: Mapping[str, Sequence[str]]

    def raise_errors(self) -> None:
        if self.errors:
            raise SettingError(" ".join(words for several in self.errors.values() for words in several))


def check(settings: Sequence[Setting], config: Mapping[str, str]) -> Checked:
    values: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for setting in settings:
        try:
            values[setting.name] = _value(setting, config)
        except ValueError as error:
            errors[setting.name] = [str(error)]
    known = {setting.name for setting in settings}
    for name in config:
        if name.startswith(OWN_PREFIXES) and name not in known:
            errors[name] = [f"{name} is not a setting of this connector.{did_you_mean(name, known)}"]
    return Checked(values, errors)


def _value(setting: Setting, config: Mapping[str, str]) -> Any:
    text = config.get(setting.name)
    if text is None:
        if setting.default is REQUIRED:
            raise ValueError(f'Missing required configuration "{setting.name}" which has no default value.')
        return None if setting.default is None else setting.read(str(setting.default))
    try:
        return setting.read(text)
    except ValueError as error:
        raise ValueError(f"Invalid value {text} for configuration {setting.name}: {error}") from None


def definition(setting: Setting, order: int) -> dict[str, Any]:
    """The setting as GET /connector-plugins/{p}/config and the validation show it."""
    return {
        "name": setting.name,
        "type": setting.kind,
        "required": setting.default is REQUIRED,
        "default_value": setting.default if isinstance(setting.default, str) else None,
        "importance": setting.importance,
        "documentation": setting.words,
        "group": setting.group,
        "order": order,
        "width": "MEDIUM",
        "display_name": setting.name,
        "dependents": [],
    }


def validation(
    name: str, settings: Sequence[Setting], config: Mapping[str, str], checked: Checked
) -> dict[str, Any]:
    """The body of PUT /connector-plugins/{p}/config/validate."""
    known = {setting.name for setting in settings}
    configs = [
        {
            "definition": definition(setting, order),
            "value": _shown(
                setting.name, config.get(setting.name, setting.default), checked, setting.choices
            ),
        }
        for order, setting in enumerate(settings, 1)
    ]
    stray = [Setting(name, "STRING", None, "Not a setting of this connector.") for name in checked.errors]
    configs += [
        {
            "definition": definition(setting, 0),
            "value": _shown(setting.name, config.get(setting.name), checked),
        }
        for setting in stray
        if setting.name not in known
    ]
    return {
        "name": name,
        "error_count": sum(len(errors) for errors in checked.errors.values()),
        "groups": list(dict.fromkeys(setting.group for setting in settings)),
        "configs": configs,
    }


def _shown(name: str, text: Any, checked: Checked, choices: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "name": name,
        "value": text if isinstance(text, str) else None,
        "recommended_values": list(choices),
        "errors": list(checked.errors.get(name, ())),
        "visible": True,
    }
