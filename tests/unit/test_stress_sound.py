"""The sound effects of the stress set and of the bench attacks: what each does, measured on generated speech."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from liveguard.audio.features import _spectra
from liveguard.errors import InputError
from liveguard.stress import short_time
from liveguard.stress.packet_loss import lost_packets
from liveguard.stress.pcm import active_power
from liveguard.stress.room import background_noise, reverberation, room_response
from liveguard.stress.sound_attacks import copy_synthesis, delayed, pitch_shifted
from liveguard.stress.sound_codec import aac, g711, g722, mp3, opus
from liveguard.stress.sound_filter import av_filter
from liveguard.stress.variant import SoundEffect
from liveguard.stress.voice_processing import automatic_gain, band_limit, clipped, noise_suppression
from liveguard.types import SAMPLE_RATE_HZ, FloatArray

SECONDS = 1.5
ALIGNED = SAMPLE_RATE_HZ // 200  # samples: 5 ms

HARDER: dict[str, SoundEffect] = {
    "opus": opus(20),
    "opus, narrow": opus(6),
    "opus, lossy": opus(24, loss=0.1, burst_packets=2.0),
    "g711": g711(),
    "g722": g722(),
    "mp3": mp3(32),
    "aac": aac(32),
    "small room": reverberation(0.3, 6),
    "hall": reverberation(0.9, -3),
    "pink": background_noise(10, "pink"),
    "babble": background_noise(5, "babble"),
    "hum": background_noise(10, "hum"),
    "noise suppression": noise_suppression(12),
    "automatic gain": automatic_gain(),
    "telephone band": band_limit(300, 3400),
    "clipped": clipped(12),
}
ATTACKS: dict[str, SoundEffect] = {
    "late": delayed(0.3),
    "early": delayed(-0.3),
    "griffin_lim": copy_synthesis("griffin_lim"),
    "lpc": copy_synthesis("lpc"),
    "higher": pitch_shifted(3),
    "lower": pitch_shifted(-4),
}
EFFECTS = HARDER | ATTACKS


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def made_speech(seconds: float = SECONDS, pitch_hz: float = 120.0, glide: float = 0.3) -> FloatArray:
    """Vowels that glide, three syllables a second, with a hiss in every second pause and silence in the others."""
    t = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    pitch = pitch_hz * (1 + glide * np.sin(2 * np.pi * 0.8 * t))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE_HZ
    formants = (500 + 200 * np.sin(2 * np.pi * 1.7 * t), 1500 + 500 * np.sin(2 * np.pi * 1.1 * t + 1))
    level = [0.02 + sum(1 / (1 + ((k * pitch - formant) / 130) ** 2) for formant in formants) for k in range(1, 30)]
    vowels = (
        sum(a * np.sin(k * phase) for k, a in enumerate(level, 1)) * np.maximum(np.sin(2 * np.pi * 3 * t), 0) ** 0.5
    )
    hiss = (np.sin(2 * np.pi * 1.5 * t + 2.4) > 0.97) * rng(0).normal(0, 0.3, len(t))
    sound = vowels + hiss
    return np.asarray(0.5 * sound / np.abs(sound).max(), np.float32)


SPEECH = made_speech()


def lag(before: FloatArray, after: FloatArray, most: int = 8_000) -> int:
    """By how many samples `after` is late, at the peak of the cross-correlation within `most`."""
    products = scipy.signal.correlate(after, before, method="fft")
    middle = len(before) - 1
    return int(np.argmax(products[middle - most : middle + most + 1])) - most


def loudness(pcm: FloatArray) -> FloatArray:
    """Course of the level over time, smoothed over some periods of the pitch, without its mean."""
    course = np.sqrt(np.maximum(scipy.signal.oaconvolve(pcm**2, np.hanning(480), mode="same"), 0))
    return np.asarray(course - course.mean(), np.float32)


def log_mel(pcm: FloatArray) -> FloatArray:
    """Of whole frames, the quietest raised to 60 dB below the loudest: what is under that, nobody hears."""
    bands = _spectra(np.lib.stride_tricks.sliding_window_view(pcm, 400)[::160])[0]
    return np.maximum(bands, bands.max() - 60)


def alike(a: FloatArray, b: FloatArray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def power_db(pcm: FloatArray) -> float:
    return float(10 * np.log10(np.mean(pcm.astype(np.float64) ** 2) + 1e-20))


def sine(f_hz: float, seconds: float = 1.0) -> FloatArray:
    t = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return np.asarray(0.3 * np.sin(2 * np.pi * f_hz * t), np.float32)


# --- what holds for all of them ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EFFECTS)
def test_sound_keeps_its_length_and_range_and_comes_again_with_its_seed(name: str) -> None:
    before = SPEECH.copy()
    after = EFFECTS[name](before, rng())
    assert after.shape == SPEECH.shape
    assert after.dtype == np.float32
    assert np.isfinite(after).all()
    assert np.abs(after).max() <= 1
    assert np.array_equal(before, SPEECH)
    assert power_db(after) > power_db(SPEECH) - 6
    assert not np.array_equal(after, SPEECH)
    assert np.array_equal(after, EFFECTS[name](before, rng()))


@pytest.mark.parametrize("name", HARDER)
def test_what_is_done_to_honest_sound_keeps_its_time(name: str) -> None:
    assert abs(lag(SPEECH, HARDER[name](SPEECH, rng()))) <= ALIGNED


@pytest.mark.parametrize("name", ["griffin_lim", "lpc", "higher", "lower"])
def test_another_voice_speaks_at_the_same_time(name: str) -> None:
    """Its waveform is another one, so its level is looked at."""
    after = loudness(ATTACKS[name](SPEECH, rng()))
    assert abs(lag(loudness(SPEECH), after)) <= ALIGNED
    assert alike(loudness(SPEECH), after) > 0.75


@pytest.mark.parametrize("name", EFFECTS)
def test_hardly_any_sound_is_no_trouble(name: str) -> None:
    for n in (0, 1, 2, 77, 319, 321):
        after = EFFECTS[name](SPEECH[1000 : 1000 + n], rng())
        assert after.shape == (n,)
        assert after.dtype == np.float32
        assert np.isfinite(after).all()
        assert np.abs(after).max(initial=0) <= 1


@pytest.mark.parametrize("name", EFFECTS)
def test_silence_stays_silent(name: str) -> None:
    after = EFFECTS[name](np.zeros(5_000, np.float32), rng())
    assert np.abs(after).max() < 3e-4  # g722 has steps of 1e-4


@pytest.mark.parametrize("name", [*HARDER, "griffin_lim", "lpc", "higher"])
def test_a_sound_at_full_scale_stays_within_it(name: str) -> None:
    after = EFFECTS[name](np.clip(4 * SPEECH, -1, 1), rng())
    assert np.abs(after).max() <= 1
    assert power_db(after) > -20


@pytest.mark.parametrize("name", ["opus, lossy", "hall", "pink", "babble", "hum", "griffin_lim"])
def test_another_seed_is_another_draw(name: str) -> None:
    assert not np.array_equal(EFFECTS[name](SPEECH, rng(1)), EFFECTS[name](SPEECH, rng(2)))


# --- codecs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("loss", "burst"), [(0.02, 1.0), (0.1, 1.5), (0.3, 4.0)])
def test_packets_are_lost_as_often_and_in_such_runs_as_asked(loss: float, burst: float) -> None:
    lost = lost_packets(60_000, loss, burst, rng())
    runs = np.count_nonzero(np.diff(lost.astype(np.int8), prepend=0) == 1)
    assert lost.mean() == pytest.approx(loss, rel=0.08)
    assert lost.sum() / runs == pytest.approx(burst, rel=0.08)


@pytest.mark.parametrize(("loss", "burst"), [(-0.1, 2.0), (1.0, 2.0), (0.1, 0.5), (0.8, 1.5)])
def test_an_impossible_loss_is_refused(loss: float, burst: float) -> None:
    with pytest.raises(ValueError, match="not possible"):
        opus(20, loss, burst)


@pytest.mark.parametrize("kbps", [5.0, 64.0])
def test_opus_has_rates_of_speech_only(kbps: float) -> None:
    with pytest.raises(ValueError, match="allowed is 6 to 48"):
        opus(kbps)


def test_opus_gets_worse_with_loss_and_with_fewer_bits() -> None:
    def likeness(effect: SoundEffect) -> float:
        return alike(log_mel(SPEECH), log_mel(effect(SPEECH, rng())))

    whole, lossy, ruined = (likeness(opus(24, loss, 2.0)) for loss in (0.0, 0.1, 0.4))
    assert whole > lossy + 0.01
    assert lossy > ruined + 0.02
    assert likeness(opus(32)) > likeness(opus(6)) + 0.01


def test_opus_conceals_a_short_loss_and_fades_in_a_long_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(n: int, *_: object) -> np.ndarray:
        return (np.arange(n) == 20) | ((np.arange(n) >= 35) & (np.arange(n) < 50))

    monkeypatch.setattr("liveguard.stress.sound_codec.lost_packets", gone)
    vowel = np.sign(sine(150)) * np.float32(0.3)
    after = opus(24, loss=0.1)(vowel, rng())
    # Packet k tells of the 20 ms from 6.5 ms before k * 20 ms on.
    assert power_db(after[6_400:6_600]) > power_db(vowel) - 3
    assert power_db(after[14_600:15_800]) < power_db(vowel) - 15


def test_the_telephone_ends_at_4_khz_and_its_better_sort_does_not() -> None:
    tone = sine(5_000)
    assert power_db(g711()(tone, rng())) < power_db(tone) - 30
    assert power_db(g722()(tone, rng())) > power_db(tone) - 3


# --- rooms ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rt60_s", [0.25, 0.5, 1.0])
def test_a_room_rings_as_long_as_asked(rt60_s: float) -> None:
    """As ISO 3382 measures it: backward integration from -5 to -25 dB, in the octaves of 500 Hz and 1 kHz."""
    response = room_response(rt60_s, -3, rng())[1:]  # the direct sound is not part of the decay
    band = scipy.signal.butter(3, (354, 1414), "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
    left = np.cumsum(scipy.signal.sosfilt(band, response)[::-1] ** 2)[::-1]
    left_db = 10 * np.log10(left / left[0])
    decay = (left_db < -5) & (left_db > -25)
    slope = np.polyfit(np.flatnonzero(decay) / SAMPLE_RATE_HZ, left_db[decay], 1)[0]
    assert -60 / slope == pytest.approx(rt60_s, rel=0.2)


def test_high_sound_dies_first() -> None:
    response = room_response(0.6, 0, rng())
    low, high = (scipy.signal.butter(4, 2_000, kind, fs=SAMPLE_RATE_HZ, output="sos") for kind in ("low", "high"))
    early, late = slice(800, 2_400), slice(5_600, 7_200)

    def fall_db(band: np.ndarray) -> float:
        heard = scipy.signal.sosfilt(band, response)
        return power_db(heard[early]) - power_db(heard[late])

    assert fall_db(high) > fall_db(low) + 5


@pytest.mark.parametrize("ratio_db", [-6.0, 0.0, 10.0])
def test_direct_sound_has_its_share(ratio_db: float) -> None:
    response = room_response(0.5, ratio_db, rng())
    assert response[0] == 1
    assert 10 * np.log10(1 / np.sum(response[1:].astype(np.float64) ** 2)) == pytest.approx(ratio_db, abs=0.7)


def test_a_voice_is_as_loud_in_a_room_and_rings_on_after_its_end() -> None:
    heard = reverberation(0.6, 0)(np.concatenate([SPEECH, np.zeros(8_000, np.float32)]), rng())
    assert power_db(heard) == pytest.approx(power_db(SPEECH) - 10 * np.log10(1 + 8_000 / len(SPEECH)), abs=0.3)
    tail = heard[len(SPEECH) :]
    assert power_db(tail[:1_600]) > power_db(tail[4_800:6_400]) + 10


@pytest.mark.parametrize("colour", ["pink", "babble", "hum"])
@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_noise_is_as_loud_as_asked(colour: str, snr_db: float) -> None:
    quiet = SPEECH * np.float32(0.2)  # so that nothing is turned down
    noise = background_noise(snr_db, colour)(quiet, rng()) - quiet  # type: ignore[arg-type]
    assert 10 * np.log10(active_power(quiet)) - power_db(noise) == pytest.approx(snr_db, abs=1)


def test_pauses_do_not_count_as_quiet_speech() -> None:
    tone = sine(440)
    paused = np.concatenate([tone, np.zeros(3 * len(tone), np.float32)])
    assert 10 * np.log10(active_power(paused)) == pytest.approx(power_db(tone), abs=0.1)


def test_noises_have_their_colours() -> None:
    tone = sine(1_000, 2.0) * np.float32(0.2)

    def bands_db(colour: str) -> list[float]:
        noise = background_noise(0, colour)(tone, rng()) - tone  # type: ignore[arg-type]
        f_hz, density = scipy.signal.welch(noise, SAMPLE_RATE_HZ, nperseg=1024)
        return [10 * np.log10(density[(f_hz >= f) & (f_hz < 2 * f)].sum()) for f in (250, 500, 1_000, 2_000, 4_000)]

    pink, babble, hum = bands_db("pink"), bands_db("babble"), bands_db("hum")
    assert max(pink) - min(pink) < 2  # as much in each octave
    assert babble[1] > babble[4] + 10
    assert hum[0] > hum[2] + 40


# --- voice processing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("colour", ["white", "pink"])
def test_noise_suppression_takes_the_noise_and_leaves_the_voice(colour: str) -> None:
    white = rng().normal(0, 0.01, len(SPEECH)).astype(np.float32)
    noise = white if colour == "white" else background_noise(15, "pink")(SPEECH, rng()) - SPEECH
    pause = scipy.signal.oaconvolve(SPEECH**2, np.ones(800), mode="same") < 1e-5
    weak, strong = (noise_suppression(db)(SPEECH + noise, rng()) for db in (6, 24))
    assert pause.mean() > 0.1
    assert power_db(noise[pause]) - power_db(weak[pause]) == pytest.approx(5.8, abs=0.4)
    assert power_db(noise[pause]) - power_db(strong[pause]) > 11
    assert power_db(strong - SPEECH) < power_db(noise) - 3
    assert power_db(strong[~pause]) == pytest.approx(power_db(SPEECH[~pause]), abs=0.5)


def test_noise_suppression_survives_holes_of_digital_silence() -> None:
    holed = SPEECH + rng().normal(0, 0.01, len(SPEECH)).astype(np.float32)
    holed[9_000:10_500] = 0
    assert np.abs(noise_suppression(20)(holed, rng())[9_600:9_900]).max() < 1e-6
    with pytest.raises(ValueError, match="allowed is 0 or more"):
        noise_suppression(-1)


def test_automatic_gain_brings_quiet_and_loud_talkers_together() -> None:
    near, far = SPEECH, SPEECH * np.float32(0.2)
    leveled = [automatic_gain(-3.0, 30.0)(pcm, rng()) for pcm in (near, far)]
    assert abs(power_db(leveled[0]) - power_db(leveled[1])) < 1
    assert 20 * np.log10(np.abs(leveled[1]).max()) == pytest.approx(-3, abs=0.5)
    held = automatic_gain(-3.0, 6.0)(far, rng())
    assert power_db(held) - power_db(far) == pytest.approx(6, abs=0.2)


@pytest.mark.parametrize("name", ["noise suppression", "griffin_lim", "lpc", "higher"])
def test_what_would_hold_too_much_at_once_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spectra take some MB a second: an hour of sound would take the machine with it."""
    monkeypatch.setattr(short_time, "MOST_S", 0.5)
    with pytest.raises(InputError, match="cut it into pieces"):
        EFFECTS[name](SPEECH[:SAMPLE_RATE_HZ], rng())


