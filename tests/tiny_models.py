"""Models of one operation, with their cards, for tests of what is around a model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

CALIBRATION = "[calibration]\nslope = 10.0\noffset = -5.0\nmost_nats = 4.0\n"


def mean_model(
    folder: Path,
    shape: Sequence[int | None],
    *,
    columns: int = 0,
    outputs: int = 1,
    declared: bool = True,
    card: str = CALIBRATION,
) -> Path:
    """A model whose score is the mean of its input, with llr = 10 * score - 5.

    `columns`: gives a row (1, columns) instead: the mean, minus the mean, the mean again, and so on. `outputs`: so many of
    them, named y0, y1 and so on, all alike. Not `declared`: the file does not say which shape they have.
    """
    onnx = pytest.importorskip("onnx")
    make, number = onnx.helper.make_node, onnx.TensorProto.FLOAT
    nodes = [make("ReduceMean", ["x"], ["mean"], keepdims=0)]
    signs = onnx.helper.make_tensor("signs", number, [1, columns], [(-1.0) ** k for k in range(columns)])
    for k in range(outputs):
        nodes.append(make("Mul", ["mean", "signs"], [f"y{k}"]) if columns else make("Identity", ["mean"], [f"y{k}"]))
    x = onnx.helper.make_tensor_value_info("x", number, shape)
    given = [1, columns] if columns else []
    if not declared:  # what comes of an If whose branches differ can be worked out by nobody
        given, results = None, [node.output[0] for node in nodes[1:]]
        for node, result in zip(nodes[1:], results, strict=True):
            node.output[0] = f"inner_{result}"
        nodes.append(make("Equal", ["mean", "mean"], ["always"]))
        nodes += [_either(onnx, f"inner_{result}", "mean" if columns else "x", result) for result in results]
    ys = [onnx.helper.make_tensor_value_info(f"y{k}", number, given) for k in range(outputs)]
    graph = onnx.helper.make_graph(nodes, "mean", [x], ys, [signs] if columns else [])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    data = model.SerializeToString()
    folder.mkdir()
    (folder / "model.onnx").write_bytes(data)
    head = f'name = "mean"\nversion = "1"\nsha256 = "{hashlib.sha256(data).hexdigest()}"\n'
    (folder / "card.toml").write_text(head + card)
    return folder


def _either(onnx: Any, this: str, that: str, result: str) -> Any:
    """A node whose `result` is always `this`, but might be `that`."""
    number = onnx.TensorProto.FLOAT

    def branch(name: str) -> Any:
        out = f"{result}_{name}"
        value = onnx.helper.make_tensor_value_info(out, number, None)
        return onnx.helper.make_graph([onnx.helper.make_node("Identity", [name], [out])], out, [], [value])

    return onnx.helper.make_node("If", ["always"], [result], then_branch=branch(this), else_branch=branch(that))
