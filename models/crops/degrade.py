"""What cameras, filters and calls do to a picture, for genuine and attack alike, and where in the crop the face lies."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from dice import Dice, chosen, in_part, wide
from filters import blurred, coloured, jpeg, sharpened, smoothed, spread, through_size
from masks import face_masks
from torch import Tensor

SEEN = 224


def called(x: Tensor, where: Tensor, points: Tensor, most_edge: float, dice: Dice) -> tuple[Tensor, Tensor]:
    """Crops (n, 3, side, side) as a call delivers them, and `where` (n, 1, side, side) beside them: SEEN pixels a side.

    `points` (n, k, 2) in pixels of the crops. A third is left as sharp as it is.
    """
    x = in_part(x, dice, 0.12, beautified, points)
    x, where = torch.tensor_split(placed(torch.cat([x, where], 1), dice), (3,), 1)
    x = coloured(
        x,
        1 + 0.08 * dice.uniform(-1, 1, (3,)),
        dice.uniform(0.7, 1.25),
        dice.uniform(0.75, 1.2),
        dice.between(0.7, 1.45),
    )
    x = x * (1 + wide(dice.uniform(0, 0.1)) * spread(dice.normal((1, 2, 2)), SEEN))  # light from a side
    return edged(in_part(x.clamp(0, 1), dice, 0.66, roughened), most_edge, dice), where


def roughened(x: Tensor, dice: Dice) -> Tensor:
    """Through lens, sensor, scaler and codec."""
    x = in_part(x, dice, 0.2, lambda y, d: blurred(y, d.uniform(0.3, 1.5)))
    x = in_part(x, dice, 0.15, lambda y, d: sharpened(y, d.uniform(0.7, 1.5), d.uniform(0.2, 1.0)))
    x = in_part(x, dice, 0.4, noisy)
    x = in_part(x, dice, 0.4, resized)
    x = in_part(x, dice, 0.75, coded)
    return in_part(x, dice, 0.12, lambda y, d: coded(resized(y, d), d))


def beautified(x: Tensor, points: Tensor, dice: Dice) -> Tensor:
    """Smoothed, in the face alone or all over, as filters for genuine people do."""
    mask = chosen(dice.chance(0.6), face_masks(points, x.shape[2], dice), torch.ones_like(x[:, :1]))
    return x + mask * (smoothed(x, dice.uniform(1.0, 2.5), dice.uniform(0.01, 0.04)) - x)


def placed(x: Tensor, dice: Dice) -> Tensor:
    """Mirrored, moved, turned and scaled; half only moved by whole pixels, which keeps every one of them."""
    n, _, h, _ = x.shape
    free = dice.chance(0.5).float()
    scale = torch.exp(free * dice.uniform(-0.1, 0.1)) * (SEEN / h)
    turn = free * dice.uniform(-0.12, 0.12)
    shift = torch.round(dice.uniform(-9, 9, (2,))) * 2 / h
    flip = 1 - 2 * dice.chance(0.5).float()
    cos, sin = scale * turn.cos(), scale * turn.sin()
    matrix = torch.stack([flip * cos, -sin, shift[:, 0], flip * sin, cos, shift[:, 1]], 1)
    grid = F.affine_grid(matrix.view(n, 2, 3), [n, 1, SEEN, SEEN], align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def noisy(x: Tensor, dice: Dice) -> Tensor:
    """Sensor noise, of each pixel or of small blotches, mostly grey."""
    noise = torch.randn(len(x), 3, *x.shape[2:], generator=dice.generator, device=x.device)
    noise = 0.7 * noise[:, :1] + 0.5 * noise
    noise = chosen(dice.chance(0.4), 2 * F.avg_pool2d(noise, 3, 1, 1), noise)
    return (x + wide(dice.between(0.003, 0.04)) * noise).clamp(0, 1)


def resized(x: Tensor, dice: Dice) -> Tensor:
    """Sent with fewer pixels."""
    return through_size(x, SEEN * dice.between(0.4, 1.0), dice.chance(0.4))


def coded(x: Tensor, dice: Dice) -> Tensor:
    """Coded in blocks that begin anywhere, for some with their edges smoothed as codecs do."""
    dx, dy = dice.number(0, 15), dice.number(0, 15)
    y = jpeg(F.pad(x, (dx, 16 - dx, dy, 16 - dy), mode="replicate"), dice.between(18, 95))
    y = y[:, :, dy : dy + x.shape[2], dx : dx + x.shape[3]]
    return blurred(y, dice.uniform(0.3, 0.8) * dice.chance(0.35))


def edged(x: Tensor, most: float, dice: Dice) -> Tensor:
    """Some with black where the crop reaches over the edge of the picture, so that this tells nothing."""
    at = torch.arange(SEEN, device=x.device) / SEEN
    left, right, top, bottom = (dice.uniform(-most / 3, most) * dice.chance(0.3 + most) for _ in range(4))
    across = (at[None] >= left[:, None]) & (at[None] < 1 - right[:, None])
    down = (at[None] >= top[:, None]) & (at[None] < 1 - bottom[:, None])
    cut = wide(dice.chance(0.2 + most)) & ~(down[:, None, :, None] & across[:, None, None, :])
    return torch.where(cut, 0.0, x)
