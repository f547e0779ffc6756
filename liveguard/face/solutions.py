"""Face tracking by mediapipe 0.10.21's `solutions`: the last release whose wheel carries its models."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from liveguard.errors import BackendError
from liveguard.types import Box, ByteArray, FloatArray

_BYTES_PER_LANDMARK = 17  # tag and length of the message, then three tagged float32


class SolutionsBackend:
    """`FaceDetection` (full range) to find faces and one `FaceMesh` a face to follow them.

    Raises BackendError where mediapipe with `solutions` cannot be imported.
    """

    name = "mediapipe-solutions"

    def __init__(self) -> None:
        self._solutions = _import_solutions()
        # Confidence .5 is the library's default; the full-range model also sees the small faces of a gallery.
        self._detection = self._solutions.face_detection.FaceDetection(model_selection=1, min_detection_confidence=0.5)

    def find(self, image: ByteArray) -> list[Box]:
        height, width = image.shape[:2]
        found = self._detection.process(image).detections or []
        boxes = []
        for detection in found:
            box = detection.location_data.relative_bounding_box
            boxes.append(Box(box.xmin * width, box.ymin * height, box.width * width, box.height * height))
        return sorted(boxes, key=lambda box: -box.width * box.height)

    def new_mesher(self) -> SolutionsMesher:
        return SolutionsMesher(
            self._solutions.face_mesh.FaceMesh(max_num_faces=1, refine_landmarks=True, min_tracking_confidence=0.5)
        )

    def close(self) -> None:
        self._detection.close()


class SolutionsMesher:
    """One face, followed by one FaceMesh graph. Used by one thread."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph

    def mesh(self, image: ByteArray) -> FloatArray | None:
        found = self._graph.process(image).multi_face_landmarks
        if not found:
            return None
        height, width = image.shape[:2]
        return _landmarks(found[0]) * np.array([width, height, width], np.float32)

    def close(self) -> None:
        self._graph.close()


def _landmarks(message: Any) -> FloatArray:
    """The (n, 3) float32 of a NormalizedLandmarkList.

    Reading 478 messages in Python costs 0.3 ms; their bytes have a fixed stride as long as only x, y and z are set, so
    they are read as one array, and the slow way is there for the day when they do not.
    """
    count = len(message.landmark)
    raw = np.frombuffer(message.SerializeToString(), np.uint8)
    if raw.size == count * _BYTES_PER_LANDMARK:
        rows = raw.reshape(count, _BYTES_PER_LANDMARK)
        if (rows[:, (0, 1, 2, 7, 12)] == (0x0A, 0x0F, 0x0D, 0x15, 0x1D)).all():
            columns = [rows[:, at : at + 4].copy().view("<f4")[:, 0] for at in (3, 8, 13)]
            return np.stack(columns, axis=1)
    return np.array([(point.x, point.y, point.z) for point in message.landmark], np.float32)


def _import_solutions() -> Any:
    os.environ.setdefault("GLOG_minloglevel", "2")  # mediapipe's start-up chatter is of no use to a person
    try:
        import mediapipe
    except ImportError as error:
        raise BackendError(
            f"mediapipe does not import ({error}): install liveguard[face] on Python 3.10-3.12, and the system packages "
            "libgl1 and libglib2.0-0; on Python 3.13 and later give a face_landmarker.task file (--face-model)"
        ) from error
    if not hasattr(mediapipe, "solutions"):
        raise BackendError(
            f"mediapipe {mediapipe.__version__} carries no face model: install mediapipe==0.10.21, "
            "or give a face_landmarker.task file (--face-model)"
        )
    return mediapipe.solutions
