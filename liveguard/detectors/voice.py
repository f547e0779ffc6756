"""Voice: synthetic or converted speech in 4 s windows. Needs a trained model; without one it cannot judge."""

from __future__ import annotations

from pathlib import Path

from liveguard.onnx import find_model
from liveguard.types import Hypothesis, Need, Reading, Window
from liveguard.words import NO_MODEL

MIN_VOICED_S = 1.5


class Voice:
    """`model`: a folder with `card.toml` and `model.onnx` that scores (1, 64000) float32 waveforms at 16 kHz."""

    name = "voice"
    hypothesis: Hypothesis = "voice_synthetic"
    about = "synthetic or converted speech (needs a model)"

    def __init__(self, model: str | Path | None = None) -> None:
        self._model = find_model(self.name, model)
        self.need = Need(audio_us=4_000_000, step_us=1_000_000, scope="feed", cost="heavy" if self._model else "light")

    @property
    def has_model(self) -> bool:
        return self._model is not None

    def evaluate(self, window: Window) -> Reading:
        voiced_s = window.speech.voiced_s
        measures = {"voiced_s": voiced_s}
        llr: float | None = None
        if self._model is None:
            why = NO_MODEL
        elif len(window.pcm) < self.need.audio_us * 16 // 1000:
            why = f"too short: {self.need.audio_us / 1e6:g} s of sound are needed"
        elif voiced_s < MIN_VOICED_S:
            why = f"too little speech: {voiced_s:.1f} s of {MIN_VOICED_S:g} s needed"
        else:
            score = self._model.score(window.pcm[None, :])
            llr = self._model.card.llr(score)
            measures["score"] = score
            why = "the voice sounds synthetic" if llr > 0 else "the voice sounds natural"
        return Reading(self.name, None, window.start_us, window.end_us, llr, window.coverage, why, measures)
