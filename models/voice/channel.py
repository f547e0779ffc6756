"""What a call does to a voice before anybody hears it: rooms, devices, programs, codecs, lost packets. All of it seeded.

Genuine and synthetic speech go through the same draws, so that no channel tells the label.
"""

from __future__ import annotations

import numpy as np

from liveguard.stress.pcm import resampled
from liveguard.stress.room import background_noise, reverberation
from liveguard.stress.sound_codec import aac, g711, g722, mp3, opus
from liveguard.stress.sound_filter import av_filter
from liveguard.stress.variant import SoundEffect
from liveguard.stress.voice_processing import automatic_gain, band_limit, clipped, noise_suppression
from liveguard.types import FloatArray


def call(rng: np.random.Generator) -> list[SoundEffect]:
    """A random chain: some of room, noise, noise suppression, gain, clipping and another rate, and mostly a codec."""
    chain: list[SoundEffect] = []
    if rng.random() < 0.3:
        chain.append(reverberation(rng.uniform(0.15, 0.8), rng.uniform(-3, 12)))
    if rng.random() < 0.4:
        colour = ("pink", "babble", "hum")[int(rng.integers(3))]
        chain.append(background_noise(rng.uniform(8, 35), colour))
    if rng.random() < 0.25:
        strength_db = rng.uniform(8, 26)
        chain.append(noise_suppression(strength_db) if rng.random() < 0.7 else _afftdn(strength_db))
    if rng.random() < 0.25:
        chain.append(automatic_gain(max_gain_db=rng.uniform(6, 24)))
    if rng.random() < 0.08:
        chain.append(clipped(rng.uniform(1, 10)))
    if rng.random() < 0.15:
        chain.append(_rate(int(rng.choice((8_000, 11_025, 12_000)))))
    elif rng.random() < 0.1:
        chain.append(band_limit(rng.uniform(0, 350), rng.uniform(3_400, 7_900)))
    codec = _codec(rng)
    return [*chain, codec] if codec else chain


def call_to_measure(rng: np.random.Generator) -> list[SoundEffect]:
    """The chain that figures are given for: Opus at 16 to 32 kbit/s with 5 % of its packets lost."""
    return [opus(rng.uniform(16, 32), 0.05)]


def heard(pcm: FloatArray, chain: list[SoundEffect], rng: np.random.Generator) -> FloatArray:
    """`pcm` (n,) after a chain, (n,)."""
    for effect in chain:
        pcm = effect(pcm, rng)
    return pcm


def _codec(rng: np.random.Generator) -> SoundEffect | None:
    drawn = rng.random()
    if drawn < 0.62:
        loss = rng.uniform(0.01, 0.15) if rng.random() < 0.6 else 0.0
        return opus(float(np.exp(rng.uniform(np.log(8), np.log(48)))), loss, rng.uniform(1.2, 2.5))
    if drawn < 0.7:
        return mp3(float(rng.choice((24, 32, 48, 64))))
    if drawn < 0.78:
        return aac(float(rng.choice((24, 32, 48))))
    if drawn < 0.84:
        return g711()
    return g722() if drawn < 0.9 else None


def _afftdn(strength_db: float) -> SoundEffect:
    """FFmpeg's own noise reduction, which works unlike ours."""

    def effect(pcm: FloatArray, rng: np.random.Generator) -> FloatArray:  # noqa: ARG001
        return av_filter(pcm, f"afftdn=noise_reduction={strength_db:.1f}:noise_floor=-45")

    return effect


def _rate(rate_hz: int) -> SoundEffect:
    """Through a lower rate and back, as a device between two programs does it."""

    def effect(pcm: FloatArray, rng: np.random.Generator) -> FloatArray:  # noqa: ARG001
        return resampled(resampled(pcm, 16_000, rate_hz), rate_hz, 16_000)[: len(pcm)]

    return effect
