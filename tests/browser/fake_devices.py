"""Files that Chromium plays as a camera and a microphone."""

from __future__ import annotations

import wave
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from liveguard.types import SAMPLE_RATE_HZ, ByteArray, FloatArray

CAMERA_FPS = 30  # Chromium plays a file of JPEG pictures at this rate
QUALITY = 92


def write_camera(path: Path, pictures: Iterable[ByteArray], size: tuple[int, int]) -> int:
    """Pictures (h, w, 3) uint8 RGB as a camera of `size` (width, height), letter-boxed; how many there were."""
    count = 0
    with path.open("wb") as out:
        for picture in pictures:
            ok, jpeg = cv2.imencode(".jpg", fit(picture, size)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
            assert ok
            out.write(jpeg.tobytes())
            count += 1
    return count


def fit(picture: ByteArray, size: tuple[int, int]) -> ByteArray:
    """The picture in the middle of one of `size`, as large as it goes."""
    width, height = size
    scale = min(width / picture.shape[1], height / picture.shape[0])
    inner = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    if inner == (picture.shape[1], picture.shape[0]) == size:
        return picture
    out = np.full((height, width, 3), 40, np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    out[top : top + inner[1], left : left + inner[0]] = cv2.resize(picture, inner, interpolation=cv2.INTER_AREA)
    return out


def write_microphone(path: Path, pcm: FloatArray) -> None:
    """Sound at 16 kHz as a microphone."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE_HZ)
        out.writeframes((np.clip(pcm, -1, 1) * 32_767).astype("<i2").tobytes())
