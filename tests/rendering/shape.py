"""The head as a closed surface: how far it is from the middle of the skull in each direction, all from one frontal mesh.

Directions lie on a map by stereographic projection (the middle is straight ahead, a circle of radius 1 is what one sees
edge-on from the front), so that the surface goes on behind the outline and a turned head shows its side.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from liveguard.face.geometry import LIP_LOWER_INNER, LIP_UPPER_INNER, OVAL
from liveguard.types import FloatArray
from tests.rendering.photo import outline_points

MAP_PX = 384
MAP_REACH = 1.9  # in the map's unit: as far as 124 degrees from straight ahead
JAW_DROP_MM = 30.0  # of the lower lip
_CHIN_BACK = 0.4
_CORNER_LEFT, _CORNER_RIGHT = 78, 308  # of the mouth, inside
_IRISES_FROM = 468
_KNOTS_PX = 160  # the spline is evaluated on so many points a side, then refined
_SMOOTHING = 2e-4
_EDGE_ON_MM = -18.0  # hair farther back than this is seen too much from the side
_MIRROR_MM = 45.0
_BEHIND = (
    (1.3, 1.02),
    (1.7, 0.99),
    (2.3, 0.95),
)  # distance on the map, part of the outline's radius: the back of the head


@dataclass(frozen=True, slots=True)
class Shape:
    """Maps (MAP_PX, MAP_PX) of directions: `radius_mm` with the mouth shut, `jaw_mm` what is added as it opens;
    `normals` (MAP_PX, MAP_PX, 3) point outwards; `pull` is by how much colours come from nearer the middle of the photo.
    `largest_mm`: no point is farther from the middle; `around` (n, 3): points just outside, whose hull holds the head."""

    radius_mm: FloatArray
    jaw_mm: FloatArray
    normals: FloatArray
    pull: FloatArray
    largest_mm: float
    around: FloatArray


def shape_of(points: FloatArray, outline_mm: FloatArray) -> Shape:
    """The surface through the mesh (478, 3), in mm from the middle of the skull, and the outline (n,), by angle."""
    shut = _surface(points[:_IRISES_FROM], outline_mm, outline_mm)
    mesh = points[:_IRISES_FROM]
    line = float(points[[LIP_UPPER_INNER, LIP_LOWER_INNER], 1].mean())
    half = float(np.ptp(points[[_CORNER_LEFT, _CORNER_RIGHT], 0])) / 2
    dropped = mesh.copy()
    dropped[:, 1] += JAW_DROP_MM * jaw_share(mesh[:, 0], mesh[:, 1] - line, half) * (mesh[:, 1] > line)
    angles = np.arange(len(outline_mm)) * 2 * np.pi / len(outline_mm)
    longer = outline_mm + 0.8 * (1 - _CHIN_BACK) * JAW_DROP_MM * np.clip((np.sin(angles) - 0.5) / 0.5, 0, 1)
    opened = _surface(dropped, np.asarray(longer, np.float32), outline_mm)
    pull = _pull(shut, points[list(OVAL), :2])
    most = np.maximum(shut, opened)
    around = (1.03 * most[..., None] * _directions())[::16, ::16].reshape(-1, 3)
    return Shape(shut, opened - shut, _normals(shut), pull, float(most.max()), around)


def jaw_share(off_mm: FloatArray, below_mm: FloatArray, half_mm: float) -> FloatArray:
    """How far points go down with the jaw, as a part of what the lower lip does in its middle: 0..1.

    `off_mm` from the middle, `below_mm` the line between the lips, whose corners are `half_mm` from the middle and stay.
    The chin swings back more than it goes down, so it goes less far than the lip, but as a whole.
    """
    low = np.clip(below_mm / 28.0, 0, 1)
    wide = half_mm + 2.0 + (72.0 - half_mm) * low
    return np.asarray(np.clip(1 - np.abs(off_mm / wide) ** (2.6 + low), 0, 1) * (1 - _CHIN_BACK * low), np.float32)


def along(columns: FloatArray, points: FloatArray) -> FloatArray:
    """The height of a line through points (n, 2) at each of `columns` (m,), its corners a little rounded; level beyond it."""
    order = np.argsort(points[:, 0])
    dense = np.interp(columns, points[order, 0], points[order, 1])
    return np.asarray(np.convolve(np.pad(dense, 1, "edge"), np.ones(3) / 3, "valid"), np.float32)


def map_px(directions: FloatArray, lengths: FloatArray) -> FloatArray:
    """Where directions (..., 3) of these lengths (...) lie on the maps, (..., 2) in pixels."""
    scale = (MAP_PX - 1) / (2 * MAP_REACH)
    return np.asarray(
        directions[..., :2] * (scale / (lengths - directions[..., 2]))[..., None] + (MAP_PX - 1) / 2, np.float32
    )


def _surface(points: FloatArray, outline_mm: FloatArray, behind_mm: FloatArray) -> FloatArray:
    """The map of radii (MAP_PX, MAP_PX) through mesh and outline: the smoothest one, a thin-plate spline."""
    edge = outline_points(outline_mm)[::2]
    given = np.concatenate([points, edge]).astype(np.float64)
    radius = np.linalg.norm(given, axis=1)
    where = given[:, :2] / (radius - given[:, 2])[:, None]
    flat = outline_points(behind_mm)[::4].astype(np.float64)
    flat_mm = np.linalg.norm(flat, axis=1)
    where = np.concatenate([where, *(distance * flat[:, :2] / flat_mm[:, None] for distance, _ in _BEHIND)])
    radius = np.concatenate([radius, *(part * flat_mm for _, part in _BEHIND)])
    side = np.linspace(-MAP_REACH, MAP_REACH, _KNOTS_PX)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    rough = _thin_plate(where, radius, grid).reshape(_KNOTS_PX, _KNOTS_PX).astype(np.float32)
    # Pixel centres of both grids reach from edge to edge, which resizing would not keep.
    step = (_KNOTS_PX - 1) / (MAP_PX - 1)
    zoom = np.array([[step, 0, 0], [0, step, 0]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    fine = cv2.warpAffine(rough, zoom, (MAP_PX, MAP_PX), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.maximum(fine, 40.0), np.float32)


def _thin_plate(where: FloatArray, values: FloatArray, grid: FloatArray) -> FloatArray:
    """The thin-plate spline of `values` (n,) at `where` (n, 2), evaluated on `grid` (m, 2)."""
    count = len(where)
    plane = np.column_stack([np.ones(count), where])
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _bending(where, where) + _SMOOTHING * np.eye(count)
    system[:count, count:], system[count:, :count] = plane, plane.T
    weights = np.linalg.solve(system, np.concatenate([values, np.zeros(3)]))
    out = np.column_stack([np.ones(len(grid)), grid]) @ weights[count:]
    for start in range(0, len(grid), 4096):
        part = slice(start, start + 4096)
        out[part] += _bending(grid[part], where) @ weights[:count]
    return np.asarray(out)


def _bending(a: FloatArray, b: FloatArray) -> FloatArray:
    square = ((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T).clip(1e-12)
    return np.asarray(0.5 * square * np.log(square))


def _directions() -> FloatArray:
    """The unit vector of each place on the map (MAP_PX, MAP_PX, 3): stereographic projection, backwards."""
    side = np.linspace(-MAP_REACH, MAP_REACH, MAP_PX, dtype=np.float32)
    a, b = np.meshgrid(side, side)
    square = a * a + b * b
    return np.asarray(np.stack([2 * a, 2 * b, square - 1], axis=-1) / (1 + square)[..., None], np.float32)


def _normals(radius_mm: FloatArray) -> FloatArray:
    """Outward unit normals (MAP_PX, MAP_PX, 3) of the surface, a little smoothed."""
    direction = _directions()
    surface = direction * cv2.GaussianBlur(radius_mm, (0, 0), 2.0)[..., None]
    normal = np.cross(np.gradient(surface, axis=0), np.gradient(surface, axis=1))
    normal *= np.sign((normal * direction).sum(axis=-1, keepdims=True))
    return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True).clip(1e-9), np.float32)


def _pull(radius_mm: FloatArray, oval: FloatArray) -> FloatArray:
    """Where on the photo the hair's colours are, as a factor on the place seen from the front (MAP_PX, MAP_PX).

    What the photo shows edge-on would be smeared over the side of the head; it shows the hair in front of it again instead,
    mirrored to and fro. The face `oval` (n, 2) keeps its own colours.
    """
    surface = _directions() * radius_mm[..., None]
    x, y, z = surface[..., 0], surface[..., 1], surface[..., 2]
    off = np.hypot(x, y).clip(1e-3)
    order = np.argsort(np.arctan2(oval[:, 1], oval[:, 0]))
    face = np.interp(
        np.arctan2(y, x), np.arctan2(oval[:, 1], oval[:, 0])[order], np.hypot(*oval[order].T), period=2 * np.pi
    )
    hair = np.clip((off / face - 1.03) / 0.15, 0, 1) * np.clip(1 - y / 30, 0, 1)
    depth = np.clip(z - _EDGE_ON_MM, 0, None)
    wide = np.clip(off - 1.15 * face, 1.0, _MIRROR_MM)
    back = wide - np.abs(wide - depth % (2 * wide))
    return np.asarray(1 - hair * back / off, np.float32)
