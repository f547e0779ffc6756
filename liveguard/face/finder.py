"""Where to search next: the detector sees a face only if it is an eighth of what it looks at, so parts are looked at too."""

from __future__ import annotations

import numpy as np

from liveguard.face.backend import FaceBackend
from liveguard.types import Box, ByteArray

NEAR_FACES = 6.0  # side of the part around a face that was lost, in face sizes
LONG_PARTS, SHORT_PARTS = 3, 2  # a 720p picture is looked at in six parts of 512 x 432 px: 50 px faces are found
PART_OVERLAP = 0.2
SMALLEST_PART_PX = 128  # what the detector reads; smaller parts show it nothing new


class Finder:
    """Searches parts of pictures in turn. Owned by one thread; which part is next depends on the calls alone."""

    def __init__(self, backend: FaceBackend) -> None:
        self._backend = backend
        self._turn = 0

    def everywhere(self, image: ByteArray) -> list[Box]:
        """Faces in the whole picture and in all its parts; one face may come several times, the largest boxes first."""
        found = [box for part in (_whole(image), *_parts(image)) for box in self._look(image, part)]
        return sorted(found, key=lambda box: -box.width * box.height)

    def in_turn(self, image: ByteArray) -> list[Box]:
        """Faces in the whole picture and in one of its parts, another one with each call."""
        found = self._look(image, _whole(image))
        if parts := _parts(image):
            self._turn += 1
            found += self._look(image, parts[self._turn % len(parts)])
        return found

    def near(self, image: ByteArray, box: Box) -> list[Box]:
        """Faces around the place where one was lost."""
        side = NEAR_FACES * max(box.width, box.height)
        return self._look(
            image, Box(box.left + box.width / 2 - side / 2, box.top + box.height / 2 - side / 2, side, side)
        )

    def _look(self, image: ByteArray, part: Box) -> list[Box]:
        height, width = image.shape[:2]
        left, top = max(int(part.left), 0), max(int(part.top), 0)
        right, bottom = min(int(part.left + part.width), width), min(int(part.top + part.height), height)
        if right - left < 8 or bottom - top < 8:
            return []
        found = self._backend.find(np.ascontiguousarray(image[top:bottom, left:right]))
        return [Box(box.left + left, box.top + top, box.width, box.height) for box in found]


def _whole(image: ByteArray) -> Box:
    return Box(0, 0, image.shape[1], image.shape[0])


def _parts(image: ByteArray) -> list[Box]:
    """Overlapping parts, three along the longer side and two along the shorter; none of a small picture."""
    height, width = image.shape[:2]
    columns, rows = (LONG_PARTS, SHORT_PARTS) if width >= height else (SHORT_PARTS, LONG_PARTS)
    part_width, part_height = width / columns * (1 + PART_OVERLAP), height / rows * (1 + PART_OVERLAP)
    if min(part_width, part_height) < SMALLEST_PART_PX:
        return []
    lefts = [(width - part_width) * i / (columns - 1) for i in range(columns)]
    tops = [(height - part_height) * i / (rows - 1) for i in range(rows)]
    return [Box(left, top, part_width, part_height) for top in tops for left in lefts]
