"""What the untrained face checks keep of a picture: a few hundred figures a face, and no pixels.

Three probes, shared by the checks that read them:

- `face_cells` (12, 12, 3): mean RGB of as many cells of the canonical texture, so that a cell is the same
  skin in any pose;
- `surround` (8, 8): mean green of as many cells of a square of two face sizes around the face; NaN outside
  the picture;
- `detail` (15,): fine and coarse detail of four zones, and the contrast across seven curves parallel to the
  outline.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from liveguard.face.geometry import BROW_LEFT, BROW_RIGHT, NOSE_TIP, OVAL
from liveguard.face.texture import TEXTURE_PX, canonical_face, texel_map
from liveguard.types import BoolArray, ByteArray, FaceView, FloatArray, Probe

CELLS = 12
SURROUND_CELLS = 8
SURROUND_FACES = 2.0
SAMPLES_PER_CELL = 4
DETAIL_PX = 208  # side of the square in which detail is measured
DETAIL_FACE_PX = (
    160  # of which the larger side of the face takes so many; a smaller face has no fine detail to speak of
)
ZONES = ("inner", "forehead", "cheeks", "outside")
SEAM_SCALES = (0.64, 0.71, 0.78, 0.85, 0.92, 0.99, 1.06)
INNER_SCALE = 0.72  # of the outline: swap and lip models repaint this much at least
RING_SCALES = (0.80, 0.97)
_OVAL = np.array(OVAL)
_BROWS = np.array([*BROW_LEFT, *BROW_RIGHT])


@cache
def cell_share() -> FloatArray:
    """The share (12, 12) of each cell of the canonical texture that lies on the face."""
    mask = texel_map().mask.astype(np.float32)
    return np.asarray(cv2.resize(mask, (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.float32)


@cache
def inner_cells() -> BoolArray:
    """Which cells (12, 12) of the canonical texture belong to the part that swap and lip models repaint."""
    uv = canonical_face().uv * (TEXTURE_PX - 1)
    mask = np.zeros((TEXTURE_PX, TEXTURE_PX), np.uint8)
    _fill(mask, _scaled_outline(uv, 0.8), 255)
    mask[: int(uv[_BROWS, 1].min())] = 0
    inner = cv2.resize(mask, (CELLS, CELLS), interpolation=cv2.INTER_AREA) > 127
    return np.asarray(inner & (cell_share() > 0.8), np.bool_)


@cache
def ring_cells() -> BoolArray:
    """Which cells (12, 12) lie on the face but outside the inner part: forehead, temples, edge of cheeks and
    jaw.
    """
    return np.asarray(~inner_cells() & (cell_share() > 0.8), np.bool_)


def face_cells(view: FaceView) -> FloatArray:
    """Mean RGB (12, 12, 3) of the cells of the canonical texture, 0..255; 0 where a cell has no face."""
    means = cv2.resize(view.texture, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    return np.asarray(means / np.maximum(cell_share(), 0.02)[:, :, None], np.float32)


def surround(view: FaceView) -> FloatArray:
    """Mean green (8, 8) of the cells of a square of two face sizes; NaN for cells that leave the picture."""
    height, width = view.image.shape[:2]
    (x, y), size = _middle_and_size(view.landmarks)
    samples = SAMPLES_PER_CELL * SURROUND_CELLS
    # A sparse grid of samples is enough for means, and costs the same for a face of any size.
    steps = ((np.arange(samples) + 0.5) / samples - 0.5) * (SURROUND_FACES * size)
    columns, rows = (steps + x).astype(np.int64), (steps + y).astype(np.int64)
    picked = view.image[rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)[None, :], 1].astype(np.float32)
    picked[(rows < 0) | (rows >= height)] = np.nan
    picked[:, (columns < 0) | (columns >= width)] = np.nan
    blocks = picked.reshape(SURROUND_CELLS, SAMPLES_PER_CELL, SURROUND_CELLS, SAMPLES_PER_CELL)
    return np.asarray(blocks.mean(axis=(1, 3)), np.float32)


def detail(view: FaceView) -> FloatArray:
    """Figures (15,) of the face scaled to 160 px: mean absolute Laplacian of `ZONES` in grey levels, at full
    and then at half size (NaN: the zone is not seen); then the mean slope across the curves `SEAM_SCALES`
    in grey levels per px.
    """
    grey, points = _face_at_fixed_size(view.image, view.landmarks)
    half = np.asarray(cv2.pyrDown(grey), np.float32)
    fine, coarse = (np.asarray(np.abs(cv2.Laplacian(x, cv2.CV_32F)), np.float32) for x in (grey, half))
    zones = _zones(points)
    figures = [_mean(fine, zone) for zone in zones]
    figures += [_mean(coarse, np.ascontiguousarray(zone[::2, ::2])) for zone in zones]
    return np.concatenate([figures, _slope_across(half, points / 2)]).astype(np.float32)


# 25 pictures a second are read in full, of 30 every other: skin that boils or pulses is slower than that by far.
FACE_CELLS = Probe("face_cells", face_cells, every_us=38_000)
SURROUND = Probe("surround", surround, every_us=38_000)
DETAIL = Probe("detail", detail, every_us=400_000)  # its median over seconds is used, and it is the dearest


def _middle_and_size(landmarks: FloatArray) -> tuple[tuple[float, float], float]:
    """Middle of the face's box and its larger side, in pixels."""
    x0, y0 = landmarks[:, :2].min(axis=0).tolist()
    x1, y1 = landmarks[:, :2].max(axis=0).tolist()
    return ((x0 + x1) / 2, (y0 + y1) / 2), max(x1 - x0, y1 - y0, 2.0)


