"""Two small networks that turn lips and sound into vectors which match where the two belong together.

The idea is SyncNet's (Chung & Zisserman 2016, doi:10.1007/978-3-319-54427-4_19), on the tracker's mesh instead of
pictures. The score of a lag is the sum over time of the scalar products of both, so that it sits where the matched
filter of `liveguard.detectors.lipsync_lag` sits, and is judged by the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from liveguard.detectors.lipsync_lag import (
    LAGS_MS,
    RANGE_DB,
    STEP_S,
    Evidence,
    cross_correlation,
    mouth_signals,
    on_grid,
    smooth,
)
from liveguard.detectors.series import RIGID_POINTS, align, face_series
from liveguard.face.texture import canonical_face
from liveguard.types import Window

Array = npt.NDArray[np.float64]
SIGNALS, BANDS, SIZE, WIDTH = 11, 20, 16, 40
REACH = len(LAGS_MS) // 2
LIP_FLOOR = 0.004  # eye distances: landmark noise
SPEED_STEPS = 0.15  # brings velocities to about the size of the signals
CHANCE_REACH = 60  # grid steps, as in the matched filter
OUTER_UPPER, OUTER_LOWER, OUTER_CORNERS = (0, 37, 267), (17, 84, 314), (61, 291)
INNER_UPPER, INNER_LOWER = (13, 82, 312), (14, 87, 317)


@dataclass(frozen=True)
class Stretch:
    """`lips` (n, 11) eye distances, without what is slower than a second, and `sound` (n, 20) dB, every 20 ms, and
    where each is known, (n,) 0 or 1."""

    lips: Array
    lips_known: Array
    sound: Array
    sound_known: Array

    def cut(self, start: int, steps: int, later: int = 0) -> Stretch:
        """`steps` from `start` on, the sound from `later` steps later; what lies outside is not known."""
        lips, lips_known = _cut(self.lips, self.lips_known, start, steps)
        return Stretch(lips, lips_known, *_cut(self.sound, self.sound_known, start + later, steps))


def _cut(values: Array, known: Array, start: int, steps: int) -> tuple[Array, Array]:
    out, there = np.zeros((steps, values.shape[1])), np.zeros(steps)
    low, high = max(start, 0), min(start + steps, len(values))
    if high > low:
        out[low - start : high - start], there[low - start : high - start] = values[low:high], known[low:high]
    return out, there


def stretch_of(window: Window) -> Stretch:
    """What a window shows and says, from where its face is first seen to where it is last seen."""
    series = face_series(window)
    grid_s = np.arange(0.0, (window.end_us - window.start_us) / 1e6, STEP_S)
    signals = np.concatenate([mouth_signals(series.points), _outer_signals(series.points)], axis=1)
    lips, lips_known = on_grid(series.t_s.astype(np.float64), signals, grid_s)
    present = window.speech.present
    power = 10.0 ** (window.speech.log_mel[present].astype(np.float64) / 10)
    level_db = 10 * np.log10(power.reshape(len(power), BANDS, -1).sum(axis=2) + 1e-12)
    level_db = smooth(np.maximum(level_db, np.percentile(level_db, 95, axis=0) - RANGE_DB), 1.0)
    sound_s = (window.speech.t_us[present] - window.start_us) / 1e6
    sound, sound_known = on_grid(sound_s, level_db, grid_s)
    seen = slice(*np.flatnonzero(lips_known)[[0, -1]])
    moving = smooth(lips, 1.0) - smooth(lips, 0.5 / STEP_S)
    return Stretch(moving[seen], lips_known[seen].astype(float), sound[seen], sound_known[seen].astype(float))


def _outer_signals(points: npt.NDArray[np.float32]) -> Array:
    """(n, 6) eye distances: outer opening and width, thickness of both lips, height of the corners, protrusion."""
    used = np.array([*RIGID_POINTS, *OUTER_UPPER, *OUTER_LOWER, *OUTER_CORNERS, *INNER_UPPER, *INNER_LOWER])
    rigid = len(RIGID_POINTS)
    head, _ = align(points[:, used], canonical_face().mean[used], np.arange(rigid))
    upper, lower, corners, inner_upper, inner_lower = np.split(head[:, rigid:], (3, 6, 8, 11), axis=1)
    pairs = ((upper, lower), (corners[:, :1], corners[:, 1:]), (upper, inner_upper), (lower, inner_lower))
    apart = [np.linalg.norm(a - b, axis=2).mean(axis=1) for a, b in pairs]
    depth = (upper[:, :, 2].mean(axis=1) + lower[:, :, 2].mean(axis=1)) / 2 - corners[:, :, 2].mean(axis=1)
    return np.asarray(np.stack([*apart, corners[:, :, 1].mean(axis=1), depth], axis=1), np.float64)


def lip_input(lips: Array, known: Array) -> Tensor:
    """(b, 22, n) from (b, n, 11): signals and their velocities in units of the signals' spread."""
    count = known.sum(axis=1)[:, None, None] + 1e-6
    spread = np.sqrt(((lips * known[:, :, None]) ** 2).sum(axis=1, keepdims=True) / count)
    both = np.concatenate([lips, np.gradient(lips, axis=1) / SPEED_STEPS], axis=2)
    scaled = both / np.maximum(np.concatenate([spread, spread], axis=2), LIP_FLOOR)
    return _tensor(np.clip(scaled, -4, 4) * known[:, :, None])


