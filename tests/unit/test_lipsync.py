"""The lip-sync check on made-up speakers: a mesh whose mouth follows random syllables, and a sound that follows it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from liveguard.audio.features import no_speech
from liveguard.detectors.lipsync import FITS_NATS, MOST_NATS, STILL_MOTION, STILL_NATS, TELLING_NATS, LipSync
from liveguard.detectors.lipsync_lag import BAND_EDGES, on_grid
from liveguard.detectors.mouth_cover import SKIN
from liveguard.face.geometry import box_of
from liveguard.face.texture import canonical_face
from liveguard.fusion import Fusion
from liveguard.policy import SUSPICIOUS_RISK, Policy
from liveguard.types import Cue, FaceSample, FeedInfo, FloatArray, Reading, Speech, Window
from tests.synthetic import talker

SECONDS = 8.0
LOWER = [14, 87, 317, 17, 152, 148, 377, 178, 402, 88, 318]
EYE_PX = 90.0
CHECK = LipSync()


def syllables(t_s: FloatArray, seed: int) -> FloatArray:
    """0..1: how far the mouth is open at `t_s`; smooth, about four openings a second, never repeating."""
    rng = np.random.default_rng(seed)
    knots = np.arange(-2.0, SECONDS + 3.0, 0.13)
    values = np.clip(rng.normal(0.4, 0.35, len(knots)), 0.0, 1.0)
    return np.interp(t_s, knots, np.convolve(values, [0.25, 0.5, 0.25], mode="same")).astype(np.float32)


def faces(seed: int, fps: float = 25.0, opens: float = 0.12, eye_px: float = EYE_PX) -> tuple[FaceSample, ...]:
    rng = np.random.default_rng(seed + 1000)
    t_us = np.round(np.arange(0, SECONDS, 1 / fps) * 1e6 + rng.uniform(-4e3, 4e3, int(np.ceil(SECONDS * fps)))).astype(
        int
    )
    out = []
    for t in np.maximum(t_us, 0):
        mesh = canonical_face().mean.copy()
        mesh[LOWER, 1] += opens * syllables(np.float32(t / 1e6), seed)
        turn = 0.15 * np.sin(t / 1e6)
        nod = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]], np.float32)
        points = (mesh @ nod.T + [3.0, 2.0, 0.0] + rng.normal(0, 0.001, mesh.shape)) * eye_px
        points = points.astype(np.float32)
        out.append(FaceSample(int(t), 1, points, box_of(points), 100.0, 120.0))
    return tuple(out)


def speech(seed: int, lag_s: float = 0.0, silent: bool = False) -> Speech:
    """Sound whose middle bands follow the mouth 80 ms later, as they do in real speech, and `lag_s` on top."""
    rng = np.random.default_rng(seed + 2000)
    t_us = np.arange(0, round(SECONDS * 1e6) - 25_000, 10_000) + 12_500
    level = np.full((len(t_us), 40), -70.0) + rng.normal(0, 2.0, (len(t_us), 40))
    if not silent:
        level[:, BAND_EDGES[1] : BAND_EDGES[-2]] += 30 * syllables(t_us / 1e6 - 0.08 - lag_s, seed)[:, None]
    voiced = np.full(len(t_us), not silent)
    return Speech(
        t_us.astype(np.int64),
        level.astype(np.float32),
        voiced,
        level.mean(axis=1).astype(np.float32),
        np.ones(len(t_us), np.bool_),
    )


@cache
def somebody_talks() -> FloatArray:
    """What `speech` is said to be the features of: a voice, whoever's."""
    return talker(SECONDS)


def window(seen: tuple[FaceSample, ...], heard: Speech, **changes: object) -> Window:
    end_us = round(SECONDS * 1e6)
    plain = Window(0, end_us, FeedInfo("made up"), 1, seen, (), somebody_talks(), 0, heard, (), (), (), 1.0)
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("lag_ms", [-480, -240, -120, 0, 120, 240, 480])
@pytest.mark.parametrize("seed", [1, 2])
def test_known_lag_is_found(lag_ms: int, seed: int) -> None:
    own = CHECK.evaluate(window(faces(seed), speech(seed))).measures["lag_ms"]
    reading = CHECK.evaluate(window(faces(seed), speech(seed, lag_ms / 1e3)))
    assert abs(own) < 80
    assert reading.measures["lag_ms"] - own == pytest.approx(lag_ms, abs=25)
    assert 0 < reading.measures["lag_sd_ms"] < 80


