"""The file: its tables, its pragmas, and whether it is ours at all.

    topics      one row a topic, the deleted ones too: end offsets, begin offsets, the last change
    chunks      one row a batch; `sequence` orders the batches of all topics
    horizons    when the tombstones of a compacted chunk may go
    offsets     what each group has committed
    producers   the epoch of each transactional id

Few pages are touched by a small commit: the offsets of all partitions lie in their topic's row, and where an
offset stands is found by halving over the end offsets that each chunk carries before its payload.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from penstock.errors import LogUnavailable

APPLICATION_ID = 0x50656E73  # "Pens"
SCHEMA_VERSION = 1
PAGE_BYTES = 32 * 1024
# After a checkpoint the write-ahead log is cut back to this, so that one large commit does not keep the disk.
WAL_KEPT_BYTES = 256 * 1024 * 1024

TABLES = """
CREATE TABLE topics (
    id INTEGER PRIMARY KEY, name TEXT UNIQUE, partitions INTEGER NOT NULL, config TEXT NOT NULL,
    last INTEGER NOT NULL, edits INTEGER NOT NULL, cleaned INTEGER NOT NULL,
    begins BLOB NOT NULL, ends BLOB NOT NULL
);
CREATE TABLE chunks (
    sequence INTEGER PRIMARY KEY, topic INTEGER NOT NULL, version INTEGER NOT NULL, bytes INTEGER NOT NULL,
    timestamp_max INTEGER NOT NULL, ends BLOB NOT NULL, codec INTEGER NOT NULL, payload BLOB NOT NULL
);
CREATE INDEX chunks_of_topic ON chunks (topic);
CREATE TABLE horizons (sequence INTEGER PRIMARY KEY, horizon_ms INTEGER NOT NULL);
CREATE TABLE offsets (
    name TEXT NOT NULL, topic INTEGER NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (name, topic, partition)
) WITHOUT ROWID;
CREATE TABLE producers (id TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
"""


def prepare_file(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables in a new file; refuse a file that is something else."""
    check_ours(db, path)
    db.execute(f"PRAGMA page_size={PAGE_BYTES}")
    mode = db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise LogUnavailable(
            f"{path} can't be written ahead (SQLite says '{mode}'), as on some network drives. "
            "Put the log on a local disk."
        )
    db.execute("BEGIN IMMEDIATE")
    try:
        make_tables(db)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def make_tables(db: sqlite3.Connection) -> None:
    # Another process may have been quicker; under the lock we see what it made.
    if pragma(db, "user_version") == 0:
        for statement in filter(str.strip, TABLES.split(";")):
            db.execute(statement)
        db.execute(f"PRAGMA application_id={APPLICATION_ID}")
        db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def check_ours(db: sqlite3.Connection, path: Path) -> None:
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if not tables:
        return
    if pragma(db, "application_id") != APPLICATION_ID:
        raise LogUnavailable(
            f"{path} is a SQLite file of another program and was left as it is. Choose another path."
        )
    version = pragma(db, "user_version")
    if version > SCHEMA_VERSION:
        raise LogUnavailable(
            f"{path} was written by a newer Penstock (file version {version}, this one reads up to "
            f"{SCHEMA_VERSION}). Install the newer Penstock, or choose another path."
        )


def pragma(db: sqlite3.Connection, name: str) -> int:
    number: int = db.execute(f"PRAGMA {name}").fetchone()[0]
    return number
