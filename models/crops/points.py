"""The points of the face mesh that are kept of each crop, and the outlines of parts of a face as polygons of them."""

from __future__ import annotations

import numpy as np

from liveguard.face.geometry import AROUND_MOUTH, BROW_LEFT, BROW_RIGHT, LIPS, OVAL

_EYES = (33, 160, 158, 133, 153, 144, 263, 387, 385, 362, 380, 373)
_NOSE = (168, 6, 197, 195, 5, 4, 1, 98, 327)
_CHEEKS = (50, 280, 187, 411)
KEPT = tuple(dict.fromkeys((*OVAL, *LIPS, *BROW_LEFT, *BROW_RIGHT, *_EYES, *_NOSE, *_CHEEKS, *AROUND_MOUTH)))
"""Numbers in the mesh of the points that are kept, in the order in which they are."""

_BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
_LOWER_OVAL = (454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234)
_LOWER_FACE = (98, 327, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132)
_MIDDLE = (*_BROWS, 280, 411, 436, 432, 422, 424, 418, 421, 200, 201, 194, 204, 202, 212, 216, 187, 50)

PARTS: dict[str, tuple[int, ...]] = {
    "face": OVAL,
    "below the brows": (*_BROWS, *_LOWER_OVAL),
    "middle": _MIDDLE,
    "lower face": _LOWER_FACE,
    "mouth": AROUND_MOUTH,
    "eyes": (*_BROWS, 280, 5, 50),
}
"""Closed outlines, as numbers in the mesh."""


def places(numbers: tuple[int, ...]) -> list[int]:
    """Where the points with these `numbers` in the mesh are among those that are kept."""
    return [KEPT.index(number) for number in numbers]


def kept_of(landmarks: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """The points (k, 2) of a mesh (478, 3)."""
    return np.asarray(landmarks[list(KEPT), :2], np.float32)
