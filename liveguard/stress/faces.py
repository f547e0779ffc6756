"""What the effects on faces share: the mesh of the largest face, soft outlines on it, and the pose of the head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from liveguard.face.backends import BackendPool
from liveguard.face.geometry import RIGID, similarity
from liveguard.face.texture import canonical_face
from liveguard.face.tracker import FaceTracker
from liveguard.types import ByteArray, FloatArray, VideoFrame

EYE_LEFT = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
EYE_RIGHT = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)

_SUBPIXEL = 4  # binary digits of OpenCV's fixed-point coordinates: without them outlines jump by whole pixels
# MediaPipe keeps the memory of each graph, so effects that come one after the other share backends. Never closed.
_POOL = BackendPool()


def with_mesh(frames: Iterator[VideoFrame]) -> Iterator[tuple[VideoFrame, FloatArray | None]]:
    """Each frame with the landmarks (478, 3) of its largest face, in pixels; None where none is seen.

    Streamed; the backend is on loan from the first frame until the stream ends or is closed. Raises BackendError.
    """
    tracker = FaceTracker(_POOL.lend(), max_faces=2)
    try:
        for frame in frames:
            faces = tracker.update(frame)
            largest = max(faces, key=lambda face: face.box.width * face.box.height, default=None)
            yield frame, None if largest is None else largest.landmarks
    finally:
        tracker.close()


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the picture, and how much of it counts: `mask` (h, w) float32 0..1; `left` and `top` in pixels."""

    left: int
    top: int
    mask: FloatArray

    def of(self, image: ByteArray) -> ByteArray:
        """That part of `image`; a view."""
        height, width = self.mask.shape
        return image[self.top : self.top + height, self.left : self.left + width]

    def inside(self, points: FloatArray) -> FloatArray:
        """Points (n, 2) of the picture in pixels of the part."""
        return np.asarray(points - np.array([self.left, self.top], np.float32), np.float32)


def soft_area(
    image: ByteArray, outline: FloatArray, feather_px: float, holes: tuple[FloatArray, ...] = ()
) -> Area | None:
    """The inside of `outline` (n, 2) without `holes`, its edge softened by a Gaussian; None where none of it is in sight.

    Half of the soft edge lies outside of the outline; the area reaches three `feather_px` beyond it.
    """
    found = _frame_around(image, outline, 3 * feather_px + 1)
    if found is None:
        return None
    canvas, corner = found
    cv2.fillPoly(canvas, [_fixed(outline - corner)], (255,), cv2.LINE_AA, _SUBPIXEL)
    for hole in holes:
        cv2.fillPoly(canvas, [_fixed(hole - corner)], (0,), cv2.LINE_AA, _SUBPIXEL)
    return _softened(canvas, corner, feather_px)


def line_area(image: ByteArray, lines: Sequence[tuple[FloatArray, float]], feather_px: float = 0.0) -> Area | None:
    """Lines with round ends, each through points (n, 2) and so many pixels wide; None where none of them is in sight."""
    widest = max(width for _, width in lines)
    found = _frame_around(image, np.concatenate([points for points, _ in lines]), widest / 2 + 3 * feather_px + 1)
    if found is None:
        return None
    canvas, corner = found
    for points, width in lines:
        stroke(canvas, points - corner, width)
    return _softened(canvas, corner, feather_px)


def stroke(canvas: ByteArray, points: FloatArray, width_px: float) -> None:
    """Draw a line of 255 through points (n, 2) on `canvas`, with smooth edges and round ends."""
    cv2.polylines(canvas, [_fixed(points)], False, (255,), max(round(width_px), 1), cv2.LINE_AA, _SUBPIXEL)


def pasted(image: ByteArray, patch: ByteArray, area: Area) -> ByteArray:
    """A copy of `image` with `patch` (h, w, 3) blended in over `area`; untouched where the mask is 0."""
    out = image.copy()
    out_part = area.of(out)
    out_part[:] = cv2.blendLinear(np.ascontiguousarray(patch), np.ascontiguousarray(out_part), area.mask, 1 - area.mask)
    return out


def scaled(outline: FloatArray, factor: float) -> FloatArray:
    """`outline` (n, 2) grown about its middle."""
    middle = outline.mean(axis=0)
    return np.asarray(middle + (outline - middle) * factor, np.float32)


def on_head(points: FloatArray, landmarks: FloatArray) -> FloatArray:
    """Points (n, 3) of the mean face's space (`CanonicalFace`) in pixels (n, 2), moved stiffly with the head."""
    rotation, scale, shift = similarity(canonical_face().mean[list(RIGID)], landmarks[list(RIGID)])
    return np.asarray((scale * points @ rotation.T + shift)[:, :2], np.float32)


def _frame_around(image: ByteArray, points: FloatArray, margin_px: float) -> tuple[ByteArray, FloatArray] | None:
    """An empty canvas for the part of `image` around `points`, and its corner (2,); None where nothing of it is in sight."""
    low = np.maximum(np.floor(points.min(axis=0) - margin_px), 0)
    high = np.minimum(np.ceil(points.max(axis=0) + margin_px), (image.shape[1], image.shape[0]))
    width, height = (high - low).astype(int).tolist()
    return (np.zeros((height, width), np.uint8), low.astype(np.float32)) if min(width, height) >= 2 else None


def _softened(canvas: ByteArray, corner: FloatArray, feather_px: float) -> Area:
    """`canvas` with Gaussian edges; wide ones are made at a smaller size, which looks the same and costs a tenth."""
    height, width = canvas.shape
    shrink = max(feather_px / 2, 1.0)
    soft = canvas
    if feather_px > 0.3:
        size = (max(round(width / shrink), 1), max(round(height / shrink), 1))
        small = cv2.GaussianBlur(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA), (0, 0), feather_px / shrink)
        soft = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    return Area(int(corner[0]), int(corner[1]), soft.astype(np.float32) / np.float32(255))


def _fixed(points: FloatArray) -> npt.NDArray[np.int32]:
    return np.asarray(np.round(points * (1 << _SUBPIXEL)), np.int32)
