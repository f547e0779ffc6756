"""What a room adds to a voice: its echo, and what else sounds in it. All of it is generated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.signal

from liveguard.stress.pcm import active_power, fitted, unclipped
from liveguard.stress.variant import SoundEffect
from liveguard.types import SAMPLE_RATE_HZ, FloatArray

Doubles: TypeAlias = npt.NDArray[np.float64]
Colour: TypeAlias = Literal["pink", "babble", "hum"]

_OCTAVES_HZ = 125.0 * 2.0 ** np.arange(7)
_DECAY_SHARE = np.array([1.2, 1.1, 1.0, 1.0, 0.85, 0.7, 0.5])
"""Reverberation time by octave over that at 500 Hz to 1 kHz: air, curtains and people swallow the high ones."""
_EARLY_S = (0.004, 0.04)
_EARLY_COUNT = 8
_EARLY_SHARE = 0.4  # of the power that is not direct sound
_TALKERS = 6


def reverberation(rt60_s: float, direct_to_reverberant_db: float) -> SoundEffect:
    """A voice in a made-up room, another one for each draw; the direct sound keeps its time and the whole its level.

    `rt60_s`: time in which sound of 500 Hz to 1 kHz falls by 60 dB; `direct_to_reverberant_db`: power of the direct sound
    over that of all its echoes; about 10 close to a headset, -5 across a room.
    """

    def effect(pcm: FloatArray, rng: np.random.Generator) -> FloatArray:
        if not len(pcm):
            return pcm.copy()
        echo = room_response(rt60_s, direct_to_reverberant_db, rng)
        heard = scipy.signal.oaconvolve(pcm, echo)[: len(pcm)]
        gain = np.sqrt(np.mean(pcm**2) / max(float(np.mean(heard**2)), 1e-20))
        return fitted(unclipped(heard * gain), len(pcm))

    return effect


def background_noise(snr_db: float, colour: Colour) -> SoundEffect:
    """Noise `snr_db` below the speech without its pauses; the whole is turned down where the sum would clip.

    "pink": a fan, traffic; "babble": many talkers at once, in no language; "hum": the mains. Silence stays silent, because
    nothing says how loud a voice would have been.
    """

    def effect(pcm: FloatArray, rng: np.random.Generator) -> FloatArray:
        if not len(pcm):
            return pcm.copy()
        noise = _NOISES[colour](len(pcm), rng)
        gain = np.sqrt(active_power(pcm) * 10 ** (-snr_db / 10) / max(float(np.mean(noise**2)), 1e-20))
        return fitted(unclipped(pcm + gain * noise), len(pcm))

    return effect


def room_response(rt60_s: float, direct_to_reverberant_db: float, rng: np.random.Generator) -> FloatArray:
    """Impulse response of a made-up room, (n,) float32: 1 at time 0, some early echoes, and a tail of decaying noise.

    The tail is Moorer's (1979, doi:10.2307/3680280), with a decay of its own for each octave.
    """
    n = round(1.2 * rt60_s * SAMPLE_RATE_HZ) + 1
    t_s = np.arange(n) / SAMPLE_RATE_HZ
    first, last = _EARLY_S
    tail = _decaying_noise(t_s, rt60_s, rng)
    tail[t_s < first] = 0
    early = np.zeros(n)
    at_s = rng.uniform(first, last, _EARLY_COUNT)
    at = np.minimum((at_s * SAMPLE_RATE_HZ).astype(np.int64), n - 1)
    early[at] = rng.choice((-1, 1), _EARLY_COUNT) * first / at_s  # fainter the longer the way
    power = 10 ** (-direct_to_reverberant_db / 10)
    response = _of_energy(early, _EARLY_SHARE * power) + _of_energy(tail, (1 - _EARLY_SHARE) * power)
    response[0] = 1
    return np.asarray(response, np.float32)


def _decaying_noise(t_s: Doubles, rt60_s: float, rng: np.random.Generator) -> Doubles:
    """White noise of `t_s`, each octave of which falls by 60 dB in its share of `rt60_s`."""
    n = len(t_s)
    size = scipy.fft.next_fast_len(n, real=True)
    spectrum = scipy.fft.rfft(rng.standard_normal(size))
    octave = np.log2(np.maximum(scipy.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ), 1.0) / _OCTAVES_HZ[0])
    # Bands that overlap by an octave and add up to one.
    shares = np.maximum(1 - np.abs(np.clip(octave, 0, len(_OCTAVES_HZ) - 1) - np.arange(len(_OCTAVES_HZ))[:, None]), 0)
    bands = scipy.fft.irfft(spectrum * shares, size, axis=1)[:, :n]
    return np.asarray(np.sum(bands * 10 ** (-3 * t_s / (rt60_s * _DECAY_SHARE[:, None])), axis=0))


def _of_energy(pcm: Doubles, energy: float) -> Doubles:
    return np.asarray(pcm * np.sqrt(energy / max(float(np.sum(pcm**2)), 1e-20)))


def _pink(n: int, rng: np.random.Generator) -> Doubles:
    return _shaped(rng.standard_normal(n), lambda f_hz: 1 / np.sqrt(np.maximum(f_hz, 20.0)))


def _babble(n: int, rng: np.random.Generator) -> Doubles:
    """Talkers who each buzz and hiss in syllables of their own, with the spectrum of speech."""
    t_s = np.arange(n) / SAMPLE_RATE_HZ
    total = np.zeros(n)
    for _ in range(_TALKERS):
        pitch_hz, glide_hz, syllables_hz = rng.uniform((90, 0.3, 2.5), (240, 0.9, 5.0))
        turns = rng.uniform(0, 1, 3)
        pulse = (pitch_hz * (t_s + 0.03 * np.sin(2 * np.pi * (glide_hz * t_s + turns[0]))) + turns[1]) % 1
        loud = np.maximum(np.sin(2 * np.pi * (syllables_hz * t_s + turns[2])), 0)
        total += loud * ((1 - 2 * pulse) + 0.05 * rng.standard_normal(n))
    # Flat below 500 Hz and from there as a voice falls, on top of the fall that the buzz has of itself.
    return _shaped(total, lambda f_hz: f_hz / (f_hz + 80) / (1 + (f_hz / 1500) ** 2) ** 0.25)


def _hum(n: int, rng: np.random.Generator) -> Doubles:
    """Mains of 50 or 60 Hz: the odd harmonics of a transformer and the even ones of a rectifier."""
    mains_hz = rng.choice((50.0, 60.0))
    harmonic = np.arange(1, 13)
    level = rng.uniform(0.3, 1.0, len(harmonic)) / harmonic
    phase = 2 * np.pi * (mains_hz * np.arange(n) / SAMPLE_RATE_HZ)
    turns = rng.uniform(0, 2 * np.pi, len(harmonic))
    waves = [a * np.sin(k * phase + turn) for k, a, turn in zip(harmonic, level, turns, strict=True)]
    return np.asarray(np.sum(waves, axis=0))


def _shaped(pcm: Doubles, response: Callable[[Doubles], Doubles]) -> Doubles:
    """`pcm` after a filter of zero phase: `response` of the frequencies in Hz."""
    size = scipy.fft.next_fast_len(len(pcm), real=True)
    spectrum = scipy.fft.rfft(pcm, size) * response(scipy.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ))
    return np.asarray(scipy.fft.irfft(spectrum, size)[: len(pcm)])


_NOISES: dict[Colour, Callable[[int, np.random.Generator], Doubles]] = {
    "pink": _pink,
    "babble": _babble,
    "hum": _hum,
}
