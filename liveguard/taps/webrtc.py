"""One participant's feed by WebRTC, on one timeline over any number of connections, one after the other.

event loop: Line (a connection) -> SampleQueue -> reader thread: WebRtcTap.samples()
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import av
import av.error
import numpy as np

from liveguard.audio.stream import AudioStream
from liveguard.rtc.av_clock import UNKNOWN_US, AvClock, AvOffset
from liveguard.rtc.lateness import Lateness
from liveguard.rtc.receivers import AUDIO_LATE_US, MOST_PIXELS
from liveguard.taps.capture import monotonic_us
from liveguard.taps.pictures import Pictures
from liveguard.taps.sample_queue import SampleQueue
from liveguard.types import AudioChunk, Cue, FeedInfo, Gap, GapReason, TapSample, Track, VideoFrame

POLL_S = 0.25
STALLED_US = 1_000_000  # without samples of a track
STILL_UNDER_WAY_US = 500_000  # so long before now a gap ends: what comes then must not be too late
HOLE_US = 300_000  # between two pictures, that is said
CLOCK_EVERY_US, CAMERA_EVERY_US = 1_000_000, 10_000_000
SEAM_US = 5_000  # stamps of WebRTC sound are exact counts of samples
MOST_SIDE_PX = 1920


@dataclass(frozen=True, slots=True)
class HeldPicture:
    """A decoded picture; it is turned into RGB on the reader's thread, not on the event loop."""

    t_us: int
    frame: av.VideoFrame


@dataclass(frozen=True, slots=True)
class _End:
    """How far a track has come (`t_us`), and when it got there (`at_us`, the session's own clock)."""

    t_us: int
    at_us: int


class WebRtcTap:
    """A live feed. The event loop's thread calls `connect`, `mute`, `camera` and a line's methods; one thread iterates."""

    def __init__(self, name: str, tracks: frozenset[Track], now_us: Callable[[], int] = monotonic_us) -> None:
        self.info = FeedInfo(name, tracks, live=True)
        self._clock, self._began_us = now_us, now_us()
        self._queue: SampleQueue[HeldPicture] = SampleQueue()
        self._pictures = Pictures()
        self._closed = threading.Event()
        self._ends = {track: _End(0, 0) for track in tracks}
        self._gap_ends: dict[Track, int] = dict.fromkeys(tracks, 0)
        self._muted: frozenset[Track] = frozenset()
        self._camera: Mapping[str, float | int | str] = {}
        self._line: Line | None = None
        self.lateness = Lateness()  # the event loop's
        self._cued: deque[Cue] = deque()  # appended on the event loop, taken by the reader
        self._cue_us = {"av_clock": -CLOCK_EVERY_US, "camera": -CAMERA_EVERY_US}

    @property
    def now_us(self) -> int:
        return self._clock() - self._began_us

    def connect(self) -> Line:
        """A new connection; what an earlier one still delivers is ignored from now on."""
        start_us = max(self.now_us, *(end.t_us for end in self._ends.values()), *self._gap_ends.values())
        self._line = Line(self, start_us)
        self.lateness.connected()
        return self._line

    def mute(self, tracks: frozenset[Track]) -> None:
        """These tracks are switched off on purpose; what they still send is not listened to."""
        self._muted = tracks & self.info.tracks

    def camera(self, facts: Mapping[str, float | int | str]) -> None:
        """What the browser knows of its camera; said again and again, as checks look back only so far."""
        self._camera = dict(facts)
        self._cue_us["camera"] = -CAMERA_EVERY_US

    @property
    def facts(self) -> Mapping[str, float | int | str]:
        """What the browser has said of its camera last."""
        return self._camera

    def cue(self, name: str, shown_us: int, params: Mapping[str, float | int | str]) -> int:
        """The person saw something at `shown_us` of this tap's own clock (`now_us`); returns its time on the timeline.

        A cue cannot lie behind samples that have come: what it changes, they do not show yet.
        """
        t_us = max(shown_us, *(end.t_us for end in self._ends.values()), *self._gap_ends.values())
        self._cued.append(Cue(t_us, name, dict(params)))
        return t_us

    def samples(self) -> Iterator[TapSample]:
        """Samples as they come, gaps where none do, until `close`."""
        looked_us = 0
        while not self._closed.is_set():
            sample = self._queue.get(POLL_S)
            while self._cued:
                yield self._cued.popleft()
            if sample is not None:
                yield from self._deliver(sample)
            if sample is None or self.now_us - looked_us > POLL_S * 1e6:
                looked_us = self.now_us
                yield from self._stalls()

    def close(self) -> None:
        """End the iteration. Any thread, any number of times."""
        self._closed.set()
        self._queue.close()

    # --- the event loop's side --------------------------------------------------------------------------------------

    def take(self, line: Line, track: Track, samples: list[HeldPicture | AudioChunk | Gap], end_us: int) -> None:
        """What a line has placed; `end_us` is how far its track has come."""
        if line is not self._line or track not in self._ends or track in self._muted:
            return
        if track == "video":
            self.lateness.came(end_us, self.now_us)
        for sample in samples:
            self._queue.put(sample)
        self._ends[track] = _End(end_us, self.now_us)

    def reached_us(self, track: Track) -> int:
        """How far a track has come, by samples or gaps."""
        return max(self._ends[track].t_us, self._gap_ends[track]) if track in self._ends else 0

    def is_muted(self, track: Track) -> bool:
        return track in self._muted

    # --- the reader's side ------------------------------------------------------------------------------------------

    def _deliver(self, sample: HeldPicture | AudioChunk | Gap) -> Iterator[TapSample]:
        if isinstance(sample, Gap):
            yield sample
            return
        yield from self._cues(sample.t_us)
        if isinstance(sample, AudioChunk):
            yield sample
            return
        try:
            yield VideoFrame(sample.t_us, self._pictures.rgb(_bounded(sample.frame)))
        except (av.error.FFmpegError, ValueError):  # a picture that cannot be converted is one that was lost
            yield Gap("video", sample.t_us, sample.t_us, "lost")

    def _cues(self, t_us: int) -> Iterator[Cue]:
        line, due = self._line, t_us - self._cue_us["av_clock"] >= CLOCK_EVERY_US
        # Until both tracks have come there is nothing to align.
        if line is not None and len(self._ends) > 1 and due and line.offset.uncertainty_us < UNKNOWN_US:
            self._cue_us["av_clock"] = t_us
            yield Cue(t_us, "av_clock", line.offset.params())
        if self._camera and t_us - self._cue_us["camera"] >= CAMERA_EVERY_US:
            self._cue_us["camera"] = t_us
            yield Cue(t_us, "camera", self._camera)

    def _stalls(self) -> Iterator[Gap]:
        """Gaps of tracks from which nothing has come for a while, up to shortly before now, again and again."""
        now_us = self.now_us
        for track, end in list(self._ends.items()):
            silent_us = now_us - end.at_us
            # Counted from where the track was, not by our clock: the two drift apart over hours.
            start_us, until_us = self.reached_us(track), end.t_us + silent_us - STILL_UNDER_WAY_US
            if silent_us > STALLED_US and until_us - start_us >= POLL_S * 1e6:
                self._gap_ends[track] = until_us
                yield Gap(track, start_us, until_us, self._reason(track))

    def _reason(self, track: Track) -> GapReason:
        return "muted" if track in self._muted else "lost"


