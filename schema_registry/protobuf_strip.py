"""A file without its extensions, for format=ignore_extensions: for readers that have not got those files.

In:  a tree. Out: the same without custom options, `extend` blocks and the imports only they needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from schema_registry.protobuf_known import DESCRIPTOR_FILE, META_FILE
from schema_registry.protobuf_tree import Enum, Field, File, Message, OneOf, Option

OPTION_FILES = (META_FILE, DESCRIPTOR_FILE)


def without_extensions(file: File) -> File:
    return replace(
        file,
        imports=tuple(each for each in file.imports if each.file not in OPTION_FILES),
        options=plain(file.options),
        messages=tuple(map(message, file.messages)),
        enums=tuple(map(enum, file.enums)),
        extends=(),
        services=tuple(
            replace(
                each,
                options=plain(each.options),
                rpcs=tuple(replace(rpc, options=plain(rpc.options)) for rpc in each.rpcs),
            )
            for each in file.services
        ),
    )


def plain(options: Iterable[Option]) -> tuple[Option, ...]:
    return tuple(each for each in options if not each.extension)


def message(tree: Message) -> Message:
    return replace(
        tree,
        options=plain(tree.options),
        fields=tuple(map(field, tree.fields)),
        oneofs=tuple(map(oneof, tree.oneofs)),
        messages=tuple(map(message, tree.messages)),
        enums=tuple(map(enum, tree.enums)),
        extends=(),
    )


def field(tree: Field) -> Field:
    group = message(tree.group) if tree.group is not None else None
    return replace(tree, options=plain(tree.options), group=group)


def oneof(tree: OneOf) -> OneOf:
    return replace(tree, options=plain(tree.options), fields=tuple(map(field, tree.fields)))


def enum(tree: Enum) -> Enum:
    constants = tuple(replace(each, options=plain(each.options)) for each in tree.constants)
    return replace(tree, options=plain(tree.options), constants=constants)
