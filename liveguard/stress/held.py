"""What a hand that is never quite still does: to a photo before the camera, and to the camera itself."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from liveguard.stress.variant import PictureEffect
from liveguard.types import ByteArray, FloatArray, VideoFrame

FOCAL_WIDTHS: Final = 1.1  # of the camera, in widths of its picture: it sees 49 degrees, as webcams and phones about do
_SWINGS_HZ: Final = (0.15, 0.8)
_TREMBLE_HZ: Final = (4.0, 9.0)
_TREMBLE: Final = 0.012  # of the swings: physiological tremor of a hand that holds something
_SHEET_PX: Final = 64
_NOTHING: Final = np.empty((0, 0, 3), np.uint8)
_SHADE: Final = 0.25  # how much brighter a print looks when it is turned to the light


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a hand moves what it holds, each to either side: degrees about the three axes, and shares of the picture's
    width sideways, up and down, and of the distance.
    """

    tilt_deg: float
    roll_deg: float
    shift: float
    nearer: float


PRINT: Final = Reach(15.0, 6.0, 0.06, 0.12)
CAMERA: Final = Reach(1.0, 2.5, 0.04, 0.03)


def photo_in_hand(reach: Reach = PRINT, bend: float = 0.0, noise_grey: float = 2.0) -> PictureEffect:
    """The first picture as a print that a hand moves and tilts before the camera, in front of a wall.

    `bend`: by how much of its width the print's edges lie behind its middle, as paper does that is held on one side.
    The times of the feed go on; each picture gets sensor noise of `noise_grey` (standard deviation).
    """
    if noise_grey < 0:
        raise ValueError(f"noise of {noise_grey} grey levels; allowed is 0 and more")

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:
        sway, photo, wall, noise = _Sway(reach, rng), _NOTHING, _NOTHING, np.empty(0, np.float32)
        for frame in frames:
            if not photo.size:
                photo, wall = frame.image, _wall(frame.image.shape, rng)
                height, width = photo.shape[:2]
                noise = rng.standard_normal((height + _SHEET_PX, width + _SHEET_PX, 3), np.float32)
            pose = sway.at(frame.t_us / 1e6)
            seen = _seen(photo, pose, bend, cv2.BORDER_TRANSPARENT, wall)
            light = 1 + _SHADE * (math.sin(pose.yaw) - math.sin(pose.pitch))
            # Another part of one sheet of noise each time: drawing it anew would cost three times as much as all else.
            down, right = rng.integers(0, _SHEET_PX, 2).tolist()
            grain = noise[down : down + height, right : right + width]
            noisy = cv2.addWeighted(seen, light, grain, noise_grey, 0, dtype=cv2.CV_8U)
            yield VideoFrame(frame.t_us, np.asarray(noisy, np.uint8))

    return effect


def hand_held(reach: Reach = CAMERA) -> PictureEffect:
    """As from a phone in the hand: the camera sways and turns a little, which moves all of the picture as a plane."""

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:
        sway = _Sway(reach, rng)
        for frame in frames:
            seen = _seen(frame.image, sway.at(frame.t_us / 1e6), 0.0, cv2.BORDER_REFLECT_101)
            yield VideoFrame(frame.t_us, seen)

    return effect


@dataclass(frozen=True, slots=True)
class _Pose:
    """Radians, and shares as in `Reach`."""

    yaw: float
    pitch: float
    roll: float
    right: float
    down: float
    nearer: float


class _Sway:
    """Each of the six ways to move is a sum of slow swings and a little tremble, all drawn anew."""

    def __init__(self, reach: Reach, rng: np.random.Generator) -> None:
        tilt, roll = math.radians(reach.tilt_deg), math.radians(reach.roll_deg)
        most = np.array([tilt, tilt, roll, reach.shift, reach.shift, reach.nearer])
        share = rng.uniform(0.5, 1.0, (6, 1)) * np.array([0.6, 0.4, _TREMBLE])
        self._size = most[:, None] * share
        self._hz = np.concatenate([rng.uniform(*_SWINGS_HZ, (6, 2)), rng.uniform(*_TREMBLE_HZ, (6, 1))], axis=1)
        self._phase = rng.uniform(0, 2 * np.pi, (6, 3))

    def at(self, t_s: float) -> _Pose:
        return _Pose(*(self._size * np.sin(2 * np.pi * self._hz * t_s + self._phase)).sum(axis=1).tolist())


def _seen(image: ByteArray, pose: _Pose, bend: float, border: int, behind: ByteArray | None = None) -> ByteArray:
    """`image` (h, w, 3) on a sheet in that pose as a camera sees it that sees it in full when it faces it."""
    height, width = image.shape[:2]
    focal, middle = FOCAL_WIDTHS * width, np.array([(width - 1) / 2, (height - 1) / 2])
    x, y = np.meshgrid(np.arange(width, dtype=np.float32) - middle[0], np.arange(height, dtype=np.float32) - middle[1])
    # In the sheet's own axes: where the camera stands, and how its rays run. Units are pixels of the sheet.
    turn = _rotation(pose)
    place = np.array([pose.right * width, pose.down * width, focal / (1 + pose.nearer)])
    start = -turn.T @ place
    ray = [(turn[0, k] * x + turn[1, k] * y + turn[2, k] * focal).astype(np.float32) for k in range(3)]
    # The sheet is z = half * x^2; its first meeting with a ray, written so that it holds for flat ones, too.
    half = bend * 4 / width
    a, b, c = half * ray[0] ** 2, 2 * half * start[0] * ray[0] - ray[2], half * start[0] ** 2 - start[2]
    way = -2 * c / (b - np.sqrt(np.maximum(b * b - 4 * a * c, 0)))
    across, along = start[0] + way * ray[0] + middle[0], start[1] + way * ray[1] + middle[1]
    out = None if behind is None else behind.copy()
    grid = np.asarray(across, np.float32), np.asarray(along, np.float32)
    return np.asarray(cv2.remap(image, *grid, cv2.INTER_LINEAR, out, borderMode=border), np.uint8)


def _rotation(pose: _Pose) -> FloatArray:
    """(3, 3), from the sheet's axes to the camera's."""
    roll, pitch, yaw = (_about(axis, angle) for axis, angle in ((2, pose.roll), (0, pose.pitch), (1, pose.yaw)))
    return np.asarray(roll @ pitch @ yaw, np.float32)


def _about(axis: int, angle: float) -> FloatArray:
    turn = np.eye(3)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turn[i, i] = turn[j, j] = math.cos(angle)
    turn[i, j], turn[j, i] = -math.sin(angle), math.sin(angle)
    return np.asarray(turn, np.float32)


def _wall(shape: tuple[int, ...], rng: np.random.Generator) -> ByteArray:
    """A wall in soft light (h, w, 3) uint8."""
    coarse = rng.uniform(90, 170, (3, 4, 1)) + rng.uniform(-20, 20, (3, 4, 3))
    return np.asarray(
        cv2.resize(coarse.astype(np.uint8), (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.uint8
    )
