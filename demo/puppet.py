"""A talking puppet made of one public-domain portrait: what the demo and the tests use where no person may be filmed.

The portrait (Eileen Collins, NASA, in scikit-image) is bent by smooth displacement fields: the head sways, the lids close,
the lower lip follows a sound. It is a puppet, not a person: checks that look at its skin may well find it strange.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from skimage.data import astronaut

from liveguard.face.backends import open_backend
from liveguard.face.observer import Observer
from liveguard.types import ByteArray, FloatArray, VideoFrame

SIZE = (1280, 720)  # pictures (width, height)
LIP_LEAD_S = 0.1
EYES = ((159, 145), (386, 374))  # upper and lower lid of each eye
LIP_LOWER, CHIN, CORNER_LEFT, CORNER_RIGHT = 14, 152, 61, 291


@dataclass(frozen=True, slots=True)
class Pose:
    """One moment: lip opening and lid closure 0..1, shift in pixels, turn in degrees, size factor."""

    mouth: float = 0.0
    lids: float = 0.0
    dx: float = 0.0
    dy: float = 0.0
    roll_deg: float = 0.0
    scale: float = 1.0


class Puppet:
    """Draws the portrait in any pose. Making one runs the face mesh once."""

    def __init__(self) -> None:
        portrait = astronaut()[:288]  # head and shoulders, 16:9
        self.still: ByteArray = cv2.resize(portrait, SIZE, interpolation=cv2.INTER_CUBIC)
        observer = Observer(open_backend(), [])
        try:
            seen = [observer.observe(VideoFrame(k * 40_000, self.still)).faces for k in range(3)]
        finally:
            observer.close()
        self.landmarks: FloatArray = seen[-1][0].landmarks[:, :2]
        # Only the face is bent, so only its surroundings are mapped.
        low, high = self.landmarks.min(axis=0), self.landmarks.max(axis=0)
        grow = 0.35 * (high - low)
        x0, y0 = np.maximum(low - grow, 0).astype(int)
        x1, y1 = np.minimum(high + grow, SIZE).astype(int)
        self._area = (slice(y0, y1), slice(x0, x1))
        self._rows, self._columns = np.mgrid[y0:y1, x0:x1].astype(np.float32)
        self._lids = self._lid_field()

    def draw(self, pose: Pose) -> ByteArray:
        """The (720, 1280, 3) uint8 RGB picture of a pose."""
        rows = self._rows - pose.lids * self._lids
        rows, gap = self._open(rows, pose.mouth)
        bent = cv2.remap(self.still, self._columns, rows, cv2.INTER_LINEAR)
        picture = self.still.copy()
        picture[self._area] = bent * (1 - gap) + np.array([60, 20, 20], np.float32) * gap
        centre = self.landmarks.mean(axis=0)
        turn = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), pose.roll_deg, pose.scale)
        turn[:, 2] += (pose.dx, pose.dy)
        return np.asarray(cv2.warpAffine(picture, turn, SIZE, borderMode=cv2.BORDER_REPLICATE), np.uint8)

    def _open(self, rows: FloatArray, mouth: float) -> tuple[FloatArray, FloatArray]:
        """Lower lip and chin go down; what opens between the lips is dark."""
        left, right = self.landmarks[CORNER_LEFT], self.landmarks[CORNER_RIGHT]
        line, chin = float(self.landmarks[LIP_LOWER][1]), float(self.landmarks[CHIN][1])
        middle, half = float(left[0] + right[0]) / 2, float(right[0] - left[0]) / 2
        drop = mouth * 0.35 * (chin - line)
        across = np.clip(1 - ((self._columns - middle) / (1.15 * half)) ** 2, 0, 1)
        fade = np.clip((chin + 1.5 * drop + 40 - self._rows) / (chin + 40 - line), 0, 1)
        down = drop * across * fade
        gap = np.clip((self._rows - line) / 3, 0, 1) * np.clip((line + down - self._rows) / 3, 0, 1)
        return np.where(self._rows > line, rows - np.minimum(down, self._rows - line), rows), gap[..., None]

    def _lid_field(self) -> FloatArray:
        """By how many pixels the skin above the eyes comes down when they close."""
        down = np.zeros_like(self._rows)
        for upper, lower in EYES:
            x, y0 = self.landmarks[upper]
            height = float(self.landmarks[lower][1] - y0)
            near = np.exp(
                -(((self._columns - x) / (1.6 * height)) ** 4) - ((self._rows - y0 - height / 2) / height) ** 4
            )
            down += 1.1 * height * near
        return down


def sway(t_s: float, seed: int = 0) -> Pose:
    """How a head moves that listens: incommensurable rates, so that it never comes back to where it was."""
    a, b, c, d = (
        sum(
            math.sin(rate * t_s * (1 + 0.07 * k) + 2.1 * k * seed + k) / (1 + k)
            for k, rate in enumerate((0.9, 1.7, 2.9))
        )
        for _ in range(4)
    )
    drift = math.sin(0.61 * t_s + seed), math.cos(0.47 * t_s + 2 * seed)
    blink = math.exp(-(((((t_s + 0.37 * seed) % 3.1) - 1.5) / 0.08) ** 2))
    return Pose(0, blink, 18 * a + 9 * drift[0], 8 * b + 5 * drift[1], 2.0 * c * drift[1], 1 + 0.012 * d * drift[0])


def opening(pcm: FloatArray, fps: float, seconds: float) -> FloatArray:
    """How far a mouth is open that speaks `pcm` (16 kHz): its loudness, smoothed as lips do, one value a picture.

    Lips move `LIP_LEAD_S` before what they say is loudest.
    """
    level = np.sqrt(np.convolve(pcm.astype(np.float64) ** 2, np.hanning(1600) / 800, "same"))
    at = ((np.arange(int(seconds * fps)) / fps + LIP_LEAD_S) * 16_000).astype(int)
    opened = np.clip(level[np.minimum(at, len(level) - 1)] / (np.percentile(level, 95) + 1e-9), 0, 1)
    opened[at >= len(pcm)] = 0  # after its end the sound says nothing more
    return np.asarray(opened, np.float32)


def film(
    puppet: Puppet,
    seconds: float,
    fps: float = 25.0,
    mouth: FloatArray | None = None,
    seed: int = 0,
    noise: float = 1.5,
) -> Iterator[VideoFrame]:
    """Pictures of the puppet moving (and speaking, with one mouth opening a picture), with a camera's noise."""
    rng = np.random.default_rng(seed)
    field = rng.normal(0, noise, (SIZE[1] + 64, SIZE[0] + 64)).astype(np.int16)[..., None].repeat(3, axis=2)
    for k in range(int(seconds * fps)):
        pose = sway(k / fps, seed)
        spoken = float(mouth[k]) if mouth is not None and k < len(mouth) else 0.0
        picture = puppet.draw(Pose(spoken, pose.lids, pose.dx, pose.dy, pose.roll_deg, pose.scale))
        # One field of noise, shifted at random for each picture: as good as fresh ones, and quick.
        y, x = rng.integers(0, 64, 2)
        grain = np.ascontiguousarray(field[y : y + SIZE[1], x : x + SIZE[0]])
        noisy = cv2.add(picture, grain, dtype=cv2.CV_8U)
        yield VideoFrame(round(k * 1e6 / fps), np.asarray(noisy, np.uint8))