def _face_at_fixed_size(image: ByteArray, landmarks: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Luma (208, 208) float32 around the face, its larger side scaled to 160 px, and the points (478, 2) in
    it.

    What lies outside the picture repeats its edge, and so has no detail.
    """
    (x, y), size = _middle_and_size(landmarks)
    side = max(round(size * DETAIL_PX / DETAIL_FACE_PX), 2)
    x0, y0 = round(x - side / 2), round(y - side / 2)
    height, width = image.shape[:2]
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x0 + side, width), min(y0 + side, height)
    scale = DETAIL_PX / side
    points = ((landmarks[:, :2] - np.array([x0, y0], np.float32)) * scale).astype(np.float32)
    if right - left < 2 or bottom - top < 2:
        return np.zeros((DETAIL_PX, DETAIL_PX), np.float32), points
    grey = cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    pad = (top - y0, y0 + side - bottom, left - x0, x0 + side - right)
    if any(pad):
        grey = cv2.copyMakeBorder(grey, *pad, cv2.BORDER_REPLICATE)
    while grey.shape[0] >= 2 * DETAIL_PX:
        # Halving is cheap; what is left of a large face is then scaled with care.
        grey = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    how = cv2.INTER_AREA if grey.shape[0] > DETAIL_PX else cv2.INTER_LINEAR
    # Float before scaling: rounding to grey levels again would bury the detail of smooth skin.
    return np.asarray(
        cv2.resize(grey.astype(np.float32), (DETAIL_PX, DETAIL_PX), interpolation=how), np.float32
    ), points


def _zones(points: FloatArray) -> tuple[ByteArray, ByteArray, ByteArray, ByteArray]:
    """Masks (208, 208) uint8 of inner face, forehead, cheeks with jaw, and what is outside the outline."""
    brows_y = int(np.clip(points[_BROWS, 1].mean(), 0, DETAIL_PX))
    inner = _filled(_scaled_outline(points, INNER_SCALE))
    inner[:brows_y] = 0
    cheeks = _filled(_scaled_outline(points, RING_SCALES[1]))
    _fill(cheeks, _scaled_outline(points, RING_SCALES[0]), 0)
    forehead = _filled(_scaled_outline(points, 0.9))
    top = int(np.clip(brows_y - 0.06 * DETAIL_FACE_PX, 0, DETAIL_PX))
    forehead[top:], cheeks[:top] = 0, 0
    outside = np.full((DETAIL_PX, DETAIL_PX), 255, np.uint8)
    _fill(outside, _scaled_outline(points, 1.1), 0)
    return inner, forehead, cheeks, outside


def _scaled_outline(points: FloatArray, scale: float) -> FloatArray:
    """The outline (36, 2) of the face, shrunk towards its middle."""
    outline = points[_OVAL, :2]
    middle = (outline.mean(axis=0) + points[NOSE_TIP, :2]) / 2
    return np.asarray(middle + scale * (outline - middle), np.float32)


def _filled(outline: FloatArray) -> ByteArray:
    mask = np.zeros((DETAIL_PX, DETAIL_PX), np.uint8)
    _fill(mask, outline, 255)
    return mask


def _fill(mask: ByteArray, outline: FloatArray, value: int) -> None:
    cv2.fillPoly(mask, [outline.astype(np.int32)], (value,))


def _mean(detail: npt.NDArray[np.float32], zone: ByteArray) -> float:
    return cv2.mean(detail, zone)[0] if cv2.countNonZero(zone) >= 60 else float("nan")


def _slope_across(grey: FloatArray, points: FloatArray) -> FloatArray:
    """Mean absolute slope (7,) of the luma across each curve, along the rays from the middle of the face."""
    outline = points[_OVAL[::2], :2]
    middle = (points[_OVAL, :2].mean(axis=0) + points[NOSE_TIP, :2]) / 2
    rays = outline - middle
    curves = middle + np.array(SEAM_SCALES, np.float32)[:, None, None] * rays
    step = rays / np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-3)
    return np.asarray(np.abs(_at(grey, curves + step) - _at(grey, curves - step)).mean(axis=1) / 2, np.float32)


def _at(grey: FloatArray, where: FloatArray) -> FloatArray:
    """Values of `grey` at the nearest pixel of `where` (..., 2)."""
    index = np.clip(np.round(where), 0, np.array(grey.shape[::-1]) - 1).astype(np.int64)
    return np.asarray(grey[index[..., 1], index[..., 0]], np.float32)
