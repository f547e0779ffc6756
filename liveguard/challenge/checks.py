"""The checks of all kinds of challenge."""

from __future__ import annotations

from collections.abc import Iterable

from liveguard.challenge.digits import DigitsChallenge
from liveguard.challenge.distance import DistanceChallenge
from liveguard.challenge.light import LightChallenge
from liveguard.challenge.occlusion import OcclusionChallenge
from liveguard.challenge.policy import Kind
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


def out_of_order(checks: Iterable[Detector]) -> dict[Kind, str]:
    """The kinds that cannot be judged on this machine, and why: they are not worth asking for."""
    missing = [check.missing for check in checks if isinstance(check, DigitsChallenge) and check.missing]
    return {"digits": missing[0]} if missing else {}
