"""Can a reader of one Avro schema read what a writer of another wrote? Avro's rules of schema resolution.

In:  reader and writer, each a tree with its named types. Out: what stops the reader, where and why.

    PROMOTIONS    which primitive reads which         RULES    how two types of one form are compared

The kinds of difference and their descriptions follow Avro's SchemaCompatibility (Java, 1.12). Recursive types
end at a pair that is being compared already: it is readable unless something else is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from schema_registry.avro_types import (
    NOTHING,
    Array,
    AvroType,
    Definition,
    Enum,
    Field,
    Fixed,
    Map,
    Named,
    Primitive,
    Record,
    Union,
    bare_name,
    type_word,
)
from schema_registry.schemas import Difference

PROMOTIONS: Mapping[str, frozenset[str]] = {
    "null": frozenset(),
    "boolean": frozenset(),
    "int": frozenset(),
    "long": frozenset({"int"}),
    "float": frozenset({"int", "long"}),
    "double": frozenset({"int", "long", "float"}),
    "bytes": frozenset({"string"}),
    "string": frozenset({"bytes"}),
}

NAME_MISMATCH = "NAME_MISMATCH"
FIXED_SIZE_MISMATCH = "FIXED_SIZE_MISMATCH"
MISSING_ENUM_SYMBOLS = "MISSING_ENUM_SYMBOLS"
MISSING_DEFAULT = "READER_FIELD_MISSING_DEFAULT_VALUE"
TYPE_MISMATCH = "TYPE_MISMATCH"
MISSING_UNION_BRANCH = "MISSING_UNION_BRANCH"

Names: TypeAlias = Mapping[str, Definition]
Found: TypeAlias = list[Difference]


class Checker:
    def __init__(self, reader_names: Names, writer_names: Names) -> None:
        self.reader_names, self.writer_names = reader_names, writer_names
        self.memo: dict[tuple[int, int], Found] = {}

    def compare(self, reader: AvroType, writer: AvroType, path: str) -> Found:
        if isinstance(reader, Named):
            reader = self.reader_names[reader.full_name]
        if isinstance(writer, Named):
            writer = self.writer_names[writer.full_name]
        if reader is writer:
            # Only closed types are shared between schemas (avro_shared.py), and each reads itself.
            return []
        pair = id(reader), id(writer)
        if pair not in self.memo:
            self.memo[pair] = []
            self.memo[pair] = self.compared(reader, writer, path)
        return self.memo[pair]

    def compared(self, reader: AvroType, writer: AvroType, path: str) -> Found:
        if isinstance(writer, Union):
            return self.writer_union(reader, writer, path)
        if isinstance(reader, Union):
            return self.reader_union(reader, writer, path)
        if isinstance(reader, Primitive) and isinstance(writer, Primitive):
            same = reader.name == writer.name or writer.name in PROMOTIONS[reader.name]
            return [] if same else [mismatch(reader, writer, path)]
        if type(reader) is not type(writer):
            return [mismatch(reader, writer, path)]
        return RULES[type(reader)](self, reader, writer, path)

    def writer_union(self, reader: AvroType, writer: Union, path: str) -> Found:
        found: Found = []
        for at, branch in enumerate(writer.branches):
            inner = self.compare(reader, branch, path)
            if inner and isinstance(reader, Union):
                found.append(missing_branch(branch, f"{path}/{at}"))
            else:
                found += inner
        return found

    def reader_union(self, reader: Union, writer: AvroType, path: str) -> Found:
        if any(not self.compare(branch, writer, path) for branch in reader.branches):
            return []
        near = [one for one in reader.branches if named_alike(self.resolved(one), writer)]
        return self.compare(near[0], writer, path) if near else [missing_branch(writer, path)]

    def resolved(self, one: AvroType) -> AvroType:
        return self.reader_names[one.full_name] if isinstance(one, Named) else one

    def record(self, reader: Record, writer: Record, path: str) -> Found:
        found = names(reader, writer, path)
        written = {field.name: field for field in writer.fields}
        for at, field in enumerate(reader.fields):
            source = source_of(field, written)
            where = f"{path}/fields/{at}"
            if source is not None:
                found += self.compare(field.type, source.type, f"{where}/type")
            elif field.default is NOTHING and not self.enum_with_default(field.type):
                found.append(missing_default(field, where))
        return found

    def enum_with_default(self, kind: AvroType) -> bool:
        one = self.resolved(kind)
        return isinstance(one, Enum) and one.default is not None

    def enum(self, reader: Enum, writer: Enum, path: str) -> Found:
        missing = [symbol for symbol in writer.symbols if symbol not in reader.symbols]
        found = names(reader, writer, path)
        if missing and reader.default is None:
            found.append(missing_symbols(missing, f"{path}/symbols"))
        return found

    def fixed(self, reader: Fixed, writer: Fixed, path: str) -> Found:
        found = names(reader, writer, path)
        if reader.size != writer.size:
            found.append(size_mismatch(reader, writer, f"{path}/size"))
        return found

    def array(self, reader: Array, writer: Array, path: str) -> Found:
        return self.compare(reader.items, writer.items, f"{path}/items")

    def map(self, reader: Map, writer: Map, path: str) -> Found:
        return self.compare(reader.values, writer.values, f"{path}/values")


RULES: Mapping[type, Callable[..., Found]] = {
    Record: Checker.record,
    Enum: Checker.enum,
    Fixed: Checker.fixed,
    Array: Checker.array,
    Map: Checker.map,
}


def source_of(field: Field, written: Mapping[str, Field]) -> Field | None:
    """The writer's field that a reader's field reads: of its name, or of one of its aliases."""
    return next((written[name] for name in (field.name, *field.aliases) if name in written), None)


def named_alike(reader: AvroType, writer: AvroType) -> bool:
    return (
        isinstance(reader, Record | Enum | Fixed)
        and type(reader) is type(writer)
        and not names(reader, writer, "")
    )


def names(reader: Definition, writer: Definition, path: str) -> Found:
    if bare_name(reader.full_name) == bare_name(writer.full_name) or writer.full_name in reader.aliases:
        return []
    said = f"The name of the schema has changed (path '{path or '/'}/name'): expected {writer.full_name}"
    advice = f". Keep the name, or add {writer.full_name} to the aliases of {reader.full_name}"
    return [Difference(NAME_MISMATCH, f"{path}/name", said + advice)]


def mismatch(reader: AvroType, writer: AvroType, path: str) -> Difference:
    said = (
        f"The type (path '{path or '/'}') of a field in the new schema does not match with the old schema: "
        f"reader type: {type_word(reader)} not compatible with writer type: {type_word(writer)}"
    )
    return Difference(TYPE_MISMATCH, path or "/", said)


def missing_branch(writer: AvroType, path: str) -> Difference:
    said = (
        f"The new schema is missing a type inside a union field at path '{path or '/'}' in the old schema: "
        f"reader union lacking writer type: {type_word(writer).upper()}"
    )
    return Difference(MISSING_UNION_BRANCH, path or "/", said)


def missing_default(field: Field, path: str) -> Difference:
    said = (
        f"The field '{field.name}' at path '{path}' in the new schema has no default value and is missing "
        "in the old schema. Give it a default, or an alias that names the field it replaces"
    )
    return Difference(MISSING_DEFAULT, path, said)


def missing_symbols(missing: list[str], path: str) -> Difference:
    said = (
        f"The new schema is missing enum symbols '[{', '.join(missing)}]' at path '{path}' in the old schema."
        " Keep them, or give the enum a default"
    )
    return Difference(MISSING_ENUM_SYMBOLS, path, said)


def size_mismatch(reader: Fixed, writer: Fixed, path: str) -> Difference:
    said = (
        f"The size of FIXED type field at path '{path}' in the new schema does not match with the old schema:"
        f" expected: {writer.size}, found: {reader.size}"
    )
    return Difference(FIXED_SIZE_MISMATCH, path, said)
