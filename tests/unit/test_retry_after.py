"""Retry-After, as servers spell it and as they should not."""

from __future__ import annotations

import email.utils

import pytest

from liveguard.retry_after import retry_after_s

NOW_S = 1_700_000_000.0


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("999999999999", 999_999_999_999.0),
        (email.utils.formatdate(NOW_S + 20.0, usegmt=True), 20.0),
        (email.utils.formatdate(NOW_S + 20.0), 20.0),  # -0000: UTC, too
        (email.utils.formatdate(NOW_S - 3600.0, usegmt=True), 0.0),
    ],
)
def test_seconds_and_dates_are_understood(header: str, wait_s: float) -> None:
    assert retry_after_s(header, NOW_S) == wait_s


@pytest.mark.parametrize(
    "odd", [None, "", "-5", "soon", "1.5", "²", "\u0667", "9" * 100, "Wed, 99 Foo 2099 99:99:99 GMT"]
)
def test_what_is_odd_asks_for_nothing(odd: str | None) -> None:
    assert retry_after_s(odd, NOW_S) is None
