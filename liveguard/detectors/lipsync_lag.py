"""How late the sound is against the lips, with its uncertainty: one matched filter, no network.

The lips say what the sound should do: a small fixed linear filter turns five mouth signals into a forecast of the level
in five frequency bands, and the forecast is correlated with the sound at every lag. For jointly Gaussian stationary
signals the log-likelihood of a lag is exactly such a filtered cross-correlation (Knapp & Carter 1976,
doi:10.1109/TASSP.1976.1162830), so a softmax over lags is the posterior of the lag: its width is the uncertainty, and a
second hill makes it wide, as it should.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from liveguard.detectors.series import RIGID_POINTS, align
from liveguard.face.geometry import CHIN
from liveguard.face.texture import canonical_face

Array: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]

STEP_S = 0.02  # the common grid of lips and sound
MAX_LAG_S = 0.8
SMOOTH_S, TREND_S = 0.02, 0.5  # pass band about 0.4 to 8 Hz: syllables, without pose drift and landmark noise
HOLE_S = 0.15  # lips or sound missing for longer than this count as missing, not as interpolated
LIP_FLOOR = 0.004  # eye distances: landmark noise; smaller movement is not scaled up to look like speech
LEVEL_FLOOR_DB = 2.0
RANGE_DB = 40.0  # below the loud parts: deeper silence, and digital zeros, say nothing more
CLIP = 3.0
LAGS_MS = np.round(np.arange(-MAX_LAG_S, MAX_LAG_S + STEP_S / 2, STEP_S) * 1000, 6)
HILL_MS = 100.0  # one opening or closing of the mouth: within it, it is the same event
PEOPLE_SD_MS = 45.0  # scatter of own lags within a corpus beyond what the hill says, corpora left out
CHANCE_REACH = 60  # grid steps: syllables remember no longer
PAD = 20  # grid steps on either side for the forecast that reaches beyond the window
# Mel indices of the bands: edges at about 0.3, 0.6, 1.2, 2.4, 4 and 7.6 kHz. Below lie hum, rumble and the pitch.
BAND_EDGES = (2, 7, 15, 24, 31, 40)
UPPER_LIP, LOWER_LIP, CORNERS = (13, 82, 312), (14, 87, 317), (78, 308)  # points of the inner lip line
MOVING = [0, 1, 3]  # of the mouth signals: opening, width, height of the lower lip
TAPS = (-10, -5, 0, 5, 10)  # grid steps: the forecast reads the lips from 200 ms before to 200 ms after
TAP_SD = 2.5
# Weight of mouth signal i, band j, tap k; nats per second of standardised signals. Fitted by
# `tests/bench/lipsync_fit.py` on stretches of 3 s of 32 genuine clips of five corpora and 103 whose lips were generated
# from their sound (ridge conditional logistic regression over lags, one latent offset a corpus). With whole corpora left
# out: 123 of 123 shifts of 120 to 480 ms recovered within 40 ms on the 21 clips that were judged, among them all 17 of
# 4 s and longer. Only the weights were left out: signals, ridge, sharpness and limits were chosen by such figures on the
# same clips, so expect less elsewhere. A network with 35,000 weights does no better (models/lipsync/README.md).
FORECAST: Array = np.array(
    [
        [  # opening
            [-0.033, -0.189, -0.228, -0.136, -0.003],
            [-0.160, -0.211, 0.048, 0.149, -0.040],
            [0.095, -0.037, 0.179, 0.196, -0.181],
            [-0.088, -0.068, 0.284, 0.367, 0.012],
            [0.014, -0.135, 0.080, 0.158, 0.019],
        ],
        [  # width
            [0.026, 0.069, -0.122, -0.277, -0.140],
            [-0.075, -0.002, -0.148, -0.160, 0.028],
            [-0.036, 0.028, -0.043, -0.058, 0.008],
            [-0.105, 0.071, 0.232, 0.278, 0.122],
            [0.017, -0.022, 0.078, 0.131, -0.031],
        ],
        [  # upper lip
            [-0.022, -0.080, 0.132, 0.245, 0.001],
            [-0.072, -0.009, 0.344, 0.384, 0.052],
            [-0.109, -0.016, 0.152, 0.169, 0.063],
            [0.053, -0.020, -0.231, -0.224, -0.026],
            [0.145, 0.111, -0.357, -0.452, -0.113],
        ],
        [  # lower lip
            [-0.011, -0.172, -0.154, -0.039, -0.048],
            [-0.165, -0.178, 0.261, 0.380, -0.089],
            [0.151, 0.017, 0.278, 0.263, -0.296],
            [-0.028, -0.060, 0.215, 0.307, -0.082],
            [0.091, -0.134, -0.118, -0.062, -0.077],
        ],
        [  # chin
            [-0.065, -0.283, -0.265, -0.052, -0.021],
            [-0.205, -0.182, 0.407, 0.565, 0.005],
            [0.028, -0.035, 0.349, 0.426, -0.116],
            [-0.088, -0.149, 0.057, 0.196, -0.041],
            [-0.001, -0.168, -0.265, -0.159, 0.012],
        ],
    ]
)


def mouth_signals(points: npt.NDArray[np.float32]) -> Array:
    """(n, 5) in eye distances, head pose taken out: inner-lip opening, width, height of upper lip, lower lip and chin.

    `points` (n, 478, 3) pixels. Each face is turned onto the mean face by the points that speech moves least, so that
    nodding does not open the mouth.
    """
    head = _turned(points)
    upper, lower, corners, chin = np.split(head[:, len(RIGID_POINTS) :], (3, 6, 8), axis=1)
    opening = np.linalg.norm(upper - lower, axis=2).mean(axis=1)
    width = np.linalg.norm(corners[:, 0] - corners[:, 1], axis=1)
    heights = (upper[:, :, 1].mean(axis=1), lower[:, :, 1].mean(axis=1), chin[:, 0, 1])
    return np.asarray(np.stack([opening, width, *heights], axis=1), np.float64)


def tremble(points: npt.NDArray[np.float32]) -> tuple[float, float]:
    """How much the mouth and the rigid points jump from picture to picture, in eye distances (standard deviation, if every
    picture erred on its own). `points` as for `mouth_signals`.
    """
    mouth, rigid = mouth_signals(points)[:, MOVING], _turned(points)[:, : len(RIGID_POINTS), :2]
    return _jumps(mouth), _jumps(rigid.reshape(len(rigid), -1).astype(np.float64))


def _jumps(values: Array) -> float:
    """The spread of errors (n, k) that have nothing to do with each other: second differences are blind to steady motion."""
    second = values[2:] - 2 * values[1:-1] + values[:-2]
    return float(np.sqrt(second.var(axis=0).mean() / 6))


def _turned(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The rigid points and then those of the mouth (n, k, 3), turned onto the mean face."""
    # Only the points that are looked at are turned: a window holds hundreds of faces of 478 points each.
    used = np.array([*RIGID_POINTS, *UPPER_LIP, *LOWER_LIP, *CORNERS, CHIN])
    return align(points[:, used], canonical_face().mean[used], np.arange(len(RIGID_POINTS)))[0]


