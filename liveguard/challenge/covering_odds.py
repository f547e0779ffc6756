"""How likely a covering is from a person's own hand, and from what else may be shown: stated models.

Normal models of the figures of `covering`. Their means were read off the rendered people of the half "fit" of
`tests/bench/challenge_occlusion.py`, the spreads widened from there by judgement; figures are those of the other half.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

from liveguard.challenge.covering import Covering
from liveguard.challenge.script import REGIONS

Region: TypeAlias = Literal["left_cheek", "right_cheek", "mouth", "forehead", "chin"]

_Normal = tuple[float, float]  # mean, standard deviation
# Changes of all regions while each of them is covered: a hand, and the arm that it hangs on, covers others besides.
_HAND: Final[Mapping[str, tuple[float, ...]]] = {
    "left_cheek": (1.31, 0.22, 0.81, 1.01, 0.63),
    "right_cheek": (0.80, 1.96, 0.87, 1.68, 0.65),
    "mouth": (1.12, 1.37, 1.67, 0.61, 1.52),
    "forehead": (1.50, 0.56, 0.84, 2.10, 0.67),
    "chin": (0.36, 0.65, 0.81, 0.57, 1.46),
}
_HAND_SD: Final = 0.4  # twice what it is between rendered people, whose hands are all of one kind
_TIP: Final[tuple[_Normal, _Normal]] = ((1.7, 0.6), (0.25, 0.3))  # what finger tips cover, and all the rest
_WHOLE_HAND: Final = 0.6  # of people; the others cover with a few fingers
_BARE: Final[_Normal] = (0.2, 0.2)
_ALL: Final[_Normal] = (1.6, 0.5)
_NOTHING, _ELSEWHERE, _EVERYTHING = 0.5, 0.4, 0.1  # of attacks that do not do as asked
_IN_TIME: Final[tuple[_Normal, _Normal]] = ((0.94, 0.1), (0.8, 0.15))  # as it should be, and not
# How much of the bare patch's relief is in the covered one: fringes and fingers are stripes both, and cheeks are smooth.
_GHOST: Final[Mapping[Region, _Normal]] = {
    "left_cheek": (0.15, 0.15),
    "right_cheek": (0.1, 0.15),
    "mouth": (-0.08, 0.12),
    "forehead": (0.35, 0.2),
    "chin": (0.0, 0.22),
}
_DRAWN: Final[_Normal] = (0.6, 0.3)
_EDGE: Final[tuple[_Normal, _Normal]] = ((2.2, 0.6), (0.6, 0.4))
_FLIPS_HZ: Final = (0.3, 4.0)
_SWAPS: Final = 0.4  # of attacks: a person who covers the face when asked, under a face that is drawn over theirs
_LEAST: Final = 0.02  # density at which a figure is like nothing that was foreseen: it tells little
_UNFORESEEN: Final = 3e-4  # density of a pattern that is like nothing of all this
# How a drawn face fails there: it shows through; what covers it ends with it; it comes and goes.
_THROUGH, _CUT, _COMES_AND_GOES = 0.5, 0.25, 0.25


def compliance_nats(seen: Covering, region: Region) -> float:
    """Log-likelihood ratio of what changed, and when: > 0 says that the region was not covered as asked. At least log of the
    share of attacks that do as asked."""
    hands = {name: _hand(seen.by_region, name) for name in REGIONS}
    done = hands[region] * _density(seen.in_time, _IN_TIME[0])
    others = [density for name, density in hands.items() if name != region]
    not_done = (
        _NOTHING * _all(seen.by_region, [_BARE] * len(REGIONS))
        + _ELSEWHERE * sum(others) / len(others)
        + _EVERYTHING * _all(seen.by_region, [_ALL] * len(REGIONS))
    )
    not_done *= _density(seen.in_time, _IN_TIME[1])
    return math.log(_SWAPS + (1 - _SWAPS) * (not_done + _UNFORESEEN) / (done + _UNFORESEEN))


def artefact_nats(seen: Covering, region: Region) -> float:
    """Log-likelihood ratio of how it looked: > 0 says that the face was drawn through, or over, what covers it."""
    through = _likelier(seen.ghost, _GHOST[region], _DRAWN) if seen.ghost_told else 1.0
    # A hand comes from outside, so something must change there; what is painted on a face stays on it. (Not all of that is
    # seen: under a hand the mesh moves, and the spots with it.)
    cut = _likelier(seen.edge, *_EDGE) if math.isfinite(seen.edge) else 1.0
    usual, flicker = _FLIPS_HZ
    # Poisson, of one second.
    comes_and_goes = math.exp(min(seen.flips_hz * math.log(flicker / usual) - (flicker - usual), 20.0))
    return math.log(_THROUGH * through + _CUT * cut + _COMES_AND_GOES * comes_and_goes)


def _hand(changes: Sequence[float], region: str) -> float:
    """Density of the changes of all regions where one of them is covered."""
    whole = _all(changes, [(mean, _HAND_SD) for mean in _HAND[region]])
    tips = _all(changes, [_TIP[0] if name == region else _TIP[1] for name in REGIONS])
    return _WHOLE_HAND * whole + (1 - _WHOLE_HAND) * tips


def _all(values: Sequence[float], normals: Sequence[_Normal]) -> float:
    """Density of independent figures."""
    return math.prod(_density(value, normal) for value, normal in zip(values, normals, strict=True))


def _likelier(x: float, person: _Normal, attack: _Normal) -> float:
    """How much likelier `x` is in an attack."""
    return (_density(x, attack) + _LEAST) / (_density(x, person) + _LEAST)


def _density(x: float, normal: _Normal) -> float:
    mean, sd = normal
    return math.exp(-(((x - mean) / sd) ** 2) / 2) / (sd * math.sqrt(2 * math.pi))
