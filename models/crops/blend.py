"""Swapped faces made of genuine ones: a face blended into itself, or somebody else's of the same shape into it.

Self-blending: Shiohara and Yamasaki 2022, arXiv:2204.08376. Others' faces: Li et al. 2020 (Face X-ray), arXiv:1912.13458. Added
are what swap models show besides: a face of few pixels within a sharp picture, and light that does not belong.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from dice import Dice, chosen, wide
from filters import blurred, coloured, smoothed, through_size
from masks import identity, part_masks
from torch import Tensor

CHUNKS = 6  # of a batch, whose faces have the same number of pixels


def blended(target: Tensor, points: Tensor, other: Tensor, other_points: Tensor, foreign: Tensor, dice: Dice) -> tuple[Tensor, Tensor]:
    """Faces of `other` where `foreign` (n,) bool, else of `target` itself, blended into `target` (n, 3, side, side).

    With the masks (n, 1, side, side). `points` (n, k, 2) in pixels.
    """
    side = target.shape[2]
    carried = carried_over(other, other_points, points)
    mask = part_masks(points, side, dice)
    carried = matched(carried, target, (mask > 0.3).float())
    source = chosen(foreign, carried, target)
    spread = dice.chance(0.5)  # where the picture around the face is the one that is changed
    changed = tinted(chosen(spread, target, source), dice)
    source, target = chosen(spread, source, changed), chosen(spread, changed, target)
    source = bottlenecked(shifted(source, dice), dice)
    return source * mask + target * (1 - mask), mask


def tinted(x: Tensor, dice: Dice) -> Tensor:
    """Another colour, light or sharpness, so that two versions of a picture differ a little."""
    weak = dice.uniform(0.3, 1.0)
    around = lambda spread, shape=(): 1 + spread * weak.view(-1, *[1] * len(shape)) * dice.uniform(-1, 1, shape)  # noqa: E731
    y = coloured(x, around(0.09, (3,)), around(0.2), around(0.15), around(0.15))
    light = F.interpolate(dice.normal((1, 3, 3)), y.shape[2:], mode="bicubic", align_corners=False)
    y = (y * (1 + chosen(dice.chance(0.3), light * wide(dice.uniform(0.02, 0.1)), torch.zeros_like(light)))).clamp(0, 1)
    soft = blurred(y, dice.uniform(0.4, 1.6))
    amount = wide(dice.uniform(0.3, 1.5))
    kind = dice.uniform()
    y = chosen(kind < 0.25, soft, y)
    y = chosen((kind > 0.25) & (kind < 0.5), (y + amount * (y - soft)).clamp(0, 1), y)
    return chosen((kind > 0.5) & (kind < 0.62), smoothed(y, dice.uniform(1.0, 2.5), dice.uniform(0.02, 0.06)), y)


def shifted(x: Tensor, dice: Dice) -> Tensor:
    """Most moved, turned, scaled and bent a little."""
    n, _, h, w = x.shape
    moves = dice.chance(0.6).float()
    scale, turn = 1 + moves * dice.uniform(-0.03, 0.03), moves * dice.uniform(-0.04, 0.04)
    shift = moves[:, None] * dice.uniform(-0.025, 0.025, (2,))
    matrix = torch.stack([scale * turn.cos(), -scale * turn.sin(), shift[:, 0], scale * turn.sin(), scale * turn.cos(), shift[:, 1]], 1)
    grid = F.affine_grid(matrix.view(n, 2, 3), [n, 1, h, w], align_corners=False)
    noise = dice.normal((2, 5, 5)) * wide(dice.uniform(0, 0.012) * dice.chance(0.5))
    field = F.interpolate(noise, (h, w), mode="bicubic", align_corners=False).permute(0, 2, 3, 1)
    return F.grid_sample(x, grid + field, padding_mode="reflection", align_corners=False)


def bottlenecked(x: Tensor, dice: Dice) -> Tensor:
    """Most as if a model had drawn the face with fewer pixels, some sharpened after that."""
    y, ups = x.clone(), ("bilinear", "bicubic", "bilinear")
    for k in range(CHUNKS):
        # A face is about 1 / 1.5 of the crop: 96 to 256 pixels of the crop are 64 to 170 of it.
        side, up = dice.number(80, 250), ups[dice.number(0, 2)]
        y[k::CHUNKS] = through_size(x[k::CHUNKS], side, up)
    crisp = (y + wide(dice.uniform(0.2, 1.2)) * (y - blurred(y, dice.uniform(0.8, 1.8)))).clamp(0, 1)
    y = chosen(dice.chance(0.3), crisp, y)
    return chosen(dice.chance(0.6), y, x)


def matched(x: Tensor, to: Tensor, mask: Tensor) -> Tensor:
    """Mean and spread of each colour within `mask` brought to those of `to` (Reinhard et al. 2001, doi:10.1109/38.946629)."""
    total = mask.sum((2, 3), keepdim=True).clamp(min=1)

    def figures(y: Tensor) -> tuple[Tensor, Tensor]:
        mean = (y * mask).sum((2, 3), keepdim=True) / total
        return mean, ((y - mean).square() * mask).sum((2, 3), keepdim=True).div(total).add(1e-4).sqrt()

    (mean, spread), (wanted, wanted_spread) = figures(x), figures(to)
    return ((x - mean) * (wanted_spread / spread).clamp(0.4, 2.5) + wanted).clamp(0, 1)


def carried_over(x: Tensor, points: Tensor, onto: Tensor) -> Tensor:
    """Pictures warped so that `points` (n, k, 2) come to lie at `onto`: by the best affine map, and smoothly for the rest."""
    n, _, h, w = x.shape
    ones = torch.ones_like(onto[..., :1])
    known = torch.cat([onto, ones], 2)
    gram = known.transpose(1, 2) @ known + 1e-3 * torch.eye(3, device=x.device)
    affine = torch.linalg.solve_ex(gram, known.transpose(1, 2) @ points)[0]  # (n, 3, 2)
    rest = points - known @ affine
    cells = 32
    at = (identity(n, cells, cells, x.device) + 1) * (w / 2)
    near = torch.exp(-torch.cdist(at.reshape(n, -1, 2), onto).square() / (2 * (0.05 * w) ** 2))
    field = (near @ rest) / (near.sum(2, keepdim=True) + 0.5)
    grid = torch.cat([at.reshape(n, -1, 2), torch.ones(n, cells * cells, 1, device=x.device)], 2) @ affine + field
    grid = F.interpolate(grid.view(n, cells, cells, 2).permute(0, 3, 1, 2), (h, w), mode="bilinear", align_corners=False)
    return F.grid_sample(x, grid.permute(0, 2, 3, 1) * (2 / w) - 1, padding_mode="reflection", align_corners=False)


def alike(points: Tensor, candidates: Tensor) -> Tensor:
    """(n,) number of the face among `candidates` (n, m, k, 2) whose shape, moved and scaled, is most like `points` (n, k, 2)."""

    def shape(p: Tensor) -> Tensor:
        p = p - p.mean(-2, keepdim=True)
        return p / p.square().sum((-2, -1), keepdim=True).sqrt()

    return (shape(candidates) - shape(points)[:, None]).square().sum((-2, -1)).argmin(1)
