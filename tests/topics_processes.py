"""Small programs that other processes run on a topic log: `python tests/topics_processes.py NAME PATH ...`.

pairs      commits pairs of records to two topics with the group's offset, until it is killed
writer     appends numbered records to one topic, and ends
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from topics_helpers import batch

from penstock.topics.sqlite import SqliteLog


def start(program: str, path: Path, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, program, str(path), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def pairs(path: str) -> None:
    """Go on from the group's offset, so that every start continues what the killed one left."""
    log = SqliteLog(path)
    producer = log.producer("pairs")
    number = log.committed("g").get(("left", 0), 0)
    while True:
        with producer.begin() as transaction:
            transaction.append(batch("left", b"%d" % number, partitions=[0]))
            transaction.append(batch("right", *[b"%d" % number] * 200, keys=[b"%d" % k for k in range(200)]))
            number += 1
            transaction.commit_offsets("g", {("left", 0): number})
        print(number, flush=True)


def writer(path: str, name: str, count: str) -> None:
    log = SqliteLog(path, synchronous="NORMAL")
    for number in range(int(count)):
        log.append(batch("t", f"{name} {number}".encode(), keys=[name.encode()]))
    log.close()


PROGRAMS: Mapping[str, Callable[..., None]] = {"pairs": pairs, "writer": writer}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
