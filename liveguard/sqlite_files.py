"""What all our SQLite files have in common."""

from __future__ import annotations

import sqlite3
import time


def use_wal(db: sqlite3.Connection, wait_s: float) -> None:
    """Turn the file to write-ahead logging. Raises sqlite3.Error where that cannot be had within `wait_s`."""
    # Two processes that both turn a new file to WAL meet "locked" at once: here SQLite ignores its time-out.
    until_s = time.monotonic() + wait_s
    while True:
        try:
            if db.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",):
                return
            raise sqlite3.NotSupportedError("this file system cannot hold it (no write-ahead logging)")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until_s:  # Python 3.10 has no error codes here
                raise
        time.sleep(0.02)
