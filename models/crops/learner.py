"""A network that learns from batches of pairs, step by step."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from batches import Batch, Recipe
from network import MAP, CropNet
from torch import Tensor, nn

WARM_UP = 0.06  # share of the training


def rate_at(share: float) -> float:
    """Learning rate over its highest: a short rise, then half a cosine (arXiv:1608.03983)."""
    if share < WARM_UP:
        return 0.05 + 0.95 * share / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * min((share - WARM_UP) / (1 - WARM_UP), 1)))


def loss_of(net: CropNet, x: Tensor, where: Tensor, told: Tensor, recipe: Recipe) -> Tensor:
    """Of pairs as in `Batch`: each one's label, which of the two is the attack, and where it was put in."""
    with torch.autocast(x.device.type, torch.bfloat16):
        score, place = net.both(x)
    genuine, attack = score.float()[:, 0].chunk(2)
    target = torch.full_like(genuine, recipe.smooth)
    loss = F.binary_cross_entropy_with_logits(genuine, target) / 2
    loss = loss + F.binary_cross_entropy_with_logits(attack, 1 - target) / 2
    loss = loss + recipe.apart * F.softplus(2 - (attack - genuine)).mean()
    truth = F.adaptive_avg_pool2d(where, MAP).clamp(0, 1)
    each = F.binary_cross_entropy_with_logits(place.float(), truth, reduction="none").mean((1, 2, 3))
    return loss + recipe.where * (each * told).sum() / told.sum().clamp(min=1)


class Learner:
    """A network that is trained, and the average of its weights over the last part of the training."""

    def __init__(self, start: CropNet | None, device: torch.device, recipe: Recipe) -> None:
        self.net = (copy.deepcopy(start) if start else CropNet()).to(device).train()
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(self.net)
        self.recipe = recipe
        fused = device.type == "cuda"
        self.optimizer = torch.optim.AdamW(self.net.parameters(), recipe.rate, weight_decay=recipe.decay, fused=fused)
        self.steps = 0

    def learn(self, batch: Batch, pairs: npt.NDArray[np.int64], rate: float) -> Tensor:
        """One step on the pairs with the numbers `pairs`; what was lost."""
        half = len(batch.x) // 2
        both = torch.from_numpy(np.concatenate([pairs, pairs + half])).to(batch.x.device)
        x = batch.x[both].contiguous(memory_format=torch.channels_last)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * self.recipe.rate
        loss = loss_of(self.net, x, batch.where[both], batch.told[both], self.recipe)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), 2.0)
        self.optimizer.step()
        average(self.averaged, self.net, min(self.recipe.average, self.steps / (self.steps + 10)))
        self.steps += 1
        return loss.detach()


@torch.no_grad()
def average(into: nn.Module, net: nn.Module, keep: float) -> None:
    old, new = list(into.state_dict().values()), list(net.state_dict().values())
    floats = [k for k, value in enumerate(old) if value.dtype.is_floating_point]
    torch._foreach_lerp_([old[k] for k in floats], [new[k] for k in floats], 1 - keep)


def read_net(path: Path) -> CropNet:
    net = CropNet()
    net.load_state_dict({name: value.float() for name, value in torch.load(path, map_location="cpu").items()})
    return net.eval()


def write_net(net: CropNet, path: Path) -> None:
    """The weights with half precision, which scores do not notice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = {name: value.half() if value.dtype.is_floating_point else value for name, value in net.state_dict().items()}
    torch.save(half, path)
