"""How likely some events are if a person followed the beats, and if nobody did: a point process with one common lag.

Each beat is met with probability `MET`, at the beat plus a lag that is common to all beats (how late the picture comes, how
early a person acts) plus its own jitter; other events come at random. Against it stand who closes the eyes at random, at a
rate that is not known, and who follows another script, drawn in the same way. All is a sum over those: no threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from liveguard.challenge.script import BEAT_APART, BEATS, FIRST_BEAT, TENTH_US

Array: TypeAlias = npt.NDArray[np.float64]

# People who tap to irregular visual beats scatter by 30 to 80 ms (Repp 2005, doi:10.3758/BF03206433); closing the eyes, or
# opening the mouth, is less exact than a finger, and pictures add their interval.
JITTER_S: Final = 0.12
LAG_S, LAG_SD_S = 0.15, 0.15
ODD_LAG: Final = 0.1  # share of lags anywhere within `LAGS_S`
LAGS_S: Final = np.round(np.arange(-0.3, 0.9001, 0.025), 3)
MET: Final = 0.85
# Besides: people blink 0.2 to 0.5 times a second, less while they attend (Bentivoglio 1997, doi:10.1002/mds.870120629).
EXTRA_HZ: Final = 0.3
RANDOM_HZ: Final = (0.03, 0.3, 1.0, 2.0)  # a mouth that speaks opens more often than eyes close
DOES_NOT: Final = 0.08  # of people who are asked: did not understand, looked away, or it was not seen
HIT_S: Final = 0.25  # from a beat, with the common lag taken out, for what is said in words


def rhythm_nats(events_s: Array, beats_s: Sequence[float], lasts_s: float) -> float:
    """Log-likelihood ratio of events (n,) at times since the cue, > 0: nobody followed `beats_s`."""
    followed = _followed(events_s, np.array([beats_s]))[0]
    others = float(_followed(events_s, _scripts()).mean())
    n = len(events_s)
    person = np.exp(-EXTRA_HZ * lasts_s) * EXTRA_HZ**n
    idle = float(np.mean([np.exp(-rate * lasts_s) * rate**n for rate in RANDOM_HZ]))
    genuine = (1 - DOES_NOT) * person * followed + DOES_NOT * idle
    attack = 0.5 * idle + 0.5 * person * others
    return float(np.log(attack) - np.log(genuine))


def _followed(events_s: Array, scripts_s: Array) -> Array:
    """(s,): how much more likely the events are if they follow each of `scripts_s` (s, b) than if they come at `EXTRA_HZ`."""
    # One density for each event, beat time and lag; beats are far enough apart for an event to belong to one of them.
    times, which = np.unique(np.round(scripts_s, 6), return_inverse=True)
    late = events_s[:, None, None] - times[:, None] - LAGS_S
    density = np.exp(-0.5 * (late / JITTER_S) ** 2).sum(axis=0) / (JITTER_S * np.sqrt(2 * np.pi))
    beat = (1 - MET) + MET / EXTRA_HZ * density
    return np.asarray(beat[which.reshape(scripts_s.shape)].prod(axis=1) @ _lag_prior())


@cache
def _lag_prior() -> Array:
    near = np.exp(-0.5 * ((LAGS_S - LAG_S) / LAG_SD_S) ** 2)
    return np.asarray((1 - ODD_LAG) * near / near.sum() + ODD_LAG / len(LAGS_S))


@cache
def _scripts() -> Array:
    """(1372, 4) seconds: all that can be drawn."""
    tenths = np.array(list(product(FIRST_BEAT, *[BEAT_APART] * (BEATS - 1))))
    return np.asarray(np.cumsum(tenths, axis=1) * TENTH_US / 1e6)


def matched(events_s: Array, beats_s: Sequence[float]) -> tuple[int, float]:
    """How many beats were met, at the common lag that meets most of them; and that lag in ms."""
    late = events_s[:, None, None] - np.array(beats_s)[:, None] - LAGS_S
    near = np.abs(late).min(axis=0, initial=np.inf)
    # Of lags that meet equally many, the one that meets them best.
    score = (near < HIT_S).sum(axis=0) - np.minimum(near, HIT_S).mean(axis=0)
    best = int(np.argmax(score))
    return int((near[:, best] < HIT_S).sum()), float(LAGS_S[best] * 1000)
