"""Where to search next: the detector sees only faces that fill an eighth of what it looks at, so it gets parts too."""

from __future__ import annotations

import numpy as np

from liveguard.face.backend import FaceBackend
from liveguard.types import Box, ByteArray

NEAR_FACES = 6.0  # side of the part around a face that was lost, in face sizes
# Of 720p pictures, parts of 307 x 288 px: all of 48 faces of 50 px were found, and .73 of those of 40 px;
# with 3 x 2 parts it was .40 and .06.
LONG_PARTS, SHORT_PARTS = 5, 3
PART_OVERLAP = 0.2
SMALLEST_PART_PX = 128  # what the detector reads; smaller parts show it nothing new
SURELY_SEEN = 5.0  # a face that fills one part in so many of a side is hardly ever missed
WHOLE_EVERY = 4  # of the looks that are taken in turn, every fourth goes to the whole picture


class Finder:
    """Searches parts of pictures in turn. Owned by one thread; which part is next depends on the calls alone.

    `looked_at`: the part that the last look in turn went to.
    """

    def __init__(self, backend: FaceBackend) -> None:
        self.looked_at = Box(0, 0, 0, 0)
        self._backend = backend
        self._turn = 0
        self._part = 0

    def everywhere(self, image: ByteArray) -> list[Box]:
        """Faces in the whole picture and in all its parts, the largest boxes first; one face may come several times."""
        found = [box for part in (_whole(image), *_parts(image)) for box in self._look(image, part)]
        return sorted(found, key=lambda box: -box.width * box.height)

    def in_turn(self, image: ByteArray) -> list[Box]:
        """Faces in the whole picture or in one of its parts, another one with each call."""
        self._turn += 1
        parts = _parts(image)
        if not parts or self._turn % WHOLE_EVERY == 0:
            self.looked_at = _whole(image)
        else:
            self._part = (self._part + 1) % len(parts)
            self.looked_at = parts[self._part]
        return self._look(image, self.looked_at)

    def near(self, image: ByteArray, box: Box) -> list[Box]:
        """Faces around the place where one was lost."""
        side = NEAR_FACES * max(box.width, box.height)
        left, top = box.left + box.width / 2 - side / 2, box.top + box.height / 2 - side / 2
        return self._look(image, Box(left, top, side, side))

    def _look(self, image: ByteArray, part: Box) -> list[Box]:
        height, width = image.shape[:2]
        left, top = max(int(part.left), 0), max(int(part.top), 0)
        right, bottom = min(int(part.left + part.width), width), min(int(part.top + part.height), height)
        if right - left < 8 or bottom - top < 8:
            return []
        found = self._backend.find(np.ascontiguousarray(image[top:bottom, left:right]))
        return [Box(box.left + left, box.top + top, box.width, box.height) for box in found]


def surely_shows(part: Box, face: Box) -> bool:
    """Whether a look at `part` would have found the face in that box, if it were there."""
    inside = (
        part.left <= face.left
        and part.top <= face.top
        and face.left + face.width <= part.left + part.width
        and face.top + face.height <= part.top + part.height
    )
    return inside and SURELY_SEEN * min(face.width, face.height) >= max(part.width, part.height)


def _whole(image: ByteArray) -> Box:
    return Box(0, 0, image.shape[1], image.shape[0])


def _parts(image: ByteArray) -> list[Box]:
    """Overlapping parts, more along the longer side; fewer of a small picture, and none of a tiny one."""
    height, width = image.shape[:2]
    columns, rows = (LONG_PARTS, SHORT_PARTS) if width >= height else (SHORT_PARTS, LONG_PARTS)
    spans = [_spans(height, rows), _spans(width, columns)]
    if len(spans[0]) * len(spans[1]) < 2:
        return []
    return [Box(left, top, across, down) for top, down in spans[0] for left, across in spans[1]]


def _spans(length: int, count: int) -> list[tuple[float, float]]:
    """(start, length) of up to `count` overlapping spans, none shorter than what the detector reads."""
    count = max(min(count, int(length * (1 + PART_OVERLAP) / SMALLEST_PART_PX)), 1)
    if count == 1:
        return [(0.0, float(length))]
    span = length / count * (1 + PART_OVERLAP)
    return [((length - span) * i / (count - 1), span) for i in range(count)]
