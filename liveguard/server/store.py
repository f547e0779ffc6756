"""What is kept of sessions: when they were, the alerts raised in them, and what people said about those alerts.

No names, pictures or sounds: a participant is whatever label the caller chose.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

from sqlalchemy import ColumnElement, Select, case, delete, not_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from liveguard.errors import InputError, LiveguardError, SinkError
from liveguard.server.database import Database, StoreError
from liveguard.server.tables import (
    ALERTS,
    ID_LENGTH,
    NAME_LENGTH,
    NOTE_LENGTH,
    SESSIONS,
    WORD_LENGTH,
    alert_dict,
    alert_row,
    cut,
    session_dict,
)
from liveguard.types import Alert, Event
from liveguard.utc import iso, unix_us
from liveguard.wire import WireError
from liveguard.words import plain

MOST_ROWS: Final = 1000
MOST_UNSTORED: Final = 1000

Verdict: TypeAlias = Literal["false_alarm", "real"]

_TOLD_BY_RAISE = (
    "raise_told", "t_us", "risk", "evidence_nats", "threshold_nats", "lag_us", "settle", "readings", "simulation",
)  # fmt: skip


class UnknownAlert(LiveguardError):  # noqa: N818 (the API answers 404, nothing is broken)
    """There is no alert with this id, or it was pruned."""


class Store:
    """Sessions, alerts and feedback in the database at `where`: a file, `sqlite://` (in memory) or a PostgreSQL URL.

    Any thread may call anything; what a method has written is durable when it returns. Raises StoreError where the
    database fails, and ConfigError at once where it cannot be used. Times are aware datetimes, in the results ISO 8601.
    """

    def __init__(self, where: str | Path) -> None:
        self._database = Database(where)
        self._insert = (postgresql if self._database.dialect == "postgresql" else sqlite).insert

    @property
    def database(self) -> Database:
        """The database, for other tables to lie in; `close` closes it."""
        return self._database

    def close(self) -> None:
        """Close the database. May be called again."""
        self._database.close()

    # --- sessions ---------------------------------------------------------------------------------------------------

    def open_session(self, session: str, participant: str, kind: str, started_at: datetime) -> None:
        """Note that a session began; one that is known goes on, and is open again."""
        new = self._insert(SESSIONS).values(
            id=_id(session),
            participant=plain(participant, NAME_LENGTH),
            kind=plain(kind, WORD_LENGTH),
            started_us=unix_us(started_at),
        )
        with self._database.transaction() as connection:
            connection.execute(new.on_conflict_do_update(index_elements=[SESSIONS.c.id], set_={"ended_us": None}))

    def end_session(self, session: str, ended_at: datetime) -> None:
        """Note that a session ended; nothing happens where it is not known or has ended already."""
        self._end(SESSIONS.c.id == session, ended_at)

    def end_open_sessions(self, at: datetime) -> int:
        """End what a crash has left open, for when a server starts; returns how many there were. Alerts stay."""
        return self._end(SESSIONS.c.ended_us.is_(None), at)

    def session(self, session: str) -> dict[str, Any] | None:
        """What is stored of one SESSION of the API; None if it is not known."""
        with self._database.transaction() as connection:
            row = connection.execute(select(SESSIONS).where(SESSIONS.c.id == session)).first()
        return None if row is None else session_dict(row)

    def sessions(self, limit: int = 200) -> list[dict[str, Any]]:
        """The stored part of each SESSION of the API, newest first, at most 1000."""
        query = select(SESSIONS).order_by(SESSIONS.c.started_us.desc(), SESSIONS.c.id).limit(_rows(limit))
        with self._database.transaction() as connection:
            return [session_dict(row) for row in connection.execute(query)]

    def _end(self, which: ColumnElement[bool], at: datetime) -> int:
        ended_us = unix_us(at)
        started_us = SESSIONS.c.started_us
        # Never before it began, even if the clock was set back.
        last_us = case((started_us > ended_us, started_us), else_=ended_us)
        with self._database.transaction() as connection:
            ended = connection.execute(
                update(SESSIONS).where(which, SESSIONS.c.ended_us.is_(None)).values(ended_us=last_us)
            )
            return ended.rowcount

    # --- alerts -----------------------------------------------------------------------------------------------------

    def put_alert(self, session: str, event: Alert, at: datetime, simulation: str | None) -> dict[str, Any]:
        """Store an alert raised or cleared at `at`, and return the ALERT of the API as it now is.

        The first telling of each (id, state) counts, in whatever order they come. Until the raising is told, an alert
        that was cleared stands with the time and figures of its clearing. StoreError where the id is that of another
        alert: ids must be unlike all others.
        """
        _id(event.id)
        row = alert_row(_id(session), event, unix_us(at), simulation)
        new = self._insert(ALERTS).values(row)
        if event.state == "raised":
            told: dict[str, Any] = {name: new.excluded[name] for name in _TOLD_BY_RAISE}
            # A row that lacks the raising has the clearing, and the raising was not after it.
            late = new.excluded.raised_us > ALERTS.c.cleared_us
            told["raised_us"] = case((late, ALERTS.c.cleared_us), else_=new.excluded.raised_us)
            new = new.on_conflict_do_update(
                index_elements=[ALERTS.c.id], set_=told, where=ALERTS.c.raise_told.is_(False)
            )
        else:
            early = new.excluded.cleared_us < ALERTS.c.raised_us
            cleared_us = case((early, ALERTS.c.raised_us), else_=new.excluded.cleared_us)
            new = new.on_conflict_do_update(
                index_elements=[ALERTS.c.id], set_={"cleared_us": cleared_us}, where=ALERTS.c.cleared_us.is_(None)
            )
        same = ("session", "who", "hypothesis") + (("t_us",) if event.state == "raised" else ())
        with self._database.transaction() as connection:
            connection.execute(new)
            stored = connection.execute(_alerts().where(ALERTS.c.id == event.id)).one()
            if any(getattr(stored, name) != row[name] for name in same):  # undoes what was just written
                raise StoreError(f"store {self._database.name}: another alert has the id {plain(event.id, 80)}")
        return alert_dict(stored)

    def alerts(self, session: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """The ALERTs of the API with their feedback, newest first, at most 1000; of one session or of all."""
        query = _alerts().order_by(ALERTS.c.raised_us.desc(), ALERTS.c.seq.desc()).limit(_rows(limit))
        if session is not None:
            query = query.where(ALERTS.c.session == session)
        with self._database.transaction() as connection:
            rows = connection.execute(query).all()
        return [alert_dict(row) for row in rows]

    def feedback(self, alert: str, verdict: Verdict, note: str | None, at: datetime) -> dict[str, Any]:
        """Keep what a person says of an alert, instead of what was said before; UnknownAlert if there is none.

        Returns {"alert", "verdict", "note", "at"}.
        """
        if verdict not in get_args(Verdict):
            raise InputError(f"verdict: one of {', '.join(get_args(Verdict))} is expected")
        said = {"verdict": verdict, "note": cut(note, NOTE_LENGTH), "feedback_us": unix_us(at)}
        with self._database.transaction() as connection:
            known = connection.execute(update(ALERTS).where(ALERTS.c.id == alert).values(said)).rowcount
        if not known:
            raise UnknownAlert("there is no alert with this id")
        return {"alert": alert, "verdict": verdict, "note": said["note"], "at": iso(at)}

    # --- retention --------------------------------------------------------------------------------------------------

    def prune(self, older_than: datetime) -> None:
        """Delete sessions that ended before then, and alerts raised before then, with their feedback.

        Sessions that are open stay, and so does an alert that still stands in one: its clearing is yet to come.
        """
        us = unix_us(older_than)
        with self._database.transaction() as connection:
            running = select(SESSIONS.c.id).where(SESSIONS.c.ended_us.is_(None))
            over = or_(ALERTS.c.cleared_us.is_not(None), not_(ALERTS.c.session.in_(running)))
            connection.execute(delete(ALERTS).where(ALERTS.c.raised_us < us, over))
            connection.execute(delete(SESSIONS).where(SESSIONS.c.ended_us < us))


def _alerts() -> Select[Any]:
    """All alerts, each with the label of its session's participant."""
    return select(ALERTS, SESSIONS.c.participant).outerjoin(SESSIONS, ALERTS.c.session == SESSIONS.c.id)


