"""Whether a colour signal follows a code of colours, and by how much later: a matched filter over lags and over other codes.

The signal is chroma, two logarithms of colour ratios: exposure and the darkness of the skin cancel in it. What changes
slowly (daylight, what is left of a white balance) is taken out of the signal and of what is looked for alike. Whoever does
not know the code is as likely to answer any other code that could have been drawn: how well those fit tells how well the
right one fits by chance, whatever else disturbs the signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from liveguard.challenge.script import COLOURS, Draws
from liveguard.challenge.skin import linear
from liveguard.types import FloatArray

BIN_S: Final = 1 / 15  # faster cameras are averaged down to this
LAG_STEP_S: Final = 0.02
LAG_LEAST_S: Final = 0.04  # nothing is faster than a camera's exposure and the screen
OTHERS: Final = 256
SHAPE: Final = 0.5  # the screen's part in the light for which the shape is worked out; it changes little with it
WAVES: Final = 2  # half waves of drift over the whole code, besides the mean
# Of so many binned pictures one brings news: disturbances last for several. Fitted so that lags err as they say.
PICTURES_PER_NEWS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Match:
    """How a signal follows a code within the lags looked at.

    `fit`: correlation, 0..1 at the best lag; `z`: by how many standard deviations it fits better than other codes do (of
    atanh of the correlation), `other_fit` and `other_sd` being their mean and deviation; `better_share`: of other codes
    that fit better. `size`, `rest`: the root mean square of what the code explains, and of what it does not, in log chroma.
    `lag_s`, `lag_sd_s`: the lag, and how well it is known. `gain`: the signal over the response of a screen that gives as
    much light as `SHAPE` says.
    """

    fit: float
    z: float
    other_fit: float
    other_sd: float
    better_share: float
    size: float
    rest: float
    lag_s: float
    lag_sd_s: float
    gain: float


def chroma(rgb: FloatArray) -> FloatArray:
    """Log of red and of blue over green (n, 2), of linear RGB (n, 3)."""
    logs = np.log(np.maximum(rgb, 1e-4))
    return np.asarray(logs[..., (0, 2)] - logs[..., 1:2], np.float32)


def response(colours: FloatArray, screen: float) -> FloatArray:
    """Log chroma (..., 2) of a grey surface under white light of 1 and a screen that shows linear `colours` (..., 3) and
    gives `screen` when it is white."""
    return chroma(1 + screen * colours)


def linear_colours(names: Sequence[str]) -> FloatArray:
    """Linear RGB (n, 3) of "#rrggbb". Raises ValueError."""
    bytes_ = [[int(name[at : at + 2], 16) for at in (1, 3, 5)] for name in names]
    return linear(np.array(bytes_, np.float32) / 255)


@cache
def other_codes(steps: int) -> FloatArray:
    """Responses (256, steps, 2) of codes as the script draws them, always the same ones."""
    palette = response(linear_colours(COLOURS), SHAPE)
    draws = (Draws(b"another light code" + seed.to_bytes(2, "big")) for seed in range(OTHERS))
    codes = [palette[one.changing(range(len(COLOURS)), steps)] for one in draws]
    return np.asarray(codes, np.float32)


def binned(t_s: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Means of time (m,) and of `values` (n, k) over pictures that lie in one 15th of a second."""
    place = np.unique(np.floor(t_s / BIN_S + 1e-3), return_inverse=True)[1]
    count = np.bincount(place)
    columns = [np.bincount(place, column) / count for column in np.column_stack([t_s, values]).T]
    return np.asarray(columns[0], np.float32), np.asarray(columns[1:], np.float32).T


