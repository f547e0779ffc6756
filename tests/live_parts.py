"""Made-up taps, face trackers and sinks for tests of the live shell."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np

from liveguard.errors import SinkError
from liveguard.types import (
    Event,
    Fault,
    FeedInfo,
    Need,
    Observation,
    TapSample,
    VideoFrame,
)
from tests.synthetic import VIDEO, face, frame

PIXELS = np.zeros((4, 4, 3), np.uint8)
NEED = Need(step_us=500_000, video_us=1_000_000)
END_S = 20.0


class ListTap:
    """A recording's worth of pictures; then ends, or raises."""

    def __init__(self, samples: Sequence[TapSample], error: Exception | None = None, info: FeedInfo = VIDEO) -> None:
        self.info, self._samples, self._error = info, samples, error

    def samples(self) -> Iterator[TapSample]:
        yield from self._samples
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Nothing to close."""


class FakeObserver:
    """Sees one synthetic face in every picture."""

    def __init__(self, broken_at_us: frozenset[int] = frozenset()) -> None:
        self._broken_at_us = broken_at_us
        self.closed = False

    def observe(self, picture: VideoFrame) -> Observation:
        if picture.t_us in self._broken_at_us:
            raise ValueError("bad picture")
        return Observation(frame(picture.t_us), (face(picture.t_us),))

    def close(self) -> None:
        self.closed = True


class Collect:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.closed = False

    def send(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        self.closed = True


def film(seconds: float) -> list[TapSample]:
    return [VideoFrame(t, PIXELS) for t in range(0, int(seconds * 1e6), 40_000)]


class Eager(Collect):
    """A sink that refuses the first `refusals` events of a kind, and tells when it has `wanted` of them."""

    def __init__(self, kind: type, refusals: int = 0, wanted: int = 1) -> None:
        super().__init__()
        self._kind, self._refusals, self._wanted = kind, refusals, wanted
        self.tried: list[Event] = []
        self.enough = threading.Event()

    def send(self, event: Event) -> None:
        if isinstance(event, self._kind):
            self.tried.append(event)
            if len(self.tried) <= self._refusals:
                raise SinkError("wire cut")
        super().send(event)
        if sum(isinstance(one, self._kind) for one in self.events) == self._wanted:
            self.enough.set()


class Stuck(Collect):
    """A sink that hangs on its first event until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def send(self, event: Event) -> None:
        self.let_go.wait(END_S)
        super().send(event)


class EndlessTap(ListTap):
    """Blocks after its samples until it is closed."""

    def __init__(self, samples: Sequence[TapSample]) -> None:
        super().__init__(samples)
        self.closed = threading.Event()

    def samples(self) -> Iterator[TapSample]:
        yield from self._samples
        assert self.closed.wait(END_S)

    def close(self) -> None:
        self.closed.set()


def faults(sink: Collect) -> list[tuple[str, str]]:
    return [(event.where, event.what) for event in sink.events if isinstance(event, Fault)]
