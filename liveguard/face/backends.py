"""Chooses the face library. Nothing heavy is imported before a backend is opened."""

from __future__ import annotations

from pathlib import Path

from liveguard.face.backend import FaceBackend


def open_backend(task_file: Path | None = None, sha256: str | None = None) -> FaceBackend:
    """The backend for the models inside mediapipe 0.10.21, or, with `task_file`, for that face_landmarker.task.

    `sha256`: hex digest that the file must have. Raises BackendError with what to install or to give instead.
    """
    if task_file is not None:
        from liveguard.face.tasks import TasksBackend

        return TasksBackend(task_file, sha256)
    from liveguard.face.solutions import SolutionsBackend

    return SolutionsBackend()
