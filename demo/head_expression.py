"""Lids, mouth and brows: the picture of the face bent in its own plane, before it is laid on the head."""

from __future__ import annotations

import cv2
import numpy as np

from demo.head_photo import HEAD_PX_PER_MM
from demo.head_shape import JAW_DROP_MM
from liveguard.types import FloatArray

# Upper and lower lid from corner to corner, and the inner edges of the lips.
_LIDS = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133)),
    ((362, 398, 384, 385, 386, 387, 388, 466, 263), (362, 382, 381, 380, 374, 373, 390, 249, 263)),
)
_LIP_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_LIP_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
_CHIN = 152
_BROWS = ((70, 63, 105, 66, 107), (336, 296, 334, 293, 300))
_BROW_RISE_MM = 6.0
_CAVITY = np.array([0.035, 0.008, 0.008], np.float32)
_TONGUE = np.array([0.30, 0.09, 0.09], np.float32)
_LASH = 0.25  # what the lashes leave of the light
_NO_MAP = np.empty(0, np.float32)


class Expression:
    """Bends one picture of a face. Holds what does not change with the expression."""

    def __init__(self, picture: FloatArray, landmarks: FloatArray) -> None:
        self.picture = picture
        self._marks = landmarks
        self._lids = [_Lid(picture, landmarks[list(upper)], landmarks[list(lower)]) for upper, lower in _LIDS]
        self._mouth = _Mouth(picture.shape, landmarks)

    def draw(self, mouth: float, lids: float, brows: float) -> FloatArray:
        """The picture (h, w, 3) with that expression; the given one itself where nothing changes."""
        if mouth <= 0 and lids <= 0 and brows <= 0:
            return self.picture
        out = self.picture.copy()
        if brows > 0:
            _raise_brows(out, self._marks, brows)
        if lids > 0:
            for lid in self._lids:
                lid.close(out, lids)
        if mouth > 0:
            self._mouth.open(out, mouth)
        return out


