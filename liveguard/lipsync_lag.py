"""How late the sound is against the lips, with its uncertainty: one matched filter, no network.

The lips say what the sound should do: a small fixed linear filter turns four mouth signals into a forecast of the level
in five frequency bands, and the forecast is correlated with the sound at every lag. For jointly Gaussian stationary
signals the log-likelihood of a lag is exactly such a filtered cross-correlation (Knapp & Carter 1976,
doi:10.1109/TASSP.1976.1162830), so a softmax over lags is the posterior of the lag: its width is the uncertainty, and a
second hill makes it wide, as it should.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from liveguard.face.geometry import CHIN, RIGID
from liveguard.face.texture import canonical_face
from liveguard.types import Speech

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
# Mel indices of the bands: edges at about 0.3, 0.6, 1.2, 2.4, 4 and 7.6 kHz. Below lie hum, rumble and the pitch.
BAND_EDGES = (2, 7, 15, 24, 31, 40)
INNER_LIPS = ((13, 14), (82, 87), (312, 317))
CORNERS = (78, 308)
TAPS = np.arange(-12, 13, 4)
TAP_SD = 2.0


def mouth_signals(landmarks: Array) -> Array:
    """(n, 5) in eye distances, head pose taken out: inner-lip opening, width, height of upper lip, lower lip and chin.

    `landmarks` (n, 478, 3) pixels. Frames are turned onto the mean face by the points that speech moves least, so that
    nodding does not open the mouth (least squares in 3-D: Umeyama 1991, doi:10.1109/34.88573).
    """
    target = canonical_face().mean[list(RIGID)].astype(np.float64)
    source = landmarks[:, list(RIGID)]
    middle = source.mean(axis=1, keepdims=True)
    a, b = source - middle, target - target.mean(axis=0)
    u, s, vt = np.linalg.svd(np.einsum("ki,nkj->nij", b, a))
    sign = np.ones((len(a), 3))
    sign[:, 2] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    rotation = (u * sign[:, None, :]) @ vt
    scale = (s * sign).sum(axis=1) / np.maximum((a**2).sum(axis=(1, 2)), 1e-9)
    head = scale[:, None, None] * (landmarks - middle) @ rotation.transpose(0, 2, 1)
    upper, lower = head[:, [i for i, _ in INNER_LIPS]], head[:, [k for _, k in INNER_LIPS]]
    opening = np.linalg.norm(upper - lower, axis=2).mean(axis=1)
    width = np.linalg.norm(head[:, CORNERS[0]] - head[:, CORNERS[1]], axis=1)
    return np.stack([opening, width, upper[:, :, 1].mean(axis=1), lower[:, :, 1].mean(axis=1), head[:, CHIN, 1]], axis=1)


def band_levels(speech: Speech) -> Array:
    """(T, 5) dB: the level in each band, no deeper than `RANGE_DB` below its loud parts."""
    power = 10.0 ** (speech.log_mel.astype(np.float64) / 10)
    bands = [power[:, lo:hi].sum(axis=1) for lo, hi in zip(BAND_EDGES[:-1], BAND_EDGES[1:], strict=True)]
    level_db = 10 * np.log10(np.stack(bands, axis=1) + 1e-12)
    if not speech.present.any():
        return level_db
    loud_db = np.percentile(level_db[speech.present], 95, axis=0)
    return np.asarray(np.clip(level_db, loud_db - RANGE_DB, None))


def on_grid(t_s: Array, values: Array, grid_s: Array) -> tuple[Array, Mask]:
    """`values` (n, k) at `t_s` carried onto `grid_s`, and where they are known: no hole longer than `HOLE_S` around."""
    after = np.clip(np.searchsorted(t_s, grid_s, side="left"), 0, len(t_s) - 1)
    before = np.maximum(after - 1, 0)
    inside = (grid_s >= t_s[0] - STEP_S) & (grid_s <= t_s[-1] + STEP_S)
    known = inside & (t_s[after] - t_s[before] <= HOLE_S)
    out = PchipInterpolator(t_s, values, axis=0)(np.clip(grid_s, t_s[0], t_s[-1]))
    return np.asarray(out), known


def shaped(values: Array, known: Mask, floor: float) -> Array:
    """Band-passed, in units of its own spread, and 0 where not `known`; nothing louder than `CLIP`."""
    smooth = gaussian_filter1d(values, SMOOTH_S / STEP_S, axis=0, mode="nearest")
    moving = smooth - gaussian_filter1d(values, TREND_S / STEP_S, axis=0, mode="nearest")
    spread = moving[known].std(axis=0) if known.any() else np.ones(values.shape[1])
    return np.asarray(np.clip(moving / np.maximum(spread, floor), -CLIP, CLIP) * known[:, None])


def cross_correlation(lips: Array, sound: Array, reach: int) -> Array:
    """(i, j, 2 reach + 1) seconds: the sum over time of lips_i(t) sound_j(t + lag)."""
    size = 1 << int(np.ceil(np.log2(len(lips) + 2 * reach + 1)))
    spectrum = np.conj(np.fft.rfft(lips, size, axis=0))[:, :, None] * np.fft.rfft(sound, size, axis=0)[:, None, :]
    full = np.fft.irfft(spectrum, size, axis=0)
    return np.moveaxis(np.concatenate([full[-reach:], full[: reach + 1]]), 0, -1) * STEP_S
