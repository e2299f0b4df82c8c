"""Basic authentication: who may read, who may write.

In:  an Authorization header and what the route asks for. Out: nothing, or 401 / 403.

The users' file has one user a line, as Jetty's realm files have:   name: password, role, role
A password is plain, or pbkdf2:<iterations>:<salt in hex>:<hash in hex> (SHA-256). Roles are read and write;
who may write may read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import SettingError
from schema_registry.errors import RegistryError

READ, WRITE = "read", "write"
ROLES = (READ, WRITE)
REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class User:
    password: str
    roles: frozenset[str]

    def may(self, access: str) -> bool:
        return access in self.roles or WRITE in self.roles


class Authenticator:
    """Without users everybody may do everything."""

    def __init__(self, users: dict[str, User] | None = None) -> None:
        self._users = users or {}
        self._remembered: OrderedDict[bytes, User] = OrderedDict()

    @property
    def required(self) -> bool:
        return bool(self._users)

    def check(self, header: bytes | None, access: str) -> None:
        if not self._users:
            return
        if not self._user(header).may(access):
            raise RegistryError(403, f"User is denied operation: the role '{access}' is needed.")

    def _user(self, header: bytes | None) -> User:
        known = self._remembered.get(header or b"")
        if known is not None:
            return known
        name, password = credentials(header)
        user = self._users.get(name)
        if user is None or not proves(password, user.password):
            raise RegistryError(401, "Unauthorized: send a user name and password (Basic).")
        self._remembered[header or b""] = user
        if len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
        return user


def credentials(header: bytes | None) -> tuple[str, str]:
    scheme, _, encoded = (header or b"").partition(b" ")
    if scheme.lower() == b"basic":
        try:
            name, separator, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            separator = ""
        if separator:
            return name, password
    raise RegistryError(401, "Unauthorized: send a user name and password (Basic).")


def proves(given: str, kept: str) -> bool:
    if not kept.startswith("pbkdf2:"):
        return hmac.compare_digest(given.encode(), kept.encode())
    _, iterations, salt, expected = kept.split(":")
    found = hashlib.pbkdf2_hmac("sha256", given.encode(), bytes.fromhex(salt), int(iterations))
    return hmac.compare_digest(found.hex(), expected)


def read_users(path: Path) -> dict[str, User]:
    users: dict[str, User] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, separator, rest = line.partition(": ")
        password, *roles = (word.strip() for word in rest.split(","))
        if not separator or not name.strip() or not set(roles) <= set(ROLES) or not roles:
            raise SettingError(
                f"{path}:{number}: a user is 'name: password, role', roles are {', '.join(ROLES)}."
            )
        users[name.strip()] = User(password, frozenset(roles))
    if not users:
        raise SettingError(f"{path} names no user.")
    return users
