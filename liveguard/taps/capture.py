"""A camera: OpenCV's pictures, with the time of their capture."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from liveguard.errors import BackendError, DeviceError
from liveguard.taps.devices import camera_label, find_camera, say_cameras
from liveguard.taps.sample_queue import SampleQueue
from liveguard.types import ByteArray, Gap, VideoFrame

_BAD_READS = 3
"""So many failed reads in a row, and the device is taken for lost."""
_MAX_AGE_US = 500_000
# OpenCV's constants, the same on all systems; written out so that this file loads without OpenCV.
_WIDTH, _HEIGHT, _FPS, _FOURCC, _POSITION_MS = 3, 4, 5, 6, 0
_MJPG = int.from_bytes(b"MJPG", "little")


class Capture(Protocol):
    """What is used of `cv2.VideoCapture`."""

    def isOpened(self) -> bool: ...  # noqa: N802 (OpenCV's name)
    def read(self) -> tuple[bool, Any]: ...
    def get(self, prop: int, /) -> float: ...
    def set(self, prop: int, value: float, /) -> bool: ...
    def release(self) -> None: ...
    def getBackendName(self) -> str: ...  # noqa: N802 (OpenCV's name)


OpenCapture = Callable[[int | str], Capture]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the camera is asked for; None leaves it to the driver. Each driver answers as it likes."""

    width: int | None = None
    height: int | None = None
    fps: float | None = None


def monotonic_us() -> int:
    """The clock of all live devices of this process."""
    return time.monotonic_ns() // 1000


def open_with_opencv(camera: int | str) -> Capture:
    """A `cv2.VideoCapture`, opened or not. Raises `BackendError` when OpenCV does not load."""
    try:
        import cv2
    except ImportError as error:
        raise BackendError(
            f"a camera needs OpenCV and its system libraries (libGL and GLib on Debian and Ubuntu): {error}"
        ) from None
    try:
        return cv2.VideoCapture(camera)
    except cv2.error as error:
        raise DeviceError(f"camera {camera!r} cannot be opened: {str(error).splitlines()[0]}") from None


class Camera:
    """Reads one camera into a queue until `closed` is set; a lost camera is tried again until it returns.

    Opened by the thread that makes it, then owned by the one that calls `run`. Raises `DeviceError` or
    `BackendError` when it gives no picture at first. `retry_s`: first and longest pause between tries.
    """

    def __init__(
        self,
        camera: int | str,
        wishes: Wishes,
        closed: threading.Event,
        opener: OpenCapture | None = None,
        retry_s: tuple[float, float] = (0.25, 5.0),
    ) -> None:
        self._opener = opener or open_with_opencv
        self._target = find_camera(camera) if opener is None else camera
        self._wishes = wishes
        self._closed = closed
        self._retry_s = retry_s
        self._lock = threading.Lock()
        self._last_us = -1  # time of the last picture, or the end of the last gap
        self._covered_us = 0  # where the next gap begins
        self.label = camera_label(self._target)
        self._capture = self._open()

    def run(self, out: SampleQueue[VideoFrame], origin_us: int) -> None:
        """The reading thread: from now on until `closed`. `origin_us`: when the session began, on
        `monotonic_us`.
        """
        try:
            while not self._closed.is_set():
                self._read(out, origin_us)
                if not self._closed.is_set():
                    self._reopen(out, origin_us)
        finally:
            self._capture.release()

    def release(self) -> None:
        """Give the device back, when `run` was never called."""
        self._capture.release()

    def _open(self) -> Capture:
        """A capture that gave a picture. MJPG first, as USB is too slow for raw pictures of 720p; then as
        it comes.
        """
        for fourcc, sized in ((_MJPG, True), (None, True), (None, False)):
            capture = self._opener(self._target)
            if not capture.isOpened():
                capture.release()
                break
            self._wish(capture, fourcc, sized)
            if _picture(capture) is not None:
                self._period_us = _period_us(capture.get(_FPS))
                return capture
            capture.release()
        what = f"camera {self._target!r} cannot be opened or gives no picture (in use by another program?)"
        raise DeviceError(f"{what}; {say_cameras()}")

    def _wish(self, capture: Capture, fourcc: int | None, sized: bool) -> None:
        if isinstance(self._target, str) and not self._target.startswith("/dev/"):
            return  # a file or a stream is what it is
        if fourcc is not None:
            capture.set(_FOURCC, fourcc)
        wishes = ((_WIDTH, self._wishes.width), (_HEIGHT, self._wishes.height), (_FPS, self._wishes.fps))
        for prop, value in wishes if sized else ():
            if value is not None:
                capture.set(prop, value)

    def _read(self, out: SampleQueue[VideoFrame], origin_us: int) -> None:
        """Pass on pictures until the camera is lost or `closed`."""
        paced = isinstance(self._target, str) and Path(self._target).is_file()
        failures, due_us = 0, monotonic_us()
        while not self._closed.is_set() and failures < _BAD_READS:
            if paced:  # a file comes as fast as it is read; a camera does not
                due_us += self._period_us
                if self._closed.wait(max(0, due_us - monotonic_us()) / 1e6):
                    return
            image = _picture(self._capture)
            failures = 0 if image is not None else failures + 1
            if image is not None:
                t_us = self._stamp_us() - origin_us
                with self._lock:
                    if t_us > self._last_us:
                        self._last_us, self._covered_us = t_us, t_us + self._period_us
                        out.put(VideoFrame(t_us, image))

    def _stamp_us(self) -> int:
        """When the picture was taken: the kernel's stamp where there is one (V4L2, same clock), else now."""
        now_us = monotonic_us()
        if self._capture.getBackendName() == "V4L2":
            kernel_us = round(self._capture.get(_POSITION_MS) * 1000)
            if 0 <= now_us - kernel_us <= _MAX_AGE_US:
                return kernel_us
        return now_us

    def _reopen(self, out: SampleQueue[VideoFrame], origin_us: int) -> None:
        """Say that pictures are missing, again and again, until the camera is back or `closed`."""
        self._capture.release()
        pause_s = self._retry_s[0]
        while not self._closed.is_set():
            self._say_lost(out, origin_us)
            if self._closed.wait(pause_s):
                return
            pause_s = min(2 * pause_s, self._retry_s[1])
            with contextlib.suppress(DeviceError):
                self._capture = self._open()
                break
        self._say_lost(out, origin_us)

    def _say_lost(self, out: SampleQueue[VideoFrame], origin_us: int) -> None:
        gap = self.lost_until(monotonic_us() - origin_us)
        if gap is not None:
            out.put(gap)

    def lost_until(self, now_us: int, patience_us: int = 0) -> Gap | None:
        """The gap from the last picture or gap up to now, if it is longer than `patience_us`. Any thread."""
        with self._lock:
            start_us = self._covered_us
            if now_us - start_us <= patience_us:
                return None
            self._covered_us = self._last_us = now_us
            return Gap("video", start_us, now_us, "lost")


def _picture(capture: Capture) -> ByteArray | None:
    """The next picture as (h, w, 3) RGB, None when there is none."""
    import cv2

    try:
        there, image = capture.read()
        if not there or image is None or image.dtype != np.uint8 or image.size == 0:
            return None
        code = cv2.COLOR_GRAY2RGB if image.ndim == 2 or image.shape[2] == 1 else cv2.COLOR_BGR2RGB
        return np.asarray(cv2.cvtColor(image, code), np.uint8)
    except cv2.error:  # some drivers raise when the device is pulled out
        return None


def _period_us(fps: float) -> int:
    return round(1e6 / fps) if 1 <= fps <= 240 else 33_333
