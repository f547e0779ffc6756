"""Face tracking by mediapipe 0.10.21: the last release whose wheel carries its models.

`FaceMesh` puts a detector, a loop and a memory around its network. Our tracker knows where each face is, so only
the part of that graph behind "look here" is run: the same network and the same figures at less cost, with no hidden
state, so that one graph serves all faces.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np

from liveguard.errors import BackendError
from liveguard.face.backend import Region
from liveguard.face.geometry import POINTS
from liveguard.face.graph import PictureGraph
from liveguard.face.quiet import quiet_stderr
from liveguard.types import Box, ByteArray, FloatArray

# The library's default confidence of .5. The full-range model costs 2.5 times as much and sees less of small faces
# than this one does when it looks at parts of the picture.
_FIND = """
node {
  calculator: "FaceDetectionShortRangeCpu"
  input_stream: "IMAGE:image"
  output_stream: "DETECTIONS:detections"
  options { [mediapipe.FaceDetectionOptions.ext] { min_score_thresh: 0.5 } }
}
"""
_MESH = """
input_stream: "region"
node {
  calculator: "ConstantSidePacketCalculator"
  output_side_packet: "PACKET:with_attention"
  options { [mediapipe.ConstantSidePacketCalculatorOptions.ext] { packet { bool_value: true } } }
}
node {
  calculator: "FaceLandmarkCpu"
  input_stream: "IMAGE:image"
  input_stream: "ROI:region"
  input_side_packet: "WITH_ATTENTION:with_attention"
  output_stream: "LANDMARKS:landmarks"
}
"""
# What the network says of a face being there. It stayed above .9995 on the faces of nine clips; hair and flowers that
# were taken for faces reached it only now and then. MediaPipe's own threshold is .5.
CERTAIN = 0.999
# One landmark in a serialised list: tag and length of the message, then three tagged float32.
_TAGS = {0: 0x0A, 1: 0x0F, 2: 0x0D, 7: 0x15, 12: 0x1D}
_ROW = np.dtype(
    {
        "names": ["x", "y", "z", *(f"tag{at}" for at in _TAGS)],
        "formats": ["<f4", "<f4", "<f4", *("u1" for _ in _TAGS)],
        "offsets": [3, 8, 13, *_TAGS],
        "itemsize": 17,
    }
)


class SolutionsBackend:
    """The short-range detector finds faces; one graph, shared by all faces, lays the mesh. Owned by one thread.

    Raises BackendError where mediapipe does not import, or has no models in it.
    """

    name = "mediapipe-solutions"

    def __init__(self) -> None:
        with quiet_stderr():
            require_solutions()
            # The options in the graph's text are known to MediaPipe only once their module is loaded.
            importlib.import_module("mediapipe.modules.face_detection.face_detection_pb2")
            self._read = importlib.import_module("mediapipe.python.packet_getter").get_proto_list
            self._finder = PictureGraph(_FIND, "detections")
            self._mesher = SolutionsMesher()
            black = np.zeros((64, 64, 3), np.uint8)
            self.find(black)
            self._mesher.mesh(black, Region(32, 32, 64))

    def find(self, image: ByteArray) -> list[Box]:
        height, width = image.shape[:2]
        packet = self._finder.run(image)
        boxes = []
        for detection in self._read(packet) if packet is not None else ():
            box = detection.location_data.relative_bounding_box
            boxes.append(Box(box.xmin * width, box.ymin * height, box.width * width, box.height * height))
        return sorted(boxes, key=lambda box: -box.width * box.height)

    def new_mesher(self) -> SolutionsMesher:
        return self._mesher

    def close(self) -> None:
        self._finder.close()
        self._mesher.shut_down()


class SolutionsMesher:
    """MediaPipe's face mesh with irises, on a region that the caller names. Without state; one thread at a time."""

    def __init__(self) -> None:
        self._new_rect = importlib.import_module("mediapipe.framework.formats.rect_pb2").NormalizedRect
        self._new_list = importlib.import_module("mediapipe.framework.formats.landmark_pb2").NormalizedLandmarkList
        # `packet_getter.get_proto` calls this and parses the answer; we read the bytes.
        bindings = importlib.import_module("mediapipe.python._framework_bindings")
        self._read = bindings._packet_getter._get_serialized_proto
        self._graph = PictureGraph(_MESH, "landmarks", score="facelandmarkcpu__face_presence_score")
        self._has_spoken = False

    def mesh(self, image: ByteArray, region: Region, *, certain: bool = False) -> FloatArray | None:
        if self._has_spoken:
            found = self._run(image, region)
        else:
            with quiet_stderr():  # the part of the graph behind a found face has chatter of its own
                found = self._run(image, region)
            self._has_spoken = found is not None
        return None if certain and self._graph.score < CERTAIN else found

    def close(self) -> None:
        """Nothing: the graph is shared by all faces, and closed with the backend."""

    def shut_down(self) -> None:
        self._graph.close()

    def _run(self, image: ByteArray, region: Region) -> FloatArray | None:
        height, width = image.shape[:2]
        rect = self._new_rect(
            x_center=region.x / width,
            y_center=region.y / height,
            width=region.side / width,
            height=region.side / height,
            rotation=region.roll_rad,
        )
        packet = self._graph.run(image, region=rect)
        if packet is None:
            return None
        return self._points(self._read(packet)) * np.array([width, height, width], np.float32)

    def _points(self, message: bytes) -> FloatArray:
        """The (478, 3) float32 of a serialised NormalizedLandmarkList.

        Reading 478 messages in Python costs 0.3 ms; their bytes have a fixed stride as long as only x, y and z are
        set, so they are read as one array, and the slow way is there for the day when they do not.
        """
        if len(message) == POINTS * _ROW.itemsize:
            rows = np.frombuffer(message, _ROW)
            if all((rows[f"tag{at}"] == tag).all() for at, tag in _TAGS.items()):
                return np.stack([rows["x"], rows["y"], rows["z"]], axis=1)
        points = self._new_list.FromString(message).landmark
        return np.array([(point.x, point.y, point.z) for point in points], np.float32)


def require_solutions() -> Any:
    """The module mediapipe, with its `solutions`. Raises BackendError with what to install or to give instead."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    try:
        mediapipe = importlib.import_module("mediapipe")
    except ImportError as error:
        raise BackendError(
            f"mediapipe does not import ({error}): install liveguard[face] on Python 3.10-3.12, and the system "
            "packages libgl1 and libglib2.0-0; on Python 3.13 and later give a face_landmarker.task file (--face-model)"
        ) from error
    if not hasattr(mediapipe, "solutions"):
        raise BackendError(
            f"mediapipe {mediapipe.__version__} carries no face model: install mediapipe==0.10.21, "
            "or give a face_landmarker.task file (--face-model)"
        )
    return mediapipe
