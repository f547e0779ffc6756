"""Any rate, layout and sample format to 16 kHz mono float32.

The work is done by libswresample: its filter is centred, so sound keeps its place, it holds back only 1-2
ms, and its output does not depend on how the input is cut (the property test holds that to the bit). soxr
gives the same exactness but holds back 20-110 ms.
"""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import numpy.typing as npt

from liveguard.errors import InputError
from liveguard.types import SAMPLE_RATE_HZ, FloatArray

RATES_HZ = (2_000, 768_000)
"""Input rates that make sense; anything else comes from a damaged header."""

_PLANE_TYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
_HEADROOM = 8.0  # decoders overshoot full scale a little; what is beyond this is damage and would ring in the filter
CANCELLED = 0.01  # of the loudest channel's energy is left of it in the mean: no recording of a room does that
_EMPTY: FloatArray = np.zeros(0, np.float32)


def check_rate(rate_hz: int) -> None:
    """Raise `InputError` for a rate that no sound has."""
    low, high = RATES_HZ
    if not low <= rate_hz <= high:
        raise InputError(f"a sample rate of {rate_hz} Hz is not possible; allowed is {low} to {high} Hz")


def frame_samples(frame: av.AudioFrame) -> npt.NDArray[Any]:
    """The samples of a decoded frame, (n, channels) in the frame's own number type, without the subwoofer
    channel.
    """
    dtype = np.dtype(_PLANE_TYPES[frame.format.name.removesuffix("p")])
    channels, n = frame.layout.nb_channels, frame.samples
    pcm: npt.NDArray[Any]
    if frame.format.is_planar:
        pcm = np.stack([np.frombuffer(memoryview(plane), dtype, n) for plane in frame.planes[:channels]], axis=1)
    else:
        pcm = np.frombuffer(memoryview(frame.planes[0]), dtype, n * channels).reshape(n, channels)
    wanted = [i for i, channel in enumerate(frame.layout.channels) if channel.name != "LFE"]
    return pcm[:, wanted] if 0 < len(wanted) < channels else pcm


def mix_down(pcm: npt.NDArray[Any]) -> tuple[FloatArray, int]:
    """Mono float32 (n,) and how many of the given samples were NaN or infinite (they become 0).

    The mean of all channels; where they cancel each other, which nobody with two loudspeakers would notice, the loudest. That is
    decided for each piece as it comes, so that only there the way the input is cut may show.
    `pcm`: (n,) or (n, channels); unsigned bytes, signed integers of any width, or floats with full scale 1.
    """
    pcm = pcm[:, None] if pcm.ndim == 1 else pcm
    if pcm.shape[1] == 0:
        return _EMPTY, 0
    if pcm.shape[1] == 1:
        return _as_float(pcm[:, 0])
    # One channel after the other: a sum over an axis may round differently for different lengths.
    mono, bad = _as_float(pcm[:, 0])
    loudest, most = mono, _energy(mono)
    for channel in range(1, pcm.shape[1]):
        more, more_bad = _as_float(pcm[:, channel])
        mono, bad = mono + more, bad + more_bad
        if (energy := _energy(more)) > most:
            loudest, most = more, energy
    mono = mono * np.float32(1 / pcm.shape[1])
    return (loudest if _energy(mono) < CANCELLED * most else mono), bad


def _energy(channel: FloatArray) -> float:
    return float(np.dot(channel, channel))


def _as_float(channel: npt.NDArray[Any]) -> tuple[FloatArray, int]:
    if channel.dtype == np.uint8:
        return (channel.astype(np.float32) - 128) / np.float32(128), 0
    if channel.dtype.kind == "i":
        return channel.astype(np.float32) / np.float32(-float(np.iinfo(channel.dtype).min)), 0
    finite = np.isfinite(channel)
    # Clipped before the cast: a double of 1e300 would turn into an infinity.
    clipped = np.clip(np.where(finite, channel, 0.0), -_HEADROOM, _HEADROOM).astype(np.float32)
    return clipped, int(channel.size - np.count_nonzero(finite))


class Resampler:
    """One unbroken run of mono sound from `rate_hz` to 16 kHz. For one thread at a time.

    The sample k that comes out lies at k / 16000 s after the first sample that went in. After `flush` as
    many have come out as the run is long, rounded to the nearest.
    """

    def __init__(self, rate_hz: int) -> None:
        check_rate(rate_hz)
        self._rate_hz = rate_hz
        self._taken = 0
        self._given = 0
        self._swr = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)

    def push(self, mono: FloatArray) -> FloatArray:
        """What can be said so far, (n,) float32 in [-1, 1], n >= 0."""
        self._taken += mono.size
        if mono.size == 0:
            return _EMPTY
        if self._rate_hz == SAMPLE_RATE_HZ:
            return self._give(mono)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(mono, np.float32)[None], format="flt", layout="mono")
        frame.sample_rate = self._rate_hz
        return self._give(_joined(self._swr.resample(frame)))

    def flush(self) -> FloatArray:
        """The tail that was held back; the run is over then."""
        tail = _EMPTY
        if self._taken and self._rate_hz != SAMPLE_RATE_HZ:
            tail = _joined(self._swr.resample(None))
        total = (2 * self._taken * SAMPLE_RATE_HZ + self._rate_hz) // (2 * self._rate_hz)
        missing = total - self._given - tail.size
        if missing > 0:
            tail = np.concatenate([tail, np.zeros(missing, np.float32)])
        return self._give(tail[: total - self._given])

    def _give(self, pcm: FloatArray) -> FloatArray:
        self._given += pcm.size
        return np.clip(pcm, np.float32(-1), np.float32(1))


def _joined(frames: list[av.AudioFrame]) -> FloatArray:
    parts = [np.asarray(frame.to_ndarray()[0], np.float32) for frame in frames]
    return np.concatenate(parts) if parts else _EMPTY
