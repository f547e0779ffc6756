"""Sound to short-time spectra and back, and sound made longer or shorter between the two."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.signal

from liveguard.errors import InputError
from liveguard.types import SAMPLE_RATE_HZ, FloatArray

Spectra: TypeAlias = npt.NDArray[np.complexfloating[Any, Any]]

MOST_S = 600.0
_WINDOW, _HOP = 512, 128  # samples, of `stretched`; a longer window smears the beats of a voice


def spectra(pcm: FloatArray, window: int, hop: int) -> Spectra:
    """(window / 2 + 1, frames) complex: of the sound around each `hop`, from its start to a window after its end.

    Raises InputError where it is longer than `MOST_S`: all of it is held at once, at some MB a second.
    """
    if len(pcm) > MOST_S * SAMPLE_RATE_HZ:
        raise InputError(
            f"longer than {MOST_S / 60:g} min, which is too much for changes to spectra; cut it into pieces"
        )
    return np.asarray(scipy.signal.stft(np.pad(pcm, (0, window)), nperseg=window, noverlap=window - hop)[2])


def sound(frames: Spectra, n: int, hop: int) -> FloatArray:
    """The sound (n,) float32 whose spectra come closest to `frames`, which may contradict each other."""
    window = 2 * (len(frames) - 1)
    pcm = scipy.signal.istft(frames, nperseg=window, noverlap=window - hop)[1]
    out: FloatArray = np.zeros(n, np.float32)
    out[: len(pcm)] = pcm[:n]
    return out


def stretched(pcm: FloatArray, factor: float) -> FloatArray:
    """`pcm` (n,) said in `factor` times its time at the same pitch, (round(n * factor),) float32.

    A phase vocoder (Flanagan and Golden 1966, doi:10.1002/j.1538-7305.1966.tb01706.x) whose neighbouring bins are kept in
    step (Puckette 1995, "Phase-locked vocoder", WASPAA), without which a voice sounds as from a pipe.
    """
    frames, n = spectra(pcm, _WINDOW, _HOP), round(len(pcm) * factor)
    at = np.minimum(np.arange(0, n + _WINDOW, _HOP) / (factor * _HOP), frames.shape[1] - 1.001)
    before = at.astype(np.int64)
    share = at - before
    size = (1 - share) * np.abs(frames[:, before]) + share * np.abs(frames[:, before + 1])
    turn = _direction(frames[:, before + 1] * np.conj(frames[:, before]))
    out = np.empty(size.shape, np.complex128)
    direction = _direction(frames[:, 0])
    for k in range(len(at)):
        out[:, k] = size[:, k] * direction
        mixed = out[:, k].copy()
        mixed[1:-1] -= out[:-2, k] + out[2:, k]  # the bins beside a partial have it with the sign turned round
        direction = _direction(mixed) * turn[:, k]
    return sound(out, n, _HOP)


def _direction(numbers: Spectra) -> Spectra:
    """Complex numbers of size 1; 1 for 0."""
    return np.asarray(np.exp(1j * np.angle(numbers)))
