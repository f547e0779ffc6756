"""The voice model: band powers of speech, and a small residual network on them."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from liveguard.types import FloatArray

RATE_HZ = 16_000
WINDOW, HOP, FFT = 400, 160, 512  # samples
BANDS, LOWEST_HZ, HIGHEST_HZ = 128, 60, 7_600  # evenly spaced: artefacts of synthesis do not follow the ear
FLOOR_DB = -75.0  # re the mean power: what is fainter is the recording's and not the voice's
WIDTH = 16  # channels of the first stage


@cache
def window() -> npt.NDArray[np.float64]:
    """Hann (WINDOW,), so that the power spectrum of white noise is its variance."""
    hann = np.hanning(WINDOW + 1)[:-1]
    return np.asarray(hann / np.sqrt(np.sum(hann**2)))


@cache
def filters() -> FloatArray:
    """Triangles (BANDS, FFT / 2 + 1) that each average over about two bins."""
    at = np.linspace(0, RATE_HZ / 2, FFT // 2 + 1)[None]
    middle = np.linspace(LOWEST_HZ, HIGHEST_HZ, BANDS)[:, None]
    step = (HIGHEST_HZ - LOWEST_HZ) / (BANDS - 1)
    shape = np.maximum(1 - np.abs(at - middle) / step, 0)
    return np.asarray(shape / shape.sum(1, keepdims=True), np.float32)


def band_powers(pcm: FloatArray) -> FloatArray:
    """Band powers (frames, BANDS) of a sound (n,) brought to unit power. What `BandPowers` gives, without torch."""
    pcm = pcm / np.sqrt(np.mean(pcm**2) + 1e-8)
    frames = np.lib.stride_tricks.sliding_window_view(pcm, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(frames * window(), FFT, axis=1)) ** 2
    return np.asarray(power @ filters().T, np.float32)


class BandPowers(nn.Module):
    """Sound (batch, n) to band powers (batch, BANDS, frames), of the sound brought to unit power.

    The transform is a convolution, so that every ONNX runtime computes the same.
    """

    def __init__(self) -> None:
        super().__init__()
        angle = 2 * np.pi * np.outer(np.arange(FFT // 2 + 1), np.arange(WINDOW)) / FFT
        waves = np.concatenate([np.cos(angle), np.sin(angle)]) * window()
        self.register_buffer("waves", torch.tensor(waves[:, None], dtype=torch.float32), persistent=False)
        self.register_buffer("filters", torch.from_numpy(filters().copy())[:, :, None], persistent=False)

    def forward(self, pcm: Tensor) -> Tensor:
        pcm = pcm / (pcm.square().mean(1, keepdim=True) + 1e-8).sqrt()
        real, imaginary = F.conv1d(pcm[:, None], self.waves, stride=HOP).chunk(2, dim=1)
        return F.conv1d(real.square() + imaginary.square(), self.filters)


def shaped(power: Tensor) -> Tensor:
    """Band powers (batch, bands, frames) to what the network sees (batch, 1, bands, frames).

    Decibels above a floor, relative to each band's mean over time, so that no microphone's curve is left.
    """
    level = 10 * torch.log10(power + 10 ** (FLOOR_DB / 10))
    return 0.07 * (level - level.mean(2, keepdim=True))[:, None]


class Block(nn.Module):
    """Two convolutions beside an identity (He et al. 2016, arXiv:1512.03385)."""

    def __init__(self, ins: int, outs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(ins, outs, 3, stride, 1, bias=False), nn.BatchNorm2d(outs), nn.ReLU(inplace=True),
            nn.Conv2d(outs, outs, 3, 1, 1, bias=False), nn.BatchNorm2d(outs),
        )  # fmt: skip
        self.beside: nn.Module = nn.Identity()
        if ins != outs or stride != 1:
            self.beside = nn.Sequential(nn.Conv2d(ins, outs, 1, stride, bias=False), nn.BatchNorm2d(outs))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.beside(x))


class VoiceNet(nn.Module):
    """Sound (batch, n) float32 at 16 kHz, n of at least about 16000, to scores (batch, 1): above 0 means synthetic.

    Over time it takes the mean as seen by four heads of attention, and the spread (Okabe et al. 2018, arXiv:1803.10963).
    """

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        w = width
        self.powers = BandPowers()
        self.first = nn.Sequential(nn.Conv2d(1, w, 5, 2, 2, bias=False), nn.BatchNorm2d(w), nn.ReLU(inplace=True))
        self.blocks = nn.Sequential(
            Block(w, w, 1), Block(w, 2 * w, 2), Block(2 * w, 2 * w, 1), Block(2 * w, 4 * w, 2), Block(4 * w, 4 * w, 1),
            Block(4 * w, 6 * w, 2),
        )  # fmt: skip
        rows = BANDS // 16  # of the last block; from there on no band is like another
        self.rows = nn.Sequential(
            nn.Conv2d(6 * w, 8 * w, (rows, 1), bias=False), nn.BatchNorm2d(8 * w), nn.ReLU(inplace=True)
        )
        self.attention = nn.Conv1d(8 * w, 4, 1)
        self.drop = nn.Dropout(0.3)
        self.last = nn.Linear(8 * w * 5, 1)

    def embed(self, seen: Tensor) -> Tensor:
        """(batch, 5 * 8 * width) of what `shaped` gives."""
        x = self.rows(self.blocks(self.first(seen)))[:, :, 0].float()
        weight = torch.softmax(self.attention(x), dim=2)
        means = torch.einsum("bct,bht->bhc", x, weight).flatten(1)
        spread = (x.var(2, unbiased=False) + 1e-5).sqrt()
        return torch.cat([means, spread], dim=1)

    def forward(self, pcm: Tensor) -> Tensor:
        score: Tensor = self.last(self.drop(self.embed(shaped(self.powers(pcm)))))
        return score


def export(net: VoiceNet, path: str) -> None:
    """Write the model as ONNX: input `pcm` (batch, samples), output `score` (batch, 1)."""
    axes = {"pcm": {0: "batch", 1: "samples"}, "score": {0: "batch"}}
    sound = torch.randn(1, 4 * RATE_HZ, generator=torch.Generator().manual_seed(0))
    torch.onnx.export(
        net.cpu().eval(), (sound,), path, input_names=["pcm"], output_names=["score"], dynamic_axes=axes,
        opset_version=17, dynamo=False,
    )  # fmt: skip
