"""A schema and the schemas it refers to: every subschema finds its place, every $ref its target.

In:  the text's value, and the texts of its references by name.
Out: Place, a subschema where it stands. A $ref that leads nowhere, or in a circle of nothing but $refs, is
     refused here, as is a keyword whose value can't be; what comes out is sound.

    main text          base URI https://acme.com/order.json   --- #/definitions/Line a pointer in its resource
    reference a.json   base URI https://acme.com/a.json       --- a.json#/$defs/Id   by name, URI or own $id
    a subschema with its own $id is a resource in its document; #/... in it starts there, then at the top.

Nothing here recurses: people nest 500 levels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from schema_registry.json_schema_keywords import (
    DRAFT_07,
    META_SCHEMA,
    dialect_of,
    keyword_error,
    shortened,
    subschemas,
)
from schema_registry.json_schema_text import digest, read_json
from schema_registry.schemas import InvalidSchema

REF_KEYWORDS = ("$ref", "$dynamicRef", "$recursiveRef")
ANCHOR_KEYWORDS = ("$anchor", "$dynamicAnchor")
SILENT = frozenset(
    (
        "$schema",
        "$id",
        "id",
        "$comment",
        "title",
        "description",
        "default",
        "examples",
        "$defs",
        "definitions",
    )
)
SAME_ROOM = {"definitions": "$defs", "$defs": "definitions"}
DIGEST_DEPTH_MAX = 60
MISSING = object()

Path = tuple[Any, ...]
"""A path is kept as (path above, segments), so that 500 levels cost no more than their length."""


@dataclass(eq=False, slots=True)
class Document:
    """One text. `places` knows its subschemas by the identity of their value."""

    name: str
    value: Any
    dialect: str
    id_keyword: str
    resources: list[Resource] = field(default_factory=list)
    places: dict[int, Place] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Resource:
    """A schema with a base URI: a document's top, or a subschema with its own $id."""

    base: str
    root: Any
    document: Document
    anchors: dict[str, Any] = field(default_factory=dict)
    nodes: dict[bytes, Any] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Place:
    """A subschema where it stands. `target` is where its $ref leads; what follows is filled in when asked."""

    raw: Any
    path: Path
    resource: Resource
    target: Place | None = None
    node: Any = None
    mark: tuple[bytes | None, bool] | None = None

    @property
    def dialect(self) -> str:
        return self.resource.document.dialect

    @property
    def pure_ref(self) -> bool:
        """Nothing but a $ref: in the drafts up to 07 whatever stands beside one is not looked at."""
        return self.target is not None and (
            self.dialect == DRAFT_07 or not self.raw.keys() - SILENT - set(REF_KEYWORDS)
        )

    def child(self, raw: Any) -> Place:
        """The place of a subschema that stands in this one."""
        if isinstance(raw, bool):
            return Place(raw, (), self.resource)
        return self.resource.document.places[id(raw)]

    def marks(self) -> tuple[bytes | None, bool]:
        """A digest of what it says, None for what is nested very deep; and whether a $ref stands in it."""
        if self.mark is None:
            depth, refers = depth_and_refs(self.raw)
            self.mark = (None if depth > DIGEST_DEPTH_MAX else digest(self.raw)), refers
        return self.mark

    def fingerprint(self) -> bytes | None:
        """Equal for subschemas that say the same anywhere; None when that hangs on what a $ref leads to."""
        said, refers = self.marks()
        return None if said is None or refers else said + self.dialect.encode()

    def __str__(self) -> str:
        return f"{self.resource.document.name}#/" + "/".join(unlinked(self.path))


def unlinked(path: Path) -> list[str]:
    groups: list[tuple[str, ...]] = []
    while path:
        path, segments = path
        groups.append(segments)
    return [segment for segments in reversed(groups) for segment in segments]


