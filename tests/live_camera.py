"""A camera for Chromium whose pictures are decided while it runs, and a sensor's noise for them.

Chromium plays a Y4M file as a camera, and reads each picture of it when that picture is due. So a file of one picture, which
is written over and over in place, is a live virtual camera: no kernel module, no device.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np

from liveguard.types import ByteArray

FPS = 15
_FRAME = b"FRAME\n"


class LiveCamera:
    """What `show` was given last is what the camera at `path` sees. All pictures are of one size, (h, w, 3) uint8 RGB."""

    def __init__(self, path: Path, first: ByteArray, fps: int = FPS) -> None:
        head = _head(first, fps)
        path.write_bytes(head + _planes(first))
        self._at = len(head)
        self._file = path.open("r+b", buffering=0)  # a picture is written by one call, so that hardly any is seen half

    def show(self, picture: ByteArray) -> None:
        self._file.seek(self._at)
        self._file.write(_planes(picture))

    def close(self) -> None:
        self._file.close()


class Grain:
    """A sensor's noise, another one in each picture."""

    def __init__(self, seed: int, sigma: float = 1.6) -> None:
        self._rng, self._sigma = np.random.default_rng(seed), sigma
        self._field: Any = None

    def __call__(self, picture: ByteArray) -> ByteArray:
        height, width = picture.shape[:2]
        if self._field is None:
            self._field = self._rng.normal(0, self._sigma, (height + 64, width + 64, 3)).astype(np.int16)
        y, x = self._rng.integers(0, 64, 2)
        noisy = picture.astype(np.int16) + self._field[y : y + height, x : x + width]
        return np.clip(noisy, 0, 255).astype(np.uint8)


def write_y4m(path: Path, pictures: Iterable[ByteArray], fps: int = FPS) -> None:
    """A film, which Chromium plays as a camera of this rate, over and over."""
    with path.open("wb") as out:
        for number, picture in enumerate(pictures):
            if number == 0:
                out.write(_head(picture, fps))
            out.write(_planes(picture))


def _head(picture: ByteArray, fps: int) -> bytes:
    height, width = picture.shape[:2]
    return f"YUV4MPEG2 W{width} H{height} F{fps}:1 Ip A1:1 C420jpeg\n".encode()


def _planes(picture: ByteArray) -> bytes:
    return (
        _FRAME + av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p").to_ndarray().tobytes()
    )
