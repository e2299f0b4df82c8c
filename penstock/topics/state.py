"""What a process knows of the topics, brought up to date by whatever changed since.

In:  rows of topics that changed, each with the sequence of its last change.
Out: a snapshot of all topics that readers share; asking again when nothing changed costs nothing.

Every change to a topic (records, settings, deletion) takes the next number of one sequence, so "changed
since" is one comparison and the last number of all topics is the log's head.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from penstock.errors import UnknownTopic
from penstock.topics.base import TopicInfo
from penstock.topics.config import with_defaults


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as of the change `last`. A deleted topic stays known by its id, under no name."""

    id: int
    name: str | None
    partitions: int
    config: Mapping[str, str]
    last: int
    edits: int
    """Grows when chunks that were written are rewritten or taken away."""
    cleaned: int
    """Chunks up to this sequence were compacted; those after it are dirty."""
    begins: tuple[int, ...]
    ends: tuple[int, ...]

    @property
    def info(self) -> TopicInfo:
        assert self.name is not None
        return TopicInfo(self.name, self.partitions, with_defaults(self.config))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All topics at one moment: complete up to `head`."""

    head: int = 0
    by_id: Mapping[int, TopicState] = field(default_factory=dict)
    by_name: Mapping[str, TopicState] = field(default_factory=dict)

    def topic(self, name: str) -> TopicState:
        state = self.by_name.get(name)
        if state is None:
            raise UnknownTopic(name, self.by_name)
        return state

    def with_changes(self, changed: Iterable[TopicState]) -> Snapshot:
        by_id = dict(self.by_id)
        for state in changed:
            # Two threads may bring the news in either order; the later change is the true one.
            if state.id not in by_id or by_id[state.id].last < state.last:
                by_id[state.id] = state
        by_name = {state.name: state for state in by_id.values() if state.name is not None}
        head = max((state.last for state in by_id.values()), default=0)
        return Snapshot(head, by_id, by_name)


class Directory:
    """The newest snapshot of this process. Any thread may bring news."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.snapshot = Snapshot()

    def learn(self, changed: Iterable[TopicState]) -> Snapshot:
        changed = list(changed)
        if changed:
            with self._lock:
                self.snapshot = self.snapshot.with_changes(changed)
        return self.snapshot