def test_a_band_has_its_limits() -> None:
    effect = band_limit(300, 3_400)

    def change_db(f_hz: float) -> float:
        tone = sine(f_hz)
        return power_db(effect(tone, rng())[4_000:-4_000]) - power_db(tone[4_000:-4_000])

    assert abs(change_db(1_000)) < 0.2
    assert change_db(300) == pytest.approx(-6, abs=0.5)
    assert change_db(3_400) == pytest.approx(-6, abs=0.5)
    assert change_db(100) < -40
    assert change_db(6_800) < -40


def test_a_band_without_limits_changes_nothing_and_an_empty_one_is_refused() -> None:
    assert np.array_equal(band_limit(0, 8_000)(SPEECH, rng()), SPEECH)
    with pytest.raises(ValueError, match="nothing in it"):
        band_limit(3_000, 1_000)


def test_overdrive_cuts_off_what_is_louder() -> None:
    tone = sine(200) * np.float32(0.1)
    after = clipped(6.02)(tone, rng())
    # A sine of twice full scale is beyond it from 30 to 150 degrees.
    assert np.mean(np.abs(after) >= 1) == pytest.approx(2 / 3, abs=0.02)


def test_a_filter_that_is_late_is_put_in_its_place() -> None:
    assert lag(SPEECH, av_filter(SPEECH, "alimiter=limit=0.9:level=0:attack=5")) == 79
    assert lag(SPEECH, av_filter(SPEECH, "alimiter=limit=0.9:level=0:attack=5", delay=79)) == 0
    assert power_db(av_filter(SPEECH, "volume=0.5,volume=0.5")) == pytest.approx(power_db(SPEECH) - 12.04, abs=0.01)