class Steps:
    """What is common to all codes: which picture shows which step at each lag, free of drift. `lags_s` (m,)."""

    def __init__(self, t_s: FloatArray, each_s: float, steps: int, lags_s: FloatArray) -> None:
        self.lags_s = lags_s
        self._n = len(t_s)
        span = max(float(t_s[-1] - t_s[0]), 1e-3)
        drift = np.cos(np.pi * np.arange(WAVES + 1) * ((t_s - t_s[0]) / span)[:, None])
        self._shown = np.zeros((len(lags_s), self._n, steps))
        self._gram = np.zeros((len(lags_s), steps, steps))
        self._bases: list[FloatArray] = []
        for row, lag_s in enumerate(lags_s):
            step = np.floor((t_s - lag_s) / each_s).astype(np.int64)
            before = step < 0
            # What was seen before the first colour has a level of its own.
            known = np.column_stack([drift, before]) if before.any() else drift
            base = np.linalg.qr(known)[0]
            shown = np.eye(steps)[np.minimum(step, steps - 1)] * ~before[:, None]
            shown = shown - base @ (base.T @ shown)
            self._shown[row], self._gram[row] = shown, shown.T @ shown
            self._bases.append(base)

    def fits(self, signal: FloatArray, codes: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Of a signal (n, 2) and codes (c, steps, 2): products and energies (c, lags) of code and signal, and the signal's
        own energy (lags,), all without drift."""
        products = np.einsum("lns,nk->lsk", self._shown, signal, optimize=True)
        inner = np.einsum("csk,lsk->cl", codes, products, optimize=True)
        energy = np.einsum("csk,lst,ctk->cl", codes, self._gram, codes, optimize=True)
        own = [float((signal**2).sum() - ((base.T @ signal) ** 2).sum()) for base in self._bases]
        return inner, np.maximum(energy, 1e-12), np.maximum(np.array(own), 1e-12)

    def match(self, signal: FloatArray, code: FloatArray) -> Match:
        """How the signal (n, 2) follows the code (steps, 2), against the other codes."""
        inner, energy, own = self.fits(signal, np.concatenate([code[None], other_codes(len(code))]))
        fits = np.clip(inner / np.sqrt(energy * own), 0.0, 0.999)
        best = fits.max(axis=1)
        others = np.arctanh(best[1:])
        at = int(fits[0].argmax())
        mean, sd = float(others.mean()), max(float(others.std()), 1e-3)
        lag_s, lag_sd_s = self._lag(fits[0])
        fit, power = float(fits[0, at]), float(own[at]) / self._n
        return Match(
            fit=fit,
            z=(float(np.arctanh(fit)) - mean) / sd,
            other_fit=mean,
            other_sd=sd,
            better_share=float((best[1:] >= fit).mean()),
            size=float(np.sqrt(power)) * fit,
            rest=float(np.sqrt(power * (1 - fit**2))),
            lag_s=lag_s,
            lag_sd_s=lag_sd_s,
            gain=float(inner[0, at] / energy[0, at]),
        )

    def gain_at(self, signal: FloatArray, code: FloatArray, lag_s: float) -> tuple[float, float]:
        """The signal's gain against the code's response at one lag, and its standard error."""
        at = int(np.abs(self.lags_s - lag_s).argmin())
        inner, energy, own = (x[..., at] for x in self.fits(signal, code[None]))
        gain = float(inner[0] / energy[0])
        rest = max(float(own) - gain * float(inner[0]), 0.0)
        news = max(2 * self._n / PICTURES_PER_NEWS - 2 * (WAVES + 2), 2.0)
        return gain, float(np.sqrt(rest / energy[0] / news))

    def _lag(self, fits: FloatArray) -> tuple[float, float]:
        """Mean and deviation of the lag under the likelihood of a Gaussian signal, each lag as likely beforehand."""
        news = self._n / PICTURES_PER_NEWS  # two channels, and half a log each
        nats = -news * np.log(1 - fits**2)
        weight = np.exp(nats - nats.max())
        weight /= weight.sum()
        mean = float((weight * self.lags_s).sum())
        return mean, float(np.sqrt((weight * (self.lags_s - mean) ** 2).sum() + LAG_STEP_S**2 / 12))
