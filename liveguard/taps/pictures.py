"""Decoded pictures to upright RGB."""

from __future__ import annotations

import math

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from liveguard.errors import InputError
from liveguard.types import ByteArray

MAX_PIXELS = 4096 * 4096
"""Larger pictures are refused: a decoder keeps up to 16 of them, and faces do not need more."""
_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


def check_size(width: int, height: int, where: str) -> None:
    """Raise `InputError` for pictures that are too large to be decoded in bounded memory."""
    if width * height > MAX_PIXELS:
        raise InputError(f"{where}: pictures of {width}x{height} are too large; allowed is up to 4096x4096 pixels")


class Pictures:
    """Turns the frames of one stream into RGB. For one thread at a time.

    swscale on one thread takes 0.6 ms for 720p 4:2:0, half of what OpenCV's `COLOR_YUV2RGB_I420` needs with
    the copy of the planes, and it knows BT.601 from BT.709, full range and every pixel format. Streams that
    do not say their matrix are read as BT.601, which is what OpenCV and most encoders assume. Chroma is
    taken from the nearest sample (as in OpenCV), which is up to some tens of grey levels off at hard colour
    edges; smoothing it costs 7 ms.
    """

    def __init__(self, tag_degrees: int = 0) -> None:
        self._swscale = VideoReformatter()
        self._tag_degrees = tag_degrees

    def rgb(self, frame: av.VideoFrame, aspect: float = 1.0) -> ByteArray:
        """(h, w, 3) uint8 RGB, upright, with square pixels. `aspect`: width of one pixel over its height.

        Raises `av.error.FFmpegError` or ValueError for frames that cannot be converted.
        """
        rgb = self._swscale.reformat(frame, format="rgb24", threads=1)
        # A copy of its own only where rows are padded; otherwise the array keeps the frame's memory alive.
        image: ByteArray = np.ascontiguousarray(rgb.to_ndarray(), np.uint8)
        image = self._square(image, aspect)
        turn = _TURNS.get(round((frame.rotation or self._tag_degrees) / 90) * 90 % 360)
        return image if turn is None else np.asarray(cv2.rotate(image, turn), np.uint8)

    @staticmethod
    def _square(image: ByteArray, aspect: float) -> ByteArray:
        # Within 2 % nobody sees it; beyond 1:4 it is a damaged header.
        if not 0.25 <= aspect <= 4 or math.isclose(aspect, 1, rel_tol=0.02):
            return image
        height, width = image.shape[:2]
        # The shorter way grows or shrinks the width only, so rows stay what the camera saw.
        size = (max(1, round(width * aspect)), height)
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
