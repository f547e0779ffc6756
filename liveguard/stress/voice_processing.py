"""What programs and devices do to an honest voice before it is sent."""

from __future__ import annotations

import numpy as np
import scipy.signal

from liveguard.stress.pcm import fitted
from liveguard.stress.short_time import sound, spectra
from liveguard.stress.sound_filter import av_filter
from liveguard.stress.variant import SoundEffect
from liveguard.types import SAMPLE_RATE_HZ, FloatArray

_WINDOW, _HOP = 512, 128  # samples, of the noise suppression
# Over frequency and time: single bins that open and shut twitter.
_SMOOTH = np.outer(np.hanning(5), np.hanning(11)) / 10
_QUIETEST = 10  # percent
_OVER = 2.5  # the quietest moments of a noise are quieter than all of it, and what is left of it should not flicker
_ORDER = 4


def noise_suppression(strength_db: float) -> SoundEffect:
    """Steady noise turned down by up to `strength_db` (0 or more), and what of the voice is no louder goes with it.

    A Wiener filter for each 8 ms with a floor; the noise is what is there at each frequency in the quietest moments of the
    sound. FFmpeg's afftdn takes noise for white and leaves most of what a room has. Raises `ValueError` below 0.
    """
    if strength_db < 0:
        raise ValueError(f"a noise suppression of {strength_db} dB; allowed is 0 or more")
    floor = 10 ** (-strength_db / 20)

    def effect(pcm: FloatArray, rng: np.random.Generator) -> FloatArray:  # noqa: ARG001
        heard = spectra(pcm, _WINDOW, _HOP)
        # Convolution by FFT leaves tiny negative powers where there is silence.
        power = np.maximum(scipy.signal.oaconvolve(np.abs(heard) ** 2, _SMOOTH, mode="same"), 1e-20)
        noise = _OVER * np.percentile(power[:, : len(pcm) // _HOP + 1], _QUIETEST, axis=1, keepdims=True)
        return fitted(sound(heard * np.maximum(1 - noise / power, floor), len(pcm), _HOP), len(pcm))

    return effect


def automatic_gain(peak_dbfs: float = -1.0, max_gain_db: float = 20.0) -> SoundEffect:
    """A level that follows the voice: peaks at `peak_dbfs` within about half a second, by at most `max_gain_db`.

    In pauses it turns up what there is. FFmpeg's dynaudnorm, which looks ahead and so starts and ends at the right level.
    """
    peak, gain = 10 ** (peak_dbfs / 20), 10 ** (max_gain_db / 20)

    def effect(pcm: FloatArray, rng: np.random.Generator) -> FloatArray:  # noqa: ARG001
        return av_filter(pcm, f"dynaudnorm=framelen=150:gausssize=3:altboundary=1:peak={peak:.4f}:maxgain={gain:.3f}")

    return effect


def band_limit(low_hz: float, high_hz: float) -> SoundEffect:
    """Only `low_hz` to `high_hz` is left: -6 dB there, and 48 dB less for each octave beyond; no delay at any frequency.

    `low_hz` 0: no lower limit; `high_hz` 8000 or more: no upper one. Raises `ValueError` when nothing would be left.
    """
    if not 0 <= low_hz < high_hz:
        raise ValueError(f"a band from {low_hz} to {high_hz} Hz has nothing in it")
    steps = [(low_hz, "highpass")] if low_hz > 0 else []
    steps += [(high_hz, "lowpass")] if high_hz < SAMPLE_RATE_HZ / 2 else []
    filters = [scipy.signal.butter(_ORDER, edge, kind, fs=SAMPLE_RATE_HZ, output="sos") for edge, kind in steps]

    def effect(pcm: FloatArray, rng: np.random.Generator) -> FloatArray:  # noqa: ARG001
        for sections in filters if len(pcm) else ():
            pcm = scipy.signal.sosfiltfilt(sections, pcm, padlen=0)
        return fitted(pcm, len(pcm))

    return effect


def clipped(drive_db: float) -> SoundEffect:
    """An overdriven microphone: turned up until the loudest sample is `drive_db` above full scale, and cut off there."""
    drive = 10 ** (drive_db / 20)

    def effect(pcm: FloatArray, rng: np.random.Generator) -> FloatArray:  # noqa: ARG001
        peak = float(np.abs(pcm).max(initial=0))
        return fitted(pcm * np.float32(drive / peak if peak else 1.0), len(pcm))

    return effect
