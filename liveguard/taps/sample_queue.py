"""The bounded queue between the threads of a capture and the thread that iterates."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, Protocol, TypeVar

from liveguard.types import SAMPLE_RATE_HZ, AudioChunk, Gap, Track


class Timed(Protocol):
    """A picture, converted or not yet."""

    @property
    def t_us(self) -> int: ...


P = TypeVar("P", bound=Timed)

MAX_FRAMES = 4
MAX_AUDIO_SAMPLES = 2 * SAMPLE_RATE_HZ


class SampleQueue(Generic[P]):
    """Samples in order of arrival, pictures of the type `P`; when the reader is slow, the oldest go and a `Gap` (shed) stands in
    their place.

    At most 4 pictures and 2 s of sound wait. Any number of threads may put, one may get; all methods are
    safe to call from any thread, and `put` never waits.
    """

    def __init__(self) -> None:
        self._lanes: dict[Track, _Lane[P]] = {
            "video": _Lane("video", MAX_FRAMES),
            "audio": _Lane("audio", MAX_AUDIO_SAMPLES),
        }
        self._changed = threading.Condition()
        self._count = 0
        self._closed = False

    @property
    def shed(self) -> dict[Track, int]:
        """Pictures and sound samples (16 kHz) that were dropped so far."""
        with self._changed:
            return {kind: lane.shed for kind, lane in self._lanes.items()}

    def put(self, sample: P | AudioChunk | Gap) -> None:
        """Add a sample; after `close` it is ignored."""
        with self._changed:
            if not self._closed:
                self._count += 1
                self._lanes[_kind(sample)].put(self._count, sample)
                self._changed.notify()

    def get(self, timeout_s: float) -> P | AudioChunk | Gap | None:
        """The next sample; None when there is none in time, or at once after `close`."""
        with self._changed:
            if not self._closed and not any(lane.waits for lane in self._lanes.values()):
                self._changed.wait(timeout_s)
            full = [lane for lane in self._lanes.values() if lane.waits]
            if self._closed or not full:
                return None
            return min(full, key=lambda lane: lane.first_number).pop()

    def close(self) -> None:
        """Wake the reader; what still waits is forgotten."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class _Lane(Generic[P]):
    """What waits of one track, in order; guarded by the queue's lock."""

    def __init__(self, kind: Track, limit: int) -> None:
        self.shed = 0
        self._kind = kind
        self._limit = limit
        self._items: deque[tuple[int, P | AudioChunk | Gap]] = deque()
        self._size = 0
        self._hole_us: int | None = None  # where the part begins that was dropped before the first item

    @property
    def waits(self) -> bool:
        return bool(self._items)

    @property
    def first_number(self) -> int:
        return self._items[0][0]

    def put(self, number: int, sample: P | AudioChunk | Gap) -> None:
        last = self._items[-1][1] if self._items else None
        # A device that stays away says so again and again: one gap that grows is enough for a slow reader.
        if isinstance(sample, Gap) and isinstance(last, Gap) and sample.reason == last.reason:
            sample = Gap(self._kind, last.start_us, sample.end_us, sample.reason)
            number = self._items.pop()[0]
        self._items.append((number, sample))
        self._size += _size(sample)
        while self._size > self._limit and len(self._items) > 1:
            _, dropped = self._items.popleft()
            self._size -= _size(dropped)
            self.shed += _size(dropped)
            self._hole_us = _start_us(dropped) if self._hole_us is None else self._hole_us

    def pop(self) -> P | AudioChunk | Gap:
        if self._hole_us is not None:
            gap = Gap(self._kind, self._hole_us, _start_us(self._items[0][1]), "shed")
            self._hole_us = None
            return gap
        _, sample = self._items.popleft()
        self._size -= _size(sample)
        return sample


def _kind(sample: Timed | Gap) -> Track:
    if isinstance(sample, Gap):
        return sample.kind
    return "audio" if isinstance(sample, AudioChunk) else "video"


def _size(sample: Timed | Gap) -> int:
    if isinstance(sample, Gap):
        return 0
    return sample.pcm.size if isinstance(sample, AudioChunk) else 1


def _start_us(sample: Timed | Gap) -> int:
    return sample.start_us if isinstance(sample, Gap) else sample.t_us
