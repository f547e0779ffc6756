"""Where the picture of a face lies under its mesh: local phases of the canonical texture, so that shifts can be measured.

A tracker lays a mesh that it has learned, and smooths away what perspective does to a face. How far the picture has moved
under the mesh between two views tells where the points of the face really went. The phase of a band-pass filter shifts in
proportion to the picture (Fleet and Jepson 1990, doi:10.1007/BF00056772), to a few hundredths of a texel.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from liveguard.challenge.follow import Floats
from liveguard.face.texture import TEXTURE_PX, texel_map
from liveguard.types import FaceView, FloatArray, Probe

WAVE_TEXELS: Final = 8.0
SIGMA_TEXELS: Final = 3.5
REACH: Final = 9
STEP_TEXELS: Final = 4
EDGE_TEXELS: Final = 4
MEAN_TEXELS: Final = 6.0
MOST_WEIGHT: Final = 0.3
"""Of the largest: no single edge of high contrast may rule."""


@cache
def spots() -> npt.NDArray[np.int64]:
    """The texels (k, 2) as column and row at which phases are kept: a grid over the face, away from its edge."""
    inside = cv2.erode(texel_map().mask.astype(np.uint8), np.ones((2 * EDGE_TEXELS + 1,) * 2, np.uint8)) > 0
    rows, columns = np.mgrid[6 : TEXTURE_PX - 4 : STEP_TEXELS, 6 : TEXTURE_PX - 4 : STEP_TEXELS]
    kept = inside[rows, columns]
    return np.stack([columns[kept], rows[kept]], axis=1)


def phases_of(texture: npt.NDArray[np.uint8]) -> FloatArray:
    """Responses (4, k) of the filter across and down, real and imaginary parts, at the `spots` of a texture (96, 96, 3)."""
    inside, even, odd, bell = _kernels()
    grey = cv2.cvtColor(texture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean = cv2.GaussianBlur(grey * inside, (0, 0), MEAN_TEXELS)
    detail = (grey - mean / np.maximum(cv2.GaussianBlur(inside, (0, 0), MEAN_TEXELS), 1e-3)) * inside
    pairs = ((even, bell), (odd, bell), (bell, even), (bell, odd))
    columns, rows = spots().T
    return np.stack([cv2.sepFilter2D(detail, cv2.CV_32F, x, y)[rows, columns] for x, y in pairs])


def shifts_texels(first: FloatArray, second: FloatArray) -> tuple[Floats, Floats]:
    """How far the picture lies further right and down under the mesh in `second` (m, 4, k) than in `first` (n, 4, k).

    Returns the shifts (k, 2) in texels, and weights (k, 2) 0..1: shifts of faint texture are worth little.
    """
    one, other = (each.astype(np.float64).mean(axis=0) for each in (first, second))
    a, b = one[[0, 2]] + 1j * one[[1, 3]], other[[0, 2]] + 1j * other[[1, 3]]
    shifts = np.angle(b * a.conj()) * WAVE_TEXELS / (2 * np.pi)
    weight = np.minimum(np.abs(a), np.abs(b))
    weight /= max(float(weight.max()), 1e-9)
    return np.asarray(shifts.T, np.float64), np.minimum(weight, MOST_WEIGHT).T / MOST_WEIGHT


def at_spots(values: FloatArray, right: int = 0, down: int = 0) -> Floats:
    """What `values` (478, d) of the mesh points are at the spots, (k, d), or that many texels beside them."""
    number, corners, weights = _spot_map()
    columns, rows = spots().T
    texel = number[rows + down, columns + right]
    return np.asarray((values[corners[texel]] * weights[texel][..., None]).sum(axis=1), np.float64)


@cache
def _spot_map() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], FloatArray]:
    texels = texel_map()
    number = np.zeros(texels.mask.shape, np.int64)
    number[texels.mask] = np.arange(len(texels.corners))
    return number, texels.corners, texels.weights


@cache
def _kernels() -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Which texels are on the face, and the filter's kernels: even, odd, and the bell across them."""
    at = np.arange(-REACH, REACH + 1)
    bell = np.exp(-((at / SIGMA_TEXELS) ** 2) / 2)
    bell /= bell.sum()
    turn = 2 * np.pi * at / WAVE_TEXELS
    kernels = (np.asarray(each, np.float32) for each in (np.cos(turn) * bell, np.sin(turn) * bell, bell))
    even, odd, plain = kernels
    return texel_map().mask.astype(np.float32), even, odd, plain


def _measure(view: FaceView) -> FloatArray:
    return phases_of(view.texture)


PHASES: Final = Probe("face phases", _measure, every_us=120_000)
