"""Times of day: aware datetimes within, microseconds of Unix time in tables, ISO 8601 in UTC for everybody else."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def now() -> datetime:
    return datetime.now(timezone.utc)


def unix_us(at: datetime) -> int:
    """Microseconds of Unix time; ValueError for a time that does not say its zone."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone: an aware datetime is expected")
    return (at - _EPOCH) // timedelta(microseconds=1)


def at_of(unix_time_us: int) -> datetime:
    """The time that `unix_us` made this of, in UTC."""
    return _EPOCH + timedelta(microseconds=unix_time_us)


def iso(at: datetime) -> str:
    """ISO 8601 in UTC to the millisecond, always of the same length, so that it sorts as text; ValueError as `unix_us`."""
    return at_of(unix_us(at)).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
