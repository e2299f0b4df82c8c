"""Connections to the file: one writes, a few read, one watches; and SQLite's failures in plain sentences.

In:  statements of sqlite.py. Out: the same on the right connection, exclusive where asked for.

One thread of this process writes at a time, and among processes SQLite's own lock decides. We ask for that
lock ourselves every few milliseconds: SQLite's way of waiting grows to 100 ms and starves the patient.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from penstock.errors import LogError, LogUnavailable
from penstock.topics.sqlite_schema import WAL_KEPT_BYTES, prepare_file

RETRY_S_MIN, RETRY_S_MAX = 0.0005, 0.005
# Readers that were needed at once stay open for the next; more than this are closed again.
IDLE_READERS_MAX = 8

SENTENCES: Mapping[int, str] = {
    sqlite3.SQLITE_FULL: "The disk of {path} is full, so nothing of the last change was kept. Free some "
    "space (shorter retention.ms helps once there is room again) and go on; the log itself is sound.",
    sqlite3.SQLITE_READONLY: "{path} can't be written: the file or its folder is read-only. Give this user "
    "the right to write there, or choose another path for the log.",
    sqlite3.SQLITE_CANTOPEN: "{path} can't be opened. Check that its folder exists and that this user may "
    "write there, or choose another path for the log.",
    sqlite3.SQLITE_PERM: "{path} can't be opened: not allowed. Change its rights or choose another path.",
    sqlite3.SQLITE_NOTADB: "{path} is not a topic log: it is not a SQLite file, and was left as it is. "
    "Choose another path, or move the file away.",
    sqlite3.SQLITE_CORRUPT: "{path} is damaged ({reason}). Stop all processes that use it, then restore a "
    "copy, or save what can be read with `sqlite3 {path} .recover`.",
    sqlite3.SQLITE_BUSY: "{path} was locked by another process for more than {busy_s:g} s. Find what holds "
    "it (a backup, a debugger, an open sqlite3 shell) and try again.",
    sqlite3.SQLITE_LOCKED: "{path} was locked by another connection. Try again.",
    sqlite3.SQLITE_IOERR: "Reading or writing {path} failed ({reason}). Nothing of the last change was kept. "
    "Check the disk and its free space, then start again.",
    sqlite3.SQLITE_TOOBIG: "A batch is too large for {path}: SQLite takes 1 GB. Append smaller ones.",
}
OTHERWISE = "SQLite failed on {path}: {reason}."

SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")


class SqliteFile:
    def __init__(self, path: Path, synchronous: str, busy_s: float) -> None:
        self.path = path
        self._busy_s = busy_s
        self._synchronous = synchronous
        self._closed = False
        self._process = os.getpid()
        self._readers: deque[sqlite3.Connection] = deque()
        self._write_lock = threading.Lock()
        self._watch_lock = threading.Lock()
        with self._failures():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._open()
            self._retry(lambda: prepare_file(self._writer, path))
            self._set_up(self._writer)
            self._watcher = self._connect()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """The one writing connection, in an exclusive transaction that commits when the block ends well."""
        with self._write_lock, self._failures():
            self._check_usable()
            self._retry(lambda: self._writer.execute("BEGIN IMMEDIATE"))
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                # SQLite rolls back by itself after some failures.
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection nobody else uses meanwhile."""
        with self._failures():
            self._check_usable()
            try:
                db = self._readers.pop()
            except IndexError:
                db = self._connect()
            try:
                yield db
            finally:
                if self._closed or len(self._readers) >= IDLE_READERS_MAX:
                    db.close()
                else:
                    self._readers.append(db)

    @contextmanager
    def watch(self) -> Iterator[sqlite3.Connection]:
        """The connection whose data_version tells of commits by all others, this process's too."""
        with self._watch_lock, self._failures():
            self._check_usable()
            yield self._watcher

    def close(self) -> None:
        """Wait for a running write, then let go of the file; the last process to close tidies it up."""
        with self._write_lock, self._watch_lock:
            if self._closed:
                return
            self._closed = True
            # A fork's copies are not ours to close: that would drop the parent's locks.
            if self._process != os.getpid():
                return
            while self._readers:
                self._readers.pop().close()
            self._watcher.close()
            self._writer.close()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=0.0, isolation_level=None, check_same_thread=False)

    def _set_up(self, db: sqlite3.Connection) -> None:
        db.execute(f"PRAGMA synchronous={self._synchronous}")
        db.execute(f"PRAGMA journal_size_limit={WAL_KEPT_BYTES}")

    def _connect(self) -> sqlite3.Connection:
        """A connection that only reads; it waits only while another process opens, closes or recovers."""
        db = self._open()
        db.execute(f"PRAGMA busy_timeout={int(self._busy_s * 1000)}")
        db.execute("PRAGMA query_only=1")
        return db

    def _retry(self, attempt: Callable[[], object]) -> None:
        """Try until the lock is free, with some chance in the pauses so that two don't collide forever."""
        deadline = time.monotonic() + self._busy_s
        pause_s = RETRY_S_MIN
        while True:
            try:
                attempt()
                return
            except sqlite3.OperationalError as error:
                if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(pause_s * (0.5 + random.random()))
            pause_s = min(pause_s * 2, RETRY_S_MAX)

    def _check_usable(self) -> None:
        if self._closed:
            raise LogError(f"The log {self.path} is closed. Open it again with open_log().")
        if self._process != os.getpid():
            raise LogError(f"The log {self.path} was opened before this process was forked. Open it anew.")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Translate SQLite's failures where we call it."""
        try:
            yield
        except sqlite3.Error as error:
            if self._closed:
                raise LogError(f"The log {self.path} was closed meanwhile.") from error
            sentence = SENTENCES.get(primary_code(error), OTHERWISE)
            raise LogUnavailable(
                sentence.format(path=self.path, reason=error, busy_s=self._busy_s)
            ) from error
        except OSError as error:
            raise LogUnavailable(
                SENTENCES[sqlite3.SQLITE_CANTOPEN].format(path=self.path) + f" ({error})"
            ) from error

    def __del__(self) -> None:
        with suppress(Exception):
            self.close()


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's result code without its extension; 0 for errors of the Python module itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
