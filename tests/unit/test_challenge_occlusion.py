"""The occlusion challenge on made-up patches: no pictures, only what its probes would have measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from liveguard.challenge.check import LONGEST_US, MIRRORED, SEVERAL
from liveguard.challenge.occlusion import OcclusionChallenge
from liveguard.challenge.patches import AROUND, AROUND_FACE, FACE_PATCHES, PATCH
from liveguard.challenge.script import REGIONS, cue_name
from liveguard.face.geometry import box_of
from liveguard.face.texture import canonical_face
from liveguard.timeline import Timeline
from liveguard.types import LASTS, Cue, FaceSample, FeedInfo, FrameSample, Observation, Reading, Window

CUE_US = 2_000_000
COVERED_US, BARE_US = 1_300_000, 2_700_000
LASTS_US = BARE_US + 1_000_000


@dataclass(frozen=True)
class Scene:
    """`covered`: what the hand is before, or nothing; `through`: how much of the face is drawn over it; `edge`: the hand
    shows outside of the face, too; `flicker_hz`: how often the face comes back; `everything`: all regions change."""

    asked: str = "mouth"
    covered: str | None = "mouth"
    into_s: float = 0.9
    out_s: float = 2.9
    through: float = 0.0
    edge: bool = True
    flicker_hz: float = 0.0
    everything: bool = False
    gain: float = 1.0
    noise: float = 2.0
    fps: float = 15.0
    eyes_px: float = 90.0
    light: float = 110.0
    lost: float = 0.0
    seed: int = 3


def window(scene: Scene, shift_us: int = 0, keep: slice = slice(None)) -> Window:
    rng = np.random.default_rng(scene.seed)
    skin = np.array([190.0, 140.0, 115.0])
    face = skin + 14 * rng.normal(0, 1, (len(REGIONS), PATCH, PATCH, 1))
    ramp = np.linspace(-12, 12, PATCH)[:, None, None]
    hand = 0.88 * skin + ramp + 18 * np.sign(np.sin(np.arange(PATCH)))[None, :, None]
    outside = rng.uniform(40, 200, (AROUND, 3))
    mesh = np.asarray(canonical_face().mean * scene.eyes_px + np.array([320, 240, 0]), np.float32)
    timeline = Timeline(FeedInfo("test", frozenset({"video"})), LONGEST_US, wants_audio=False)
    samples = []
    for k in range(int((CUE_US + LASTS_US) / 1e6 * scene.fps)):
        t_us = round(k * 1e6 / scene.fps)
        t_s = (t_us - CUE_US) / 1e6
        there = scene.into_s <= t_s < scene.out_s
        if there and scene.flicker_hz:
            there = (t_s * scene.flicker_hz) % 1 < 0.6
        patches, around = face.copy(), outside.copy()
        if there and scene.covered is not None:
            which = slice(None) if scene.everything else REGIONS.index(scene.covered)
            patches[which] = scene.through * face[which] + (1 - scene.through) * hand
            if scene.edge:
                around[4:8] = 0.85 * skin
        patches = np.clip(scene.gain ** max(t_s, 0) * patches + rng.normal(0, scene.noise, patches.shape), 0, 255)
        around = around + rng.normal(0, scene.noise, around.shape)
        if scene.lost and 1.2 <= t_s < 2.9 and rng.random() < scene.lost:
            continue
        probes = {
            FACE_PATCHES.name: np.asarray(patches, np.float32),
            AROUND_FACE.name: np.asarray(around, np.float32),
        }
        samples.append(FaceSample(t_us + shift_us, 1, mesh, box_of(mesh), 60.0, scene.light, probes=probes))
    for sample in samples[keep]:
        frame = FrameSample(sample.t_us, 640, 480, 0, np.zeros((9, 16), np.float32), 0.5)
        timeline.add(Observation(frame, (sample,)))
    params = {"region": scene.asked, "covered_us": COVERED_US, "bare_us": BARE_US, LASTS: LASTS_US}
    cut = timeline.window(OcclusionChallenge().need, CUE_US + LASTS_US + shift_us, 1)
    return replace(cut, cues=(Cue(CUE_US + shift_us, cue_name("occlusion"), params),))


def read(scene: Scene, shift_us: int = 0) -> Reading:
    return OcclusionChallenge().evaluate(window(scene, shift_us))


@pytest.mark.parametrize("region", REGIONS)
def test_a_hand_before_the_asked_region_passes(region: str) -> None:
    reading = read(Scene(asked=region, covered=region))
    assert reading.llr is not None
    assert reading.llr < -2
    assert "hid it" in reading.why


def test_exposure_that_drifts_is_no_hand_and_hides_none() -> None:
    for covered, passes in (("mouth", True), (None, False)):
        reading = read(Scene(covered=covered, gain=1.06))
        assert reading.llr is not None
        assert (reading.llr < -1) == passes


@pytest.mark.parametrize("region", REGIONS)
def test_nothing_covered_is_an_attack(region: str) -> None:
    reading = read(Scene(asked=region, covered=None))
    assert reading.llr is not None
    assert reading.llr > 3
    assert "was not covered" in reading.why


@pytest.mark.parametrize("asked", REGIONS)
def test_another_region_covered_is_an_attack_and_is_named(asked: str) -> None:
    for covered in REGIONS:
        if covered == asked or {asked, covered} == CHEEKS:
            continue
        reading = read(Scene(asked=asked, covered=covered))
        assert reading.llr is not None
        assert reading.llr > 3
        assert f"covered the {covered.replace('_', ' ')}, not" in reading.why


CHEEKS = {"left_cheek", "right_cheek"}


@pytest.mark.parametrize("asked", sorted(CHEEKS))
def test_the_other_cheek_is_that_of_a_mirrored_camera(asked: str) -> None:
    (other,) = CHEEKS - {asked}
    assert (read(Scene(asked=asked, covered=other)).llr, read(Scene(asked=asked, covered=other)).why) == (
        None,
        MIRRORED,
    )
    drawn_over = [{"through": 0.6}, {"edge": False}, {"flicker_hz": 2.5}, {"everything": True}]
    for how in (*drawn_over, {"into_s": 2.6, "out_s": 3.6}):
        reading = read(Scene(asked=asked, covered=other, **how))  # type: ignore[arg-type]
        assert reading.llr is not None, how
        assert reading.llr > 1, how


def test_a_change_of_the_whole_face_is_no_covering() -> None:
    done, everything = (read(Scene(asked="chin", covered="chin", everything=whole)) for whole in (False, True))
    assert everything.llr is not None
    assert everything.llr > 0
    assert done.llr is not None
    assert done.llr < 0


@pytest.mark.parametrize("times", [(-0.5, 0.8), (2.6, 3.6)])
def test_at_the_wrong_time_is_an_attack(times: tuple[float, float]) -> None:
    reading = read(Scene(into_s=times[0], out_s=times[1]))
    assert reading.llr is not None
    assert reading.llr > 0


@pytest.mark.parametrize("through", [0.5, 0.7])
def test_a_face_that_shows_through_is_an_attack(through: float) -> None:
    reading = read(Scene(through=through))
    assert reading.llr is not None
    assert reading.llr > 0
    assert reading.measures["artefact_nats"] > 1
    assert "shows through" in reading.why


def test_what_ends_with_the_face_speaks_for_an_attack() -> None:
    whole, cut = read(Scene()), read(Scene(edge=False))
    assert whole.measures["artefact_nats"] < -1
    assert cut.measures["artefact_nats"] > 0
    assert "ends where the face ends" in cut.why


def test_flicker_between_hand_and_face_speaks_for_an_attack() -> None:
    steady, flickering = read(Scene()), read(Scene(flicker_hz=2.5))
    assert flickering.measures["flips_hz"] > 3
    assert steady.measures["flips_hz"] == 0
    assert flickering.llr is not None
    assert steady.llr is not None
    assert flickering.llr > steady.llr + 2


def test_a_face_that_is_lost_under_the_hand_cannot_be_judged() -> None:
    assert read(Scene(lost=0.4)).llr is not None
    reading = read(Scene(lost=0.95))
    assert reading.llr is None
    assert "cover the mouth only" in reading.why


def test_what_cannot_be_judged_says_why() -> None:
    plain = window(Scene())
    check = OcclusionChallenge()
    for cut, words in (
        (replace(plain, peers=(2,)), SEVERAL),
        (replace(plain, faces=()), "no face"),
        (window(Scene(fps=6)), "fps"),
        (window(Scene(), keep=slice(35, None)), "before the cue"),
        (window(Scene(eyes_px=30)), "too small"),
        (window(Scene(light=12)), "too dark"),
        (replace(plain, faces=tuple(replace(face, picture=True) for face in plain.faces)), "still picture"),
    ):
        reading = check.evaluate(cut)
        assert reading.llr is None
        assert words in reading.why


def test_a_window_without_its_cue_is_refused() -> None:
    with pytest.raises(ValueError, match="no cue"):
        OcclusionChallenge().evaluate(replace(window(Scene()), cues=()))


def test_the_reading_does_not_depend_on_when() -> None:
    early, late = read(Scene()), read(Scene(), shift_us=7_200_000_000)
    assert (early.llr, early.why, early.measures) == (late.llr, late.why, late.measures)
