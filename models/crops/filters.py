"""Filters of batches of pictures (n, c, h, w) float32 in 0..1 with another strength for each: blur, sizes, colour, JPEG."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

# The tables of the JPEG standard, ITU-T T.81, annex K.
_LUMA = ("16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
         "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99")  # fmt: skip
_CHROMA = ("17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99 "
           + "99 " * 32).strip()  # fmt: skip
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


def blurred(x: Tensor, sigma: Tensor, reach: int = 5) -> Tensor:
    """Gaussian blur with `sigma` (n,) pixels, of which up to about reach / 2 make sense."""
    at = torch.arange(-reach, reach + 1, device=x.device)
    weight = torch.exp(-0.5 * (at[None] / sigma.clamp(min=0.05)[:, None]) ** 2)
    weight = (weight / weight.sum(1, keepdim=True)).to(x.dtype)
    for axis in (2, 3):
        pad = (reach, reach, 0, 0) if axis == 3 else (0, 0, reach, reach)
        wide, size = F.pad(x, pad, mode="replicate"), x.shape[axis]
        x = sum(wide.narrow(axis, k, size) * weight[:, k, None, None, None] for k in range(2 * reach + 1))  # type: ignore[assignment]
    return x


def through_size(x: Tensor, side: int, up: str) -> Tensor:
    """Shrunk to `side` pixels and brought back by "bilinear", "bicubic" or "nearest"."""
    small = F.interpolate(x, (side, side), mode="bilinear", antialias=True, align_corners=False)
    if up == "nearest":
        return F.interpolate(small, x.shape[2:], mode=up)
    return F.interpolate(small, x.shape[2:], mode=up, align_corners=False).clamp(0, 1)


@cache
def _jpeg_parts(device: torch.device) -> tuple[Tensor, ...]:
    n = np.arange(8)
    dct = np.cos((2 * n[None] + 1) * n[:, None] * np.pi / 16) * np.where(n[:, None] == 0, np.sqrt(1 / 8), 0.5)
    tables = [np.array(text.split(), float).reshape(8, 8) for text in (_LUMA, _CHROMA)]
    parts = (dct, np.stack(tables), np.array(_TO_YCC), np.linalg.inv(_TO_YCC))
    return tuple(torch.tensor(part, dtype=torch.float32, device=device) for part in parts)


def jpeg(x: Tensor, quality: Tensor) -> Tensor:
    """What JPEG of `quality` (n,) in 1..100 with colours at half the size leaves of pictures (n, 3, h, w).

    Sides are multiples of 16. The blocks and steps of calls' video codecs are like enough to this.
    """
    dct, tables, ycc, back_to_rgb = _jpeg_parts(x.device)
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50)
    y, cc = torch.einsum("kc,nchw->nkhw", ycc, x * 255).split((1, 2), 1)
    parts = []
    for plane, table in ((y - 128, tables[0]), (F.avg_pool2d(cc, 2), tables[1])):
        n, c, h, w = plane.shape
        step = (table[None] * scale[:, None, None]).clamp(1, 255)[:, None, None, :, None, :]
        blocks = plane.reshape(n, c, h // 8, 8, w // 8, 8)
        inside = torch.einsum("ai,bj,nchiwj->nchawb", dct, dct, blocks)
        inside = torch.round(inside / step) * step
        parts.append(torch.einsum("ai,bj,nchawb->nchiwj", dct, dct, inside).reshape(n, c, h, w))
    colour = F.interpolate(parts[1], scale_factor=2, mode="bilinear", align_corners=False)
    back = torch.einsum("ck,nkhw->nchw", back_to_rgb, torch.cat([parts[0] + 128, colour], 1))
    return (back / 255).clamp(0, 1)


def coloured(x: Tensor, gain: Tensor, saturation: Tensor, contrast: Tensor, gamma: Tensor) -> Tensor:
    """`gain` (n, 3) of each colour, `saturation`, `contrast` about the mean and `gamma` (n,), all about 1."""
    x = x * gain[:, :, None, None]
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * saturation.view(-1, 1, 1, 1)
    middle = grey.mean((2, 3), keepdim=True)
    x = (middle + (x - middle) * contrast.view(-1, 1, 1, 1)).clamp(1e-4, 1)
    return x ** gamma.view(-1, 1, 1, 1)


def smoothed(x: Tensor, sigma: Tensor, limit: Tensor) -> Tensor:
    """Fine detail weaker than `limit` (n,) taken away and edges kept, as beauty filters do."""
    base = blurred(x, sigma)
    detail = x - base
    return base + detail.sign() * (detail.abs() - limit.view(-1, 1, 1, 1)).clamp(min=0)
