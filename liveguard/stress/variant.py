"""What a variant is: footage, seen and heard through a chain of seeded effects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np

from liveguard.types import FloatArray, Hypothesis, Track, VideoFrame

Label: TypeAlias = Literal["bonafide", "attack"]


class PictureEffect(Protocol):
    """Pictures in, pictures out, in order of time and streamed: no more is kept than the effect needs.

    May drop, hold, change or resize pictures and move their times; must not write into a picture that came in.
    The same frames and the same state of `rng` give the same pictures.
    """

    def __call__(self, frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]: ...


class SoundEffect(Protocol):
    """The whole sound in, (n,) float32 mono 16 kHz in [-1, 1], and as long a sound out; `pcm` is not written into."""

    def __call__(self, pcm: FloatArray, rng: np.random.Generator) -> FloatArray: ...


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of making a clip harder, or of faking it.

    `label`: what genuine footage is after it; `for_attacks`: manipulated footage is worth seeing this way, too. Of a bench
    attack: `hypothesis` is what it should raise, `onset_s` when it begins, `foreign_sound` that the sound is to be that of
    somebody else, who must be given. `needs`: tracks without which there is nothing to do; `needs_sync`: sound and picture
    must be known to be in step; `least_s`: how long the footage must be. `play_s`: it is played again and again until so
    long; `judged`: the hypotheses about which the variant says something (a repeated clip is a loop, whatever else was
    done to it); empty: all of them.
    """

    name: str
    about: str
    label: Label = "bonafide"
    pictures: tuple[PictureEffect, ...] = ()
    sound: tuple[SoundEffect, ...] = ()
    hypothesis: Hypothesis | None = None
    onset_s: float = 0.0
    play_s: float = 0.0
    least_s: float = 0.0
    foreign_sound: bool = False
    for_attacks: bool = False
    needs: tuple[Track, ...] = ()
    needs_sync: bool = False
    judged: tuple[Hypothesis, ...] = ()
