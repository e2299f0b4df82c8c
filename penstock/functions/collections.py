"""Functions over ARRAY and MAP. Elements may be NULL; equality is that of the values."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from penstock.functions.java_numbers import decimal_text, double_text
from penstock.functions.patterns import T
from penstock.functions.registry import scalar
from penstock.functions.text import units, utf16_key
from penstock.types import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    INTEGER,
    STRING,
    Array,
    Decimal,
    Map,
    SqlType,
    Struct,
    python_type,
)

Items = list[Any]


def sort_key(kind: SqlType) -> Callable[[Any], Any] | None:
    """Java orders text by UTF-16 units; all else sorts as in Python."""
    return utf16_key if kind == STRING else None


def unique(values: Iterable[Any]) -> Items:
    """First occurrences in order; lists, maps and structs are compared one by one."""
    every = list(values)
    if all(isinstance(each, Hashable) for each in every):
        return list(dict.fromkeys(every))
    found: Items = []
    for each in every:
        if each not in found:
            found.append(each)
    return found


@scalar("ARRAY_CONCAT", Array(T), Array(T), returns=Array(T), nulls="pass", category="ARRAY",
        spelling="array_concat", example=("ARRAY_CONCAT(ARRAY[1, 2], ARRAY[2])", [1, 2, 2]))  # fmt: skip
def array_concat(left: Items | None, right: Items | None) -> Items | None:
    """All elements of both arrays."""
    if left is None and right is None:
        return None
    return (left or []) + (right or [])


@scalar("ARRAY_CONTAINS", Array(T), T, returns=BOOLEAN, nulls="pass", category="ARRAY",
        example=("ARRAY_CONTAINS(ARRAY[1, 2], 2)", True))  # fmt: skip
def array_contains(array: Items | None, val: Any) -> bool:
    """Whether an array holds a value, which may be NULL."""
    return array is not None and val in array


@scalar("ARRAY_DISTINCT", Array(T), returns=Array(T), category="ARRAY", spelling="array_distinct",
        example=("ARRAY_DISTINCT(ARRAY[1, 2, 1])", [1, 2]))  # fmt: skip
def array_distinct(array: Items) -> Items:
    """The distinct elements in order of first occurrence."""
    return unique(array)


@scalar("ARRAY_EXCEPT", Array(T), Array(T), returns=Array(T), category="ARRAY", spelling="array_except",
        example=("ARRAY_EXCEPT(ARRAY[1, 2, 3], ARRAY[2])", [1, 3]))  # fmt: skip
def array_except(left: Items, right: Items) -> Items:
    """The distinct elements of the first array that the second does not hold."""
    return [each for each in unique(left) if each not in right]


@scalar("ARRAY_INTERSECT", Array(T), Array(T), returns=Array(T), category="ARRAY", spelling="array_intersect",
        example=("ARRAY_INTERSECT(ARRAY[1, 2, 3], ARRAY[3, 2])", [2, 3]))  # fmt: skip
def array_intersect(left: Items, right: Items) -> Items:
    """The distinct elements that both arrays hold, in the order of the first."""
    return [each for each in unique(left) if each in right]


@scalar("ARRAY_UNION", Array(T), Array(T), returns=Array(T), category="ARRAY", spelling="array_union",
        example=("ARRAY_UNION(ARRAY[1, 2], ARRAY[2, 3])", [1, 2, 3]))  # fmt: skip
def array_union(left: Items, right: Items) -> Items:
    """The distinct elements of both arrays."""
    return unique([*left, *right])


@scalar("ARRAY_LENGTH", Array(T), returns=INTEGER, category="ARRAY", example=("ARRAY_LENGTH(ARRAY[1, 2])", 2))
def array_length(array: Items) -> int:
    """How many elements an array has."""
    return len(array)


def array_max(kinds: Sequence[Any]) -> Callable[[Items], Any]:
    """The greatest element that is not NULL."""
    return extreme(max, kinds)


def array_min(kinds: Sequence[Any]) -> Callable[[Items], Any]:
    """The least element that is not NULL."""
    return extreme(min, kinds)


def extreme(choose: Callable[..., Any], kinds: Sequence[Any]) -> Callable[[Items], Any]:
    key = sort_key(kinds[0].item)

    def of(array: Items) -> Any:
        known = [each for each in array if each is not None]
        return choose(known, key=key) if known else None

    return of


scalar("ARRAY_MAX", Array(T), returns=T, typed=True, names=("array",), category="ARRAY", spelling="array_max",
       example=("ARRAY_MAX(ARRAY[1, 3, 2])", 3))(array_max)  # fmt: skip
scalar("ARRAY_MIN", Array(T), returns=T, typed=True, names=("array",), category="ARRAY", spelling="array_min",
       example=("ARRAY_MIN(ARRAY[2, 1, 3])", 1))(array_min)  # fmt: skip


@scalar("ARRAY_REMOVE", Array(T), T, returns=Array(T), nulls="pass", category="ARRAY",
        spelling="array_remove", example=("ARRAY_REMOVE(ARRAY[1, 2, 1], 1)", [2]))  # fmt: skip
def array_remove(array: Items | None, victim: Any) -> Items | None:
    """Without the elements equal to a value."""
    return None if array is None else [each for each in array if each != victim]


DIRECTIONS = {"ASC": False, "ASCENDING": False, "DESC": True, "DESCENDING": True}


@scalar("ARRAY_SORT", Array(T), returns=Array(T), typed=True, names=("array",), category="ARRAY",
        spelling="array_sort", example=("ARRAY_SORT(ARRAY[3, 1, 2])", [1, 2, 3]))  # fmt: skip
def array_sort(kinds: Sequence[Any]) -> Callable[[Items], Items]:
    """In ascending order, NULLs last."""
    key = sort_key(kinds[0].item)
    return lambda array: sorted_array(array, key, False)


@scalar("ARRAY_SORT", Array(T), STRING, returns=Array(T), typed=True, names=("array", "direction"),
        category="ARRAY", example=("ARRAY_SORT(ARRAY[3, 1, 2], 'DESC')", [3, 2, 1]))  # fmt: skip
def array_sort_direction(kinds: Sequence[Any]) -> Callable[[Items, str], Items | None]:
    """In the order ASC or DESC, NULLs last."""
    key = sort_key(kinds[0].item)

    def of(array: Items, direction: str) -> Items | None:
        descending = DIRECTIONS.get(direction.strip().upper())
        return None if descending is None else sorted_array(array, key, descending)

    return of


def sorted_array(array: Items, key: Callable[[Any], Any] | None, descending: bool) -> Items:
    known = [each for each in array if each is not None]
    return sorted(known, key=key, reverse=descending) + [None] * (len(array) - len(known))


def texts(kind: SqlType) -> Callable[[Any], str]:
    """The text of an element, as Java's String.valueOf gives it."""
    if isinstance(kind, Decimal):
        return decimal_text
    found = TEXTS.get(kind)
    if found is None:
        raise ValueError(f"Unsupported element type for ARRAY_JOIN: {kind}")
    return found


