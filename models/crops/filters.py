"""Filters of batches of pictures (n, c, h, w) float32 in 0..1 with another strength for each: blur, sizes, colour, JPEG.

Whatever works along rows and columns is two products with matrices: a batch of them costs about as much as one pass over
the pictures.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

# The tables of the JPEG standard, ITU-T T.81, annex K.
_LUMA = ("16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
         "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 "
         "49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99")  # fmt: skip
_CHROMA = ("17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99 "
           + "99 " * 32).strip()  # fmt: skip
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
SIZE_STEP = 4  # pixels between the sizes that pictures may be sent through


def along_both(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """`rows` (n or 1, a, h) by each plane of `x` (n, c, h, w) by `columns` (n or 1, b, w) turned: (n, c, a, b)."""
    n, c, h, w = x.shape
    half = (x.reshape(n, c * h, w) @ columns.transpose(1, 2)).view(n, c, h, -1)
    full = rows @ half.transpose(1, 2).reshape(n, h, -1)
    return full.view(n, rows.shape[1], c, -1).transpose(1, 2)


def blurred(x: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur with `sigma` (n,) pixels; edges go on as they are."""
    h, w = x.shape[2:]
    rows = _gaussian(h, sigma)
    return along_both(x, rows, rows if w == h else _gaussian(w, sigma))


def _gaussian(side: int, sigma: Tensor) -> Tensor:
    at = torch.arange(side, device=sigma.device, dtype=torch.float32)
    weight = torch.exp(-0.5 * ((at[:, None] - at)[None] / sigma.clamp(min=0.05).view(-1, 1, 1)) ** 2)
    return weight / weight.sum(2, keepdim=True)


@cache
def _resizing(side: int, device: torch.device) -> Tensor:
    """(2, sizes, side, side): what shrinking to SIZE_STEP, 2 * SIZE_STEP, ... pixels and enlarging, bilinear or bicubic, does."""
    eye, found = torch.eye(side, device=device)[None, None], []
    for up in ("bilinear", "bicubic"):
        for size in range(SIZE_STEP, side + 1, SIZE_STEP):
            small = F.interpolate(eye, (size, side), mode="bilinear", antialias=True, align_corners=False)
            found.append(F.interpolate(small, (side, side), mode=up, align_corners=False)[0, 0])
    return torch.stack(found).view(2, -1, side, side)


def through_size(x: Tensor, size: Tensor, cubic: Tensor) -> Tensor:
    """Shrunk to about `size` (n,) pixels and brought back, bicubic where `cubic` (n,) bool says so."""
    table = _resizing(x.shape[2], x.device)
    both = table[cubic.long(), ((size / SIZE_STEP).round().long() - 1).clamp(0, table.shape[1] - 1)]
    return along_both(x, both, both).clamp(0, 1)


@cache
def _spreading(cells: int, side: int, device: torch.device) -> Tensor:
    eye = torch.eye(cells, device=device)[None, None]
    return F.interpolate(eye, (side, cells), mode="bicubic", align_corners=False)[0]


def spread(cells: Tensor, side: int) -> Tensor:
    """Few cells (n, c, k, k) as a smooth field (n, c, side, side)."""
    up = _spreading(cells.shape[2], side, cells.device)
    return along_both(cells, up, up)


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
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50).view(-1, 1, 1, 1)
    y, cc = torch.tensor_split(torch.einsum("kc,nchw->nkhw", ycc, x * 255), (1,), 1)
    parts = []
    for plane, table in ((y - 128, tables[0]), (F.avg_pool2d(cc, 2), tables[1])):
        blocks = [n // 8 for n in plane.shape[2:]]
        rows, columns = (torch.kron(torch.eye(n, device=x.device), dct)[None] for n in blocks)
        step = (table.repeat(*blocks)[None, None] * scale).clamp(1, 255)
        inside = torch.round(along_both(plane, rows, columns) / step) * step
        parts.append(along_both(inside, rows.transpose(1, 2), columns.transpose(1, 2)))
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


def sharpened(x: Tensor, sigma: Tensor, amount: Tensor) -> Tensor:
    """With `amount` (n,) of what a blur takes away added once more."""
    return (x + amount.view(-1, 1, 1, 1) * (x - blurred(x, sigma))).clamp(0, 1)


def smoothed(x: Tensor, sigma: Tensor, limit: Tensor) -> Tensor:
    """Fine detail weaker than `limit` (n,) taken away and edges kept, as beauty filters do."""
    base = blurred(x, sigma)
    detail = x - base
    return base + detail.sign() * (detail.abs() - limit.view(-1, 1, 1, 1)).clamp(min=0)
