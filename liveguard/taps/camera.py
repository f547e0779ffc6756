"""A camera, a microphone or both as one live feed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from liveguard.errors import InputError
from liveguard.taps.capture import Camera, OpenCapture, Wishes, monotonic_us
from liveguard.taps.devices import list_cameras, list_microphones
from liveguard.taps.microphone import Microphone
from liveguard.taps.sample_queue import SampleQueue
from liveguard.types import FeedInfo, TapSample, Track, VideoFrame

__all__ = ["CameraTap", "list_cameras", "list_microphones"]

_STALLED_US = 2_000_000
_POLL_S = 0.5
FREE_S = 5.0  # for the drivers to give the devices back


class CameraTap:
    """A live feed from local devices, on one monotonic clock that begins at 0 when all devices have
    answered.

    `camera`: an index, a device path, a part of its name, or a file or URL that OpenCV opens (a file plays
    at its own rate, again and again); None for sound only. `microphone`: an index, a part of its name,
    "default", or None for pictures only. `width`, `height` and `fps` are wishes. A device that is pulled
    out gives `Gap`s (lost) until it is back; no other microphone takes its place, but where the system has
    another "default" by then. A reader that is too slow gets the newest pictures and `Gap`s
    (shed).

    One thread reads each device into a bounded queue; iterate on one thread, `close` from any. Raises
    `DeviceError` when a device is missing or busy, `BackendError` when a library is missing.
    """

    def __init__(
        self,
        camera: int | str | None = 0,
        microphone: int | str | None = None,
        *,
        width: int | None = None,
        height: int | None = None,
        fps: float | None = None,
        name: str | None = None,
        open_capture: OpenCapture | None = None,
        retry_s: tuple[float, float] = (0.25, 5.0),
    ) -> None:
        if camera is None and microphone is None:
            raise InputError("neither a camera nor a microphone was asked for; name at least one")
        self._closed = threading.Event()
        self._queue: SampleQueue[VideoFrame] = SampleQueue()
        workers: list[Camera | Microphone] = []
        self._camera: Camera | None = None
        try:
            if camera is not None:
                wishes = Wishes(width, height, fps)
                self._camera = Camera(camera, wishes, self._closed, open_capture, retry_s)
                workers.append(self._camera)
            if microphone is not None:
                workers.append(Microphone(microphone, closed=self._closed, retry_s=retry_s))
        except BaseException:
            for worker in workers:
                worker.release()
            raise
        self.info = _describe(workers, name)
        self._origin_us = monotonic_us()
        self._threads = [
            threading.Thread(target=worker.run, args=(self._queue, self._origin_us), daemon=True) for worker in workers
        ]
        for thread in self._threads:
            thread.start()

    @property
    def shed(self) -> dict[Track, int]:
        """Pictures and sound samples (16 kHz) that were dropped because the reader was too slow."""
        return self._queue.shed

    def samples(self) -> Iterator[TapSample]:
        """Samples as they come, until `close`; ends when the devices are free, or a driver has hung for `FREE_S`."""
        while not self._closed.is_set():
            sample = self._queue.get(_POLL_S)
            if sample is not None:
                yield sample
            # When a driver hangs in its read, its own thread cannot say so.
            stalled = self._camera and self._camera.lost_until(monotonic_us() - self._origin_us, _STALLED_US)
            if stalled:
                yield stalled
        # A thread that is within OpenCV's C++ code when Python ends aborts the process.
        self.join(FREE_S)

    def close(self) -> None:
        """End the iteration and give the devices back. Any thread, any number of times."""
        self._closed.set()
        self._queue.close()

    def join(self, timeout_s: float = FREE_S) -> bool:
        """After `close`: wait until the devices are free; False when a driver hangs. Not for the device
        threads.
        """
        until_s = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(until_s - time.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in self._threads)


def _describe(workers: list[Camera | Microphone], name: str | None) -> FeedInfo:
    tracks: frozenset[Track] = frozenset("video" if isinstance(w, Camera) else "audio" for w in workers)
    return FeedInfo(name or workers[0].label, tracks, live=True, device_label=workers[0].label)
