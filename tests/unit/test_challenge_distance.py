"""The distance challenge on made-up landmarks: who passes, who does not, and when nothing is said."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from liveguard.challenge.check import SEVERAL
from liveguard.challenge.distance import BACK_AFTER_S, DistanceChallenge
from liveguard.challenge.follow import MISREAD
from liveguard.challenge.perspective import Perspective, View, flat_nats, perspective_between
from liveguard.challenge.phases import WAVE_TEXELS, at_spots, phases_of, shifts_texels
from liveguard.challenge.script import Draws, _distance
from liveguard.types import Cue, Detector, FaceSample
from tests.made_heads import CUE_US, Held, follows, keeps_still, landmarks, read, samples

DISTANCE = DistanceChallenge()
ASKED = Cue(
    CUE_US,
    "challenge.distance",
    {"nearer": 1.45, "near_us": 1_800_000, "back_us": 2_900_000, "lasts_us": 4_500_000},
)


def test_it_is_a_detector() -> None:
    detector: Detector = DISTANCE
    expected = ("distance", "feed_injected", "challenge.distance")
    assert (detector.name, detector.hypothesis, detector.need.cue) == expected


def test_the_scripts_weighed_are_those_that_are_drawn() -> None:
    drawn = [_distance(Draws(bytes([seed]))) for seed in range(100)]
    back_after_s = {round((int(script["back_us"]) - int(script["near_us"])) / 1e6, 3) for script in drawn}
    assert back_after_s == set(BACK_AFTER_S.round(3).tolist())


@pytest.mark.parametrize(("lag_s", "gain"), [(0.3, 1.0), (0.8, 1.2)])
def test_a_head_that_comes_nearer_as_asked_passes(lag_s: float, gain: float) -> None:
    reading = read(DISTANCE, ASKED, samples(ASKED, follows(ASKED, lag_s, gain)))
    assert reading.llr is not None
    assert reading.llr < -1
    assert reading.measures["compliance_nats"] < -0.5
    assert reading.measures["artefact_nats"] < -0.6
    assert reading.measures["nearer_times"] == pytest.approx(1 + 0.45 * gain, abs=0.06)
    assert reading.measures["perspective_per_iod"] == pytest.approx(0.45 * gain / (500 / 90), rel=0.2)
    assert reading.measures["lag_ms"] == pytest.approx(lag_s * 1000, abs=210)
    assert "as it does on a head" in reading.why


def test_a_flat_picture_moved_as_asked_fails() -> None:
    reading = read(DISTANCE, ASKED, samples(ASKED, follows(ASKED), flat=True))
    assert reading.measures["artefact_nats"] > 2
    assert reading.measures["compliance_nats"] < 0
    assert abs(reading.measures["perspective_per_iod"]) < 0.02
    assert "grew evenly" in reading.why


def test_a_zoomed_recording_of_a_head_fails() -> None:
    """All it takes is software: the same picture, larger."""
    near = follows(ASKED)
    faces = []
    for face in samples(ASKED, keeps_still):
        times = 500 / near((face.t_us - ASKED.t_us) / 1e6).distance_mm
        faces.append(replace(face, landmarks=(face.landmarks * times).astype(np.float32)))
    assert read(DISTANCE, ASKED, faces).measures["artefact_nats"] > 2


def test_whoever_keeps_still_fails_and_its_depth_is_not_judged() -> None:
    reading = read(DISTANCE, ASKED, samples(ASKED, keeps_still))
    assert reading.measures["compliance_nats"] == pytest.approx(-np.log(MISREAD), abs=0.1)
    assert "artefact_nats" not in reading.measures
    assert "only 1.0" in reading.why


def test_going_away_instead_of_coming_nearer_fails() -> None:
    reading = read(DISTANCE, ASKED, samples(ASKED, follows(ASKED, gain=-0.6)))
    assert reading.measures["compliance_nats"] > 3


def test_coming_nearer_at_another_time_fails() -> None:
    late = read(DISTANCE, ASKED, samples(ASKED, follows(ASKED, lag_s=2.2)))
    assert late.measures["compliance_nats"] > 0
    assert "did not come nearer" in late.why


def test_the_same_an_hour_later() -> None:
    faces = samples(ASKED, follows(ASKED))
    at_once, later = read(DISTANCE, ASKED, faces), read(DISTANCE, ASKED, faces, shift_us=3_600_000_007)
    assert (at_once.llr, dict(at_once.measures), at_once.why) == (later.llr, dict(later.measures), later.why)


def test_noise_makes_less_sure() -> None:
    calm, shaky = (read(DISTANCE, ASKED, samples(ASKED, follows(ASKED), noise_px=px)).measures for px in (0.3, 6.0))
    assert shaky["perspective_error_per_iod"] > 5 * calm["perspective_error_per_iod"]
    for per_iod in (0.0, 0.06):
        sure, unsure = (flat_nats(Perspective(per_iod, error, 1.45, 0.004, 0.004)) for error in (0.005, 0.04))
        assert abs(unsure) < 0.5 * abs(sure)


def test_the_shift_of_a_picture_under_the_mesh_is_measured() -> None:
    rng = np.random.default_rng(5)
    smooth = cv2.GaussianBlur(rng.normal(0, 1, (96, 96)).astype(np.float32), (0, 0), 2.0)
    textures = []
    for right, down in ((0.0, 0.0), (1.3, -0.7)):
        moved = cv2.warpAffine(smooth, np.array([[1, 0, right], [0, 1, down]]), (96, 96), flags=cv2.INTER_CUBIC)
        textures.append(np.repeat(np.clip(128 + 300 * moved, 0, 255).astype(np.uint8)[..., None], 3, axis=2))
    shifts, weights = shifts_texels(*(phases_of(texture)[None] for texture in textures))
    right, down = np.average(shifts, axis=0, weights=weights)
    assert 0.7 * 1.3 < right < 1.1 * 1.3  # less where the texture is coarser than the filter's wave
    assert -1.1 * 0.7 < down < -0.6 * 0.7


def test_what_the_mesh_smooths_away_is_found_in_the_picture_under_it() -> None:
    """A tracker that lays the same mesh near and far hides the perspective; the picture has shifted under it."""
    rng = np.random.default_rng(2)
    far, near = (landmarks(Held(distance_mm=mm), False, 0.0, rng) for mm in (500.0, 345.0))
    true = at_spots(near[:, :2])
    mesh = far * 500 / 345
    mesh[:, :2] += near[:, :2].mean(axis=0) - mesh[:, :2].mean(axis=0)
    texel_px = [
        (at_spots(mesh[:, :2], 2 * x, 2 * y) - at_spots(mesh[:, :2], -2 * x, -2 * y)) / 4 for x, y in ((1, 0), (0, 1))
    ]
    shift = np.linalg.solve(np.stack(texel_px, axis=2), (true - at_spots(mesh[:, :2]))[..., None])[..., 0]
    response = rng.normal(0, 1, (2, len(shift))) + 1j * rng.normal(0, 1, (2, len(shift)))
    moved = response * np.exp(2j * np.pi * shift.T / WAVE_TEXELS)
    views = [
        View(points[None], np.stack([each for part in filtered for each in (part.real, part.imag)])[None])
        for points, filtered in ((far, response), (mesh, moved))
    ]
    seen = perspective_between(*views)
    assert seen.per_iod == pytest.approx(90 / 345 - 90 / 500, rel=0.25)
    unseen = perspective_between(views[0], View(mesh[None], views[0].phases))
    assert unseen.per_iod == pytest.approx(0, abs=0.005)


def test_two_faces_are_not_judged() -> None:
    reading = read(DISTANCE, ASKED, samples(ASKED, follows(ASKED)), others=(2,))
    assert (reading.llr, reading.why) == (None, SEVERAL)


def without(faces: list[FaceSample], from_s: float, to_s: float) -> list[FaceSample]:
    return [face for face in faces if not from_s <= (face.t_us - ASKED.t_us) / 1e6 < to_s]


@pytest.mark.parametrize(
    ("faces", "said"),
    [
        ([], "no face was seen"),
        (samples(ASKED, follows(ASKED), fps=5), "too few pictures: 5 a second"),
        (without(samples(ASKED, follows(ASKED)), 1.0, 2.1), "out of sight for 1.2 s"),
        (samples(ASKED, follows(ASKED), larger=0.25), "face too small"),
    ],
)
def test_what_cannot_be_judged_is_said(faces: list[FaceSample], said: str) -> None:
    reading = read(DISTANCE, ASKED, faces)
    assert reading.llr is None
    assert said in reading.why


def test_coming_nearer_by_little_shows_compliance_only() -> None:
    def little(t_s: float) -> Held:
        return Held(distance_mm=500 - 0.5 * (500 - follows(ASKED)(t_s).distance_mm) * 0.8)

    reading = read(DISTANCE, ASKED, samples(ASKED, little))
    assert reading.measures["nearer_times"] < 1.2
    assert "artefact_nats" not in reading.measures
    assert reading.llr == pytest.approx(reading.measures["compliance_nats"])
    assert "1.20 are needed" in reading.why
