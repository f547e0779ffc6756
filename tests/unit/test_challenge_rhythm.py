"""The rhythm challenge on made-up lids and lips: who passes, who does not, and when nothing is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from liveguard.challenge.check import SEVERAL
from liveguard.challenge.rhythm import RhythmChallenge
from liveguard.challenge.rhythm_model import _scripts, rhythm_nats
from liveguard.challenge.script import Draws, _rhythm
from liveguard.timeline import Timeline
from liveguard.types import Cue, Detector, FaceSample, FeedInfo, FrameSample, Observation, Reading
from tests.moving_faces import LOWER_LIDS, LOWER_LIP, UPPER_LIDS, Person, faces

RHYTHM = RhythmChallenge()
CUE_US = 2_700_000
BEATS_S = (1.0, 2.1, 2.9, 4.2)
LASTS_US = 5_100_000
QUIET = Person(blinks_per_min=0, speech=0, turn_deg=4)


def cue(action: str = "blink", beats_s: Sequence[float] = BEATS_S) -> Cue:
    beats_us = " ".join(str(round(beat * 1e6)) for beat in beats_s)
    return Cue(CUE_US, "challenge.rhythm", {"action": action, "beats_us": beats_us, "lasts_us": LASTS_US})


def acting(at_s: Sequence[float], action: str = "blink", fps: float = 25.0, person: Person = QUIET) -> list[FaceSample]:
    """A face that acts at times since the cue."""
    out = []
    for face in faces(person, (CUE_US + LASTS_US) / 1e6, fps):
        t_s = (face.t_us - CUE_US) / 1e6
        done = max((np.clip(1.5 - abs(t_s - at) / 0.12, 0, 1) for at in at_s), default=0.0)
        mesh = face.landmarks.copy()
        if action == "blink":
            half = (mesh[LOWER_LIDS, 1] - mesh[UPPER_LIDS, 1]) / 2 * 0.8 * done
            mesh[UPPER_LIDS, 1] += half
            mesh[LOWER_LIDS, 1] -= half
        else:
            mesh[LOWER_LIP, 1] += 0.3 * person.eyes_px * done
        out.append(replace(face, landmarks=mesh))
    return out


def read(asked: Cue, seen: Sequence[FaceSample], shift_us: int = 0, others: Sequence[FaceSample] = ()) -> Reading:
    timeline = Timeline(FeedInfo("test", frozenset({"video"})), RHYTHM.need.video_us, wants_audio=False)
    timeline.add(replace(asked, t_us=asked.t_us + shift_us))
    near = {face.t_us: face for face in others}
    for face in seen:
        frame = FrameSample(face.t_us + shift_us, 1280, 720, face.t_us, np.zeros((9, 16), np.float32), 0.5)
        here = tuple(replace(one, t_us=frame.t_us) for one in (face, near.get(face.t_us)) if one is not None)
        timeline.add(Observation(frame, here))
    return RHYTHM.evaluate(timeline.window(RHYTHM.need, CUE_US + LASTS_US + shift_us, 1))


def late(lag_s: float, of: Sequence[float] = BEATS_S) -> list[float]:
    return [beat + lag_s for beat in of]


def test_it_is_a_detector() -> None:
    detector: Detector = RHYTHM
    assert (detector.name, detector.hypothesis, detector.need.cue) == ("rhythm", "feed_injected", "challenge.rhythm")


def test_the_scripts_weighed_are_those_that_are_drawn() -> None:
    drawn = (
        np.array([str(_rhythm(Draws(seed.to_bytes(2, "big")))["beats_us"]).split() for seed in range(300)], float) / 1e6
    )
    known = _scripts()
    assert all((np.abs(known - one).max(axis=1) < 1e-9).any() for one in drawn)
    assert len(known) == 4 * 7**3
    assert np.abs(known[:, 0].mean() - drawn[:, 0].mean()) < 0.05
    assert np.abs(known[:, -1].mean() - drawn[:, -1].mean()) < 0.1


@pytest.mark.parametrize("action", ["blink", "mouth"])
@pytest.mark.parametrize(("lag_s", "fps"), [(0.0, 25.0), (0.25, 15.0), (0.4, 30.0)])
def test_who_keeps_the_beats_passes(action: str, lag_s: float, fps: float) -> None:
    reading = read(cue(action), acting(late(lag_s), action, fps))
    assert reading.llr is not None
    assert reading.llr < -2
    assert reading.measures["events"] == reading.measures["beats_met"] == 4
    assert reading.measures["lag_ms"] == pytest.approx(lag_s * 1000, abs=60)
    assert "4 of 4 beats" in reading.why


def test_three_of_four_beats_still_pass_and_one_does_not() -> None:
    three, one = read(cue(), acting(late(0.1)[1:])), read(cue(), acting(late(0.1)[1:2]))
    assert three.llr is not None
    assert one.llr is not None
    assert three.llr < -1
    assert one.llr > 0.5


def test_another_script_fails() -> None:
    reading = read(cue(), acting(late(0.1, (1.2, 2.6, 3.6, 4.5))))
    assert reading.llr is not None
    assert reading.llr > 0.5
    assert reading.measures["events"] == 4
    assert reading.measures["beats_met"] < 4


def test_who_does_nothing_fails() -> None:
    for action in ("blink", "mouth"):
        reading = read(cue(action), acting([], action))
        assert reading.llr is not None
        assert 1 < reading.llr < 3
        assert "none of 4 beats" in reading.why


def test_the_wrong_action_fails() -> None:
    reading = read(cue("mouth"), acting(late(0.1), "blink"))
    assert reading.llr is not None
    assert reading.llr > 1


def test_what_was_done_before_the_cue_does_not_count() -> None:
    early = read(cue(), acting([-2.0, -1.2, -0.6, *late(0.1)]))
    assert early.measures["events"] == 4
    assert early.llr == pytest.approx(read(cue(), acting(late(0.1))).llr, abs=0.3)


@pytest.mark.parametrize("shift_us", [40_000, 3_600_000_000])
def test_when_the_session_began_does_not_matter(shift_us: int) -> None:
    seen = acting(late(0.2))
    assert read(cue(), seen, shift_us).llr == read(cue(), seen).llr


def test_one_lag_is_forgiven_and_scatter_is_not() -> None:
    beats = np.array(BEATS_S)
    together = rhythm_nats(beats + 0.25, BEATS_S, 5.1)
    scattered = rhythm_nats(beats + np.array([0.25, -0.2, 0.45, -0.1]), BEATS_S, 5.1)
    assert together < scattered - 0.5


def test_random_scripts_are_told_apart_on_the_average() -> None:
    rng, scripts = np.random.default_rng(5), _scripts()
    nats = [rhythm_nats(scripts[k] + rng.normal(0.15, 0.08), BEATS_S, 5.1) for k in rng.integers(len(scripts), size=60)]
    kept = [rhythm_nats(np.array(BEATS_S) + 0.1 + rng.normal(0, 0.1, 4), BEATS_S, 5.1) for _ in range(60)]
    assert np.mean(nats) > 0.3
    assert np.mean(kept) < -1.5
    assert np.mean(np.exp(-np.array(nats)) > 10) < 0.1


def test_too_few_pictures_for_blinks_are_enough_for_a_mouth() -> None:
    slow = read(cue(), acting(late(0.1), fps=10))
    assert slow.llr is None
    assert "frame rate" in slow.why
    assert read(cue("mouth"), acting(late(0.1), "mouth", fps=10)).llr is not None


def test_no_face_others_and_absence_cannot_be_judged() -> None:
    seen = acting(late(0.1))
    others = [replace(face, track=2) for face in seen]
    assert read(cue(), seen, others=others).why == SEVERAL
    nobody = read(cue(), seen[:1])
    assert (nobody.llr, "no face" in nobody.why) == (None, True)
    away = read(cue(), [face for face in seen if not 4_000_000 < face.t_us < 6_500_000])
    assert away.llr is None
    assert "stay in view" in away.why


def test_dark_glasses_cannot_be_judged_for_blinks() -> None:
    hidden = []
    for face in acting([]):
        mesh = face.landmarks.copy()
        mesh[UPPER_LIDS, 1] = mesh[LOWER_LIDS, 1] - 0.5
        mesh[UPPER_LIDS, 2] = mesh[LOWER_LIDS, 2]
        mesh[UPPER_LIDS, 0] = mesh[LOWER_LIDS, 0]
        hidden.append(replace(face, landmarks=mesh))
    reading = read(cue(), hidden)
    assert reading.llr is None
    assert "eyes cannot be seen" in reading.why
