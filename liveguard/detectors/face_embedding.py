"""What a network for everyday pictures sees in a face: how its maps lie on the average, and how they vary over the crop.

It was never trained on faces or fakes (EfficientNet-Lite0, ImageNet; models/embedding/README.md), and is not trained further:
what tells kinds of detail from each other in everyday pictures tells drawn from filmed skin, too, and small models on top of it
carry over better than networks that learned from few recordings (as for generated pictures: Ojha et al. 2023,
arXiv:2302.10174).
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from liveguard.face.crops import crop
from liveguard.onnx import MODELS, Network, read_sha256
from liveguard.types import ByteArray, FaceView, FloatArray, Probe

FOLDER: Final = MODELS / "embedding"
OUTPUT: Final = "embedding"
COUNT: Final = 2 * (40 + 80 + 112 + 192 + 320)
"""Mean and spread of each channel of five stages, of 28, 14, 14, 7 and 7 cells a side."""


def face_embedding(view: FaceView) -> FloatArray:
    """Figures (COUNT,) float32 of the crop "face"."""
    return np.asarray(embedded(crop(view.image, view.landmarks, "face")[None])[0], np.float32)


FACE_EMBEDDING: Final = Probe("face_embedding", face_embedding, every_us=390_000)  # 11 ms each


def embedded(crops: ByteArray) -> FloatArray:
    """Figures (n, COUNT) of crops (n, 224, 224, 3) RGB. Raises as `network`."""
    batch = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), np.float32) / 255
    return network().run(batch, OUTPUT)


@cache
def network() -> Network:
    """Loaded once for all. Checks that need it ask for it when they are made, so that a damaged file stops the start
    (ConfigError) and not, picture by picture, the call."""
    return Network(FOLDER / "model.onnx", read_sha256(FOLDER))
