"""The only place where load is shed: between the thread that reads a feed and the one that analyses it."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from liveguard.ladder import Ladder
from liveguard.types import SAMPLE_RATE_HZ, AudioChunk, Cue, Gap, TapSample, VideoFrame

KEEP_AUDIO_SAMPLES = 2 * SAMPLE_RATE_HZ
KEEP_NOTES = 1000
FILE_SAMPLES = 64


@dataclass(slots=True)
class Shed:
    """What came in and what was not let through."""

    frames_in: int = 0
    frames_shed: int = 0
    audio_samples_shed: int = 0
    notes_shed: int = 0


class Inbox:
    """One feed's queue; any thread may `put`, one thread `get`s.

    A live feed never waits: pictures pass the ladder and then a slot for one, in which the latest wins; sound is kept up
    to 2 s, the oldest goes first and leaves a gap. A file is never shed: `put` waits until there is room.
    """

    def __init__(self, live: bool) -> None:
        self.shed = Shed()
        self._live = live
        self._ladder = Ladder()
        self._condition = threading.Condition()
        self._frame: VideoFrame | None = None
        self._queue: deque[AudioChunk | Cue | Gap | VideoFrame] = deque()
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
                self._condition.wait_for(lambda: self._closed or len(self._queue) < FILE_SAMPLES)
            if self._closed:
                return
            if isinstance(sample, VideoFrame):
                self._put_frame(sample)
            elif isinstance(sample, AudioChunk):
                self._put_audio(sample)
            elif len(self._queue) < KEEP_NOTES:
                self._queue.append(sample)
            else:
                self.shed.notes_shed += 1
            self._condition.notify_all()

    def get(self, timeout_s: float | None = None) -> TapSample | None:
        """The next sample, sound first as it is cheap; None once closed and empty, or when `timeout_s` has passed."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._queue or self._frame is not None, timeout_s)
            if self._queue:
                sample = self._queue.popleft()
                if isinstance(sample, AudioChunk):
                    self._audio_samples -= len(sample.pcm)
                self._condition.notify_all()
                return sample
            frame, self._frame = self._frame, None
            return frame

    def worked(self, t_us: int, service_us: int) -> None:
        """Tell the ladder how long the picture of time `t_us` took."""
        if self._live:
            with self._condition:
                self._ladder.worked(t_us, service_us)

    @property
    def closed(self) -> bool:
        """Closed, and everything taken out."""
        with self._condition:
            return self._closed and not self._queue and self._frame is None

    def close(self) -> None:
        """No more samples come; what is there can still be taken."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _put_frame(self, frame: VideoFrame) -> None:
        self.shed.frames_in += 1
        if not self._live:
            self._queue.append(frame)
        elif not self._ladder.admits(frame.t_us):
            self.shed.frames_shed += 1
        else:
            self.shed.frames_shed += self._frame is not None
            self._frame = frame

    def _put_audio(self, chunk: AudioChunk) -> None:
        self._queue.append(chunk)
        self._audio_samples += len(chunk.pcm)
        while self._live and self._audio_samples > KEEP_AUDIO_SAMPLES and self._drop_oldest_audio():
            pass

    def _drop_oldest_audio(self) -> bool:
        for at, sample in enumerate(self._queue):
            if isinstance(sample, AudioChunk):
                count = len(sample.pcm)
                end_us = sample.t_us + count * 1_000_000 // SAMPLE_RATE_HZ
                self._queue[at] = Gap("audio", sample.t_us, end_us, "shed")
                self._audio_samples -= count
                self.shed.audio_samples_shed += count
                return True
        return False
