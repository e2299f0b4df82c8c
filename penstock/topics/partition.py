"""Which partition a record goes to: Kafka's own choice, so that both logs agree.

In:  the keys of a batch and the number of partitions.
Out: a partition for each record; keyless records take turns, and the turn is kept by the caller.

    murmur2(key) & 0x7fffffff  %  partitions          (org.apache.kafka.common.utils.Utils)

Few keys are hashed one by one; many are hashed side by side, one word of all keys at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SEED = 0x9747B28C
FACTOR = 0x5BD1E995
WORD = 0xFFFFFFFF
POSITIVE = 0x7FFFFFFF

# Below this many keys the import and the setting up of numpy cost more than they save.
VECTOR_KEYS_MIN = 64
# A longer key would make all others wait for its words, so it is hashed alone.
VECTOR_KEY_BYTES_MAX = 256


def choose_partitions(
    keys: Sequence[bytes | None], partitions: int, keyless_turn: int = 0
) -> tuple[list[int], int]:
    """A partition for each key, and the turn the next keyless record takes."""
    if partitions == 1:
        return [0] * len(keys), keyless_turn
    if None not in keys:
        return partitions_of(keys, partitions), keyless_turn  # type: ignore[arg-type]
    keyed = iter(partitions_of([key for key in keys if key is not None], partitions))
    chosen = []
    for key in keys:
        if key is None:
            chosen.append(keyless_turn % partitions)
            keyless_turn += 1
        else:
            chosen.append(next(keyed))
    return chosen, keyless_turn


def partitions_of(keys: Sequence[bytes], partitions: int) -> list[int]:
    """Kafka's default partition of each key."""
    if len(keys) < VECTOR_KEYS_MIN:
        return [(murmur2(key) & POSITIVE) % partitions for key in keys]
    return hash_side_by_side(keys, partitions)


def murmur2(data: bytes) -> int:
    """Kafka's 32-bit murmur2 as an unsigned number."""
    length = len(data)
    whole = length & ~3
    state = SEED ^ length
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * FACTOR & WORD
        word = (word ^ word >> 24) * FACTOR & WORD
        state = (state * FACTOR & WORD) ^ word
    if length != whole:
        state = (state ^ int.from_bytes(data[whole:], "little")) * FACTOR & WORD
    state = (state ^ state >> 13) * FACTOR & WORD
    return state ^ state >> 15


def hash_side_by_side(keys: Sequence[bytes], partitions: int) -> list[int]:
    import numpy as np

    lengths = np.fromiter(map(len, keys), dtype=np.int64, count=len(keys))
    long = np.nonzero(lengths > VECTOR_KEY_BYTES_MAX)[0].tolist()
    if long:
        keys = [b"" if len(key) > VECTOR_KEY_BYTES_MAX else key for key in keys] + [keys[at] for at in long]
        lengths[long] = 0
    hashes = murmur2_column(keys[: len(lengths)], lengths)
    for at, key in zip(long, keys[len(lengths) :], strict=True):
        hashes[at] = murmur2(key)
    chosen: list[int] = ((hashes & np.uint32(POSITIVE)) % np.uint32(partitions)).tolist()
    return chosen


def murmur2_column(keys: Sequence[bytes], lengths: Any) -> Any:
    """The hashes of all keys (numpy uint32), reading the joined keys as overlapping words."""
    import numpy as np

    # Three spare bytes let the last key's tail be read as a whole word and masked.
    joined = b"".join(keys) + b"\0\0\0\0"
    words = np.ndarray(len(joined) - 3, dtype="<u4", buffer=joined, strides=(1,))
    starts = np.cumsum(lengths) - lengths
    state = np.uint32(SEED) ^ lengths.astype(np.uint32)
    counts, factor = lengths >> 2, np.uint32(FACTOR)
    for position in range(int(counts.max(initial=0))):
        here = np.nonzero(counts > position)[0]
        word = words[starts[here] + 4 * position] * factor
        word = (word ^ (word >> np.uint32(24))) * factor
        state[here] = (state[here] * factor) ^ word
    rest = lengths & 3
    here = np.nonzero(rest)[0]
    masks = np.array([0, 0xFF, 0xFFFF, 0xFFFFFF], dtype=np.uint32)
    tail = words[starts[here] + 4 * counts[here]] & masks[rest[here]]
    state[here] = (state[here] ^ tail) * factor
    state = (state ^ (state >> np.uint32(13))) * factor
    return state ^ (state >> np.uint32(15))
