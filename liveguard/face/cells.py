"""Each face as a few cells of brightness, at a place that does not follow it, so that what moves in a face is seen
however small the face is in the picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from liveguard.types import Box, ByteArray, FaceSquare, FloatArray

CELLS: Final = 8  # in a row and in a column
SIDE_STEP: Final = 0.25  # of the logarithm of a face's size
PLACE_STEP: Final = 0.25  # of the side
HOLDS: Final = 0.8  # of a step: by more than half a step, so that an unsteady mesh moves nothing
MOST_PX = 96  # along a side; more are left out, evenly


@dataclass(frozen=True, slots=True)
class _Place:
    """A square on a coarse grid. Only a face near the edge of two places may be given the other one when it comes back."""

    side_at: int
    x_at: int
    y_at: int

    @property
    def step_px(self) -> float:
        return PLACE_STEP * math.exp(SIDE_STEP * self.side_at)

    def square(self, track: int) -> FaceSquare:
        side = self.step_px / PLACE_STEP
        left, top = (round(at * self.step_px - side / 2) for at in (self.x_at, self.y_at))
        return FaceSquare(track, left, top, round(side))


class FaceCells:
    """Measures the cells of each tracked face. Owned by one thread; pictures in order of time."""

    def __init__(self) -> None:
        self._places: dict[int, _Place] = {}

    def measure(self, image: ByteArray, boxes: Mapping[int, Box]) -> dict[FaceSquare, FloatArray]:
        """(8, 8) mean luma; faces that reach out of the picture by far, or are tiny, have none."""
        self._places = {track: _placed(box, self._places.get(track)) for track, box in boxes.items()}
        squares = [place.square(track) for track, place in self._places.items()]
        found = {square: _cells(image, square) for square in squares}
        return {square: cells for square, cells in found.items() if cells is not None}


def _placed(box: Box, was: _Place | None) -> _Place:
    side_at = _held(math.log(max(box.width, box.height, 1.0)) / SIDE_STEP, was.side_at if was else None)
    if was is not None and was.side_at != side_at:
        was = None
    step_px = _Place(side_at, 0, 0).step_px
    x_at = _held((box.left + box.width / 2) / step_px, was.x_at if was else None)
    y_at = _held((box.top + box.height / 2) / step_px, was.y_at if was else None)
    return _Place(side_at, x_at, y_at)


def _held(value: float, was: int | None) -> int:
    return was if was is not None and abs(value - was) < HOLDS else round(value)


def _cells(image: ByteArray, square: FaceSquare) -> FloatArray | None:
    left, top, side = square.left, square.top, square.side
    inside = image[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
    if min(inside.shape[:2]) < max(side // 2, CELLS):
        return None
    height, width = (min(length, MOST_PX) for length in inside.shape[:2])
    thin = cv2.resize(inside, (width, height), interpolation=cv2.INTER_NEAREST)
    grey = cv2.cvtColor(thin, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey.astype(np.float32), (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.float32)
