"""How well a live feed's sound and picture are aligned with each other, as its cues `av_clock` say."""

from __future__ import annotations

import math
from dataclasses import dataclass

from liveguard.types import Cue, Window

CUE = "av_clock"


@dataclass(frozen=True, slots=True)
class Alignment:
    """`sd_ms`: standard deviation of the offset between sound and picture over the whole window; `moved_ms`: by how much
    sound and picture were moved against each other within it, None where they were and nobody says how far."""

    sd_ms: float
    moved_ms: float | None


def alignment(window: Window) -> Alignment | None:
    """The worst that the window's cues say; None without cues: a file's tracks share one clock.

    A cue's params: `uncertainty_ms`; `step`, how often the two were aligned anew so far; `moved_ms`, how far in all.
    """
    cues = [cue for cue in window.cues if cue.name == CUE]
    uncertain = [sd for cue in cues if (sd := _number(cue, "uncertainty_ms")) is not None]
    if not uncertain:
        return None
    moved = _moved_ms(cues)
    # A part of the window that was aligned otherwise is off by the whole move, the other part by none.
    return Alignment(math.hypot(max(uncertain), 0.5 * (moved or 0.0)), moved)


def _moved_ms(cues: list[Cue]) -> float | None:
    places = [_number(cue, "moved_ms") for cue in cues]
    known = [place for place in places if place is not None]
    if len(known) == len(places):
        return max(known) - min(known)
    return 0.0 if len({_number(cue, "step") for cue in cues}) == 1 else None


def _number(cue: Cue, name: str) -> float | None:
    """A figure of a cue; None where it is missing or none."""
    value = cue.params.get(name)
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
