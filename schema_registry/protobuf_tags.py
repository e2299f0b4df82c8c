"""Tags written into a Protobuf schema: confluent.message_meta and confluent.field_meta, member `tags`.

In:  a file. Out: its tags by full name, or a file with others.

    message M { option (confluent.message_meta) = { tags: ["PII"] };     sr_record  package.M
                string s = 1 [(confluent.field_meta) = { tags: "PII" }]; sr_field   package.M.s
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from schema_registry.protobuf_known import META_FILE
from schema_registry.protobuf_tree import (
    Aggregate,
    Field,
    File,
    Import,
    Items,
    Literal,
    Message,
    Option,
    Value,
)
from schema_registry.schemas import InvalidSchema, TagChange

FIELD, RECORD = "sr_field", "sr_record"
META = {FIELD: "confluent.field_meta", RECORD: "confluent.message_meta"}
TAGS = "tags"

Tags = tuple[str, ...]
Edit = Callable[[Tags], Tags]


def tags_of(file: File) -> list[TagChange]:
    return [tag for message in file.messages for tag in message_tags(message, file.package)]


def message_tags(message: Message, scope: str) -> Iterator[TagChange]:
    path = f"{scope}.{message.name}" if scope else message.name
    if tags := read_tags(message.options, META[RECORD]):
        yield TagChange(path, RECORD, tags)
    for field in message.every_field():
        if tags := read_tags(field.options, META[FIELD]):
            yield TagChange(f"{path}.{field.name}", FIELD, tags)
    for inner in message.messages:
        yield from message_tags(inner, path)


def is_meta(option: Option, name: str) -> bool:
    return option.extension and option.name.lstrip(".") == name


def read_tags(options: Iterable[Option], name: str) -> Tags:
    found: list[str] = []
    for option in options:
        if not is_meta(option, name):
            continue
        if option.path == TAGS:
            found += texts(option.value)
        elif not option.path and isinstance(option.value, Aggregate):
            found += texts(option.value.get(TAGS))
    return tuple(found)


def texts(value: Value | None) -> list[str]:
    values = value.values if isinstance(value, Items) else () if value is None else (value,)
    return [each.text for each in values if isinstance(each, Literal)]


def with_tags(options: Sequence[Option], name: str, tags: Tags) -> tuple[Option, ...]:
    """The options with exactly these tags; everything else that the option says stays."""
    kept = [each for each in options if not (is_meta(each, name) and each.path == TAGS)]
    at = next((at for at, each in enumerate(kept) if is_meta(each, name) and not each.path), None)
    value = kept[at].value if at is not None else Aggregate(())
    entries = [each for each in value.entries if each[0] != TAGS] if isinstance(value, Aggregate) else []
    if tags:
        entries.append((TAGS, Items(tuple(Literal(tag, quoted=True) for tag in tags))))
    changed = [Option(name, Aggregate(tuple(entries)), extension=True)] if entries else []
    where = len(kept) if at is None else at
    return (*kept[:where], *changed, *kept[where + (at is not None) :])


def tagged_file(file: File, add: Sequence[TagChange], remove: Sequence[TagChange]) -> File:
    edits: dict[str, list[Edit]] = {}
    for change in add:
        edits.setdefault(change.path, []).append(adding(change.tags))
    for change in remove:
        edits.setdefault(change.path, []).append(removing(change.tags))
    done: set[str] = set()
    messages = tuple(edited(message, file.package, edits, done) for message in file.messages)
    for path in edits:
        if path not in done:
            raise InvalidSchema(f"The schema has no '{path}' to tag. Paths look like package.Message.field.")
    imports = file.imports
    if any(change.tags for change in add) and META_FILE not in (each.file for each in imports):
        imports = (*imports, Import(META_FILE))
    return replace(file, messages=messages, imports=imports)


def adding(tags: Tags) -> Edit:
    return lambda known: tuple(dict.fromkeys((*known, *tags)))


def removing(tags: Tags) -> Edit:
    return lambda known: tuple(each for each in known if each not in tags)


def edited(message: Message, scope: str, edits: Mapping[str, list[Edit]], done: set[str]) -> Message:
    path = f"{scope}.{message.name}" if scope else message.name

    def options(known: tuple[Option, ...], at: str, kind: str) -> tuple[Option, ...]:
        if at not in edits:
            return known
        done.add(at)
        tags = read_tags(known, META[kind])
        for edit in edits[at]:
            tags = edit(tags)
        return with_tags(known, META[kind], tags)

    def field(each: Field) -> Field:
        return replace(each, options=options(each.options, f"{path}.{each.name}", FIELD))

    return replace(
        message,
        options=options(message.options, path, RECORD),
        fields=tuple(map(field, message.fields)),
        oneofs=tuple(replace(each, fields=tuple(map(field, each.fields))) for each in message.oneofs),
        messages=tuple(edited(each, path, edits, done) for each in message.messages),
    )