def test_in_sync_is_only_weak_evidence_for_genuine() -> None:
    reading = CHECK.evaluate(window(faces(3), speech(3)))
    assert reading.llr == FITS_NATS
    assert "go together" in reading.why


def test_large_lag_and_foreign_sound_speak_for_an_attack() -> None:
    late = CHECK.evaluate(window(faces(3), speech(3, 0.48)))
    assert late.llr is not None
    assert 1.0 < late.llr <= MOST_NATS
    foreign = [CHECK.evaluate(window(faces(3), speech(seed))) for seed in range(10, 20)]
    consistent = CHECK.evaluate(window(faces(3), speech(3))).measures["consistency_sigma"]
    assert np.median([reading.llr for reading in foreign if reading.llr is not None]) > 0.5
    assert max(reading.measures["consistency_sigma"] for reading in foreign) < consistent


def test_silence_and_missing_sound_cannot_be_judged() -> None:
    silent = CHECK.evaluate(window(faces(4), speech(4, silent=True)))
    missing = CHECK.evaluate(window(faces(4), no_speech()))
    assert silent.llr is None
    assert "no speech" in silent.why
    assert missing.llr is None
    assert "no sound" in missing.why


def keys() -> FloatArray:
    """Six clicks a second."""
    rng, sound = np.random.default_rng(5), np.zeros(round(SECONDS * 16_000), np.float32)
    for at in np.cumsum(rng.uniform(1_600, 4_000, 40)).astype(int):
        sound[at : at + 800] += (rng.normal(0, 0.1, 800) * np.exp(-np.arange(800) / 120))[: len(sound[at : at + 800])]
    return sound


def chords() -> FloatArray:
    t = np.arange(round(SECONDS * 16_000)) / 16_000
    waves = [np.sin(2 * np.pi * k * hz * t) / k for hz in (220, 277, 330) for k in range(1, 6)]
    return np.asarray(0.05 * sum(waves) * np.exp(-2 * (t % 0.5)), np.float32)


@pytest.mark.parametrize(("sound", "word"), [(keys(), "pitch"), (chords(), "music")], ids=["keys", "chords"])
def test_what_is_no_voice_is_not_held_against_the_lips(sound: FloatArray, word: str) -> None:
    """Though the detector of voices takes it for one: lips that move, and lips that keep still."""
    for seen in (faces(3), faces(3, opens=0.0)):
        reading = CHECK.evaluate(window(seen, speech(3, 0.48), pcm=sound))
        assert reading.llr is None
        assert word in reading.why


def test_who_listens_while_somebody_off_camera_talks_does_not_become_suspicious() -> None:
    policy, need = Policy(), LipSync().need
    fusion = Fusion(policy)
    for k in range(1, 1200):
        said = Reading(
            "lipsync", 1, 0, k * need.step_us, STILL_NATS, 1.0, "2.1 s of voice while the mouth hardly moves"
        )
        evidence = fusion.add(policy.calibration.apply(said), "av_mismatch", need)
    assert 0 < policy.risk(evidence.nats) < SUSPICIOUS_RISK


def test_still_mouth_under_a_voice_is_weak_evidence_and_none_beside_other_people() -> None:
    still = CHECK.evaluate(window(faces(5, opens=0.0), speech(5)))
    assert still.llr is not None
    assert 0 < still.llr <= 1
    assert "hardly moves" in still.why
    assert CHECK.evaluate(window(faces(5, opens=0.0), speech(5), peers=(2,))).llr is None
    assert CHECK.evaluate(window(faces(5, opens=0.0), speech(5), unfollowed=True)).llr is None