TEXTS: dict[SqlType, Callable[[Any], str]] = {
    STRING: lambda value: value,
    INTEGER: str,
    BIGINT: str,
    DOUBLE: double_text,
    BOOLEAN: lambda value: "true" if value else "false",
}


@scalar("ARRAY_JOIN", Array(T), returns=STRING, typed=True, names=("array",), category="ARRAY",
        example=("ARRAY_JOIN(ARRAY[1, 2])", "1,2"))  # fmt: skip
def array_join(kinds: Sequence[Any]) -> Callable[[Items], str]:
    """The elements as text with commas between."""
    item = kinds[0].item
    return lambda array: joined(array, item, ",")


@scalar("ARRAY_JOIN", Array(T), STRING, returns=STRING, typed=True, nulls="pass",
        names=("array", "delimiter"), category="ARRAY",
        example=("ARRAY_JOIN(ARRAY[1, 2], '-')", "1-2"))  # fmt: skip
def array_join_delimiter(kinds: Sequence[Any]) -> Callable[[Items | None, str | None], str | None]:
    """The elements as text with a delimiter between."""
    item = kinds[0].item
    return lambda array, delimiter: None if array is None else joined(array, item, delimiter or "")


def joined(array: Items, item: SqlType, delimiter: str) -> str:
    text = texts(item)
    return delimiter.join(["null" if each is None else text(each) for each in array])


@scalar("SLICE", Array(T), INTEGER, INTEGER, returns=Array(T), nulls="pass", category="ARRAY",
        spelling="slice", names=("in", "from", "to"),
        example=("SLICE(ARRAY[1, 2, 3, 4], 2, 3)", [2, 3]))  # fmt: skip
def slice_array(array: Items | None, first: int | None, last: int | None) -> Items | None:
    """The elements from one position to another, both counted from 1 and included."""
    if array is None:
        return None
    start = 0 if first is None else first - 1
    end = len(array) if last is None else last
    return array[start:end] if 0 <= start <= end <= len(array) else None


def series(first: int, last: int, step: int) -> list[int]:
    if step == 0:
        raise ValueError("GENERATE_SERIES step cannot be zero")
    if (last - first) * step < 0:
        raise ValueError("GENERATE_SERIES step has wrong sign")
    size = (last - first) // step + 1
    if size > SERIES_MAX:
        raise ValueError(f"GENERATE_SERIES would make {size} elements; at most {SERIES_MAX} are made")
    return list(range(first, last + (1 if step > 0 else -1), step))