def depth_and_refs(value: Any) -> tuple[int, bool]:
    """How deep a value is nested (no deeper than is of interest), and whether a $ref stands in it."""
    deepest, refers = 0, False
    waiting: list[tuple[Any, int]] = [(value, 0)] if isinstance(value, dict) else []
    while waiting and deepest <= DIGEST_DEPTH_MAX:
        value, depth = waiting.pop()
        deepest = max(deepest, depth)
        if isinstance(value, dict):
            refers = refers or any(keyword in value for keyword in REF_KEYWORDS)
            value = value.values()
        waiting.extend((each, depth + 1) for each in value if isinstance(each, dict | list))
    return deepest, refers


def document_of(name: str, value: Any) -> Document:
    if not isinstance(value, dict | bool):
        raise InvalidSchema(f"{name}#/ must be a schema: an object, true or false.")
    old = isinstance(value, dict) and "draft-04" in str(value.get("$schema"))
    return Document(name, value, dialect_of(value), "id" if old else "$id")


def settle(value: Any, references: Mapping[str, str]) -> Place:
    """The place of a whole schema, with every $ref in it and in what it refers to settled."""
    return Library(references, document_of("", value)).settle()


@dataclass(eq=False, slots=True)
class Library:
    """The main document and those it refers to, which are read when first needed."""

    texts: Mapping[str, str]
    main: Document
    loaded: set[str] = field(default_factory=set)
    by_uri: dict[str, Resource] = field(default_factory=dict)
    unsettled: list[Place] = field(default_factory=list)

    def settle(self) -> Place:
        top = self.enter(self.main, "")
        refs: list[Place] = []
        while self.unsettled:
            place = self.unsettled.pop()
            place.target = self.target(place)
            refs.append(place)
        refuse_circles(refs)
        return top

    def enter(self, document: Document, base: str) -> Place:
        resource = Resource(joined(base, own_id(document.value, document)), document.value, document)
        document.resources.append(resource)
        for uri in (resource.base, base):
            self.by_uri.setdefault(uri, resource)
        return self.placed(document.value, (), resource)

    def placed(self, raw: Any, path: Path, resource: Resource) -> Place:
        """The place of a subschema; it and all subschemas in it are given one when they have none."""
        places = resource.document.places
        if isinstance(raw, bool):
            return Place(raw, path, resource)
        waiting: list[tuple[Any, Path, Resource]] = [(raw, path, resource)]
        while waiting:
            each, path, inside = waiting.pop()
            if isinstance(each, bool) or id(each) in places:
                continue
            place = places[id(each)] = self.place(each, path, inside)
            waiting.extend(
                (child, (path, segments), place.resource)
                for segments, child in subschemas(each, place.dialect)
            )
        return places[id(raw)]

    def place(self, raw: Any, path: Path, resource: Resource) -> Place:
        place = Place(raw, path, resource)
        if not isinstance(raw, dict):
            raise InvalidSchema(f"{place} must be a schema: an object, true or false.")
        if error := keyword_error(raw, place.dialect):
            raise InvalidSchema(f"{under(place, error[0])} {error[1]}.")
        place.resource = self.named(raw, resource)
        if any(keyword in raw for keyword in REF_KEYWORDS):
            self.unsettled.append(place)
        return place

    def named(self, raw: Mapping[str, Any], resource: Resource) -> Resource:
        """The resource a subschema belongs to: a new one when it has an $id. Anchors are noted on the way."""
        document = resource.document
        name = own_id(raw, document) if raw is not document.value else ""
        if name.startswith("#"):
            resource.anchors.setdefault(name[1:], raw)
        elif name and "$ref" not in raw:
            resource = Resource(joined(resource.base, name), raw, document)
            document.resources.append(resource)
            self.by_uri.setdefault(resource.base, resource)
        for keyword in ANCHOR_KEYWORDS:
            if isinstance(anchor := raw.get(keyword), str):
                resource.anchors.setdefault(anchor, raw)
        return resource

    def target(self, place: Place) -> Place:
        ref = next(place.raw[keyword] for keyword in REF_KEYWORDS if keyword in place.raw)
        url, fragment = urldefrag(ref)
        resource = self.resource(url, place) if url else place.resource
        if resource is None:
            if META_SCHEMA.match(ref):
                return Place(True, (), place.resource)
            raise InvalidSchema(
                f"{under(place, '$ref')} leads to '{shortened(url)}', which is not here. "
                "Correct it, or add a reference with this name and the subject and version it stands for."
            )
        raw, path = found_in(resource, unquote(fragment))
        if not isinstance(raw, dict | bool):
            what = "leads nowhere" if raw is MISSING else "leads to something that is no schema"
            raise InvalidSchema(f"{under(place, '$ref')} {what}: '{shortened(ref)}'.")
        return self.placed(raw, path, resource)

    def resource(self, url: str, place: Place) -> Resource | None:
        absolute = joined(place.resource.base, url)
        for uri in (absolute, url):
            if uri in self.by_uri:
                return self.by_uri[uri]
        for name in self.unread(absolute, url):
            self.load(name)
            if found := self.by_uri.get(absolute) or self.by_uri.get(url):
                return found
        return None

    def unread(self, absolute: str, url: str) -> Iterator[str]:
        """References not read yet, the one of this name first: another may have the URI as its own $id."""
        base = self.main.resources[0].base
        names = [name for name in self.texts if name not in self.loaded]
        yield from sorted(names, key=lambda name: name != url and joined(base, name) != absolute)

    def load(self, name: str) -> None:
        self.loaded.add(name)
        try:
            document = document_of(name, read_json(self.texts[name]))
        except InvalidSchema as error:
            raise InvalidSchema(f"The reference '{shortened(name)}' can't be used. {error}") from error
        self.enter(document, joined(self.main.resources[0].base, name))
        self.by_uri.setdefault(name, document.resources[0])


