"""Poor and changing light, and what a webcam's automatics make of it. Reckoned in linear light, as cameras see it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache

import cv2
import numpy as np

from liveguard.stress.person import person_mask
from liveguard.stress.variant import PictureEffect
from liveguard.types import ByteArray, FloatArray, VideoFrame

_RANGE = 255.0
# Read noise against shot noise at full light. With it the noise of a dark picture is even over all levels, as it is seen.
_READ = 0.002
_NOISE_AT_GREY = 64
_KEPT = 0.45  # what a webcam's denoiser keeps of the last picture's noise
_BLOTCHES = 0.5  # strength of the coloured noise that the denoiser leaves, against the fine grey noise
_SETTLES_S = 0.6  # time constant of automatics: nine tenths of a step after 1.4 s
# Ratio of red (610 nm) to blue (460 nm) light of a glowing body: Wien's law, c2 (1/460 nm - 1/610 nm) per 1e6/K.
_WIEN_PER_MIRED = 14_388 * (1 / 0.46 - 1 / 0.61) * 1e-6


def low_light(gain: float, noise_grey: float) -> PictureEffect:
    """A webcam at night: `gain` < 1 of the light, and noise of `noise_grey` (standard deviation at grey level 64).

    Shot and read noise; partly smoothed over space and time, with coloured blotches, as built-in denoisers leave it.
    """
    if not 0 < gain <= 1 or noise_grey < 0:
        raise ValueError(f"gain {gain}, noise {noise_grey}; allowed are 0 to 1, and 0 and more")

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:
        darker = _grey(gain * _linear())
        strength = (noise_grey * _noise_curve(darker)).astype(np.float32)
        noise: _Noise | None = None
        for frame in frames:
            if noise is None or noise.shape != frame.image.shape:
                noise = _Noise(frame.image.shape, rng)
            seen = cv2.LUT(frame.image, darker)
            seen = cv2.add(seen, cv2.multiply(noise.next(), cv2.LUT(frame.image, strength)))
            yield VideoFrame(frame.t_us, np.asarray(cv2.convertScaleAbs(np.maximum(seen, 0.0)), np.uint8))

    return effect


def back_light(face_stops: float = -2.0, behind_stops: float = 1.5, glare: float = 0.06) -> PictureEffect:
    """A window behind the person: the person darker and all else brighter by so many stops, and a veil over both.

    The veil is the picture itself, spread widely and `glare` as bright (in grey levels): the edge of the head glows.
    """

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:  # noqa: ARG001
        dark, bright = (_grey(2.0**stops * _linear()).astype(np.uint8) for stops in (face_stops, behind_stops))
        for frame in frames:
            mask = person_mask(frame.image)
            lit = cv2.blendLinear(cv2.LUT(frame.image, dark), cv2.LUT(frame.image, bright), mask, 1 - mask)
            yield VideoFrame(frame.t_us, _veiled(np.asarray(lit, np.uint8), glare))

    return effect


def exposure_steps(every_s: float, stops: float) -> PictureEffect:
    """Auto-exposure that settles on another level, at most `stops` from the true one, every `every_s` on average."""
    _check_pace(every_s)

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:
        for frame, step in _hunting(frames, every_s, rng):
            gain = 2.0 ** (stops * step)
            yield VideoFrame(frame.t_us, _through(frame.image, (gain, gain, gain)))

    return effect


def white_balance_steps(every_s: float, mired: float) -> PictureEffect:
    """Auto white balance that settles on another colour temperature, at most `mired` off (1e6 / K), every `every_s`.

    40 mired at daylight are 5000 K taken for 4200 or 6300 K.
    """
    _check_pace(every_s)

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:
        for frame, step in _hunting(frames, every_s, rng):
            red = math.exp(0.5 * _WIEN_PER_MIRED * mired * step)
            yield VideoFrame(frame.t_us, _through(frame.image, (red, 1.0, 1 / red)))

    return effect


def _hunting(
    frames: Iterator[VideoFrame], every_s: float, rng: np.random.Generator
) -> Iterator[tuple[VideoFrame, float]]:
    """Each frame with a level in -1..1 that runs after a target, which jumps every `every_s`, give or take 30 %.

    Targets lie by turns on either side and at least half way out, so that each jump is one that can be seen.
    """
    level, target, side = 0.0, 0.0, 1.0
    last_s, due_s = None, 0.0
    for frame in frames:
        t_s = frame.t_us / 1e6
        if last_s is None:
            last_s, due_s, side = t_s, t_s + every_s * rng.uniform(0.3, 1.0), rng.choice((-1.0, 1.0))
        level += (target - level) * (1 - math.exp(-(t_s - last_s) / _SETTLES_S))
        last_s = t_s
        if t_s >= due_s:
            target, side = side * rng.uniform(0.5, 1.0), -side
            due_s = t_s + every_s * rng.uniform(0.7, 1.3)
        yield frame, level


def _check_pace(every_s: float) -> None:
    if every_s <= 0:
        raise ValueError(f"a step every {every_s} s; allowed are times above 0")


class _Noise:
    """Noise pictures of unit standard deviation, each keeping some of the one before.

    Parts of one large sheet at random places: drawing it anew would cost ten times as much as all else.
    """

    def __init__(self, shape: tuple[int, ...], rng: np.random.Generator) -> None:
        self.shape = shape
        self._rng = rng
        height, width = 2 * shape[0], 2 * shape[1]
        fine = cv2.GaussianBlur(rng.standard_normal((height, width), np.float32), (0, 0), 0.6)
        coarse = rng.standard_normal((height // 3, width // 3, 3), np.float32)
        blotches = cv2.resize(cv2.GaussianBlur(coarse, (0, 0), 0.8), (width, height), interpolation=cv2.INTER_LINEAR)
        sheet = (fine / fine.std())[..., None] + _BLOTCHES * blotches / blotches.std()
        self._sheet: FloatArray = np.ascontiguousarray(sheet / sheet.std(), np.float32)
        self._last = self._part()

    def next(self) -> FloatArray:
        """(h, w, 3) float32."""
        self._last = np.asarray(cv2.addWeighted(self._last, _KEPT, self._part(), math.sqrt(1 - _KEPT**2), 0))
        return self._last

    def _part(self) -> FloatArray:
        top, left = self._rng.integers(0, self.shape[0] + 1), self._rng.integers(0, self.shape[1] + 1)
        return np.ascontiguousarray(self._sheet[top : top + self.shape[0], left : left + self.shape[1]])


def _noise_curve(grey: FloatArray) -> FloatArray:
    """Standard deviation of shot and read noise at grey levels, 1 at level 64: that of the light times the slope of the
    curve from light to grey.
    """
    levels = np.append(grey, np.float32(_NOISE_AT_GREY))
    light = _light(levels)
    slope = _RANGE / np.maximum(np.gradient(_linear(), 1.0), 1e-6)[np.round(levels).astype(int)]
    spread = np.sqrt(light + _READ) * slope
    return np.asarray(spread[:-1] / spread[-1], np.float32)


def _veiled(image: ByteArray, glare: float) -> ByteArray:
    """`image` with a share of it spread over a wide surrounding and added."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (max(width // 16, 1), max(height // 16, 1)), interpolation=cv2.INTER_AREA)
    wide = cv2.resize(cv2.GaussianBlur(small, (0, 0), 2.5), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.addWeighted(image, 1.0, wide, glare, 0), np.uint8)


def _through(image: ByteArray, gains: tuple[float, float, float]) -> ByteArray:
    """`image` with its red, green and blue light multiplied."""
    tables = _grey(np.outer(_linear(), np.array(gains, np.float32)))
    return np.asarray(cv2.LUT(image, np.round(tables).astype(np.uint8)[None]), np.uint8)


@cache
def _linear() -> FloatArray:
    """The light 0..1 of the 256 grey levels."""
    return _light(np.arange(256, dtype=np.float32))


def _light(grey: FloatArray) -> FloatArray:
    """Grey levels to linear light 0..1 (sRGB, IEC 61966-2-1)."""
    share = grey / _RANGE
    return np.asarray(np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4), np.float32)


def _grey(light: FloatArray) -> FloatArray:
    """Linear light to grey levels 0..255, clipped."""
    light = np.clip(light, 0, 1)
    return np.asarray(
        _RANGE * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055), np.float32
    )
