"""Swapped faces made of genuine ones: a face blended into itself, or somebody else's of the same shape into it.

Self-blending: Shiohara and Yamasaki 2022, arXiv:2204.08376. Others' faces: Li et al. 2020 (Face X-ray), arXiv:1912.13458. Added
are what swap models show besides: a face of few pixels within a sharp picture, and light that does not belong.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from dice import Dice, chosen, in_part, wide
from filters import blurred, coloured, sharpened, smoothed, spread, through_size
from masks import identity, part_masks
from torch import Tensor

CELLS = 32  # of the grid that carries a face over
NEAR = 0.1  # of half a crop, to which a point carries its surroundings along


def blended(
    target: Tensor, points: Tensor, other: Tensor, other_points: Tensor, foreign: Tensor, dice: Dice
) -> tuple[Tensor, Tensor]:
    """Faces of `other` where `foreign` (n,) bool, else of `target` itself, blended into `target` (n, 3, side, side).

    With the masks (n, 1, side, side). `points` (n, k, 2) in pixels.
    """
    mask = part_masks(points, target.shape[2], dice)
    carried = matched(carried_over(other, other_points, points), target, (mask > 0.3).float())
    source = chosen(foreign, carried, target)
    around = dice.chance(0.5)  # where the picture around the face is the one that is changed
    changed = tinted(chosen(around, target, source), dice)
    source, target = chosen(around, source, changed), chosen(around, changed, target)
    source = in_part(shifted(source, dice), dice, 0.7, bottlenecked)
    return source * mask + target * (1 - mask), mask


def tinted(x: Tensor, dice: Dice) -> Tensor:
    """Another colour, light or sharpness, so that two versions of a picture differ a little."""
    weak = dice.uniform(0.3, 1.0)
    gain = 1 + 0.09 * weak[:, None] * dice.uniform(-1, 1, (3,))
    saturation, contrast, gamma = (1 + most * weak * dice.uniform(-1, 1) for most in (0.2, 0.15, 0.15))
    y = coloured(x, gain, saturation, contrast, gamma)
    light = spread(dice.normal((1, 3, 3)), y.shape[2])
    y = (y * (1 + light * wide(dice.uniform(0.02, 0.1) * dice.chance(0.3)))).clamp(0, 1)
    y = in_part(y, dice, 0.3, lambda z, d: blurred(z, d.uniform(0.4, 1.6)))
    y = in_part(y, dice, 0.25, lambda z, d: sharpened(z, d.uniform(0.5, 1.6), d.uniform(0.3, 1.5)))
    return in_part(y, dice, 0.12, lambda z, d: smoothed(z, d.uniform(1.0, 2.5), d.uniform(0.02, 0.06)))


def shifted(x: Tensor, dice: Dice) -> Tensor:
    """Most moved, turned, scaled and bent a little."""
    n, _, side, _ = x.shape
    moves = dice.chance(0.6).float()
    scale, turn = 1 + moves * dice.uniform(-0.03, 0.03), moves * dice.uniform(-0.04, 0.04)
    shift = moves[:, None] * dice.uniform(-0.025, 0.025, (2,))
    cos, sin = scale * turn.cos(), scale * turn.sin()
    matrix = torch.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], 1).view(n, 2, 3)
    grid = F.affine_grid(matrix, [n, 1, side, side], align_corners=False)
    field = spread(dice.normal((2, 5, 5)) * wide(dice.uniform(0, 0.012) * dice.chance(0.5)), side)
    return F.grid_sample(x, grid + field.permute(0, 2, 3, 1), padding_mode="reflection", align_corners=False)


def bottlenecked(x: Tensor, dice: Dice) -> Tensor:
    """As if a model had drawn the face with fewer pixels, some sharpened after that."""
    # A face is about 1 / 1.5 of the crop: 80 to 220 pixels of the crop are 54 to 150 of it.
    y = through_size(x, dice.uniform(80, 220), dice.chance(0.4))
    return in_part(y, dice, 0.35, lambda z, d: sharpened(z, d.uniform(0.8, 1.8), d.uniform(0.2, 1.2)))


def matched(x: Tensor, to: Tensor, mask: Tensor) -> Tensor:
    """Mean and spread of each colour within `mask` brought to those of `to` (Reinhard et al. 2001, doi:10.1109/38.946629)."""
    total = mask.sum((2, 3), keepdim=True).clamp(min=1)

    def figures(y: Tensor) -> tuple[Tensor, Tensor]:
        mean = (y * mask).sum((2, 3), keepdim=True) / total
        return mean, ((y - mean).square() * mask).sum((2, 3), keepdim=True).div(total).add(1e-4).sqrt()

    (mean, deviation), (wanted, wanted_deviation) = figures(x), figures(to)
    return ((x - mean) * (wanted_deviation / deviation).clamp(0.4, 2.5) + wanted).clamp(0, 1)


def carried_over(x: Tensor, points: Tensor, onto: Tensor) -> Tensor:
    """Pictures warped so that `points` (n, k, 2) come to lie at `onto`: by the best affine map, and smoothly for the rest."""
    n, _, side, _ = x.shape
    points, onto = (p.double() * (2 / side) - 1 for p in (points, onto))
    known = torch.cat([onto, torch.ones_like(onto[..., :1])], 2)
    gram = known.transpose(1, 2) @ known
    affine = torch.linalg.solve_ex(gram, known.transpose(1, 2) @ points)[0]  # (n, 3, 2)
    rest = points - known @ affine
    at = identity(n, CELLS, x.device).double().reshape(n, -1, 2)
    near = torch.exp((at[:, :, None] - onto[:, None]).square().sum(3) / (-2 * NEAR**2))
    grid = torch.cat([at, torch.ones_like(at[..., :1])], 2) @ affine + (near @ rest) / (near.sum(2, keepdim=True) + 0.5)
    cells = grid.float().view(n, CELLS, CELLS, 2).permute(0, 3, 1, 2)
    full = F.interpolate(cells, (side, side), mode="bilinear", align_corners=False).permute(0, 2, 3, 1)
    return F.grid_sample(x, full, padding_mode="reflection", align_corners=False)


def alike(points: Tensor, candidates: Tensor) -> Tensor:
    """(n,) number of the face among `candidates` (n, m, k, 2) whose shape is most like that of `points` (n, k, 2)."""

    def shape(p: Tensor) -> Tensor:
        p = p - p.mean(-2, keepdim=True)
        return p / p.square().sum((-2, -1), keepdim=True).sqrt()

    return (shape(candidates) - shape(points)[:, None]).square().sum((-2, -1)).argmin(1)
