"""How likely a colour response is from a person before their own screen, and from the attacks on it: stated models.

Attacks are of two sorts. Some do not know the code (a recording, another code, a relay that comes late): by exchange of
codes their `z` is that of any other code, standard normal whatever the video (measured on talking heads of real people: see
`tests/bench/challenge_light.py`). Others answer as they should, but not as a head in a room does: the whole picture is
tinted, or a flat picture is held up. So an answer in time clears only as far as the second sort is rare, and the rest is
left to what lies beside the head and to the shape of the response on the face.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from liveguard.challenge.colour_code import SHAPE, Match
from liveguard.types import FloatArray

# A white screen over the room's light, both on the face: 20 to 70 lux over 50 to 1000. Nothing is seen in one of
# twenty (sun, night filters, dimmed screens): so silence alone says less than a session's verdict asks for.
_SCREEN_MEDIAN, _SCREEN_SPREAD, _UNSEEN = 0.4, 0.9, 0.05
SCREEN_LEAST: Final = 0.07
"""The weakest screen that must show, over the room's light: in a room 14 times as bright as a white screen makes the face."""
TELL_Z: Final = 4.0
"""A response that would stand out by so much would have been seen."""
_SCREENS: Final = np.geomspace(0.02, 8, 25)
_KEPT = 0.85  # of the response, after white balance
_DULL = 0.03  # log chroma: of a response so small codecs keep half, and less of what is smaller still
_SHAPE_ERROR, _MISFIT_SPREAD = 0.22, 0.6  # by how much the response's shape strays, in parts of it, and how that varies
_SPREAD = 0.25  # of the fit that is expected, in parts of it
# What is left of chroma: of 108 clips of real faces that answer no code, lognormal; and of those that answer another one.
_REST_MEDIAN, _REST_SPREAD = 0.011, 0.9
_CODE_MEDIAN, _CODE_SPREAD = 0.09, 0.8
_REST_LEAST = 0.008  # a picture that a codec has frozen tells less than it seems to
_OTHER_CODE = 0.4  # of the attacks that do not know the code
_LATE, _LATE_Z, _LATE_SPREAD = 0.3, 5.0, 2.0
_TINT, _FLAT = 0.05, 0.05  # of attacks: what the code alone can never tell from a person
_FOUND_Z = 3.0
_MEAN_LIGHT, _USUAL_SIZE = 0.38, 0.125  # of the palette, and of a code's response at SHAPE in log chroma


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure of the part that should respond less over that of the middle of the face, and its standard error."""

    value: float
    sd: float


@dataclass(frozen=True, slots=True)
class Expected:
    """Of ratios, mean and deviation: on a head in a room, and in an attack."""

    person: float
    person_sd: float
    attack: float
    attack_sd: float

    def nats(self, ratio: Ratio) -> float:
        """log p(ratio | attack) - log p(ratio | person)."""
        return _log_normal(ratio.value, self.attack, math.hypot(self.attack_sd, ratio.sd)) - _log_normal(
            ratio.value, self.person, math.hypot(self.person_sd, ratio.sd)
        )


# Fitted to rendered people: a wall at 2 m answers with 0.00 to 0.08, one at 1 m would with 0.3; a tint laid over with 1.0 to
# 1.5, over dark skin with half of that.
BESIDE: Final = Expected(0.1, 0.2, 1.0, 0.4)
SIDES: Final = Expected(0.72, 0.1, 1.0, 0.08)


def found(match: Match) -> bool:
    """Whether the code is seen beyond reasonable chance."""
    return match.z >= _FOUND_Z


def screen_of(gain: float) -> float:
    """How strong a white screen is over the room's light, from the gain of a response against that at SHAPE."""
    return math.expm1(min(gain, 15.0) * math.log1p(SHAPE * _MEAN_LIGHT)) / _MEAN_LIGHT


def expected_z(match: Match, screen: FloatArray) -> FloatArray:
    """The `z` at which screens (k,) so strong would be seen through what else disturbs this signal."""
    # The energy of this very code at the strength SHAPE is what the gain is measured by.
    unit = match.size / max(match.gain, 1e-6) if match.gain > 0 else _USUAL_SIZE
    strength = unit * np.log1p(screen * _MEAN_LIGHT) / math.log1p(SHAPE * _MEAN_LIGHT)
    strength = _KEPT * strength**2 / (strength + _DULL)
    rest = max(match.rest, _REST_LEAST)
    fit = strength / np.sqrt((1 + _SHAPE_ERROR**2) * strength**2 + rest**2)
    return np.asarray((np.arctanh(np.minimum(fit, 0.999)) - match.other_fit) / match.other_sd, np.float32)


def would_show(match: Match) -> bool:
    """Whether even the weakest screen that must show would be seen through what else disturbs this signal."""
    return float(expected_z(match, np.array([SCREEN_LEAST]))[0]) >= TELL_Z


def code_nats(match: Match, late: Match | None) -> float:
    """Log-likelihood ratio of what the code tells: > 0 speaks for an attack. At least log of the share of attacks that
    know the code. Where nothing is found and need not have shown, that says nothing, and what else is seen decides."""
    mean = np.maximum(expected_z(match, _SCREENS), 0.0)
    prior = np.exp(-((np.log(_SCREENS / _SCREEN_MEDIAN) / _SCREEN_SPREAD) ** 2) / 2)
    prior *= (1 - _UNSEEN) / prior.sum()
    sd = np.sqrt(1 + (_SPREAD * mean) ** 2)
    seen = float((prior * np.exp(-(((match.z - mean) / sd) ** 2) / 2) / sd).sum())
    chance = math.exp(-min(match.z**2 / 2, 60.0))
    person = seen + _UNSEEN * chance if found(match) or would_show(match) else chance
    # A rest that is larger than faces leave by themselves, and that the code does not explain, is the work of another one.
    misfit = _SHAPE_ERROR * match.size
    own = math.hypot(_REST_MEDIAN, misfit)
    spread = math.hypot(_REST_SPREAD * _REST_MEDIAN, _MISFIT_SPREAD * misfit) / own
    log_rest = math.log(max(match.rest, 1e-5))
    usual = math.exp(_log_normal(log_rest, math.log(own), spread))
    coded = math.exp(_log_normal(log_rest, math.log(_CODE_MEDIAN), _CODE_SPREAD))
    blind = chance * ((1 - _OTHER_CODE) * usual + _OTHER_CODE * coded)
    if late is not None and late.z > 0:
        blind *= (
            1 - _LATE + _LATE * math.exp(_log_normal(late.z, _LATE_Z, _LATE_SPREAD) - _log_normal(late.z, 0.0, 1.0))
        )
    knows = _TINT + _FLAT
    return math.log((1 - knows) * blind + knows * person * usual) - math.log(person * usual)


def look_nats(beside: Ratio | None, sides: Ratio | None) -> float | None:
    """What the response's look adds where the code was answered: > 0 speaks for a tinted or a flat picture."""
    if beside is None and sides is None:
        return None
    tint = math.exp(min(BESIDE.nats(beside), 20.0)) if beside is not None else 1.0
    flat = math.exp(min(SIDES.nats(sides), 20.0)) if sides is not None else 1.0
    return math.log((_TINT * tint + _FLAT * flat) / (_TINT + _FLAT))


def _log_normal(x: float, mean: float, sd: float) -> float:
    return -(((x - mean) / sd) ** 2) / 2 - math.log(sd * math.sqrt(2 * math.pi))
