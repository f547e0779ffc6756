"""Where the analysis sheds load, and nowhere else: between the thread that reads a feed and the one that analyses it.

Live taps bound what waits before it (`taps.sample_queue`), and say what they dropped.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

from liveguard.ladder import Ladder
from liveguard.types import SAMPLE_RATE_HZ, AudioChunk, Cue, Gap, TapSample, VideoFrame

KEEP_AUDIO_SAMPLES = 2 * SAMPLE_RATE_HZ
KEEP_NOTES = 1000
FILE_SAMPLES = 64

T = TypeVar("T")
Lane: TypeAlias = deque[tuple[int, T]]


@dataclass(slots=True)
class Shed:
    """What came in and what was not let through."""

    frames_in: int = 0
    frames_shed: int = 0
    audio_samples_shed: int = 0


class Inbox:
    """One feed's queue; any thread may `put`, one thread `get`s.

    A live feed never waits: pictures pass the ladder and then a slot for one, in which the latest wins; sound is kept up
    to 2 s, the oldest goes first and leaves one gap. A file is never shed: `put` waits until there is room.
    """

    def __init__(self, live: bool) -> None:
        self.shed = Shed()
        self._live = live
        self._ladder = Ladder()
        self._condition = threading.Condition()
        self._number = 0  # of the latest sample: lanes hold samples with their numbers, and the lowest goes first
        self._sound: Lane[AudioChunk] = deque()
        self._hole: Lane[Gap] = deque(maxlen=1)  # the sound that was dropped before the first in `_sound`
        self._notes: Lane[Cue | Gap | VideoFrame] = deque()  # all but sound; of a live feed nothing of the video
        self._picture: Lane[VideoFrame] = deque(maxlen=1)
        self._video_gaps: Lane[Gap] = deque()
        # Sound first, as it is cheap. A video gap must not overtake the picture: it would close the picture's time.
        self._lanes = ((self._hole, self._sound, self._notes), (self._picture, self._video_gaps))
        self._audio_samples = 0
        self._closed = False

    @property
    def rate_hz(self) -> float:
        """The rate of pictures that is let in at present."""
        return self._ladder.rate_hz

    def put(self, sample: TapSample) -> None:
        """Take one sample in; for a file, wait for room. After `close` nothing is taken."""
        with self._condition:
            if not self._live:
                self._condition.wait_for(lambda: self._closed or len(self._notes) + len(self._sound) < FILE_SAMPLES)
            if self._closed:
                return
            self._number += 1
            if isinstance(sample, VideoFrame):
                self._put_frame(sample)
            elif isinstance(sample, AudioChunk):
                self._put_audio(sample)
            elif self._live and isinstance(sample, Gap) and sample.kind == "video":
                self._put_note(self._video_gaps, sample)
            else:
                self._put_note(self._notes, sample)
            self._condition.notify_all()

    def get(self, timeout_s: float | None = None) -> TapSample | None:
        """The next sample; None once closed and empty, or when `timeout_s` has passed."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._waits, timeout_s)
            for lanes in self._lanes:
                full = [lane for lane in lanes if lane]
                if full:
                    _, sample = min(full, key=lambda lane: lane[0][0]).popleft()
                    if isinstance(sample, AudioChunk):
                        self._audio_samples -= len(sample.pcm)
                    self._condition.notify_all()
                    return sample
            return None

    def worked(self, t_us: int, service_us: int) -> None:
        """Tell the ladder how long the picture of time `t_us` took."""
        if self._live:
            with self._condition:
                self._ladder.worked(t_us, service_us)

    @property
    def closed(self) -> bool:
        """Closed, and everything taken out."""
        with self._condition:
            return self._closed and not self._waits

    def close(self) -> None:
        """No more samples come; what is there can still be taken."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    @property
    def _waits(self) -> bool:
        return any(lane for lanes in self._lanes for lane in lanes)

    def _put_frame(self, frame: VideoFrame) -> None:
        self.shed.frames_in += 1
        if not self._live:
            self._notes.append((self._number, frame))
        elif not self._ladder.admits(frame.t_us):
            self.shed.frames_shed += 1
        else:
            self.shed.frames_shed += len(self._picture)
            self._picture.append((self._number, frame))

    def _put_audio(self, chunk: AudioChunk) -> None:
        self._sound.append((self._number, chunk))
        self._audio_samples += len(chunk.pcm)
        while self._live and self._audio_samples > KEEP_AUDIO_SAMPLES and len(self._sound) > 1:
            self._drop_oldest_audio()

    def _drop_oldest_audio(self) -> None:
        number, chunk = self._sound.popleft()
        count = len(chunk.pcm)
        start_us = self._hole[0][1].start_us if self._hole else chunk.t_us
        end_us = chunk.t_us + count * 1_000_000 // SAMPLE_RATE_HZ
        # It takes the latest one's turn, so that no cue that came before is overtaken.
        self._hole.append((number, Gap("audio", start_us, end_us, "shed")))
        self._audio_samples -= count
        self.shed.audio_samples_shed += count

    def _put_note(self, lane: Lane[Any], note: Cue | Gap) -> None:
        number, last = lane[-1] if lane else (0, None)
        if self._live and isinstance(note, Gap) and isinstance(last, Gap) and _follows(last, note):
            # A device that stays away says so again and again: one gap grows.
            lane[-1] = number, replace(last, end_us=max(last.end_us, note.end_us))
        elif len(lane) < KEEP_NOTES:
            lane.append((self._number, note))


def _follows(last: Gap, note: Gap) -> bool:
    """Whether `note` goes on where `last` ends."""
    return (last.kind, last.reason) == (note.kind, note.reason) and last.start_us <= note.start_us <= last.end_us
