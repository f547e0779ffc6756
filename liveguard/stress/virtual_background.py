"""Another background behind the person, with the restless edge that video-call software gives it."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from liveguard.stress.person import person_mask
from liveguard.stress.variant import PictureEffect
from liveguard.types import ByteArray, FloatArray, VideoFrame

_GRAIN_PX = 24  # the edge errs together over about so much
_SLOPE_PX = 4.0  # how far the mask is widened: the edge cannot err by much more
_KEPT = 0.7  # what the error keeps of the last picture's


def virtual_background(edge_px: float = 2.0, feather_px: float = 1.5) -> PictureEffect:
    """A made-up room behind the person. The edge wanders by `edge_px` (standard deviation) and is soft by `feather_px`."""

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:
        room, error = np.empty((0, 0, 3), np.uint8), np.empty((0, 0), np.float32)
        seed = int(rng.integers(1 << 32))
        for frame in frames:
            if room.shape != frame.image.shape:
                room = _room(frame.image.shape, np.random.default_rng(seed))
                error = np.zeros((room.shape[0] // _GRAIN_PX + 2, room.shape[1] // _GRAIN_PX + 2), np.float32)
            fresh = rng.standard_normal(error.shape, np.float32)
            error = (_KEPT * error + np.sqrt(1 - _KEPT**2) * fresh).astype(np.float32)
            mask = _restless(person_mask(frame.image), edge_px * error, feather_px)
            yield VideoFrame(frame.t_us, np.asarray(cv2.blendLinear(frame.image, room, mask, 1 - mask), np.uint8))

    return effect


def _restless(mask: FloatArray, error_px: FloatArray, feather_px: float) -> FloatArray:
    """`mask` (h, w) with its edge moved by a coarse field of errors: widened to a slope, then cut at another level."""
    size = (mask.shape[1], mask.shape[0])
    # The network's own mask is smaller than this; the blur would cost more than the network at full size.
    small = cv2.resize(mask, (size[0] // 2, size[1] // 2), interpolation=cv2.INTER_AREA)
    slope = cv2.resize(cv2.GaussianBlur(small, (0, 0), _SLOPE_PX / 2), size, interpolation=cv2.INTER_LINEAR)
    error = cv2.resize(error_px, size, interpolation=cv2.INTER_LINEAR)
    # Across a straight edge a blurred mask rises by 1 / (sigma sqrt(2 pi)) a pixel.
    rise = 1 / (_SLOPE_PX * 2.5)
    # The error counts in full at the edge (slope 0.5), and not at all far from it.
    level = slope - 0.5 + rise * error * (4 * slope * (1 - slope))
    return np.asarray(np.clip(level / (2 * rise * max(feather_px, 0.5)) + 0.5, 0, 1), np.float32)


def _room(shape: tuple[int, ...], rng: np.random.Generator) -> ByteArray:
    """A blurred wall with a window, a shelf and a lamp's glow, (h, w, 3) uint8."""
    height, width = shape[:2]
    wall = rng.uniform(110, 190, 3)
    room = np.tile(np.linspace(1.1, 0.7, height)[:, None, None] * wall, (1, width, 1)).astype(np.float32)
    for _ in range(7):
        left, top = rng.integers(0, width), rng.integers(0, height)
        right, bottom = left + rng.integers(width // 12, width // 4), top + rng.integers(height // 12, height // 2)
        colour = rng.uniform(40, 220, 3).tolist()
        cv2.rectangle(room, (int(left), int(top)), (int(right), int(bottom)), colour, -1)
    blurred = cv2.GaussianBlur(room, (0, 0), width / 90)
    return np.asarray(np.clip(blurred, 0, 255), np.uint8)