def band_levels(log_mel: npt.NDArray[np.float32]) -> Array:
    """(T, 5) dB: the level in each band, no deeper than `RANGE_DB` below its loud parts. `log_mel` (T, 40) dB."""
    power = 10.0 ** (log_mel.astype(np.float64) / 10)
    bands = [power[:, low:high].sum(axis=1) for low, high in pairwise(BAND_EDGES)]
    level_db = 10 * np.log10(np.stack(bands, axis=1) + 1e-12)
    floored = np.maximum(level_db, np.percentile(level_db, 95, axis=0) - RANGE_DB)
    return smooth(floored, 1.0)  # so that steps of 20 ms do not alias


def on_grid(t_s: Array, values: Array, grid_s: Array) -> tuple[Array, Mask]:
    """`values` (n, k) at `t_s` carried onto `grid_s`, and where they are known: no hole longer than `HOLE_S` around."""
    after = np.clip(np.searchsorted(t_s, grid_s), 1, len(t_s) - 1)
    inside = (grid_s >= t_s[0] - STEP_S) & (grid_s <= t_s[-1] + STEP_S)
    known = inside & (t_s[after] - t_s[after - 1] <= HOLE_S)
    out = np.stack([np.interp(grid_s, t_s, column) for column in values.T], axis=1)
    return out, np.asarray(known)


def smooth(values: Array, sd: float) -> Array:
    """`values` (n, k) averaged along n with a Gaussian of `sd` steps; the ends go on as they end."""
    reach = int(4 * sd + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sd) ** 2)
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    columns = [np.convolve(column, kernel / kernel.sum(), mode="valid") for column in padded.T]
    return np.stack(columns, axis=1)


