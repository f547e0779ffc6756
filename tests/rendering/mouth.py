"""A mouth that opens: the lower lip goes down with the jaw; behind it are teeth, a dark hollow and a tongue."""

from __future__ import annotations

import cv2
import numpy as np

from liveguard.types import FloatArray
from tests.rendering.photo import HEAD_PX_PER_MM
from tests.rendering.shape import JAW_DROP_MM, along, jaw_share

# The inner edges of the lips, from corner to corner.
_LIP_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_LIP_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
_CHIN = 152
_BESIDE_MM, _BELOW_MM = 45.0, 34.0  # of the corners and of the chin: as far as skin moves
_LIFT_MM = 16.0  # as far below the lips as they stretch when they close over teeth
_CAVITY = np.array([0.035, 0.008, 0.008], np.float32)
_TONGUE = np.array([0.30, 0.09, 0.09], np.float32)
_LINE = 0.45  # of the light is left between shut lips
_SHRINK = 2  # the field of displacements is smooth, so half of its pixels do


class Mouth:
    """Opens the mouth of one picture (h, w, 3). Where the photo shows a smile with teeth, it can also shut it."""

    def __init__(self, picture: FloatArray, marks: FloatArray) -> None:
        unit = HEAD_PX_PER_MM
        upper, lower = marks[list(_LIP_UPPER)], marks[list(_LIP_LOWER)]
        left, right = float(upper[0, 0]), float(upper[-1, 0])
        y0, y1 = int(upper[:, 1].min()) - 2, min(int(marks[_CHIN, 1] + _BELOW_MM * unit), picture.shape[0])
        x0, x1 = max(int(left - _BESIDE_MM * unit), 0), min(int(right + _BESIDE_MM * unit), picture.shape[1])
        self._area = (slice(y0, y1), slice(x0, x1))
        self._part = np.ascontiguousarray(picture[self._area])
        self._rows, self._columns = np.mgrid[: y1 - y0, : x1 - x0].astype(np.float32)
        columns = self._columns[0]
        self._upper = along(columns + x0, upper) - y0
        self._lower = np.maximum(along(columns + x0, lower) - y0, self._upper)
        self._half_mm = (right - left) / 2 / unit
        self._off_mm = (columns + x0 - (left + right) / 2) / unit
        # Coarse copies, in the middle of blocks of pixels, as resizing takes them.
        first = (_SHRINK - 1) / 2
        self._few_rows = np.arange(first, y1 - y0, _SHRINK, dtype=np.float32)[:, None]
        self._few = np.minimum(np.arange(first, x1 - x0, _SHRINK), x1 - x0 - 1).astype(int)

    def draw(self, out: FloatArray, mouth: float) -> None:
        """Draw the mouth into `out`, a copy of the picture: 0 is shut, 1 wide open."""
        drop_px = mouth * JAW_DROP_MM * HEAD_PX_PER_MM
        gap = self._lower - self._upper
        edge = self._upper + drop_px * jaw_share(self._off_mm, np.zeros_like(self._off_mm), self._half_mm)
        moved = cv2.resize(self._moved(drop_px), self._part.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        # Below the lips' line the skin goes along; above it the upper lip and, between the lips, the teeth stay.
        below = np.clip(self._rows - edge + 0.5, 0, 1)
        source = np.maximum(self._rows - moved, self._lower)
        skin, still = (
            cv2.remap(self._part, self._columns, np.asarray(rows, np.float32), cv2.INTER_LINEAR)
            for rows in (source, self._rows)
        )
        hollow = np.clip(self._rows - self._lower + 0.5, 0, 1) * np.minimum(edge - self._upper, 1).clip(0)
        depth = np.clip((edge - self._rows) / (0.35 * drop_px + 1), 0, 1)
        behind = _TONGUE * ((1 - depth) ** 2)[..., None] + _CAVITY
        inside = still + hollow[..., None] * (behind - still)
        shut = np.clip(gap / 3, 0, 1) * np.clip(1 - drop_px / 4, 0, 1)
        line = 1 - (1 - _LINE) * shut * np.exp(-(((self._rows - edge) / 0.9) ** 2))
        out[self._area] = (inside + below[..., None] * (skin - inside)) * line[..., None]

    def _moved(self, drop_px: float) -> FloatArray:
        """By how many pixels the skin below the lips has come down, on a coarse grid; negative where it went up."""
        off, gap, lower = (line[self._few] for line in (self._off_mm, self._lower - self._upper, self._lower))
        shape = (len(self._few_rows), len(off))
        low, high = np.broadcast_to(-gap, shape), np.full(shape, drop_px, np.float32)
        # Which point has come here? No point overtakes another, so halving finds it.
        for _ in range(6):
            middle = (low + high) / 2
            too_far = middle > self._drop(drop_px, off, gap, self._few_rows - middle - lower)
            low, high = np.where(too_far, low, middle), np.where(too_far, middle, high)
        last = self._drop(drop_px, off, gap, self._few_rows - (low + high) / 2 - lower)
        return np.asarray(np.clip(last, low, high), np.float32)

    def _drop(self, drop_px: float, off_mm: FloatArray, gap: FloatArray, under_px: FloatArray) -> FloatArray:
        """By how many pixels points so far under the lower lip's edge go down."""
        under_mm = under_px / HEAD_PX_PER_MM
        lift = gap * np.clip(1 - under_mm / _LIFT_MM, 0, 1)
        return np.asarray(drop_px * jaw_share(off_mm, under_mm, self._half_mm) - lift, np.float32)
