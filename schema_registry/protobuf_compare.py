"""Compares two Protobuf schemas by what stands on the wire: messages by name, fields by number.

In:  two scopes. Out: every change, with its path.

Messages of the two files are compared where both have them. A field whose message comes from another file on
either side asks for that pair too; each pair is compared once, however often it is asked for:

    field Order.buyer, number 2 --uses--> (Person of old, Person of new) --uses--> ...
    a pair that broke makes the fields that use it FIELD_NAMED_TYPE_CHANGED, and their own pair broken

So it ends for messages that contain each other, and needs no recursion.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from schema_registry.protobuf_changes import Change
from schema_registry.protobuf_scope import MAIN, Scope, Type, map_entry
from schema_registry.protobuf_tree import (
    REQUIRED,
    SCALARS,
    Enum,
    Field,
    File,
    Message,
    is_map_entry,
)

SCALAR, MESSAGE, MAP = "a scalar", "a message", "a map"

SCALAR_KINDS = {
    **dict.fromkeys(("int32", "int64", "uint32", "uint64", "bool", "enum"), "varint"),
    **dict.fromkeys(("sint32", "sint64"), "zigzag"),
    **dict.fromkeys(("string", "bytes"), "bytes"),
    **dict.fromkeys(("fixed32", "sfixed32"), "fixed32"),
    **dict.fromkeys(("fixed64", "sfixed64"), "fixed64"),
    "float": "float",
    "double": "double",
}
assert SCALAR_KINDS.keys() == SCALARS | {"enum"}

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Use:
    """A field, by its path, whose message is a pair of its own."""

    path: str
    pair: Pair
    old: str
    new: str


@dataclass(slots=True)
class Found:
    """What was found out about one pair of messages, or of files."""

    changes: list[Change] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """Two messages (or files) of the same name: their full names, which names in them are resolved from."""

    path: str
    old: str
    new: str

    def inside(self, name: str) -> Place:
        return Place(f"{self.path}{name}/", dotted(self.old, name), dotted(self.new, name))


def dotted(scope: str, name: str) -> str:
    return f"{scope}.{name}" if scope else name


def changes_between(old: Scope, new: Scope) -> list[Change]:
    return Comparison(old, new).compare()


@dataclass(slots=True)
class Comparison:
    old: Scope
    new: Scope
    pairs: dict[Pair, Found] = field(default_factory=dict)

    def compare(self) -> list[Change]:
        top = Found()
        packages = self.old.main.package, self.new.main.package
        if packages[0] != packages[1]:
            top.changes.append(Change("PACKAGE_CHANGED", "#/", *(each or "none" for each in packages)))
        self.holders(self.old.main, self.new.main, Place("#/", *packages), top)
        waiting = [*top.uses]
        while waiting:
            use = waiting.pop()
            if use.pair not in self.pairs:
                self.pairs[use.pair] = self.pair(use.pair)
                waiting.extend(self.pairs[use.pair].uses)
        return self.gathered(top)

    def gathered(self, top: Found) -> list[Change]:
        """The changes of all pairs, and of the fields whose message broke."""
        every = [top, *self.pairs.values()]
        broken = {pair for pair, found in self.pairs.items() if not all(e.compatible for e in found.changes)}
        size = -1
        while size != len(broken):
            size = len(broken)
            broken |= {
                pair for pair, found in self.pairs.items() if any(use.pair in broken for use in found.uses)
            }
        named = [
            Change("FIELD_NAMED_TYPE_CHANGED", use.path, use.old, use.new)
            for found in every
            for use in found.uses
            if use.pair in broken
        ]
        return [*(change for found in every for change in found.changes), *named]

    def pair(self, pair: Pair) -> Found:
        """Two messages of which at least one comes from another file."""
        found = Found()
        old, new = self.old.types[pair[0]], self.new.types[pair[1]]
        if isinstance(old.tree, Message) and isinstance(new.tree, Message):
            path = "#/" + old.local.replace(".", "/") + "/"
            self.messages(old.tree, new.tree, Place(path, old.full, new.full), found)
        return found

    def holders(self, old: File | Message, new: File | Message, place: Place, found: Found) -> None:
        """Messages and enums that stand in two files or messages, however deep."""
        waiting = [(old, new, place)]
        while waiting:
            old, new, place = waiting.pop()
            enum_changes(old.enums, new.enums, place, found)
            for before, after, inner in self.common_messages(old, new, place, found):
                self.fields(before, after, inner, found)
                waiting.append((before, after, inner))

    def messages(self, old: Message, new: Message, place: Place, found: Found) -> None:
        self.fields(old, new, place, found)
        self.holders(old, new, place, found)

    def common_messages(
        self, old: File | Message, new: File | Message, place: Place, found: Found
    ) -> Iterator[tuple[Message, Message, Place]]:
        befores, afters = numbered(old), numbered(new)
        for name in {**befores, **afters}:
            path = f"{place.path}{name}"
            if name not in afters:
                found.changes.append(Change("MESSAGE_REMOVED", path))
            elif name not in befores:
                found.changes.append(Change("MESSAGE_ADDED", path))
            else:
                (was, before), (now, after) = befores[name], afters[name]
                if was != now:
                    found.changes.append(Change("MESSAGE_MOVED", path, str(was), str(now)))
                yield before, after, place.inside(name)

    # -- fields

    def fields(self, old: Message, new: Message, place: Place, found: Found) -> None:
        befores = {each.number: each for each in old.every_field()}
        afters = {each.number: each for each in new.every_field()}
        homes_before, homes_after = homes(old), homes(new)
        found.changes += oneof_changes(old, new, befores, homes_before, place)
        for number in {**befores, **afters}:
            before, after = befores.get(number), afters.get(number)
            home_before, home_after = homes_before.get(number, ""), homes_after.get(number, "")
            if after is None and before is not None:
                survives = home_before in homes_after.values() or any(
                    home == home_before and each in afters for each, home in homes_before.items()
                )
                found.changes += removed(before, home_before, survives, place)
            elif before is None and after is not None:
                found.changes.append(added(after, home_after, place))
            elif before is not None and after is not None:
                if home_before and not home_after:
                    path = f"{place.path}{number}"
                    found.changes.append(Change("ONEOF_FIELD_MOVED_TO_TOP_LEVEL", path, home_before))
                self.field(before, after, Place(at(place, home_after, number), place.old, place.new), found)

    def field(self, old: Field, new: Field, place: Place, found: Found) -> None:
        if old.name != new.name:
            found.changes.append(Change("FIELD_NAME_CHANGED", place.path, old.name, new.name))
        labels = (old.label, new.label)
        self.types(
            self.described(old, self.old, place.old),
            self.described(new, self.new, place.new),
            labels,
            place,
            found,
        )

    def described(self, field: Field, scope: Scope, inside: str) -> tuple[str, ...]:
        """A field's type: (type,), or (key, value) of a map, also of one that is spelled out as a message."""
        if field.key:
            return field.key, field.type
        entry = None if field.type in SCALARS else map_entry(scope.find(field.type, inside))
        if entry is None:
            return (field.type,)
        by_name = {each.name: each.type for each in entry.fields}
        return by_name.get("key", "string"), by_name.get("value", "bytes")

    def types(
        self, old: tuple[str, ...], new: tuple[str, ...], labels: tuple[str, str], place: Place, found: Found
    ) -> None:
        if len(old) == len(new) == 2:
            for before, after in zip(old, new, strict=True):
                self.types((before,), (after,), ("", ""), place, found)
            return
        before, after = self.kind(old, self.old, place.old), self.kind(new, self.new, place.new)
        if before != after:
            found.changes.append(Change("FIELD_KIND_CHANGED", place.path, shown(old), shown(new)))
        elif before == SCALAR:
            found.changes += self.scalar_changes(old[0], new[0], labels, place)
        else:
            self.named(old[0], new[0], place, found)

    def kind(self, type_: tuple[str, ...], scope: Scope, inside: str) -> str:
        if len(type_) == 2:
            return MAP
        if type_[0] in SCALARS:
            return SCALAR
        named = scope.find(type_[0], inside)
        return SCALAR if named is not None and named.is_enum else MESSAGE

    def scalar_changes(self, old: str, new: str, labels: tuple[str, str], place: Place) -> Iterator[Change]:
        before, after = SCALAR_KINDS.get(old, "varint"), SCALAR_KINDS.get(new, "varint")
        if before != after:
            yield Change("FIELD_SCALAR_KIND_CHANGED", place.path, old, new)
        elif all(labels) and labels[0] != labels[1]:
            what = "STRING_OR_BYTES" if before == "bytes" else "NUMERIC"
            yield Change(f"FIELD_{what}_LABEL_CHANGED", place.path, *labels)

    def named(self, old: str, new: str, place: Place, found: Found) -> None:
        """Two fields of a message's type: the names count without their packages."""
        before, after = self.old.find(old, place.old), self.new.find(new, place.new)
        if before is None or after is None:
            if old != new:
                found.changes.append(Change("FIELD_NAMED_TYPE_CHANGED", place.path, old, new))
        elif before.local != after.local:
            found.changes.append(Change("FIELD_NAMED_TYPE_CHANGED", place.path, before.full, after.full))
        elif not (before.file == MAIN == after.file):
            found.uses.append(Use(place.path, (before.full, after.full), said(before), said(after)))


