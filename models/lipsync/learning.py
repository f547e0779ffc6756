"""Trains the two towers: own sound at its lag against other lags, other people, other times and another tempo.

InfoNCE (van den Oord et al. 2018, arXiv:1807.03748) over the lags of one's own sound, and over the lags of all sounds of a
batch. Sound is moved at random before that, so that no lag is preferred. Nothing is learned of a clip whose sound is
not known to be in sync.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from towers import BANDS, REACH, SIGNALS, Array, Stretch, Towers, lip_input, scores, sound_input

from liveguard.detectors.lipsync_lag import STEP_S, smooth

Rng = np.random.Generator
SHORTEST, LONGEST = 60, 160  # grid steps: 1.2 to 3.2 s
MOST_MOVED = 30  # grid steps
ELSEWHERE = 85  # grid steps: so far off, the own sound is at none of the lags
TEMPI = (0.75, 0.85, 1.18, 1.33)
EVERY = 2  # lags of 40 ms are fine enough to learn from
TARGET_SD = 2.0  # grid steps
KNOTS = 6  # of a random curve over the bands


@dataclass(frozen=True)
class Lesson:
    """A clip to learn from: its `lag` in grid steps, and how often it is drawn (`weight`)."""

    stretch: Stretch
    lag: float
    weight: float


def train(
    lessons: Sequence[Lesson], alike: npt.NDArray[np.bool_], steps: int, batch: int = 20, seed: int = 0
) -> Towers:
    """The averaged weights after so many steps. `alike` (n, n): lessons of one person or of one sound, which are not
    strangers to each other."""
    rng, net = np.random.default_rng(seed), _fresh(seed)
    rate = 3e-3
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.05)
    average = {name: value.clone() for name, value in net.state_dict().items()}
    share = np.array([lesson.weight for lesson in lessons])
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 100) * 0.5 * (1 + np.cos(np.pi * step / steps)) + 1e-5
        drawn = rng.choice(len(lessons), min(batch, len(lessons)), replace=False, p=share / share.sum())
        loss = _loss(net, [lessons[k] for k in drawn], alike[np.ix_(drawn, drawn)], rng)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        kept = min(0.99, step / (step + 10))
        for name, value in net.state_dict().items():
            average[name].mul_(kept).add_(value, alpha=1 - kept)
    net.load_state_dict(average)
    return net.eval()


def _fresh(seed: int) -> Towers:
    torch.manual_seed(seed)
    return Towers().train()


def _loss(net: Towers, drawn: list[Lesson], alike: npt.NDArray[np.bool_], rng: Rng) -> torch.Tensor:
    steps, n = int(rng.integers(SHORTEST, LONGEST)), len(drawn)
    moved = rng.integers(-MOST_MOVED, MOST_MOVED + 1, n)
    own = [_cut(lesson.stretch, steps, int(later), rng) for lesson, later in zip(drawn, moved, strict=True)]
    wrong = [_wrong(lesson.stretch, steps, start, int(later), rng)
             for lesson, (_, start), later in zip(drawn, own, moved, strict=True)]  # fmt: skip
    lips = np.stack([part.lips for part, _ in own])
    lips_known = np.stack([part.lips_known for part, _ in own])
    sound = np.stack([*(part.sound for part, _ in own), *(sound for sound, _ in wrong)])
    sound_known = np.stack([*(part.sound_known for part, _ in own), *(known for _, known in wrong)])
    a, b = net(
        lip_input(other_lips(lips, rng), lips_known), torch.from_numpy(lips_known).float(),
        sound_input(other_sound(sound, sound_known, rng), sound_known), torch.from_numpy(sound_known).float(),
    )  # fmt: skip
    score = scores(a, b, EVERY)
    true = torch.tensor([lesson.lag for lesson in drawn])[:, None] - torch.from_numpy(moved)[:, None]
    target = torch.exp(-0.5 * ((torch.arange(-REACH, REACH + 1, EVERY)[None] - true) / TARGET_SD) ** 2)
    target = (target / target.sum(1, keepdim=True)).float()
    mine = score[torch.arange(n), torch.arange(n)]
    neither = torch.from_numpy(np.concatenate([alike & ~np.eye(n, dtype=bool)] * 2, axis=1))
    every = torch.logsumexp(score.masked_fill(neither[:, :, None], -1e4).reshape(n, -1), 1)
    lags = -(target * F.log_softmax(mine, 1)).sum(1).mean()
    return lags + (every - (target * mine).sum(1)).mean()


def _cut(stretch: Stretch, steps: int, later: int, rng: Rng) -> tuple[Stretch, int]:
    start = int(rng.integers(0, max(len(stretch.lips) - steps, 0) + 1))
    return stretch.cut(start, steps, later), start


def _wrong(stretch: Stretch, steps: int, start: int, later: int, rng: Rng) -> tuple[Array, Array]:
    """The same person's sound (steps, 20) where it does not fit: of another time, or faster or slower."""
    n, at = len(stretch.sound), start + later
    far = [at - ELSEWHERE - int(rng.integers(0, 40)), at + ELSEWHERE + int(rng.integers(0, 40))]
    far = [place for place in far if place > -steps // 4 and place + steps < n + steps // 4]
    if far and rng.random() < 0.5:
        part = stretch.cut(far[0], steps)
        return part.sound, part.sound_known
    when = at + steps / 2 + (np.arange(steps) - steps / 2) * rng.choice(TEMPI)
    inside = (when >= 0) & (when <= n - 1)
    before = np.clip(when, 0, n - 1.001).astype(int)
    share = (np.clip(when, 0, n - 1.001) - before)[:, None]
    after = np.minimum(before + 1, n - 1)
    sound = stretch.sound[before] * (1 - share) + stretch.sound[after] * share
    return sound, inside * stretch.sound_known[before]


def other_lips(lips: Array, rng: Rng) -> Array:
    """`lips` (n, steps, 11) of somebody who moves them more or less, seen worse, at a lower rate or smoothed."""
    n, steps, _ = lips.shape
    out = lips * np.exp(rng.normal(0, 0.15, (n, 1, SIGNALS)))
    out = out + rng.normal(0, 1, lips.shape) * np.sqrt((out**2).mean(axis=1, keepdims=True)) * rng.uniform(
        0, 0.25, (n, 1, 1)
    )
    for k in range(n):
        if rng.random() < 0.3:
            every = int(rng.integers(2, 5))
            kept = np.arange(rng.integers(0, every), steps, every)
            out[k] = np.stack([np.interp(np.arange(steps), kept, column[kept]) for column in out[k].T], axis=1)
        elif rng.random() < 0.3:
            out[k] = smooth(out[k], rng.uniform(0.5, 2))
    return np.asarray(out, np.float64)


def other_sound(sound: Array, known: Array, rng: Rng) -> Array:
    """`sound` (n, steps, 20) dB through another microphone, in noise, in a room that goes on sounding."""
    n, steps, _ = sound.shape
    loud = (sound * known[:, :, None]).max(axis=1, keepdims=True).mean(axis=2, keepdims=True)
    noise_db = loud - rng.uniform(5, 45, (n, 1, 1)) + _curves(n, 6.0, rng) + rng.normal(0, 1.5, sound.shape)
    noise = np.where(rng.random((n, 1, 1)) < 0.6, 10 ** (noise_db / 10), 1e-12)
    power = 10 ** ((sound + _curves(n, 4.0, rng)) / 10) + noise
    for k in range(n):
        if rng.random() < 0.3:
            decay = 10 ** (-6 * np.arange(25) * STEP_S / rng.uniform(0.15, 0.6))
            decay[0] += rng.uniform(0, 2)
            power[k] = np.stack([np.convolve(band, decay / decay.sum())[:steps] for band in power[k].T], axis=1)
    return np.asarray(10 * np.log10(power + 1e-12))


def _curves(n: int, sd_db: float, rng: Rng) -> Array:
    """(n, 1, 20) dB: random smooth curves over the bands."""
    at = np.linspace(0, KNOTS - 1, BANDS)
    return np.stack([np.interp(at, np.arange(KNOTS), knots) for knots in rng.normal(0, sd_db, (n, KNOTS))])[:, None]
