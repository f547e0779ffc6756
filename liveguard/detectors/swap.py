"""Swap: a face that was blended or painted into the picture, from single pictures.

The model that comes with the package takes figures of the face (`face_figures`): how sharp each part of it is beside the
others, and what a network for everyday pictures sees in it. One of the user's may take those, too, (n, COUNT), or crops.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

from liveguard.detectors import face_embedding
from liveguard.detectors.crop_model import CropModel
from liveguard.detectors.face_figures import COUNT, PROBES, fresh_rows
from liveguard.detectors.quality import Limits, quality_of, shortfall
from liveguard.detectors.series import face_series
from liveguard.errors import ConfigError
from liveguard.types import FloatArray, Hypothesis, Window

LIMITS: Final = Limits(seconds=0.0, fps=4.5, face_px=80)


class Swap(CropModel):
    """See the module. Raises ConfigError for a model that takes other figures."""

    name: ClassVar[str] = "swap"
    hypothesis: ClassVar[Hypothesis] = "face_manipulated"
    kinds: ClassVar[frozenset[str]] = frozenset(("faceswap",))
    about: ClassVar[str] = "Is the face as sharp in its parts as a filmed one, or blended and painted into the picture?"
    crop: ClassVar[str] = "face"
    min_face_px: ClassVar[float] = LIMITS.face_px
    attack_why: ClassVar[str] = "parts of the face are sharper or softer beside the others than on filmed faces"

    def __init__(self, model: str | Path | None = None) -> None:
        super().__init__(model)
        self._takes_figures = self._model is not None and len(self._model.input_shape) == 2
        if self._model is not None and self._takes_figures:
            if self._model.input_shape[1] not in (COUNT, None):
                raise ConfigError(f"{self._model.card.folder}: takes {self._model.input_shape[1]} figures, not {COUNT}")
            face_embedding.network()
            self.need = replace(self.need, crops=(), probes=PROBES, cost="light")

    def _unfit(self, window: Window, face_px: float) -> str:
        if not self._takes_figures:
            return super()._unfit(window, face_px)
        return shortfall(window, quality_of(face_series(window)), LIMITS)

    def _batch(self, window: Window) -> FloatArray | None:
        if not self._takes_figures:
            return super()._batch(window)
        rows = fresh_rows(window.faces)
        return rows if len(rows) else None
