"""Runs a MediaPipe graph of our own on one picture at a time, in the calling thread.

`mediapipe.solutions` does the same for the graphs that Google chose, with a copy of each picture, a pool of threads per
graph and, in 0.10.21, a detection threshold that is ignored.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from liveguard.errors import BackendError
from liveguard.types import ByteArray

_STEP_US = 33_333  # the graph wants rising time stamps; what they say is of no consequence
# The graph runs in the calling thread: no hand-over between threads, and always in the same order.
_HEAD = 'input_stream: "image"\nexecutor { type: "ApplicationThreadExecutor" }\n'


class PictureGraph:
    """A graph with the input stream `image`, the stream `output` and possibly more inputs. One thread at a time.

    `config`: its nodes in protobuf text; `score`: name of an inner stream of floats, whose last value is kept.
    Raises BackendError where MediaPipe does not take it.
    """

    def __init__(self, config: str, output: str, score: str | None = None) -> None:
        mediapipe = importlib.import_module("mediapipe")
        bindings = importlib.import_module("mediapipe.python._framework_bindings")
        creator = importlib.import_module("mediapipe.python.packet_creator")
        # Models are named relative to where the package lies.
        bindings.resource_util.set_resource_dir(str(Path(str(mediapipe.__file__)).parents[1]))
        self._float = importlib.import_module("mediapipe.python.packet_getter").get_float
        self._proto_packet, self._image_packet = creator.create_proto, creator.create_image_frame
        self._rgb = bindings.image_frame.ImageFormat.SRGB
        try:
            text = f'{_HEAD}output_stream: "{output}"\n{config}'
            self._graph = bindings.calculator_graph.CalculatorGraph(graph_config=text)
            self._graph.observe_output_stream(output, self._take, False)
            if score is not None:
                self._graph.observe_output_stream(score, self._take_score, False)
            self._graph.start_run()
        except (RuntimeError, ValueError) as error:
            raise BackendError(f"mediapipe's face graph does not start: {error}") from error
        self._at_us = 0
        self._packet: Any = None
        self.score = 0.0

    def run(self, image: ByteArray, **protos: Any) -> Any:
        """The output packet for `image` (h, w, 3) uint8 RGB and further inputs by stream; None where there is none."""
        self._at_us += _STEP_US
        self._packet, self.score = None, 0.0
        # Pixels that cannot be written to are read in place instead of being copied; the graph is idle when we return.
        pixels = np.ascontiguousarray(image).view()
        pixels.flags.writeable = False
        frame = self._image_packet(image_format=self._rgb, data=pixels)
        self._graph.add_packet_to_input_stream("image", frame.at(self._at_us))
        for stream, proto in protos.items():
            self._graph.add_packet_to_input_stream(stream, self._proto_packet(proto).at(self._at_us))
        self._graph.wait_until_idle()
        packet, self._packet = self._packet, None
        return packet

    def close(self) -> None:
        self._graph.close()

    def _take(self, _stream: str, packet: Any) -> None:
        self._packet = packet

    def _take_score(self, _stream: str, packet: Any) -> None:
        self.score = float(self._float(packet))
