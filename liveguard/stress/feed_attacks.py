"""Bench attacks on the feed: real pictures that are not of now. Nothing in a single picture gives them away."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

import cv2
import numpy as np

from liveguard.stress.variant import PictureEffect
from liveguard.types import ByteArray, VideoFrame


def frozen(from_s: float) -> PictureEffect:
    """From `from_s` on the last picture before it (else the first of all), at the rate and times of the feed."""

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:  # noqa: ARG001
        held: ByteArray | None = None
        for frame in frames:
            if held is None or frame.t_us < from_s * 1e6:
                held = frame.image
            yield VideoFrame(frame.t_us, held)

    return effect


def photo(noise_grey: float = 0.0) -> PictureEffect:
    """The first picture all the time; with `noise_grey` > 0 each gets sensor noise of that standard deviation."""
    if noise_grey < 0:
        raise ValueError(f"noise of {noise_grey} grey levels; allowed is 0 and more")

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:
        first: ByteArray | None = None
        for frame in frames:
            first = frame.image if first is None else first
            yield VideoFrame(frame.t_us, _noisy(first, noise_grey, rng) if noise_grey > 0 else first)

    return effect


def looped(from_s: float, length_s: float) -> PictureEffect:
    """From `from_s` on the `length_s` before it (less, where the feed is younger) again and again.

    Each moment shows what was seen a whole number of lengths earlier, so the rate and the times of the feed go on.
    Only that stretch is kept.
    """
    if length_s <= 0 or from_s <= 0:
        raise ValueError(f"a loop of {length_s} s from {from_s} s on; allowed are times above 0")

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:  # noqa: ARG001
        from_us, since_us = round(from_s * 1e6), round((from_s - length_s) * 1e6)
        kept: list[VideoFrame] = []
        for frame in frames:
            if frame.t_us < from_us:
                if frame.t_us >= since_us:
                    kept.append(frame)
                yield frame
            elif kept:
                yield VideoFrame(frame.t_us, _at(kept, from_us, frame.t_us))
            else:  # the feed began after `from_s`: there is nothing to show again
                yield frame

    return effect


def _at(kept: list[VideoFrame], from_us: int, t_us: int) -> ByteArray:
    """The picture of the loop that is on at `t_us`: the last one that has begun by then."""
    start_us = kept[0].t_us
    loop_us = start_us + (t_us - from_us) % (from_us - start_us)
    return kept[bisect_right(kept, loop_us, key=lambda frame: frame.t_us) - 1].image


def _noisy(image: ByteArray, noise_grey: float, rng: np.random.Generator) -> ByteArray:
    noise = rng.standard_normal(image.shape, np.float32) * np.float32(noise_grey)
    return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)