class Line:
    """One connection's samples on the participant's timeline. For the event loop's thread."""

    def __init__(self, tap: WebRtcTap, start_us: int) -> None:
        self._tap = tap
        self._clock = AvClock(start_us, AUDIO_LATE_US)
        self._sound: AudioStream | None = None

    @property
    def offset(self) -> AvOffset:
        return self._clock.offset

    def video(self, frame: av.VideoFrame) -> None:
        """A decoded picture. Raises ValueError for one that is far too large."""
        if frame.width * frame.height > MOST_PIXELS:
            raise ValueError(f"pictures of {frame.width}x{frame.height} are too large; allowed is up to 2560x1600")
        t_us = self._clock.arrived("video", _media_us(frame), self._tap.now_us)
        before_us = self._tap.reached_us("video")
        samples: list[HeldPicture | AudioChunk | Gap] = []
        if t_us - before_us > HOLE_US and not self._tap.is_muted("video"):
            samples.append(Gap("video", before_us, t_us, "lost"))
        self._tap.take(self, "video", [*samples, HeldPicture(t_us, frame)], t_us)

    def audio(self, frame: av.AudioFrame) -> None:
        """Decoded sound, interleaved or planar, of any rate."""
        t_us = self._clock.arrived("audio", _media_us(frame), self._tap.now_us)
        if self._tap.is_muted("audio"):
            self._sound = None
            return
        if self._sound is None:
            self._sound = AudioStream(self._tap.reached_us("audio"), SEAM_US)
        chunks = self._sound.push(_pcm(frame), frame.sample_rate, t_us)
        self._tap.take(self, "audio", [*chunks], self._sound.end_us)

    def reported(self, track: Track, media_us: int, ntp_us: int) -> None:
        """A sender report: the sender's wall clock at a media time of the track."""
        self._clock.reported(track, media_us, ntp_us)


def _media_us(frame: av.VideoFrame | av.AudioFrame) -> int:
    if frame.pts is None or frame.time_base is None:
        raise ValueError("a frame has no time stamp")
    return int(frame.pts * frame.time_base * 1_000_000)


def _pcm(frame: av.AudioFrame) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    """(n, channels) of the frame's own number type."""
    samples = frame.to_ndarray()
    return samples.T if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels)


def _bounded(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame, made smaller if it is larger than faces need."""
    longest = max(frame.width, frame.height)
    if longest <= MOST_SIDE_PX:
        return frame
    width, height = (max(2, side * MOST_SIDE_PX // longest // 2 * 2) for side in (frame.width, frame.height))
    return frame.reformat(width=width, height=height)
