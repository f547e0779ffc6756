"""Moving pictures with several faces, all drawn from the one public-domain portrait that scikit-image's wheel carries.

"Other people" are the same portrait mirrored, recoloured, bearded, lit otherwise and with another shape of the face:
the tracker tells people apart by a coarse look only, and these differ as strangers do (likeness .1 to .6).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from skimage.data import astronaut

from liveguard.face.backend import FaceBackend
from liveguard.face.tracker import Face, FaceTracker
from liveguard.types import ByteArray, FloatArray, VideoFrame

FACE_PX = 92.0  # width of the mesh in the portrait
FACE_AT = (135.0, 123.0)
PEOPLE = ("ann", "ben", "cleo", "dan")


@cache
def portrait(name: str) -> ByteArray:
    """Head and shoulders (260, 260, 3) uint8 RGB of one of `PEOPLE`; the face is near (135, 123)."""
    image = astronaut()[0:260, 90:350]
    if name == "ann":
        return np.ascontiguousarray(image)
    if name == "ben":  # bearded, tanned
        return _tint(_beard(_shift_back(image[:, ::-1])), (0.72, 0.6, 0.5))
    if name == "cleo":  # broad, pale, in cold light
        return _tint(_broad(_shift_back(image[:, ::-1])), (0.75, 0.95, 1.2))
    if name == "dan":  # dark forehead, red cheeks, lit from below
        down = np.linspace(0.1, 1.6, 110, dtype=np.float32)
        light = np.concatenate([np.full(68, 0.1, np.float32), down, np.full(82, 1.6, np.float32)])
        return _tint(_shift_back(image[:, ::-1]) * light[:, None, None], (1.0, 0.7, 0.45))
    raise KeyError(name)


def _tint(image: np.ndarray, colour: tuple[float, float, float]) -> ByteArray:
    return np.clip(image.astype(np.float32) * np.array(colour, np.float32), 0, 255).astype(np.uint8)


def _shift_back(image: np.ndarray) -> ByteArray:
    return np.roll(image, 11, axis=1)


def _beard(image: ByteArray) -> ByteArray:
    veil = np.zeros(image.shape[:2], np.float32)
    cv2.ellipse(veil, (135, 152), (46, 32), 0, 0, 360, 1.0, -1)
    veil = cv2.GaussianBlur(veil, (0, 0), 5)[..., None] * 0.8
    return (image * (1 - veil) + np.array([30, 22, 18]) * veil).astype(np.uint8)


def _broad(image: ByteArray) -> ByteArray:
    y, x = np.mgrid[0:260, 0:260].astype(np.float32)
    near = np.clip(1 - np.hypot(x - FACE_AT[0], y - FACE_AT[1]) / 130, 0, 1) * 0.25
    around_x, around_y = FACE_AT[0] + (x - FACE_AT[0]) * (1 - near), FACE_AT[1] + (y - FACE_AT[1]) * (1 + near)
    return cv2.remap(image, around_x, around_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


@cache
def _head_mask() -> FloatArray:
    mask = np.zeros((260, 260), np.float32)
    cv2.ellipse(mask, (135, 115), (78, 98), 0, 0, 360, 1.0, -1)
    return cv2.GaussianBlur(mask, (0, 0), 2)


@dataclass(frozen=True)
class Actor:
    """Who is where at a time: `path(t_s)` gives the middle of the face in pixels, or None while out of the picture."""

    name: str
    path: Callable[[float], tuple[float, float] | None]
    face_px: float = 120.0
    roll_deg: float = 0.0


def still(x: float, y: float) -> Callable[[float], tuple[float, float] | None]:
    return lambda _t: (x, y)


def swaying(x: float, y: float, by: float = 25.0, hz: float = 0.5) -> Callable[[float], tuple[float, float] | None]:
    return lambda t: (x + by * math.sin(2 * math.pi * hz * t), y + 0.4 * by * math.sin(2 * math.pi * 0.7 * hz * t + 1))


def draw(
    actors: Iterable[Actor], t_s: float, width: int = 1280, height: int = 720, noise: np.random.Generator | None = None
) -> ByteArray:
    """The scene at `t_s`, later actors before earlier ones; (height, width, 3) uint8 RGB."""
    image = _room(width, height).copy()
    for actor in actors:
        spot = actor.path(t_s)
        if spot is None:
            continue
        turn = cv2.getRotationMatrix2D(FACE_AT, -actor.roll_deg, actor.face_px / FACE_PX)
        turn[:, 2] += np.array(spot) - FACE_AT
        reach = int(1.6 * actor.face_px) + 2
        x0, y0 = max(int(spot[0]) - reach, 0), max(int(spot[1]) - reach, 0)
        x1, y1 = min(int(spot[0]) + reach, width), min(int(spot[1]) + reach, height)
        if x1 <= x0 or y1 <= y0:
            continue
        turn[:, 2] -= (x0, y0)
        area = (x1 - x0, y1 - y0)
        method = cv2.INTER_AREA if actor.face_px < FACE_PX else cv2.INTER_LINEAR
        head = cv2.warpAffine(portrait(actor.name), turn, area, flags=method, borderMode=cv2.BORDER_REPLICATE)
        mask = cv2.warpAffine(_head_mask(), turn, area)[..., None]
        part = image[y0:y1, x0:x1]
        part[:] = (part * (1 - mask) + head * mask).astype(np.uint8)
    if noise is not None:
        image = np.clip(image + noise.normal(0, 2, image.shape), 0, 255).astype(np.uint8)
    return image


@cache
def _room(width: int, height: int) -> ByteArray:
    """A dull wall with soft patches."""
    patches = np.random.default_rng(5).integers(70, 160, (6, 9, 3)).astype(np.uint8)
    return cv2.resize(patches, (width, height), interpolation=cv2.INTER_CUBIC)


def follow(
    backend: FaceBackend, images: Iterable[ByteArray], fps: float = 15.0, max_faces: int = 4
) -> Iterator[tuple[float, list[Face]]]:
    """The faces in each picture, with its time in seconds; leaves `backend` open."""
    tracker = FaceTracker(KeepOpen(backend), max_faces)
    for number, image in enumerate(images):
        yield number / fps, tracker.update(VideoFrame(round(number / fps * 1e6), image))
    tracker.close()


class KeepOpen:
    """A backend that outlives its tracker: making one costs more than many of the tests here."""

    def __init__(self, backend: FaceBackend) -> None:
        self.name = backend.name
        self.find, self.new_mesher = backend.find, backend.new_mesher

    def close(self) -> None: ...


def middle(face: Face) -> tuple[float, float]:
    return face.box.left + face.box.width / 2, face.box.top + face.box.height / 2


def at(faces: Iterable[Face], spot: tuple[float, float], within_px: float) -> Face | None:
    """The face nearest to `spot`."""
    near = [(math.dist(middle(face), spot), face) for face in faces]
    best = min(near, key=lambda pair: pair[0], default=None)
    return best[1] if best is not None and best[0] <= within_px else None
