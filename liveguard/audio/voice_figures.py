"""A few dozen figures of speech that tell synthetic from genuine voices a little, and carry over to sources never seen.

None of them knows the microphone: each is a ratio within a band, a likeness of bands, or a phase that is left when the
magnitudes are taken away. What they are worth, and what was tried and failed, is in models/voice/README.md. The weights that
`models/voice/fit.py` puts on them are of these very numbers: whoever changes one has to fit anew.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from liveguard.types import SAMPLE_RATE_HZ, FloatArray

MOST_S = 4
WINDOW, HOP = 400, 160  # samples, of the band levels
BANDS, CEPSTRA = 48, 20
GROUP = 4  # cepstra that are averaged
FLOOR = 10**-6.5  # of a band's power, at unit power
PARTS = 3  # low, middle and high bands
DISTANCES = (1, 2, 4, 8)  # between bands that are compared

PAIR_WINDOW = 256  # samples, of the bicoherence; frames do not overlap, or its bias would depend on their number
LOW_BINS, HIGH_BINS = np.arange(2, 34, 2), np.arange(2, 90, 4)
LOW_RANGES = (slice(0, 3), slice(3, 7), slice(7, 16))
HIGH_RANGES = (slice(0, 3), slice(3, 8), slice(8, 15), slice(15, 22))

PITCH_WINDOW, PITCH_FFT = 640, 1024  # samples, of the periodicity
SHORTEST, LONGEST = 40, 268  # samples: pitch of 60 to 400 Hz
PITCH_BANDS = ((2, 64), (64, 128), (128, 224), (224, 320), (320, 480))  # bins: 0-1, 1-2, 2-3.5, 3.5-5, 5-7.5 kHz
MOST_FRAMES = 40
VOICED, LEAST_VOICED = 0.6, 6

NAMES = (
    *(f"{name}_{g}" for g in range(CEPSTRA // GROUP) for name in ("flicker", "shimmer")),
    *(
        name
        for pace in ("quick", "slow")
        for name in (*(f"alike_{pace}_{d}_{part}" for d in DISTANCES for part in range(PARTS)), f"alike_{pace}")
    ),
    *(f"coupled_{i}{j}" for i in range(len(LOW_RANGES)) for j in range(len(HIGH_RANGES))),
    "periodic",
    *(f"{name}_{band}" for band in range(len(PITCH_BANDS)) for name in ("periodic", "periodic_spread")),
)
"""Of all figures, in order."""

Array: TypeAlias = npt.NDArray[np.floating[Any]]


def figures(speech: FloatArray) -> dict[str, float]:
    """The figures of speech without pauses, (n,) float32 at 16 kHz of any level, of which the first 4 s count; by `NAMES`.

    Always finite. Less than 1 s is repeated until it is as long. Needs scipy.
    """
    pcm = np.asarray(speech, np.float32)[: MOST_S * SAMPLE_RATE_HZ]
    if len(pcm) < SAMPLE_RATE_HZ:
        pcm = np.resize(pcm, SAMPLE_RATE_HZ) if len(pcm) else np.zeros(SAMPLE_RATE_HZ, np.float32)
    pcm = pcm - pcm.mean()
    pcm = pcm / np.sqrt(np.mean(pcm**2) + 1e-9)
    level_db = _levels_db(pcm)
    found = _flicker(level_db) | _likeness(level_db) | _coupling(pcm) | _periodicity(pcm)
    return {name: float(value) for name, value in found.items()}


def _levels_db(pcm: FloatArray) -> Array:
    """Levels (frames, BANDS) of linearly spaced bands relative to their mean over time."""
    power = _power(_spectrum(_frames(pcm, WINDOW, HOP) * _hann(WINDOW)))
    level_db = 10 * np.log10(power @ _triangles() + FLOOR)
    return np.asarray(level_db - level_db.mean(0))


def _flicker(level_db: Array) -> dict[str, float]:
    """How fast the shape of the spectrum changes: cepstral differences against what they are differences of.

    Acoustic models draw smooth spectra, and vocoders add a flicker of their own.
    """
    cepstra = level_db @ _cosines()
    first, second = (cepstra[2:] - cepstra[:-2]) / 2, cepstra[2:] - 2 * cepstra[1:-1] + cepstra[:-2]
    fast = np.log(first.var(0) / (cepstra.var(0) + 1e-6) + 1e-6)
    faster = np.log(second.var(0) / (first.var(0) + 1e-6) + 1e-6)
    groups = enumerate(zip(fast.reshape(-1, GROUP).mean(1), faster.reshape(-1, GROUP).mean(1), strict=True))
    return {
        f"{name}_{g}": value for g, pair in groups for name, value in zip(("flicker", "shimmer"), pair, strict=True)
    }


def _likeness(level_db: Array) -> dict[str, float]:
    """How alike bands move that are 1 to 8 apart, quickly and slowly, in each part of the spectrum."""
    found = {}
    quick = level_db[2:] - 2 * level_db[1:-1] + level_db[:-2]
    for name, moving in (("quick", quick), ("slow", level_db)):
        likeness = np.corrcoef(moving + 1e-6 * np.arange(len(moving))[:, None], rowvar=False)
        for distance in DISTANCES:
            for part, values in enumerate(np.array_split(np.diagonal(likeness, distance), PARTS)):
                found[f"alike_{name}_{distance}_{part}"] = values.mean()
        found[f"alike_{name}"] = np.log(np.mean(likeness**2) + 1e-6)
    return found


def _coupling(pcm: FloatArray) -> dict[str, float]:
    """Squared bicoherence of phases alone, less its bias: how far the phase of f1 + f2 follows from those of f1 and f2.

    Speech is driven by one source; a vocoder's phases need not fit (AlBadawy et al. 2019, CVPR workshops).
    """
    frames = _frames(pcm, PAIR_WINDOW, PAIR_WINDOW) * _hann(PAIR_WINDOW)
    energy = np.sum(frames**2, axis=1)
    spectra = _spectrum(frames[energy >= np.quantile(energy, 0.95) * 10**-2.5])
    phase = np.ascontiguousarray((spectra / (np.abs(spectra) + 1e-6)).T)
    n, high = phase.shape[1], phase[HIGH_BINS]
    coupled = np.array([
        _power(np.einsum("ft,ft->f", high * phase[low], np.conj(phase[HIGH_BINS + low])) / n) - 1 / n
        for low in LOW_BINS
    ])  # fmt: skip
    return {
        f"coupled_{i}{j}": coupled[low, upper].mean()
        for i, low in enumerate(LOW_RANGES)
        for j, upper in enumerate(HIGH_RANGES)
    }


def _periodicity(pcm: FloatArray) -> dict[str, float]:
    """How far each band repeats itself after a pitch period, on average and in its spread over voiced frames."""
    frames = _frames(pcm, PITCH_WINDOW, PITCH_WINDOW // 2)
    energy = np.sum(frames**2, axis=1)
    loud = np.flatnonzero(energy >= np.quantile(energy, 0.95) * 10**-2.0)
    loud = loud[np.linspace(0, len(loud) - 1, min(MOST_FRAMES, len(loud))).astype(int)]
    power = _power(_spectrum(frames[loud] * _hann(PITCH_WINDOW), PITCH_FFT))
    again = _back(power, PITCH_FFT)[:, :LONGEST] / _own_likeness()
    again = again / (again[:, :1] + 1e-9)
    lag, peak = again[:, SHORTEST:].argmax(1) + SHORTEST, again[:, SHORTEST:].max(1)
    half = np.round(lag / 2).astype(int)  # the period rather than two of it
    lag = np.where((half >= SHORTEST) & (again[np.arange(len(lag)), half] > 0.9 * peak), half, lag)
    voiced = peak > min(VOICED, np.sort(peak)[-min(LEAST_VOICED, len(peak))] - 1e-9)
    voiced |= not voiced.any()  # something that goes round: all its frames are alike
    power, lag, peak = power[voiced], lag[voiced], np.clip(peak[voiced], 0.01, 0.999)
    found = {"periodic": np.log(peak / (1 - peak)).mean()}
    at = np.clip(lag[:, None] + np.arange(-2, 3), 1, LONGEST - 1)
    for band, (low, high) in enumerate(PITCH_BANDS):
        part = np.zeros_like(power)
        part[:, low:high] = power[:, low:high]
        again = _back(part, PITCH_FFT)
        repeats = (np.take_along_axis(again, at, 1) / _own_likeness()[at]).max(1) / (again[:, 0] + 1e-6)
        found[f"periodic_{band}"], found[f"periodic_spread_{band}"] = repeats.mean(), repeats.std()
    return found


def _spectrum(frames: FloatArray, n: int | None = None) -> npt.NDArray[np.complexfloating[Any, Any]]:
    import scipy.fft  # here, because every check is loaded at the start, also those that will not be used

    return np.asarray(scipy.fft.rfft(frames, n))


def _back(power: Array, n: int | None = None) -> Array:
    """Autocorrelations of power spectra."""
    import scipy.fft

    return np.asarray(scipy.fft.irfft(power, n))


def _frames(pcm: FloatArray, window: int, hop: int) -> FloatArray:
    return np.lib.stride_tricks.sliding_window_view(pcm, window)[::hop]


def _power(spectra: npt.NDArray[np.complexfloating[Any, Any]]) -> Array:
    return np.asarray(spectra.real**2 + spectra.imag**2)


@cache
def _hann(n: int) -> FloatArray:
    return np.hanning(n + 1)[:-1].astype(np.float32)


@cache
def _triangles() -> FloatArray:
    """Triangles (WINDOW / 2 + 1, BANDS), evenly spaced from 60 to 7,500 Hz."""
    at, edges = np.linspace(0, SAMPLE_RATE_HZ / 2, WINDOW // 2 + 1)[:, None], np.linspace(60, 7500, BANDS + 2)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    shape = np.clip(np.minimum((at - low) / (middle - low), (high - at) / (high - middle)), 0, None)
    return np.asarray(shape / shape.sum(0) / WINDOW, np.float32)


@cache
def _cosines() -> FloatArray:
    """Discrete cosine transform (BANDS, CEPSTRA)."""
    turns = np.pi / BANDS * np.outer(np.arange(BANDS) + 0.5, np.arange(CEPSTRA))
    return np.asarray(np.cos(turns) * np.sqrt(2 / BANDS), np.float32)


@cache
def _own_likeness() -> FloatArray:
    """What the window alone does to an autocorrelation, (LONGEST,)."""
    again = _back(_power(_spectrum(_hann(PITCH_WINDOW), 2 * PITCH_FFT)))
    return np.asarray(again[:LONGEST] / again[0], np.float32)
