"""What the light challenge keeps of a picture: linear colours of parts of the skin, and of what lies beside the head."""

from __future__ import annotations

from functools import cache
from typing import Final

import cv2
import numpy as np

from liveguard.face.geometry import box_of
from liveguard.face.texture import TEXTURE_PX, canonical_face, texel_map
from liveguard.types import FaceView, FloatArray, Probe

# Mesh points around bare skin, away from lids, lips and beards. The middle faces the screen; the sides turn away from it.
_MIDDLE: Final = (
    (108, 151, 337, 9),  # forehead
    (6, 197, 195, 5, 45, 275),  # nose
    (117, 118, 119, 100, 126, 50),  # cheeks under the eyes
    (346, 347, 348, 329, 355, 280),
)
_LEFT: Final = ((234, 227, 116, 123, 147, 177, 93),)
_RIGHT: Final = ((454, 447, 345, 352, 376, 401, 323),)
MIDDLE, LEFT, RIGHT, BESIDE_LEFT, BESIDE_RIGHT = range(5)
_NEAR, _FAR = (
    0.35,
    1.1,
)  # in widths of the face, from its box outwards: past the hair, but still on a photo that is held there
_CLIPPED = 250
_LEAST_PX = 6
_SAMPLES = 16


def _skin_light(view: FaceView) -> FloatArray:
    """Mean linear RGB, 0..1, and the share that is clipped (5, 4): of the middle of the face, its left and its right side,
    and of what is beside the head, left and right (NaN where the picture does not show it)."""
    texture = view.texture
    clipped = cv2.inRange(texture, np.zeros(3), np.full(3, _CLIPPED - 1.0)) == 0
    skin = _weights() @ cv2.LUT(texture, _linear_of_byte()).reshape(-1, 3)
    share = _weights() @ clipped.ravel().astype(np.float32)
    return np.asarray(np.concatenate([np.column_stack([skin, share]), _beside(view)]), np.float32)


SKIN_LIGHT: Final = Probe("skin_light", _skin_light)


def linear(srgb: FloatArray) -> FloatArray:
    """Linear light 0..1 of sRGB values 0..1 (IEC 61966-2-1), any shape."""
    return np.asarray(np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4), np.float32)


def _beside(view: FaceView) -> FloatArray:
    """Mean linear RGB and the clipped share (2, 4) left and right of the head, between hair and mouth."""
    height, width = view.image.shape[:2]
    box = box_of(view.landmarks)
    top, bottom = max(box.top - 0.1 * box.height, 0), min(box.top + 0.75 * box.height, height)
    right = box.left + box.width
    found = np.full((2, 4), np.nan, np.float32)
    for row, (start, end) in enumerate(
        (
            (box.left - _FAR * box.width, box.left - _NEAR * box.width),
            (right + _NEAR * box.width, right + _FAR * box.width),
        )
    ):
        start, end = max(start, 0), min(end, width)
        if end - start < _LEAST_PX or bottom - top < _LEAST_PX:
            continue
        # A sparse grid is enough for a mean, and costs the same in a picture of any size.
        rows = np.linspace(top, bottom - 1, _SAMPLES).astype(np.int64)
        columns = np.linspace(start, end - 1, _SAMPLES).astype(np.int64)
        spots = view.image[rows[:, None], columns]
        found[row, :3] = _linear_of_byte()[spots].mean(axis=(0, 1))
        found[row, 3] = (spots >= _CLIPPED).any(axis=2).mean()
    return found


@cache
def _linear_of_byte() -> FloatArray:
    return linear(np.arange(256, dtype=np.float32) / 255)


@cache
def _weights() -> FloatArray:
    """How much each texel counts for the middle, the left and the right of the face (3, 96 * 96)."""
    rows = [_inside(part) for part in (_MIDDLE, _LEFT, _RIGHT)]
    return np.asarray([row / row.sum() for row in rows], np.float32)


def _inside(part: tuple[tuple[int, ...], ...]) -> FloatArray:
    uv = canonical_face().uv * (TEXTURE_PX - 1)
    drawn = np.zeros((TEXTURE_PX, TEXTURE_PX), np.uint8)
    for points in part:
        outline = cv2.convexHull(uv[list(points)].astype(np.float32))
        cv2.fillConvexPoly(drawn, np.round(outline[:, 0]).astype(np.int32), (1,))
    return np.asarray(drawn * texel_map().mask, np.float32).ravel()
