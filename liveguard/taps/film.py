"""The two tracks of a container: decoded frames to samples with times and gaps."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import av.error

from liveguard.audio.resample import frame_samples
from liveguard.audio.stream import AudioStream
from liveguard.errors import InputError
from liveguard.taps.grid import FrameGrid
from liveguard.taps.pictures import Pictures, check_size
from liveguard.taps.timeline import Timeline
from liveguard.types import AudioChunk, Gap, Track, VideoFrame

HOLE_US = 1_000_000
"""A longer time without a picture is a gap; a shorter one may be a slow or variable frame rate."""
_DAMAGE = (av.error.FFmpegError, InputError, ValueError, KeyError)


def stamp_us(pts: int | None, time_base: Fraction | None) -> int | None:
    """`pts` in microseconds, rounded to the nearest, exact for any size.

    The frames that a decoder holds back until the end come without a time base: theirs is the stream's.
    """
    if pts is None or not time_base:
        return None
    return (2 * pts * time_base.numerator * 1_000_000 + time_base.denominator) // (2 * time_base.denominator)


class VideoTrack:
    """Decodes one video stream. For one thread at a time. `errors` counts packets and frames that were
    damaged.
    """

    kind: Track = "video"

    def __init__(self, stream: av.VideoStream, timeline: Timeline, max_fps: float | None, where: str) -> None:
        self.stream = stream
        self.errors = 0
        self.decoded = 0
        self.end_us = 0
        self._timeline = timeline
        self._grid = FrameGrid(max_fps)
        self._pictures = Pictures(_tagged_turn(stream))
        self._where = where
        rate = stream.average_rate or stream.guessed_rate
        self._step_us = int(1_000_000 / rate) if rate and 1 <= rate <= 1000 else 40_000
        self._last_us: int | None = None
        self._damaged = False

    def decode(self, packet: av.Packet[av.VideoStream] | None) -> Iterator[VideoFrame | Gap]:
        """Pictures and gaps of one packet (None: what the decoder still holds); damage is counted.

        Raises `InputError` for pictures that are too large.
        """
        try:
            frames = self.stream.decode(packet)
        except _DAMAGE:
            self._count_damage()
            return
        for frame in frames:
            check_size(frame.width, frame.height, self._where)
            # A concealed frame is a guess of the decoder; it would look like an artefact of an attack.
            if frame.is_corrupt:
                self._count_damage()
            else:
                yield from self._take(frame)

    def _take(self, frame: av.VideoFrame) -> Iterator[VideoFrame | Gap]:
        stamp = stamp_us(frame.pts, frame.time_base or self.stream.time_base)
        t_us = self._timeline.place("video", stamp, self._step_us)
        if t_us < 0 or (self._last_us is not None and t_us <= self._last_us):
            return
        hole_us = t_us - self.end_us
        if hole_us > HOLE_US or (self._damaged and hole_us > self._step_us // 2):
            yield Gap("video", self.end_us, t_us, "lost")
        self._last_us, self.end_us, self._damaged = t_us, t_us + self._step_us, False
        if not self._grid.keeps(t_us):
            self.decoded += 1
            return
        try:
            image = self._pictures.rgb(frame, _aspect(self.stream))
        except _DAMAGE:
            self._count_damage()
            return
        self.decoded += 1
        yield VideoFrame(t_us, image)

    def _count_damage(self) -> None:
        self.errors += 1
        self._damaged = True


class SoundTrack:
    """Decodes one audio stream. For one thread at a time. `errors` counts packets and frames that were
    damaged.
    """

    kind: Track = "audio"

    def __init__(self, stream: av.AudioStream, timeline: Timeline) -> None:
        self.stream = stream
        self.errors = 0
        self.decoded = 0
        self.sound = AudioStream()
        self._timeline = timeline

    @property
    def end_us(self) -> int:
        return self.sound.end_us

    def decode(self, packet: av.Packet[av.AudioStream] | None) -> Iterator[AudioChunk | Gap]:
        """Sound and gaps of one packet (None: what decoder and filter still hold); damage is counted."""
        frames: list[av.AudioFrame] = []
        try:
            frames = self.stream.decode(packet)
        except _DAMAGE:
            self.errors += 1
        for frame in frames:
            try:
                yield from self._take(frame)
            except _DAMAGE:
                self.errors += 1
        if packet is None:
            yield from self.sound.flush()

    def _take(self, frame: av.AudioFrame) -> list[AudioChunk | Gap]:
        pcm, rate_hz = frame_samples(frame), frame.sample_rate
        if rate_hz <= 0 or not len(pcm):
            return []
        stamp = stamp_us(frame.pts, frame.time_base or self.stream.time_base)
        t_us = self._timeline.place("audio", stamp, len(pcm) * 1_000_000 // rate_hz)
        out = self.sound.push(pcm, rate_hz, None if stamp is None else t_us)
        self.decoded += 1
        return out


def _aspect(stream: av.VideoStream) -> float:
    """Width of one pixel over its height; 1 when the stream does not say."""
    aspect = stream.sample_aspect_ratio
    return float(aspect) if aspect else 1.0


def _tagged_turn(stream: av.VideoStream) -> int:
    """Counterclockwise degrees from the old `rotate` tag (clockwise), for containers without a display
    matrix.
    """
    tag = stream.metadata.get("rotate", "0")
    return -int(tag) if tag.lstrip("-").isdigit() else 0
