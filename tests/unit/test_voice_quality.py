"""What can be judged as a voice: bandwidth, background, music and several voices, on sound made here."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from liveguard.audio.align import framed_sound
from liveguard.audio.features import no_speech
from liveguard.audio.partials import Partials, PitchShares, partials, pitch_shares, still_share
from liveguard.audio.voice_quality import (
    LEAST_PITCH_SHARE,
    MOST_MUSIC_NATS,
    VoiceQuality,
    bandwidth_hz,
    no_voice,
    snr_db,
    voice_quality,
)
from liveguard.detectors.voice import MOST_SECOND_PITCH_SHARE
from liveguard.engine import Engine
from liveguard.types import FloatArray, Gap, Need, Window
from tests.synthetic import AUDIO, Spy, chunks, talker

RATE_HZ = 16_000
NEED = Need(step_us=1_000_000, audio_us=4_000_000, scope="feed")


def window_of(pcm: FloatArray, sizes: list[int] | None = None, start: int = 0) -> Window:
    """The last window of a feed of that sound, which begins at the sample `start` of the session."""
    engine = Engine(AUDIO, [spy := Spy(need=NEED)])
    for chunk in chunks(pcm, sizes or [320], start):
        engine.push(chunk)
    engine.finish()
    return spy.windows[-1]


def quality(pcm: FloatArray) -> VoiceQuality:
    window = window_of(pcm)
    return voice_quality(framed_sound(window), window.speech)


@cache
def speech() -> FloatArray:
    return talker(4.0)


def tones(*pitches_hz: float, harmonics: int = 6, seconds: float = 4.0, beat_s: float = 4.0) -> FloatArray:
    """All pitches at once, struck anew every `beat_s`."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    waves = [np.sin(2 * np.pi * k * f * t) / k for f in pitches_hz for k in range(1, harmonics + 1)]
    sound = 0.1 * sum(waves) * np.exp(-2 * (t % beat_s)) / len(pitches_hz)
    return np.asarray(sound + np.random.default_rng(0).normal(0, 3e-4, t.size), np.float32)


def low_passed(pcm: FloatArray, cut_hz: float) -> FloatArray:
    return np.asarray(scipy.signal.oaconvolve(pcm, scipy.signal.firwin(401, cut_hz, fs=RATE_HZ), "same"), np.float32)


def noise(level: float, n: int = 4 * RATE_HZ) -> FloatArray:
    return np.random.default_rng(7).normal(0, level, n).astype(np.float32)


@pytest.mark.parametrize("cut_hz", [2000, 2600, 3400, 4500, 5500])
def test_bandwidth_is_where_a_filter_cuts(cut_hz: int) -> None:
    muffled = low_passed(speech(), cut_hz) + noise(1e-5)
    assert bandwidth_hz(window_of(muffled).speech) == pytest.approx(cut_hz, rel=0.15)


def test_noise_above_a_voice_is_not_its_bandwidth() -> None:
    assert bandwidth_hz(window_of(speech()).speech) > 7_000
    assert bandwidth_hz(window_of(low_passed(speech(), 3400) + noise(3e-3)).speech) < 4_000


def test_bandwidth_of_no_speech_is_none_at_all() -> None:
    assert bandwidth_hz(window_of(noise(1e-3)).speech) == 0.0


@pytest.mark.parametrize("wanted_db", [10.0, 20.0, 30.0])
def test_snr_is_that_of_voice_over_pauses(wanted_db: float) -> None:
    words = speech().copy()
    words[RATE_HZ : 2 * RATE_HZ] = 0
    spoken = np.abs(words) > 0.01
    level = float(np.sqrt(np.mean(words[spoken] ** 2))) * 10 ** (-wanted_db / 20)
    assert snr_db(window_of(words + noise(level)).speech) == pytest.approx(wanted_db, abs=4)


@pytest.mark.parametrize("wanted_db", [0.0, 5.0])
def test_much_noise_is_known_without_pauses(wanted_db: float) -> None:
    level = float(np.sqrt(np.mean(speech() ** 2))) * 10 ** (-wanted_db / 20)
    assert snr_db(window_of(speech() + noise(level)).speech) == pytest.approx(wanted_db, abs=3)


def test_snr_is_unknown_without_pauses_and_bounded_with_silent_ones() -> None:
    assert snr_db(window_of(speech()).speech) is None
    words = speech().copy()
    words[RATE_HZ : 2 * RATE_HZ] = 0
    assert 30 < (snr_db(window_of(words).speech) or 0) <= 80


@pytest.mark.parametrize(
    "sound",
    [tones(425, harmonics=1), tones(220, 277, 330), tones(350, 440, harmonics=1), tones(196, 294, beat_s=0.5)],
    ids=["dial tone", "chord", "two tones", "strummed"],
)
def test_music_and_tones_are_told_from_a_voice(sound: FloatArray) -> None:
    assert quality(sound).music_nats > MOST_MUSIC_NATS


