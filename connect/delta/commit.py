"""A lake table and its log: rows and offsets become visible in one commit.

In:  Arrow rows, or a merge source, with the next offset of each topic-partition they came from.
Out: one version of the Delta table that holds both: `add` actions and one `txn` action per partition.

    app id  <connector>/<topic>/<partition>      version  the next offset to read

An append writes its own Parquet file and its own log entry, put if absent: the entry is written aside,
fsynced, and linked to the name of the next version; when that name is taken, another writer was faster.
This costs the same for the 10,000th file as for the first, which the library's append does not. A merge is
the library's. Either way another writer of the same offsets is found out: the library's conflict check, or
ours in `_rebase`, and the task starts anew from what the table says.
"""

from __future__ import annotations

import errno
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from connect.delta import files
from connect.errors import Retriable, TaskError
from penstock.clock import Clock

CHECKPOINT_EVERY = 100
TRIES_MAX = 50
PLAIN_WRITER = 2
ENGINE = "penstock"
DELETED = "__deleted"
"""The column of a merge source that tells which rows leave the table."""

SENTENCES: Mapping[int, str] = {
    errno.ENOSPC: "The disk is full",
    errno.EDQUOT: "The disk quota is used up",
    errno.EROFS: "The file system is read-only",
    errno.EACCES: "There is no permission to write",
    errno.EPERM: "There is no permission to write",
    errno.ENOTDIR: "A part of the path is a file, not a folder",
}

NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Failures of the disk and of the library, as sentences that name the table."""
    try:
        yield
    except CommitFailedError as error:
        raise Retriable(f"Another writer changed the table {path} at the same time: {error}") from error
    except OSError as error:
        words = SENTENCES.get(error.errno or 0, str(error))
        raise TaskError(f"{words}: the table {path} can't be written. Correct it, then restart.") from error
    except DeltaError as error:
        raise TaskError(f"The table {path} can't be written: {error}") from error


class LakeTable:
    """One Delta table, kept open by one task. `columns` and partitions don't change while it is open."""

    def __init__(self, path: Path, table: DeltaTable, clock: Clock) -> None:
        self.path, self._table, self._clock = path, table, clock
        self._version = table.version()
        self._known: dict[str, int | None] = {}
        self.partitions: tuple[str, ...] = tuple(table.metadata().partition_columns)
        self.fields: list[dict[str, Any]] = _fields(table)
        self._shape = self._shape_of(table)
        self._own_commits = _plain_writer(table) and _links(path)
        self._empty = not table.get_add_actions().num_rows

    @property
    def fillable(self) -> bool:
        """Whether an upsert may append: there is no row yet that it could have to replace."""
        return self._empty and self._own_commits

    @property
    def version(self) -> int:
        return self._version

    def offset(self, app_id: str) -> int | None:
        """The offset the table holds for one partition, or None."""
        if app_id not in self._known:
            self._known[app_id] = self._table.transaction_version(app_id)
        return self._known[app_id]

    def append(self, rows: pa.Table, offsets: Mapping[str, int]) -> None:
        """Add rows and offsets in one commit. Without rows, only the offsets."""
        with told(self.path):
            if not self._own_commits:
                self._library_append(rows, offsets)
                return
            self._add(rows, offsets, alone=False)

    def fill(self, rows: pa.Table, offsets: Mapping[str, int]) -> None:
        """The first rows of an upsert. Any commit of another writer makes it start anew, and then merge."""
        with told(self.path):
            self._add(rows, offsets, alone=True)

    def _add(self, rows: pa.Table, offsets: Mapping[str, int], alone: bool) -> None:
        adds = files.write(self.path, rows, self.partitions, self._clock()) if rows.num_rows else []
        self._commit([{"add": add} for add in adds], offsets, alone)
        self._empty = self._empty and not adds

    def merge(self, source: pa.Table, keys: Sequence[str], offsets: Mapping[str, int]) -> None:
        """Update, insert and (where DELETED is true) delete by key, with the offsets, in one commit."""
        with told(self.path):
            # The library stores a lower offset over a higher one without a word, so this is compared here.
            self._rebase(offsets)
            version = self._version
            self._merge(source, keys, offsets)
            self._version = self._table.version()
            if self._version > version:
                self._known.update(offsets)
                return
        # Nothing matched and nothing was inserted: the library makes no commit, but the offsets need one.
        self.append(source.slice(0, 0), offsets)

    def _merge(self, source: pa.Table, keys: Sequence[str], offsets: Mapping[str, int]) -> None:
        merger = self._table.merge(
            source,
            " AND ".join(f"t.{quoted(key)} = s.{quoted(key)}" for key in keys),
            source_alias="s",
            target_alias="t",
            streamed_exec=False,  # only so are files outside of the source's key range left alone
            commit_properties=self._properties(offsets),
        )
        if DELETED not in source.column_names:
            merger.when_matched_update_all().when_not_matched_insert_all().execute()
            return
        stays = f"NOT s.{DELETED}"
        merger = merger.when_matched_delete(predicate=f"s.{DELETED}")
        merger = merger.when_matched_update_all(predicate=stays, except_cols=[DELETED])
        merger.when_not_matched_insert_all(predicate=stays, except_cols=[DELETED]).execute()

    def _library_append(self, rows: pa.Table, offsets: Mapping[str, int]) -> None:
        """For tables with constraints, generated columns, change data: the library knows their rules."""
        self._rebase(offsets)
        write_deltalake(self._table, rows, mode="append", commit_properties=self._properties(offsets))
        self._refresh()
        self._known.update(offsets)
        self._empty = self._empty and not rows.num_rows

    def _properties(self, offsets: Mapping[str, int]) -> CommitProperties:
        now = self._clock()
        return CommitProperties(
            app_transactions=[Transaction(app, version, now) for app, version in offsets.items()]
        )

    # Our own commits.

    def _commit(self, actions: Sequence[Mapping[str, Any]], offsets: Mapping[str, int], alone: bool) -> None:
        body = self._entry(actions, offsets)
        for _ in range(TRIES_MAX):
            if put_if_absent(self.path / "_delta_log", self._version + 1, body):
                self._version += 1
                self._known.update(offsets)
                self._checkpoint_when_due()
                return
            if alone:
                break
            self._rebase(offsets)
        raise Retriable(f"Other commits came first in the table {self.path}.")

    def _entry(self, actions: Sequence[Mapping[str, Any]], offsets: Mapping[str, int]) -> bytes:
        now = self._clock()
        info = {
            "timestamp": now,
            "operation": "STREAMING UPDATE",
            "operationParameters": {"outputMode": "Append"},
            "isBlindAppend": True,
            "engineInfo": ENGINE,
        }
        txns = [
            {"txn": {"appId": app, "version": version, "lastUpdated": now}}
            for app, version in offsets.items()
        ]
        lines = [{"commitInfo": info}, *txns, *actions]
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()

    def _rebase(self, offsets: Mapping[str, int]) -> None:
        """Take in what another writer committed; refuse to go on when it concerns our offsets or columns."""
        known = {app: self.offset(app) for app in offsets}
        self._refresh()
        for app, before in known.items():
            if self._table.transaction_version(app) != before:
                raise Retriable(f"Another worker lands {app} in the table {self.path}.")
        if self._shape_of(self._table) != self._shape:
            raise Retriable(f"The columns of the table {self.path} were changed by another writer.")

    def _refresh(self) -> None:
        self._table.update_incremental()
        self._version = self._table.version()

    def _checkpoint_when_due(self) -> None:
        if self._version % CHECKPOINT_EVERY == 0:
            self._refresh()
            self._table.create_checkpoint()

    @staticmethod
    def _shape_of(table: DeltaTable) -> tuple[str, ...]:
        protocol = table.protocol()
        return (
            json.dumps(_fields(table)),
            json.dumps(table.metadata().partition_columns),
            f"{protocol.min_reader_version} {protocol.min_writer_version}",
        )


