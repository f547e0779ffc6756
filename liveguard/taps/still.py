"""A still picture as a feed, for the checks that judge single pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import av
import av.error
import cv2
import numpy as np

from liveguard.errors import InputError
from liveguard.taps.pictures import check_size
from liveguard.taps.source import LIMITS, is_still
from liveguard.types import ByteArray, FeedInfo, TapSample, VideoFrame

SHOWN_US: Final = 1_000_000
"""For how long it is shown: checks of single pictures look at a second of crops."""
EVERY_US: Final = 200_000
MOST_BYTES: Final = 64 << 20
FORMATS: Final = "jpeg_pipe,png_pipe,bmp_pipe,webp_pipe,tiff_pipe"
ALLOWED: Final = "allowed are JPEG, PNG, BMP, WebP and TIFF"


class StillTap:
    """Shows the picture at `path` for a second. Its `info.still` keeps checks that need movement or sound from judging it.

    Raises `InputError` where it cannot be read or is too large.
    """

    def __init__(self, path: str | Path, *, name: str | None = None) -> None:
        self._image = read_still(Path(path))
        self.info = FeedInfo(name or Path(path).name, frozenset({"video"}), still=True)

    def samples(self) -> Iterator[TapSample]:
        """The picture, over and over."""
        for t_us in range(0, SHOWN_US + 1, EVERY_US):
            yield VideoFrame(t_us, self._image)

    def close(self) -> None:
        """Nothing is held open."""


def read_still(path: Path) -> ByteArray:
    """(h, w, 3) uint8 RGB, turned upright as the file says. Raises InputError."""
    size_and_codec(path)
    try:
        image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        raise InputError(f"{path}: cannot be decoded, it is damaged or of a kind that is not known; {ALLOWED}")
    return np.ascontiguousarray(image[:, :, ::-1], np.uint8)


def size_and_codec(path: Path) -> tuple[int, int, str]:
    """Width and height as stored, and the codec, from the head of the file. Raises InputError, also for what is too large."""
    try:
        if not is_still(path):
            raise InputError(f"{path}: is no still picture; {ALLOWED}")
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path}: is larger than {MOST_BYTES >> 20} MiB, a still picture may not be")
        with av.open(io.BytesIO(path.read_bytes()), options={**LIMITS, "format_whitelist": FORMATS}) as container:
            stream = container.streams.video[0]
            width, height, codec = stream.width, stream.height, stream.codec_context.name
    except (av.error.FFmpegError, OSError, ValueError, IndexError) as error:
        raise InputError(f"{path}: cannot be read as a still picture; {ALLOWED}") from error
    check_size(width, height, str(path))
    if not width or not height:
        raise InputError(f"{path}: cannot be read as a still picture; {ALLOWED}")
    return width, height, codec
