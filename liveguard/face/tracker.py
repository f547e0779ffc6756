"""Faces with identities: who is where, from picture to picture.

Each face has a mesher of its own that sees nothing but a square around that face, so that another face, a photo or a
painting elsewhere in the picture cannot take its place. A finder looks at the whole picture now and then, for faces that
nobody follows yet. A face that was lost for a moment gets its number back if it is found where, and as, it was.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np

from liveguard.face.backend import FaceBackend, Mesher
from liveguard.face.geometry import EYE_LEFT_OUTER, EYE_RIGHT_OUTER, RIGID, box_of
from liveguard.face.texture import unwrap
from liveguard.types import Box, ByteArray, FloatArray, VideoFrame

CROP_PX = 320  # the mesh network reads 192 px of 1.5 face widths; a crop of 2 widths therefore needs 256 px at least
CROP_FACES = 2.0  # side of the crop in face sizes
FIND_EVERY_US = 500_000
LOST_AFTER_US = 400_000  # a mesher that sees nothing for so long has lost its face
FORGET_AFTER_US = 10_000_000
SAME_FACE_OVERLAP = 0.35
MIN_FACE_PX = 16.0
LOOKS_EVERY_US = 1_000_000
LOOKS_ALIKE = 0.55  # correlation of two appearances; other people's faces in the same light lie near 0.2
STILL_US = 3_000_000
STILL_MOTION = 0.012  # in eye distances; the mesh of a noisy still photo trembles by 0.004
MOVING_MOTION = 0.03


@dataclass(frozen=True, slots=True)
class Face:
    """One tracked face in one picture; landmarks (478, 3) in pixels of the whole picture."""

    track: int
    landmarks: FloatArray
    box: Box
    picture: bool


@dataclass(slots=True)
class _Trail:
    """What is remembered of one face. Times are stream time."""

    track: int
    mesher: Mesher | None
    crop: tuple[int, int, int]  # left, top, side
    box: Box
    seen_us: int
    looks: FloatArray | None = None
    looked_us: int = -LOOKS_EVERY_US
    poses: deque[tuple[int, FloatArray]] = field(default_factory=deque)
    still_since_us: int | None = None


class FaceTracker:
    """Follows up to `max_faces` faces. Owned by one thread; pictures come in order of time."""

    def __init__(self, backend: FaceBackend, max_faces: int = 4) -> None:
        self._backend = backend
        self._max_faces = max_faces
        self._live: list[_Trail] = []
        self._lost: list[_Trail] = []
        self._next_track = 1
        self._find_at_us: int | None = None

    def update(self, frame: VideoFrame) -> list[Face]:
        """The faces in this picture, by track number. Shape (478, 3) landmarks each."""
        meshes = {trail.track: self._follow(trail, frame) for trail in self._live}
        self._drop_doubles(meshes)
        self._retire(frame.t_us, meshes)
        if self._find_at_us is None or frame.t_us >= self._find_at_us:
            self._find_at_us = frame.t_us + FIND_EVERY_US
            self._find(frame, meshes)
        for trail in self._live:
            mesh = meshes.get(trail.track)
            if mesh is not None:
                self._remember(trail, frame, mesh)
        moving = [trail.track for trail in self._live if _motion(trail) > MOVING_MOTION]
        faces = []
        for trail in self._live:
            mesh = meshes.get(trail.track)
            if mesh is not None:
                picture = _is_still(trail, frame.t_us) and any(track != trail.track for track in moving)
                faces.append(Face(trail.track, mesh, trail.box, picture))
        return sorted(faces, key=lambda face: face.track)

    def close(self) -> None:
        for trail in self._live:
            _close(trail)
        self._backend.close()

    def _follow(self, trail: _Trail, frame: VideoFrame) -> FloatArray | None:
        if trail.mesher is None:
            return None
        if not _is_inside(trail.box, trail.crop):
            trail.crop = _crop_around(trail.box)
            # The graph expects the face where it was in the old crop: let it settle on this picture first.
            _mesh_in(frame.image, trail.crop, trail.mesher)
        return _mesh_in(frame.image, trail.crop, trail.mesher)

    def _drop_doubles(self, meshes: dict[int, FloatArray | None]) -> None:
        """When one face hides another, both meshers may end up on the one in front: the one that jumped there loses it."""
        seen = [trail for trail in self._live if meshes[trail.track] is not None]
        for i, one in enumerate(seen):
            for other in seen[i + 1 :]:
                mesh_one, mesh_other = meshes[one.track], meshes[other.track]
                if mesh_one is None or mesh_other is None:
                    continue
                if _overlap(box_of(mesh_one), box_of(mesh_other)) > 0.6:
                    jumped = one if _jump(one, mesh_one) > _jump(other, mesh_other) else other
                    meshes[jumped.track] = None

    def _retire(self, t_us: int, meshes: dict[int, FloatArray | None]) -> None:
        for trail in list(self._live):
            if meshes[trail.track] is None and t_us - trail.seen_us > LOST_AFTER_US:
                _close(trail)
                self._live.remove(trail)
                self._lost.append(trail)
                self._find_at_us = None
        self._lost = [trail for trail in self._lost if t_us - trail.seen_us <= FORGET_AFTER_US]

    def _find(self, frame: VideoFrame, meshes: dict[int, FloatArray | None]) -> None:
        for box in self._backend.find(frame.image):
            if len(self._live) >= self._max_faces:
                return
            if box.width < MIN_FACE_PX or any(_overlap(box, trail.box) > SAME_FACE_OVERLAP for trail in self._live):
                continue
            mesher, crop = self._backend.new_mesher(), _crop_around(box)
            mesh = _mesh_in(frame.image, crop, mesher)
            if mesh is None or any(_overlap(box_of(mesh), trail.box) > SAME_FACE_OVERLAP for trail in self._live):
                mesher.close()
                continue
            trail = self._recognise(frame.image, mesh) or self._new_trail()
            trail.mesher, trail.crop, trail.box = mesher, crop, box_of(mesh)
            trail.poses.clear()
            trail.still_since_us = None
            self._live.append(trail)
            meshes[trail.track] = mesh

    def _new_trail(self) -> _Trail:
        self._next_track += 1
        return _Trail(self._next_track - 1, None, (0, 0, 1), Box(0, 0, 0, 0), 0)

    def _recognise(self, image: ByteArray, mesh: FloatArray) -> _Trail | None:
        """The lost face that looks like this one; taken off the list of the lost."""
        looks = _looks(image, mesh)
        alike = [(_correlation(looks, trail.looks), trail) for trail in self._lost if trail.looks is not None]
        best = max(alike, key=lambda pair: pair[0], default=None)
        if best is None or best[0] < LOOKS_ALIKE:
            return None
        self._lost.remove(best[1])
        return best[1]

    def _remember(self, trail: _Trail, frame: VideoFrame, mesh: FloatArray) -> None:
        trail.seen_us, trail.box = frame.t_us, box_of(mesh)
        if frame.t_us - trail.looked_us >= LOOKS_EVERY_US:
            looks = _looks(frame.image, mesh)
            trail.looks = looks if trail.looks is None else (0.7 * trail.looks + 0.3 * looks).astype(np.float32)
            trail.looked_us = frame.t_us
        trail.poses.append((frame.t_us, mesh[_POSE_POINTS]))
        while trail.poses[0][0] < frame.t_us - STILL_US:
            trail.poses.popleft()
        if _motion(trail) > STILL_MOTION:
            trail.still_since_us = None
        elif trail.still_since_us is None:
            trail.still_since_us = trail.poses[0][0]


def _mesh_in(image: ByteArray, crop: tuple[int, int, int], mesher: Mesher) -> FloatArray | None:
    """Landmarks (478, 3) in pixels of `image`, found inside the square `crop`, of which parts may lie outside."""
    left, top, side = crop
    height, width = image.shape[:2]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return None
    square = np.zeros((CROP_PX, CROP_PX, 3), np.uint8)
    scale = CROP_PX / side
    cx0, cy0 = round((x0 - left) * scale), round((y0 - top) * scale)
    cx1, cy1 = max(round((x1 - left) * scale), cx0 + 1), max(round((y1 - top) * scale), cy0 + 1)
    square[cy0:cy1, cx0:cx1] = cv2.resize(image[y0:y1, x0:x1], (cx1 - cx0, cy1 - cy0), interpolation=cv2.INTER_LINEAR)
    mesh = mesher.mesh(square)
    if mesh is None or not np.isfinite(mesh).all():
        return None
    return (mesh / scale + np.array([left, top, 0], np.float32)).astype(np.float32)


def _crop_around(box: Box) -> tuple[int, int, int]:
    side = max(int(CROP_FACES * max(box.width, box.height)), 8)
    return (int(box.left + box.width / 2 - side / 2), int(box.top + box.height / 2 - side / 2), side)


def _is_inside(box: Box, crop: tuple[int, int, int]) -> bool:
    """Whether the crop still fits: the face near its middle, neither too large nor too small in it."""
    left, top, side = crop
    size = max(box.width, box.height)
    off = max(abs(box.left + box.width / 2 - left - side / 2), abs(box.top + box.height / 2 - top - side / 2))
    return off < 0.16 * side and 1.55 < side / max(size, 1.0) < 2.7


def _overlap(a: Box, b: Box) -> float:
    """Intersection over the smaller of the two areas."""
    width = min(a.left + a.width, b.left + b.width) - max(a.left, b.left)
    height = min(a.top + a.height, b.top + b.height) - max(a.top, b.top)
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / max(min(a.width * a.height, b.width * b.height), 1.0)


def _jump(trail: _Trail, mesh: FloatArray) -> float:
    """How far the face went since it was last seen, in its own sizes."""
    box = box_of(mesh)
    dx = box.left + box.width / 2 - trail.box.left - trail.box.width / 2
    dy = box.top + box.height / 2 - trail.box.top - trail.box.height / 2
    size = max(trail.box.width, 1.0)
    return math.hypot(dx, dy) / size + abs(math.log(max(box.width, 1.0) / size))


def _looks(image: ByteArray, mesh: FloatArray) -> FloatArray:
    """A coarse appearance (768,) of the face texture, free of brightness: enough to tell two people in one picture apart."""
    small = cv2.resize(unwrap(image, mesh), (16, 16), interpolation=cv2.INTER_AREA).astype(np.float32)
    small -= small.mean(axis=(0, 1))
    return np.asarray(small.reshape(-1) / (np.linalg.norm(small) + 1e-6), np.float32)


def _correlation(a: FloatArray, b: FloatArray | None) -> float:
    return -1.0 if b is None else float(a @ b / (np.linalg.norm(b) + 1e-6))


# Head, lids and lips: whatever lives moves one of them. Columns 6 and 7 are the outer eye corners.
_POSE_POINTS = np.array([*RIGID[:6], EYE_LEFT_OUTER, EYE_RIGHT_OUTER, 13, 14, 61, 291, 159, 145, 386, 374])




def _motion(trail: _Trail) -> float:
    """How much the face moved in the last seconds, as a whole or in itself, in eye distances (a robust range)."""
    if len(trail.poses) < 5:
        return 0.0
    stack = np.stack([pose for _, pose in _thinned(trail.poses)])
    # One unit for the whole stretch: dividing each picture by its own eye distance would turn noise into motion.
    unit_px = max(float(np.median(np.linalg.norm(stack[:, 6] - stack[:, 7], axis=1))), 1.0)
    return float(np.max(np.std(stack[..., :2], axis=0))) / unit_px


def _thinned(poses: Iterable[tuple[int, FloatArray]], most: int = 24) -> list[tuple[int, FloatArray]]:
    poses = list(poses)
    return poses[:: max(len(poses) // most, 1)]


def _is_still(trail: _Trail, t_us: int) -> bool:
    return trail.still_since_us is not None and t_us - trail.still_since_us >= STILL_US


def _close(trail: _Trail) -> None:
    if trail.mesher is not None:
        trail.mesher.close()
        trail.mesher = None
