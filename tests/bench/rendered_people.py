"""The people, the camera and the codec of the challenges' benches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from liveguard.face.backends import open_backend
from liveguard.face.observer import Observer
from liveguard.stress.video_codec import coded
from liveguard.types import ByteArray, Detector, FloatArray, Observation, VideoFrame
from tests.rendering.head import Fitzpatrick
from tests.rendering.light import srgb_of

TONES: tuple[Fitzpatrick, ...] = ("I", "II", "III", "IV", "V", "VI")
KBPS = 300.0
FIT_PHOTOS = 2


class Webcam:
    """Exposure that is set once, white balance (grey world, first order, in `balance_s`; None: set once), noise of photons
    and of the sensor, sRGB."""

    def __init__(self, fps: float, balance_s: float | None, noise: float, rng: np.random.Generator) -> None:
        self._gain: FloatArray | None = None
        self._share = 0.0 if balance_s is None else 1 - float(np.exp(-1 / (fps * balance_s)))
        self._rng = rng
        self._exposure = 0.0
        # One field of grain, shifted at random for each picture: as good as fresh ones, and quick.
        self._grain = rng.normal(0, noise, (512 + 64, 640 + 64, 3)).astype(np.float32)

    def take(self, radiance: FloatArray) -> ByteArray:
        radiance = np.nan_to_num(radiance, nan=0.0)
        mean = radiance[::8, ::8].mean(axis=(0, 1))
        wanted = mean.mean() / np.maximum(mean, 1e-4)
        if self._gain is None:
            self._exposure = 0.75 / float(np.percentile(radiance[::8, ::8], 97))
            self._gain = wanted
        self._gain = self._gain + self._share * (wanted - self._gain)
        light = radiance * (self._gain * self._exposure).astype(np.float32)
        down, across = self._rng.integers(0, 64, 2)
        grain = self._grain[down : down + light.shape[0], across : across + light.shape[1]]
        light = light + cv2.sqrt(np.maximum(light, 0) + np.float32(0.01)) * grain
        return np.asarray(srgb_of(np.asarray(light, np.float32).clip(0, 1)) + 0.5, np.uint8)


def people(data: Path | None, count: int) -> Iterator[tuple[str, ByteArray | None, Fitzpatrick, str]]:
    """Name, photo, skin and half of each: constants were chosen looking at all of "fit", and at nobody of "report"."""
    for tone in TONES:
        yield f"portrait {tone}", None, tone, "fit"
    if data is None:
        return
    rng = np.random.default_rng(1)
    paths = sorted(
        path for folder in ("london", "canada", "ffhq_dina") for path in (data / "faces/real" / folder).iterdir()
    )
    for number, path in enumerate(paths[k] for k in rng.permutation(len(paths))[:count]):
        image = cv2.imread(str(path))
        if image is not None:
            tone = TONES[int(rng.integers(len(TONES)))]
            half = "fit" if number < FIT_PHOTOS else "report"
            yield path.name, np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8), tone, half


def observed(frames: Iterator[VideoFrame], check: Detector, seed: int) -> list[Observation]:
    """What the core keeps of the pictures after VP8."""
    observer = Observer(open_backend(), [check])
    try:
        return [observer.observe(frame) for frame in coded("vp8", KBPS)(frames, np.random.default_rng(seed))]
    finally:
        observer.close()


def rounded(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"[{interval[0]:.3f}, {interval[1]:.3f}]"
