"""COUNT_DISTINCT: exact while a group has few values, a HyperLogLog sketch beyond.

    up to 2,048 distinct values    a set of 62-bit hashes, exact but for hash collisions (none to speak of)
    more                           16,384 registers of one byte, standard error 0.8 %

Hashes come from the value alone (blake2b), never from Python's str hash: the state outlives the process.
"""

from __future__ import annotations

import math
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec

from penstock.functions.aggregates import Kinds, Literals
from penstock.functions.collectors import hashable
from penstock.functions.patterns import T
from penstock.functions.registry import Recipe, Slot, aggregate
from penstock.types import BIGINT

EXACT_MAX = 2048
INDEX_BITS = 14
REGISTERS = 1 << INDEX_BITS
# Two bits of the hash are left out, so that the sum over all registers fits 64 bits.
HASH_BITS = 62
RANK_BITS = HASH_BITS - INDEX_BITS
ONE = RANK_BITS + 1
MEMO_MAX = 65_536

encode = msgspec.msgpack.Encoder(order="deterministic").encode


def hash_of(value: Any) -> int:
    """62 bits of a value, the same in every process. Equal DECIMALs hash alike whatever their scale."""
    plain = value.normalize() if isinstance(value, Decimal) else value
    return int.from_bytes(blake2b(encode(plain), digest_size=8).digest(), "little") >> 64 - HASH_BITS


class Hashes(dict[Any, int]):
    """Hashes of values seen lately; it forgets all when it is full."""

    def __missing__(self, value: Any) -> int:
        if len(self) >= MEMO_MAX:
            self.clear()
        found = self[value] = hash_of(value)
        return found


ADD = """\
if {x0} is not None:
    _hash = HASH
    if {s0}.__class__ is set:
        {s0}.add(_hash)
        if len({s0}) > EXACT_MAX:
            {s0}, {s1}, {s2} = agg_sketch_of({s0})
    else:
        _at = _hash & INDEX_MASK
        _rank = RANK_TOP - (_hash >> INDEX_BITS).bit_length()
        if _rank > {s0}[_at]:
            {s1} += (1 << RANK_TOP - _rank) - (1 << RANK_TOP - {s0}[_at])
            {s2} -= not {s0}[_at]
            {s0}[_at] = _rank"""
NUMBERS = {
    "EXACT_MAX": EXACT_MAX,
    "INDEX_MASK": REGISTERS - 1,
    "RANK_TOP": ONE,
    "INDEX_BITS": INDEX_BITS,
}
for word, number in NUMBERS.items():
    ADD = ADD.replace(word, str(number))


@aggregate("COUNT_DISTINCT", T, returns=BIGINT)
def count_distinct(kinds: Kinds, literals: Literals) -> Recipe:
    """How many distinct values there are, approximately when there are many.

    Slots: hashes or registers; the sum of 2^(49 - register); how many registers are zero.
    """
    remembered = hashable(kinds[0])
    hashing = "agg_hashes[{x0}]" if remembered else "agg_hash_of({x0})"
    return Recipe(
        (Slot("set()", set[int] | bytearray), Slot("0", int), Slot("0", int)),
        add=ADD.replace("HASH", hashing),
        merge="{s0}, {s1}, {s2} = agg_sketch_merge({s0}, {s1}, {s2}, {t0}, {t1}, {t2})",
        result="(len({s0}) if {s0}.__class__ is set else agg_estimate({s1}, {s2}))",
        helpers={
            # One memo a query: values of different types must not meet (True == 1).
            "agg_hashes": Hashes(),
            "agg_hash_of": hash_of,
            "agg_sketch_of": sketch_of,
            "agg_sketch_merge": sketch_merge,
            "agg_estimate": estimate,
        },
    )


State = tuple[set[int] | bytearray, int, int]


def sketch_of(hashes: set[int]) -> State:
    return with_hashes(bytearray(REGISTERS), hashes)


def with_hashes(registers: bytearray, hashes: set[int]) -> State:
    for each in hashes:
        at, rank = each & REGISTERS - 1, ONE - (each >> INDEX_BITS).bit_length()
        if rank > registers[at]:
            registers[at] = rank
    return summed(registers)


def summed(registers: bytearray) -> State:
    total = sum(registers.count(rank) << ONE - rank for rank in range(RANK_BITS + 2))
    return registers, total, registers.count(0)


def sketch_merge(a: Any, a_sum: int, a_zeros: int, b: Any, b_sum: int, b_zeros: int) -> State:
    if isinstance(a, set) and isinstance(b, set):
        both = a | b
        return sketch_of(both) if len(both) > EXACT_MAX else (both, 0, 0)
    if isinstance(a, set):
        return with_hashes(bytearray(b), a)
    if isinstance(b, set):
        return with_hashes(a, b)
    return summed(bytearray(map(max, a, b)))


# LogLog-Beta (Qin, Kim, Tung 2016): one formula over the whole range; coefficients for 2^14 registers.
BETA = (0.070471823, 0.17393686, 0.16339839, -0.09237745, 0.03738027, -0.005384159, 0.00042419)
ALPHA = 0.7213 / (1 + 1.079 / REGISTERS)


def estimate(total: int, zeros: int) -> int:
    log = math.log(zeros + 1)
    beta = -0.370393911 * zeros + sum(factor * log ** (at + 1) for at, factor in enumerate(BETA))
    return round(ALPHA * REGISTERS * (REGISTERS - zeros) / (beta + total / 2.0**ONE))
