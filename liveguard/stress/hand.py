"""A hand that passes before the face, as people scratch a cheek or rest a chin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from liveguard.face.geometry import inter_ocular_px
from liveguard.stress.faces import line_area, pasted, with_mesh
from liveguard.stress.spells import Spells
from liveguard.stress.variant import PictureEffect
from liveguard.types import ByteArray, FloatArray, VideoFrame

# Fingers, thumb, palm and arm: lines and their widths, in distances between the outer eye corners, y down.
_LINES = (
    (((-0.3, 0.05), (-0.42, -0.5)), 0.18),
    (((-0.1, 0.0), (-0.13, -0.68)), 0.19),
    (((0.1, 0.0), (0.14, -0.66)), 0.19),
    (((0.3, 0.06), (0.4, -0.45)), 0.17),
    (((-0.28, 0.55), (-0.62, 0.1)), 0.21),
    (((-0.2, 0.2), (0.2, 0.2), (0.17, 0.62), (-0.17, 0.62), (-0.2, 0.2)), 0.44),
    (((0.0, 0.5), (0.1, 5.0)), 0.56),
)
_CHEEKS = (50, 280, 205, 425)
_MOVES = 0.25  # share of the time in which it comes, and in which it goes
_FROM = 2.6  # how far below its place it comes from


@dataclass(frozen=True, slots=True)
class _Gesture:
    """Where a hand comes to rest, from the mesh's nose tip, how it is turned, which one it is, and its colour."""

    rest: FloatArray
    turn_rad: float
    mirror: float
    skin: FloatArray


def hand(every_s: float = 6.0, hold_s: tuple[float, float] = (0.8, 2.0)) -> PictureEffect:
    """A hand of the face's own colour before part of the face for `hold_s` (least, most) every `every_s`, in motion."""

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:
        spells, gesture = Spells(every_s, hold_s, rng), None
        for frame, mesh in with_mesh(frames):
            progress = spells.progress(frame.t_us)
            if progress is None or mesh is None:
                gesture = None if progress is None else gesture
                yield frame
                continue
            gesture = gesture or _gesture(frame.image, mesh, rng)
            yield VideoFrame(frame.t_us, _drawn(frame.image, mesh, gesture, progress))

    return effect


def _gesture(image: ByteArray, mesh: FloatArray, rng: np.random.Generator) -> _Gesture:
    side = float(rng.choice((-1.0, 1.0)))
    rest = np.array([side * rng.uniform(0.0, 0.45), rng.uniform(0.25, 0.75)], np.float32)
    return _Gesture(rest, side * rng.uniform(0.0, 0.5), side, _skin(image, mesh))


def _skin(image: ByteArray, mesh: FloatArray) -> FloatArray:
    """The mean colour of the cheeks (3,), a little darker and redder: hands are."""
    last = np.array([image.shape[1] - 1, image.shape[0] - 1])
    spots = np.clip(np.round(mesh[list(_CHEEKS), :2]), 0, last).astype(int)
    soft = [image[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4].reshape(-1, 3).mean(axis=0) for x, y in spots]
    return np.asarray(np.median(soft, axis=0) * np.array([0.92, 0.86, 0.84]), np.float32)


def _drawn(image: ByteArray, mesh: FloatArray, gesture: _Gesture, progress: float) -> ByteArray:
    unit = inter_ocular_px(mesh)
    near = min(progress / _MOVES, (1 - progress) / _MOVES, 1.0)
    away = _FROM * (1 - near * near * (3 - 2 * near))
    # It never quite keeps still, which a hand does not.
    sway = 0.05 * np.sin(2 * np.pi * np.array([1.0, 1.6]) * progress)
    at = mesh[1, :2] + unit * (gesture.rest + sway + np.array([0.3 * gesture.mirror * away, away]))
    cos, sin = np.cos(gesture.turn_rad), np.sin(gesture.turn_rad)
    place = unit * np.array([[gesture.mirror * cos, -sin], [gesture.mirror * sin, cos]])
    lines = [
        (np.asarray(at + np.array(line, np.float32) @ place.T, np.float32), width * unit) for line, width in _LINES
    ]
    area = line_area(image, lines, max(0.012 * unit, 0.6))
    return image if area is None else pasted(image, _skinned(area.mask, gesture.skin, unit), area)


def _skinned(mask: FloatArray, skin: FloatArray, unit: float) -> ByteArray:
    """Skin (h, w, 3) that darkens to the edges of `mask`, as round things do."""
    depth = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    round_ = np.sqrt(np.minimum(depth / (0.16 * unit), 1.0))
    shade = cv2.GaussianBlur(np.asarray(0.62 + 0.38 * round_, np.float32), (0, 0), max(0.015 * unit, 0.6))
    return np.asarray(np.clip(shade[..., None] * skin, 0, 255), np.uint8)
