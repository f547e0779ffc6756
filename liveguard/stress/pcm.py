"""What the sound effects share: another rate, the exact length, and how loud the speech in a sound is."""

from __future__ import annotations

from math import gcd

import numpy as np
import scipy.signal

from liveguard.types import SAMPLE_RATE_HZ, FloatArray

_FRAME = SAMPLE_RATE_HZ // 50  # samples: 20 ms
_ACTIVE_RANGE_DB = 20.0


def fitted(pcm: FloatArray, n: int) -> FloatArray:
    """`pcm` cut or filled with silence to (n,) float32, and clipped to [-1, 1]."""
    out: FloatArray = np.zeros(n, np.float32)
    part = pcm[:n]
    out[: len(part)] = part
    return np.clip(out, -1, 1, out=out)


def unclipped(pcm: FloatArray) -> FloatArray:
    """`pcm` turned down as a whole, if need be, until its loudest sample is within [-1, 1]."""
    return np.asarray(pcm / max(float(np.abs(pcm).max(initial=0)), 1.0), np.float32)


def resampled(pcm: FloatArray, from_hz: int, to_hz: int) -> FloatArray:
    """`pcm` at another rate, (ceil(n * to / from),) float32; the filter is centred, so sound keeps its time."""
    if from_hz == to_hz or not len(pcm):
        return pcm
    common = gcd(from_hz, to_hz)
    return np.asarray(scipy.signal.resample_poly(pcm, to_hz // common, from_hz // common), np.float32)


def frame_powers(pcm: FloatArray) -> FloatArray:
    """Mean square of each whole 20 ms, (n // 320,) float32; of a shorter sound that of all of it, (1,)."""
    size = min(_FRAME, len(pcm))
    frames = pcm[: len(pcm) // size * size].reshape(-1, size) if size else np.zeros((1, 1), np.float32)
    return np.asarray(np.mean(frames**2, axis=1), np.float32)


def active_power(pcm: FloatArray) -> float:
    """Mean square of the speech in `pcm` without its pauses; 0 of silence.

    A simple stand-in for the active speech level of ITU-T P.56: the frames of 20 ms within 20 dB of the loud ones (95th
    percentile). A level over all of the sound would call the same talker quieter where there are more pauses.
    """
    powers = frame_powers(pcm)
    loud = float(np.percentile(powers, 95))
    return float(np.mean(powers[powers >= loud * 10 ** (-_ACTIVE_RANGE_DB / 10)]))
