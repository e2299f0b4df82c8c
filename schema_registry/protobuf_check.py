"""The strict rules for new Protobuf schemas: what protoc would refuse although the grammar allows it.

In:  a scope. Out: nothing, or InvalidSchema with the first rule that is broken.

With `fields` (validateFields) every type must be found, in a file that is imported: a reference alone is not
enough, as protoc would not look into it either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from schema_registry.protobuf_scope import Scope
from schema_registry.protobuf_tree import SCALARS, Enum, File, Literal, Message, Range, Reserved
from schema_registry.schemas import InvalidSchema

OWN_NUMBERS = range(19_000, 20_000)
KEY_TYPES = SCALARS - {"double", "float", "bytes"}
SIBLINGS = "Give one of them another name"


def check(scope: Scope, *, fields: bool) -> None:
    rules: list[Callable[[Message, str], Iterator[str]]] = [field_errors, reserved_errors]
    messages, enums = scope.main.messages, scope.main.enums
    refuse(twice([each.name for each in messages] + [each.name for each in enums], "#/"))
    for holder, path in holders(scope.main):
        for enum in holder.enums:
            refuse(enum_errors(enum, f"{path}{enum.name}", scope.main.proto3))
        if isinstance(holder, Message):
            for rule in rules:
                refuse(rule(holder, path))
            if fields:
                refuse(type_errors(holder, path, scope))


def refuse(errors: Iterable[str]) -> None:
    for error in errors:
        raise InvalidSchema(error)


def holders(file: File) -> Iterator[tuple[File | Message, str]]:
    """The file and every message in it, with the path that names in them begin with."""
    waiting: list[tuple[File | Message, str]] = [(file, "#/")]
    while waiting:
        holder, path = waiting.pop(0)
        yield holder, path
        waiting.extend((each, f"{path}{each.name}/") for each in holder.every_message())


def twice(names: Iterable[str], path: str) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f"{path}{name} is declared twice. {SIBLINGS}."
        seen.add(name)


def field_errors(message: Message, path: str) -> Iterator[str]:
    fields = [*message.every_field()]
    names = [each.name for each in fields] + [each.name for each in message.oneofs]
    names += [each.name for each in message.every_message()] + [each.name for each in message.enums]
    yield from twice(names, path)
    numbers: dict[int, str] = {}
    for each in fields:
        known = numbers.setdefault(each.number, each.name)
        if known != each.name:
            yield f"{path}{each.name} and {path}{known} have the same number {each.number}. Change one."
        if each.number in OWN_NUMBERS:
            yield f"{path}{each.name} has the number {each.number}; 19000 to 19999 belong to Protobuf."
        if each.key and each.key not in KEY_TYPES:
            yield f"{path}{each.name} is a map with keys of type {each.key}; take integers, bool or string."
    yield from (
        f"{path}{each.name} is a oneof without members." for each in message.oneofs if not each.fields
    )


def reserved_errors(message: Message, path: str) -> Iterator[str]:
    for each in message.every_field():
        if taken(each.name, each.number, message.reserved):
            yield f"{path}{each.name} = {each.number} uses a reserved name or number. Take another."


def taken(name: str, number: int, statements: Iterable[Reserved]) -> bool:
    return any(
        value.first <= number <= value.last if isinstance(value, Range) else value == name
        for statement in statements
        for value in statement.values
    )


def enum_errors(enum: Enum, path: str, proto3: bool) -> Iterator[str]:
    yield from twice((each.name for each in enum.constants), f"{path}/")
    if not enum.constants:
        yield f"{path} is an enum without constants."
    elif proto3 and enum.constants[0].number != 0:
        yield f"{path} must begin with a constant of the number 0, as every enum of proto3."
    aliases = any(option.name == "allow_alias" and option.value == Literal("true") for option in enum.options)
    numbers: dict[int, str] = {}
    for each in enum.constants:
        known = numbers.setdefault(each.number, each.name)
        if known != each.name and not aliases:
            yield f"{path}/{each.name} and {path}/{known} have the same number; that needs allow_alias."
        if taken(each.name, each.number, enum.reserved):
            yield f"{path}/{each.name} = {each.number} uses a reserved name or number. Take another."


def type_errors(message: Message, path: str, scope: Scope) -> Iterator[str]:
    visible = scope.visible()
    package = scope.main.package
    inside = ".".join(filter(None, (package, path[2:-1].replace("/", "."))))
    for each in message.every_field():
        if each.type in SCALARS or each.group is not None:
            continue
        found = scope.find(each.type, inside)
        if found is None:
            yield (
                f"{path}{each.name} has a type that is nowhere: {each.type}. "
                "Declare it, or import the file that does."
            )
        elif found.file not in visible:
            yield (
                f"{path}{each.name} has the type {each.type} of {found.file}, which is not imported. "
                f'Add: import "{found.file}";'
            )
