"""Packets in order of time, however loosely a writer laid them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from liveguard.taps.interleave import MOST_US, by_time

Packet: TypeAlias = tuple[int, int | None, int]  # track, time, size


def order(packets: Sequence[Packet]) -> list[Packet]:
    return list(by_time(packets, 2, lambda p: p[0], lambda p: p[1], lambda p: p[2]))


def lane(track: int, step_us: int, count: int, start_us: int = 0) -> list[Packet]:
    return [(track, start_us + k * step_us, 100) for k in range(count)]


def test_one_track_after_the_other_comes_out_side_by_side() -> None:
    times = [t for _, t, _ in order(lane(0, 40_000, 200) + lane(1, 23_220, 340))]
    assert times == sorted(times)


@given(st.randoms(use_true_random=False))
def test_nothing_is_lost_and_each_track_keeps_its_order(random: object) -> None:
    a, b = lane(0, 40_000, 30), lane(1, 20_000, 60)
    mixed: list[Packet] = []
    while a or b:
        source = a if a and (not b or random.random() < 0.5) else b  # type: ignore[attr-defined]
        mixed.append(source.pop(0))
    out = order(mixed)
    assert [p for p in out if p[0] == 0] == lane(0, 40_000, 30)
    assert [p for p in out if p[0] == 1] == lane(1, 20_000, 60)
    times = [t for _, t, _ in out if t is not None]
    assert times == sorted(times)


def test_a_track_that_ends_early_holds_the_other_back_for_a_while_only() -> None:
    out, held = [], 0
    source = lane(1, 20_000, 10) + lane(0, 40_000, 3000)
    taken = 0

    def feed() -> object:
        nonlocal taken
        for packet in source:
            taken += 1
            yield packet

    for packet in by_time(feed(), 2, lambda p: p[0], lambda p: p[1], lambda p: p[2]):  # type: ignore[arg-type]
        out.append(packet)
        held = max(held, taken - len(out))
    assert len(out) == len(source)
    assert held <= MOST_US // 40_000 + 20


def test_stamps_that_start_again_do_not_reorder_a_track() -> None:
    first = [
        p
        for k in range(100)
        for p in (lane(0, 40_000, 1, 100_000_000 + k * 40_000) + lane(1, 40_000, 1, 100_000_000 + k * 40_000))
    ]
    again = [p for k in range(100) for p in (lane(0, 40_000, 1, k * 40_000) + lane(1, 40_000, 1, k * 40_000))]
    out = order(first + again)
    for track in (0, 1):
        assert [p for p in out if p[0] == track] == [p for p in first + again if p[0] == track]
    # And the tracks stay side by side across the restart.
    where = [[i for i, p in enumerate(out) if p[0] == track] for track in (0, 1)]
    assert max(abs(a - b) for a, b in zip(*where, strict=True)) <= 4


def test_packets_without_a_time_stay_where_they_are_in_their_track() -> None:
    packets: list[Packet] = [(0, None if k % 3 else k * 40_000, 1) for k in range(30)] + lane(1, 40_000, 30)
    assert [p for p in order(packets) if p[0] == 0] == packets[:30]
