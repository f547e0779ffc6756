"""Did somebody follow a script? How likely a measured track is under the true script, under others, and under none.

A track is taken for a script's path with an unknown delay, gain and offset, plus deviations that last for a while. Whoever
does not know the script keeps still or does another one that was drawn the same way: the likelihood ratio against both,
averaged over all the scripts there are, says as much about the answer as it is worth, and no more. What fits no script is
weighed against any track at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from liveguard.types import FloatArray

Floats: TypeAlias = npt.NDArray[np.float64]
GRID_S: Final = 0.1
LAGS_S: Final = np.arange(0.0, 1.21, 0.1)
"""Reaction to a shown instruction; 0.2 to 1.2 s are a person's, less is one who moves before the cue is read."""
LASTING_S: Final = 0.4
"""Deviations from a path last so long: so much of a track counts as one independent value."""
STILL, OTHERS, ANYTHING = 0.45, 0.45, 0.1
"""The shares of those who do not know the script that keep still, do another one, or do what no script asks for."""
WIDER: Final = 3.0
"""Whatever is done beside all scripts may go so much further than people deviate from one."""
MISREAD: Final = 0.03
"""The share of honest people who misunderstand what is asked, or cannot do it: no failure says more than 1 to this."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One quantity that a script moves, as measured (n,) on a grid of `GRID_S`, NaN where nothing was seen.

    `true` and `others`: what it goes to at each of k starts, (v, k) and (m, k): all the courses, equally likely, that the
    script may lead to, and that any script may. `deviates`: by how much people
    deviate from the path, `offset`: how far off the whole track may be (standard deviations).
    """

    track: Floats
    true: Floats
    others: Floats
    gains: Floats
    deviates: float
    offset: float


@dataclass(frozen=True, slots=True)
class Followed:
    """`nats`: > 0 speaks for somebody who does not know the script. `lag_s` and `gains`, one per axis: the best fit."""

    nats: float
    lag_s: float
    gains: tuple[float, ...]


def eased(share: Floats) -> Floats:
    """How far a person's movement has come, 0..1, at a share of its time.

    The path of least jerk (Flash and Hogan 1985, doi:10.1523/JNEUROSCI.05-07-01688.1985).
    """
    s = np.clip(share, 0.0, 1.0)
    return np.asarray(s**3 * (10 - 15 * s + 6 * s**2), np.float64)


def paths(t_s: Floats, starts_s: Sequence[float], levels: Floats, lag_s: float, move_s: float) -> Floats:
    """Where scripts with `levels` (m, k) are at times `t_s` (n,) from the cue, (m, n): from 0 to each level in turn."""
    steps = np.diff(levels, axis=1, prepend=0.0)
    done = eased((t_s[None] - np.asarray(starts_s)[:, None] - lag_s) / move_s)
    return np.asarray(steps @ done, np.float64)


def on_grid(t_s: FloatArray, values: FloatArray, grid_s: Floats) -> Floats:
    """`values` (n,) at the times of `grid_s` by linear interpolation; NaN where the next sample is further than 0.2 s."""
    found = np.interp(grid_s, t_s, values)
    after = np.clip(np.searchsorted(t_s, grid_s), 1, len(t_s) - 1)
    nearest = np.minimum(np.abs(grid_s - t_s[after - 1]), np.abs(t_s[after] - grid_s))
    return np.asarray(np.where(nearest <= 0.2, found, np.nan), np.float64)


def followed(t_s: Floats, starts_s: Sequence[float], move_s: float, axes: Sequence[Axis]) -> Followed:
    """How well the axes' tracks at times `t_s` (n,) follow the script that goes on at `starts_s`, against not knowing it.

    The axes share the delay, and were drawn independently of each other.
    """
    true, other, best = np.zeros(len(LAGS_S)), np.zeros(len(LAGS_S)), np.zeros((len(axes), len(LAGS_S)))
    gains = np.zeros((len(axes), len(LAGS_S)))
    still, anything = 0.0, 0.0
    for number, axis in enumerate(axes):
        alone = np.zeros((1, len(t_s)))
        still += float(_likelihood(axis, alone)[0])
        anything += float(_likelihood(replace(axis, deviates=WIDER * axis.deviates), alone)[0])
        anything -= np.log(WIDER) * GRID_S / LASTING_S * np.count_nonzero(np.isfinite(axis.track))
        for k, lag in enumerate(LAGS_S):
            own = _with_gains(axis, paths(t_s, starts_s, axis.true, float(lag), move_s))
            best[number, k], gains[number, k] = own.max(), axis.gains[own.max(axis=0).argmax()]
            true[k] += log_mean(own)
            other[k] += log_mean(_with_gains(axis, paths(t_s, starts_s, axis.others, float(lag), move_s)))
    unknown = np.logaddexp(np.log(STILL) + still, np.log(OTHERS) + log_mean(other))
    unknown = np.logaddexp(unknown, np.log(ANYTHING) + anything)
    known = np.logaddexp(np.log(1 - MISREAD) + log_mean(true), np.log(MISREAD) + unknown)
    k = int(best.sum(axis=0).argmax())
    return Followed(float(unknown - known), float(LAGS_S[k]), tuple(gains[:, k].tolist()))


def log_mean(logs: Floats) -> float:
    """The logarithm of the mean of what `logs` are the logarithms of."""
    top = float(logs.max())
    return top + float(np.log(np.exp(logs - top).mean()))


def _with_gains(axis: Axis, path: Floats) -> Floats:
    """The log-likelihoods (m, gains) of the track under paths (m, n) done by more or by less."""
    moved = path[:, None] * axis.gains[None, :, None]
    return _likelihood(axis, moved.reshape(-1, path.shape[1])).reshape(len(path), -1)


def _likelihood(axis: Axis, path: Floats) -> Floats:
    """The log-likelihoods (m,) of the track under paths (m, n), but for a constant; the offset is integrated out."""
    seen = np.isfinite(axis.track)
    apart = (axis.track[seen] - path[:, seen]) / axis.deviates
    share = GRID_S / LASTING_S
    count = share * apart.shape[1]
    mean = apart.mean(axis=1)
    # Normal with a common offset: Sherman-Morrison; where the offset is small against the deviations the mean counts too.
    freedom = count * (axis.offset / axis.deviates) ** 2
    square = share * (apart**2).sum(axis=1) - count * mean**2 * freedom / (1 + freedom)
    return np.asarray(-square / 2, np.float64)
