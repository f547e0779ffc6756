"""Face tracking by the MediaPipe Tasks API, for a `face_landmarker.task` file that the user brings.

Works with mediapipe 0.10.21 and with 0.10.30 and later, which have no `solutions` and no models inside.
"""

from __future__ import annotations

import hashlib
import importlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from liveguard.errors import BackendError
from liveguard.face.backend import Region
from liveguard.face.geometry import POINTS, box_of
from liveguard.face.quiet import quiet_stderr
from liveguard.types import Box, ByteArray, FloatArray

FIND_FACES = 8
WINDOW_SIDES = 1.6  # side of the window in sides of the region: 2.4 face sizes
SLACK = 0.12  # how far the region may leave the window's middle, in sides of the window
SETTLE_CALLS = 3
SURE_PRESENCE = 0.99  # hair and curtains seldom reach it; faces that are not hidden do
_MODEL_IN_FILE = "face_landmarks_detector.tflite"
_STEP_MS = 33  # VIDEO mode wants rising time stamps; what they say is of no consequence without smoothing


class TasksBackend:
    """A FaceLandmarker in IMAGE mode finds faces, one in VIDEO mode follows each face. Owned by one thread.

    Raises BackendError where the file is missing, is no .task file or not the one of `sha256`, or where mediapipe does
    not import, has no Tasks API or refuses the file.
    """

    name = "mediapipe-tasks"

    def __init__(self, task_file: Path, sha256: str | None = None) -> None:
        self._model = _read_task(task_file, sha256)
        self._file_name = task_file.name
        self._mediapipe, self._vision, self._options = _import_tasks()
        self._finder = self.new_landmarker(is_video=False, faces=FIND_FACES)

    def find(self, image: ByteArray) -> list[Box]:
        found = self._finder.detect(self.as_image(image)).face_landmarks
        boxes = [box_of(self.points(face, image.shape)) for face in found]
        return sorted(boxes, key=lambda box: -box.width * box.height)

    def new_mesher(self) -> TasksMesher:
        return TasksMesher(self)

    def close(self) -> None:
        self._finder.close()

    def new_landmarker(self, *, is_video: bool, faces: int) -> Any:
        """A landmarker that has run once, so that its start-up chatter is over."""
        mode = self._vision.RunningMode
        try:
            with quiet_stderr():
                options = self._vision.FaceLandmarkerOptions(
                    base_options=self._options(model_asset_buffer=self._model),
                    running_mode=mode.VIDEO if is_video else mode.IMAGE,
                    num_faces=faces,
                    min_face_presence_confidence=0.5 if is_video else SURE_PRESENCE,
                )
                landmarker = self._vision.FaceLandmarker.create_from_options(options)
                black = self.as_image(np.zeros((64, 64, 3), np.uint8))
                if is_video:
                    landmarker.detect_for_video(black, 0)
                else:
                    landmarker.detect(black)
        except (RuntimeError, ValueError) as error:
            raise BackendError(f"mediapipe refuses {self._file_name}: {_first_line(error)}") from error
        return landmarker

    def as_image(self, pixels: ByteArray) -> Any:
        rgb = self._mediapipe.ImageFormat.SRGB
        return self._mediapipe.Image(image_format=rgb, data=np.ascontiguousarray(pixels))

    def points(self, face: Any, shape: tuple[int, ...]) -> FloatArray:
        """Landmarks (478, 3) float32 in pixels of a picture of this shape."""
        if len(face) != POINTS:
            raise BackendError(f"{self._file_name} gives {len(face)} points, not {POINTS}: take a model with irises")
        height, width = shape[:2]
        points = np.array([(point.x, point.y, point.z) for point in face], np.float32)
        return points * np.array([width, height, width], np.float32)


class TasksMesher:
    """Follows one face in a window around it. Used by one thread; keeps the landmarker's state between calls.

    The Tasks API takes no region, so the landmarker sees a part of the picture with that face alone. The part is copied
    as it is, never scaled, and moved by whole pixels: that the window moves then changes nothing in the pixels of the
    face. After a move the landmarker runs again on the same picture until its own memory of the face's place is right.
    """

    def __init__(self, backend: TasksBackend) -> None:
        self._backend = backend
        self._landmarker = backend.new_landmarker(is_video=True, faces=1)
        self._window: tuple[int, int, int] | None = None
        self._at_ms = 0

    def mesh(self, image: ByteArray, region: Region, *, certain: bool = False) -> FloatArray | None:  # noqa: ARG002
        """As the protocol says; the Tasks API does not tell how certain it is, so that the finder has to be strict."""
        if self._window is not None and _fits(region, self._window):
            return self._run(image, self._window)
        self._window = _window_around(region)
        mesh = None
        for _ in range(SETTLE_CALLS):
            mesh = self._run(image, self._window)
        return mesh

    def close(self) -> None:
        self._landmarker.close()

    def _run(self, image: ByteArray, window: tuple[int, int, int]) -> FloatArray | None:
        height, width = image.shape[:2]
        left, top = max(window[0], 0), max(window[1], 0)
        right, bottom = min(window[0] + window[2], width), min(window[1] + window[2], height)
        if right - left < 8 or bottom - top < 8:
            return None
        part = image[top:bottom, left:right]
        self._at_ms += _STEP_MS
        found = self._landmarker.detect_for_video(self._backend.as_image(part), self._at_ms).face_landmarks
        if not found:
            return None
        return self._backend.points(found[0], part.shape) + np.array([left, top, 0], np.float32)


def _window_around(region: Region) -> tuple[int, int, int]:
    """Left, top and side in whole pixels; parts may lie outside the picture."""
    side = max(round(WINDOW_SIDES * region.side), 16)
    return round(region.x - side / 2), round(region.y - side / 2), side


def _fits(region: Region, window: tuple[int, int, int]) -> bool:
    left, top, side = window
    off = max(abs(region.x - left - side / 2), abs(region.y - top - side / 2))
    return off < SLACK * side and 0.75 < side / (WINDOW_SIDES * region.side) < 1.33


def _read_task(task_file: Path, sha256: str | None) -> bytes:
    try:
        model = task_file.read_bytes()
        with zipfile.ZipFile(task_file) as bundle:
            names = bundle.namelist()
    except OSError as error:
        raise BackendError(f"cannot read the face model {task_file}: {error.strerror or error}") from error
    except zipfile.BadZipFile as error:
        raise BackendError(f"{task_file} is no .task file (a zip of models)") from error
    if _MODEL_IN_FILE not in names:
        raise BackendError(f"{task_file} is no face_landmarker.task: it has no {_MODEL_IN_FILE} inside")
    if sha256 is not None and hashlib.sha256(model).hexdigest() != sha256.lower():
        raise BackendError(f"{task_file} is not the expected file: its sha256 is {hashlib.sha256(model).hexdigest()}")
    return model


def _import_tasks() -> tuple[Any, Any, Any]:
    """The modules mediapipe and its vision tasks, and the class BaseOptions."""
    try:
        with quiet_stderr():
            mediapipe = importlib.import_module("mediapipe")
            python = importlib.import_module("mediapipe.tasks.python")
            vision = importlib.import_module("mediapipe.tasks.python.vision")
    except ImportError as error:
        raise BackendError(
            f"mediapipe with its Tasks API does not import ({error}): install mediapipe 0.10.21 or later, "
            "and the system packages libgl1 and libglib2.0-0"
        ) from error
    if not hasattr(vision, "FaceLandmarker"):
        raise BackendError("this mediapipe has no FaceLandmarker: install mediapipe 0.10.21 or later")
    return mediapipe, vision, python.BaseOptions


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
