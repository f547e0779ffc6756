"""Named crops that a model can ask for: turned upright, scaled to the face, with a fixed size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from liveguard.errors import ConfigError
from liveguard.face.geometry import EYE_LEFT_OUTER, EYE_RIGHT_OUTER, box_of
from liveguard.types import ByteArray, FloatArray


@dataclass(frozen=True, slots=True)
class CropSpec:
    """A square of `side_px` that shows `faces` face heights around the middle of `points` (all points when empty)."""

    side_px: int
    faces: float
    points: tuple[int, ...] = ()


CROPS: dict[str, CropSpec] = {
    "face": CropSpec(224, 1.3),
    "scene": CropSpec(224, 2.6),
    "mouth": CropSpec(96, 0.55, (61, 291, 13, 14)),
}


def crop(image: ByteArray, landmarks: FloatArray, name: str) -> ByteArray:
    """The crop `name` (side, side, 3) uint8 RGB; black where it reaches over the edge of the picture.

    Raises ConfigError for a name that is not in `CROPS`.
    """
    return crop_and_points(image, landmarks, name)[0]


def crop_and_points(image: ByteArray, landmarks: FloatArray, name: str) -> tuple[ByteArray, FloatArray]:
    """The crop `name`, and where the landmarks (n, 3) lie in it, (n, 2) in its pixels. Raises as `crop`."""
    spec = CROPS.get(name)
    if spec is None:
        raise ConfigError(f"unknown crop {name!r}: there are {', '.join(sorted(CROPS))}")
    points = landmarks[list(spec.points)] if spec.points else landmarks
    centre = points[:, :2].mean(axis=0) if spec.points else _middle(landmarks)
    eyes = landmarks[EYE_RIGHT_OUTER, :2] - landmarks[EYE_LEFT_OUTER, :2]
    roll_deg = float(np.degrees(np.arctan2(eyes[1], eyes[0])))
    scale = spec.side_px / max(spec.faces * box_of(landmarks).height, 1.0)
    turn = np.asarray(cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), roll_deg, scale), np.float64)
    turn[:, 2] += spec.side_px / 2 - centre
    flags = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
    cut = np.asarray(cv2.warpAffine(image, turn, (spec.side_px, spec.side_px), flags=flags), np.uint8)
    return cut, np.asarray(landmarks[:, :2] @ turn[:, :2].T + turn[:, 2], np.float32)


def _middle(landmarks: FloatArray) -> FloatArray:
    box = box_of(landmarks)
    return np.array([box.left + box.width / 2, box.top + box.height / 2], np.float32)