def own_id(raw: Any, document: Document) -> str:
    found = raw.get(document.id_keyword) if isinstance(raw, dict) else None
    return found if isinstance(found, str) else ""


def joined(base: str, name: str) -> str:
    try:
        return urldefrag(urljoin(base, name))[0]
    except ValueError:  # such as http://[
        return name


def under(place: Place, segment: str) -> str:
    text = str(place)
    return text + segment if text.endswith("#/") else f"{text}/{segment}"


def found_in(resource: Resource, fragment: str) -> tuple[Any, Path]:
    """What a fragment names: nothing the whole, /... a pointer, else an anchor."""
    if not fragment:
        return resource.root, ()
    if not fragment.startswith("/"):
        everywhere = (resource, *resource.document.resources)
        found = next((each.anchors[fragment] for each in everywhere if fragment in each.anchors), MISSING)
        return found, ((), (fragment,))
    segments = tuple(each.replace("~1", "/").replace("~0", "~") for each in fragment[1:].split("/"))
    found = pointed(resource.root, segments)
    if found is MISSING:
        found = pointed(resource.document.value, segments)
    return found, ((), segments)


def pointed(value: Any, segments: tuple[str, ...]) -> Any:
    for segment in segments:
        if isinstance(value, dict):
            # What one draft calls definitions the next calls $defs; a $ref may use either name.
            value = value.get(segment, value.get(SAME_ROOM.get(segment, segment), MISSING))
        elif isinstance(value, list) and segment.isascii() and segment.isdigit():
            value = value[int(segment)] if len(segment) < 8 and int(segment) < len(value) else MISSING
        else:
            return MISSING
    return value


def refuse_circles(refs: list[Place]) -> None:
    """A $ref to a $ref to ... the first: no value could ever be checked against it."""
    done: set[int] = set()
    for start in refs:
        trail: dict[int, None] = {}
        place: Place | None = start
        while place is not None and place.pure_ref and id(place) not in done:
            if id(place) in trail:
                raise InvalidSchema(f"{under(start, '$ref')} leads in a circle back to itself.")
            trail[id(place)] = None
            place = place.target
        done.update(trail)
