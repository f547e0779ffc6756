"""The checks of all kinds of challenge."""

from __future__ import annotations

from liveguard.challenge.digits import DigitsChallenge
from liveguard.challenge.distance import DistanceChallenge
from liveguard.challenge.light import LightChallenge
from liveguard.challenge.occlusion import OcclusionChallenge
from liveguard.challenge.pose import PoseChallenge
from liveguard.challenge.rhythm import RhythmChallenge
from liveguard.types import Detector


def challenge_checks(lag_most_ms: float) -> tuple[Detector, ...]:
    """One check for each kind, by `Kind`'s order. `lag_most_ms`: a response of light that comes later is a delayed one."""
    return (
        LightChallenge(lag_most_ms),
        PoseChallenge(),
        OcclusionChallenge(),
        RhythmChallenge(),
        DigitsChallenge(),
        DistanceChallenge(),
    )
