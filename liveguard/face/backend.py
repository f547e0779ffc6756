"""The two things that a face library must do for us, so that the library can be changed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from liveguard.face.geometry import EYE_LEFT_OUTER, EYE_RIGHT_OUTER
from liveguard.types import Box, ByteArray, FloatArray

REGION_FACES = 1.5  # the margin that the mesh network was trained with (arXiv 1907.06724)


@dataclass(frozen=True, slots=True)
class Region:
    """The turned square in which a mesh is looked for: middle and side in pixels of the whole picture.

    `roll_rad` > 0: the face leans to the right as seen in the picture. Parts of the square may lie outside.
    """

    x: float
    y: float
    side: float
    roll_rad: float = 0.0


class Mesher(Protocol):
    """Lays the mesh on one face. Used by one thread; may keep state between calls for that one face."""

    def mesh(self, image: ByteArray, region: Region, *, certain: bool = False) -> FloatArray | None:
        """Landmarks (478, 3) float32 in pixels of the whole `image`, or None where `region` shows no face.

        `certain`: None also where the library is not all but certain, if it can tell; a half-hidden face is not.
        """
        ...

    def close(self) -> None: ...


class FaceBackend(Protocol):
    """Finds faces in a picture, and makes meshers. Used by one thread, its meshers included."""

    @property
    def name(self) -> str: ...

    def find(self, image: ByteArray) -> list[Box]:
        """Boxes of the faces in `image` (h, w, 3) uint8 RGB, in its pixels, the largest first.

        Faces smaller than an eighth of the picture's longer side may be missed: the caller looks at parts of a picture.
        """
        ...

    def new_mesher(self) -> Mesher: ...

    def close(self) -> None: ...


def region_of_box(box: Box) -> Region:
    """Where to look for the mesh of a face that a finder has seen."""
    return Region(box.left + box.width / 2, box.top + box.height / 2, REGION_FACES * max(box.width, box.height))


def region_of_mesh(landmarks: FloatArray, box: Box) -> Region:
    """Where to look in the next picture: around all the points, upright by the eyes. `box` is that of the landmarks."""
    dx, dy = (landmarks[EYE_RIGHT_OUTER, :2] - landmarks[EYE_LEFT_OUTER, :2]).tolist()
    around = region_of_box(box)
    return Region(around.x, around.y, around.side, math.atan2(dy, dx))
