"""The light challenge on made-up skin: no pictures, only the colours that its probe would have measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from liveguard.challenge.check import LONGEST_US, SEVERAL
from liveguard.challenge.colour_code import linear_colours
from liveguard.challenge.light import LightChallenge
from liveguard.challenge.policy import ProofPolicy
from liveguard.challenge.script import Step, draw
from liveguard.challenge.skin import SKIN_LIGHT
from liveguard.face.geometry import box_of
from liveguard.face.texture import canonical_face
from liveguard.timeline import Timeline
from liveguard.types import Cue, FaceSample, FeedInfo, FloatArray, FrameSample, Observation, Reading, Window

CUE_US = 1_500_000
SKIN = np.array([0.42, 0.24, 0.16])
WALL = np.array([0.3, 0.3, 0.28])
ROOM = np.array([1.0, 0.95, 0.85])


def code(seed: int) -> Step:
    """The light step of some nonce."""
    for number in range(seed * 1000, seed * 1000 + 100):
        for step in draw(number.to_bytes(16, "big"), ProofPolicy()):
            if step.kind == "light":
                return step
    raise AssertionError("no light step is drawn")


ASKED, OTHER = code(1), code(2)


@dataclass(frozen=True)
class Scene:
    """`screen`: a white screen over the room's light on the face; `behind`: and beside the head. `noise` of log colour, slow
    and fast. `tint`: the screen's colours laid over the whole picture. `flat`: the sides respond as the middle does."""

    shown: Step | None = ASKED
    screen: float = 0.5
    behind: float = 0.05
    sides: float = 0.72
    noise: float = 0.006
    lag_s: float = 0.25
    fps: float = 15.0
    balance_s: float | None = None
    tint: float = 0.0
    beside: bool = True
    eyes_px: float = 90.0
    level: float = 0.7
    seed: int = 3


def scene_light(scene: Scene, t_s: FloatArray) -> FloatArray:
    """What the probe would measure (n, 5, 4) at times from the cue on."""
    rng = np.random.default_rng(scene.seed)
    screen = np.full((len(t_s), 3), 0.35)
    if scene.shown is not None:
        colours = linear_colours(str(scene.shown.params["colours"]).split())
        step = np.floor((t_s - scene.lag_s) / 0.4).astype(int)
        screen = np.where(step[:, None] >= 0, colours[np.clip(step, 0, len(colours) - 1)], 0.35)
    strengths = scene.screen * np.array([1, scene.sides, scene.sides, 0, 0]) + scene.behind * np.array([0, 0, 0, 1, 1])
    surface = np.stack([SKIN, 0.8 * SKIN, 0.7 * SKIN, WALL, WALL])
    light = ROOM + strengths[None, :, None] * screen[:, None]
    seen = surface * light * scene.level
    if scene.balance_s is not None:
        mean = seen.mean(axis=1)
        slow = mean.copy()
        for k in range(1, len(t_s)):
            slow[k] += (slow[k - 1] - mean[k]) * np.exp(-(t_s[k] - t_s[k - 1]) / scene.balance_s)
        seen = seen * (0.3 / slow)[:, None]
    if scene.tint:
        seen = seen * (1 + scene.tint * screen)[:, None]
    drift = np.cumsum(rng.normal(0, 1, (len(t_s), 5, 3)), axis=0) / np.sqrt(15)
    seen = seen * np.exp(scene.noise * (rng.normal(0, 1, seen.shape) + 0.7 * drift))
    clipped = np.where(seen.max(axis=2, keepdims=True) > 0.95, 1.0, 0.0)
    return np.asarray(np.concatenate([seen, clipped], axis=2), np.float32)


def window(scene: Scene, asked: Step = ASKED, shift_us: int = 0, keep: slice = slice(None)) -> Window:
    lasts_us = asked.lasts_us
    t_us = [round(k * 1e6 / scene.fps) for k in range(int((CUE_US + lasts_us) / 1e6 * scene.fps))]
    light = scene_light(scene, np.array([(t - CUE_US) / 1e6 for t in t_us]))
    if not scene.beside:
        light[:, 3:] = np.nan
    mesh = np.asarray(canonical_face().mean * scene.eyes_px + np.array([320, 240, 0]), np.float32)
    samples = [
        FaceSample(t + shift_us, 1, mesh, box_of(mesh), 60.0, 120.0, probes={SKIN_LIGHT.name: figures})
        for t, figures in list(zip(t_us, light, strict=True))[keep]
    ]
    timeline = Timeline(FeedInfo("test", frozenset({"video"})), LONGEST_US, wants_audio=False)
    for sample in samples:
        frame = FrameSample(sample.t_us, 640, 480, 0, np.zeros((9, 16), np.float32), 0.5)
        timeline.add(Observation(frame, (sample,)))
    cut = timeline.window(LightChallenge().need, CUE_US + shift_us + lasts_us, 1)
    return replace(cut, cues=(Cue(CUE_US + shift_us, asked.cue, asked.params),))


