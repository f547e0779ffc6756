"""Models of one operation, with their cards, for tests of what is around a model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

CALIBRATION = "[calibration]\nslope = 10.0\noffset = -5.0\nmost_nats = 4.0\n"


def mean_model(
    folder: Path, shape: Sequence[int | None], *, columns: int = 0, outputs: int = 1, card: str = CALIBRATION
) -> Path:
    """A model whose score is the mean of its input, with llr = 10 * score - 5.

    `columns`: gives a row (1, columns) instead: the mean, minus the mean, the mean again, and so on. `outputs`: so many of
    them, named y0, y1 and so on, all alike.
    """
    onnx = pytest.importorskip("onnx")
    make, number = onnx.helper.make_node, onnx.TensorProto.FLOAT
    nodes = [make("ReduceMean", ["x"], ["mean"], keepdims=0)]
    signs = onnx.helper.make_tensor("signs", number, [1, columns], [(-1.0) ** k for k in range(columns)])
    for k in range(outputs):
        nodes.append(make("Mul", ["mean", "signs"], [f"y{k}"]) if columns else make("Identity", ["mean"], [f"y{k}"]))
    x = onnx.helper.make_tensor_value_info("x", number, shape)
    ys = [onnx.helper.make_tensor_value_info(f"y{k}", number, [1, columns] if columns else []) for k in range(outputs)]
    graph = onnx.helper.make_graph(nodes, "mean", [x], ys, [signs] if columns else [])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    data = model.SerializeToString()
    folder.mkdir()
    (folder / "model.onnx").write_bytes(data)
    head = f'name = "mean"\nversion = "1"\nsha256 = "{hashlib.sha256(data).hexdigest()}"\n'
    (folder / "card.toml").write_text(head + card)
    return folder