@pytest.mark.parametrize("seed", [5, 6, 7])
@pytest.mark.parametrize("fps", [12.5, 25.0, 30.0])
def test_a_mouth_that_only_trembles_as_the_whole_mesh_does_in_the_dark_accuses_nobody(seed: int, fps: float) -> None:
    """It moves by several times what a still mouth may, and no less than some that speak."""
    rng = np.random.default_rng(seed)
    dark = []
    for face in faces(seed, fps=fps, opens=0.0):
        wobble = rng.normal(0, 0.006, (478, 3))
        wobble[LOWER, 1] += rng.normal(0, 0.02)
        points = (face.landmarks + wobble * EYE_PX).astype(np.float32)
        dark.append(replace(face, landmarks=points, box=box_of(points), light=40.0))
    readings = [CHECK.evaluate(window(tuple(dark), speech(voice))) for voice in range(20, 25)]
    assert min(reading.measures["mouth_motion_eyes"] for reading in readings) > 1.5 * STILL_MOTION
    assert not [reading for reading in readings if reading.llr is not None and reading.llr >= TELLING_NATS]
    assert any("trembles" in reading.why for reading in readings)


@pytest.mark.parametrize("others", [{"peers": (2,)}, {"unfollowed": True}])
def test_foreign_voice_beside_other_people_is_theirs(others: dict[str, object]) -> None:
    reading = CHECK.evaluate(window(faces(3), speech(3, 0.48), **others))
    assert reading.llr is None
    assert "another person" in reading.why


@pytest.mark.parametrize(
    ("seen", "word"),
    [
        (faces(6, fps=5.0), "fps"),
        (faces(6)[:40], "s of face seen"),
        (faces(6, eye_px=15.0), "too small"),
        ((), "no face"),
    ],
)
def test_bad_conditions_are_said_in_words(seen: tuple[FaceSample, ...], word: str) -> None:
    reading = CHECK.evaluate(window(seen, speech(6)))
    assert reading.llr is None
    assert word in reading.why


@pytest.mark.parametrize(("covered_pictures", "judged"), [(0.0, True), (0.15, True), (0.5, False)])
def test_a_covered_mouth_says_nothing(covered_pictures: float, judged: bool) -> None:
    skin, lip, blue = [180, 130, 110], [170, 90, 90], [120, 170, 210]
    bare, cloth = np.array([skin, skin, lip], np.float32), np.array([blue, skin, blue], np.float32)
    shown = faces(1)
    seen = tuple(
        replace(face, probes={SKIN.name: cloth if k < covered_pictures * len(shown) else bare})
        for k, face in enumerate(shown)
    )
    reading = CHECK.evaluate(window(seen, speech(2)))
    assert (reading.llr is not None) == judged
    assert ("covered" in reading.why) != judged
    assert reading.measures["mouth_covered_share"] == pytest.approx(covered_pictures, abs=0.01)


def test_frames_without_numbers_are_left_out() -> None:
    seen = list(faces(7))
    for k in range(0, len(seen), 7):
        seen[k] = replace(seen[k], landmarks=np.full((478, 3), np.nan, np.float32))
    reading = CHECK.evaluate(window(tuple(seen), speech(7, 0.24)))
    whole = CHECK.evaluate(window(faces(7), speech(7, 0.24)))
    assert reading.measures["lag_ms"] == pytest.approx(whole.measures["lag_ms"], abs=15)
    blind = tuple(replace(face, landmarks=np.full((478, 3), np.nan, np.float32)) for face in seen)
    assert CHECK.evaluate(window(blind, speech(7))).llr is None


def test_lost_pictures_and_lost_sound_leave_the_lag_where_it_is() -> None:
    seen = tuple(face for face in faces(8) if not 2_000_000 < face.t_us < 2_800_000)
    heard = speech(8, 0.24)
    lost = (heard.t_us > 5_000_000) & (heard.t_us < 5_600_000)
    level = np.where(lost[:, None], np.float32(-100.0), heard.log_mel)
    heard = replace(heard, present=~lost, log_mel=level, voiced=heard.voiced & ~lost)
    own = CHECK.evaluate(window(faces(8), speech(8, 0.24))).measures["lag_ms"]
    assert CHECK.evaluate(window(seen, heard)).measures["lag_ms"] == pytest.approx(own, abs=25)


def test_reading_does_not_depend_on_how_long_the_session_has_run() -> None:
    hour_us = 3_600_000_000
    seen, heard = faces(9), speech(9, 0.12)
    later = window(
        tuple(replace(face, t_us=face.t_us + hour_us) for face in seen),
        replace(heard, t_us=heard.t_us + hour_us),
        start_us=hour_us,
        pcm_start_us=hour_us,
        end_us=hour_us + round(SECONDS * 1e6),
    )
    now = CHECK.evaluate(window(seen, heard))
    assert CHECK.evaluate(later).measures == now.measures
    assert CHECK.evaluate(window(seen, heard)) == now


