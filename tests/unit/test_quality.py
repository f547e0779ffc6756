"""The shared gates of the face checks, the arrays they work on, and the calibration."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from liveguard.detectors.blink import Blink
from liveguard.detectors.calibration import Card, Part, Term, card
from liveguard.detectors.mesh import Mesh
from liveguard.detectors.pulse import Pulse
from liveguard.detectors.quality import Limits, quality_of, shortfall
from liveguard.detectors.series import RIGID_POINTS, align, band_power, face_series, head_angles_deg, on_grid
from liveguard.detectors.texture import Texture
from liveguard.face.geometry import similarity, similarity_align, yaw_pitch_roll_deg
from liveguard.face.texture import canonical_face
from liveguard.types import FaceSample, Need
from tests.moving_faces import Person, faces, landmarks, window

NEED = Need(step_us=500_000, video_us=3_000_000)
LIMITS = Limits(seconds=2, fps=10, face_px=80)
ALIVE = Person()
CHECKS = [Mesh(), Texture(), Blink(), Pulse()]


def said(samples: list[FaceSample], limits: Limits = LIMITS) -> str:
    seen = window(samples, NEED)
    return shortfall(seen, quality_of(face_series(seen)), limits)


def test_good_conditions_pass_and_are_measured() -> None:
    assert said(faces(ALIVE, 3)) == ""
    quality = quality_of(face_series(window(faces(ALIVE, 3), NEED)))
    assert quality.fps == pytest.approx(25, abs=0.5)
    assert quality.seconds == pytest.approx(3, abs=0.1)
    assert quality.face_px == pytest.approx(130 * 1.56, rel=0.1)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (faces(replace(ALIVE, eyes_px=20), 3), "face too small: 31 px wide, 80 px needed"),
        (faces(replace(ALIVE, light=10), 3), "too dark: face luma 10"),
        (faces(ALIVE, 3, fps=1), "frame rate 1 fps, 10 needed"),
        (faces(ALIVE, 1), "1.0 s of face seen, 2.0 s needed"),
        (faces(replace(ALIVE, yaw_deg=60, turn_deg=1), 3), "head turned away by 60 degrees"),
        (faces(replace(ALIVE, shift=4000), 3), "blurred by movement"),
        ([replace(sample, picture=True) for sample in faces(ALIVE, 3)], "still picture in the room"),
        (faces(ALIVE, 3)[:2], "no face in view"),
    ],
)
def test_each_shortfall_says_what_to_change(samples: list[FaceSample], words: str) -> None:
    assert words in said(samples)


def test_a_gap_is_not_counted_as_seen() -> None:
    samples = [sample for sample in faces(ALIVE, 3) if not 500_000 < sample.t_us < 2_000_000]
    assert "s of face seen" in said(samples)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_is_silent_without_a_face_and_with_a_broken_one(
    check: Mesh | Texture | Blink | Pulse,
) -> None:
    samples = faces(ALIVE, 3)
    empty = replace(window(samples, check.need), faces=(), coverage=0.0)
    broken = [replace(sample, landmarks=np.full((478, 3), np.nan, np.float32)) for sample in samples]
    for seen in (empty, window(broken, check.need)):
        reading = check.evaluate(seen)
        assert reading.llr is None
        assert "no face" in reading.why


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_has_a_card_and_says_what_it_measured(check: Mesh | Texture | Blink | Pulse) -> None:
    seconds = check.need.video_us / 1e6
    reading = check.evaluate(window(faces(Person(turn_deg=3, shift=10), seconds, 30), check.need))
    assert (reading.llr is None) == (not card(check.name).parts), "what has no weight judges nothing"
    assert abs(reading.llr or 0.0) <= card(check.name).limit_nats
    assert all(math.isfinite(value) for value in reading.measures.values())
    assert {"face_px", "frame_rate_hz", "yaw_deg"} <= reading.measures.keys()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_weights_only_name_measures_that_the_check_has(check: Mesh | Texture | Blink | Pulse) -> None:
    seconds = check.need.video_us / 1e6
    measures = check.evaluate(window(faces(Person(turn_deg=3, shift=10), seconds, 30), check.need)).measures
    for part in card(check.name).parts:
        for term in part.terms:
            assert term.measure in measures
            assert term.slopes.keys() <= measures.keys()


def test_a_missing_measure_adds_nothing_and_the_limit_holds() -> None:
    made = Card((Part("one", 0.1, (Term("x", 1.0, 2.0, 3.0), Term("y", 0.0, 1.0, 1.0))),), 2.0)
    assert made.llr({"x": 1.0}) == pytest.approx(0.1)
    assert made.llr({"x": math.nan, "y": 0.5}) == pytest.approx(0.6)
    assert made.llr({"x": 99.0}) == 2.0
    assert made.llr({"x": -99.0}) == -2.0
    assert Card((), 2.0).llr({"x": 1.0}) is None, "nothing is weighed"


def test_parts_are_mixed_as_equally_likely_kinds() -> None:
    made = Card((Part("one", 1.0, ()), Part("two", -1.0, ())), 3.0)
    assert made.llr({}) == pytest.approx(math.log((math.e + 1 / math.e) / 2))


def test_what_is_expected_follows_the_conditions_inside_their_range_only() -> None:
    made = Card((Part("one", 0.0, (Term("x", 0.0, 1.0, 1.0, {"c": 2.0}),)),), 9.0, {"c": (0.0, 1.0)})
    assert made.llr({"x": 2.0, "c": 1.0}) == pytest.approx(0.0)
    assert made.llr({"x": 2.0, "c": 5.0}) == pytest.approx(0.0)
    assert made.llr({"x": 2.0}) == 0.0


def test_batched_alignment_is_that_of_geometry() -> None:
    points = landmarks(ALIVE, np.arange(5, dtype=np.float32))
    batched, _ = align(points, points[0], np.arange(478))
    for mesh, aligned in zip(points, batched, strict=True):
        np.testing.assert_allclose(aligned, similarity_align(mesh, points[0]), atol=0.02)


@pytest.mark.parametrize("yaw", [-30.0, 0.0, 20.0])
def test_head_angles_follow_geometry(yaw: float) -> None:
    still = Person(yaw_deg=yaw, turn_deg=0, breathing=0, tremble=0, blinks_per_min=0, speech=0)
    mesh = landmarks(still, np.zeros(1, np.float32))
    rotation, _, _ = similarity(canonical_face().mean[RIGID_POINTS], mesh[0, RIGID_POINTS])
    np.testing.assert_allclose(head_angles_deg(mesh, RIGID_POINTS)[0], yaw_pitch_roll_deg(rotation), atol=0.1)
    assert abs(head_angles_deg(mesh, RIGID_POINTS)[0, 0]) == pytest.approx(abs(yaw), abs=0.5)


@pytest.mark.parametrize("fps", [15.0, 25.0, 30.0, 60.0])
def test_a_tone_lands_in_its_band_at_any_frame_rate(fps: float) -> None:
    t_s = np.arange(round(3 * fps), dtype=np.float32) / np.float32(fps)
    grid, rate = on_grid(t_s, np.sin(2 * np.pi * 3 * t_s)[:, None].astype(np.float32))
    slow, middle, fast = band_power(grid, rate, ((0.5, 2.0), (2.0, 5.0), (5.0, 7.4)))[:, 0]
    assert rate <= 30.5
    assert middle > 20 * max(slow, fast)


def test_a_band_beyond_the_nyquist_rate_is_not_a_number() -> None:
    values = np.random.default_rng(0).normal(0, 1, (45, 2)).astype(np.float32)
    assert np.isnan(band_power(values, 15.0, ((7.4, 12.0),))).all()
