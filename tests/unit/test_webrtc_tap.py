"""A participant's feed in virtual time: what is missing is said, muted is not lost, and the newest connection counts."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from liveguard.rtc.receivers import MOST_PIXELS
from liveguard.taps import webrtc
from liveguard.taps.webrtc import MOST_SIDE_PX, Line, WebRtcTap
from liveguard.types import AudioChunk, Cue, Gap, TapSample, Track, VideoFrame

BOTH: frozenset[Track] = frozenset(("video", "audio"))


class Clock:
    def __init__(self) -> None:
        self.us = 7_000_000_000

    def __call__(self) -> int:
        return self.us


class Feed:
    """A tap, and media that arrive as they are made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tracks: frozenset[Track] = BOTH) -> None:
        monkeypatch.setattr(webrtc, "POLL_S", 0.0)
        self.clock = Clock()
        self.tap = WebRtcTap("guest", tracks, self.clock)
        self.line = self.tap.connect()
        self._pull = self.tap.samples()
        self.got: list[TapSample] = []

    def play(
        self,
        seconds: float,
        media_s: float = 0.0,
        line: Line | None = None,
        size: tuple[int, int] = (64, 48),
        speed: float = 1.0,
    ) -> None:
        """Pictures at 25 fps and sound, as far as there are tracks; `speed`: of the clock that stamps them."""
        line = line or self.line
        for k in range(int(seconds * 25)):
            at_s = media_s + k / 25 * speed
            if "video" in self.tap.info.tracks:
                line.video(picture(at_s, size))
            if "audio" in self.tap.info.tracks:
                line.audio(sound(at_s))
            self.clock.us += 40_000
            if k % 3 == 0:  # a reader that is not too slow
                self.got.extend(self.drain())

    def drain(self) -> list[TapSample]:
        """All that waits, and the gaps that are due."""
        found: list[TapSample] = []
        while any(lane.waits for lane in self.tap._queue._lanes.values()):
            found.append(next(self._pull))
        return found

    def silence(self, seconds: float) -> list[Gap]:
        """Nothing arrives for so long."""
        self.got.extend(self.drain())
        self.clock.us += int(seconds * 1e6)
        return list(self.tap._stalls())


def picture(at_s: float, size: tuple[int, int] = (64, 48)) -> av.VideoFrame:
    frame = av.VideoFrame(*size, "yuv420p")
    frame.pts, frame.time_base = round(at_s * 90_000), Fraction(1, 90_000)
    return frame


def sound(at_s: float) -> av.AudioFrame:
    """40 ms, stereo."""
    frame = av.AudioFrame.from_ndarray(np.full((1, 2 * 1920), 1000, np.int16), format="s16", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, round(at_s * 48_000), Fraction(1, 48_000)
    return frame


def test_pictures_and_sound_come_in_order_on_one_timeline(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Feed(monkeypatch)
    feed.play(2.0)
    shown = [sample for sample in feed.got if isinstance(sample, VideoFrame)]
    heard = [sample for sample in feed.got if isinstance(sample, AudioChunk)]
    assert [b.t_us - a.t_us for a, b in pairwise(shown)] == [40_000] * (len(shown) - 1)
    assert shown[0].image.shape == (48, 64, 3)
    assert abs(heard[0].t_us - shown[0].t_us) < 60_000
    assert sum(len(chunk.pcm) for chunk in heard) == pytest.approx(2.0 * 16_000, rel=0.1)
    assert not [sample for sample in feed.got if isinstance(sample, Gap)]
    clocks = [sample for sample in feed.got if isinstance(sample, Cue) and sample.name == "av_clock"]
    assert len(clocks) == 2, "once a second"
    assert clocks[0].params["source"] == "arrival"


def test_silence_is_said_while_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Feed(monkeypatch)
    feed.play(1.0)
    assert feed.silence(0.9) == []
    gaps = feed.silence(2.1)
    assert {(gap.kind, gap.reason) for gap in gaps} == {("video", "lost"), ("audio", "lost")}
    more = feed.silence(1.0)
    for first, second in zip(gaps, more, strict=True):
        assert second.start_us == first.end_us, "one goes on where the other ended"
        assert second.end_us - first.end_us == 1_000_000
    assert all(gap.end_us < feed.tap.now_us for gap in more), "what is under way may still come in time"


@pytest.mark.parametrize("tracks", [BOTH, frozenset({"video"}), frozenset({"audio"})])
def test_a_sender_whose_clock_all_but_stands_still_is_said_to_be_missing(
    monkeypatch: pytest.MonkeyPatch, tracks: frozenset[Track]
) -> None:
    feed = Feed(monkeypatch, tracks)
    feed.play(5.0)
    feed.play(60.0, media_s=5.0, speed=0.01)
    feed.got.extend(feed.drain())
    for track in tracks:
        assert feed.tap.now_us - feed.tap.reached_us(track) < 7_500_000
        gaps = [gap for gap in feed.got if isinstance(gap, Gap) and gap.kind == track and gap.start_us > 5_000_000]
        assert {gap.reason for gap in gaps} == {"lost"}
        assert sum(gap.end_us - gap.start_us for gap in gaps) > 50_000_000
        assert max(b.start_us - a.end_us for a, b in pairwise(gaps)) < 200_000


def test_what_is_switched_off_is_muted_not_lost_and_not_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Feed(monkeypatch)
    feed.play(1.0)
    feed.tap.mute(frozenset({"audio"}))
    before = sum(isinstance(sample, AudioChunk) for sample in feed.got + feed.drain())
    feed.play(3.0, 1.0)
    assert sum(isinstance(sample, AudioChunk) for sample in feed.got) <= before
    gaps = feed.silence(0.1)
    assert [(gap.kind, gap.reason) for gap in gaps] == [("audio", "muted")]


def test_a_new_connection_goes_on_where_the_old_one_ended_and_the_old_one_is_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feed = Feed(monkeypatch)
    feed.play(1.0, media_s=500.0)
    old = feed.line
    feed.silence(4.0)
    reached_us = feed.tap.reached_us("video")
    feed.line = feed.tap.connect()
    feed.got.clear()
    feed.play(1.0, media_s=12.0)  # media times of its own
    shown = [sample.t_us for sample in feed.got if isinstance(sample, VideoFrame)]
    assert shown[0] >= reached_us
    assert [sample for sample in feed.got if isinstance(sample, Gap) and sample.kind == "video"]
    feed.got.extend(feed.drain())
    feed.got.clear()
    feed.play(0.5, media_s=501.0, line=old)
    assert feed.got == []


def test_camera_facts_are_said_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Feed(monkeypatch, frozenset({"video"}))
    feed.tap.camera({"label": "a camera"})
    feed.play(25.0)
    told = [sample.t_us for sample in feed.got if isinstance(sample, Cue)]
    assert [round((b - a) / 1e6) for a, b in pairwise(told)] == [10, 10]


def test_pictures_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Feed(monkeypatch, frozenset({"video"}))
    feed.play(0.2, size=(2400, 1200))
    shown = next(sample for sample in feed.got if isinstance(sample, VideoFrame))
    assert shown.image.shape == (MOST_SIDE_PX // 2, MOST_SIDE_PX, 3)
    with pytest.raises(ValueError, match="too large"):
        feed.line.video(picture(1.0, (4096, MOST_PIXELS // 4096 + 16)))
