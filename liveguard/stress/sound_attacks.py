"""Bench attacks on the sound, made by us from genuine speech.

None is a deepfake: they have single traits of one. What they tell is whether a check sees that trait.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, TypeAlias

import numpy as np
import scipy.signal

from liveguard.stress.pcm import fitted, unclipped
from liveguard.stress.short_time import stretched
from liveguard.stress.variant import SoundEffect
from liveguard.stress.vocoders import griffin_lim, linear_prediction
from liveguard.types import SAMPLE_RATE_HZ, FloatArray

Vocoder: TypeAlias = Literal["griffin_lim", "lpc"]

_VOCODERS = {"griffin_lim": griffin_lim, "lpc": linear_prediction}
_FINEST = 100  # resampling by a ratio of small numbers is quick; it is less than 0.1 semitones off


def delayed(by_s: float) -> SoundEffect:
    """A bench attack: the sound comes `by_s` late (negative: early), and silence where there is none then."""
    by = round(by_s * SAMPLE_RATE_HZ)

    def effect(pcm: FloatArray, rng: np.random.Generator) -> FloatArray:  # noqa: ARG001
        late = np.concatenate([np.zeros(max(by, 0), np.float32), pcm[max(-by, 0) :]])
        return fitted(late, len(pcm))

    return effect


def copy_synthesis(kind: Vocoder) -> SoundEffect:
    """A bench attack: the same words at the same time, out of a vocoder.

    "griffin_lim" makes up the phase of 80 mel bands, "lpc" speaks with a buzz and a hiss. Copy synthesis has no trait of a
    voice that was made up (its rhythm, its sameness), and today's neural vocoders are far cleaner than these two.
    """
    return _VOCODERS[kind]


def pitch_shifted(semitones: float) -> SoundEffect:
    """A bench attack: another voice at the same time, its pitch and formants moved together by `semitones`.

    A voice changer rather than a cloned voice.
    """
    ratio = Fraction(2 ** (semitones / 12)).limit_denominator(_FINEST)

    def effect(pcm: FloatArray, rng: np.random.Generator) -> FloatArray:  # noqa: ARG001
        if not len(pcm):
            return pcm.copy()
        slow = stretched(pcm, float(ratio))
        return fitted(unclipped(scipy.signal.resample_poly(slow, ratio.denominator, ratio.numerator)), len(pcm))

    return effect
