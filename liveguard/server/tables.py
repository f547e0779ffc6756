"""The tables of the store, and how events become rows and rows become what the API says.

Times are integer microseconds of Unix time in the tables, aware datetimes on the way in and ISO 8601 on the way out. All
text that comes in is cut to its column and put on one line without control characters, which databases refuse.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, MetaData, Row, String, Table, Text

from liveguard import wire
from liveguard.types import Alert, Reading
from liveguard.utc import at_of, iso
from liveguard.words import plain

SCHEMA_VERSION: Final = 1
ID_LENGTH: Final = 128
NAME_LENGTH: Final = 64
WORD_LENGTH: Final = 32
SENTENCE_LENGTH: Final = 300
NOTE_LENGTH: Final = 500
MOST_READINGS: Final = 16
MOST_MEASURES: Final = 64

METADATA = MetaData()
VERSIONS = Table("liveguard_schema", METADATA, Column("version", Integer, nullable=False))
SESSIONS = Table(
    "liveguard_sessions",
    METADATA,
    Column("id", String(ID_LENGTH), primary_key=True),
    Column("participant", String(NAME_LENGTH), nullable=False),
    Column("kind", String(WORD_LENGTH), nullable=False),
    Column("started_us", BigInteger, nullable=False, index=True),
    Column("ended_us", BigInteger, index=True),
)
ALERTS = Table(
    "liveguard_alerts",
    METADATA,
    # SQLite counts up by itself only where the type is INTEGER.
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(ID_LENGTH), nullable=False, unique=True),
    # No foreign key: an alert must be stored even if its session could not be.
    Column("session", String(ID_LENGTH), nullable=False, index=True),
    Column("who", String(NAME_LENGTH), nullable=False),
    Column("hypothesis", String(WORD_LENGTH), nullable=False),
    Column("raised_us", BigInteger, nullable=False, index=True),
    # False as long as only the clearing has been told; the other columns then hold what that said.
    Column("raise_told", Boolean, nullable=False),
    Column("cleared_us", BigInteger),
    Column("t_us", BigInteger, nullable=False),
    Column("risk", Float),
    Column("evidence_nats", Float),
    Column("threshold_nats", Float),
    Column("lag_us", BigInteger, nullable=False),
    Column("settle", String(SENTENCE_LENGTH), nullable=False),
    Column("readings", Text, nullable=False),
    Column("simulation", String(WORD_LENGTH)),
    Column("verdict", String(WORD_LENGTH)),
    Column("note", String(NOTE_LENGTH)),
    Column("feedback_us", BigInteger),
)


def cut(text: str | None, length: int) -> str | None:
    """The text as a column of that length takes it."""
    return None if text is None else plain(text, length)


def alert_row(session: str, event: Alert, at_us: int, simulation: str | None) -> dict[str, Any]:
    """The row that this event makes where it is the first to tell of its alert."""
    told = wire.to_dict(replace(event, readings=()))
    return {
        "id": event.id,
        "session": session,
        "who": plain(event.participant, NAME_LENGTH),
        "hypothesis": plain(event.hypothesis, WORD_LENGTH),
        "raised_us": at_us,
        "raise_told": event.state == "raised",
        "cleared_us": None if event.state == "raised" else at_us,
        "simulation": cut(simulation, WORD_LENGTH),
        "settle": plain(event.settle, SENTENCE_LENGTH),
        "readings": _readings_json(event.readings),
        **{name: told[name] for name in ("t_us", "risk", "evidence_nats", "threshold_nats", "lag_us")},
    }


def alert_dict(row: Row[Any]) -> dict[str, Any]:
    """An ALERT of the API; `row` has the columns of ALERTS and `participant`, None where the session is not known."""
    feedback = None
    if row.verdict is not None:
        feedback = {"verdict": row.verdict, "note": row.note, "at": iso(at_of(row.feedback_us))}
    return {
        "id": row.id,
        "session": row.session,
        "participant": row.participant or "",
        "who": row.who,
        "hypothesis": row.hypothesis,
        "raised_at": iso(at_of(row.raised_us)),
        "cleared_at": None if row.cleared_us is None else iso(at_of(row.cleared_us)),
        "t_s": row.t_us / 1e6,
        "risk": row.risk,
        "evidence_nats": row.evidence_nats,
        "threshold_nats": row.threshold_nats,
        "lag_s": row.lag_us / 1e6,
        "settle": row.settle,
        "readings": json.loads(row.readings),
        "simulation": row.simulation,
        "feedback": feedback,
    }


def session_dict(row: Row[Any]) -> dict[str, Any]:
    """What is stored of a SESSION of the API."""
    return {
        "id": row.id,
        "participant": row.participant,
        "kind": row.kind,
        "started_at": iso(at_of(row.started_us)),
        "ended_at": None if row.ended_us is None else iso(at_of(row.ended_us)),
    }


def _readings_json(readings: Sequence[Reading]) -> str:
    """The readings, the strongest first as they come, as a bounded JSON list."""
    kept = []
    for reading in readings[:MOST_READINGS]:
        # A plug-in's reading may be beyond writing; the alert is stored without it rather than not at all.
        with suppress(wire.WireError):
            kept.append(_bounded(wire.to_dict(reading)))
    return json.dumps(kept, allow_nan=False, separators=(",", ":"))


def _bounded(reading: dict[str, Any]) -> dict[str, Any]:
    measures = list(reading["measures"].items())[:MOST_MEASURES]
    return {
        **reading,
        "detector": plain(reading["detector"], NAME_LENGTH),
        "why": plain(reading["why"], SENTENCE_LENGTH),
        "measures": {plain(name, NAME_LENGTH): value for name, value in measures},
    }