class _Lid:
    """One eye: the skin above it is drawn down over it."""

    def __init__(self, picture: FloatArray, upper: FloatArray, lower: FloatArray) -> None:
        width = float(upper[-1, 0] - upper[0, 0])
        x0, x1 = int(upper[0, 0] - 0.1 * width), int(upper[-1, 0] + 0.1 * width) + 1
        y0, y1 = int(upper[:, 1].min() - 0.45 * width), int(lower[:, 1].max() + 0.3 * width)
        self._area = (slice(y0, y1), slice(x0, x1))
        self._rows, self._columns = np.mgrid[y0:y1, x0:x1].astype(np.float32)
        columns = np.arange(x0, x1, dtype=np.float32)
        self._upper = _line(columns, upper)
        self._lower = np.maximum(_line(columns, lower), self._upper)
        self._fold = self._upper - 0.30 * width  # what is above stays
        # At the corners lid and eye end together.
        self._width = width
        self._area_offset = (y0, x0)
        del picture

    def close(self, out: FloatArray, closure: float) -> None:
        edge = self._upper + closure * (self._lower + 0.4 - self._upper)
        reach = np.maximum(self._upper - self._fold, 1e-3)
        share = np.clip((self._rows - self._fold) / np.maximum(edge - self._fold, 1e-3), 0, None)
        on_lid = (self._rows >= self._fold) & (self._rows <= edge)
        # Skin comes from above the lashes, which go along with the edge.
        source = np.where(on_lid, self._fold + share * (reach - 1.2), self._rows)
        y0, x0 = self._area_offset
        part = np.ascontiguousarray(out[self._area])
        bent = cv2.remap(
            part,
            self._columns - x0,
            np.asarray(source - y0, np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        opening = np.clip((self._lower - self._upper) / (0.08 * self._width), 0, 1)
        lash = np.exp(-(((self._rows - edge) / 1.1) ** 2)) * opening * min(3 * closure, 1.0)
        # The edge is soft over a pixel, so that it does not jump from row to row.
        covered = np.clip(edge - self._rows + 0.5, 0, 1) * opening + (self._rows < edge) * (1 - opening)
        mixed = part + covered[..., None] * (bent - part)
        out[self._area] = mixed * (1 - (1 - _LASH) * lash)[..., None]


class _Mouth:
    """The lower lip goes down with the jaw; behind it are teeth, a dark hollow and a tongue."""

    def __init__(self, shape: tuple[int, ...], marks: FloatArray) -> None:
        unit = HEAD_PX_PER_MM
        upper, lower = marks[list(_LIP_UPPER)], marks[list(_LIP_LOWER)]
        left, right = float(upper[0, 0]), float(upper[-1, 0])
        half = (right - left) / 2
        y0 = int(upper[:, 1].min()) - 2
        y1 = shape[0]
        x0, x1 = max(int(left - 45 * unit), 0), min(int(right + 45 * unit), shape[1])
        self._area, self._corner = (slice(y0, y1), slice(x0, x1)), (y0, x0)
        self._rows, self._columns = np.mgrid[y0:y1, x0:x1].astype(np.float32)
        columns = np.arange(x0, x1, dtype=np.float32)
        self._upper = _line(columns, upper)
        self._lower = np.maximum(_line(columns, lower), self._upper)
        self._middle = (left + right) / 2
        self._half = half
        self._unit = unit

    def open(self, out: FloatArray, mouth: float) -> None:
        """The same drop as `head_shape.jaw_share` gives to the surface."""
        y0, x0 = self._corner
        drop_px = mouth * JAW_DROP_MM * self._unit
        off = (self._columns - self._middle) / self._unit
        line = (self._upper + self._lower) / 2
        source = self._rows.copy()
        for _ in range(4):  # where the point came from that is here now
            source = self._rows - drop_px * _drop_share(off, (source - line) / self._unit, self._half / self._unit)
        lip_drop = drop_px * _drop_share(off[0], np.zeros_like(off[0]), self._half / self._unit)
        edge = self._lower + lip_drop
        part = np.ascontiguousarray(out[self._area])
        below = self._rows >= edge
        bent = cv2.remap(
            part,
            self._columns - x0,
            np.asarray(np.where(below, np.maximum(source, self._lower), self._rows) - y0, np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        hollow = np.clip(self._rows - self._lower + 0.5, 0, 1) * np.clip(edge - self._rows + 0.5, 0, 1)
        depth = np.clip((edge - self._rows) / (0.35 * drop_px + 1), 0, 1)
        behind = _TONGUE * (1 - depth[..., None]) ** 2 + _CAVITY
        out[self._area] = bent + hollow[..., None] * (behind - bent)


def _drop_share(off_mm: FloatArray, below_mm: FloatArray, half_mm: float) -> FloatArray:
    """How far a point goes down with the jaw, 0..1: lips by an arch between the corners, the chin as a whole."""
    low = np.clip(below_mm / 25.0, 0, 1)
    wide = half_mm + 3.0 + (72.0 - half_mm) * low
    return np.asarray(np.clip(1 - np.abs(off_mm / wide) ** (2 + low), 0, 1), np.float32)


def _raise_brows(out: FloatArray, marks: FloatArray, brows: float) -> None:
    rise = brows * _BROW_RISE_MM * HEAD_PX_PER_MM
    for brow in _BROWS:
        points = marks[list(brow)]
        width = float(np.ptp(points[:, 0]))
        x0, x1 = int(points[:, 0].min() - 0.4 * width), int(points[:, 0].max() + 0.4 * width)
        y0, y1 = int(points[:, 1].min() - 1.0 * width), int(points[:, 1].max() + 0.45 * width)
        rows, columns = np.mgrid[y0:y1, x0:x1].astype(np.float32)
        middle = points.mean(axis=0)
        across = np.clip(1 - ((columns - middle[0]) / (0.9 * width)) ** 2, 0, 1) ** 2
        along = np.clip(1 - ((rows - middle[1] + rise) / (0.9 * width)) ** 2, 0, 1) ** 2
        source = rows - y0 + rise * across * along
        part = np.ascontiguousarray(out[y0:y1, x0:x1])
        out[y0:y1, x0:x1] = cv2.remap(
            part, columns - x0, np.asarray(source, np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )


def _line(columns: FloatArray, points: FloatArray) -> FloatArray:
    """The height of a line through points (n, 2), smoothly, at each of `columns`; level beyond its ends."""
    order = np.argsort(points[:, 0])
    dense = np.interp(columns, points[order, 0], points[order, 1])
    kernel = np.ones(3) / 3
    return np.asarray(np.convolve(np.pad(dense, 1, "edge"), kernel, "valid"), np.float32)
