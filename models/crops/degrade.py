"""What cameras, filters and calls do to a picture, for genuine and attack alike, and where in the crop the face lies."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from dice import Dice, chosen, wide
from filters import blurred, coloured, jpeg, smoothed, through_size
from masks import face_masks
from torch import Tensor

SEEN = 224
CHUNKS = 6


def called(x: Tensor, where: Tensor, points: Tensor, most_edge: float, dice: Dice) -> tuple[Tensor, Tensor]:
    """Crops (n, 3, side, side) as a call delivers them, and `where` (n, 1, side, side) beside them: SEEN pixels a side.

    `points` (n, k, 2) in pixels of the crops.
    """
    x = beautified(x, points, dice)
    x = coloured(
        x, 1 + 0.08 * dice.uniform(-1, 1, (3,)), dice.uniform(0.7, 1.25), dice.uniform(0.75, 1.2), dice.between(0.7, 1.45)
    )
    x, where = placed(torch.cat([x, where], 1), dice).split((3, 1), 1)
    x = lit(x, dice)
    y = blurred(x, dice.uniform(0.3, 1.6))
    x = chosen(dice.chance(0.25), y, x)
    x = chosen(dice.chance(0.15), (x + wide(dice.uniform(0.2, 1.0)) * (x - blurred(x, dice.uniform(0.7, 1.5)))).clamp(0, 1), x)
    x = noisy(x, dice)
    x = resized(x, dice, 0.4)
    x = coded(x, dice, 0.7)
    x = resized(x, dice, 0.15)
    return edged(coded(x, dice, 0.15), most_edge, dice), where


def beautified(x: Tensor, points: Tensor, dice: Dice) -> Tensor:
    """Some smoothed, in the face alone or all over, as filters for genuine people do."""
    mask = chosen(dice.chance(0.6), face_masks(points, x.shape[2], dice), torch.ones_like(x[:, :1]))
    y = smoothed(x, dice.uniform(1.0, 2.5), dice.uniform(0.01, 0.04))
    return chosen(dice.chance(0.12), y * mask + x * (1 - mask), x)


def placed(x: Tensor, dice: Dice) -> Tensor:
    """Mirrored, moved, turned and scaled; less than half only moved by whole pixels, which keeps every one of them."""
    n, _, h, _ = x.shape
    free = dice.chance(0.5).float()
    scale, turn = torch.exp(free * dice.uniform(-0.1, 0.1)), free * dice.uniform(-0.12, 0.12)
    shift = torch.round(dice.uniform(-9, 9, (2,))) * 2 / h
    flip = 1 - 2 * dice.chance(0.5).float()
    scale = scale * (SEEN / h)
    matrix = torch.stack([flip * scale * turn.cos(), -scale * turn.sin(), shift[:, 0], flip * scale * turn.sin(), scale * turn.cos(), shift[:, 1]], 1)
    grid = F.affine_grid(matrix.view(n, 2, 3), [n, 1, SEEN, SEEN], align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def lit(x: Tensor, dice: Dice) -> Tensor:
    """Light from a side."""
    light = F.interpolate(dice.normal((1, 2, 2)), x.shape[2:], mode="bicubic", align_corners=False)
    return (x * (1 + wide(dice.uniform(0, 0.12)) * light)).clamp(0, 1)


def noisy(x: Tensor, dice: Dice) -> Tensor:
    """Sensor noise, of each pixel or of small blotches, mostly grey."""
    half = len(x) // 2
    noise = torch.randn(2 * half, 3, *x.shape[2:], generator=dice.generator, device=x.device)
    noise = 0.7 * noise[:, :1] + 0.5 * noise
    noise = chosen(dice.chance(0.4), 2 * F.avg_pool2d(noise, 3, 1, 1), noise)
    return (x + wide(dice.between(0.002, 0.04) * dice.chance(0.5)) * noise).clamp(0, 1)


def resized(x: Tensor, dice: Dice, p: float) -> Tensor:
    """Some sent with fewer pixels."""
    y, ups = x.clone(), ("bilinear", "bicubic", "bilinear", "nearest")
    half = len(x) // 2
    for k in range(CHUNKS):
        which = torch.cat([torch.arange(k, half, CHUNKS), torch.arange(half + k, 2 * half, CHUNKS)]).to(x.device)
        side, up = int(SEEN * 0.35 ** (dice.number(5, 95) / 100)), ups[min(dice.number(0, 12), 3) if k == 0 else dice.number(0, 2)]
        y[which] = through_size(x[which], side, up)
    return chosen(dice.chance(p), y, x)


def coded(x: Tensor, dice: Dice, p: float) -> Tensor:
    """Most coded in blocks that begin anywhere, some with the edges of blocks smoothed as codecs do."""
    dx, dy = dice.number(0, 15), dice.number(0, 15)
    y = jpeg(F.pad(x, (dx, 16 - dx, dy, 16 - dy), mode="replicate"), dice.between(12, 95))
    y = y[:, :, dy : dy + x.shape[2], dx : dx + x.shape[3]]
    y = chosen(dice.chance(0.35), blurred(y, dice.uniform(0.3, 0.8), 2), y)
    return chosen(dice.chance(p), y, x)


def edged(x: Tensor, most: float, dice: Dice) -> Tensor:
    """Some with black where the crop reaches over the edge of the picture, so that this tells nothing."""
    at = torch.arange(SEEN, device=x.device) / SEEN
    left, right, top, bottom = (dice.uniform(-most / 3, most) * dice.chance(0.3 + most) for _ in range(4))
    across = (at[None] >= left[:, None]) & (at[None] < 1 - right[:, None])
    down = (at[None] >= top[:, None]) & (at[None] < 1 - bottom[:, None])
    return torch.where((dice.chance(0.2 + most)[:, None, None] & ~(down[:, :, None] & across[:, None, :]))[:, None], 0.0, x)
