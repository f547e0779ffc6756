"""Messages that must arrive, kept in a SQLite file until they have: the durable half of every alerting sink.

What `put` has returned for survives kill -9 and power loss (WAL, synchronous=FULL). A message leaves the
state "pending" only when its delivery was confirmed or has failed for good. Each destination is delivered in
order: only its oldest pending message can be claimed, and by one process at a time; one that was put aside keeps its
place but holds back no other while it waits. Times are Unix time in
microseconds and come from the caller; nothing here reads a clock.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from liveguard.errors import ConfigError, SinkError
from liveguard.sqlite_files import use_wal

SCHEMA_VERSION = 1
WAL_WAIT_S = 5.0
MAX_WAIT_US = 3600 * 1_000_000
"""No message waits longer for its next try; a due time farther away means that the clock was set back."""

_SCHEMA = """
CREATE TABLE outbox(
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  destination TEXT NOT NULL,
  key TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  body BLOB NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
  tries INTEGER NOT NULL DEFAULT 0,
  stored_us INTEGER NOT NULL,
  due_us INTEGER NOT NULL,
  done_us INTEGER,
  why TEXT NOT NULL DEFAULT '',
  claimed_by TEXT NOT NULL DEFAULT '',
  claimed_until_us INTEGER NOT NULL DEFAULT 0,
  UNIQUE (destination, key)
);
CREATE INDEX outbox_head ON outbox(destination, state, seq);
CREATE INDEX outbox_done ON outbox(state, done_us);
"""

Put = Literal["stored", "known", "clash"]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A claimed message. `tries` counts this try too; `stored_us` is when `put` took it; `aside`: the others pass it."""

    seq: int
    key: str
    body: bytes
    tries: int
    stored_us: int
    aside: bool


