"""What the checks that score crops with a trained model have in common."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from liveguard.onnx import find_model
from liveguard.types import FloatArray, Hypothesis, Need, Reading, Window
from liveguard.words import NO_MODEL


class CropModel:
    """Scores the crops that the observer kept (five a second), (n, 3, side, side) float32 RGB in 0..1, with one model.

    The mean is the score.
    """

    name: ClassVar[str]
    hypothesis: ClassVar[Hypothesis]
    about: ClassVar[str]
    crop: ClassVar[str]
    min_face_px: ClassVar[float]
    attack_why: ClassVar[str]

    def __init__(self, model: str | Path | None = None) -> None:
        self._model = find_model(self.name, model)
        with_model = Need(video_us=1_000_000, step_us=1_000_000, crops=(self.crop,), cost="heavy", still=True)
        self.need = with_model if self._model else Need(video_us=1_000_000, step_us=1_000_000, still=True)

    @property
    def has_model(self) -> bool:
        return self._model is not None

    def evaluate(self, window: Window) -> Reading:
        """The mean score of the window's crops; None without a model, a face, or enough pixels."""
        llr: float | None = None
        face_px = float(np.median([face.box.width for face in window.faces])) if window.faces else 0.0
        measures = {"face_px": face_px}
        if self._model is None:
            why, measures = NO_MODEL, {}
        elif (batch := self._batch(window)) is None:
            why, measures = "no face in view", {}
        elif not (why := self._unfit(window, face_px)):
            measures["score"] = self._model.score(batch)
            llr = self._model.card.llr(measures["score"])
            why = self.attack_why if llr > 0 else "no trace found"
        return Reading(self.name, window.track, window.start_us, window.end_us, llr, window.coverage, why, measures)

    def _batch(self, window: Window) -> FloatArray | None:
        """What the model scores; None where there is nothing."""
        crops = [face.crops[self.crop] for face in window.faces if self.crop in face.crops]
        if not crops:
            return None
        return np.ascontiguousarray(np.stack(crops).transpose(0, 3, 1, 2), np.float32) / 255

    def _unfit(self, window: Window, face_px: float) -> str:
        """Why the face cannot be judged; empty where it can."""
        del window
        small = f"face too small: {face_px:.0f} px wide, {self.min_face_px:g} px are needed"
        return small if face_px < self.min_face_px else ""