def read(scene: Scene, **more: object) -> Reading:
    return LightChallenge().evaluate(window(scene, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "scene",
    [
        Scene(),
        Scene(balance_s=1.0),
        Scene(screen=3.0),
        Scene(screen=0.1, noise=0.008),
        Scene(fps=30),
        Scene(behind=0.1),
    ],
    ids=["plain", "white balance", "dark room", "bright room", "30 fps", "wall near"],
)
def test_a_face_before_the_screen_passes(scene: Scene, seed: int) -> None:
    reading = read(replace(scene, seed=seed))
    assert reading.llr is not None
    assert reading.llr < -2
    assert "took on the screen's colours" in reading.why


@pytest.mark.parametrize("lag_s", [0.1, 0.3, 0.62, 0.9])
def test_the_lag_is_measured_as_well_as_it_says(lag_s: float) -> None:
    measures = read(Scene(lag_s=lag_s, fps=24)).measures
    assert measures["lag_sd_ms"] < 40
    assert abs(measures["lag_ms"] - 1000 * lag_s) < 3 * measures["lag_sd_ms"]


@pytest.mark.parametrize("seed", range(3))
def test_no_response_speaks_for_an_attack(seed: int) -> None:
    reading = read(Scene(shown=None, noise=0.005, seed=seed))
    assert reading.llr is not None
    assert reading.llr > 1.5
    assert "did not take on" in reading.why
    assert reading.measures["least_expected_sd"] > 3.5


def test_another_code_is_an_attack_or_at_least_never_passes() -> None:
    readings = [read(Scene(shown=code(seed))) for seed in range(3, 9)]
    judged = [reading for reading in readings if reading.llr is not None]
    assert len(judged) >= 5  # one may come close to the asked code by chance
    for reading in judged:
        assert reading.llr is not None
        assert reading.llr > 1.5
        assert "not as the screen does" in reading.why


@pytest.mark.parametrize("lag_s", [1.5, 2.0, 2.5])
def test_a_late_response_is_an_attack_and_its_lag_is_told(lag_s: float) -> None:
    reading = read(Scene(lag_s=lag_s))
    assert reading.llr is not None
    assert reading.llr > 3
    assert "relay" in reading.why
    assert reading.measures["late_lag_ms"] == pytest.approx(1000 * lag_s, abs=80)


def test_how_late_is_too_late_can_be_set() -> None:
    late = window(Scene(lag_s=1.5))
    strict, patient = LightChallenge().evaluate(late), LightChallenge(lag_most_ms=2000).evaluate(late)
    assert strict.llr is not None
    assert patient.llr is not None
    assert strict.llr > 3 > -2 > patient.llr


def test_a_picture_that_is_tinted_as_a_whole_is_an_attack() -> None:
    reading = read(Scene(shown=ASKED, screen=0.0, behind=0.0, tint=0.5))
    assert reading.llr is not None
    assert reading.llr > 1.5
    assert "alike" in reading.why
    assert reading.measures["beside_response_ratio"] == pytest.approx(1.0, abs=0.1)


def test_without_a_background_it_clears_less() -> None:
    with_it, without = read(Scene()), read(Scene(beside=False))
    assert with_it.llr is not None
    assert without.llr is not None
    assert with_it.llr < without.llr < -1
    assert "cannot be compared" in without.why
    assert "beside_response_ratio" not in without.measures


def test_a_flat_picture_does_not_pass_as_a_head() -> None:
    head, flat = read(Scene()), read(Scene(sides=1.0))
    assert head.llr is not None
    assert flat.llr is not None
    assert flat.llr > head.llr + 3


def test_in_a_bright_room_it_cannot_judge() -> None:
    readings = [read(Scene(screen=0.01, behind=0.0, noise=0.016, seed=seed)) for seed in range(40)]
    unjudged = [reading for reading in readings if reading.llr is None]
    assert len(unjudged) >= 39, "noise fits some code by chance now and then"
    assert all("too bright" in reading.why and "curtain" in reading.why for reading in unjudged)
    assert all(reading.llr is None or reading.llr < 3 for reading in readings), "never enough to call somebody not live"


def test_what_cannot_be_judged_says_why() -> None:
    plain = window(Scene())
    light = LightChallenge()
    for cut, words in (
        (replace(plain, peers=(2,)), SEVERAL),
        (replace(plain, faces=()), "no face"),
        (window(Scene(fps=6)), "fps"),
        (window(Scene(), keep=slice(0, 50)), "of the time"),
        (window(Scene(eyes_px=30)), "too small"),
        (window(Scene(level=0.015)), "too dark"),
        (window(Scene(level=3.0)), "overexposed"),
        (replace(plain, faces=tuple(replace(face, picture=True) for face in plain.faces)), "still picture"),
    ):
        reading = light.evaluate(cut)
        assert reading.llr is None
        assert words in reading.why


def test_a_window_without_its_cue_is_refused() -> None:
    with pytest.raises(ValueError, match="no cue"):
        LightChallenge().evaluate(replace(window(Scene()), cues=()))


def test_the_reading_does_not_depend_on_when() -> None:
    early, late = read(Scene()), read(Scene(), shift_us=7_200_000_000)
    assert (early.llr, early.why, early.measures) == (late.llr, late.why, late.measures)
