"""Masks of parts of faces, from the points of the mesh: rough outlines, bent and softened, no two alike."""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F  # noqa: N812
from dice import Dice, wide
from filters import blurred, spread
from points import PARTS, places
from torch import Tensor

SIDE = 64  # pixels of a mask before it is brought to the size of the crop
CHANCES = {"face": 0.3, "below the brows": 0.24, "middle": 0.16, "lower face": 0.12, "mouth": 0.1, "eyes": 0.08}


@cache
def _table(device: torch.device) -> tuple[Tensor, Tensor]:
    """Outlines (parts, longest) as places among the kept points, short ones filled with their last; and their chances."""
    outlines = [places(PARTS[name]) for name in CHANCES]
    longest = max(map(len, outlines))
    table = [outline + [outline[-1]] * (longest - len(outline)) for outline in outlines]
    return torch.tensor(table, device=device), torch.tensor(list(CHANCES.values()), device=device).cumsum(0)


def filled(outline: Tensor) -> Tensor:
    """Polygons (n, k, 2) in pixels of SIDE, filled by the even-odd rule: (n, SIDE, SIDE) bool."""
    at = torch.arange(SIDE, device=outline.device) + 0.5
    x, y = at[None, None, :, None], at[None, :, None, None]
    one, two = outline, outline.roll(-1, 1)
    x1, y1, x2, y2 = (part[:, None, None] for part in (one[..., 0], one[..., 1], two[..., 0], two[..., 1]))
    across = (y1 > y) != (y2 > y)
    slope = (x2 - x1) / torch.where((y2 - y1).abs() < 1e-6, 1e-6, y2 - y1)
    return (across & (x < slope * (y - y1) + x1)).sum(-1) % 2 == 1


def face_masks(points: Tensor, side: int, dice: Dice) -> Tensor:
    """Whole faces (n, 1, side, side) in 0..1 with soft edges, of points (n, k, 2) in pixels of a crop of `side`."""
    outline = points[:, places(PARTS["face"])] * (SIDE / side)
    mask = blurred(filled(outline).float()[:, None], dice.uniform(1.0, 2.5))
    return F.interpolate(mask, (side, side), mode="bilinear", align_corners=False)


def part_masks(points: Tensor, side: int, dice: Dice) -> Tensor:
    """Masks (n, 1, side, side) in 0..1 of a part of each face, as in Self-Blended Images (arXiv:2204.08376)."""
    device = points.device
    table, chances = _table(device)
    part = torch.bucketize(dice.uniform(0, 0.999999), chances)
    outline = torch.gather(points, 1, table[part][..., None].expand(-1, -1, 2)) * (SIDE / side)
    middle = outline.mean(1, keepdim=True)
    outline = middle + (outline - middle) * dice.uniform(0.85, 1.15, (1, 2)) * dice.uniform(0.92, 1.08, (1, 1))
    mask = filled(outline).float()
    mouth = points[:, places(PARTS["mouth"])] * (SIDE / side)
    mask = torch.where((dice.chance(0.15) & (part < 2))[:, None, None], mask * ~filled(mouth), mask)
    mask = mask * _halves(dice.uniform(0, 6.283), middle[:, 0], dice.chance(0.08))
    mask = bent(mask[:, None], dice, 0.07)
    small = dice.between(0.4, 5.0)
    mask = blurred(mask, small)
    mask = F.interpolate(mask, (side, side), mode="bicubic", align_corners=False).clamp(0, 1)
    strength = torch.tensor([0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0], device=device)
    return mask * wide(strength[(dice.uniform() * len(strength)).long()])


def _halves(angle: Tensor, middle: Tensor, which: Tensor) -> Tensor:
    """(n, SIDE, SIDE): 1 on one side of a line through `middle`, or everywhere where `which` is not set."""
    at = torch.arange(SIDE, device=angle.device) + 0.5
    x, y = at[None, None] - middle[:, 0, None, None], at[None, :, None] - middle[:, 1, None, None]
    side = (x * angle.cos()[:, None, None] + y * angle.sin()[:, None, None]) > 0
    return torch.where(which[:, None, None], side.float(), 1.0)


def bent(x: Tensor, dice: Dice, most: float) -> Tensor:
    """Pictures moved about by smooth random fields, by up to about `most` of their size."""
    n, _, side, _ = x.shape
    field = torch.zeros(n, 2, side, side, device=x.device)
    for cells, share in ((3, 1.0), (8, 0.4)):
        noise = dice.normal((2, cells, cells)) * wide(dice.uniform(0, most * share))
        field = field + spread(noise, side)
    return F.grid_sample(x, identity(n, side, x.device) + field.permute(0, 2, 3, 1), align_corners=False)


def identity(n: int, side: int, device: torch.device) -> Tensor:
    """The grid (n, side, side, 2) that leaves a picture as it is."""
    eye = torch.eye(2, 3, device=device)[None].expand(n, -1, -1)
    return F.affine_grid(eye, [n, 1, side, side], align_corners=False)