class Outbox:
    """One connection to the file; all its methods may be called from any thread, and raise `SinkError`.

    Several processes may open the same file on the same machine (SQLite's WAL does not work over a network
    share). Do not carry an object across a fork. `max_rows` bounds all rows; delivered ones, kept without
    their body to recognise a repetition, make room first, and when only others are left `put` refuses.
    `max_age_s`: how long delivered and dead rows are kept.
    """

    def __init__(self, path: str | Path, *, max_rows: int = 10_000, max_age_s: float = 7 * 86_400.0) -> None:
        if max_rows < 1 or not max_age_s > 0:
            raise ConfigError("outbox: max_rows and max_age_s must be above 0")
        self._path = Path(path)
        self._max_rows = max_rows
        self._max_age_us = int(max_age_s * 1e6)
        self._owner = uuid.uuid4().hex
        self._lock = threading.Lock()
        with self._errors():
            self._db = _open(self._path)

    def put(self, destination: str, key: str, body: bytes, *, fingerprint: bytes, now_us: int) -> Put:
        """Store a message durably; "known": it is there; "clash": its key is, with another fingerprint."""
        with self._transaction():
            old = self._db.execute(
                "SELECT fingerprint FROM outbox WHERE destination = ? AND key = ?", (destination, key)
            ).fetchone()
            if old is not None:
                return "known" if bytes(old[0]) == fingerprint else "clash"
            self._make_room(now_us)
            self._db.execute(
                "INSERT INTO outbox(destination, key, fingerprint, body, stored_us, due_us) VALUES (?, ?, ?, ?, ?, ?)",
                (destination, key, fingerprint, body, now_us, now_us),
            )
            return "stored"

    def claim(self, destination: str, *, now_us: int, lease_us: int) -> Parcel | int | None:
        """The oldest pending message if it is due and free; else after how many µs to ask again; None: empty.

        What was put aside comes after the others until it is due. Nobody else gets the message for `lease_us`; then it
        counts as abandoned.
        """
        waits = "why != '' AND due_us > ?"
        with self._transaction():
            row = self._db.execute(
                "SELECT seq, key, body, tries, stored_us, why, due_us, claimed_by, claimed_until_us FROM outbox"
                f" WHERE destination = ? AND state = 'pending' ORDER BY {waits}, iif({waits}, due_us, seq) LIMIT 1",
                (destination, now_us, now_us),
            ).fetchone()
            if row is None:
                return None
            seq, key, body, tries, stored_us, why, due_us, holder, until_us = row
            held_us = until_us if holder not in ("", self._owner) else now_us
            wait_us = int(max(due_us, held_us)) - now_us
            if 0 < wait_us <= MAX_WAIT_US:
                return wait_us
            # Counted now, not after the try: a try during which the process dies has been one, too.
            self._db.execute(
                "UPDATE outbox SET tries = tries + 1, claimed_by = ?, claimed_until_us = ? WHERE seq = ?",
                (self._owner, now_us + lease_us, seq),
            )
            return Parcel(seq, key, bytes(body), tries + 1, stored_us, why != "")

    def delivered(self, parcel: Parcel, *, now_us: int) -> None:
        """Mark as arrived, whoever holds the claim by now; its body is forgotten."""
        sql = "UPDATE outbox SET state = 'delivered', done_us = ?, body = x'' WHERE seq = ?"
        with self._transaction():
            self._db.execute(sql, (now_us, parcel.seq))

    def bury(self, parcel: Parcel, why: str, *, now_us: int) -> None:
        """Mark as failed for good; `why` must hold no secret."""
        sql = "UPDATE outbox SET state = 'dead', done_us = ?, why = ? WHERE seq = ? AND state = 'pending'"
        with self._transaction():
            self._db.execute(sql, (now_us, why, parcel.seq))

    def retry(self, parcel: Parcel, *, due_us: int, aside: str = "") -> None:
        """Give the claim back; nobody tries again before `due_us`. `aside`: why it is put aside from now on."""
        sql = (
            "UPDATE outbox SET due_us = ?, why = iif(? = '', why, ?), claimed_by = '', claimed_until_us = 0"
            " WHERE seq = ? AND state = 'pending' AND claimed_by = ?"
        )
        with self._transaction():
            self._db.execute(sql, (due_us, aside, aside, parcel.seq, self._owner))

    def counts(self, destination: str) -> dict[str, int]:
        """How many messages are pending, delivered (and still remembered) and dead."""
        sql = "SELECT state, count(*) FROM outbox WHERE destination = ? GROUP BY state"
        with self._lock, self._errors():
            found = dict(self._db.execute(sql, (destination,)).fetchall())
        return {state: found.get(state, 0) for state in ("pending", "delivered", "dead")}

    def revive(self, destination: str, *, now_us: int) -> int:
        """Make dead messages pending again, for when the other end was put right; returns how many.

        Not those that are older than `max_age_s`.
        """
        sql = (
            "UPDATE outbox SET state = 'pending', tries = 0, why = '', done_us = NULL, due_us = ?, claimed_by = '',"
            " claimed_until_us = 0 WHERE destination = ? AND state = 'dead' AND stored_us > ?"
        )
        with self._transaction():
            return self._db.execute(sql, (now_us, destination, now_us - self._max_age_us)).rowcount

    def forget(self, keys: Sequence[str]) -> None:
        """Delete the messages with these keys of all destinations, in whatever state, and overwrite what they said."""
        with self._transaction():
            self._db.executemany("DELETE FROM outbox WHERE key = ?", [(key,) for key in keys])
        # Free pages are overwritten (secure_delete), but the log has copies of them from before.
        with self._lock, self._errors():
            busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise SinkError(
                f"outbox {self._path.name}: it was deleted, but copies stay in the log (-wal): do it again later"
            )

    def close(self) -> None:
        """Close the file; pending messages stay in it. May be called again."""
        with self._lock, self._errors():
            self._db.close()

    def _make_room(self, now_us: int) -> None:
        self._db.execute("DELETE FROM outbox WHERE state != 'pending' AND done_us < ?", (now_us - self._max_age_us,))
        rows = self._db.execute("SELECT count(*) FROM outbox").fetchone()[0]
        surplus = rows + 1 - self._max_rows
        if surplus <= 0:
            return
        freed = self._db.execute(
            "DELETE FROM outbox WHERE seq IN"
            " (SELECT seq FROM outbox WHERE state = 'delivered' ORDER BY done_us, seq LIMIT ?)",
            (surplus,),
        ).rowcount
        if freed < surplus:
            raise SinkError(f"outbox {self._path.name}: full, {rows - freed} messages are not delivered")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, self._errors():
            # IMMEDIATE: the write lock is taken before anything is read, so no other process decides on the
            # same row.
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, OverflowError) as exc:
            raise SinkError(f"outbox {self._path.name}: {exc}") from exc


def _open(path: Path) -> sqlite3.Connection:
    # The messages name participants: nobody else on the machine may read them. SQLite's side files inherit
    # the mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    db = sqlite3.connect(path, timeout=WAL_WAIT_S, isolation_level=None, check_same_thread=False)
    try:
        use_wal(db, WAL_WAIT_S)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")
        _create(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _create(db: sqlite3.Connection, path: Path) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            for statement in _SCHEMA.split(";\n"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif version != SCHEMA_VERSION:
            raise SinkError(f"outbox {path.name}: version {version} is not known, only {SCHEMA_VERSION} is")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
