"""Coded and decoded again, as on the way through a call: blocks, smear, and rates that breathe."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Literal, TypeAlias

import av
import cv2
import numpy as np

from liveguard.stress.variant import PictureEffect
from liveguard.taps.pictures import Pictures
from liveguard.types import ByteArray, VideoFrame

Codec: TypeAlias = Literal["vp8", "h264"]

_NAMES: dict[Codec, Literal["libvpx", "libx264"]] = {"vp8": "libvpx", "h264": "libx264"}
# Few key frames, as in calls, where the receiver asks for one when it needs it.
_OPTIONS = {
    "vp8": {
        "deadline": "realtime",
        "cpu-used": "8",
        "error-resilient": "1",
        "lag-in-frames": "0",
        "g": "3000",
        "qmax": "56",
    },
    "h264": {"preset": "veryfast", "tune": "zerolatency", "profile": "baseline", "g": "3000"},
}
_CLOCK = Fraction(1, 1_000_000)
_FPS = (5.0, 60.0)  # what the first two pictures may say about the rate; a pause between them says nothing


def coded(codec: Codec, kbps: float, fps: float | None = None) -> PictureEffect:
    """Every picture after encoder and decoder, at a constant rate of `kbps`, at its own time and size.

    `fps`: how many pictures a second the encoder is told to expect; by default as many as the first two say. Those of 25 a second
    that are kept at 15 come after 80 ms, 80, then 40, and an encoder that is told 80 spends less than its rate.
    A picture that the encoder drops is missing. Where the size changes, a new stream begins. Looks one picture ahead.
    Raises ValueError for rates that are not above 0, av.error.FFmpegError where PyAV came without the encoder.
    """
    if kbps <= 0:
        raise ValueError(f"{kbps} kbit/s; allowed is more than 0")

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:  # noqa: ARG001
        stream: _Stream | None = None
        for frame, step_us in _with_steps(frames):
            if stream is None or stream.shape != frame.image.shape:
                if stream is not None:
                    yield from stream.code(None, 0)
                stream = _Stream(codec, kbps, frame.image.shape, fps or 1e6 / step_us)
            yield from stream.code(frame, step_us)
        if stream is not None:
            yield from stream.code(None, 0)

    return effect


class _Stream:
    """An encoder and its decoder for pictures of one shape."""

    def __init__(self, codec: Codec, kbps: float, shape: tuple[int, ...], fps: float) -> None:
        self.shape = shape
        height, width = shape[0] + shape[0] % 2, shape[1] + shape[1] % 2
        rate = str(round(kbps * 1000))
        self._encoder = av.VideoCodecContext.create(_NAMES[codec], "w")
        self._encoder.width, self._encoder.height, self._encoder.pix_fmt = width, height, "yuv420p"
        self._encoder.time_base = _CLOCK
        self._encoder.framerate = Fraction(min(max(fps, _FPS[0]), _FPS[1])).limit_denominator(1001)
        self._encoder.bit_rate = int(rate)
        self._encoder.options = _OPTIONS[codec] | {"minrate": rate, "maxrate": rate, "bufsize": rate}
        self._decoder = av.VideoCodecContext.create(codec, "r")
        # More threads hold pictures back.
        self._encoder.thread_count = self._decoder.thread_count = 1
        self._pictures = Pictures()

    def code(self, frame: VideoFrame | None, step_us: int) -> Iterator[VideoFrame]:
        """The pictures that are decoded once `frame` is in; None: what is left."""
        packets = self._encoder.encode(None if frame is None else _yuv(frame, step_us))
        for packet in [*packets, *([None] if frame is None else [])]:
            for picture in self._decoder.decode(packet):
                assert picture.pts is not None
                image = self._pictures.rgb(picture)[: self.shape[0], : self.shape[1]]
                yield VideoFrame(picture.pts, np.ascontiguousarray(image))


def _yuv(frame: VideoFrame, step_us: int) -> av.VideoFrame:
    picture = av.VideoFrame.from_ndarray(_even(frame.image), format="rgb24").reformat(format="yuv420p", threads=1)
    picture.pts, picture.time_base, picture.duration = frame.t_us, _CLOCK, step_us
    return picture


def _even(image: ByteArray) -> ByteArray:
    """With one more row and column where their number is odd: 4:2:0 has a colour for each two by two."""
    odd_rows, odd_columns = image.shape[0] % 2, image.shape[1] % 2
    if not (odd_rows or odd_columns):
        return np.ascontiguousarray(image)
    return np.asarray(cv2.copyMakeBorder(image, 0, odd_rows, 0, odd_columns, cv2.BORDER_REPLICATE), np.uint8)


def _with_steps(frames: Iterator[VideoFrame]) -> Iterator[tuple[VideoFrame, int]]:
    """Each frame with the time until the next one; the last one with the step before it."""
    last, step_us = next(frames, None), 33_333
    for frame in frames:
        assert last is not None
        step_us = max(frame.t_us - last.t_us, 1)
        yield last, step_us
        last = frame
    if last is not None:
        yield last, step_us
