"""Shedding, in virtual time: nothing here sleeps or reads a clock."""

from __future__ import annotations

import numpy as np
import pytest

from liveguard.inbox import KEEP_AUDIO_SAMPLES, Inbox
from liveguard.ladder import RATES_HZ, Ladder
from liveguard.types import AudioChunk, Gap, VideoFrame

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


def test_the_rate_comes_back_three_seconds_after_the_load_is_gone() -> None:
    ladder = Ladder()
    ladder.worked(0, 120_000)
    assert ladder.rate_hz == 5.0
    for t in range(0, 9_500_000, 100_000):
        ladder.worked(t, 10_000)
    assert ladder.rate_hz == 30.0


def test_sound_is_kept_for_two_seconds_then_the_oldest_leaves_a_gap() -> None:
    inbox = Inbox(live=True)
    for k in range(150):
        inbox.put(AudioChunk(k * 20_000, np.zeros(320, np.float32)))
    taken = [sample for _ in range(150) if (sample := inbox.get(timeout_s=0)) is not None]
    gaps = [sample for sample in taken if isinstance(sample, Gap)]
    assert [gap.reason for gap in gaps] == ["shed"] * 50
    assert (gaps[0].start_us, gaps[-1].end_us) == (0, 1_000_000)
    assert inbox.shed.audio_samples_shed == 150 * 320 - KEEP_AUDIO_SAMPLES


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
