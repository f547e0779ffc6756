"""What happens to band powers in training, a batch at a time: microphones, noise, gates, narrow bands, missing parts.

On powers rather than on sound, because that takes no time beside the network's, even on a processor. Rooms, codecs and lost
packets, which cannot be done so, are in the store already.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from network import HIGHEST_HZ, LOWEST_HZ
from torch import Tensor

KNOTS = 10  # of a curve over frequency


class Augment:
    """Draws for each pair of a batch: its two sounds get the same microphone, noise, band and gate."""

    def __init__(self, device: torch.device, seed: int) -> None:
        self.device = device
        self.rng = torch.Generator(device).manual_seed(seed)

    def __call__(self, power: Tensor) -> Tensor:
        """Powers (2 * pairs, bands, frames) of sounds at unit power, pair k being k and k + pairs, and as many."""
        pairs, bands = len(power) // 2, power.shape[1]
        power = power * self._twice(self._curve(pairs, bands, 0.0, 6.0))
        power = self._noisy(power, pairs, bands)
        power = self._gated(power, pairs)
        return power * self._twice(self._band(pairs, bands))

    def masked(self, seen: Tensor) -> Tensor:
        """SpecAugment (Park et al. 2019, arXiv:1904.08779): a run of bands and a run of frames set to nothing."""
        for axis, most in ((2, 0.2), (3, 0.15)):
            n = seen.shape[axis]
            size = torch.rand(len(seen), 1, generator=self.rng, device=self.device) * most * n
            first = torch.rand(len(seen), 1, generator=self.rng, device=self.device) * (n - size)
            at = torch.arange(n, device=self.device)[None]
            keep = ((at < first) | (at >= first + size)).float()
            seen = seen * (keep[:, None, :, None] if axis == 2 else keep[:, None, None, :])
        return seen

    def _twice(self, each: Tensor) -> Tensor:
        return torch.cat([each, each])

    def _uniform(self, n: int, low: float, high: float) -> Tensor:
        return (low + (high - low) * torch.rand(n, generator=self.rng, device=self.device))[:, None, None]

    def _chance(self, n: int, share: float) -> Tensor:
        return (torch.rand(n, generator=self.rng, device=self.device) < share)[:, None, None]

    def _curve(self, pairs: int, bands: int, least_db: float, most_db: float) -> Tensor:
        """A smooth gain over frequency, (pairs, bands, 1), of a spread between the two."""
        knots = torch.randn(pairs, 1, KNOTS, generator=self.rng, device=self.device)
        curve_db = F.interpolate(knots, bands, mode="linear", align_corners=True)[:, 0, :, None]
        return 10 ** (curve_db * self._uniform(pairs, least_db, most_db) / 10)

    def _noisy(self, power: Tensor, pairs: int, bands: int) -> Tensor:
        """Noise of some colour, at -8 to -45 dB for half of the pairs and hardly any for the others.

        Powers of two sounds do not just add: what they have in common depends on their phases, which are drawn.
        """
        level_db = torch.where(self._chance(pairs, 0.5), self._uniform(pairs, -45, -8), self._uniform(pairs, -75, -50))
        slope = self._uniform(pairs, 0.0, 1.2)
        at = torch.linspace(LOWEST_HZ / HIGHEST_HZ, 1, bands, device=self.device)[None, :, None]
        colour = at ** (-2 * slope) * self._curve(pairs, bands, 0.0, 5.0)
        colour = self._twice(colour / colour.mean(1, keepdim=True) * 10 ** (level_db / 10))
        draws = torch.rand(2, *power.shape, generator=self.rng, device=self.device)
        noise = colour * -torch.log(draws[0].clamp(min=1e-6))
        common = 1.4 * (power * noise).sqrt() * torch.cos(2 * math.pi * draws[1])
        return (power + noise + common).clamp(min=1e-12)

    def _gated(self, power: Tensor, pairs: int) -> Tensor:
        """Faint parts turned down for a fifth of the pairs, as noise suppression and codecs of low rate do."""
        smooth = F.avg_pool2d(power[:, None], (3, 5), stride=1, padding=(1, 2))[:, 0]
        limit = power.mean((1, 2), keepdim=True) * self._twice(10 ** (self._uniform(pairs, -40, -12) / 10))
        floor = self._twice(10 ** (self._uniform(pairs, -25, -6) / 10))
        gain = (1 - limit / smooth).clamp(min=0).square().maximum(floor)
        return torch.where(self._twice(self._chance(pairs, 0.2)), power * gain, power)

    def _band(self, pairs: int, bands: int) -> Tensor:
        """Nothing above, or nothing below, some frequency for some pairs, (pairs, bands, 1)."""
        at_hz = torch.linspace(LOWEST_HZ, HIGHEST_HZ, bands, device=self.device)[None, :, None]
        top_hz = torch.where(self._chance(pairs, 0.25), self._uniform(pairs, 3300, 7600), torch.full((), 1e5))
        low_hz = torch.where(self._chance(pairs, 0.25), self._uniform(pairs, 60, 350), torch.full((), -1e5))
        fall_db = -0.06 * ((at_hz - top_hz).clamp(min=0) + 2 * (low_hz - at_hz).clamp(min=0))
        return 10 ** (fall_db.clamp(min=-80) / 10)
