"""A person taken from a photo: all that drawing one needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liveguard.types import ByteArray, FloatArray
from tests.rendering.body import body_of
from tests.rendering.photo import frame_of, head_of, mesh_mm, outline_of, projected
from tests.rendering.skin import Fitzpatrick, skin_colour, skin_share, toned

_STRICT_BY_HAIR = 4.0


@dataclass(frozen=True, slots=True)
class Person:
    """`points`: the mesh (478, 3) in mm from the middle of the skull, straight (x right, y down, z away).

    `outline_mm` (n,): how far the head's outline is from there, seen from the front, by angle. `head`, `body`: linear RGB
    (h, w, 3); `body_alpha` (h, w) 0..1. `to_head_px`, `to_body_px` (2, 4): from points (x, y, z, 1) to pixels of these.
    `landmarks` (478, 2): the mesh in pixels of `head`. `skin_rgb`: the skin's linear colour (3,).
    """

    points: FloatArray
    outline_mm: FloatArray
    head: FloatArray
    body: FloatArray
    body_alpha: FloatArray
    to_head_px: FloatArray
    to_body_px: FloatArray
    landmarks: FloatArray
    skin_rgb: FloatArray


def person_in(photo: ByteArray, skin: Fitzpatrick | None) -> Person:
    """The person in an RGB photo (h, w, 3), with another skin tone if wanted. Raises ValueError, BackendError."""
    frame = frame_of(photo)
    points = mesh_mm(frame)
    outline = outline_of(photo, frame, points)
    head, to_head_px = head_of(photo, frame, points, outline)
    landmarks = projected(points, to_head_px)
    colour = skin_colour(head, landmarks)
    body, alpha, to_body_px = body_of(photo, frame, outline, points, colour)
    if skin is not None:
        head = toned(head, skin_share(head, landmarks, colour, _STRICT_BY_HAIR), colour, skin)
        body = toned(body, skin_share(body, projected(points, to_body_px), colour), colour, skin)
        colour = toned(colour[None, None], np.ones((1, 1), np.float32), colour, skin)[0, 0]
    return Person(points, outline, head, body, alpha, to_head_px, to_body_px, landmarks, colour)
