"""The live shell with real threads and made-up parts: whatever breaks, the call goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from liveguard.engine import Engine
from liveguard.errors import DeviceError, SinkError
from liveguard.session import Session
from liveguard.types import (
    Alert,
    Event,
    Fault,
    FeedInfo,
    Need,
    Observation,
    Reading,
    Status,
    TapSample,
    VideoFrame,
    Window,
)
from tests.synthetic import VIDEO, Breaks, Says, Spy, face, frame

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


class BrokenSink(Collect):
    def send(self, event: Event) -> None:
        raise SinkError("wire cut")


def film(seconds: float) -> list[TapSample]:
    return [VideoFrame(t, PIXELS) for t in range(0, int(seconds * 1e6), 40_000)]


def guard(tap: ListTap, detectors: Sequence[Spy], sinks: Sequence[Collect], **options: object) -> Session:
    observer = options.pop("observer", None) or FakeObserver()
    session = Session(tap, Engine(tap.info, detectors), observer, sinks, **options)  # type: ignore[arg-type]
    session.start()
    assert session.join(END_S), "the session did not end"
    return session


def test_a_recording_goes_through_whole_and_everything_is_closed() -> None:
    sink, observer = Collect(), FakeObserver()
    session = guard(ListTap(film(4.0)), [Says("says", NEED, 0.1)], [sink], observer=observer)
    assert sum(isinstance(event, Reading) for event in sink.events) == 8
    assert sink.closed
    assert observer.closed
    assert session.stats().shed.frames_shed == 0
    assert session.error is None


def test_a_broken_tap_a_broken_picture_a_broken_check_and_a_broken_sink_do_not_end_the_call() -> None:
    good, bad = Collect(), BrokenSink()
    session = guard(
        ListTap(film(3.0), DeviceError("camera 0 was pulled out")),
        [Breaks("bad", NEED), Says("good", NEED, 0.1)],
        [bad, good],
        observer=FakeObserver(frozenset({1_000_000})),
    )
    faults = {event.where: event.what for event in good.events if isinstance(event, Fault)}
    assert faults == {
        "tap": "camera 0 was pulled out",
        "face tracking": "ValueError: bad picture",
        "check bad": "ZeroDivisionError: oh",
        "sink BrokenSink": "SinkError: wire cut",
    }
    assert sum(isinstance(event, Reading) for event in good.events) == 6
    assert bad.closed
    assert str(session.error) == "camera 0 was pulled out"


def test_alerts_reach_the_sinks_and_the_state_is_told() -> None:
    sink, ticks = Collect(), []
    guard(ListTap(film(12.0)), [Says("camera", NEED, 6.0)], [sink], on_tick=ticks.append)
    assert [event.state for event in sink.events if isinstance(event, Alert)] == ["raised"]
    last: list[Status] = ticks[-1]
    assert last[0].state == "alert"


def test_a_slow_heavy_check_skips_windows_and_holds_nothing_up() -> None:
    release = threading.Event()

    class Slow(Spy):
        def evaluate(self, window: Window) -> Reading:
            release.wait(END_S)
            return super().evaluate(window)

    class Releasing(Collect):
        def send(self, event: Event) -> None:
            super().send(event)
            if sum(getattr(e, "detector", "") == "quick" for e in self.events) == 5:
                release.set()

    sink = Releasing()
    heavy = Need(step_us=500_000, video_us=1_000_000, cost="heavy")
    with ThreadPoolExecutor(1) as pool:
        session = guard(ListTap(film(3.0)), [Says("quick", NEED, 0.1), Slow("slow", heavy)], [sink], pool=pool)
    assert sum(getattr(event, "detector", "") == "slow" for event in sink.events) >= 1
    assert session.stats().jobs_skipped >= 4
