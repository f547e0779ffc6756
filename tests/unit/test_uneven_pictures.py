"""Whoever sends the pictures chooses when: in what rhythm they come must not keep the checks from judging."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from liveguard.detectors.camera import Camera
from liveguard.detectors.quality import Quality, quality_of
from liveguard.detectors.series import MOST_STEP_S, face_series, picture_rate_hz, seen_s
from liveguard.engine import Engine
from liveguard.types import Alert, FaceSample, Observation, Reading
from tests.moving_faces import Person, landmarks, window
from tests.synthetic import VIDEO, face, frame
from tests.unit.test_quality import NEED

SECONDS = 16.0


def even(fps: float) -> list[int]:
    return [round(k * 1e6 / fps) for k in range(int(SECONDS * fps))]


def in_bunches(of: int, fps: float = 30.0, apart_us: int = 100) -> list[int]:
    """As many pictures a second as `even`, `of` at once."""
    return [t + k * apart_us for t in even(fps / of) for k in range(of)]


def quality(times_us: list[int]) -> Quality:
    meshes = landmarks(Person(), np.array(times_us) / 1e6)
    shown = face(0)
    samples = [replace(shown, t_us=t, landmarks=mesh) for t, mesh in zip(times_us, meshes, strict=True)]
    recent: list[FaceSample] = [sample for sample in samples if sample.t_us >= 13_000_000]
    return quality_of(face_series(window(recent, NEED, end_us=16_000_000)))


@pytest.mark.parametrize("of", [2, 3, 5])
def test_bunches_of_pictures_are_as_many_and_last_as_long_as_even_ones(of: int) -> None:
    seen = quality(in_bunches(of))
    assert seen.fps == pytest.approx(30, rel=0.05)
    assert seen.seconds == pytest.approx(3, abs=0.15)


@pytest.mark.parametrize("fps", [4.0, 10.0, 25.0, 30.0])
def test_even_pictures_are_counted_as_they_are(fps: float) -> None:
    seen = quality(even(fps))
    assert seen.fps == pytest.approx(fps, rel=1e-3)
    assert seen.seconds == pytest.approx(3, abs=0.01)


def test_absence_is_not_seen_and_does_not_slow_the_pictures() -> None:
    steps_s = np.diff([t / 1e6 for t in even(10.0) if not 3_000_000 < t < 8_000_000])
    assert picture_rate_hz(steps_s) == pytest.approx(10.0)
    assert seen_s(steps_s) == pytest.approx(SECONDS - 0.1 - 5.0 + MOST_STEP_S, abs=0.01)


def test_too_few_pictures_are_told_as_what_they_are() -> None:
    assert picture_rate_hz(np.full(10, 1.0)) == pytest.approx(1.0)
    assert picture_rate_hz(np.zeros(0)) == 0.0


@pytest.mark.parametrize("times_us", [in_bunches(2), in_bunches(3), even(30.0)], ids=["pairs", "threes", "even"])
def test_a_freeze_is_caught_however_its_pictures_come(times_us: list[int]) -> None:
    engine, events = Engine(VIDEO, [Camera()]), []
    for t_us in times_us:
        shown_us = min(t_us, 8_000_000)
        seen = replace(frame(shown_us), t_us=t_us)
        events += engine.push(Observation(seen, (replace(face(shown_us), t_us=t_us),)))
    raised = [event.t_us / 1e6 for event in events if isinstance(event, Alert)]
    assert raised
    assert raised[0] <= 14.0
    judged = [event for event in events if isinstance(event, Reading) and event.llr is not None]
    assert min(reading.coverage for reading in judged) > 0.9
