"""From a picture to an Observation: the one place where pixels are looked at."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

import cv2
import numpy as np

from liveguard.face.backend import FaceBackend
from liveguard.face.cells import FaceCells
from liveguard.face.crops import crop
from liveguard.face.geometry import box_of
from liveguard.face.texture import unwrap
from liveguard.face.tracker import Face, FaceTracker
from liveguard.types import (
    ByteArray,
    Detector,
    FaceSample,
    FaceView,
    FloatArray,
    FrameSample,
    Observation,
    Probe,
    VideoFrame,
)

FACE_PX = 128
NOISE_EVERY_US = 500_000
CROP_EVERY_US = 190_000  # five a second of any usual frame rate
FORGET_AFTER_US = 2_000_000  # probes' last figures of faces that have gone
NOISE_PATCH_PX = 64
THIN_WIDTH, THIN_HEIGHT = 256, 144
# Immerkaer's mask: blind to planes and edges of low order, so that what is left is noise (doi:10.1006/cviu.1996.0060).
_IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_IMMERKAER_SIGMA = math.sqrt(math.pi / 2) / 6


class View:
    """One face while its picture is at hand; what several probes need is worked out once."""

    def __init__(self, image: ByteArray, landmarks: FloatArray) -> None:
        self.image = image
        self.landmarks = landmarks

    @cached_property
    def texture(self) -> ByteArray:
        return unwrap(self.image, self.landmarks)


class Observer:
    """Tracks the faces and measures what the detectors asked for. Owned by one thread; pictures in order of time."""

    def __init__(self, backend: FaceBackend, detectors: Iterable[Detector], max_faces: int = 4) -> None:
        self._tracker = FaceTracker(backend, max_faces)
        self._cells = FaceCells()
        needs = [detector.need for detector in detectors]
        self._probes: dict[str, Probe] = {probe.name: probe for need in needs for probe in need.probes}
        self._crops = sorted({name for need in needs for name in need.crops})
        self._standing: dict[tuple[int, str], tuple[int, FloatArray]] = {}
        self._cropped_us: dict[int, int] = {}
        self._noise, self._noise_at_us = 0.0, -NOISE_EVERY_US

    def observe(self, frame: VideoFrame) -> Observation:
        faces = tuple(self._sample(frame, face) for face in self._tracker.update(frame))
        self._standing = {key: was for key, was in self._standing.items() if frame.t_us - was[0] < FORGET_AFTER_US}
        if frame.t_us - self._noise_at_us >= NOISE_EVERY_US:
            self._noise, self._noise_at_us = noise_of(frame.image), frame.t_us
        cells = self._cells.measure(frame.image, {face.track: face.box for face in faces})
        return Observation(replace(frame_sample(frame, self._noise), face_cells=cells), faces, self._tracker.unfollowed)

    def close(self) -> None:
        self._tracker.close()

    def _sample(self, frame: VideoFrame, face: Face) -> FaceSample:
        view = View(frame.image, face.landmarks)
        sharpness, light = self._measure(_SHARPNESS_AND_LIGHT, view, face.track, frame.t_us).tolist()
        return FaceSample(
            t_us=frame.t_us,
            track=face.track,
            landmarks=face.landmarks,
            box=face.box,
            sharpness=sharpness,
            light=light,
            picture=face.picture,
            probes={name: self._measure(probe, view, face.track, frame.t_us) for name, probe in self._probes.items()},
            crops=self._cut(frame, face),
        )

    def _cut(self, frame: VideoFrame, face: Face) -> dict[str, ByteArray]:
        """The crops that models asked for, of as many pictures as they score and no more: pixels are dear to keep."""
        if not self._crops or frame.t_us - self._cropped_us.get(face.track, -CROP_EVERY_US) < CROP_EVERY_US:
            return {}
        self._cropped_us = {t: us for t, us in self._cropped_us.items() if frame.t_us - us < FORGET_AFTER_US}
        self._cropped_us[face.track] = frame.t_us
        return {name: crop(frame.image, face.landmarks, name) for name in self._crops}

    def _measure(self, probe: Probe, view: FaceView, track: int, t_us: int) -> FloatArray:
        """The probe's figures, or the last ones while they still stand."""
        if not probe.every_us:
            return probe.measure(view)
        was = self._standing.get((track, probe.name))
        if was is not None and t_us - was[0] < probe.every_us:
            return was[1]
        now = probe.measure(view)
        self._standing[track, probe.name] = (t_us, now)
        return now


def frame_sample(frame: VideoFrame, noise: float) -> FrameSample:
    """The whole picture, reduced: (9, 16) cell means and a digest; with its `noise`, which changes too slowly to be
    measured in every picture."""
    height, width = frame.image.shape[:2]
    # Every n-th pixel, not a mean: two pictures must differ in the digest when they differ at all on this grid.
    thin = cv2.resize(frame.image, (min(width, THIN_WIDTH), min(height, THIN_HEIGHT)), interpolation=cv2.INTER_NEAREST)
    grey = cv2.cvtColor(thin, cv2.COLOR_RGB2GRAY)
    signature = cv2.resize(grey.astype(np.float32), (16, 9), interpolation=cv2.INTER_AREA)
    return FrameSample(
        frame.t_us,
        width,
        height,
        zlib.crc32(np.ascontiguousarray(thin[::2, ::2]).data),
        np.asarray(signature, np.float32),
        noise,
    )


def noise_of(image: ByteArray) -> float:
    """Spatial noise: median over four patches away from the middle, in grey levels (Gaussian sigma)."""
    height, width = image.shape[:2]
    side = min(NOISE_PATCH_PX, height // 2, width // 2)
    if side < 8:
        return 0.0
    spots = [(height // 8, width // 16), (height // 8, width - side - width // 16)]
    spots += [(height // 2, width // 16), (height // 2, width - side - width // 16)]
    found: list[float] = []
    for top, left in spots:
        green = np.ascontiguousarray(image[top : top + side, left : left + side, 1])
        residual = cv2.filter2D(green, cv2.CV_16S, _IMMERKAER)[1:-1, 1:-1]
        found.append(_IMMERKAER_SIGMA * cv2.norm(residual, cv2.NORM_L1) / residual.size)
    return sum(sorted(found)[1:3]) / 2


def _sharpness_and_light(view: FaceView) -> FloatArray:
    """Variance of the Laplacian of the inner face at a fixed size, and its mean luma (2,)."""
    box = box_of(view.landmarks)
    height, width = view.image.shape[:2]
    x0, x1 = (int(min(max(box.left + part * box.width, 0), width)) for part in (0.2, 0.8))
    y0, y1 = (int(min(max(box.top + part * box.height, 0), height)) for part in (0.25, 0.9))
    if x1 - x0 < 4 or y1 - y0 < 4:
        return np.zeros(2, np.float32)
    inner = cv2.resize(view.image[y0:y1, x0:x1], (FACE_PX, FACE_PX), interpolation=cv2.INTER_LINEAR)
    grey = cv2.cvtColor(inner, cv2.COLOR_RGB2GRAY)
    _, spread = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    return np.array([float(spread[0, 0]) ** 2, cv2.mean(grey)[0]], np.float32)


_SHARPNESS_AND_LIGHT = Probe("sharpness and light", _sharpness_and_light, every_us=300_000)
