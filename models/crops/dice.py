"""Random figures for the two halves of a batch, genuine and attack, of which some pairs get the same."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


class Dice:
    """Figures for `2 * half` pictures on `device`; those of a pair are the same where `shared` (half,) bool says so.

    A pair that goes through the same call tells the network apart by nothing but the attack.
    """

    def __init__(self, shared: Tensor, generator: torch.Generator, rng: np.random.Generator) -> None:
        self.shared = shared
        self.device = shared.device
        self.generator = generator
        self.rng = rng  # for figures that Python needs: asking the device would make it wait

    def uniform(self, low: float = 0.0, high: float = 1.0, shape: tuple[int, ...] = ()) -> Tensor:
        """(2 * half, *shape) float32 between `low` and `high`."""
        return low + (high - low) * self._drawn(torch.rand, shape)

    def normal(self, shape: tuple[int, ...] = ()) -> Tensor:
        """(2 * half, *shape) float32 of unit variance."""
        return self._drawn(torch.randn, shape)

    def between(self, low: float, high: float) -> Tensor:
        """(2 * half,) float32 whose logarithm is evenly spread."""
        return torch.exp(self.uniform(math.log(low), math.log(high)))

    def chance(self, p: float) -> Tensor:
        """(2 * half,) bool."""
        return self.uniform() < p

    def number(self, low: int, high: int) -> int:
        """One whole number in low..high for all."""
        return int(self.rng.integers(low, high + 1))

    def _drawn(self, draw: object, shape: tuple[int, ...]) -> Tensor:
        half = len(self.shared)
        first, second = (
            draw(half, *shape, generator=self.generator, device=self.device)  # type: ignore[operator]
            for _ in range(2)
        )
        same = self.shared.view(half, *[1] * len(shape))
        return torch.cat([first, torch.where(same, first, second)])


def wide(x: Tensor) -> Tensor:
    """(n,) as (n, 1, 1, 1), to be multiplied with pictures."""
    return x.view(-1, 1, 1, 1)


def chosen(mask: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """`new` where `mask` (n,) bool says so, else `old`; both (n, ...)."""
    return torch.where(mask.view(-1, *[1] * (old.ndim - 1)), new, old)
