"""Animation: does the look of a face, and the sharpness of its parts, change from moment to moment, as on a camera picture?

What brings a photo to life draws each picture from the same one, so that eyes, mouth and skin keep their sharpness beside each
other and against what is around them, while a filmed face turns, blurs, and is coded anew. The same shows in what a network for
everyday pictures sees in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

import numpy as np

from liveguard.detectors import face_embedding
from liveguard.detectors.face_embedding import FACE_EMBEDDING
from liveguard.detectors.face_figures import PROBES, fresh
from liveguard.detectors.quality import Limits, quality_of, shortfall
from liveguard.detectors.series import face_series
from liveguard.detectors.zone_figures import OF_ZONES, ZONE_FIGURES
from liveguard.onnx import find_model
from liveguard.types import FloatArray, Hypothesis, Need, Reading, Window
from liveguard.words import NO_MODEL

LIMITS: Final = Limits(seconds=1.8, fps=4.5, face_px=60)
LEAST_PICTURES: Final = 8
LEAST_LOOKS: Final = 4  # of the network, which looks half as often
STILLEST: Final = 1e-3
COUNT: Final = 2 * (OF_ZONES + face_embedding.COUNT)


class Animation:
    """`model`: a folder with `card.toml` and `model.onnx` that takes `course` (1, COUNT). See the module."""

    name: ClassVar[str] = "animation"
    hypothesis: ClassVar[Hypothesis] = "face_manipulated"
    kinds: ClassVar[frozenset[str]] = frozenset(("talkinghead", "lipsync"))
    about: ClassVar[str] = "Does the sharpness of the face change as on a filmed one, or as on a photo brought to life?"

    def __init__(self, model: str | Path | None = None) -> None:
        self._model = find_model(self.name, model)
        if self._model is not None:
            face_embedding.network()
        probes = PROBES if self._model else ()
        self.need = Need(video_us=6_000_000, step_us=1_000_000, probes=probes)

    @property
    def has_model(self) -> bool:
        return self._model is not None

    def evaluate(self, window: Window) -> Reading:
        series = face_series(window)
        quality = quality_of(series)
        measures, llr = quality.measures(), None
        why = NO_MODEL if self._model is None else shortfall(window, quality, LIMITS)
        if self._model is not None and not why:
            zones, looks = (fresh(series.samples, probe) for probe in (ZONE_FIGURES, FACE_EMBEDDING))
            needed = ((len(zones), LEAST_PICTURES), (len(looks), LEAST_LOOKS))
            few = [f"{count} of {least}" for count, least in needed if count < least]
            if few:
                why = f"too few pictures that differ: {few[0]}"
            else:
                score = self._model.score(course(np.stack(zones), np.stack(looks))[None])
                llr = round(self._model.card.llr(score), 4)
                measures |= {"score": round(score, 4)}
                why = (
                    "the sharpness of the face hardly changes, as on a photo that was brought to life"
                    if llr > 0
                    else "the sharpness of the face changes as on a camera picture"
                )
        known = {name: round(float(value), 4) for name, value in measures.items()}
        return Reading(self.name, window.track, window.start_us, window.end_us, llr, window.coverage, why, known)


def course(zones: FloatArray, embeddings: FloatArray) -> FloatArray:
    """What figures are over time: medians, and the logarithm of how much they change, (COUNT,); NaN for those never known.

    `zones` (n, at least OF_ZONES), those of its grid left out; `embeddings` (m, face_embedding.COUNT).
    """
    return np.concatenate([_course(zones[:, :OF_ZONES]), _course(embeddings)])


def _course(rows: FloatArray) -> FloatArray:
    known = np.isfinite(rows).any(axis=0)
    found = np.full((2, rows.shape[1]), np.nan, np.float32)
    found[0, known] = np.nanmedian(rows[:, known], axis=0)
    found[1, known] = np.log(np.nanstd(rows[:, known], axis=0) + STILLEST)
    return found.ravel()
