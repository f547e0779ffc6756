"""Which recorded attacks a check is about, by their kinds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from liveguard.detectors.voice import Voice
from liveguard.evaluate.run import Run
from liveguard.types import Detector, Hypothesis

RECORDED: Final[frozenset[Hypothesis]] = frozenset({"face_manipulated", "voice_synthetic"})
"""Hypotheses that recorded attacks are about; only without them does a bench attack teach."""


def is_about(detector: Detector, kind: str) -> bool:
    """Whether the hypothesis of a check is about recorded attacks of this kind: a talking head may speak in a genuine voice,
    and a cloned voice have a genuine face. To hypotheses that no recorded attack is about all of them are alike."""
    if detector.hypothesis not in RECORDED or kind in getattr(detector, "kinds", ()):
        return True
    of: Hypothesis = "voice_synthetic" if kind in Voice.kinds else "face_manipulated"
    return of == detector.hypothesis


def kinds_seen(detector: Detector, runs: Sequence[Run]) -> frozenset[str]:
    """The kinds of recorded attack in `runs` that a check is made for: those that it names as its `kinds`, else all of its
    hypothesis."""
    there = _kinds_about(detector, runs)
    made_for: frozenset[str] = getattr(detector, "kinds", there)
    return there & made_for


def share_seen(detector: Detector, runs: Sequence[Run]) -> float:
    """Of the kinds of recorded attack in `runs` that are about its hypothesis, each held equally likely, the share that the
    check is made for; 1 where it is made for none of them: then it is not about them."""
    seen = kinds_seen(detector, runs)
    return len(seen) / len(_kinds_about(detector, runs)) if seen else 1.0


def _kinds_about(detector: Detector, runs: Sequence[Run]) -> frozenset[str]:
    recorded = (run for run in runs if run.attack and not run.bench)
    return frozenset(run.item.kind for run in recorded if is_about(detector, run.item.kind))
