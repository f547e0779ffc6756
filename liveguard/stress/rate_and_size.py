"""Fewer pictures, smaller pictures, missing pictures: what a call does when the network is poor."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from liveguard.stress.spells import Spells
from liveguard.stress.variant import PictureEffect
from liveguard.taps.grid import FrameGrid
from liveguard.types import ByteArray, VideoFrame

SENDER_SCALES = (3 / 4, 1 / 2, 3 / 8, 1 / 4)  # the steps that browsers' video senders take


def frame_rate(fps: float) -> PictureEffect:
    """At most `fps` pictures a second, on an even grid. Slower footage stays as it is. Raises InputError for rates."""
    FrameGrid(fps)

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:  # noqa: ARG001
        grid = FrameGrid(fps)
        return (frame for frame in frames if grid.keeps(frame.t_us))

    return effect


def lines(height: int) -> PictureEffect:
    """Pictures of `height` lines (made even), in the same shape. Pictures that have no more than that stay as they are."""
    if height < 2:
        raise ValueError(f"{height} lines; allowed are 2 and more")

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:  # noqa: ARG001
        return (VideoFrame(frame.t_us, _scaled(frame.image, height)) for frame in frames)

    return effect


def size_steps(every_s: float, hold_s: tuple[float, float] = (0.5, 2.5)) -> PictureEffect:
    """Pictures become smaller for `hold_s` (least, most) every `every_s`, as senders do when the network or their machine is
    slow: by one of `SENDER_SCALES`, another one each time."""

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:
        spells, scale = Spells(every_s, hold_s, rng), 1.0
        for frame in frames:
            if spells.progress(frame.t_us) is None:
                scale = 1.0
            elif scale == 1.0:
                scale = float(rng.choice(SENDER_SCALES))
            height = _even(scale * frame.image.shape[0])
            yield frame if scale == 1.0 else VideoFrame(frame.t_us, _scaled(frame.image, height))

    return effect


def freezes(every_s: float = 5.0, hold_s: tuple[float, float] = (0.3, 1.2)) -> PictureEffect:
    """No picture comes for `hold_s` (least, most) every `every_s`, as after lost packets; then it goes on as of now."""

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:
        spells = Spells(every_s, hold_s, rng)
        return (frame for frame in frames if spells.progress(frame.t_us) is None)

    return effect


def _scaled(image: ByteArray, height: int) -> ByteArray:
    tall, wide = image.shape[:2]
    if tall <= height:
        return image
    size = (_even(wide * height / tall), _even(height))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _even(size: float) -> int:
    return max(2 * round(size / 2), 2)
