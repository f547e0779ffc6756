"""What is remembered of one face, and what follows from it: how it moves, whether it is a picture, where it can be."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from liveguard.face.backend import Mesher, Region, region_of_mesh
from liveguard.face.geometry import EYE_LEFT_OUTER, EYE_RIGHT_OUTER, RIGID
from liveguard.face.looks import likeness
from liveguard.types import Box, FloatArray

POSE_EVERY_US = 130_000
POSES_US = 3_000_000
LOOKS_EVERY_US = 1_000_000
STILL_MOTION = 0.012  # in eye distances; the mesh of a noisy still photo trembles by 0.004
MOVING_MOTION = 0.03
# Head, lids and lips: whatever lives moves one of them. Columns 6 and 7 are the outer eye corners.
_POSE_POINTS = np.array([*RIGID[:6], EYE_LEFT_OUTER, EYE_RIGHT_OUTER, 13, 14, 61, 291, 159, 145, 386, 374])


@dataclass(slots=True, eq=False)
class Trail:
    """One face over time. `region` is where its mesh is looked for next; times are stream time."""

    track: int
    mesher: Mesher
    region: Region
    box: Box
    seen_us: int
    trial_ends_us: int = 0
    reported_from_us: int = 0
    missing: bool = False
    looks: FloatArray | None = None
    looked_us: int = 0
    poses: deque[tuple[int, FloatArray]] = field(default_factory=deque)
    motion: float = 0.0
    inner_motion: float = 0.0
    picture: bool = False

    def see(self, t_us: int, mesh: FloatArray, box: Box) -> None:
        """Take in where the face is at `t_us`."""
        self.seen_us, self.missing = t_us, False
        self.box, self.region = box, region_of_mesh(mesh, box)
        if self.poses and t_us - self.poses[-1][0] < POSE_EVERY_US:
            return
        self.poses.append((t_us, mesh[_POSE_POINTS, :2]))
        while self.poses[0][0] < t_us - POSES_US:
            self.poses.popleft()
        self.motion, self.inner_motion = motions([pose for _, pose in self.poses])

    def wants_looks(self, t_us: int) -> bool:
        return self.looks is None or t_us - self.looked_us >= LOOKS_EVERY_US

    def see_looks(self, t_us: int, looks: FloatArray) -> None:
        """Mix in how the face looks now; slowly, so that a hand before it does not become the face."""
        self.looks = looks if self.looks is None else (0.7 * self.looks + 0.3 * looks).astype(np.float32)
        self.looked_us = t_us

    def likeness(self, looks: FloatArray) -> float:
        return -1.0 if self.looks is None else likeness(looks, self.looks)

    @property
    def is_moving(self) -> bool:
        return self.motion > MOVING_MOTION

    def judge_picture(self, others_move: bool) -> None:
        """A face that kept still while another moved is a picture, until it moves in itself.

        Only its own play of features takes the mark away, so that neither a shaken camera nor an empty room does. Whoever
        brings the mark about to hide a still picture gains nothing: "only a still picture of a face is in view" stands there.
        """
        if self.picture:
            self.picture = self.inner_motion <= STILL_MOTION
        else:
            self.picture = others_move and self.is_still

    @property
    def is_still(self) -> bool:
        lasts_us = self.poses[-1][0] - self.poses[0][0] if self.poses else 0
        return lasts_us >= POSES_US - 2 * POSE_EVERY_US and self.motion <= STILL_MOTION

    def forget_motion(self) -> None:
        """After an interruption: poses before and after it are not one movement."""
        self.poses.clear()
        self.motion = self.inner_motion = 0.0


def motions(poses: list[FloatArray]) -> tuple[float, float]:
    """How much the (16, 2) poses vary, in eye distances: as they are, and with shift and size taken off.

    The largest standard deviation of any coordinate; 0 for fewer than five poses.
    """
    if len(poses) < 5:
        return 0.0, 0.0
    stack = np.stack(poses)
    # One unit for the whole stretch: dividing each pose by its own eye distance would turn noise into motion.
    unit_px = max(float(np.median(np.linalg.norm(stack[:, 6] - stack[:, 7], axis=1))), 1.0)
    inner = stack - stack.mean(axis=1, keepdims=True)
    spread = np.linalg.norm(inner, axis=(1, 2), keepdims=True)
    inner *= spread.mean() / np.maximum(spread, 1e-6)
    return float(stack.std(axis=0).max()) / unit_px, float(inner.std(axis=0).max()) / unit_px


def overlap(a: Box, b: Box) -> float:
    """Intersection over the smaller of the two areas."""
    width = min(a.left + a.width, b.left + b.width) - max(a.left, b.left)
    height = min(a.top + a.height, b.top + b.height) - max(a.top, b.top)
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / max(min(a.width * a.height, b.width * b.height), 1.0)


def distance(a: Box, b: Box) -> float:
    """How far apart two boxes are, middle to middle, in sizes of the larger one."""
    dx = a.left + a.width / 2 - b.left - b.width / 2
    dy = a.top + a.height / 2 - b.top - b.height / 2
    return math.hypot(dx, dy) / max(size_px(a), size_px(b))


def growth(a: Box, b: Box) -> float:
    """By how much the size differs: |ln| of the ratio."""
    return abs(math.log(size_px(a) / size_px(b)))


def size_px(box: Box) -> float:
    return max(box.width, box.height, 1.0)
