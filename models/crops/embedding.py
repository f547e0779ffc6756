"""The network for everyday pictures that ships, written out unchanged: its maps say what a face looks like.

    python models/crops/embedding.py                     # seconds; no recordings are needed

Writes liveguard/models/embedding (models/embedding/README.md).
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import torch
from backbone import pretrained
from network import with_half_weights

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
    parser.add_argument("--whole", action="store_true", help="keep full precision, at twice the size")
    given = parser.parse_args()
    given.model.mkdir(parents=True, exist_ok=True)
    path = given.model / "model.onnx"
    torch.onnx.export(
        pretrained(), (torch.rand(1, 3, 224, 224),), str(path), input_names=["crops"], output_names=["embedding"],
        dynamic_axes={"crops": {0: "n"}, "embedding": {0: "n"}}, opset_version=17, dynamo=False,
    )  # fmt: skip
    if not given.whole:
        with_half_weights(str(path))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    (given.model / "card.toml").write_text(CARD.format(sha256=sha256), "utf-8")


if __name__ == "__main__":
    main()
