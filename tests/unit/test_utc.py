"""Times as they are stored, signed and told."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from liveguard import utc

EAST = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("at", "unix_us", "iso"),
    [
        (datetime(1970, 1, 1, tzinfo=timezone.utc), 0, "1970-01-01T00:00:00.000Z"),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, timezone.utc), -1, "1969-12-31T23:59:59.999Z"),
        (datetime(2026, 3, 1, 12, 0, 5, 250_000, timezone.utc), 1_772_366_405_250_000, "2026-03-01T12:00:05.250Z"),
        (datetime(2026, 3, 1, 17, 30, 5, 250_999, EAST), 1_772_366_405_250_999, "2026-03-01T12:00:05.250Z"),
        (
            datetime(9999, 12, 31, 23, 59, 59, 999_999, timezone.utc),
            253_402_300_799_999_999,
            "9999-12-31T23:59:59.999Z",
        ),
    ],
)
def test_a_time_is_stored_and_told_the_same_for_ever(at: datetime, unix_us: int, iso: str) -> None:
    """Reports that were signed, and rows that were written, hold these."""
    assert (utc.unix_us(at), utc.iso(at)) == (unix_us, iso)
    assert utc.at_of(unix_us) == at
    assert utc.at_of(unix_us).tzinfo is timezone.utc


def test_a_time_without_a_zone_is_refused() -> None:
    for tell in (utc.unix_us, utc.iso):
        with pytest.raises(ValueError, match="without a zone"):
            tell(datetime(2026, 3, 1))


def test_now_says_its_zone() -> None:
    assert utc.now().tzinfo is timezone.utc
