"""Batches of a training, made where the network runs: crops in pairs, blended or recaptured, through calls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from blend import alike, blended, matched
from corpus import Check
from degrade import called
from dice import Dice, chosen
from draws import Draws, Numbers
from recapture import recaptured
from torch import Tensor

MOST_EDGE: dict[Check, float] = {"swap": 0.18, "replay": 0.34}  # of a crop, black from each side


@dataclass(frozen=True)
class Recipe:
    """What may be varied.

    `pairs` in a batch; `found`: share of them whose attack is real, not made here; `foreign`: share of the made swaps that are
    of somebody else; `shared`: share of the pairs that go through the same call; `smooth`: of the labels; `apart`: weight of
    telling the two of a pair apart; `where`: weight of the map; `average`: how much is kept of the averaged weights.
    """

    pairs: int = 128
    rate: float = 2e-3
    decay: float = 0.05
    found: float = 0.4
    foreign: float = 0.4
    shared: float = 0.6
    smooth: float = 0.03
    apart: float = 0.5
    where: float = 0.5
    average: float = 0.999


@dataclass(frozen=True)
class Batch:
    """`x` (2 * pairs, 3, 224, 224), the first half genuine, k of it beside k of the second half; `where` (2 * pairs, 1, 224, 224)
    what was put in, and `told` (2 * pairs,) bool whether that is known; `made_of` (pairs, m) numbers of all crops that went in.
    """

    x: Tensor
    where: Tensor
    told: Tensor
    made_of: Numbers


class Batches:
    """`images` (crops, 3, side, side) uint8 and `points` (crops, k, 2) pixels, both on the device."""

    def __init__(self, check: Check, images: Tensor, points: Tensor, draws: Draws, recipe: Recipe, seed: int) -> None:
        self.check, self.images, self.points = check, images, points
        self.draws, self.recipe = draws, recipe
        self.device = images.device
        self.generator = torch.Generator(self.device).manual_seed(seed)

    @torch.no_grad()
    def next(self) -> Batch:
        pairs = self.recipe.pairs
        found = 2 * round(pairs * self.recipe.found / 2) if len(self.draws.attacks) else 0
        drawn, others = self.draws.made(pairs - found)
        genuine, attacks = self.draws.found(found)
        at = self._number(np.concatenate([drawn, genuine]))
        real, real_points = self._picture(at), self.points[at]
        made, where = self._made(real[: pairs - found], real_points[: pairs - found], others)
        attack = self._picture(self._number(attacks))
        if self.check == "replay" and found:
            attack = self._evened(attack, real[pairs - found :])
        x = torch.cat([real, made, attack])
        points = torch.cat([real_points, real_points[: pairs - found], self.points[self._number(attacks)]])
        nothing = torch.zeros_like(x[:, :1])
        where = torch.cat([nothing[:pairs], where, nothing[:found]])
        shared = self.draws.rng.random(pairs) < self.recipe.shared
        edge = MOST_EDGE[self.check]
        x, where = called(x, where, points, edge, Dice(shared, self.generator, self.draws.rng))
        told = torch.ones(2 * pairs, dtype=torch.bool, device=self.device)
        told[2 * pairs - found :] = False
        beside = np.repeat(attacks[:, None], others.shape[1], 1)
        made_of = np.column_stack([np.concatenate([drawn, genuine]), np.concatenate([others, beside])])
        return Batch(x, where, told, made_of)

    def _made(self, real: Tensor, points: Tensor, others: Numbers) -> tuple[Tensor, Tensor]:
        dice = Dice(np.zeros(len(real) // 2, np.bool_), self.generator, self.draws.rng)
        candidates = self._number(others)
        if self.check == "replay":
            return recaptured(real, self._picture(candidates[:, 0]), dice)
        best = alike(points, self.points[candidates])
        other = torch.gather(candidates, 1, best[:, None])[:, 0]
        foreign = dice.chance(self.recipe.foreign)
        return blended(real, points, self._picture(other), self.points[other], foreign, dice)

    def _evened(self, attack: Tensor, live: Tensor) -> Tensor:
        """Half of the attacks in the light of the genuine picture: in most sources of them light alone tells the label."""
        seen = (attack.sum(1, keepdim=True) > 0.05).float()
        even = torch.rand(len(attack), generator=self.generator, device=self.device) < 0.6
        return chosen(even, matched(attack, live, seen) * seen, attack)

    def _number(self, which: Numbers) -> Tensor:
        return torch.from_numpy(which).to(self.device)

    def _picture(self, which: Tensor) -> Tensor:
        return self.images[which].float() / 255
