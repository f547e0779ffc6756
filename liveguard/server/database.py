"""The open database of the store: transactions, the version of its tables, and errors in plain words."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, MetaData, func, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.schema import CreateColumn

from liveguard.errors import ConfigError, LiveguardError
from liveguard.server.engines import name_of, open_engine, place, secrets_of
from liveguard.server.tables import METADATA, SCHEMA_VERSION, VERSIONS
from liveguard.words import plain

_SCHEMA_LOCK: Final = 0x6C697665  # any number; two servers that start at once must not both make the tables


class StoreError(LiveguardError):
    """The database could not be opened, read or written."""


class Database:
    """An open database with its tables. Any thread may call anything; `name` holds no secret.

    Raises ConfigError for a URL or schema that is not known and for a missing driver, StoreError for the rest.
    """

    def __init__(self, where: str | Path) -> None:
        url = place(where)
        self._secrets = secrets_of(url)
        self._closed = False
        self.name = name_of(url)
        with self._errors():
            self._engine = open_engine(url)
        # One SQLite connection for all threads: it writes one transaction after the other anyway.
        self._lock = threading.Lock() if self.dialect == "sqlite" else nullcontext()
        try:
            self._prepare()
        except BaseException:
            self._engine.dispose()
            raise

    @property
    def dialect(self) -> str:
        return self._engine.dialect.name

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection on which all or nothing happens; what was done is durable once the block is left."""
        with self._lock, self._errors():
            if self._closed:
                raise StoreError(f"store {self.name}: it was closed")
            with self._engine.begin() as connection:
                yield connection

    def add_tables(self, tables: MetaData) -> None:
        """Make those of these tables, and of their columns, that are not there yet, beside the store's own. A column that an
        older version did not have is empty in its rows."""
        with self.transaction() as connection:
            self._make_alone(connection)
            _add(connection, tables)

    def scrub(self) -> None:
        """Let nothing of what was deleted stay in the log of an SQLite file. Raises StoreError where somebody reads it."""
        if self.dialect != "sqlite":
            return
        # Free pages are overwritten (secure_delete), but the log has copies of them from before.
        with self._lock, self._errors(), closing(self._engine.raw_connection()) as connection:
            busy = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise StoreError(
                f"store {self.name}: it was deleted, but copies stay in the log (-wal) while another program reads it: "
                "do it again later"
            )

    def close(self) -> None:
        """Close all connections. May be called again."""
        with self._lock, self._errors():
            self._closed = True
            self._engine.dispose()

    def _prepare(self) -> None:
        with self.transaction() as connection:
            self._make_alone(connection)
            if not inspect(connection).has_table(VERSIONS.name):
                VERSIONS.create(connection)
                connection.execute(insert(VERSIONS).values(version=SCHEMA_VERSION))
            found = list(connection.scalars(select(VERSIONS.c.version)))
            if found != [SCHEMA_VERSION]:
                was = ", ".join(map(str, found)) or "none"
                raise ConfigError(
                    f"store {self.name}: its tables have version {was}, and only {SCHEMA_VERSION} is known: "
                    "use another database, or the version of liveguard that made it"
                )
            _add(connection, METADATA)

    def _make_alone(self, connection: Connection) -> None:
        """Until the transaction ends, no other one makes tables."""
        if self.dialect == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK)))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, OSError, OverflowError) as error:
            raise StoreError(f"store {self.name}: {self._plainly(error)}") from error

    def _plainly(self, error: Exception) -> str:
        """What the driver says, in one line. SQLAlchemy would add the statement, and PostgreSQL the values below."""
        origin = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        if isinstance(origin, OSError) and origin.strerror:
            return origin.strerror
        if isinstance(origin, PoolTimeout):
            return "no connection became free in time"
        if isinstance(origin, SQLAlchemyError):  # its own words are about code
            return type(origin).__name__
        lines = str(origin).strip().splitlines() or [type(origin).__name__]
        said = lines[0]
        for secret in self._secrets:
            said = said.replace(secret, "***")
        return plain(said)


def _add(connection: Connection, tables: MetaData) -> None:
    """Make what is not there yet of these tables and their columns."""
    tables.create_all(connection)
    for table in tables.sorted_tables:
        there = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                made = CreateColumn(column).compile(dialect=connection.dialect)
                connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {made}"))
