"""How likely a covering is from a person's own hand, and from what else may be shown: stated models.

Normal models of the figures of `covering`, fitted to half of the rendered people of `tests/bench/challenge_occlusion.py`;
what is published was measured on the other half.
"""

from __future__ import annotations

import math
from typing import Final

from liveguard.challenge.covering import Covering

_Normal = tuple[float, float]  # mean, standard deviation
# Change of the asked region and its lead over the others: a hand there; a hand elsewhere; nothing; all of it alike.
_DONE: Final[tuple[_Normal, _Normal]] = ((1.9, 0.5), (1.3, 0.6))
_NOT_DONE: Final[tuple[tuple[float, _Normal, _Normal], ...]] = (
    (0.4, (0.0, 0.25), (0.0, 0.25)),
    (0.4, (0.3, 0.6), (-0.4, 0.6)),
    (0.2, (1.5, 0.7), (0.0, 0.5)),
)
_IN_TIME: Final[tuple[_Normal, _Normal]] = ((0.92, 0.08), (0.55, 0.2))  # as it should be, and not
_GHOST: Final[tuple[_Normal, _Normal]] = ((0.0, 0.25), (0.75, 0.2))
_EDGE: Final[tuple[_Normal, _Normal]] = ((1.2, 0.5), (0.1, 0.3))
_FLIPS_HZ: Final = (0.3, 4.0)
_SWAPS: Final = 0.4  # of attacks: a person who covers the face when asked, under a face that is drawn over theirs
_LEAST: Final = 0.02  # density at which a figure is like nothing that was foreseen: it tells little
# How a drawn face fails there: it shows through; what covers it ends with it; it comes and goes.
_THROUGH, _CUT, _COMES_AND_GOES = 0.5, 0.25, 0.25


def compliance_nats(seen: Covering) -> float:
    """Log-likelihood ratio of what changed, and when: > 0 says that the region was not covered as asked. At least log of the
    share of attacks that do as asked."""
    done = _density(seen.change, _DONE[0]) * _density(seen.lead, _DONE[1]) * _density(seen.in_time, _IN_TIME[0])
    not_done = sum(share * _density(seen.change, a) * _density(seen.lead, b) for share, a, b in _NOT_DONE)
    not_done *= _density(seen.in_time, _IN_TIME[1])
    least = _LEAST**3
    return math.log(_SWAPS + (1 - _SWAPS) * (not_done + least) / (done + least))


def artefact_nats(seen: Covering) -> float:
    """Log-likelihood ratio of how it looked: > 0 says that the face was drawn through, or over, what covers it."""
    through = _likelier(seen.ghost, *_GHOST) if seen.ghost_told else 1.0
    # A hand comes from outside, so something must change there; what is painted on a face stays on it.
    cut = _likelier(seen.edge, *_EDGE) if math.isfinite(seen.edge) else 1.0
    usual, flicker = _FLIPS_HZ
    comes_and_goes = math.exp(min(seen.flips_hz * math.log(flicker / usual) - (flicker - usual), 20.0))  # Poisson, of 1 s
    return math.log(_THROUGH * through + _CUT * cut + _COMES_AND_GOES * comes_and_goes)


def _likelier(x: float, person: _Normal, attack: _Normal) -> float:
    """How much likelier `x` is in an attack."""
    return (_density(x, attack) + _LEAST) / (_density(x, person) + _LEAST)


def _density(x: float, normal: _Normal) -> float:
    mean, sd = normal
    return math.exp(-(((x - mean) / sd) ** 2) / 2) / (sd * math.sqrt(2 * math.pi))