SERIES_MAX = 10_000_000

for kind in (INTEGER, BIGINT):
    bounds = "1, 3" if kind == INTEGER else "CAST(1 AS BIGINT), CAST(3 AS BIGINT)"

    @scalar("GENERATE_SERIES", kind, kind, returns=Array(kind), primitive=(0, 1), category="ARRAY",
            spelling="generate_series", example=(f"GENERATE_SERIES({bounds})", [1, 2, 3]))  # fmt: skip
    def generate_series(start: int, end: int) -> list[int]:
        """All whole numbers from one to another, both included."""
        return series(start, end, 1 if end >= start else -1)

    @scalar("GENERATE_SERIES", kind, kind, INTEGER, returns=Array(kind), primitive=(0, 1, 2),
            category="ARRAY", example=(f"GENERATE_SERIES({bounds}, 2)", [1, 3]))  # fmt: skip
    def generate_series_step(start: int, end: int, step: int) -> list[int]:
        """The same in steps."""
        return series(start, end, step)


# --- maps ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=10_000)
def java_hash(text: str) -> int:
    """String.hashCode with HashMap's spreading."""
    found = 0
    for unit in text if text.isascii() else units(text):
        found = found * 31 + ord(unit) & 0xFFFFFFFF
    return found ^ found >> 16


def in_hash_order(keys: Iterable[Any]) -> list[Any]:
    """Text keys as a java.util.HashMap of this many entries iterates over them; others as they come."""
    every = list(keys)
    if not all(isinstance(key, str) for key in every):
        return every
    # ksqlDB gives the maps it reads room for their entries: a power of two, doubled when 3/4 full.
    buckets = 1
    while len(every) > buckets * 3 // 4:
        buckets *= 2
    return sorted(every, key=lambda key: java_hash(key) & buckets - 1)


Entries = dict[str, Any]


@scalar("AS_MAP", Array(STRING), Array(T), returns=Map(STRING, T), category="MAP", spelling="as_map",
        example=("AS_MAP(ARRAY['a', 'b'], ARRAY[1, 2])", {"a": 1, "b": 2}))  # fmt: skip
def as_map(keys: list[str], values: Items) -> Entries:
    """A map of keys and values by position."""
    return {key: values[at] if at < len(values) else None for at, key in enumerate(keys)}


@scalar("MAP_KEYS", Map(STRING, T), returns=Array(STRING), category="MAP", spelling="map_keys",
        example=("MAP_KEYS(MAP('a' := 1, 'b' := 2))", ["a", "b"]))  # fmt: skip
def map_keys(map: Entries) -> list[str]:
    """The keys of a map."""
    return in_hash_order(map)


@scalar("MAP_VALUES", Map(STRING, T), returns=Array(T), category="MAP", spelling="map_values",
        example=("MAP_VALUES(MAP('a' := 1, 'b' := 2))", [1, 2]))  # fmt: skip
def map_values(map: Entries) -> Items:
    """The values of a map, in the order of MAP_KEYS."""
    return [map[key] for key in in_hash_order(map)]


@scalar("MAP_UNION", Map(STRING, T), Map(STRING, T), returns=Map(STRING, T), nulls="pass", category="MAP",
        spelling="map_union",
        example=("MAP_UNION(MAP('a' := 1), MAP('a' := 2, 'b' := 3))", {"a": 2, "b": 3}))  # fmt: skip
def map_union(map1: Entries | None, map2: Entries | None) -> Entries | None:
    """All entries of both maps; the second wins."""
    if map1 is None and map2 is None:
        return None
    return {**(map1 or {}), **(map2 or {})}


def entries(kinds: Sequence[Any]) -> Callable[[Entries, bool], Items]:
    """The entries of a map as structs of K and V, by key when the second argument is TRUE."""
    entry = python_type(entry_of(kinds[0].value))

    def of(map: Entries, sorted_by_key: bool) -> Items:
        keys = sorted(map, key=utf16_key) if sorted_by_key else in_hash_order(map)
        return [entry(key, map[key]) for key in keys]

    return of


def entry_of(kind: SqlType) -> Struct:
    return Struct((("K", STRING), ("V", kind)))


ENTRIES_EXAMPLE = ("ARRAY_LENGTH(ENTRIES(MAP('a' := 1), TRUE))", 1)

for kind in (INTEGER, BIGINT, DOUBLE, BOOLEAN, STRING):
    scalar("ENTRIES", Map(STRING, kind), BOOLEAN, returns=Array(entry_of(kind)), typed=True, primitive=(1,),
           names=("map", "sorted"), category="MAP", spelling="entries",
           example=ENTRIES_EXAMPLE if kind == INTEGER else None)(entries)  # fmt: skip
