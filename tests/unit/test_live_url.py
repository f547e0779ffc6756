"""A live stream that breaks off: it is opened again, on one timeline, and what is missed is said while it lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest

from liveguard import back_off
from liveguard.commands import watch
from liveguard.errors import InputError
from liveguard.taps.live_timeline import LiveTimeline
from liveguard.taps.live_url import LiveUrlTap
from liveguard.types import AudioChunk, FeedInfo, Gap, Tap, TapSample, Track, VideoFrame

AV: frozenset[Track] = frozenset(("video", "audio"))
PIXELS = np.zeros((2, 2, 3), np.uint8)
PATIENCE_US = 2_000_000


def picture(t_ms: int) -> VideoFrame:
    return VideoFrame(t_ms * 1000, PIXELS)


def sound(t_ms: int, ms: int = 100) -> AudioChunk:
    return AudioChunk(t_ms * 1000, np.zeros(16 * ms, np.float32))


class Clock:
    def __init__(self) -> None:
        self.us = 7_000_000_000

    def __call__(self) -> int:
        return self.us

    def wait(self, ms: int) -> None:
        self.us += ms * 1000


def told(samples: Iterator[TapSample] | Iterator[Gap]) -> list[tuple[str, int, int]]:
    """Track, and from when to when (ms), of pictures and sound just when."""
    out = []
    for sample in samples:
        if isinstance(sample, Gap):
            assert sample.reason == "lost"
            out.append((f"no {sample.kind}", sample.start_us // 1000, sample.end_us // 1000))
        else:
            assert isinstance(sample, VideoFrame | AudioChunk)
            out.append(("video" if isinstance(sample, VideoFrame) else "audio", sample.t_us // 1000, -1))
    return out


def test_a_new_connection_goes_on_at_the_present() -> None:
    clock = Clock()
    line = LiveTimeline(AV, clock)
    assert told(line.place(picture(0))) == [("video", 0, -1)]
    assert told(line.place(sound(0))) == [("audio", 0, -1)]
    clock.wait(1_000)
    assert told(line.missing(PATIENCE_US)) == []
    clock.wait(2_000)
    # The sound had come 100 ms further; what may still be under way is not missing yet.
    assert told(line.missing(PATIENCE_US)) == [("no audio", 100, 2_600), ("no video", 0, 2_500)]
    clock.wait(100)
    assert told(line.missing(PATIENCE_US)) == [], "said in pieces of a quarter of a second"
    clock.wait(200)
    assert told(line.missing(PATIENCE_US)) == [("no audio", 2_600, 2_900), ("no video", 2_500, 2_800)]
    line.connected()
    clock.wait(700)
    assert told(line.place(picture(200))) == [("no video", 2_800, 4_300), ("video", 4_300, -1)]
    assert told(line.place(sound(0))) == [("no audio", 2_900, 4_100), ("audio", 4_100, -1)]
    assert told(line.place(sound(100))) == [("audio", 4_200, -1)]


def test_after_a_standstill_nothing_is_lost_and_the_tracks_stay_aligned() -> None:
    clock = Clock()
    line = LiveTimeline(AV, clock)
    told(line.place(picture(0)))
    told(line.place(sound(0)))
    clock.wait(5_000)
    told(line.missing(PATIENCE_US))
    came = [told(line.place(sample)) for sample in (picture(40), sound(100), picture(80))]
    assert [samples[-1] for samples in came] == [("video", 5_100, -1), ("audio", 5_160, -1), ("video", 5_140, -1)]


def test_one_track_that_is_held_up_does_not_move_the_other() -> None:
    clock = Clock()
    line = LiveTimeline(AV, clock)
    told(line.place(picture(0)))
    for t_ms in range(0, 5_000, 100):
        assert told(line.place(sound(t_ms))) == [("audio", t_ms, -1)]
        clock.wait(100)
        told(line.missing(PATIENCE_US))
    assert told(line.place(picture(1_000))) == [], "it was called lost"
    assert told(line.place(picture(5_000)))[-1] == ("video", 5_000, -1)
    assert told(line.place(sound(5_000))) == [("audio", 5_000, -1)]


def test_gaps_of_the_stream_itself_do_not_say_twice_what_is_missing() -> None:
    clock = Clock()
    line = LiveTimeline(frozenset(("video",)), clock)
    told(line.place(picture(0)))
    assert told(line.place(Gap("video", 0, 1_500_000, "lost"))) == [("no video", 0, 1_500)]
    assert told(line.place(Gap("video", 1_000_000, 2_000_000, "lost"))) == [("no video", 1_500, 2_000)]
    assert told(line.place(sound(0))) == [], "a track that was not there at first"


class Script:
    """A tap that gives what it is told to and then ends, breaks off, or goes on until closed."""

    def __init__(self, *samples: TapSample, then: Exception | Callable[[], None] | None = None) -> None:
        self.info = FeedInfo("rtsp://cam/live", AV, live=True)
        self.lasting = True
        self._samples, self._then = samples, then

    def samples(self) -> Iterator[TapSample]:
        yield from self._samples
        if isinstance(self._then, Exception):
            raise self._then
        if self._then is not None:
            self._then()

    def close(self) -> None:
        """Nothing to close."""


BROKEN = InputError("rtsp://cam/live: the stream broke off: gone")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(back_off, "FIRST_PAUSE_S", 0.001)


def played(*connections: Tap | Exception, lasting: bool = True, until: int = 1_000) -> list[TapSample]:
    """What comes of connections made one after the other, up to so many pictures."""
    left = list(connections)

    def open_again() -> Tap:
        one = left.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    tap = LiveUrlTap(open_again(), open_again, lasting)
    out = []
    for sample in tap.samples():
        out.append(sample)
        if sum(isinstance(one, VideoFrame) for one in out) == until:
            tap.close()
    tap.close()
    assert tap.join(5.0)
    return out


@pytest.mark.parametrize("end", [None, BROKEN], ids=["ended", "broke off"])
def test_a_stream_that_breaks_off_is_opened_again(end: Exception | None, caplog: pytest.LogCaptureFixture) -> None:
    out = played(
        Script(picture(0), picture(40), then=end),
        InputError("rtsp://cam/live: connection refused"),
        InputError("rtsp://cam/live: connection refused"),
        Script(picture(0), picture(40)),
        until=4,
    )
    times_us = [one.t_us for one in out if isinstance(one, VideoFrame)]
    assert all(before < after for before, after in pairwise(times_us))
    assert [one for one in out if isinstance(one, Gap)] == [Gap("video", times_us[1], times_us[2], "lost")]
    assert caplog.messages[:3] == [
        f"{BROKEN if end else 'rtsp://cam/live: the stream has ended'}; opening it again",
        "rtsp://cam/live: connection refused",
        "rtsp://cam/live: it is there again",
    ]


def test_where_a_stream_has_an_end_of_its_own_that_is_the_end_but_not_a_break() -> None:
    assert len(played(Script(picture(0)), lasting=False)) == 1
    out = played(Script(picture(0), then=BROKEN), Script(picture(0)), lasting=False)
    assert [type(one) for one in out] == [VideoFrame, Gap, VideoFrame]


def test_what_is_wrong_from_the_start_is_said_and_a_defect_too() -> None:
    with pytest.raises(InputError, match="the stream broke off: gone"):
        played(Script(then=BROKEN))
    with pytest.raises(Exception, match="ZeroDivisionError: oh"):
        played(Script(picture(0), then=ZeroDivisionError("oh")))


def test_it_ends_at_once_while_it_waits_or_the_network_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    hung = threading.Event()
    tap = LiveUrlTap(Script(picture(0), then=lambda: hung.wait() and None), lambda: Script(), True)
    for _ in tap.samples():
        tap.close()
    assert not tap.join(0.0)
    hung.set()
    assert tap.join(5.0)
    monkeypatch.setattr(back_off, "FIRST_PAUSE_S", 60.0)
    tap = LiveUrlTap(Script(picture(0)), lambda: Script(), True)
    for _ in tap.samples():
        tap.close()
    assert tap.join(5.0)


@pytest.mark.parametrize(("live", "kind"), [(True, LiveUrlTap), (False, Script)])
def test_watch_opens_only_live_streams_again(monkeypatch: pytest.MonkeyPatch, live: bool, kind: type) -> None:
    def opened(*_: object, **__: object) -> Script:
        tap = Script(picture(0))
        tap.info = FeedInfo("x", AV, live=live)
        return tap

    monkeypatch.setattr("liveguard.taps.file.FileTap", opened)
    tap = watch._open_url("rtsp://cam/live")
    tap.close()
    assert type(tap) is kind
