"""The endpoints, as one table: method, path, who may call it, whether it parses schemas, and its handler.

In:  a method and the segments of a path. Out: the Route and the names in the path; 404 or 405.

A route that writes runs in a thread, goes to the leader, and needs the role `write`. One that is heavy
parses schemas and runs in a thread too. All others are look-ups and run where the request came in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from schema_registry import association_handlers, handlers
from schema_registry.auth import READ, WRITE
from schema_registry.calls import Answer, Call
from schema_registry.errors import RegistryError
from schema_registry.registry import Registry

Handler = Callable[[Registry, Call], Answer]

HEAVY = (WRITE,)


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    handler: Handler
    access: str = READ
    heavy: bool = False

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.path.split("/")[1:])


SUBJECT, AT = "/subjects/{subject}", "/subjects/{subject}/versions/{version}"
RESOURCE = "/associations/resources/{id}"
CHECK = "/compatibility/subjects/{subject}/versions"

ROUTES: tuple[Route, ...] = (
    Route("GET", "/", handlers.nothing),
    Route("POST", "/", handlers.nothing),
    Route("GET", "/schemas", handlers.schemas, heavy=True),
    Route("GET", "/schemas/types", handlers.types),
    Route("GET", "/schemas/ids/{id}", handlers.schema_by_id),
    Route("GET", "/schemas/ids/{id}/schema", handlers.text_by_id),
    Route("GET", "/schemas/ids/{id}/subjects", handlers.subjects_by_id),
    Route("GET", "/schemas/ids/{id}/versions", handlers.versions_by_id),
    Route("GET", "/schemas/guids/{guid}", handlers.schema_by_guid),
    Route("GET", "/schemas/guids/{guid}/ids", handlers.ids_by_guid),
    Route("GET", "/subjects", handlers.subjects),
    Route("POST", SUBJECT, handlers.lookup, heavy=True),
    Route("GET", f"{SUBJECT}/metadata", handlers.latest_with_metadata),
    Route("DELETE", SUBJECT, handlers.delete_subject, WRITE),
    Route("GET", f"{SUBJECT}/versions", handlers.versions),
    Route("POST", f"{SUBJECT}/versions", handlers.register_schema, WRITE),
    Route("GET", AT, handlers.version),
    Route("GET", f"{AT}/schema", handlers.version_text),
    Route("GET", f"{AT}/referencedby", handlers.referenced_by),
    Route("DELETE", AT, handlers.delete_version, WRITE),
    Route("POST", f"{AT}/tags", handlers.tag_version, WRITE),
    Route("POST", f"{CHECK}/{{version}}", handlers.compatible_with_version, heavy=True),
    Route("POST", CHECK, handlers.compatible_with_all, heavy=True),
    Route("GET", "/config", handlers.get_config),
    Route("PUT", "/config", handlers.put_config, WRITE),
    Route("DELETE", "/config", handlers.delete_config, WRITE),
    Route("GET", "/config/{subject}", handlers.get_config),
    Route("PUT", "/config/{subject}", handlers.put_config, WRITE),
    Route("DELETE", "/config/{subject}", handlers.delete_config, WRITE),
    Route("GET", "/mode", handlers.get_mode),
    Route("PUT", "/mode", handlers.put_mode, WRITE),
    Route("DELETE", "/mode", handlers.delete_mode, WRITE),
    Route("GET", "/mode/{subject}", handlers.get_mode),
    Route("PUT", "/mode/{subject}", handlers.put_mode, WRITE),
    Route("DELETE", "/mode/{subject}", handlers.delete_mode, WRITE),
    Route("GET", "/contexts", handlers.contexts),
    Route("DELETE", "/contexts/{context}", handlers.delete_context, WRITE),
    Route("GET", "/associations/subjects/{subject}", association_handlers.of_subject),
    Route("GET", "/associations/resources/{namespace}/{name}", association_handlers.of_name),
    Route("GET", RESOURCE, association_handlers.of_id),
    Route("PUT", RESOURCE, association_handlers.change, WRITE),
    Route("DELETE", RESOURCE, association_handlers.delete, WRITE),
    Route("POST", "/associations", association_handlers.create, WRITE),
    Route("PUT", "/associations", association_handlers.change, WRITE),
    Route("GET", "/v1/metadata/id", handlers.server_id),
    Route("GET", "/v1/metadata/version", handlers.server_version),
    Route("GET", "/v1/metadata/deployment", handlers.deployment),
)

BY_LENGTH: Mapping[int, list[Route]] = {
    count: [route for route in ROUTES if len(route.segments) == count]
    for count in {len(route.segments) for route in ROUTES}
}


def matched(method: str, segments: Sequence[str]) -> tuple[Route, dict[str, str]]:
    allowed: set[str] = set()
    for route in BY_LENGTH.get(len(segments), ()):
        names = names_in(route.segments, segments)
        if names is None:
            continue
        if route.method == method:
            return route, names
        allowed.add(route.method)
    if allowed:
        raise RegistryError(405, f"HTTP 405 Method Not Allowed: here it is {' or '.join(sorted(allowed))}.")
    raise RegistryError(404, "HTTP 404 Not Found")


def names_in(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    """The names that a path gives to a pattern's places, or None when it is another path."""
    names: dict[str, str] = {}
    for part, given in zip(pattern, segments, strict=True):
        if part.startswith("{"):
            names[part[1:-1]] = given
        elif part != given:
            return None
    return names
