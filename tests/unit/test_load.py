"""Shedding, in virtual time: nothing here sleeps or reads a clock."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveguard.engine import Engine
from liveguard.inbox import KEEP_AUDIO_SAMPLES, Inbox
from liveguard.ladder import RATES_HZ, Ladder
from liveguard.types import AudioChunk, Cue, Gap, Observation, TapSample, VideoFrame
from tests.synthetic import VIDEO, frame

PIXEL = np.zeros((2, 2, 3), np.uint8)


def admitted(ladder: Ladder, times_us: list[int]) -> list[int]:
    return [t for t in times_us if ladder.admits(t)]


def times(fps: float, seconds: float, jitter_us: int = 0) -> list[int]:
    rng = np.random.default_rng(1)
    return [round(k * 1e6 / fps) + int(rng.integers(-jitter_us, jitter_us + 1)) for k in range(1, int(fps * seconds))]


@pytest.mark.parametrize("fps", [30.0, 29.97, 25.0, 15.0, 7.5])
def test_a_feed_within_the_rate_loses_nothing(fps: float) -> None:
    source = times(fps, 20.0, jitter_us=3000)
    assert admitted(Ladder(), source) == source


def test_60_fps_is_halved_evenly() -> None:
    kept = admitted(Ladder(), times(60.0, 5.0))
    assert set(np.round(np.diff(kept), -3)) <= {33_000, 34_000}


def in_pairs(period_us: int, apart_us: int, seconds: float) -> list[int]:
    """Two pictures `apart_us` one after the other, every `period_us`, so that the second is on the next point of the grid."""
    return [0] + [33_000 + k * period_us + d for k in range(int(seconds * 1e6 / period_us)) for d in (0, apart_us)]


def test_pairs_are_one_picture_each() -> None:
    """Two stamps next to each other, one before and one after where the next point of the grid begins."""
    kept = admitted(Ladder(), in_pairs(66_666, 100, 60.0))
    assert len(kept) == 901
    assert set(np.diff(kept)[1:]) == {66_666}


@given(st.lists(st.integers(1, 50_000), min_size=2, max_size=200))
def test_what_is_kept_is_never_next_to_each_other(steps_us: list[int]) -> None:
    kept = admitted(Ladder(), np.cumsum(steps_us).tolist())
    assert all(later - earlier >= 0.45e6 / 30 for earlier, later in pairwise(kept))


@given(st.floats(2.0, 30.0), st.integers(0, 2**32 - 1))
def test_a_jittery_camera_keeps_all_but_few_pictures(fps: float, seed: int) -> None:
    """A tenth of an interval, as a standard deviation: what a driver's clock and a busy machine make of even pictures."""
    rng = np.random.default_rng(seed)
    source = np.sort(np.arange(1, 300) * 1e6 / fps + rng.normal(0, 0.1 * 1e6 / fps, 299).clip(-3e5, 3e5)).astype(int)
    assert len(admitted(Ladder(), source.tolist())) >= 0.95 * len(source)


def simulate(service_us: int, seconds: float = 20.0, fps: float = 30.0) -> tuple[list[int], list[int], Inbox]:
    """A worker that needs `service_us` a picture, fed at `fps`: (ages of pictures when done, their times)."""
    inbox, ages, kept = Inbox(live=True), [], []
    busy_until, arrivals = 0, times(fps, seconds)
    for t in [*arrivals, arrivals[-1] + 10_000_000]:
        while busy_until < t and (frame := inbox.get(timeout_s=0)) is not None:
            assert isinstance(frame, VideoFrame)
            busy_until = max(busy_until, frame.t_us) + service_us
            inbox.worked(frame.t_us, service_us)
            ages.append(busy_until - frame.t_us)
            kept.append(frame.t_us)
        inbox.put(VideoFrame(t, PIXEL))
    return ages, kept, inbox


def test_four_times_too_slow_keeps_pictures_young_and_even() -> None:
    ages, kept, inbox = simulate(service_us=4 * 33_333)
    assert max(ages) <= 500_000
    steps = np.diff([t for t in kept if t > 1_000_000])
    assert steps.std() / steps.mean() < 0.05
    assert inbox.shed.frames_in == inbox.shed.frames_shed + len(kept) + (inbox.get(timeout_s=0) is not None)
    assert inbox.rate_hz == 5.0


def test_slower_than_the_lowest_rate_still_stays_young() -> None:
    ages, _, inbox = simulate(service_us=250_000)
    assert inbox.rate_hz == RATES_HZ[-1]
    assert max(ages) <= 600_000


