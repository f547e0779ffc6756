"""What is stored of proofs, to be read, and to be forgotten."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, select, update
from sqlalchemy.dialects import postgresql, sqlite

from liveguard.errors import ConfigError
from liveguard.kyc.errors import UnknownProof
from liveguard.kyc.tables import (
    KEPT_WHEN_ERASED,
    METADATA,
    OLDER_VERSIONS,
    PROOFS,
    PROOFS_VERSION,
    SETTINGS,
    Proof,
    proof_of,
)
from liveguard.server.database import Database
from liveguard.utc import unix_us

MOST_ROWS: Final = 1000
_NOTHING: Final[dict[str, Any]] = {
    **{column.name: None for column in PROOFS.c if column.name not in KEPT_WHEN_ERASED},
    "wrong_tokens": 0,
    "state": "erased",
}


class ProofArchive:
    """Proofs in the store's database, in tables of their own. The database remains the caller's to close.

    Any thread may call anything; what a method has written is durable when it returns. Times are aware datetimes. Raises
    StoreError where the database fails.

    What is erased is overwritten in an SQLite file and goes out of its log at once. PostgreSQL keeps the old row until it
    vacuums, and its log and backups as long as they are set to be kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        database.add_tables(METADATA)
        version = self._setting("version", PROOFS_VERSION)
        if version in OLDER_VERSIONS:  # which lack columns that `add_tables` has added
            with database.transaction() as connection:
                named = update(SETTINGS).where(SETTINGS.c.name == "version")
                connection.execute(named.values(value=PROOFS_VERSION))
        elif version != PROOFS_VERSION:
            raise ConfigError(
                f"store {database.name}: its proofs are of a version that is not known: use another database, "
                "or the version of liveguard that made it"
            )
        self._salt = bytes.fromhex(self._setting("salt", secrets.token_hex(32)))

    # --- reading ----------------------------------------------------------------------------------------------------

    def proof(self, proof: str) -> Proof | None:
        """One proof; None if it is not known. An erased one is known, and empty."""
        with self._database.transaction() as connection:
            row = connection.execute(select(PROOFS).where(PROOFS.c.id == proof)).first()
        return None if row is None else proof_of(row)

    def untold(self, limit: int = MOST_ROWS) -> list[Proof]:
        """The finished proofs whose result the webhook was to be given and has not been, oldest first."""
        due = and_(PROOFS.c.state == "done", PROOFS.c.notify.is_(True), PROOFS.c.told_us.is_(None))
        with self._database.transaction() as connection:
            rows = connection.execute(select(PROOFS).where(due).order_by(PROOFS.c.ended_us).limit(limit)).all()
        return [proof_of(row) for row in rows]

    def told(self, proof: str, now: datetime) -> bool:
        """Note that the result was stored for delivery; False for one that was erased meanwhile, and stays as it is."""
        here = and_(PROOFS.c.id == proof, PROOFS.c.state == "done")
        with self._database.transaction() as connection:
            return connection.execute(update(PROOFS).where(here).values(told_us=unix_us(now))).rowcount == 1

    # --- forgetting -------------------------------------------------------------------------------------------------

    def erase(self, proof: str, now: datetime) -> bool:
        """Forget all of a proof but its id and times; False if that was done before. Raises UnknownProof.

        A proof that is going on ends by it. A failure that is forgotten does not count for a lock-out any more.
        """
        self._known(proof)
        return self._erase(PROOFS.c.id == proof, now) == [proof]

    def erase_subject(self, subject: str, now: datetime) -> list[str]:
        """Forget all proofs of a subject; returns their ids."""
        return self._erase(PROOFS.c.subject_hash == self._subject_hash(subject), now)

    def prune(self, now: datetime) -> list[str]:
        """Erase the proofs that ended more than their policy's `keep_days` ago; returns their ids.

        None goes before the lock-out that it may lead to is over: 18 minutes, as a policy is where nobody sets it.
        """
        return self._erase(PROOFS.c.erase_us <= unix_us(now), now)

    def _erase(self, which: ColumnElement[bool], now: datetime) -> list[str]:
        ended_us = case((PROOFS.c.ended_us.is_(None), unix_us(now)), else_=PROOFS.c.ended_us)
        kept = and_(which, PROOFS.c.state != "erased")
        gone = update(PROOFS).where(kept).values({**_NOTHING, "ended_us": ended_us})
        with self._database.transaction() as connection:
            erased = list(connection.scalars(select(PROOFS.c.id).where(kept).with_for_update()))
            connection.execute(gone)
        self._database.scrub()  # also where there was nothing to erase: the last time it may have failed
        return erased

    # --- parts ------------------------------------------------------------------------------------------------------

    def _known(self, proof: str) -> Proof:
        stored = self.proof(proof)
        if stored is None:
            raise UnknownProof("there is no proof with this id")
        return stored

    def _subject_hash(self, subject: str) -> str:
        return hmac.new(self._salt, subject.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def _setting(self, name: str, value: str) -> str:
        """What is stored under this name; `value` is, where nothing was."""
        dialect = postgresql if self._database.dialect == "postgresql" else sqlite
        new = dialect.insert(SETTINGS).values(name=name, value=value).on_conflict_do_nothing()
        with self._database.transaction() as connection:
            connection.execute(new)
            return str(connection.execute(select(SETTINGS.c.value).where(SETTINGS.c.name == name)).scalar_one())
