"""Random figures for the two halves of a batch, genuine and attack, of which some pairs get the same."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


class Dice:
    """Figures for `2 * half` pictures on a device, or for the numbers `at` of them; those of a pair are the same where
    `shared` (half,) bool says so.

    A pair that goes through the same call is told apart by nothing but the attack.
    """

    def __init__(
        self,
        shared: npt.NDArray[np.bool_],
        generator: torch.Generator,
        rng: np.random.Generator,
        at: npt.NDArray[np.int64] | None = None,
    ) -> None:
        self.device = generator.device
        self.generator, self.rng = (
            generator,
            rng,
        )  # what Python needs to know is drawn by `rng`: devices keep one waiting
        self._shared, self._at = shared, at
        self._same = torch.from_numpy(shared).to(self.device)

    def of(self, which: npt.NDArray[np.int64]) -> Dice:
        """Figures for the pictures with the numbers `which` among these alone."""
        return Dice(self._shared, self.generator, self.rng, which if self._at is None else self._at[which])

    def some(self, p: float) -> npt.NDArray[np.int64]:
        """Numbers of the pictures, each of which is among them with the chance `p`."""
        first, second = self.rng.random((2, len(self._shared))) < p
        which = np.concatenate([first, np.where(self._shared, first, second)])
        return np.flatnonzero(which if self._at is None else which[self._at])

    def uniform(self, low: float = 0.0, high: float = 1.0, shape: tuple[int, ...] = ()) -> Tensor:
        """(n, *shape) float32 between `low` and `high`."""
        return low + (high - low) * self._drawn(torch.rand, shape)

    def normal(self, shape: tuple[int, ...] = ()) -> Tensor:
        """(n, *shape) float32 of unit variance."""
        return self._drawn(torch.randn, shape)

    def between(self, low: float, high: float) -> Tensor:
        """(n,) float32 whose logarithm is evenly spread."""
        return torch.exp(self.uniform(math.log(low), math.log(high)))

    def chance(self, p: float) -> Tensor:
        """(n,) bool."""
        return self.uniform() < p

    def number(self, low: int, high: int) -> int:
        """One whole number in low..high for all."""
        return int(self.rng.integers(low, high + 1))

    def _drawn(self, draw: Callable[..., Tensor], shape: tuple[int, ...]) -> Tensor:
        half = len(self._shared)
        first, second = draw(2, half, *shape, generator=self.generator, device=self.device)
        found = torch.cat([first, torch.where(self._same.view(half, *[1] * len(shape)), first, second)])
        return found if self._at is None else found[torch.from_numpy(self._at).to(self.device)]


def wide(x: Tensor) -> Tensor:
    """(n,) as (n, 1, 1, 1), to be multiplied with pictures."""
    return x.view(-1, 1, 1, 1)


def in_part(x: Tensor, dice: Dice, p: float, effect: Callable[..., Tensor], *beside: Tensor) -> Tensor:
    """`x` (n, ...), written into: each with the chance `p` replaced by `effect(x, *beside, dice)` of itself."""
    which = dice.some(p)
    if not len(which):
        return x
    at = torch.from_numpy(which).to(x.device)
    new = effect(x[at], *(each[at] for each in beside), dice.of(which))
    return x.index_copy_(0, at, new.to(x.dtype))


def chosen(mask: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """`new` where `mask` (n,) bool says so, else `old`; both (n, ...)."""
    return torch.where(mask.view(-1, *[1] * (old.ndim - 1)), new, old)
