"""A voice taken apart and put together again, as a vocoder does at the end of speech synthesis.

They come from an honest voice, so they have its words, rhythm and timbre and only the artefacts of the last step.
"""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import librosa.filters
import numpy as np
import numpy.typing as npt
import scipy.signal

from liveguard.stress.pcm import unclipped
from liveguard.stress.short_time import sound, spectra
from liveguard.types import SAMPLE_RATE_HZ, BoolArray, FloatArray

Doubles: TypeAlias = npt.NDArray[np.float64]

_MEL_WINDOW, _MEL_HOP = 1024, 256  # samples
_MELS = 80
_ROUNDS = 16
_MOMENTUM = 0.99
_WINDOW, _HOP = 640, 160  # samples, of linear prediction
_ORDER = 18  # 2 for each kHz and 2 for the glottis
_PITCH_HZ = (60, 400)
_VOICED = 0.4  # of the power comes again one pitch period later


def griffin_lim(pcm: FloatArray, rng: np.random.Generator) -> FloatArray:
    """`pcm` (n,) after 80 mel bands and back, (n,) float32: its phase is made up.

    The fast Griffin-Lim algorithm of Perraudin et al. (2013, doi:10.1109/WASPAA.2013.6701851), from random phases.
    """
    mel, inverse = _mel()
    magnitude = np.maximum(inverse @ (mel @ np.abs(spectra(pcm, _MEL_WINDOW, _MEL_HOP))), 0)
    last = estimate = magnitude * np.exp(2j * np.pi * rng.random(magnitude.shape))
    for _ in range(_ROUNDS):
        consistent = spectra(sound(estimate, len(pcm), _MEL_HOP), _MEL_WINDOW, _MEL_HOP)
        ahead = consistent + _MOMENTUM * (consistent - last)
        last, estimate = consistent, magnitude * ahead / (np.abs(ahead) + 1e-9)
    return unclipped(sound(estimate, len(pcm), _MEL_HOP))


def linear_prediction(pcm: FloatArray, rng: np.random.Generator) -> FloatArray:
    """`pcm` (n,) said by a buzz and a hiss through its linear prediction filter, (n,) float32.

    As in LPC-10 (Tremain 1982), each frame has a gain, a few coefficients (here 18), and a pitch or none.
    """
    frames = np.abs(spectra(pcm, _WINDOW, _HOP)) ** 2
    lags = np.fft.irfft(frames, axis=0)
    lags[0] += 1e-13 + 1e-4 * lags[0]  # as if there were a little white noise: pure tones and silence can be solved
    coefficients, error = _levinson(lags)
    throat = np.sqrt(np.maximum(error, 0)) / np.fft.rfft(coefficients, _WINDOW, axis=0)
    excitation = spectra(_excitation(*_pitch(lags), len(pcm), rng), _WINDOW, _HOP)
    flat = excitation / np.sqrt(np.mean(np.abs(excitation) ** 2, axis=0) + 1e-12)
    return unclipped(sound(flat * throat, len(pcm), _HOP))


@cache
def _mel() -> tuple[FloatArray, FloatArray]:
    """Mel filters (80, 513) and their pseudo-inverse."""
    mel = np.asarray(librosa.filters.mel(sr=SAMPLE_RATE_HZ, n_fft=_MEL_WINDOW, n_mels=_MELS), np.float32)
    return mel, np.linalg.pinv(mel)


def _levinson(lags: Doubles) -> tuple[Doubles, Doubles]:
    """Prediction error filters (order + 1, frames) and the powers (frames,) of their errors, from autocorrelations."""
    filters = np.zeros((_ORDER + 1, lags.shape[1]))
    filters[0] = 1
    error = lags[0].copy()
    for k in range(1, _ORDER + 1):
        reflection = -np.sum(filters[:k] * lags[k:0:-1], axis=0) / error
        filters[1 : k + 1] += reflection * filters[k - 1 :: -1][:k]
        error = error * (1 - reflection**2)
    return filters, error


def _pitch(lags: Doubles) -> tuple[Doubles, BoolArray]:
    """Pitch in Hz (frames,), made smooth, and which frames are voiced, (frames,) bool."""
    low, high = _PITCH_HZ
    shortest, longest = SAMPLE_RATE_HZ // high, SAMPLE_RATE_HZ // low
    # The window's own autocorrelation would favour short periods.
    window = np.fft.irfft(np.abs(np.fft.rfft(scipy.signal.get_window("hann", _WINDOW), 2 * _WINDOW)) ** 2)
    again = lags[shortest:longest] / lags[0] * (window[0] / window[shortest:longest])[:, None]
    period = shortest + np.argmax(again, axis=0)
    voiced = again.max(axis=0) > _VOICED
    return SAMPLE_RATE_HZ / scipy.signal.medfilt(period.astype(np.float64), 5), voiced


def _excitation(pitch_hz: Doubles, voiced: BoolArray, n: int, rng: np.random.Generator) -> FloatArray:
    """Pulses where it is voiced and noise where not, (n,) float32."""
    at = np.arange(n) / _HOP
    frame = np.arange(len(pitch_hz))
    turns = np.cumsum(np.interp(at, frame, pitch_hz)) / SAMPLE_RATE_HZ
    pulses = np.diff(np.floor(turns), prepend=0.0)
    buzz = voiced[np.minimum(np.round(at).astype(np.int64), len(voiced) - 1)]
    return np.where(buzz, pulses, 0.1 * rng.standard_normal(n)).astype(np.float32)
