"""Small models of figures: standardised, unknown ones filled in, then a few dense networks side by side, and for some a plain
line beside them; and their export."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import onnx
import torch
import torch.nn.functional as F  # noqa: N812
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression
from torch import Tensor

MOST_SPREADS = 3.0
HELD_PERCENT = 2.0  # of the values at either end, which do not count for the spread
BATCH = 256
SMOOTH = 0.05  # of the labels

Array = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Recipe:
    """What may be varied. `networks` are averaged; `drop`: share of the hidden units left out, and half of it of the figures."""

    networks: int = 16
    hidden: int = 32
    epochs: int = 40
    rate: float = 3e-3
    decay: float = 0.02
    drop: float = 0.5
    strength: float = 3e-4  # C of scikit-learn, of the line
    line: float = 0.6  # what it says is spread so much as what the networks say


@dataclass(frozen=True)
class Standard:
    """Where figures usually lie: `middle` and `spread` (n,)."""

    middle: npt.NDArray[np.float32]
    spread: npt.NDArray[np.float32]

    @classmethod
    def of(cls, x: Array) -> Standard:
        low, high = np.nanpercentile(x, (HELD_PERCENT, 100 - HELD_PERCENT), axis=0)
        middle, spread = np.nanmedian(x, axis=0), np.nanstd(np.clip(x, low, high), axis=0) + 1e-6
        return cls(np.nan_to_num(middle).astype(np.float32), np.nan_to_num(spread, nan=1.0).astype(np.float32))

    def __call__(self, x: Array) -> npt.NDArray[np.float32]:
        """How many spreads from the middle, 0 where unknown."""
        off = np.clip((x - self.middle) / self.spread, -MOST_SPREADS, MOST_SPREADS)
        return np.nan_to_num(off).astype(np.float32)


@dataclass(frozen=True)
class Dense:
    """`layers`: weights (networks, in, out), which half precision must hold, and offsets (networks, 1, out) of each, with what is
    negative set to 0 in between; `line`: weights (in,) that are added to what the networks say on the average."""

    standard: Standard
    layers: tuple[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]], ...]
    line: npt.NDArray[np.float32] | None = None

    def score(self, x: Array) -> npt.NDArray[np.float32]:
        """(n,) of figures (n, k); above 0 for an attack."""
        off = self.standard(x)
        z = off[None]
        for number, (weight, offset) in enumerate(self.layers):
            z = (np.maximum(z, 0.0) if number else z) @ weight + offset
        said = z[..., 0].mean(axis=0)
        return np.asarray(said if self.line is None else said + off @ self.line, np.float32)


def fitted(x: Array, attack: npt.NDArray[np.bool_], recipe: Recipe, seed: int) -> Dense:
    """Networks with one hidden layer, and a logistic regression beside them; the same seed gives the same ones.

    The networks tell more in the rooms that they know, the regression carries over better to those that they do not.
    """
    standard = Standard.of(x)
    rng = torch.Generator().manual_seed(seed)
    figures, goal = torch.from_numpy(standard(x)), torch.from_numpy(attack.astype(np.float32))
    (n, wide), many = figures.shape, recipe.networks
    one = torch.randn(many, wide, recipe.hidden, generator=rng) * wide**-0.5
    two = torch.randn(many, recipe.hidden, 1, generator=rng) * recipe.hidden**-0.5
    weights = [one, torch.zeros(many, 1, recipe.hidden), two, torch.zeros(many, 1, 1)]
    for each in weights:
        each.requires_grad_()
    steps = max(recipe.epochs * n // BATCH, 4)
    optimizer = torch.optim.AdamW(weights, recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, steps)
    for _ in range(steps):
        drawn = torch.randint(n, (many, BATCH), generator=rng)
        said = _said(figures[drawn] * _kept((many, BATCH, wide), recipe.drop / 2, rng), weights, recipe.drop, rng)
        loss = F.binary_cross_entropy_with_logits(said, goal[drawn] * (1 - 2 * SMOOTH) + SMOOTH) * many
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    first, first_offset, last, last_offset = (halved(each.detach().numpy()) for each in weights)
    nets = Dense(standard, ((first, first_offset), (last, last_offset)))
    line = LogisticRegression(C=recipe.strength, max_iter=300).fit(standard(x), attack).coef_[0]
    return replace(
        nets, line=(recipe.line * line * np.std(nets.score(x)) / np.std(standard(x) @ line)).astype(np.float32)
    )


def halved(weights: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """As they are stored, with half precision."""
    return weights.astype(np.float16).astype(np.float32)


def _said(x: Tensor, weights: list[Tensor], drop: float, rng: torch.Generator) -> Tensor:
    inside = torch.relu(x @ weights[0] + weights[1])
    inside = inside * _kept(tuple(inside.shape), drop, rng) / (1 - drop)
    return (inside @ weights[2] + weights[3])[..., 0]


def _kept(shape: tuple[int, ...], drop: float, rng: torch.Generator) -> Tensor:
    return (torch.rand(shape, generator=rng) > drop).float()


def export(model: Dense, path: str) -> None:
    """Write the model as ONNX: input `figures` (n, k), where unknown ones are NaN, output `score` (n, 1)."""
    wide = len(model.standard.middle)
    held: dict[str, npt.NDArray[np.floating]] = {
        "middle": model.standard.middle, "spread": model.standard.spread,
        "least": np.float32(-MOST_SPREADS).reshape(()), "most": np.float32(MOST_SPREADS).reshape(()),
    }  # fmt: skip
    nodes = [
        helper.make_node("IsNaN", ["figures"], ["unknown"]),
        helper.make_node("Where", ["unknown", "middle", "figures"], ["filled"]),
        helper.make_node("Sub", ["filled", "middle"], ["beside"]),
        helper.make_node("Div", ["beside", "spread"], ["off"]),
        helper.make_node("Clip", ["off", "least", "most"], ["at0"]),
    ]
    for number, (weight, offset) in enumerate(model.layers):
        held |= {f"half{number}": weight.astype(np.float16), f"offset{number}": offset}
        nodes.append(helper.make_node("Cast", [f"half{number}"], [f"weight{number}"], to=TensorProto.FLOAT))
        at = f"at{number}"
        if number:
            nodes.append(helper.make_node("Relu", [at], [f"{at}_above"]))
            at = f"{at}_above"
        nodes.append(helper.make_node("MatMul", [at, f"weight{number}"], [f"times{number}"]))
        nodes.append(helper.make_node("Add", [f"times{number}", f"offset{number}"], [f"at{number + 1}"]))
    of_networks = "score" if model.line is None else "mean"
    nodes.append(helper.make_node("ReduceMean", [f"at{len(model.layers)}"], [of_networks], axes=[0], keepdims=0))
    if model.line is not None:
        held["line"] = model.line[:, None]
        nodes.append(helper.make_node("MatMul", ["at0", "line"], ["of_line"]))
        nodes.append(helper.make_node("Add", ["mean", "of_line"], ["score"]))
    graph = helper.make_graph(
        nodes, "figures",
        [helper.make_tensor_value_info("figures", TensorProto.FLOAT, ["n", wide])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(values, name) for name, values in held.items()],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    onnx.save(made, path)
