"""Chunks that several readers want: each is decoded once while it is here.

In:  chunks with the bytes they take. Out: the identical chunk for everyone who asks, the oldest unused
go first. The bound counts the records themselves; what readers keep in `memo` lives and goes with its chunk.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from penstock.topics.base import Chunk


@dataclass(frozen=True, slots=True)
class Stored:
    """A chunk as it was written: with the end offset of every partition of its topic after it."""

    chunk: Chunk
    ends: tuple[int, ...]
    version: int
    """Grows each time the chunk is rewritten."""
    memory_bytes: int


class ChunkCache:
    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.bytes = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Stored] = OrderedDict()

    def get(self, sequence: int, version: int) -> Stored | None:
        with self._lock:
            stored = self._kept.get(sequence)
            if stored is None or stored.version != version:
                return None
            self._kept.move_to_end(sequence)
            return stored

    def put(self, stored: Stored) -> Stored:
        """Keep a chunk. When another thread brought it first, that one is the chunk everybody gets."""
        with self._lock:
            known = self._kept.get(stored.chunk.sequence)
            if known is not None and known.version >= stored.version:
                return known
            self._forget(stored.chunk.sequence)
            if stored.memory_bytes <= self.bytes_max:
                self._kept[stored.chunk.sequence] = stored
                self.bytes += stored.memory_bytes
            while self.bytes > self.bytes_max:
                self._forget(next(iter(self._kept)))
            return stored

    def _forget(self, sequence: int) -> None:
        gone = self._kept.pop(sequence, None)
        if gone is not None:
            self.bytes -= gone.memory_bytes

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self.bytes = 0