def said(found: Type) -> str:
    return f"{found.full} of {found.file}" if found.file else found.full


def shown(type_: tuple[str, ...]) -> str:
    return f"map<{', '.join(type_)}>" if len(type_) == 2 else type_[0]


def at(place: Place, home: str, number: int) -> str:
    return f"{place.path}{home}/{number}" if home else f"{place.path}{number}"


def numbered(holder: File | Message) -> dict[str, tuple[int, Message]]:
    """Messages by name with their place, as payloads count them; entries of maps are none."""
    return {
        each.name: (place, each)
        for place, each in enumerate(holder.every_message())
        if not is_map_entry(each)
    }


def homes(message: Message) -> dict[int, str]:
    """The oneof that each of its members is in."""
    return {each.number: oneof.name for oneof in message.oneofs for each in oneof.fields}


def removed(old: Field, home: str, survives: bool, place: Place) -> list[Change]:
    if home:
        # A oneof that goes with all of its members takes nothing from those that stay: there are none.
        path = f"{place.path}{home}/{old.number}"
        return [Change("ONEOF_FIELD_REMOVED", path, old.name)] if survives else []
    kind = "REQUIRED_FIELD_REMOVED" if old.label == REQUIRED else "FIELD_REMOVED"
    return [Change(kind, f"{place.path}{old.number}", old.name)]


