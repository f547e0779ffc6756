"""A webcam: its view, its automatic white balance and exposure, its noise, and what it does to colours."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import cv2
import numpy as np

from liveguard.types import ByteArray, FloatArray
from tests.rendering.light import kelvin_rgb, luma, srgb_of
from tests.rendering.rays import Pinhole

FIELD_OF_VIEW_DEG = 65.0  # from the left to the right edge, as webcams have it

WhiteBalance: TypeAlias = Literal["fixed", "auto"]
Exposure: TypeAlias = Literal["fixed", "auto"]

_SETTLES_S = 1.0
_GREY = 0.16  # the mean that automatic exposure aims at, linear
_GAINS = (0.3, 6.0)  # of red and blue over green
_EXPOSURES = (0.05, 6.0)
_DRIFT_PX = 64  # one field of noise, shifted at random, serves for all pictures


def pinhole(width: int, height: int) -> Pinhole:
    """The webcam's view at that size."""
    return Pinhole(width, height, width / 2 / math.tan(math.radians(FIELD_OF_VIEW_DEG / 2)))


class Camera:
    """Turns light into pictures, in order of time. Owned by one thread.

    `white_balance`: "auto" is grey-world with a time constant of about 1 s, "fixed" suits light of `kelvin`. `exposure`:
    "auto" likewise, "fixed" multiplies by `gain`. Noise, standard deviations in grey levels: `shot`, which the curve makes
    the same at all levels, and `read`, which adds twice that in the dark and nothing in the light. `blur_px`: standard
    deviation of the lens; `subsampled`: colours at half the size.
    """

    def __init__(
        self,
        white_balance: WhiteBalance = "auto",
        exposure: Exposure = "auto",
        kelvin: float = 5500.0,
        gain: float = 0.5,
        shot: float = 1.6,
        read: float = 0.8,
        blur_px: float = 0.5,
        subsampled: bool = True,
        seed: int = 0,
    ) -> None:
        white = 1 / kelvin_rgb(kelvin)
        self._balance: FloatArray = np.asarray(white / white[1], np.float32)
        self._gain = gain
        self._auto = (white_balance == "auto", exposure == "auto")
        self._noise = (shot, read)
        self._blur_px, self._subsampled = blur_px, subsampled
        self._rng = np.random.default_rng(seed)
        self._field = np.empty((0, 0, 3), np.float32)
        self._seen_s: float | None = None

    def shoot(self, radiance: FloatArray, t_s: float) -> ByteArray:
        """The picture (h, w, 3) uint8 RGB of linear light (h, w, 3), which is not written into, at that time."""
        self._adapt(radiance, t_s)
        light = cv2.GaussianBlur(radiance, (0, 0), self._blur_px) if self._blur_px > 0 else radiance
        height, width = light.shape[:2]
        gains = np.tile(self._balance * np.float32(self._gain), width)
        exposed = np.asarray(light.reshape(height, -1) * gains, np.float32).reshape(light.shape)
        picture = srgb_of(exposed)
        self._add_noise(picture)
        out = cv2.convertScaleAbs(np.maximum(picture, 0, out=picture))
        return np.asarray(_half_colours(out) if self._subsampled else out, np.uint8)

    def _adapt(self, radiance: FloatArray, t_s: float) -> None:
        """Move white balance and exposure towards what suits this picture, as far as the time since the last one says."""
        share = 1.0 if self._seen_s is None else 1 - math.exp(-max(t_s - self._seen_s, 0) / _SETTLES_S)
        self._seen_s = t_s
        # Blown-out pixels tell nothing about colour.
        thin = np.minimum(radiance[::8, ::8], 1.2 / self._gain)
        mean = np.asarray(thin.mean(axis=(0, 1)), np.float32).clip(1e-5)
        if self._auto[0]:
            wanted = np.clip(mean[1] / mean, *_GAINS)
            self._balance = np.asarray(self._balance * (wanted / self._balance) ** share, np.float32)
        if self._auto[1]:
            gain = float(np.clip(_GREY / luma(mean * self._balance), *_EXPOSURES))
            self._gain *= (gain / self._gain) ** share

    def _add_noise(self, picture: FloatArray) -> None:
        """Shot and read noise, in place. After the curve: its slope there is what makes shot noise even over grey levels."""
        height, width = picture.shape[:2]
        if self._field.shape[:2] != (height + _DRIFT_PX, width + _DRIFT_PX):
            shape = (height + _DRIFT_PX, width + _DRIFT_PX, 3)
            self._field = self._rng.standard_normal(shape, np.float32)
        shot, read = self._noise
        dy, dx = (int(off) for off in self._rng.integers(0, _DRIFT_PX, 2))
        field = np.ascontiguousarray(self._field[dy : dy + height, dx : dx + width])
        # The curve is about a square root, and so is shot noise: its sigma is the same at all levels. Read noise is
        # stretched in the dark. Where the sensor is full there is none.
        sigma = cv2.max(cv2.addWeighted(picture, -0.012 * read, picture, 0, shot + 2.0 * read), (shot,) * 4)
        sigma = cv2.min(sigma, cv2.addWeighted(picture, -0.5, picture, 0, 127.5))
        picture += cv2.multiply(field, sigma)


def _half_colours(picture: ByteArray) -> ByteArray:
    """`picture` (h, w, 3) with its colours, not its brightness, at half the size, as video formats keep them."""
    luma_chroma = cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)
    brightness, *colours = cv2.split(luma_chroma)
    size = (picture.shape[1], picture.shape[0])
    half = (size[0] // 2, size[1] // 2)
    coarse = [
        cv2.resize(cv2.resize(colour, half, interpolation=cv2.INTER_AREA), size, interpolation=cv2.INTER_LINEAR)
        for colour in colours
    ]
    return np.asarray(cv2.cvtColor(cv2.merge([brightness, *coarse]), cv2.COLOR_YCrCb2RGB), np.uint8)