def _id(text: str) -> str:
    """The id, unless cutting it to its column would make it another one."""
    if not text or plain(text, ID_LENGTH) != text:
        raise StoreError(f"store: an id has 1 to {ID_LENGTH} printable characters")
    return text


def _rows(limit: int) -> int:
    return min(max(limit, 0), MOST_ROWS)


class StoreSink:
    """Stores the alerts of one session; all other events pass it by. `close` leaves the store open.

    `now` is asked when an alert is first told, and that holds however often the store must be tried.
    """

    def __init__(self, store: Store, session: str, now: Callable[[], datetime]) -> None:
        self._store, self._session, self._now = store, session, now
        self._first: dict[tuple[str, str], datetime] = {}

    def store(self, event: Alert) -> dict[str, Any]:
        """Store an alert, and return the ALERT of the API as it now is; StoreError if it is not stored."""
        key = event.id, event.state
        if key not in self._first:
            self._first[key] = self._now()
            if len(self._first) > MOST_UNSTORED:
                del self._first[next(iter(self._first))]
        simulation = None if event.origin is None else event.origin.simulation
        stored = self._store.put_alert(self._session, event, self._first[key], simulation)
        del self._first[key]
        return stored

    def send(self, event: Event) -> None:
        """`store` for alerts; SinkError if one is not stored, so that it is told again."""
        if isinstance(event, Alert):
            try:
                self.store(event)
            except (StoreError, WireError) as error:
                raise SinkError(str(error)) from error

    def close(self) -> None:
        """Nothing to close: the store belongs to the server."""
