"""Whether a face is placed so that challenges can be judged, and what the person should do if not. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from liveguard.challenge.seen import LEAST_EYES_PX
from liveguard.face.geometry import NOSE_TIP, inter_ocular_px
from liveguard.types import FaceSample, Observation

Hint: TypeAlias = Literal[
    "no_face", "two_faces", "small_picture", "closer", "back", "centre", "dark", "hold_still", "ok"
]

LEAST_EYES, MOST_EYES = 0.09, 0.26  # distance between the outer eye corners, in widths of the picture
SWAY: Final = 1.05  # whoever sits where a face is just large enough will not stay there
ROOM: Final = 1.15  # between the smallest face that can be judged and one that is too near: nobody hits less
OFF_CENTRE: Final = 0.16  # of the nose from the middle, in widths and heights
LEAST_LIGHT: Final = 35.0  # mean luma of the skin
STILL_EYES: Final = 0.12  # how far the nose may go within `STILL_US`, in distances between the eyes
STILL_US: Final = 500_000
HOLD_US: Final = 1_000_000


@dataclass(slots=True)
class Framing:
    """Looks at one picture after the other; `placed` when the face has been well placed for a second."""

    placed: bool = False
    _well_since_us: int | None = None
    _nose: tuple[int, float, float] | None = None

    def look(self, seen: Observation) -> Hint:
        """What to tell the person now."""
        hint = self._hint(seen)
        if hint != "ok":
            self._well_since_us = None
        elif self._well_since_us is None:
            self._well_since_us = seen.t_us
        self.placed = self._well_since_us is not None and seen.t_us - self._well_since_us >= HOLD_US
        return hint

    def _hint(self, seen: Observation) -> Hint:
        faces = [face for face in seen.faces if not face.picture]
        if not faces:
            return "no_face"
        if len(faces) > 1:
            return "two_faces"
        face, width, height = faces[0], seen.frame.width, seen.frame.height
        # A picture held upright is narrow: what counts is the picture's shorter side at the aspect of a webcam.
        side_px, eyes_px = min(width, height * 4 / 3), inter_ocular_px(face.landmarks)
        x, y = face.landmarks[NOSE_TIP, :2]
        if MOST_EYES * side_px < ROOM * LEAST_EYES_PX:
            return "small_picture"
        if eyes_px < max(LEAST_EYES * side_px, SWAY * LEAST_EYES_PX):
            return "closer"
        if eyes_px > MOST_EYES * side_px:
            return "back"
        if abs(float(x) / width - 0.5) > OFF_CENTRE or abs(float(y) / height - 0.5) > OFF_CENTRE + 0.06:
            return "centre"
        if face.light < LEAST_LIGHT:
            return "dark"
        return "ok" if self._still(face) else "hold_still"

    def _still(self, face: FaceSample) -> bool:
        x, y = (float(v) for v in face.landmarks[NOSE_TIP, :2])
        before, now = self._nose, (face.t_us, x, y)
        if before is None or face.t_us - before[0] > STILL_US:
            self._nose = now
        if before is None:
            return True
        return float(np.hypot(x - before[1], y - before[2])) <= STILL_EYES * inter_ocular_px(face.landmarks)