def put_if_absent(log: Path, version: int, body: bytes) -> bool:
    """Make `body` the entry of this version, whole and durable. False when there is one already."""
    aside = log / f"_commit_{uuid.uuid4()}.json.tmp"
    try:
        with aside.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, log / f"{version:020}.json")
    except FileExistsError:
        return False
    finally:
        aside.unlink(missing_ok=True)
    files.sync_folder(log)
    return True


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _fields(table: DeltaTable) -> list[dict[str, Any]]:
    fields: list[dict[str, Any]] = json.loads(table.schema().to_json())["fields"]
    return fields


def _plain_writer(table: DeltaTable) -> bool:
    """Whether an append to this table is no more than files and a log entry."""
    invariants = any("delta.invariants" in (field.get("metadata") or {}) for field in _fields(table))
    return table.protocol().min_writer_version <= PLAIN_WRITER and not invariants


def _links(path: Path) -> bool:
    """Whether the file system can link a file to a name unless it is taken; some network drives can't."""
    probe, name = (path / "_delta_log" / f"_probe_{uuid.uuid4()}{end}.tmp" for end in ("", "_link"))
    try:
        probe.touch()
        os.link(probe, name)
    except OSError as error:
        if error.errno in NO_LINKS:
            return False
        raise
    finally:
        probe.unlink(missing_ok=True)
        name.unlink(missing_ok=True)
    return True


def existing(path: Path, clock: Clock) -> LakeTable | None:
    """The table at this path, or None. A path that something else lives at is refused."""
    with told(path):
        if path.exists() and not path.is_dir():
            raise TaskError(f"{path} is a file; a table needs a folder. Choose another delta.table.path.")
        if not path.is_dir() or not any(path.iterdir()):
            return None
        try:
            return LakeTable(path, DeltaTable(str(path)), clock)
        except TableNotFoundError as error:
            if all(entry.name == "_delta_log" for entry in path.iterdir()):
                return None  # a creation that a kill interrupted
            raise TaskError(
                f"The folder {path} holds other files and no Delta table. Choose another delta.table.path."
            ) from error


def create(path: Path, schema: pa.Schema, partitions: Sequence[str], clock: Clock) -> LakeTable:
    """A new table; or, when another task has just made it, that one."""
    with told(path):
        path.mkdir(parents=True, exist_ok=True)
        try:
            table = DeltaTable.create(str(path), schema=schema, mode="error", partition_by=list(partitions))
        except DeltaError:
            made = existing(path, clock)
            if made is None:
                raise
            return made
        return LakeTable(path, table, clock)


def differences(path: Path, fields: Sequence[Mapping[str, Any]], schema: pa.Schema) -> list[str]:
    """How declared columns differ from those of a table, in words; none when rows may be written."""
    wanted = {
        field["name"]: field["type"]
        for field in json.loads(DeltaSchema.from_arrow(schema).to_json())["fields"]
    }
    found = {field["name"]: field for field in fields}
    said = [f"column {name} is not in the table" for name in wanted.keys() - found.keys()]
    said += [
        f"column {name} is {_told_type(found[name]['type'])} in the table and {_told_type(kind)} here"
        for name, kind in wanted.items()
        if name in found and found[name]["type"] != kind
    ]
    said += [f"column {name} of the table is not declared" for name in found.keys() - wanted.keys()]
    return sorted(said)


def _told_type(kind: Any) -> str:
    return kind if isinstance(kind, str) else json.dumps(kind)
