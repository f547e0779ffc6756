"""A file or a network stream as a feed."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import av
import av.error
from av.codec.context import ThreadType
from av.container import InputContainer
from av.stream import Disposition

from liveguard.errors import InputError
from liveguard.taps.film import SoundTrack, VideoTrack, stamp_us
from liveguard.taps.interleave import by_time
from liveguard.taps.pictures import MAX_PIXELS, check_size
from liveguard.taps.source import open_source, parse_source, say
from liveguard.taps.timeline import AHEAD_US, Timeline
from liveguard.types import FeedInfo, Gap, TapSample, Track

_BAD_READS = 20
"""So many failed reads in a row, and the rest of the file is taken for lost."""
_TAIL_US = 1_000_000
_TRACK_WORDS: Mapping[Track, str] = {"video": "moving picture", "audio": "sound"}
_TRUSTED_LENGTH = ("mov", "matroska")  # elsewhere the length is often an estimate from the bit rate


class FileTap:
    """Plays a media file, or an http(s), rtsp(s) or rtmp(s) stream, as fast as it is asked for.

    Times begin at 0 with the earliest track. Within one track samples come in order of time; tracks come as
    they are interleaved. Damaged parts become `Gap`s with the reason "lost". Iterate on one thread; `close`
    may be called from any and returns at once: iteration ends at the next packet, on the network after
    `timeout_s` at the latest.

    `max_fps`: pictures beyond this rate are decoded but not converted. `threads`: of the video decoder.
    `tracks`: those to play, if the source has them; times begin as if all were played.
    Raises `InputError`, here when the source cannot be opened, in `samples` when nothing in it can be
    decoded or a live stream breaks.
    """

    def __init__(
        self,
        url_or_path: str | Path,
        *,
        max_fps: float | None = None,
        threads: int = 1,
        timeout_s: float = 10.0,
        name: str | None = None,
        tracks: Collection[Track] = ("video", "audio"),
    ) -> None:
        self._closed = threading.Event()
        self._source = parse_source(url_or_path)
        self._container = open_source(self._source, timeout_s)
        try:
            self._tracks = self._open_tracks(max_fps, threads, tracks)
            self.info = self._describe(name)
        except BaseException:
            self._container.close()
            raise
        self._started = False

    @property
    def lasting(self) -> bool:
        """Whether it is a live stream without an end of its own, so that where it ends it was interrupted: it tells no length,
        neither in time nor in bytes. HLS says when it has ended.
        """
        sized = self._container.size > 0 or self._container.format.name == "hls"
        return self._source.always_live or (self.info.live and not sized)

    @property
    def errors(self) -> int:
        """Packets and frames that could not be decoded so far."""
        return sum(track.errors for track in self._tracks)

    @property
    def bad_samples(self) -> int:
        """NaN and infinite sound samples so far, which were replaced by silence."""
        return sum(t.sound.bad_samples for t in self._tracks if isinstance(t, SoundTrack))

    def close(self) -> None:
        """End the iteration. Any thread, any number of times."""
        self._closed.set()

    def samples(self) -> Iterator[TapSample]:
        """All samples, once. The container is released when the iteration ends."""
        if self._started:
            raise InputError(f"{self._source.name}: is read once only; open it again")
        self._started = True
        try:
            yield from self._play()
        finally:
            self._container.close()

    def _play(self) -> Iterator[TapSample]:
        """Packets one by one; a read that fails is tried again, as a demuxer may find the next packet
        behind damage.
        """
        failures, why = 0, ""
        while not self._closed.is_set():
            try:
                for packet in self._packets():
                    yield from self._decode(packet)
                    failures = 0
                    if self._closed.is_set():
                        return
                break
            except av.error.FFmpegError as error:
                failures, why = failures + 1, say(error)
                if self.info.live:
                    raise InputError(f"{self.info.name}: the stream broke off: {why}") from None
                if failures >= _BAD_READS or isinstance(error, av.error.ExitError):
                    break
        if self._closed.is_set():
            return
        for track in self._tracks:
            yield from track.decode(None)
        yield from self._tail(bool(why))
        if not any(track.decoded for track in self._tracks):
            raise InputError(f"{self._source.name}: nothing in it can be decoded; it is damaged")

    def _packets(self) -> Iterator[av.Packet[Any]]:
        """The packets of our tracks; of a file in order of time, of a live stream as they come."""
        packets = (p for p in self._container.demux(*(track.stream for track in self._tracks)) if p.size)
        if self.info.live or len(self._tracks) < 2:
            return packets
        place = {track.stream.index: number for number, track in enumerate(self._tracks)}
        return by_time(
            packets,
            len(self._tracks),
            lambda p: place[p.stream_index],
            lambda p: stamp_us(p.dts if p.dts is not None else p.pts, p.time_base),
            lambda p: p.size,
        )

    def _decode(self, packet: av.Packet[Any]) -> Iterator[TapSample]:
        for track in self._tracks:
            if track.stream.index == packet.stream_index:
                yield from track.decode(packet)

    def _tail(self, broken: bool) -> list[Gap]:
        """What the header promised and the file does not hold."""
        promised_us = round((self.info.seconds or 0) * 1e6)
        certain = broken or self.errors > 0 or self._container.format.name.startswith(_TRUSTED_LENGTH)
        furthest_us = max(track.end_us for track in self._tracks)
        if self.info.live or not certain or not _TAIL_US < promised_us - furthest_us < AHEAD_US:
            return []
        return [Gap(track.kind, track.end_us, promised_us, "lost") for track in self._tracks]

    def _open_tracks(
        self, max_fps: float | None, threads: int, wanted: Collection[Track]
    ) -> list[VideoTrack | SoundTrack]:
        video, audio = _best_video(self._container), _best_audio(self._container)
        streams = [stream for stream in (video, audio) if stream is not None]
        starts = [stamp_us(stream.start_time, stream.time_base) for stream in streams]
        timeline = Timeline(min((start for start in starts if start is not None), default=0))
        tracks: list[VideoTrack | SoundTrack] = []
        if video is not None and "video" in wanted:
            check_size(video.width, video.height, self._source.name)
            video.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            video.thread_count = threads
            video.thread_type = ThreadType.AUTO if threads > 1 else ThreadType.NONE
            tracks.append(VideoTrack(video, timeline, max_fps, self._source.name))
        if audio is not None and "audio" in wanted:
            tracks.append(SoundTrack(audio, timeline))
        if not tracks:
            what = " and no ".join(_TRACK_WORDS[track] for track in wanted)
            raise InputError(f"{self._source.name}: has no {what} that can be decoded")
        return tracks

    def _describe(self, name: str | None) -> FeedInfo:
        duration_us = self._container.duration
        on_web = self._source.scheme.startswith("http")
        live = self._source.always_live or (on_web and duration_us is None)
        if duration_us and self._container.format.name.startswith("matroska"):
            duration_us -= max(0, self._container.start_time or 0)  # Matroska's length counts from 0
        seconds = None if live or not duration_us or duration_us < 0 else duration_us / 1e6
        kinds: frozenset[Track] = frozenset(track.kind for track in self._tracks)
        return FeedInfo(name or self._source.name, kinds, live, seconds)


_NOT_MOVING = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image


def _best_video(container: InputContainer) -> av.VideoStream | None:
    """The stream that FFmpeg takes for the main one; cover art and thumbnails are no video."""
    usable = [s for s in container.streams.video if s.codec_context and not s.disposition & _NOT_MOVING]
    best = container.streams.best("video")
    return next((s for s in usable if s is best), max(usable, key=lambda s: s.width * s.height, default=None))


def _best_audio(container: InputContainer) -> av.AudioStream | None:
    usable = [s for s in container.streams.audio if s.codec_context]
    best = container.streams.best("audio")
    return next((s for s in usable if s is best), usable[0] if usable else None)
