"""Lids, mouth and brows: the picture of the face bent in its own plane, before it is laid on the head."""

from __future__ import annotations

import cv2
import numpy as np

from liveguard.types import FloatArray
from tests.rendering.mouth import Mouth
from tests.rendering.photo import HEAD_PX_PER_MM
from tests.rendering.shape import along

# Upper and lower lid from corner to corner.
_LIDS = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133)),
    ((362, 398, 384, 385, 386, 387, 388, 466, 263), (362, 382, 381, 380, 374, 373, 390, 249, 263)),
)
_BROWS = ((70, 63, 105, 66, 107), (336, 296, 334, 293, 300))
_BROW_RISE_MM = 6.0
_LASH = 0.25  # what the lashes leave of the light


class Expression:
    """Bends one picture of a face. Holds what does not change with the expression."""

    def __init__(self, picture: FloatArray, landmarks: FloatArray) -> None:
        self._marks = landmarks
        self._lids = [_Lid(landmarks[list(upper)], landmarks[list(lower)]) for upper, lower in _LIDS]
        self._mouth = Mouth(picture, landmarks)
        self._neutral = picture.copy()
        self._mouth.draw(self._neutral, 0.0)

    def draw(self, mouth: float, lids: float, brows: float) -> FloatArray:
        """The picture (h, w, 3) with that expression; not to be written into."""
        if mouth <= 0 and lids <= 0 and brows <= 0:
            return self._neutral
        out = self._neutral.copy()
        if brows > 0:
            _raise_brows(out, self._marks, brows)
        if lids > 0:
            for lid in self._lids:
                lid.close(out, lids)
        if mouth > 0:
            self._mouth.draw(out, mouth)
        return out


class _Lid:
    """One eye: the skin above it is drawn down over it."""

    def __init__(self, upper: FloatArray, lower: FloatArray) -> None:
        width = float(upper[-1, 0] - upper[0, 0])
        x0, x1 = int(upper[0, 0] - 0.1 * width), int(upper[-1, 0] + 0.1 * width) + 1
        y0, y1 = int(upper[:, 1].min() - 0.45 * width), int(lower[:, 1].max() + 0.3 * width)
        self._area = (slice(y0, y1), slice(x0, x1))
        self._rows, self._columns = np.mgrid[y0:y1, x0:x1].astype(np.float32)
        columns = np.arange(x0, x1, dtype=np.float32)
        self._upper = along(columns, upper)
        self._lower = np.maximum(along(columns, lower), self._upper)
        self._fold = self._upper - 0.30 * width  # what is above stays
        # At the corners lid and eye end together.
        self._width = width
        self._area_offset = (y0, x0)

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
