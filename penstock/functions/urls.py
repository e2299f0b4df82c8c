"""URL functions by the rules of java.net.URI (RFC 2396, with characters beyond ASCII allowed).

http://user@host:8080/a/b?x=1#end      mailto:someone         relative/path
scheme authority      path query fragment    scheme, opaque         path
"""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass

from penstock.functions.registry import scalar
from penstock.types import INTEGER, STRING

BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
BAD_CHARACTER = re.compile(r"[\x00-\x20\x7f-\xa0\"<>\\^`{|}\u2028\u2029\u3000]")
PARTS = re.compile(r"(?:([^:/?#]+):)?(.*?)(?:#(.*))?\Z", re.DOTALL)
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")
HIERARCHY = re.compile(r"(?://([^/?]*))?([^?]*)(?:\?(.*))?\Z", re.DOTALL)
SERVER = re.compile(r"(?:[^@\[\]]*@)?(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9.-]+)(?::(\d*))?\Z")
LABELS = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?\Z"
)
ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\Z")


@dataclass(frozen=True, slots=True)
class Uri:
    """Decoded parts; None for what is not there."""

    scheme: str | None = None
    host: str | None = None
    port: int | None = None
    path: str | None = None
    query: str | None = None
    fragment: str | None = None


def parse(text: str) -> Uri:
    """The parts of a URI; raises ValueError when it is none."""
    if BAD_CHARACTER.search(text) or BAD_ESCAPE.search(text):
        raise ValueError(f"URL input has invalid syntax: {text}")
    found = PARTS.match(text)
    assert found is not None
    scheme, rest, fragment = found.groups()
    if (scheme is not None and not SCHEME.match(scheme)) or text.startswith(":") or "#" in (fragment or ""):
        raise ValueError(f"URL input has invalid syntax: {text}")
    if scheme is not None and not rest.startswith("/"):
        if not rest:
            raise ValueError(f"URL input has invalid syntax: {text}")
        return Uri(scheme, fragment=decoded(fragment))
    return hierarchical(text, scheme, rest, decoded(fragment))


def hierarchical(text: str, scheme: str | None, rest: str, fragment: str | None) -> Uri:
    found = HIERARCHY.match(rest)
    assert found is not None
    authority, path, query = found.groups()
    if re.search(r"[\[\]]", path) or (authority == "" and not path):
        raise ValueError(f"URL input has invalid syntax: {text}")
    host, port = server(authority or "")
    return Uri(scheme, host, port, decoded(path), decoded(query), fragment)


def server(authority: str) -> tuple[str | None, int | None]:
    """Host and port; an authority that names no server has neither."""
    found = SERVER.match(authority)
    if found is None:
        return None, None
    host, port = found.groups()
    named = host.startswith("[") or LABELS.match(host) or ADDRESS.match(host)
    return (host, int(port) if port else None) if named else (None, None)


def decoded(part: str | None) -> str | None:
    return None if part is None else urllib.parse.unquote(part, errors="replace")


@scalar("URL_EXTRACT_PROTOCOL", STRING, returns=STRING, category="URL", spelling="url_extract_protocol",
        example=("URL_EXTRACT_PROTOCOL('http://a.b/c?d=e#f')", "http"))  # fmt: skip
def url_extract_protocol(input: str) -> str | None:
    """The protocol of a URL."""
    return parse(input).scheme


@scalar("URL_EXTRACT_HOST", STRING, returns=STRING, category="URL", spelling="url_extract_host",
        example=("URL_EXTRACT_HOST('http://a.b:80/c')", "a.b"))  # fmt: skip
def url_extract_host(input: str) -> str | None:
    """The host of a URL."""
    return parse(input).host


@scalar("URL_EXTRACT_PORT", STRING, returns=INTEGER, category="URL", spelling="url_extract_port",
        example=("URL_EXTRACT_PORT('http://a.b:80/c')", 80))  # fmt: skip
def url_extract_port(input: str) -> int | None:
    """The port that a URL states."""
    return parse(input).port


@scalar("URL_EXTRACT_PATH", STRING, returns=STRING, category="URL", spelling="url_extract_path",
        example=("URL_EXTRACT_PATH('http://a.b/c%20d?e')", "/c d"))  # fmt: skip
def url_extract_path(input: str) -> str | None:
    """The path of a URL."""
    return parse(input).path


@scalar("URL_EXTRACT_QUERY", STRING, returns=STRING, category="URL", spelling="url_extract_query",
        example=("URL_EXTRACT_QUERY('http://a.b/c?d=e')", "d=e"))  # fmt: skip
def url_extract_query(input: str) -> str | None:
    """The query of a URL."""
    return parse(input).query


@scalar("URL_EXTRACT_FRAGMENT", STRING, returns=STRING, category="URL", spelling="url_extract_fragment",
        example=("URL_EXTRACT_FRAGMENT('http://a.b/c#d')", "d"))  # fmt: skip
def url_extract_fragment(input: str) -> str | None:
    """The fragment of a URL."""
    return parse(input).fragment


@scalar("URL_EXTRACT_PARAMETER", STRING, STRING, returns=STRING, category="URL",
        spelling="url_extract_parameter",
        example=("URL_EXTRACT_PARAMETER('http://a.b/?c=d&e=f', 'e')", "f"))  # fmt: skip
def url_extract_parameter(input: str, to_extract: str) -> str | None:
    """A parameter of a URL's query."""
    for pair in (parse(input).query or "").split("&"):
        name, _, value = pair.partition("=")
        if name == to_extract and pair:
            return value
    return None


@scalar("URL_ENCODE_PARAM", STRING, returns=STRING, category="URL", spelling="url_encode_param",
        example=("URL_ENCODE_PARAM('a b&c')", "a+b%26c"))  # fmt: skip
def url_encode_param(input: str) -> str:
    """Encoded as a form sends it."""
    return urllib.parse.quote_plus(input, safe="*", errors="replace").replace("~", "%7E")


@scalar("URL_DECODE_PARAM", STRING, returns=STRING, category="URL", spelling="url_decode_param",
        example=("URL_DECODE_PARAM('a+b%26c')", "a b&c"))  # fmt: skip
def url_decode_param(input: str) -> str:
    """Decoded as a form was sent."""
    if BAD_ESCAPE.search(input):
        raise ValueError("URLDecoder: Illegal hex characters in escape (%) pattern")
    return urllib.parse.unquote_plus(input, errors="replace")
