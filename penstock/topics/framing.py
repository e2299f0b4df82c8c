"""Batches as they lie on disk: columns in msgpack, the whole compressed when that pays.

In:  a batch's columns.
Out: a codec number and a payload; and the columns again from both.

    payload = codec( msgpack [partitions, timestamps, keys, values, headers | nil, offsets | nil] )

Numbers are little-endian arrays in bytes, so no record is looked at alone. Offsets follow from the end
offsets written beside the payload; only a chunk that lost records (compaction) carries its own.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import cramjam
import msgspec

from penstock.errors import LogError
from penstock.topics.base import Chunk, Headers
from penstock.topics.batch import Batch, count, offsets_of
from penstock.topics.config import setting

Buffer: TypeAlias = Any
"""Whatever holds bytes: bytes, or cramjam's own buffer, which SQLite and msgspec take without a copy."""

# Below this size a compressor finds little and the reader would still pay for it.
COMPRESS_BYTES_MIN = 1024
# What Python needs to hold a record besides its bytes: two bytes objects, three numbers, six list slots.
RECORD_BYTES = 200

PLAIN, SNAPPY, LZ4, ZSTD, GZIP = range(5)

CODECS: Mapping[str, int] = {
    "uncompressed": PLAIN,
    "producer": LZ4,
    "snappy": SNAPPY,
    "lz4": LZ4,
    "zstd": ZSTD,
    "gzip": GZIP,
}


def compress_zstd(data: Buffer, config: Mapping[str, str]) -> Buffer:
    return cramjam.zstd.compress(data, level=int(config.get("compression.zstd.level", "3")))


def compress_gzip(data: Buffer, config: Mapping[str, str]) -> Buffer:
    level = int(config.get("compression.gzip.level", "-1"))
    return cramjam.gzip.compress(data, level=6 if level < 0 else level)


COMPRESS: Mapping[int, Callable[[Buffer, Mapping[str, str]], Buffer]] = {
    SNAPPY: lambda data, config: cramjam.snappy.compress_raw(data),
    LZ4: lambda data, config: cramjam.lz4.compress_block(data),
    ZSTD: compress_zstd,
    GZIP: compress_gzip,
}
DECOMPRESS: Mapping[int, Callable[[Buffer], Buffer]] = {
    PLAIN: lambda data: data,
    SNAPPY: cramjam.snappy.decompress_raw,
    LZ4: cramjam.lz4.decompress_block,
    ZSTD: cramjam.zstd.decompress,
    GZIP: cramjam.gzip.decompress,
}
assert DECOMPRESS.keys() == COMPRESS.keys() | {PLAIN}


class Frame(msgspec.Struct, array_like=True, gc=False):
    partitions: bytes
    timestamps: bytes
    keys: list[bytes | None]
    values: list[bytes | None]
    headers: list[tuple[tuple[str, bytes | None], ...]] | None = None
    offsets: bytes | None = None


class Framed(msgspec.Struct, gc=False):
    """A payload, its codec, and the bytes a reader will hold when it has read it."""

    codec: int
    payload: Buffer
    memory_bytes: int


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Frame).decode


def frame_batch(batch: Batch, config: Mapping[str, str]) -> Framed:
    frame = Frame(
        to_bytes(batch.partitions), to_bytes(batch.timestamps), batch.keys, batch.values, batch.headers
    )
    return compressed(frame, config)


def frame_chunk(chunk: Chunk, config: Mapping[str, str]) -> Framed:
    """A chunk that lost records, with the offsets of those that are left."""
    frame = Frame(
        to_bytes(array("i", chunk.partitions)),
        to_bytes(array("q", chunk.timestamps)),
        list(chunk.keys),
        list(chunk.values),
        None if chunk.headers is None else list(chunk.headers),
        to_bytes(array("q", chunk.offsets)),
    )
    return compressed(frame, config)


def compressed(frame: Frame, config: Mapping[str, str]) -> Framed:
    data = encode(frame)
    memory_bytes = len(data) + RECORD_BYTES * len(frame.values)
    codec = CODECS[setting(config, "compression.type")]
    if codec != PLAIN and len(data) >= COMPRESS_BYTES_MIN:
        smaller = COMPRESS[codec](data, config)
        if len(smaller) < len(data):
            return Framed(codec, smaller, memory_bytes)
    return Framed(PLAIN, data, memory_bytes)


def chunk_from(
    topic: str, sequence: int, codec: int, payload: Buffer, ends: Sequence[int]
) -> tuple[Chunk, int]:
    """The chunk a payload holds and the bytes it takes in memory."""
    try:
        data = DECOMPRESS[codec](payload)
        frame = decode(data)
    except (KeyError, cramjam.DecompressionError, msgspec.DecodeError) as error:
        raise LogError(
            f"Topic '{topic}': chunk {sequence} of the log can't be read back ({error}). The file was "
            "damaged or written by another version; restore it from a copy, or delete the records before it."
        ) from error
    partitions = from_bytes("i", frame.partitions)
    if frame.offsets is None:
        offsets = offsets_of(partitions, count(partitions), ends)
    else:
        offsets = from_bytes("q", frame.offsets).tolist()
    timestamps = from_bytes("q", frame.timestamps).tolist()
    headers: list[Headers] | None = frame.headers
    chunk = Chunk(
        topic, sequence, frame.keys, frame.values, timestamps, partitions.tolist(), offsets, headers
    )
    return chunk, len(data) + RECORD_BYTES * len(frame.values)


def to_bytes(numbers: array[int]) -> bytes:
    return little_endian(numbers).tobytes()


def from_bytes(code: str, data: bytes) -> array[int]:
    numbers = array(code)
    numbers.frombytes(data)
    return little_endian(numbers)


def little_endian(numbers: array[int]) -> array[int]:
    """The numbers with their bytes as they lie on disk; on most machines these are the same."""
    if sys.byteorder == "little":
        return numbers
    swapped = numbers[:]
    swapped.byteswap()
    return swapped


def ends_to_bytes(ends: Sequence[int]) -> bytes:
    return to_bytes(array("q", ends))


def ends_from_bytes(data: bytes) -> tuple[int, ...]:
    return tuple(from_bytes("q", data))