def test_holes_are_not_filled() -> None:
    t_s = np.array([0.0, 0.04, 0.08, 0.5, 0.54])
    _, known = on_grid(t_s, t_s[:, None], np.arange(-0.1, 0.7, 0.02))
    at = np.round(np.arange(-0.1, 0.7, 0.02), 2)
    assert not known[(at > 0.1) & (at < 0.49)].any()
    assert known[(at >= 0.02) & (at <= 0.06)].all()
    assert not known[(at < -0.03) | (at > 0.57)].any()


def clock(uncertainty_ms: float, **params: float | str) -> tuple[Cue, ...]:
    """What the clock of a live feed says of itself, once a second."""
    said = {"source": "sender_report", "uncertainty_ms": uncertainty_ms, "step": 0, "moved_ms": 0.0, **params}
    return tuple(Cue(second * 1_000_000, "av_clock", said) for second in range(8))


def llr(reading: Reading) -> float:
    assert reading.llr is not None
    return reading.llr


@pytest.mark.parametrize("seed", [1, 3, 8])
def test_a_lag_says_less_the_worse_the_tracks_are_aligned(seed: int) -> None:
    seen, heard = faces(seed), speech(seed, 0.28)
    plain, good, bad = (CHECK.evaluate(window(seen, heard, cues=cues)) for cues in ((), clock(5.0), clock(60.0)))
    assert llr(plain) >= llr(good) > llr(bad) + 0.3
    assert "av_clock_sd_ms" not in plain.measures
    assert bad.measures["av_clock_sd_ms"] == 60.0
    assert bad.measures["lag_ms"] == plain.measures["lag_ms"]
    assert bad.measures["lag_sd_ms"] == pytest.approx(np.hypot(plain.measures["lag_sd_ms"], 60.0), abs=0.1)
    assert f"± {bad.measures['lag_sd_ms']:.0f} ms" in bad.why


@pytest.mark.parametrize("seed", [1, 3, 8])
def test_a_large_lag_speaks_clearly_though_only_arrival_aligns_the_tracks(seed: int) -> None:
    cues = clock(40.0, source="arrival")
    assert llr(CHECK.evaluate(window(faces(seed), speech(seed, 0.45), cues=cues))) > 1.5
    assert llr(CHECK.evaluate(window(faces(seed), speech(seed), cues=cues))) < 0


def test_the_worst_alignment_within_the_window_counts() -> None:
    mixed = (*clock(60.0, source="arrival")[:2], *clock(5.0)[2:])
    found, bad = (CHECK.evaluate(window(faces(3), speech(3, 0.25), cues=cues)) for cues in (mixed, clock(60.0)))
    assert found == bad


def test_other_cues_and_cues_without_figures_change_nothing() -> None:
    plain = CHECK.evaluate(window(faces(3), speech(3, 0.25)))
    odd = (
        Cue(0, "light", {"uncertainty_ms": 60.0}),
        Cue(1, "av_clock", {}),
        Cue(2, "av_clock", {"uncertainty_ms": "much"}),
        Cue(3, "av_clock", {"uncertainty_ms": float("nan")}),
    )
    assert CHECK.evaluate(window(faces(3), speech(3, 0.25), cues=odd)) == plain


@pytest.mark.parametrize(
    ("later", "judged"),
    [
        ({"step": 1, "moved_ms": 59.0}, True),
        ({"step": 1, "moved_ms": -61.0}, False),
        ({"step": 1, "moved_ms": "far"}, False),  # nobody says how far
        ({"step": 0, "moved_ms": "far"}, True),
    ],
)
def test_a_window_across_a_large_step_is_not_about_one_lag(later: dict[str, float | str], judged: bool) -> None:
    cues = (*clock(10.0)[:4], *clock(10.0, **later)[4:])
    reading = CHECK.evaluate(window(faces(3), speech(3, 0.25), cues=cues))
    assert (reading.llr is not None) == judged
    assert ("aligned anew" in reading.why) != judged
    if later["moved_ms"] == 59.0:
        assert reading.measures["av_clock_sd_ms"] == pytest.approx(np.hypot(10.0, 29.5), abs=0.1)