@pytest.mark.parametrize("every_s", [0.12, 0.16, 0.3])
def test_clicks_are_no_voice_for_they_have_no_pitch(every_s: float) -> None:
    rng, sound = np.random.default_rng(3), noise(1e-3)
    for at in range(1_000, len(sound) - 800, round(every_s * RATE_HZ)):
        sound[at : at + 800] += (rng.normal(0, 0.1, 800) * np.exp(-np.arange(800) / 120)).astype(np.float32)
    found = quality(sound)
    assert found.pitch_share < LEAST_PITCH_SHARE
    assert no_voice(found)


@pytest.mark.parametrize(("pitch_hz", "seed", "gain"), [(200, 1, 1.0), (180, 6, 1.0), (230, 1, 0.5)])
def test_two_people_at_once_are_heard(pitch_hz: float, seed: int, gain: float) -> None:
    both = speech() + np.float32(gain) * talker(4.0, pitch_hz, seed)
    assert quality(both).second_pitch_share > MOST_SECOND_PITCH_SHARE


@settings(max_examples=15, deadline=None)
@given(pitch_hz=st.floats(100, 260), seed=st.integers(0, 1000))
def test_one_person_is_neither_two_nor_music(pitch_hz: float, seed: int) -> None:
    found = quality(talker(4.0, pitch_hz, seed))
    assert found.second_pitch_share <= MOST_SECOND_PITCH_SHARE
    assert found.music_nats < 0
    assert found.pitch_share > 3 * LEAST_PITCH_SHARE
    assert not no_voice(found)


def test_people_who_take_turns_are_not_several_at_once() -> None:
    turns = np.concatenate([talker(2.0), talker(2.0, 200, 6)])
    assert quality(turns).second_pitch_share <= MOST_SECOND_PITCH_SHARE


@pytest.mark.parametrize("gain", [0.1, 2.0])
def test_how_loud_a_voice_is_does_not_matter(gain: float) -> None:
    plain, other = window_of(speech()), window_of(np.float32(gain) * speech())
    heard, again = partials(framed_sound(plain), plain.speech), partials(framed_sound(other), plain.speech)
    assert still_share(again) == pytest.approx(still_share(heard), abs=1e-3)
    assert pitch_shares(again) == pitch_shares(heard)
    assert bandwidth_hz(other.speech) == pytest.approx(bandwidth_hz(plain.speech), rel=0.1)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(8_100, 20_000), kind=st.sampled_from(["silence", "speech", "noise", "clipped"]))
def test_any_sound_of_any_length_has_a_finite_quality(n: int, kind: str) -> None:
    sound = {
        "silence": np.zeros(n, np.float32),
        "speech": speech()[:n],
        "noise": noise(0.2, n),
        "clipped": np.sign(speech()[:n]),
    }[kind]
    window = window_of(sound)
    found = voice_quality(framed_sound(window), window.speech)
    assert np.isfinite([found.bandwidth_hz, found.snr_db or 0.0, found.music_nats]).all()
    assert 0 <= found.second_pitch_share <= 1


def test_nothing_heard_has_no_partials() -> None:
    none = Partials(np.zeros((0, 256), np.float32), np.zeros(0, np.bool_), np.zeros(0, np.float32))
    assert (still_share(none), pitch_shares(none)) == (0.0, PitchShares(0.0, 0.0))


@settings(max_examples=20, deadline=None)
@given(start=st.integers(0, 100_000), n=st.integers(20_000, 70_000))
def test_sound_and_frames_are_aligned_to_the_sample(start: int, n: int) -> None:
    """The level of each frame is that of the samples which are said to be it, wherever sound and windows begin and end."""
    pcm = np.repeat(np.random.default_rng(n).uniform(0.01, 1.0, n // 50 + 1), 50)[:n].astype(np.float32)
    window = window_of(pcm, start=start)
    framed, told = framed_sound(window), window.speech
    assert len(framed) == 160 * len(told.t_us)
    for k in np.flatnonzero(told.present[:-2])[::7]:
        level_db = 10 * np.log10(np.mean(framed[160 * k : 160 * k + 400] ** 2))
        assert told.level_db[k] == pytest.approx(level_db, abs=0.01)


def test_without_sound_there_is_nothing_to_align() -> None:
    engine = Engine(AUDIO, [spy := Spy(need=NEED)])
    engine.push(Gap("audio", 0, 2_000_000, "muted"))
    engine.finish()
    window = spy.windows[-1]
    nothing = replace(window, speech=no_speech())
    assert framed_sound(nothing).size == 0
    assert voice_quality(framed_sound(nothing), nothing.speech).bandwidth_hz == 0.0
    assert not framed_sound(window).any()