# --- bench attacks -------------------------------------------------------------------------------------------------


def test_delay_is_exact() -> None:
    late, early = delayed(0.25)(SPEECH, rng()), delayed(-0.25)(SPEECH, rng())
    assert np.array_equal(late[4_000:], SPEECH[:-4_000])
    assert np.array_equal(early[:-4_000], SPEECH[4_000:])
    assert not late[:4_000].any()
    assert not early[-4_000:].any()
    assert not delayed(60)(SPEECH, rng()).any()
    assert not delayed(-60)(SPEECH, rng()).any()


@pytest.mark.parametrize("kind", ["griffin_lim", "lpc"])
def test_copy_synthesis_says_the_same_with_another_waveform(kind: str) -> None:
    after = copy_synthesis(kind)(SPEECH, rng())  # type: ignore[arg-type]
    products = scipy.signal.correlate(after, SPEECH, method="fft")
    assert alike(log_mel(SPEECH), log_mel(after)) > 0.8
    assert np.abs(products).max() / np.sqrt(np.sum(after**2) * np.sum(SPEECH**2)) < 0.5


def test_a_vocoder_of_pulses_finds_the_pitch() -> None:
    even = made_speech(glide=0.0)
    assert pitch_hz(copy_synthesis("lpc")(even, rng())) == pytest.approx(120, rel=0.02)


@pytest.mark.parametrize("semitones", [-5.0, -2.0, 3.0, 7.0])
def test_pitch_moves_as_asked(semitones: float) -> None:
    even = made_speech(glide=0.0)
    moved = pitch_hz(pitch_shifted(semitones)(even, rng())) / pitch_hz(even)
    assert 12 * np.log2(moved) == pytest.approx(semitones, abs=0.25)


def pitch_hz(pcm: FloatArray) -> float:
    """By the autocorrelation of all of it, between 60 and 300 Hz."""
    products = scipy.signal.correlate(pcm, pcm, method="fft")[len(pcm) - 1 :]
    periods = np.arange(SAMPLE_RATE_HZ // 300, SAMPLE_RATE_HZ // 60)
    best = periods[np.argmax(products[periods])]
    left, middle, right = products[best - 1 : best + 2]
    return float(SAMPLE_RATE_HZ / (best + 0.5 * (left - right) / (left - 2 * middle + right)))
