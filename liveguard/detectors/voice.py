"""Voice: synthetic or converted speech in 4 s windows, by the built-in model or one of the user's.

The built-in one is weak evidence and raises no alert by itself (models/voice/README.md has its figures). Most of what is here
decides what may be judged at all: a model gives a score for anything, also for a dial tone.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import ClassVar

import numpy as np

from liveguard.audio.align import framed_sound
from liveguard.audio.dense import dense_speech, near_speech
from liveguard.audio.features import no_speech
from liveguard.audio.voice_quality import VoiceQuality, no_voice, voice_quality
from liveguard.detectors.voice_model import FiguresModel, find_voice_model
from liveguard.errors import ConfigError
from liveguard.onnx import Scorer, filled
from liveguard.types import SAMPLE_RATE_HZ, FloatArray, Hypothesis, Need, Reading, Window
from liveguard.words import NO_MODEL

WINDOW_S = 4.0
MIN_HEARD_S = 1.9  # 2 s, less the moment by which a microphone may start late
WHOLE_S = 3.5  # with less sound a reading is cautious; losing one packet in ten on the way does not make it so
MIN_VOICED_S = 1.5
# Below these the built-in model tells voices apart hardly better than chance, on half of the sources
# (tests/bench/voice_limits.py): AUC .52 at 4 to 5 kHz, where four of five synthetic voices sound natural to it (a telephone
# ends at 3.4 kHz). In noise it is .46 below 9 dB, of few windows and not on the other half: 6 dB is caution.
MIN_BANDWIDTH_HZ = 5_000.0
MIN_SNR_DB = 6.0
# Measured (tests/bench/voice_limits.py): of one voice 1 window in 100 at most is beyond this or is taken for music, and 1 in 30
# where the room echoes as loud as the voice; of music 9 in 10, of two people at once 1 in 2.
MOST_SECOND_PITCH_SHARE = 0.015

# The first seconds of a call sound unlike the rest of it (gain, echo and noise control settle, the link is probed), and what
# is read off half a window scatters more. Models are calibrated on whole ones, so a short one counts half, and never much.
CAUTIOUS_SHARE, CAUTIOUS_NATS = 0.5, 1.0
RATHER_NATS = 1.0  # of 100 genuine windows 1 to 3 say more than this by the built-in model; 27 to 44 say more than 0


class Voice:
    """`model`: a folder with `card.toml` and `model.onnx` that scores speech, (1, n) float32 at 16 kHz, or with the built-in
    model's `weights.toml` (docs/models.md); the built-in model by default.

    It hears the speech of a window without its pauses: 1.5 to 4 s of it. Raises ConfigError for a model of another kind.
    """

    name = "voice"
    hypothesis: Hypothesis = "voice_synthetic"
    about = "synthetic or converted speech"
    kinds: ClassVar[frozenset[str]] = frozenset(("tts", "vc", "vocoder"))

    def __init__(self, model: str | Path | None = None) -> None:
        self._model = find_voice_model(model)
        self._samples = None
        if self._model:
            self._samples = _samples(self._model)
            with contextlib.suppress(ImportError):  # an installation without liveguard[audio] gets no sound to judge
                _warm_up(self._model, self._samples)
        self.need = Need(audio_us=4_000_000, step_us=1_000_000, scope="feed", cost="heavy" if self._model else "light")

    @property
    def has_model(self) -> bool:
        return self._model is not None

    def evaluate(self, window: Window) -> Reading:
        measures = {"voiced_s": round(window.speech.voiced_s, 2)}
        if self._model is None:
            return _reading(window, None, NO_MODEL, measures)
        if why_not := too_little(window):
            return _reading(window, None, why_not, measures)
        pcm = framed_sound(window)
        quality = voice_quality(pcm, window.speech)
        measures |= _figures(quality)
        if why_not := unfit(quality):
            return _reading(window, None, why_not, measures)
        kept = near_speech(window.speech.voiced) & window.speech.present
        score, oddest = _heard(self._model, filled(dense_speech(pcm, kept), self._samples))
        llr = self._model.card.llr(score)
        why = f"the voice sounds {'rather ' * (abs(llr) < RATHER_NATS)}{'synthetic' if llr > 0 else 'natural'}"
        if llr > 0 and oddest:
            why += f": {oddest}"
        if _heard_s(window) < WHOLE_S:
            llr = max(-CAUTIOUS_NATS, min(CAUTIOUS_NATS, CAUTIOUS_SHARE * llr))
            why += f", by {_heard_s(window):.1f} s of sound only"
        return _reading(window, llr, why, measures | {"score": score})


def _samples(model: Scorer) -> int | None:
    """How long the model's input is, None: as long as you like. Raises ConfigError where it takes no waveform."""
    batch_and_samples = model.input_shape
    if len(batch_and_samples) != 2 or batch_and_samples[0] not in (1, None):
        raise ConfigError(f"{model.card.folder}: a voice model takes (1, n) samples, this one {batch_and_samples}")
    return batch_and_samples[1]


def _heard(model: Scorer, speech: FloatArray) -> tuple[float, str]:
    """The score of speech (n,), and in words what is oddest about it, where the model can say."""
    if isinstance(model, FiguresModel):
        heard = model.heard(speech)
        return heard.score, heard.oddest()
    return model.score(speech[None]), ""


def _warm_up(model: Scorer, samples: int | None) -> None:
    """Loads scipy now, rather than in the middle of a call."""
    voice_quality(np.zeros(0, np.float32), no_speech())
    if isinstance(model, FiguresModel):
        model.score(np.zeros((1, samples or SAMPLE_RATE_HZ), np.float32))


def _heard_s(window: Window) -> float:
    return window.coverage * WINDOW_S


def too_little(window: Window) -> str:
    """Why there is not enough to judge; empty where there is."""
    if window.coverage == 0:
        return "no sound arrives"
    if _heard_s(window) < MIN_HEARD_S:
        return f"too short: {_heard_s(window):.1f} s of sound, {MIN_HEARD_S:g} s needed"
    voiced_s = window.speech.voiced_s
    return f"too little speech: {voiced_s:.1f} s of {MIN_VOICED_S:g} s needed" if voiced_s < MIN_VOICED_S else ""


def unfit(quality: VoiceQuality) -> str:
    """Why what there is cannot be judged as a voice; empty where it can."""
    if why_none := no_voice(quality):
        return why_none
    if quality.second_pitch_share > MOST_SECOND_PITCH_SHARE:
        return "several people talk at once, or there is music behind the voice"
    if quality.snr_db is not None and quality.snr_db < MIN_SNR_DB:
        return f"too noisy: the voice is {quality.snr_db:.0f} dB above the background, {MIN_SNR_DB:g} dB needed"
    if quality.bandwidth_hz < MIN_BANDWIDTH_HZ:
        return f"the sound is muffled or noisy: nothing of the voice above {quality.bandwidth_hz / 1000:.1f} kHz"
    return ""


def _figures(quality: VoiceQuality) -> dict[str, float]:
    figures = {
        "bandwidth_hz": round(quality.bandwidth_hz),
        "music_nats": round(quality.music_nats, 2),
        "pitch_share": round(quality.pitch_share, 3),
        "second_pitch_share": round(quality.second_pitch_share, 4),
    }
    return figures | ({} if quality.snr_db is None else {"snr_db": round(quality.snr_db, 1)})


def _reading(window: Window, llr: float | None, why: str, measures: dict[str, float]) -> Reading:
    return Reading("voice", None, window.start_us, window.end_us, llr, window.coverage, why, measures)