def test_the_rate_comes_back_soon_after_a_burst_of_work() -> None:
    ladder = Ladder()
    for t in range(0, 300_000, 100_000):
        ladder.worked(t, 120_000)
    assert ladder.rate_hz == 5.0
    for t in range(300_000, 5_000_000, 100_000):
        ladder.worked(t, 10_000)
    assert ladder.rate_hz == 30.0


def test_steps_up_that_are_too_much_are_tried_less_and_less_often() -> None:
    """Pictures that take as long as the machine has no room for at more than ten a second."""
    ladder, ups, rate_hz = Ladder(), list[int](), 30.0
    for t in range(0, 120_000_000, 50_000):
        ladder.worked(t, 70_000 if ladder.rate_hz > 10 else 30_000)
        if ladder.rate_hz > rate_hz:
            ups.append(t)
        rate_hz = ladder.rate_hz
    waits_us = np.diff(ups)
    assert waits_us[0] < 3_000_000
    assert 8_000_000 < waits_us[-1] < 10_000_000
    assert all(waits_us[1:] >= waits_us[:-1])


def test_a_check_that_is_slow_once_a_second_costs_no_pictures() -> None:
    ladder = Ladder()
    for k, t in enumerate(times(30.0, 20.0)):
        ladder.worked(t, 90_000 if k % 30 == 0 else 14_000)
        assert ladder.rate_hz == 30.0


def sound(k: int) -> AudioChunk:
    """The k-th chunk of 20 ms."""
    return AudioChunk(k * 20_000, np.zeros(320, np.float32))


def drain(inbox: Inbox) -> list[TapSample]:
    return list(iter(lambda: inbox.get(timeout_s=0), None))


def test_sound_is_kept_for_two_seconds_then_the_oldest_leaves_one_gap() -> None:
    inbox = Inbox(live=True)
    for k in range(150):
        inbox.put(sound(k))
    taken = drain(inbox)
    assert [sample for sample in taken if isinstance(sample, Gap)] == [Gap("audio", 0, 1_000_000, "shed")]
    assert [sample.t_us for sample in taken if isinstance(sample, AudioChunk)] == list(
        range(1_000_000, 3_000_000, 20_000)
    )
    assert inbox.shed.audio_samples_shed == 150 * 320 - KEEP_AUDIO_SAMPLES


def test_a_worker_that_stalls_for_an_hour_leaves_a_small_inbox() -> None:
    inbox = Inbox(live=True)
    lost = [Gap("audio", 0, 0, "lost"), Gap("video", 0, 0, "lost")]
    for k in range(180_000):
        inbox.put(sound(k))
        if k % 25 == 0:
            for gap in lost:
                inbox.put(replace(gap, end_us=k * 20_000))
    assert len(drain(inbox)) == 100 + 3


def test_what_came_first_is_taken_first_around_a_hole_in_the_sound() -> None:
    inbox = Inbox(live=True)
    early, late = Cue(0, "early"), Cue(2_900_000, "late")
    for sample in [early, *map(sound, range(145)), late, *map(sound, range(145, 150))]:
        inbox.put(sample)
    taken = drain(inbox)
    assert taken[:2] == [early, Gap("audio", 0, 1_000_000, "shed")]
    assert taken[-6] is late


def test_one_long_chunk_is_kept() -> None:
    inbox, long = Inbox(live=True), AudioChunk(0, np.zeros(3 * KEEP_AUDIO_SAMPLES, np.float32))
    inbox.put(long)
    assert drain(inbox) == [long]


def test_a_video_gap_does_not_overtake_the_waiting_picture() -> None:
    inbox, engine = Inbox(live=True), Engine(VIDEO, [])
    inbox.put(VideoFrame(1_000_000, PIXEL))
    inbox.put(Gap("video", 1_040_000, 3_000_000, "lost"))
    taken = drain(inbox)
    assert [type(sample) for sample in taken] == [VideoFrame, Gap]
    for sample in taken:
        engine.push(Observation(frame(sample.t_us), ()) if isinstance(sample, VideoFrame) else sample)  # type: ignore[arg-type]
    assert not engine.timeline.late


def test_a_file_is_never_shed_and_closing_wakes_everybody() -> None:
    inbox = Inbox(live=False)
    for k in range(40):
        inbox.put(VideoFrame(k, PIXEL))
    inbox.close()
    inbox.put(VideoFrame(99, PIXEL))
    assert [inbox.get() for _ in range(40)] != []
    assert inbox.get() is None
    assert inbox.closed
    assert inbox.shed.frames_shed == 0
