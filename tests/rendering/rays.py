"""Where the rays of a pinhole camera meet the head: on a coarse grid, since the surface is smooth."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from liveguard.types import FloatArray
from tests.rendering.shape import MAP_PX, MAP_REACH, Shape, map_px

_STEPS = 20
_BEYOND = 0.25  # how far past the point next to the middle a ray is followed, in half chords


@dataclass(frozen=True, slots=True)
class Pinhole:
    """A camera without distortion; the middle of the picture is straight ahead."""

    width: int
    height: int
    focal_px: float

    @property
    def middle(self) -> FloatArray:
        return np.array([(self.width - 1) / 2, (self.height - 1) / 2], np.float32)

    def project(self, points: FloatArray) -> FloatArray:
        """Points (n, 3), mm in the camera's axes, in pixels (n, 2)."""
        return np.asarray(self.focal_px * points[:, :2] / points[:, 2:] + self.middle, np.float32)


def inverse(flat: FloatArray) -> FloatArray:
    """The inverse of a (2, 2) matrix, without waking a linear algebra library's threads for it."""
    (a, b), (c, d) = flat.tolist()
    return np.array([[d, -b], [-c, a]]) / (a * d - b * c)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the picture in blocks of `step` x `step` pixels, each seen in its middle; `columns` x `rows` of them."""

    left: int
    top: int
    step: int
    columns: int
    rows: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.columns * self.step, self.rows * self.step

    def rays(self, camera: Pinhole) -> FloatArray:
        """Unit vectors (rows, columns, 3) out of the camera."""
        first = (self.step - 1) / 2
        across = (self.left + first + self.step * np.arange(self.columns) - camera.middle[0]) / camera.focal_px
        down = (self.top + first + self.step * np.arange(self.rows) - camera.middle[1]) / camera.focal_px
        grid = np.ones((self.rows, self.columns, 3), np.float32)
        grid[..., 0], grid[..., 1] = across, down[:, None]
        return np.asarray(grid / np.sqrt(np.einsum("...i,...i->...", grid, grid))[..., None], np.float32)

    def coarser(self) -> Window:
        """The same part in blocks of twice the size."""
        return Window(self.left, self.top, 2 * self.step, self.columns // 2, self.rows // 2)

    def fine(self, coarse: FloatArray) -> FloatArray:
        """Values (rows, columns, ...) on every pixel of the window, (height, width, ...)."""
        return np.asarray(cv2.resize(coarse, self.size, interpolation=cv2.INTER_LINEAR), np.float32)


def window_around(camera: Pinhole, points_px: FloatArray, margin_px: float, step: int) -> Window:
    """The part of the picture with the points (n, 2) and so much around them; a corner of it where none of that is in sight.

    It may reach beyond the right and the lower edge by a few pixels, and has an even number of blocks.
    """
    limit = np.array([camera.width, camera.height])
    low = np.clip(np.floor(points_px.min(axis=0) - margin_px), 0, limit - 1).astype(int)
    high = np.clip(np.ceil(points_px.max(axis=0) + margin_px), low + 1, limit).astype(int)
    columns, rows = (2 * -(-(high - low) // (2 * step))).tolist()
    return Window(int(low[0]), int(low[1]), step, columns, rows)


@dataclass(frozen=True, slots=True)
class Hits:
    """`points` (rows, columns, 3): where each ray meets the surface or comes closest to it, in mm from its middle;
    `clearance_mm` (rows, columns): how far outside it passes, negative where it hits; `places` (rows, columns, 2) on the maps.
    """

    points: FloatArray
    clearance_mm: FloatArray
    places: FloatArray


def hits(shape: Shape, mouth: float, camera: Pinhole, window: Window, turn: FloatArray, middle: FloatArray) -> Hits:
    """Where the rays of `window` meet a head with that rotation (3, 3) and `middle` (3,), mm from the camera.

    Rays are followed from outside inwards on a coarser grid; the others start from what these found.
    """
    eye = np.asarray(-middle @ turn, np.float32)
    rays = window.rays(camera) @ turn
    radius_mm = shape.radius_mm if mouth == 0 else shape.radius_mm + np.float32(mouth) * shape.jaw_mm
    few = np.ascontiguousarray(np.moveaxis(window.coarser().rays(camera) @ turn, -1, 0))
    t, clearance = _followed(radius_mm, shape.largest_mm, eye, few)
    many = np.ascontiguousarray(np.moveaxis(rays, -1, 0))
    size = (window.columns, window.rows)
    t, clearance = (np.asarray(cv2.resize(found, size), np.float32) for found in (t, clearance))
    # Where a nose hides a cheek the neighbours disagree; two steps take each ray to one side or the other.
    inside = np.clip(-clearance, 0, 1)
    for _ in range(2):
        t = t + 1.15 * inside * np.clip(_outside(radius_mm, eye, many, t), -7, 7)
    points = eye + rays * t[..., None]
    places = map_px(points, np.sqrt(np.einsum("...i,...i->...", points, points)))
    return Hits(np.asarray(points, np.float32), clearance, places)


def _followed(
    radius_mm: FloatArray, largest_mm: float, eye: FloatArray, rays: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """How far along the rays (3, rows, columns) the surface is, and by how much they miss it (negative: they do not)."""
    closest = -(eye[0] * rays[0] + eye[1] * rays[1] + eye[2] * rays[2])
    half = np.sqrt(np.maximum(largest_mm**2 - (float(eye @ eye) - closest**2), 1.0))
    along = closest + np.linspace(-1, _BEYOND, _STEPS, dtype=np.float32)[:, None, None] * half
    outside = _outside(radius_mm, eye, rays, along)
    clearance = outside.min(axis=0)
    found = clearance < 0
    best = np.maximum(np.where(found, (outside < 0).argmax(axis=0), outside.argmin(axis=0)), 1)[None]
    near_t, far_t = (np.take_along_axis(along, best - back, axis=0)[0] for back in (1, 0))
    near_f, far_f = (np.take_along_axis(outside, best - back, axis=0)[0] for back in (1, 0))
    t = near_t + np.clip(near_f / np.maximum(near_f - far_f, 1e-6), 0, 1) * (far_t - near_t)
    return np.where(found, t, far_t), clearance


def _outside(radius_mm: FloatArray, eye: FloatArray, rays: FloatArray, t: FloatArray) -> FloatArray:
    """How far (mm, along the direction from the middle) the points at `t` (..., rows, columns) are outside of the surface."""
    x, y, z = (eye[axis] + rays[axis] * t for axis in range(3))
    length = cv2.sqrt((x * x + y * y + z * z).reshape(-1, t.shape[-1])).reshape(t.shape)
    scale = np.float32((MAP_PX - 1) / (2 * MAP_REACH)) / (length - z)
    shift = np.float32((MAP_PX - 1) / 2)
    x *= scale
    x += shift
    y *= scale
    y += shift
    flat = (-1, t.shape[-1])
    surface = cv2.remap(radius_mm, x.reshape(flat), y.reshape(flat), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    length -= surface.reshape(t.shape)
    return np.asarray(length, np.float32)
