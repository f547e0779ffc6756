"""Replay (presentation): a screen or print held to the camera. Needs a trained model; without one it cannot judge."""

from __future__ import annotations

from typing import ClassVar

from liveguard.detectors.crop_model import CropModel
from liveguard.types import Hypothesis


class Replay(CropModel):
    name: ClassVar[str] = "replay"
    hypothesis: ClassVar[Hypothesis] = "feed_injected"
    about: ClassVar[str] = "a screen or print held to the camera (needs a model)"
    crop: ClassVar[str] = "scene"
    min_face_px: ClassVar[float] = 64.0
    attack_why: ClassVar[str] = "traces of a screen or print around the face"
