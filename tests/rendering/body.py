"""Neck and shoulders: those of the photo, or made-up ones where it shows hardly more than a face."""

from __future__ import annotations

import cv2
import numpy as np

from liveguard.stress.person import person_mask
from liveguard.types import BoolArray, ByteArray, FloatArray
from tests.rendering.light import linear_of
from tests.rendering.photo import PhotoFrame, head_area, scaled_part, spread
from tests.rendering.rays import inverse

PX_PER_MM = 0.8
_BOX_MM = (-480, -120, 480, 520)
_NEEDED_MM = (200.0, 230.0)  # beside and below the middle of the face, or the shoulders are made up
_NECK_UP_MM = 90.0  # above the chin, behind the face
_CHIN = 152
_JAW_CORNERS = (172, 397)
_SHADE = 0.35  # is lost of the light under the chin
_SHOULDERS_MM = 205.0  # from the middle to each side


def body_of(
    photo: ByteArray, frame: PhotoFrame, outline_mm: FloatArray, points: FloatArray, skin_rgb: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Linear RGB (h, w, 3) and alpha (h, w) of neck and shoulders, and the way (2, 4) there from the head's mm.

    The neck goes on behind the chin, where a photo does not show it.
    """
    part, to_px = scaled_part(photo, frame, _BOX_MM, PX_PER_MM)
    head = cv2.dilate(head_area(outline_mm, to_px, part.shape), np.ones((3, 3), np.uint8)) > 0
    rows, columns = np.mgrid[: part.shape[0], : part.shape[1]]
    places = (np.stack([columns, rows], axis=-1) - to_px[:, 3]) @ inverse(to_px[:, :2]).T
    corners = points[list(_JAW_CORNERS), 0]
    below, off = places[..., 1] - points[_CHIN, 1], np.abs(places[..., 0] - corners.mean())
    half = 0.46 * float(np.ptp(corners))
    neck = (off < half) & (below < 2.5) & (below > -_NECK_UP_MM)
    if _shows_shoulders(photo, frame):
        colours, alpha = _from_photo(part, head, neck, below)
    else:
        colours, alpha = _made_up(below, off, half, skin_rgb)
    # Under the chin it is dark.
    shade = 1 - _SHADE * np.clip((15 - below) / 30, 0, 1) * (off < 1.3 * half)
    alpha = np.maximum(alpha, np.clip((half - off) * PX_PER_MM, 0, 1) * neck)
    alpha = cv2.GaussianBlur(np.asarray(alpha, np.float32), (0, 0), 0.8)
    return np.asarray(colours * shade[..., None], np.float32), np.asarray(alpha, np.float32), to_px


def _shows_shoulders(photo: ByteArray, frame: PhotoFrame) -> bool:
    height, width = photo.shape[:2]
    x, y = frame.middle_px[:2] * frame.mm_per_px
    beside, below = _NEEDED_MM
    return bool(x > beside and width * frame.mm_per_px - x > beside and height * frame.mm_per_px - y > below)


def _from_photo(part: ByteArray, head: BoolArray, neck: BoolArray, below: FloatArray) -> tuple[FloatArray, FloatArray]:
    alpha = _largest(np.clip((person_mask(part) - 0.5) / 0.4, 0, 1).astype(np.float32))
    alpha = np.where((head | (below < -60)) & ~neck, 0.0, alpha).astype(np.float32)
    known = (cv2.erode(alpha, np.ones((3, 3), np.uint8), iterations=3) > 0.95) & ~head
    return linear_of(spread(part, known)), alpha


def _made_up(below: FloatArray, off: FloatArray, neck: float, skin_rgb: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A pullover with a round neckline; in mm, `below` the chin and `off` the middle (h, w), `neck` half as wide as that."""
    slope = np.clip((below - 35) / 75, 0, 1)
    half = neck + 3 + (_SHOULDERS_MM - neck) * np.sqrt(slope * (2 - slope)) * (slope > 0)
    alpha = np.clip((half - off) * PX_PER_MM, 0, 1) * (below > 0)
    collar = np.hypot(off / (neck + 14), (below - 25) / 38) < 1
    rng = np.random.default_rng(int(1e4 * skin_rgb.sum()))
    cloth = rng.uniform(0.03, 0.25) * (1 + rng.uniform(-0.6, 0.6, 3))
    folds = cv2.GaussianBlur(rng.normal(0, 1, below.shape).astype(np.float32), (0, 0), 14, None, 40) * 6
    weave = cv2.GaussianBlur(rng.normal(0, 0.25, below.shape).astype(np.float32), (0, 0), 0.7)
    round_ = 1 - 0.45 * (off / np.maximum(half, 1)) ** 2
    colours = np.where(collar[..., None], skin_rgb * 0.85, cloth * (1 + folds + weave)[..., None])
    colours = np.where((below < 10)[..., None], skin_rgb * 0.85, colours) * round_[..., None]
    return np.clip(colours, 0.002, 1).astype(np.float32), alpha.astype(np.float32)


def _largest(alpha: FloatArray) -> FloatArray:
    """`alpha` (h, w) without what does not hang together with the person."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > 0.1).astype(np.uint8))
    if len(stats) < 3:
        return alpha
    return np.where(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()), alpha, 0).astype(np.float32)
