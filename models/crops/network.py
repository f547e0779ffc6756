"""The network of the crop models: plain 3 x 3 convolutions, which run fastest on one core of a CPU."""

from __future__ import annotations

import numpy as np
import onnx
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

WIDTHS = (32, 56, 96, 160, 256)
SMALL = 1024  # figures; fewer keep full precision
MAP = 14  # side of the map on which blended places are told


class Block(nn.Module):
    """Two convolutions beside an identity (He et al. 2016, arXiv:1512.03385)."""

    def __init__(self, ins: int, outs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(ins, outs, 3, stride, 1, bias=False), nn.BatchNorm2d(outs), nn.ReLU(inplace=True),
            nn.Conv2d(outs, outs, 3, 1, 1, bias=False), nn.BatchNorm2d(outs),
        )  # fmt: skip
        self.beside: nn.Module = nn.Identity()
        if ins != outs or stride != 1:
            self.beside = nn.Sequential(nn.AvgPool2d(stride), nn.Conv2d(ins, outs, 1, bias=False), nn.BatchNorm2d(outs))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.beside(x))


class CropNet(nn.Module):
    """Crops (n, 3, 224, 224) float32 RGB in 0..1 to scores (n, 1): above 0 speaks for an attack.

    Beside it a map (n, 1, MAP, MAP) of where the picture was blended, which only the training looks at: it learns from
    each place instead of one figure for each picture (as Face X-ray does, Li et al. 2020, arXiv:1912.13458).
    """

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        a, b, c, d, e = widths
        self.first = nn.Sequential(nn.Conv2d(3, a, 3, 2, 1, bias=False), nn.BatchNorm2d(a), nn.ReLU(inplace=True))
        self.fine = nn.Sequential(
            Block(a, b, 2), Block(b, b, 1), Block(b, c, 2), Block(c, c, 1), Block(c, d, 2), Block(d, d, 1)
        )  # fmt: skip
        self.coarse = nn.Sequential(Block(d, e, 2))
        self.where = nn.Conv2d(d, 1, 1)
        self.drop = nn.Dropout(0.3)
        self.last = nn.Linear(2 * e, 1)

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (n, 1) and map (n, 1, MAP, MAP), both before the logistic function."""
        fine = self.fine(self.first((x - 0.5) * 4))
        seen = self.coarse(fine)
        told = torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], 1)
        return self.last(self.drop(told.float())), self.where(fine)

    def forward(self, x: Tensor) -> Tensor:
        return self.both(x)[0]


def export(net: CropNet, path: str) -> None:
    """Write the model as ONNX: input `crops` (n, 3, 224, 224), output `score` (n, 1). Weights are stored with half precision."""
    axes = {"crops": {0: "n"}, "score": {0: "n"}}
    torch.onnx.export(
        net.cpu().float().eval(), (torch.rand(1, 3, 224, 224),), path, input_names=["crops"], output_names=["score"],
        dynamic_axes=axes, opset_version=17, dynamo=False,
    )  # fmt: skip
    with_half_weights(path)


def with_half_weights(path: str) -> None:
    """Store the weights of the ONNX file with half precision; it calculates as before."""
    model = onnx.load(path)
    for weights in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weights)
        if values.dtype != np.float32 or values.size < SMALL:
            continue
        name = weights.name
        weights.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        widened = onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT)
        model.graph.node.insert(0, widened)
    onnx.save(model, path)
