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


@dataclass(frozen=True, slots=True)
class CanonicalFace:
    """`mean` (478, 3) in units of the distance between the outer eye corners, x right, y down, z away; `uv` (478, 2)."""

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
    """For each texel on the face its three mesh points `corners` (n, 3) and weights (n, 3); `mask` (96, 96): on the face."""

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
        cv2.fillConvexPoly(painted, np.round(points[triangle] * 16).astype(np.int32), number, shift=4)
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


def unwrap(image: ByteArray, landmarks: FloatArray) -> ByteArray:
    """The (96, 96, 3) uint8 RGB texture of the face in `image`; 0 where the layout has no face (eyes, mouth, outside)."""
    texels = texel_map()
    xy = np.einsum("nkc,nk->nc", landmarks[:, :2][texels.corners], texels.weights)
    where = np.full((TEXTURE_PX, TEXTURE_PX, 2), -1.0, np.float32)
    where[texels.mask] = xy
    return cv2.remap(image, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT).astype(np.uint8, copy=False)


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], np.float32)
