"""A number in the pixels of a picture, robust to encoders and to a change of size: a clock that is read where it is used."""

from __future__ import annotations

import time

import numpy as np

from liveguard.types import ByteArray

BITS, CHECK_BITS = 32, 8
BLOCKS = BITS + CHECK_BITS
DARK, BRIGHT = 30, 225
MOST_UNSURE_GREY = 60  # a block's mean may be so far from the grey that was drawn


def now_ms() -> int:
    """The machine's monotonic clock, the same in all processes."""
    return time.monotonic_ns() // 1_000_000


def draw(picture: ByteArray, number: int) -> ByteArray:
    """The same picture (h, w, 3), with `number` as a row of dark and bright blocks along its lower edge."""
    height, width = picture.shape[:2]
    side = width // BLOCKS
    row = np.repeat(np.where(_bits(number), BRIGHT, DARK).astype(np.uint8), side)
    picture[height - side :, : row.size] = row[None, :, None]
    return picture


def read(picture: ByteArray) -> int | None:
    """The number; None where it cannot be read for certain."""
    height, width = picture.shape[:2]
    side = width // BLOCKS
    edge = max(side // 4, 1)  # encoders smear what is beside
    green = picture[height - side + edge : height - edge, : side * BLOCKS, 1]
    grey = green.reshape(-1, BLOCKS, side)[::2, :, edge : side - edge].mean(axis=(0, 2))
    bits = grey > (DARK + BRIGHT) / 2
    if np.abs(grey - np.where(bits, BRIGHT, DARK)).max() > MOST_UNSURE_GREY:
        return None
    number = int(np.packbits(bits[:BITS]).view(">u4")[0])
    return number if np.array_equal(_bits(number), bits) else None


def _bits(number: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    check = (number * 2_654_435_761 >> 24) & 0xFF  # Knuth's multiplicative hash
    data = np.array([number], ">u4").view(np.uint8)
    return np.unpackbits(np.append(data, np.uint8(check))).astype(bool)
