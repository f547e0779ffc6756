"""Chooses the face library. Nothing heavy is imported before a backend is opened."""

from __future__ import annotations

import threading
from pathlib import Path

from liveguard.face.backend import FaceBackend, Mesher


def open_backend(task_file: Path | None = None, sha256: str | None = None) -> FaceBackend:
    """The backend for the models inside mediapipe 0.10.21, or, with `task_file`, for that face_landmarker.task.

    `sha256`: hex digest that the file must have. Raises BackendError with what to install or to give instead.
    """
    if task_file is not None:
        from liveguard.face.tasks import TasksBackend

        return TasksBackend(task_file, sha256)
    from liveguard.face.solutions import SolutionsBackend

    return SolutionsBackend()


class BackendPool:
    """Backends to be lent out one after the other: MediaPipe does not give back the memory of a graph (some 5 MB each), so
    one for every scan would add up. Any thread may call it; what is lent belongs to one thread at a time.
    """

    def __init__(self, task_file: Path | None = None) -> None:
        self._task_file = task_file
        self._lock = threading.Lock()
        self._idle: list[FaceBackend] | None = []

    def lend(self) -> FaceBackend:
        """A backend whose `close` brings it back here. Raises BackendError."""
        with self._lock:
            backend = self._idle.pop() if self._idle else None
        return _Lent(backend or open_backend(self._task_file), self)

    def take_back(self, backend: FaceBackend) -> None:
        with self._lock:
            if self._idle is not None:
                self._idle.append(backend)
                return
        backend.close()

    def close(self) -> None:
        """Close what is here; what is still lent is closed when it comes back."""
        with self._lock:
            idle, self._idle = self._idle or [], None
        for backend in idle:
            backend.close()


class _Lent:
    """A backend on loan."""

    def __init__(self, backend: FaceBackend, pool: BackendPool) -> None:
        self.name = backend.name
        self._backend: FaceBackend | None = backend
        self._pool = pool
        self.find = backend.find

    def new_mesher(self) -> Mesher:
        assert self._backend is not None, "used after it was closed"
        return self._backend.new_mesher()

    def close(self) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            self._pool.take_back(backend)