def sound_input(sound: Array, known: Array) -> Tensor:
    """(b, 20, n) from (b, n, 20) dB: tens of dB from the mean of each band, which is the microphone's and the room's."""
    mean = (sound * known[:, :, None]).sum(axis=1, keepdims=True) / (known.sum(axis=1)[:, None, None] + 1e-6)
    return _tensor(np.clip((sound - mean) / 10, -4, 4) * known[:, :, None])


def _tensor(values: Array) -> Tensor:
    return torch.from_numpy(values.transpose(0, 2, 1).astype(np.float32))


class Tower(nn.Module):
    """Signals (b, ins, n) to vectors (b, 16, n) that see 0.4 s, without their mean: a linear filter beside a small network."""

    def __init__(self, ins: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(ins, SIZE, 11, padding=10, dilation=2, bias=False)
        nn.init.normal_(self.linear.weight, std=0.02)
        self.deep = nn.Sequential(
            nn.Dropout1d(0.1), nn.Conv1d(ins, WIDTH, 5, padding=2), nn.GELU(),
            nn.Dropout(0.2), nn.Conv1d(WIDTH, WIDTH, 5, padding=4, dilation=2), nn.GELU(),
            nn.Dropout(0.2), nn.Conv1d(WIDTH, SIZE, 3, padding=1),
        )  # fmt: skip

    def forward(self, x: Tensor, known: Tensor) -> Tensor:
        y, there = self.linear(x) + 0.5 * self.deep(x), known[:, None]
        mean = (y * there).sum(2, keepdim=True) / (there.sum(2, keepdim=True) + 1e-6)
        centred: Tensor = (y - mean) * there
        return centred


class Towers(nn.Module):
    """35,825 weights. `score` of all lips with all sounds at all lags is the logarithm of how likely each is."""

    def __init__(self) -> None:
        super().__init__()
        self.lips, self.sound = Tower(2 * SIGNALS), Tower(BANDS)
        self.log_scale = nn.Parameter(torch.tensor(0.0))

    def forward(self, lips: Tensor, lips_known: Tensor, sound: Tensor, sound_known: Tensor) -> tuple[Tensor, Tensor]:
        return self.lips(lips, lips_known) * torch.exp(self.log_scale), self.sound(sound, sound_known)


def scores(lips: Tensor, sound: Tensor, every: int) -> Tensor:
    """(i, j, lags): the sum over time of lips i (16, n) times sound j (16, n), at each `every`-th of `LAGS_MS`."""
    late = F.pad(sound, (REACH, REACH)).unfold(2, lips.shape[2], every)  # (j, 16, lags, n)
    return torch.einsum("ict,jclt->ijl", lips, late) * STEP_S


@torch.no_grad()
def weigh(net: Towers, stretch: Stretch) -> Evidence:
    """The evidence of a stretch, in the terms of the matched filter's."""
    lips_known, sound_known = stretch.lips_known[None], stretch.sound_known[None]
    lips, sound = net(
        lip_input(stretch.lips[None], lips_known), torch.from_numpy(lips_known).float(),
        sound_input(stretch.sound[None], sound_known), torch.from_numpy(sound_known).float(),
    )  # fmt: skip
    a, b = lips[0].double().numpy().T, sound[0].double().numpy().T
    own = cross_correlation(a, a, CHANCE_REACH) * cross_correlation(b, b, CHANCE_REACH)
    return Evidence(
        log_likelihood=np.einsum("iil->l", cross_correlation(a, b, REACH)),
        forecast_energy=float((a**2).sum() * STEP_S),
        chance=float(np.sqrt(max(own.sum() / len(a), 0.0))),
        seconds=float((stretch.lips_known * stretch.sound_known).sum() * STEP_S),
        motion=0.0,
    )