def added(new: Field, home: str, place: Place) -> Change:
    if home:
        return Change("ONEOF_FIELD_ADDED", f"{place.path}{home}/{new.number}", "", new.name)
    kind = "REQUIRED_FIELD_ADDED" if new.label == REQUIRED else "FIELD_ADDED"
    return Change(kind, f"{place.path}{new.number}", "", new.name)


def oneof_changes(
    old: Message, new: Message, befores: dict[int, Field], homes_before: dict[int, str], place: Place
) -> Iterator[Change]:
    names_before = {each.name for each in old.oneofs}
    names_after = {each.name for each in new.oneofs}
    yield from (
        Change("ONEOF_REMOVED", place.path + each.name) for each in old.oneofs if each.name not in names_after
    )
    for oneof in new.oneofs:
        path = place.path + oneof.name
        if oneof.name not in names_before:
            yield Change("ONEOF_ADDED", path)
        known = [each.number for each in oneof.fields if each.number in befores]
        alone = [number for number in known if number not in homes_before]
        groups = len(alone) + len({homes_before[number] for number in known if number in homes_before})
        if groups > 1:
            # What could be set together before excludes each other now.
            yield Change(
                "MULTIPLE_FIELDS_MOVED_TO_ONEOF" if len(alone) > 1 else "FIELD_MOVED_TO_EXISTING_ONEOF", path
            )


def enum_changes(old: Sequence[Enum], new: Sequence[Enum], place: Place, found: Found) -> None:
    befores, afters = {each.name: each for each in old}, {each.name: each for each in new}
    for name in {**befores, **afters}:
        path = f"{place.path}{name}"
        if name not in afters:
            found.changes.append(Change("ENUM_REMOVED", path))
        elif name not in befores:
            found.changes.append(Change("ENUM_ADDED", path))
        else:
            found.changes += constant_changes(befores[name], afters[name], path)


def constant_changes(old: Enum, new: Enum, path: str) -> Iterator[Change]:
    befores = {each.number: each.name for each in old.constants}
    afters = {each.number: each.name for each in new.constants}
    for number in {**befores, **afters}:
        before, after = befores.get(number), afters.get(number)
        if before != after:
            kind = "ADDED" if before is None else "REMOVED" if after is None else "CHANGED"
            yield Change(f"ENUM_CONST_{kind}", f"{path}/{number}", before or "", after or "")