def shaped(values: Array, known: Mask, floor: float) -> tuple[Array, Array]:
    """Band-passed, in units of its spread (at least `floor`), 0 where not `known`, cut at `CLIP`; and that spread."""
    moving = smooth(values, SMOOTH_S / STEP_S) - smooth(values, TREND_S / STEP_S)
    spread = moving[known].std(axis=0) if known.any() else np.zeros(values.shape[1])
    return np.clip(moving / np.maximum(spread, floor), -CLIP, CLIP) * known[:, None], spread


def cross_correlation(a: Array, b: Array, reach: int) -> Array:
    """(i, j, 2 reach + 1) seconds: the sum over time of a_i(t) b_j(t + lag), for `a` (n, i) and `b` (n, j)."""
    size = 1 << int(np.ceil(np.log2(len(a) + 2 * reach + 1)))
    spectrum = np.conj(np.fft.rfft(a, size, axis=0))[:, :, None] * np.fft.rfft(b, size, axis=0)[:, None, :]
    full = np.fft.irfft(spectrum, size, axis=0)
    return np.moveaxis(np.concatenate([full[-reach:], full[: reach + 1]]), 0, -1) * STEP_S


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one stretch of lips and sound says, before any verdict.

    `log_likelihood` (81,) nats for each of `LAGS_MS`, up to a constant; `forecast_energy`: how much there was to
    forecast; `chance`: standard deviation of `log_likelihood` if the two had nothing to do with each other; `seconds`:
    how long both were there; `motion`: RMS of the moving part of opening, width and lower lip, in eye distances.
    """

    log_likelihood: Array
    forecast_energy: float
    chance: float
    seconds: float
    motion: float

    @property
    def lag_ms(self) -> float:
        """The most likely lag, > 0: the sound is late; between grid points by a parabola through the peak."""
        score, k = self.log_likelihood, int(np.argmax(self.log_likelihood))
        if not 0 < k < len(score) - 1:
            return float(LAGS_MS[k])
        left, top, right = score[k - 1 : k + 2]
        bend = left - 2 * top + right
        return float(LAGS_MS[k] + (STEP_S * 500 * (left - right) / bend if bend < 0 else 0.0))

    @property
    def certainty(self) -> float:
        """Posterior probability that the lag lies on this hill, within `HILL_MS` of its top; no lag is preferred."""
        return float(self._posterior()[self._hill()].sum())

    @property
    def lag_sd_ms(self) -> float:
        """Standard deviation of the lag on this hill, with what people and phonemes add that the filter cannot know."""
        weight = self._posterior() * self._hill()
        spread = float((weight * (LAGS_MS - self.lag_ms) ** 2).sum() / weight.sum())
        return float(np.hypot(np.sqrt(spread), PEOPLE_SD_MS))

    def _posterior(self) -> Array:
        p = np.exp(self.log_likelihood - self.log_likelihood.max())
        return np.asarray(p / p.sum())

    def _hill(self) -> Mask:
        return np.asarray(np.abs(LAGS_MS - self.lag_ms) <= HILL_MS)


def weigh(lips: Array, lips_known: Mask, sound: Array, sound_known: Mask, forecast: Array) -> Evidence:
    """The evidence of mouth signals (n, 5) and band levels (n, 5) on the common grid; `forecast` as `FORECAST`."""
    x, motion = shaped(lips, lips_known, LIP_FLOOR)
    y, _ = shaped(sound, sound_known, LEVEL_FLOOR_DB)
    said, reach = _forecast(x, forecast), round(MAX_LAG_S / STEP_S)
    y = np.pad(y, ((PAD, PAD), (0, 0)))
    score = np.einsum("iil->l", cross_correlation(said, y, reach))
    # Bartlett: the variance of a sum of products of two unrelated signals is the sum of their autocovariances' product.
    own = cross_correlation(said, said, CHANCE_REACH) * cross_correlation(y, y, CHANCE_REACH)
    return Evidence(
        log_likelihood=score,
        forecast_energy=float((said**2).sum() * STEP_S),
        chance=float(np.sqrt(max(own.sum() / len(x), 0.0))),
        seconds=float(np.count_nonzero(lips_known & sound_known) * STEP_S),
        motion=float(np.sqrt((motion[MOVING] ** 2).mean())),
    )


def _forecast(lips: Array, forecast: Array) -> Array:
    """(n + 2 PAD, 5): what the lips say that the bands should do, on a time axis that begins `PAD` steps earlier."""
    out = np.zeros((len(lips) + 2 * PAD, len(BAND_EDGES) - 1))
    for weights, tap in zip(forecast.transpose(2, 0, 1), TAPS, strict=True):
        out[PAD + tap : PAD + tap + len(lips)] += lips @ weights
    return smooth(out, TAP_SD)
