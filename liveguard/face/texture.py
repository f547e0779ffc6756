"""The canonical face texture: a picture in which each point of the mesh always lies on the same texel.

Whatever the pose, the left cheek is at the same place, so that flicker, boiling and seams can be seen by comparing
pictures texel by texel. The layout is the flat one of `canonical.npz` (made by `models/canonical_face/fit.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import cv2
import numpy as np
import numpy.typing as npt

from liveguard.types import BoolArray, ByteArray, FloatArray

TEXTURE_PX = 96
_NO_MAP = np.empty(0, np.float32)  # x and y come in one map


@dataclass(frozen=True, slots=True)
class CanonicalFace:
    """`mean` (478, 3) in distances between the outer eye corners, x right, y down, z away; `uv` (478, 2) in 0..1."""

    mean: FloatArray
    uv: FloatArray
    triangles: npt.NDArray[np.int32]


@cache
def canonical_face() -> CanonicalFace:
    """The mean face that comes with the package."""
    with (files("liveguard.face") / "canonical.npz").open("rb") as stream, np.load(stream) as data:
        return CanonicalFace(data["mean"], data["uv"], data["triangles"])


@dataclass(frozen=True, slots=True)
class TexelMap:
    """For each texel on the face its mesh points `corners` (n, 3) and weights (n, 3); `mask` (96, 96): on the face."""

    corners: npt.NDArray[np.int32]
    weights: FloatArray
    mask: BoolArray


@cache
def texel_map() -> TexelMap:
    """Made once: paints the triangles' numbers on the layout, then solves the barycentric weights of each texel."""
    face = canonical_face()
    points = face.uv * (TEXTURE_PX - 1)
    painted = np.full((TEXTURE_PX, TEXTURE_PX), -1, np.int32)
    for number, triangle in enumerate(face.triangles):
        # Sub-pixel vertices (shift=4) keep thin triangles from swallowing their neighbours.
        cv2.fillConvexPoly(painted, np.round(points[triangle] * 16).astype(np.int32), (number,), shift=4)
    mask = painted >= 0
    rows, columns = np.nonzero(mask)
    corners = face.triangles[painted[mask]]
    a, b, c = (points[corners[:, i]] for i in range(3))
    p = np.stack([columns, rows], axis=1).astype(np.float32)
    area = _cross(b - a, c - a)
    area = np.where(np.abs(area) < 1e-6, 1e-6, area)
    weight_b = _cross(p - a, c - a) / area
    weight_c = _cross(b - a, p - a) / area
    weights = np.clip(np.stack([1 - weight_b - weight_c, weight_b, weight_c], axis=1), 0.0, 1.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return TexelMap(corners, weights.astype(np.float32), mask)


@cache
def _where_map() -> tuple[npt.NDArray[np.intp], tuple[npt.NDArray[np.intp], ...], tuple[FloatArray, ...]]:
    """Flat numbers of the texels on the face, and per corner a column of mesh points and one of weights."""
    texels = texel_map()
    corners = tuple(np.ascontiguousarray(texels.corners[:, i], np.intp) for i in range(3))
    weights = tuple(np.ascontiguousarray(texels.weights[:, i]) for i in range(3))
    return np.flatnonzero(texels.mask), corners, weights


def unwrap(image: ByteArray, landmarks: FloatArray) -> ByteArray:
    """The (96, 96, 3) uint8 RGB texture of the face in `image`; 0 where the layout has no face (eyes, mouth, outside).

    0.1 ms: x and y travel together as one complex number, which numpy gathers and adds four times faster than pairs.
    """
    on_face, (a, b, c), (weight_a, weight_b, weight_c) = _where_map()
    points = np.ascontiguousarray(landmarks[:, :2], np.float32).view(np.complex64)[:, 0]
    where = np.full(TEXTURE_PX * TEXTURE_PX, -1 - 1j, np.complex64)
    where[on_face] = points[a] * weight_a + points[b] * weight_b + points[c] * weight_c
    grid = where.view(np.float32).reshape(TEXTURE_PX, TEXTURE_PX, 2)
    texture = cv2.remap(image, grid, _NO_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(texture, np.uint8)


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], np.float32)
