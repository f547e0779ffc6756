"""Genuine pictures as they look when a screen or a print of them is held to the camera.

What is imitated: the beat of a screen's grid with the camera's (moire), its blacks that are not black, its colours, reflections
and bands; the dull range, dots and grain of prints; the second loss of sharpness; and edges of the thing itself. After the
list of artefacts in Boulkenafet et al. 2017 (OULU-NPU), doi:10.1109/FG.2017.77.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from dice import Dice, chosen, in_part, wide
from filters import blurred, coloured, spread, through_size
from masks import bent
from torch import Tensor

DARK = 0.06  # what is outside of a picture has less light than this


def recaptured(x: Tensor, backdrop: Tensor, dice: Dice) -> tuple[Tensor, Tensor]:
    """Half of the pictures (n, 3, side, side) on a screen, half printed, before `backdrop`; and where (n, 1, side, side)."""
    screen, seen = dice.chance(0.6), in_view(x)
    x = in_part(x.clone(), dice, 0.5, lambda y, d: through_size(y, d.uniform(110, 250), d.chance(0.5)))
    shown = chosen(screen, _on_screen(x, dice), _printed(x, dice))
    shown = in_part(shown, dice, 0.6, lambda y, d: blurred(y, d.uniform(0.4, 1.8)))
    shown = _shone_on(shown, dice)
    where = _outline(x, dice) * seen
    return (shown * where + backdrop * (1 - where)) * seen, where


def in_view(x: Tensor) -> Tensor:
    """1 where pictures (n, 3, h, w) are, 0 where their crops reached over the edge and are black, (n, 1, h, w)."""
    light = (x.amax(1, keepdim=True) > DARK).float()
    grown = F.max_pool2d(light, 31, 1, 15)
    return blurred(-F.max_pool2d(-grown, 33, 1, 16), torch.full((len(x),), 0.7, device=x.device))


def _on_screen(x: Tensor, dice: Dice) -> Tensor:
    """A screen: washed out, bluish or yellowish, with moire and bands."""
    warm = dice.uniform(-0.12, 0.12)
    gain = torch.stack([1 + warm, 1 + 0.3 * dice.uniform(-0.1, 0.1), 1 - warm], 1) * dice.uniform(0.85, 1.25, (1,))
    y = coloured(x, gain, dice.uniform(0.7, 1.4), dice.uniform(0.75, 1.35), dice.between(0.65, 1.5))
    y = y * (1 + _moire(x, dice) * wide(dice.between(0.01, 0.12) * dice.chance(0.75)))
    at = torch.linspace(0, 1, x.shape[2], device=x.device)[None, None, :, None]
    bands = torch.sin(6.283 * (at * wide(dice.uniform(1, 9)) + wide(dice.uniform())))
    y = y * (1 + bands * wide(dice.uniform(0, 0.08) * dice.chance(0.3)))
    veil = wide(dice.uniform(0, 0.18) * dice.chance(0.6))
    return (y * (1 - veil) + veil * dice.uniform(0.6, 1.0, (3, 1, 1))).clamp(0, 1)


def _moire(x: Tensor, dice: Dice) -> Tensor:
    """Beats of two fine grids, (n, 3, side, side) of about unit size: slow or fast waves, bent, each colour with its phase."""
    n, _, side, _ = x.shape
    at = torch.linspace(-0.5, 0.5, side, device=x.device)
    grid = torch.stack(torch.meshgrid(at, at, indexing="xy"))[None]
    grid = grid + bent(grid.expand(n, -1, -1, -1).contiguous(), dice, 0.03) - grid
    waves = torch.zeros_like(x)
    for _ in range(2):
        turn, rate = dice.uniform(0, 3.1416), dice.between(4, 90)
        along = grid[:, :1] * wide(turn.cos()) + grid[:, 1:] * wide(turn.sin())
        phase = dice.uniform(0, 6.283, (1, 1, 1)) + dice.uniform(-1, 1, (3, 1, 1)) * wide(dice.uniform(0, 2.1))
        waves = waves + torch.sin(6.283 * rate.view(-1, 1, 1, 1) * along + phase) * wide(dice.uniform(0.2, 1.0))
    return waves


def _printed(x: Tensor, dice: Dice) -> Tensor:
    """A print: black and white that are grey, dull colours, grain or dots, and the paper's bend in its shade."""
    y = coloured(
        x, dice.uniform(0.92, 1.08, (3,)), dice.uniform(0.45, 1.1), dice.uniform(0.7, 1.2), dice.between(0.7, 1.4)
    )
    black, white = wide(dice.uniform(0.02, 0.22)), wide(dice.uniform(0.7, 1.0))
    y = black + (white - black) * y
    grain = torch.randn(x[:, :1].shape, generator=dice.generator, device=x.device)
    y = y + wide(dice.between(0.003, 0.05)) * blurred(grain, dice.uniform(0.3, 1.2))
    y = y * (1 + _moire(x, dice) * wide(dice.between(0.01, 0.06) * dice.chance(0.3)))
    return y.clamp(0, 1)


def _shone_on(x: Tensor, dice: Dice) -> Tensor:
    """Shade, and for some a reflection."""
    light = spread(dice.normal((1, 3, 3)), x.shape[2])
    x = x * (1 + wide(dice.uniform(0, 0.15)) * light)
    spot = spread(dice.normal((1, 5, 5)), x.shape[2])
    return (x + wide(dice.uniform(0.1, 0.6) * dice.chance(0.25)) * (spot - 1).clamp(min=0)).clamp(0, 1)


def _outline(x: Tensor, dice: Dice) -> Tensor:
    """1 where the screen or paper is; for most it fills the crop, for the others an edge or more is in view."""
    side = x.shape[2]
    at = (torch.arange(side, device=x.device) + 0.5) / side - 0.5
    turn = dice.uniform(-0.15, 0.15)
    across = at[None, None, :] * turn.cos()[:, None, None] + at[None, :, None] * turn.sin()[:, None, None]
    down = at[None, :, None] * turn.cos()[:, None, None] - at[None, None, :] * turn.sin()[:, None, None]
    inside = torch.ones_like(x[:, 0])
    for along, sign in ((across, 1), (across, -1), (down, 1), (down, -1)):
        place = torch.where(dice.chance(0.2), dice.uniform(0.28, 0.48), 9.0)[:, None, None]
        inside = inside * ((place - sign * along) * side + 0.5).clamp(0, 1)
    return inside[:, None]
