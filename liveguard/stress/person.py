"""Where the person is: MediaPipe's selfie segmentation, whose model for wide pictures comes in the same wheel as the mesh.

Video calls in the browser hide what is behind people with such a network, so its mistakes at the edge are the real ones.
"""

from __future__ import annotations

import importlib
from functools import cache

import numpy as np

from liveguard.face.graph import PictureGraph
from liveguard.face.quiet import quiet_stderr
from liveguard.face.solutions import require_solutions
from liveguard.types import ByteArray, FloatArray

_GRAPH = """
node {
  calculator: "ConstantSidePacketCalculator"
  output_side_packet: "PACKET:for_wide_pictures"
  options { [mediapipe.ConstantSidePacketCalculatorOptions.ext] { packet { int_value: 1 } } }
}
node {
  calculator: "SelfieSegmentationCpu"
  input_stream: "IMAGE:image"
  input_side_packet: "MODEL_SELECTION:for_wide_pictures"
  output_stream: "SEGMENTATION_MASK:mask"
}
"""


def person_mask(image: ByteArray) -> FloatArray:
    """How much of each pixel is a person: (h, w) float32 0..1. 2 ms. One thread at a time. Raises BackendError."""
    read = importlib.import_module("mediapipe.python.packet_getter").get_image_frame
    with quiet_stderr():
        packet = _graph().run(image)
    return np.array(read(packet).numpy_view(), np.float32)


@cache
def _graph() -> PictureGraph:
    """Without state, so one serves all; MediaPipe would keep the memory of each."""
    require_solutions()
    return PictureGraph(_GRAPH, "mask")
