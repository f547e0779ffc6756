"""Swap: traces of blending in an aligned crop of the face. Needs a trained model; without one it cannot judge."""

from __future__ import annotations

from typing import ClassVar

from liveguard.detectors.crop_model import CropModel
from liveguard.types import Hypothesis


class Swap(CropModel):
    name: ClassVar[str] = "swap"
    hypothesis: ClassVar[Hypothesis] = "face_manipulated"
    about: ClassVar[str] = "blending traces of a swapped face (needs a model)"
    crop: ClassVar[str] = "face"
    min_face_px: ClassVar[float] = 80.0
    attack_why: ClassVar[str] = "traces of blending in the face"
