"""The room behind a person at a webcam: a wall, a window, shelves, all out of focus and still."""

from __future__ import annotations

import cv2
import numpy as np

from liveguard.types import FloatArray

ROOM_MM = 2200.0  # from the camera to the wall


def room(width: int, height: int, seed: int = 0) -> FloatArray:
    """What the wall sends back of the light: linear RGB (height, width, 3) 0..1, another room for each seed."""
    rng = np.random.default_rng(seed)
    unit = height / 480
    wall = rng.uniform(0.30, 0.5) * np.array([1.0, rng.uniform(0.92, 0.99), rng.uniform(0.8, 0.95)])
    down, across = np.mgrid[:height, :width] / height
    glow = 0.75 + 0.35 * np.exp(-((across - rng.uniform(0.1, 1.2)) ** 2) - (down - 0.1) ** 2)
    picture = np.asarray(wall * glow[..., None], np.float32)
    _shelf(picture, rng, unit)
    _frame(picture, rng, unit)
    _door(picture, rng, unit)
    soft = cv2.GaussianBlur(picture, (0, 0), 1.6 * unit)
    # Plaster: without any grain the wall would be flatter than any real one.
    grain = cv2.GaussianBlur(rng.normal(0, 0.06, (height, width)).astype(np.float32), (0, 0), 1.2 * unit)
    return np.asarray(np.clip(soft * (1 + grain[..., None]), 0.003, 1), np.float32)


def _shelf(picture: FloatArray, rng: np.random.Generator, unit: float) -> None:
    """Two boards with books on the left."""
    for top in (95, 235):
        left, right = int(20 * unit), int(175 * unit)
        at = left + 6 * unit
        while at < right - 20 * unit:
            width, tall = rng.uniform(7, 20) * unit, rng.uniform(55, 100) * unit
            colour = (rng.uniform(0.02, 0.4, 3) * rng.uniform(0.4, 1)).tolist()
            cv2.rectangle(picture, (int(at), int(top * unit + 100 * unit - tall)), (int(at + width), int((top + 100) * unit)),
                          colour, -1)  # fmt: skip
            at += width + rng.uniform(0, 3) * unit
        board = (int((top + 100) * unit), int((top + 108) * unit))
        cv2.rectangle(picture, (left, board[0]), (right, board[1]), (0.16, 0.09, 0.045), -1)


def _frame(picture: FloatArray, rng: np.random.Generator, unit: float) -> None:
    """A framed picture in the middle."""
    left, top = int(rng.uniform(255, 330) * unit), int(rng.uniform(15, 35) * unit)
    right, bottom = left + int(120 * unit), top + int(90 * unit)
    cv2.rectangle(picture, (left, top), (right, bottom), (0.03, 0.025, 0.02), -1)
    edge = int(7 * unit)
    inside = picture[top + edge : bottom - edge, left + edge : right - edge]
    coarse = rng.uniform(0.05, 0.6, (4, 5, 3)).astype(np.float32)
    inside[:] = cv2.resize(coarse, (inside.shape[1], inside.shape[0]), interpolation=cv2.INTER_CUBIC).clip(0, 1)


def _door(picture: FloatArray, rng: np.random.Generator, unit: float) -> None:
    """A door on the right."""
    left, right = int(rng.uniform(500, 520) * unit), int(630 * unit)
    colour = (rng.uniform(0.45, 0.65) * np.array([1.0, 0.95, 0.88])).tolist()
    cv2.rectangle(picture, (left, int(60 * unit)), (right, picture.shape[0]), colour, -1)
    cv2.rectangle(picture, (left, int(60 * unit)), (right, picture.shape[0]), (0.2, 0.18, 0.16), int(3 * unit))
    for top in (90, 270):
        box = ((left + int(25 * unit), int(top * unit)), (right - int(25 * unit), int((top + 150) * unit)))
        cv2.rectangle(picture, *box, (0.3, 0.28, 0.25), max(int(2 * unit), 1))
    cv2.circle(picture, (left + int(14 * unit), int(280 * unit)), max(int(6 * unit), 1), (0.35, 0.3, 0.18), -1)
