"""The place of a store, as a path or URL, and the engine for it: how SQLite and PostgreSQL are opened safely."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Engine, StaticPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from liveguard.errors import ConfigError
from liveguard.server.tables import VERSIONS
from liveguard.sqlite_files import use_wal
from liveguard.words import plain

WAIT_S: Final = 5.0  # for another process that is writing, for a connection, for the server to answer
IN_MEMORY: Final = "in memory"
_STATEMENT_MS: Final = 10_000
_ALLOWED = "allowed are a file, sqlite:///FILE, sqlite:// (in memory) and postgresql+psycopg://USER:PASSWORD@HOST/NAME"


def open_engine(url: URL) -> Engine:
    """The engine for a URL of `place`. Raises ConfigError, and what the driver raises."""
    return _postgres(url) if url.get_backend_name() == "postgresql" else _sqlite(url)


# --- where it is ----------------------------------------------------------------------------------------------------


def place(where: str | Path) -> URL:
    """The URL in its one spelling: sqlite with a path or none, or postgresql+psycopg."""
    text = str(where)
    if isinstance(where, Path) or (text and "://" not in text):
        return URL.create("sqlite", database=text)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # Not shown, nor chained: it may hold a password.
        raise ConfigError(f"store: this is no database URL; {_ALLOWED}") from None
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername != "sqlite":
        raise ConfigError(f"store: {plain(url.drivername, 40)} is not known; {_ALLOWED}")
    if url.host or url.query:
        raise ConfigError(
            f"store: a sqlite URL has three slashes (four before an absolute path) and no options; {_ALLOWED}"
        )
    return url


def name_of(url: URL) -> str:
    """What to call it in a message: the file, or database and host; never user or password."""
    if url.get_backend_name() == "sqlite":
        return IN_MEMORY if url.database in (None, "", ":memory:") else plain(str(url.database))
    return plain(f"{url.database or 'of the user'} on {url.host or 'this machine'}", 100)


def secrets_of(url: URL) -> tuple[str, ...]:
    """All that must never be said, longest first: one may be part of another."""
    hidden = [url.password] + [value for name, value in url.query.items() if "pass" in name]
    return tuple(sorted({value for value in hidden if isinstance(value, str) and value}, key=len, reverse=True))


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


def _postgres(url: URL) -> Engine:
    bounds = {
        "connect_timeout": int(WAIT_S),
        "tcp_user_timeout": int(WAIT_S * 1000),
        "application_name": "liveguard",
    }
    given = {name: value for name, value in bounds.items() if name not in url.query}
    try:
        engine = create_engine(url, connect_args=given, pool_pre_ping=True, pool_timeout=WAIT_S, hide_parameters=True)
    except ImportError as error:
        raise ConfigError('store: PostgreSQL needs a driver: pip install "psycopg[binary]"') from error

    @event.listens_for(engine, "begin")
    def _bound(connection: Connection) -> None:
        # For this transaction only: behind a pooler the connection is shared with others.
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {_STATEMENT_MS}")

    return engine


# --- SQLite ---------------------------------------------------------------------------------------------------------


def _sqlite(url: URL) -> Engine:
    path = None if name_of(url) == "in memory" else Path(str(url.database))
    if path is not None:
        # It says who was suspected of what: for its owner only. SQLite's side files inherit the mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    db = sqlite3.connect(path or ":memory:", timeout=WAIT_S, isolation_level=None, check_same_thread=False)
    try:
        _refuse_foreign(db, name_of(url))
        if path is not None:
            use_wal(db, WAIT_S)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")  # what was pruned is not left on free pages
    except BaseException:
        db.close()
        raise
    engine = create_engine("sqlite://", creator=lambda: db, poolclass=StaticPool, hide_parameters=True)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # The write lock is taken before anything is read, so that no other process changes it in between.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _refuse_foreign(db: sqlite3.Connection, name: str) -> None:
    """ConfigError for somebody else's database, before anything in it is changed."""
    with closing(db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")) as rows:
        tables = {table for (table,) in rows}
    if tables and VERSIONS.name not in tables:
        raise ConfigError(f"store {name}: this SQLite file belongs to another program; name a new file")
