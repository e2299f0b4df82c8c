"""Media types: which one the answer has, and which ones a request may have.

application/vnd.schemaregistry.v1+json   q 1      the default
application/vnd.schemaregistry+json      q 0.9
application/json                         q 0.5
"""

from __future__ import annotations

from functools import lru_cache

from schema_registry.errors import RegistryError

OFFERED = {
    "application/vnd.schemaregistry.v1+json": 1.0,
    "application/vnd.schemaregistry+json": 0.9,
    "application/json": 0.5,
}
DEFAULT = next(iter(OFFERED))
DEFAULT_BYTES = DEFAULT.encode()
TAKEN = {*OFFERED, "application/octet-stream"}


@lru_cache(256)
def negotiated(accept: bytes | None) -> bytes:
    """The best of what we offer by the client's Accept; 406 when there is none."""
    if accept is None or not accept.strip():
        return DEFAULT_BYTES
    best, score = "", 0.0
    for part in accept.decode("latin-1").split(","):
        pattern, quality = parsed(part)
        for offered, own in OFFERED.items():
            if fits(pattern, offered) and quality * own > score:
                best, score = offered, quality * own
    if not best:
        raise RegistryError(406, f"HTTP 406 Not Acceptable: an answer is one of {', '.join(OFFERED)}.")
    return best.encode()


def parsed(part: str) -> tuple[str, float]:
    pattern, *parameters = (word.strip() for word in part.lower().split(";"))
    for one in parameters:
        if one.startswith("q="):
            try:
                return pattern, float(one[2:])
            except ValueError:
                return pattern, 0.0
    return pattern, 1.0


def fits(pattern: str, offered: str) -> bool:
    return pattern in ("*/*", "*", offered) or (pattern.endswith("/*") and offered.startswith(pattern[:-1]))


def check_content(kind: bytes | None) -> None:
    if kind is None:
        return
    word = kind.decode("latin-1").partition(";")[0].strip().lower()
    if word not in TAKEN:
        raise RegistryError(415, f"HTTP 415 Unsupported Media Type: a request is one of {', '.join(TAKEN)}.")
