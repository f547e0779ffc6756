"""The live shell with real threads and made-up parts: whatever breaks, the call goes on."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from liveguard.engine import Engine
from liveguard.errors import DeviceError, SinkError
from liveguard.session import Session, Tick
from liveguard.types import (
    Alert,
    AudioChunk,
    Event,
    Fault,
    Need,
    Observation,
    Reading,
    Sample,
    TapSample,
    VideoFrame,
    Window,
)
from tests.live_parts import END_S, NEED, PIXELS, Collect, EndlessTap, FakeObserver, ListTap, Stuck, faults, film
from tests.synthetic import AUDIO, AV, VIDEO, Breaks, Says, Spy, face, frame


class BrokenSink(Collect):
    def send(self, event: Event) -> None:
        raise SinkError("wire cut")


class BrokenJournal:
    """A journal on a disk that is full."""

    def __init__(self) -> None:
        self.tries = 0

    def sample(self, sample: Sample) -> None:
        self.tries += 1
        raise OSError(28, "No space left on device")

    event = sample

    def close(self) -> None:
        raise OSError(28, "No space left on device")


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
    assert len(faults) == sum(isinstance(event, Fault) for event in good.events), "each is said once"
    assert sum(isinstance(event, Reading) for event in good.events) == 6
    assert bad.closed
    assert str(session.error) == "camera 0 was pulled out"


def test_alerts_reach_the_sinks_and_the_state_is_told() -> None:
    sink, ticks = Collect(), []
    guard(ListTap(film(12.0)), [Says("camera", NEED, 6.0)], [sink], on_tick=ticks.append)
    assert [event.state for event in sink.events if isinstance(event, Alert)] == ["raised"]
    last: Tick = ticks[-1]
    assert last.statuses[0].state == "alert"
    shown = [tick for tick in ticks if tick.picture is not None]
    assert [tick.picture.t_us for tick in shown] == [sample.t_us for sample in film(12.0)], "one after each picture"
    assert all(tick.seen is not None and tick.seen.t_us == tick.picture.t_us for tick in shown)


def sound(seconds: float) -> list[TapSample]:
    return [AudioChunk(t_us, np.zeros(800, np.float32)) for t_us in range(0, int(seconds * 1e6), 50_000)]


def test_of_sound_alone_the_state_is_told_too_a_few_times_a_second() -> None:
    ticks: list[Tick] = []
    voice = Need(step_us=500_000, audio_us=1_000_000, scope="feed")
    guard(ListTap(sound(8.0), info=AUDIO), [Says("voice", voice, 0.1)], [], on_tick=ticks.append)
    *during, last = ticks
    assert len(during) == 4 * 8
    states = [[status.participant for status in tick.statuses] for tick in during]
    assert states[0] == []
    assert states[-1] == ["feed"]
    assert last.statuses[0].state == "genuine"
    assert {(tick.seen, tick.picture, tick.age_ms) for tick in ticks} == {(None, None, None)}


def test_sound_beside_pictures_brings_no_ticks_until_they_stay_away() -> None:
    pictures = [VideoFrame(t_us, PIXELS) for t_us in range(0, 4_000_000, 330_000)]  # 3 a second, as under load
    mixed = sorted((*pictures, *sound(8.0)), key=lambda sample: (sample.t_us, isinstance(sample, AudioChunk)))
    shown: list[bool] = []
    tap = ListTap(mixed, info=AV)
    guard(tap, [Says("says", NEED, 0.1)], [], on_tick=lambda tick: shown.append(tick.picture is not None))
    assert shown[: len(pictures)] == [True] * len(pictures)
    # From 5 s on, 1 s after what was heard when the last picture came, up to the end; and one at the end itself.
    assert shown[len(pictures) :] == [False] * (4 * 3 + 1)


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


def test_a_bug_in_the_core_ends_the_call_in_good_order_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    sink, observer, tap = Collect(), FakeObserver(), EndlessTap(film(3.0))
    accept, calls = Engine.accept, iter(range(100))

    def breaks(engine: Engine, sample: Sample):  # type: ignore[no-untyped-def]
        if next(calls) == 5:
            raise KeyError("track")
        return accept(engine, sample)

    monkeypatch.setattr(Engine, "accept", breaks)
    session = guard(tap, [Says("says", NEED)], [sink], observer=observer)
    assert tap.closed.is_set()
    assert faults(sink) == [("session", "session: KeyError: 'track'")]
    assert str(session.error) == "session: KeyError: 'track'"
    assert sink.closed
    assert observer.closed


def test_what_breaks_while_cleaning_up_does_not_keep_the_sinks_open() -> None:
    class Clinging(FakeObserver):
        def close(self) -> None:
            raise RuntimeError("no")

    sink = Collect()
    session = guard(ListTap(film(1.0)), [], [sink], observer=Clinging())
    assert sink.closed
    assert "RuntimeError: no" in str(session.error)


def test_a_journal_on_a_full_disk_is_left_off_and_the_call_goes_on() -> None:
    sink, journal = Collect(), BrokenJournal()
    session = guard(ListTap(film(3.0)), [Says("says", NEED)], [sink], journal=journal)
    assert [where for where, what in faults(sink) if "No space" in what] == ["journal"]
    assert journal.tries == 1
    assert sum(isinstance(event, Reading) for event in sink.events) == 6
    assert session.error is None


def test_a_view_that_breaks_is_said_once() -> None:
    def on_tick(_: Tick) -> None:
        raise ValueError(f"bad {len(ticks)}")

    sink, ticks = Collect(), []  # type: ignore[var-annotated]
    session = guard(ListTap(film(2.0)), [Says("says", NEED)], [sink], on_tick=on_tick)
    assert faults(sink) == [("on_tick", "ValueError: bad 0")]
    assert session.error is None


def test_a_pool_that_was_shut_down_is_done_without() -> None:
    pool, sink = ThreadPoolExecutor(1), Collect()
    pool.shutdown()
    heavy = Need(step_us=500_000, video_us=1_000_000, cost="heavy")
    session = guard(ListTap(film(2.0)), [Says("slow", heavy)], [sink], pool=pool)
    assert sum(isinstance(event, Reading) for event in sink.events) == 4
    assert session.error is None


def test_sound_alone_needs_no_observer() -> None:
    sink, sound = Collect(), Need(step_us=500_000, audio_us=500_000, scope="feed")
    samples = [AudioChunk(k * 20_000, np.zeros(320, np.float32)) for k in range(100)]
    tap = ListTap(samples, info=AUDIO)
    session = Session(tap, Engine(AUDIO, [Says("says", sound)]), None, [sink])
    session.start()
    assert session.join(END_S)
    assert sum(isinstance(event, Reading) for event in sink.events) == 4


def test_every_face_gets_its_turn_with_a_slow_check() -> None:
    release = threading.Event()

    class Slow(Says):
        def evaluate(self, window: Window) -> Reading:
            release.wait(END_S)
            return super().evaluate(window)

    class Two(FakeObserver):
        def observe(self, picture: VideoFrame) -> Observation:
            if picture.t_us == 2_400_000:
                release.set()
            return Observation(frame(picture.t_us), (face(picture.t_us, 1), face(picture.t_us, 2)))

    class LeaveOut(Engine):
        def finish(self) -> list[Event]:
            return []

    sink = Collect()
    heavy = Need(step_us=500_000, video_us=1_000_000, cost="heavy")
    with ThreadPoolExecutor(1) as pool:
        session = Session(
            ListTap(film(2.5)),
            LeaveOut(VIDEO, [Slow("slow", heavy)]),
            Two(),
            [sink],
            pool,  # type: ignore[arg-type]
        )
        session.start()
        assert session.join(END_S)
    assert {event.track for event in sink.events if isinstance(event, Reading)} == {1, 2}


def test_a_stuck_sink_holds_nobody_up_and_is_named_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liveguard.speaker.LINGER_S", 0.05)
    stuck, good = Stuck(), Collect()
    tap = ListTap(film(12.0))
    session = Session(tap, Engine(VIDEO, [Says("camera", NEED, 6.0)]), FakeObserver(), [stuck, good])  # type: ignore[arg-type]
    session.start()
    assert session.ended(END_S)
    assert not session.close(0.3)
    assert good.closed
    assert session.alerts_raised == sum(isinstance(event, Alert) for event in good.events) == 1
    assert str(session.error) == "not finished in time: sink Stuck"
    stuck.let_go.set()
    assert session.join(END_S)


def test_a_call_is_ended_at_once_when_told_so() -> None:
    sink, tap = Stuck(), EndlessTap(film(1.0))
    session = Session(tap, Engine(VIDEO, [Says("camera", NEED)]), FakeObserver(), [sink])  # type: ignore[arg-type]
    session.start()
    session.abort()
    sink.let_go.set()
    assert session.close(END_S)
    assert sink.closed
    assert session.error is None
