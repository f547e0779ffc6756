"""Partials: the fine lines in the spectrum of whatever has a pitch; whether they stand still, and whether there are two sets.

A voice's partials glide all the time; those of an instrument stand still for as long as a note lasts. This is what tells
music from speech in broadcasts (Seyerlehner et al., "Automatic music detection in television productions", DAFx 2007).
Two people who talk at once have two sets; taking the stronger one away and looking for another follows de Cheveigné &
Kawahara (1999, doi:10.1016/S0167-6393(98)00074-0) and Klapuri (2003, doi:10.1109/TSA.2003.815516).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from liveguard.types import SAMPLE_RATE_HZ, BoolArray, FloatArray, Speech

IntArray: TypeAlias = npt.NDArray[np.int64]
Doubles: TypeAlias = npt.NDArray[np.float64]

FRAME, HOP = 1024, 320  # samples: 64 ms, in which the partials of a low voice stand apart, and 20 ms
BIN_HZ = SAMPLE_RATE_HZ / FRAME
TOP_BIN = 256  # 4 kHz: up to here they do in most voices, and a telephone lets them through
FLOOR = 0.03  # of a frame's loudest line: 30 dB below it is background, whatever lines it has
SMOOTH_BINS = 9  # 140 Hz: over which the coarse form of the spectrum, the vowel, is taken away

STILL_HOPS = 15  # 300 ms: longer than a voice holds a pitch, shorter than many notes

PITCHES_HZ = (75.0, 420.0)
PER_OCTAVE = 36
HARMONICS = 12
PITCH_TOP_BIN = 128  # 2 kHz
HARMONIC_SHARE = 0.85  # weight of each harmonic, of that of the one below
BETWEEN_SHARE = 0.5  # what lies between the harmonics counts against a pitch, or its octave below would win
APART = 0.2  # in ln of the ratio, 3.5 semitones: nearer than this a second pitch may be the echo of the first
OCTAVE_NEAR = 0.06  # an octave, too, give or take a semitone: it shares its harmonics
CLEAR = 1.4  # strength from which a pitch is believed; noise, clicks and echoes seldom reach it, and then not twice
GLIDE_STEPS = 3  # a pitch goes on in the next frame if it is within a semitone
LOUD_DB = 12.0  # below the loud frames: echoes, and people in the background


@dataclass(frozen=True, slots=True)
class Partials:
    """Every 20 ms the lines (T, 256) float32 up to 4 kHz: natural log of the amplitude over that of the neighbourhood.

    `voiced` (T,): whether the voice activity detector hears a voice in the middle of the frame; `level_db` (T,) there.
    """

    lines: FloatArray
    voiced: BoolArray
    level_db: FloatArray


def partials(pcm: FloatArray, speech: Speech) -> Partials:
    """The partials of `pcm` (n,) at 16 kHz, which begins with the first frame of `speech`."""
    import scipy.fft  # here, because every check is loaded at the start, also those that will not be used
    import scipy.ndimage

    count = max(min((len(pcm) - FRAME) // HOP + 1, (len(speech.voiced) - 1) // 2), 0)
    if not count:
        return Partials(np.zeros((0, TOP_BIN), np.float32), np.zeros(0, np.bool_), np.zeros(0, np.float32))
    frames = np.lib.stride_tricks.sliding_window_view(pcm, FRAME)[::HOP][:count]
    spectrum = scipy.fft.rfft(frames * _hann(), axis=1)[:, :TOP_BIN]
    power: FloatArray = spectrum.real**2 + spectrum.imag**2
    floor = FLOOR**2 * power.max(axis=1, keepdims=True) + np.float32(1e-12)
    log = 0.5 * np.log(power + floor)
    lines = log - scipy.ndimage.uniform_filter1d(log, SMOOTH_BINS, axis=1, mode="nearest")
    middle = slice(2, 2 * count + 2, 2)  # the 25 ms frame in the middle of each of 64 ms
    return Partials(lines, speech.voiced[middle], speech.level_db[middle])


def still_share(heard: Partials) -> float:
    """How much the lines are where they were 300 ms before, as a correlation over voiced frames: 1 a steady tone, 0 a voice."""
    both = heard.voiced[STILL_HOPS:] & heard.voiced[:-STILL_HOPS]
    now, before = heard.lines[STILL_HOPS:][both], heard.lines[:-STILL_HOPS][both]
    power = float(np.vdot(now, now)) * float(np.vdot(before, before))
    return float(np.vdot(now, before)) / power**0.5 if power > 0 else 0.0


@dataclass(frozen=True, slots=True)
class PitchShares:
    """Shares of the loud voiced frames, 0..1: `one`, in which a pitch goes on from the frame before; `two`, in which two do."""

    one: float
    two: float


def pitch_shares(heard: Partials) -> PitchShares:
    """How much of what was taken for a voice has a pitch, and how much two at once."""
    if not heard.voiced.any():
        return PitchShares(0.0, 0.0)
    (loudest_db,) = percentiles(heard.level_db[heard.voiced], 90)
    loud = np.flatnonzero(heard.voiced & (heard.level_db > loudest_db - LOUD_DB))
    comb, without, unrelated = _pitches()
    lines = np.maximum(heard.lines[loud, :PITCH_TOP_BIN], 0)
    strength = lines @ comb.T
    first = strength.argmax(axis=1)
    rest = (lines * without[first]) @ comb.T * unrelated[first]
    second = rest.argmax(axis=1)
    one, two = strength.max(axis=1) > CLEAR, rest.max(axis=1) > CLEAR
    next_frame = np.diff(loud) == 1
    straight = _goes_on(first, first) & _goes_on(second, second)
    crossed = _goes_on(first, second) & _goes_on(second, first)  # the other one has become the stronger
    ones = next_frame & one[1:] & one[:-1] & _goes_on(first, first)
    twos = next_frame & two[1:] & two[:-1] & (straight | crossed)
    return PitchShares(float(np.count_nonzero(ones) / len(loud)), float(np.count_nonzero(twos) / len(loud)))


def percentiles(values: FloatArray, *percents: int) -> list[FloatArray]:
    """Each percentile of `values` (..., n) over its last axis, at a fifth of what np.percentile takes."""
    ordered = np.sort(values, axis=-1)
    return [np.asarray(ordered[..., values.shape[-1] * percent // 100]) for percent in percents]


def _goes_on(pitch: IntArray, before: IntArray) -> BoolArray:
    """For each frame but the first: whether `pitch` (T,) is there what `before` (T,) was in the frame before it."""
    return np.asarray(np.abs(pitch[1:] - before[:-1]) <= GLIDE_STEPS)


@cache
def _hann() -> FloatArray:
    return np.hanning(FRAME + 1)[:-1].astype(np.float32)


@cache
def _pitches() -> tuple[FloatArray, FloatArray, BoolArray]:
    """For each of P pitches: a comb (P, 128) that finds it, what is left (P, 128) without it, and its unrelated (P, P)."""
    low, high = PITCHES_HZ
    pitch_hz = low * 2 ** (np.arange(int(np.log2(high / low) * PER_OCTAVE) + 1) / PER_OCTAVE)[:, None]
    hz = np.arange(PITCH_TOP_BIN) * BIN_HZ
    harmonic = np.maximum(np.round(hz / pitch_hz), 1)
    between = np.floor(hz / pitch_hz) + 0.5
    off_bins = np.abs(hz - harmonic * pitch_hz) / BIN_HZ
    on = _tooth(off_bins) * HARMONIC_SHARE ** (harmonic - 1) * (harmonic <= HARMONICS)
    off = _tooth(np.abs(hz - between * pitch_hz) / BIN_HZ) * HARMONIC_SHARE**between
    comb = on - BETWEEN_SHARE * off * (between > 1) * (between <= HARMONICS)
    comb /= np.linalg.norm(comb, axis=1, keepdims=True)
    without = np.clip((off_bins - 0.5) / 1.5, 0, 1)
    ratio = np.abs(np.log(pitch_hz / pitch_hz.T))
    unrelated = (ratio >= APART) & (np.abs(ratio - np.log(2)) >= OCTAVE_NEAR)
    return comb.astype(np.float32), without.astype(np.float32), unrelated


def _tooth(off_bins: Doubles) -> Doubles:
    return np.maximum(1 - off_bins / 1.5, 0)
