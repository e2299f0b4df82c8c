"""TRANSFORM, FILTER and REDUCE: functions over collections with a lambda, which arrives as a callable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.functions.collections import in_hash_order
from penstock.functions.patterns import K, LambdaOf, R, S, T, V
from penstock.functions.registry import scalar
from penstock.types import BOOLEAN, Array, Map

Step = Callable[..., Any]


def checked(result: dict[Any, Any]) -> dict[Any, Any]:
    """ksqlDB gathers maps in a way that takes no NULL."""
    if None in result or None in result.values():
        raise ValueError("a key or value of the map is NULL")
    return result


@scalar("TRANSFORM", Array(T), LambdaOf((T,), R), returns=Array(R), category="LAMBDA", spelling="transform",
        names=("array", "lambda"), example=("TRANSFORM(ARRAY[1, 2], x => x * 2)", [2, 4]))  # fmt: skip
def transform_array(array: list[Any], step: Step) -> list[Any]:
    """Every element through a lambda."""
    return [step(each) for each in array]


@scalar("TRANSFORM", Map(K, V), LambdaOf((K, V), R), LambdaOf((K, V), T), returns=Map(R, T),
        category="LAMBDA", names=("map", "lambda1", "lambda2"),
        example=("TRANSFORM(MAP('a' := 1), (k, v) => UCASE(k), (k, v) => v + 1)", {"A": 2}))  # fmt: skip
def transform_map(entries: dict[Any, Any], key_step: Step, value_step: Step) -> dict[Any, Any]:
    """Every key through one lambda and every value through another."""
    result = {key_step(key, value): value_step(key, value) for key, value in entries.items()}
    if len(result) < len(entries):
        raise ValueError("Duplicate key")
    return checked(result)


@scalar("FILTER", Array(T), LambdaOf((T,), BOOLEAN), returns=Array(T), category="LAMBDA", spelling="filter",
        names=("array", "lambda"), example=("FILTER(ARRAY[1, 2, 3], x => x > 1)", [2, 3]))  # fmt: skip
def filter_array(array: list[Any], keep: Step) -> list[Any]:
    """The elements for which a lambda gives TRUE."""
    return [each for each in array if truth(keep(each))]


@scalar("FILTER", Map(K, V), LambdaOf((K, V), BOOLEAN), returns=Map(K, V), category="LAMBDA",
        names=("map", "lambda"),
        example=("FILTER(MAP('a' := 1, 'b' := 2), (k, v) => v > 1)", {"b": 2}))  # fmt: skip
def filter_map(entries: dict[Any, Any], keep: Step) -> dict[Any, Any]:
    """The entries for which a lambda gives TRUE."""
    return checked({key: value for key, value in entries.items() if truth(keep(key, value))})


def truth(answer: Any) -> bool:
    if answer is None:
        raise ValueError("the lambda gave NULL")
    return bool(answer)


@scalar("REDUCE", Array(T), S, LambdaOf((S, T), S), returns=S, nulls="pass", category="LAMBDA",
        spelling="reduce", names=("list", "initialState", "lambda"),
        example=("REDUCE(ARRAY[1, 2, 3], 0, (t, x) => t + x)", 6))  # fmt: skip
def reduce_array(array: list[Any] | None, state: Any, step: Step) -> Any:
    """A state carried through all elements by a lambda."""
    if state is None or array is None:
        return state
    for each in array:
        state = step(state, each)
    return state


@scalar("REDUCE", Map(K, V), S, LambdaOf((S, K, V), S), returns=S, nulls="pass", category="LAMBDA",
        names=("map", "initialState", "lambda"),
        example=("REDUCE(MAP('a' := 1, 'b' := 2), 0, (t, k, v) => t + v)", 3))  # fmt: skip
def reduce_map(entries: dict[Any, Any] | None, state: Any, step: Step) -> Any:
    """A state carried through all entries by a lambda."""
    if state is None or entries is None:
        return state
    for key in in_hash_order(entries):
        state = step(state, key, entries[key])
    return state
