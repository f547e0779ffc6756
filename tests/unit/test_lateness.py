"""Whether the pictures of a stretch of time came when their stamps say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from liveguard.rtc.lateness import KEPT, Lateness

FPS = 20
START_US, END_US = 5_000_000, 9_000_000  # of what is looked at


def came(late_s: Callable[[float], float], lateness: Lateness | None = None) -> Lateness:
    """10 s of pictures, each so much later than its stamp."""
    lateness = lateness or Lateness()
    for number in range(10 * FPS):
        t_s = number / FPS
        lateness.came(round(t_s * 1e6), round((t_s + late_s(t_s)) * 1e6))
    return lateness


@pytest.mark.parametrize(
    "late_s",
    [
        lambda _: 0.0,
        lambda _: 0.45,  # a long way
        lambda _: -0.9,  # stamped by a first picture that took long
        lambda t_s: -0.6 if t_s < 3 else 0.0,  # sound and picture were aligned anew before
        lambda t_s: 0.2 * (t_s * 7.3 % 1.0),  # a way that is not always the same
        lambda t_s: max(7.6 - t_s, 0.0) if t_s > 7 else 0.0,  # a stall
    ],
)
def test_links_as_they_are(late_s: Callable[[float], float]) -> None:
    assert not came(late_s).late(START_US, END_US)


@pytest.mark.parametrize(
    "late_s",
    [
        lambda _: 0.6,
        lambda t_s: 0.0 if t_s < 5.5 else 1.9,
        lambda t_s: -1.9 if t_s < 5.1 else -1.3,  # ahead of the clock where it begins, and less so then
        lambda t_s: -1.9 if t_s > 8.8 else 0.0,
        lambda t_s: 1.0 if 6 < t_s < 6.5 else 0.0,
    ],
)
def test_pictures_that_come_too_late_for_their_stamps(late_s: Callable[[float], float]) -> None:
    assert came(late_s).late(START_US, END_US)


def test_many_pictures_at_the_end_do_not_hide_those_that_came_late() -> None:
    lateness = came(lambda t_s: 1.9 if t_s < 8 else 0.0)
    for number in range(1000):
        t_us = 8_000_000 + number * 900
        lateness.came(t_us, t_us)
    assert lateness.late(START_US, END_US)


def test_pictures_without_end_afterwards_do_not_push_out_those_that_came_late() -> None:
    lateness = came(lambda _: 1.9)
    for number in range(KEPT):
        t_us = 10_000_000 + number * 2_000
        lateness.came(t_us, t_us)
    assert lateness.late(START_US, END_US)
    assert not lateness.late(t_us - 4_000_000, t_us), "what is known still is not held against anybody"


def test_of_a_minute_at_sixty_pictures_a_second_all_is_known() -> None:
    lateness = Lateness()
    for number in range(60 * 60):
        lateness.came(number * 16_667, number * 16_667)
    assert not lateness.late(2_000_000, 6_000_000)


def test_a_connection_that_is_made_meanwhile_says_nothing_of_what_came_before() -> None:
    lateness = Lateness()
    lateness.connected()
    lateness.came(START_US + 1, START_US + 1)
    assert not lateness.late(START_US, END_US)
    lateness.connected()
    assert not lateness.late(START_US, END_US)
    lateness.came(END_US - 1, END_US - 1)
    assert lateness.late(START_US, END_US)


def test_how_far_stamps_run_ahead() -> None:
    lateness = came(lambda t_s: -t_s / 10)
    assert lateness.ahead_us(0, 5_000_000) == 500_000
    assert came(lambda _: 0.1).ahead_us(0, 5_000_000) == 0
