"""Which pixels of a photo are skin, and how they would look with more or less melanin."""

from __future__ import annotations

from typing import Literal, TypeAlias

import cv2
import numpy as np

from liveguard.face.geometry import BROW_LEFT, BROW_RIGHT, LIPS, OVAL
from liveguard.stress.faces import EYE_LEFT, EYE_RIGHT
from liveguard.types import FloatArray
from tests.rendering.light import linear

Fitzpatrick: TypeAlias = Literal["I", "II", "III", "IV", "V", "VI"]

# Typical cheeks under white light, sRGB.
_TONES: dict[Fitzpatrick, tuple[int, int, int]] = {
    "I": (240, 208, 190),
    "II": (228, 188, 165),
    "III": (208, 160, 132),
    "IV": (172, 122, 92),
    "V": (124, 82, 60),
    "VI": (78, 52, 42),
}
_CHEEKS = (50, 280, 205, 425, 101, 330, 151, 9)
_SPREAD = 0.16  # how far skin strays from the cheeks' colour, in logarithms of colour ratios
_LIPS_SHARE = 0.75  # lips darken less than skin


def skin_colour(head: FloatArray, landmarks: FloatArray) -> FloatArray:
    """The linear colour (3,) of the cheeks in `head` (h, w, 3)."""
    cheeks = np.round(landmarks[list(_CHEEKS)]).astype(int)
    return np.median([head[y - 3 : y + 4, x - 3 : x + 4].mean(axis=(0, 1)) for x, y in cheeks], axis=0).astype(
        np.float32
    )


def skin_share(image: FloatArray, landmarks: FloatArray, tone: FloatArray, strictness: float = 1.0) -> FloatArray:
    """How much each pixel of `image` (h, w, 3) is skin of that linear colour: (h, w) 0..1.

    `strictness`: how alike skin outside of the face must be; hair can be of much the same colour.
    """
    ratios = (
        np.log(image[..., :2] + 0.01) - np.log(image[..., 1:] + 0.01) - np.log((tone[:2] + 0.01) / (tone[1:] + 0.01))
    )
    bright = np.log((image.mean(axis=2) + 0.01) / (tone.mean() + 0.01))
    stray = ((ratios / _SPREAD) ** 2).sum(axis=2) / 2
    dark = np.minimum(bright + 1.0, 0) ** 2 * 2
    shape = image.shape[:2]
    face = cv2.GaussianBlur(_area(shape, landmarks[list(OVAL)]), (0, 0), 3)
    # On the face shadows, shine and blushes are skin, too; a fringe of hair is not.
    share = np.maximum(np.exp(-strictness * (stray + dark / 2)), face * np.exp(-(stray**2) / 60 - dark))
    for hole in (EYE_LEFT, EYE_RIGHT):
        share = share * (1 - _area(shape, landmarks[list(hole)]))
    for brow in (BROW_LEFT, BROW_RIGHT):
        share = share * (1 - 0.6 * _area(shape, landmarks[list(brow)]))
    lips = _area(shape, landmarks[list(LIPS)])
    share = share * (1 - lips) + lips * _LIPS_SHARE * face * np.clip(
        4 * (image[..., 0] / (image[..., 1] + 0.01) - 1.2), 0, 1
    )
    return np.asarray(cv2.GaussianBlur(np.minimum(1.3 * share, 1).astype(np.float32), (0, 0), 1.2), np.float32)


def toned(image: FloatArray, share: FloatArray, tone_rgb: FloatArray, skin: Fitzpatrick) -> FloatArray:
    """`image`, its skin as dark as that of the type: melanin takes its part of each colour, wherever the skin is."""
    target = linear(np.array(_TONES[skin], np.float32) / 255)
    factor = np.log(target / np.maximum(tone_rgb, 0.01))
    return np.asarray(np.minimum(image * np.exp(share[..., None] * factor), 1.0), np.float32)


def _area(shape: tuple[int, ...], polygon: FloatArray) -> FloatArray:
    """1 inside of the polygon (n, 2) in a picture of that shape, else 0."""
    canvas = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(canvas, [cv2.convexHull(np.round(polygon).astype(np.int32))], (1,))
    return canvas.astype(np.float32)
