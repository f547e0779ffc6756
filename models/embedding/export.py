"""Writes liveguard/models/embedding: a network for everyday pictures, unchanged, whose maps say what a face looks like.

make -C models embedding                             # seconds; no recordings are needed
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import torch
from backbone import pretrained

sys.path.append(str(Path(__file__).parents[1] / "crops"))
from network import halved

from liveguard.onnx import MODELS

CARD = """name = "EfficientNet-Lite0, maps of five stages"
version = "1"
sha256 = "{sha256}"
about = "models/embedding/README.md"
data = "ImageNet, by Google; nothing was trained here"
licence = "Apache-2.0 (LICENSE beside this file)"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODELS / "embedding", help="folder of the model that ships")
    folder = parser.parse_args().model
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    torch.onnx.export(
        pretrained(), (torch.rand(1, 3, 224, 224),), str(path), input_names=["crops"], output_names=["embedding"],
        dynamic_axes={"crops": {0: "n"}, "embedding": {0: "n"}}, opset_version=17, dynamo=False,
    )  # fmt: skip
    halved(str(path))
    (folder / "card.toml").write_text(CARD.format(sha256=hashlib.sha256(path.read_bytes()).hexdigest()), "utf-8")


if __name__ == "__main__":
    main()
