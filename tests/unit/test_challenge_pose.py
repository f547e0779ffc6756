"""The pose challenge on made-up landmarks: who passes, who does not, and when nothing is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from liveguard.challenge.check import MIRRORED, SEVERAL
from liveguard.challenge.follow import MISREAD
from liveguard.challenge.planar import depth_between, flat_nats, stretch
from liveguard.challenge.pose import PoseChallenge, pitches_deg, yaws_deg
from liveguard.challenge.script import Draws, _pose
from liveguard.types import Cue, Detector, FaceSample
from tests.made_heads import CUE_US, Held, follows, keeps_still, landmarks, read, samples

POSE = PoseChallenge()
ASKED = Cue(CUE_US, "challenge.pose", {"targets": "-19,8 22,0 0,0", "each_us": 1_600_000, "lasts_us": 4_800_000})
OTHER = replace(ASKED, params={**ASKED.params, "targets": "19,-8 -22,8 0,0"})


def test_it_is_a_detector() -> None:
    detector: Detector = POSE
    assert (detector.name, detector.hypothesis, detector.need.cue) == ("pose", "feed_injected", "challenge.pose")


def test_the_scripts_weighed_are_those_that_are_drawn() -> None:
    drawn = {str(_pose(Draws(bytes([seed])))["targets"]) for seed in range(200)}
    yaws = {tuple(float(target.split(",")[0]) for target in targets.split()) for targets in drawn}
    pitches = {tuple(float(target.split(",")[1]) for target in targets.split()) for targets in drawn}
    assert yaws == {tuple(course) for course in yaws_deg().tolist()}
    assert pitches == {tuple(course) for course in pitches_deg().tolist()}


@pytest.mark.parametrize(("lag_s", "gain"), [(0.3, 1.0), (0.7, 0.7), (1.0, 1.25)])
def test_a_head_that_does_as_asked_passes(lag_s: float, gain: float) -> None:
    reading = read(POSE, ASKED, samples(ASKED, follows(ASKED, lag_s, gain)))
    assert reading.llr is not None
    assert reading.llr < -3
    assert reading.measures["compliance_nats"] < -1
    assert reading.measures["artefact_nats"] < -0.6
    assert reading.measures["yaw_gain"] == pytest.approx(gain, abs=0.15)
    assert reading.measures["lag_ms"] == pytest.approx(lag_s * 1000, abs=110)
    assert reading.measures["depth_share"] > 0.8
    assert "turned as a head does" in reading.why


def test_another_script_fails_though_it_is_a_head() -> None:
    reading = read(POSE, ASKED, samples(ASKED, follows(OTHER)))
    assert reading.llr is not None
    assert reading.llr > 2  # real as it is: a recording of a head is one, too
    assert reading.measures["artefact_nats"] < -0.6
    assert "did not turn as asked" in reading.why


def to_the_other_side(held: Callable[[float], Held]) -> Callable[[float], Held]:
    return lambda t_s: replace(held(t_s), yaw_deg=-held(t_s).yaw_deg)


@pytest.mark.parametrize(("lag_s", "gain"), [(0.3, 1.0), (0.7, 0.7), (1.0, 1.25)])
def test_a_camera_that_mirrors_accuses_nobody(lag_s: float, gain: float) -> None:
    faces = samples(ASKED, to_the_other_side(follows(ASKED, lag_s, gain)))
    reading = read(POSE, ASKED, faces)
    assert (reading.llr, reading.why) == (None, MIRRORED)
    assert "artefact_nats" not in reading.measures  # nothing of it shows a head, either


def test_only_a_head_that_did_the_very_script_to_the_other_side_is_mirrored() -> None:
    mirrored = to_the_other_side(follows(ASKED, gain=1.2))
    flat = read(POSE, ASKED, samples(ASKED, mirrored, flat=True))
    late = read(POSE, ASKED, samples(ASKED, to_the_other_side(follows(ASKED, lag_s=2.2))))
    one_side = read(POSE, ASKED, samples(ASKED, lambda t_s: mirrored(min(t_s, 2.2))))
    for reading in (flat, late, one_side):
        assert reading.llr is not None
        assert reading.llr > 2


def test_a_head_that_keeps_still_fails_and_its_depth_is_not_judged() -> None:
    reading = read(POSE, ASKED, samples(ASKED, keeps_still))
    assert reading.measures["compliance_nats"] == pytest.approx(-np.log(MISREAD), abs=0.1)
    assert "artefact_nats" not in reading.measures
    assert "too little was turned" in reading.why


def test_a_flat_picture_turned_as_asked_fails() -> None:
    reading = read(POSE, ASKED, samples(ASKED, follows(ASKED, gain=1.2), flat=True))
    assert reading.llr is not None
    assert reading.llr > 3
    assert reading.measures["artefact_nats"] > 1
    assert reading.measures["depth_share"] < 0.3
    assert "flat picture" in reading.why


def test_a_late_answer_is_none() -> None:
    assert read(POSE, ASKED, samples(ASKED, follows(ASKED, lag_s=2.2))).measures["compliance_nats"] > 0


def test_the_gain_of_an_honest_answer_is_worth_no_more_than_the_odds_of_guessing_it() -> None:
    """Two sides, and nods up, down or none: whoever guesses is right about as often, and gains may hide the rest."""
    reading = read(POSE, ASKED, samples(ASKED, follows(ASKED), noise_px=0.1))
    assert -np.log(len(yaws_deg()) * len(pitches_deg()) * 2) < reading.measures["compliance_nats"] < -np.log(2)


def test_the_same_an_hour_later() -> None:
    faces = samples(ASKED, follows(ASKED))
    at_once, later = read(POSE, ASKED, faces), read(POSE, ASKED, faces, shift_us=3_600_000_007)
    assert (at_once.llr, dict(at_once.measures), at_once.why) == (later.llr, dict(later.measures), later.why)


def test_without_a_picture_before_the_cue_the_end_shows_the_head_straight() -> None:
    faces = [face for face in samples(ASKED, follows(ASKED, lag_s=0.3)) if face.t_us >= ASKED.t_us + 150_000]
    reading = read(POSE, ASKED, faces)
    assert reading.llr is not None
    assert reading.llr < -2
    assert reading.measures["artefact_nats"] < -0.6


def test_two_faces_are_not_judged() -> None:
    reading = read(POSE, ASKED, samples(ASKED, follows(ASKED)), others=(2,))
    assert (reading.llr, reading.why) == (None, SEVERAL)


def without(faces: list[FaceSample], from_s: float, to_s: float) -> list[FaceSample]:
    return [face for face in faces if not from_s <= (face.t_us - ASKED.t_us) / 1e6 < to_s]


@pytest.mark.parametrize(
    ("faces", "said"),
    [
        ([], "no face was seen"),
        (samples(ASKED, follows(ASKED), fps=5), "too few pictures: 5 a second"),
        (without(samples(ASKED, follows(ASKED)), 1.0, 2.1), "out of sight for 1.2 s"),
        (without(samples(ASKED, follows(ASKED)), 3.5, 9), "out of sight for 1.3 s"),
        (samples(ASKED, follows(ASKED), larger=0.25), "face too small: 27 px"),
    ],
)
def test_what_cannot_be_judged_is_said(faces: list[FaceSample], said: str) -> None:
    reading = read(POSE, ASKED, faces)
    assert reading.llr is None
    assert said in reading.why


@pytest.mark.parametrize("flat", [False, True])
def test_depth_between_any_two_stretches(flat: bool) -> None:
    """Whatever the size, shift and turn in the plane."""
    rng = np.random.default_rng(3)
    straight, turned = (
        np.stack([landmarks(Held(yaw, pitch), flat, 0.5, rng) for _ in range(9)]) for yaw, pitch in ((0, 0), (20, -9))
    )
    turned[..., :2] = turned[..., :2] @ np.array([[0, 1.3], [-1.3, 0]]) + 50
    turned[..., :2] = turned[..., :2] @ np.array([[0, -1], [1, 0]])  # as seen; only the size and the shift are left
    depth = depth_between(stretch(straight), stretch(turned))
    nats = flat_nats([depth])
    assert nats is not None
    assert (nats > 2) == flat
    assert (nats < -1) == (not flat)
    assert depth.parallax_deg == pytest.approx((0, 0) if flat else (20, 9), abs=2.5)
    assert depth.rigid_residual_iod < 0.02
    assert (depth.planarity_residual_iod > 0.05) == (not flat)
