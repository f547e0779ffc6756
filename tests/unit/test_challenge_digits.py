"""The digits challenge with a made-up recogniser: what is made of what it hears, and when nothing is said."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pytest

from liveguard.challenge import digits
from liveguard.challenge.check import SEVERAL
from liveguard.challenge.digits import DigitsChallenge, compliance_nats
from liveguard.challenge.recogniser import Heard
from liveguard.challenge.spoken_by import part
from liveguard.timeline import Timeline
from liveguard.types import (
    AudioChunk,
    Cue,
    Detector,
    FaceSample,
    FeedInfo,
    FloatArray,
    FrameSample,
    Observation,
    Reading,
    Window,
)
from tests.moving_faces import Person, faces
from tests.synthetic import talker

CUE_US, LASTS_US = 4_000_000, 5_000_000
ASKED = Cue(CUE_US, "challenge.digits", {"digits": "4 7 1 9", "lasts_us": LASTS_US})
RIGHT = Heard((4, 7, 1, 9), 0.4, 2.4, 2.0, -1000.0, -1000.0, -990.0)
OTHER = Heard((4, 2, 8, 9), 0.4, 2.4, 2.0, -1600.0, -1000.0, -990.0)
CHATTER = Heard((1, 1, 5, 0), 0.4, 2.4, 2.0, -2400.0, -2000.0, -1000.0)


@dataclass
class Fake:
    """Hears what it is told to, and keeps what it was asked."""

    heard: Heard | None = RIGHT
    asked: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)

    def hear(self, pcm: FloatArray, asked: Sequence[int]) -> Heard | None:
        self.asked.append((len(pcm), tuple(asked)))
        return self.heard


@cache
def sound(starts_s: float = 1.0, lasts_s: float = 2.4, gain: float = 1.0, noise: float = 3e-4) -> FloatArray:
    """Speech that begins so long after the cue."""
    pcm = np.random.default_rng(1).normal(0, noise, (CUE_US + LASTS_US) * 16 // 1000)
    at = round((CUE_US / 1e6 + starts_s) * 16_000)
    said = talker(lasts_s)[: len(pcm) - at]
    pcm[at : at + len(said)] += said
    return np.asarray(gain * pcm, np.float32)


def window(
    pcm: FloatArray, cue: Cue = ASKED, seen: Sequence[FaceSample] = (), shift_us: int = 0, track: int | None = None
) -> Window:
    feed = FeedInfo("test", frozenset({"audio", "video"} if seen else {"audio"}))
    timeline = Timeline(feed, DigitsChallenge.need.video_us, wants_audio=True)
    timeline.add(replace(cue, t_us=cue.t_us + shift_us))
    for at in range(0, len(pcm), 3200):
        t_us = at * 1000 // 16
        for face in (face for face in seen if t_us <= face.t_us < t_us + 200_000):
            moved = replace(face, t_us=face.t_us + shift_us)
            frame = FrameSample(moved.t_us, 1280, 720, face.t_us, np.zeros((9, 16), np.float32), 0.5)
            timeline.add(Observation(frame, (moved,)))
        timeline.add(AudioChunk(t_us + shift_us, pcm[at : at + 3200]))
    timeline.finish()
    return timeline.window(DigitsChallenge.need, CUE_US + LASTS_US + shift_us, track)


def read(heard: Heard | None = RIGHT, pcm: FloatArray | None = None, cue: Cue = ASKED) -> Reading:
    return DigitsChallenge(Fake(heard)).evaluate(window(sound() if pcm is None else pcm, cue))


def test_it_is_a_detector() -> None:
    detector: Detector = DigitsChallenge(Fake())
    assert (detector.name, detector.hypothesis, detector.need.cue) == ("digits", "av_mismatch", "challenge.digits")


def test_the_right_digits_by_these_lips_speak_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "lips_nats", lambda *_: (-0.5, "lips and voice go together", {}))
    reading = read()
    assert reading.measures["compliance_nats"] < -1
    assert reading.llr == pytest.approx(reading.measures["compliance_nats"] - 0.5)
    assert reading.why == "the digits were read aloud; lips and voice go together"
    assert reading.measures["answer_s"] == pytest.approx(1.1, abs=0.15)


STILL = Person(speech=0, tremble=0, breathing=0, turn_deg=2)


@pytest.mark.parametrize(
    ("seen", "why"), [((), "no face in view"), (faces(STILL, 9.0, 9.0), "frame rate 9 fps")], ids=["no face", "9 fps"]
)
def test_the_right_digits_by_lips_that_were_not_seen_prove_nothing(seen: list[FaceSample], why: str) -> None:
    """The operator of a puppet can read them aloud; so can anybody beside the camera."""
    reading = DigitsChallenge(Fake()).evaluate(window(sound(), seen=seen, track=1 if seen else None))
    assert reading.llr is None
    assert "the digits were read aloud; the lips could not be judged" in reading.why
    assert why in reading.why


@pytest.mark.parametrize("lips", [0.6, 2.0, 4.0])
def test_the_right_digits_by_other_lips_never_speak_for_a_person(monkeypatch: pytest.MonkeyPatch, lips: float) -> None:
    monkeypatch.setattr(digits, "lips_nats", lambda *_: (lips, "the voice does not fit what the lips do", {}))
    reading = read()
    assert reading.llr is not None
    assert 0 <= reading.llr < lips


def test_other_digits_and_other_speech_speak_against() -> None:
    other, chatter = read(OTHER), read(CHATTER)
    assert other.measures["compliance_nats"] > 1
    assert "2 of 4 fit" in other.why
    assert chatter.measures["compliance_nats"] > 1
    assert "something else than digits" in chatter.why
    # Whoever says something else may be somebody else: the lips are not judged by it.
    assert "lips" not in other.why
    assert "artefact_nats" not in chatter.measures


def test_evidence_falls_with_every_nat_and_is_bounded() -> None:
    worse = [compliance_nats(replace(RIGHT, digits_nats=-1000.0 + more)) for more in (0.0, 50.0, 200.0, 800.0)]
    assert worse == sorted(worse)
    assert worse[0] < worse[-1]
    strange = [compliance_nats(replace(RIGHT, speech_nats=-1000.0 + more)) for more in (0.0, 200.0, 600.0, 9000.0)]
    assert strange == sorted(strange)
    assert worse[0] >= -3
    assert strange[-1] <= 3


def test_only_what_came_after_the_cue_is_heard() -> None:
    fake = Fake()
    DigitsChallenge(fake).evaluate(window(sound(starts_s=-2.5, lasts_s=5.0)))
    samples, asked = fake.asked[0]
    assert asked == (4, 7, 1, 9)
    assert samples == pytest.approx(2.8 * 16_000, rel=0.1)
    over = read(pcm=sound(starts_s=-3.5, lasts_s=3.0, noise=4e-3))
    assert "nothing was said" in over.why


def test_an_answer_that_came_before_it_could_be_read_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    early = read(replace(RIGHT, start_s=0.0), sound(starts_s=-2.5, lasts_s=5.0))
    assert early.measures["compliance_nats"] == 0
    assert "before it could be read" in early.why
    monkeypatch.setattr(digits, "lips_nats", lambda *_: (-0.5, "lips and voice go together", {}))
    assert read(replace(RIGHT, start_s=0.0), sound(starts_s=-2.5, lasts_s=5.0)).llr == 0  # as those of a recording do
    against = read(replace(OTHER, start_s=0.0), sound(starts_s=-2.5, lasts_s=5.0))
    assert against.measures["compliance_nats"] > 1


def test_silence_speaks_against_and_no_sound_cannot_be_judged() -> None:
    quiet = read(pcm=sound(lasts_s=0.0, noise=4e-3))
    assert quiet.llr is not None
    assert quiet.llr > 1
    assert "nothing was said" in quiet.why
    for pcm, words in (
        (0 * sound(), "no sound arrives"),
        (sound(gain=1e-3), "too quiet"),
        (sound(gain=80.0).clip(-1, 1), "overdriven"),
        (sound(noise=0.2), "too noisy"),
    ):
        reading = read(pcm=np.asarray(pcm, np.float32))
        assert reading.llr is None, words
        assert words in reading.why


def test_sound_without_any_word_is_no_answer() -> None:
    reading = read(None)
    assert reading.llr is not None
    assert reading.llr > 1


def test_without_the_recogniser_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    reading = DigitsChallenge().evaluate(window(sound()))
    assert reading.llr is None
    assert "install liveguard[kyc]" in reading.why


def test_several_people_cannot_be_judged() -> None:
    alone = window(sound())
    assert DigitsChallenge(Fake()).evaluate(replace(alone, peers=(2,))).why == SEVERAL


def test_a_mouth_that_keeps_still_did_not_say_it() -> None:
    silent = DigitsChallenge(Fake()).evaluate(window(sound(), seen=faces(STILL, 9.0), track=1))
    assert silent.llr == 0
    assert silent.measures["artefact_nats"] > 1
    assert "hardly moves" in silent.why
    speaking = faces(Person(speech=120), 9.0)
    moving = DigitsChallenge(Fake()).evaluate(window(sound(), seen=speaking, track=1))
    assert "hardly moves" not in moving.why
    assert moving.measures["mouth_motion_eyes"] > silent.measures["mouth_motion_eyes"] * 2


@pytest.mark.parametrize("shift_us", [100_000, 3_600_000_000])
def test_when_the_session_began_does_not_matter(shift_us: int) -> None:
    seen = faces(Person(speech=120), 9.0)
    fakes = Fake(), Fake()
    first = DigitsChallenge(fakes[0]).evaluate(window(sound(), seen=seen, track=1))
    later = DigitsChallenge(fakes[1]).evaluate(window(sound(), seen=seen, track=1, shift_us=shift_us))
    assert fakes[0].asked == fakes[1].asked
    assert first.llr == pytest.approx(later.llr, abs=1e-6)
    assert first.why == later.why


def test_a_part_of_a_window_holds_only_that_part() -> None:
    whole = window(sound(), seen=faces(Person(), 9.0), track=1)
    cut = part(whole, 5_000_000, 7_000_000)
    assert (cut.start_us, cut.end_us) == (5_000_000, 7_000_000)
    assert all(5_000_000 <= face.t_us < 7_000_000 for face in cut.faces)
    assert all(5_000_000 <= t_us < 7_000_000 for t_us in cut.speech.t_us)
    assert len(cut.speech.t_us) == len(cut.speech.log_mel) == len(cut.speech.voiced) == 200


def test_music_cannot_be_judged() -> None:
    t_s = np.arange((CUE_US + LASTS_US) * 16 // 1000) / 16_000
    chord = sum(np.sin(2 * np.pi * pitch * k * t_s) / k for pitch in (220.0, 277.2, 329.6) for k in (1, 2, 3, 4))
    reading = read(pcm=np.asarray(0.05 * chord * (0.6 + 0.4 * np.sin(2 * np.pi * t_s)), np.float32))
    assert reading.llr is None
    assert "music" in reading.why
