"""What the checks of all kinds of challenge share: their cue in the window, and how they answer.

A check judges two things apart. Compliance: was it done, and when it was asked for? Artefacts: did it look, while it was
done, as it does on a living face in front of the camera? Each is a log-likelihood ratio; their sum is the reading's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from liveguard.challenge.policy import Kind
from liveguard.challenge.script import cue_name
from liveguard.types import LASTS, Cue, FaceSample, Reading, Window

LONGEST_US = 9_000_000
"""Longer than any step with what comes before it that a check looks back at."""
BEFORE_US = 1_000_000
MOST_NATS = 6.0
"""No single challenge says more than this, however clear it seems: what it was measured on is bounded, too."""
ARTEFACT_NATS = "artefact_nats"
"""Among a reading's measures where what was done was seen well enough to judge how it looked."""
MIRRORED = "the camera mirrors its picture: switch that off"
"""What was asked for was done to the other side. It excuses a step and no more: see `liveguard.kyc.decision`."""
SEVERAL = "more than one face is in the picture: only the person who is checked should be seen"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`compliance_nats` and `artefact_nats`: > 0 speaks for an attack; None: that could not be judged."""

    compliance_nats: float | None
    artefact_nats: float | None
    why: str
    measures: Mapping[str, float]


def its_cue(window: Window, kind: Kind) -> Cue:
    """The cue that is over at the window's end. Raises ValueError where there is none: the window is not due by one."""
    for cue in reversed(window.cues):
        if cue.name == cue_name(kind) and cue.t_us + int(cue.params[LASTS]) == window.end_us:
            return cue
    raise ValueError(f"no cue {cue_name(kind)} is over at {window.end_us}")


def since(window: Window, start_us: int, end_us: int | None = None) -> tuple[FaceSample, ...]:
    """The face's samples of [start_us, end_us)."""
    end_us = window.end_us if end_us is None else end_us
    return tuple(face for face in window.faces if start_us <= face.t_us < end_us)


def cannot_judge(detector: str, window: Window, why: str, measures: Mapping[str, float] | None = None) -> Reading:
    return Reading(detector, window.track, window.start_us, window.end_us, None, window.coverage, why, measures or {})


def reading(detector: str, window: Window, verdict: Verdict) -> Reading:
    """The sum of both halves, bounded; cannot judge where neither could be judged."""
    halves = {"compliance_nats": verdict.compliance_nats, ARTEFACT_NATS: verdict.artefact_nats}
    known = {name: max(min(nats, MOST_NATS), -MOST_NATS) for name, nats in halves.items() if nats is not None}
    measures = {**verdict.measures, **known}
    if not known:
        return cannot_judge(detector, window, verdict.why, measures)
    nats = max(min(sum(known.values()), MOST_NATS), -MOST_NATS)
    return Reading(detector, window.track, window.start_us, window.end_us, nats, window.coverage, verdict.why, measures)
