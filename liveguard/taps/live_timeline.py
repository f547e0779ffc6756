"""Where the samples of a stream lie whose connection breaks off and is made anew, and what is missing meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from liveguard.types import SAMPLE_RATE_HZ, AudioChunk, Gap, TapSample, Track, VideoFrame

LEAST_GAP_US = 250_000  # what is missing is said in pieces of at least this length
STILL_UNDER_WAY_US = 500_000  # so long before now a gap ends: what comes then must not be too late


@dataclass(frozen=True, slots=True)
class _End:
    """How far the samples of a track have come (`t_us`), and when they did (`at_us`, by the clock)."""

    t_us: int
    at_us: int


class LiveTimeline:
    """For one thread. Both tracks are moved together, so that they stay aligned.

    The clock says only how long nothing has come. While samples come, time is theirs.
    """

    def __init__(self, tracks: frozenset[Track], now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._ends = {track: _End(0, now_us()) for track in sorted(tracks)}
        self._gap_ends: dict[Track, int] = dict.fromkeys(self._ends, 0)
        self._missing: set[Track] = set()
        self._begins: Callable[[int], int] | None = None  # of a sample's time: which one is to become the present
        self._offset_us = 0

    def connected(self) -> None:
        """What comes from now on is of a new connection, whose times begin at 0."""
        self._missing = set(self._ends)
        self._begins = lambda _: 0

    def place(self, sample: TapSample) -> Iterator[TapSample]:
        """The sample on the timeline, after the gap that it ends; a track that the stream did not have at first is left
        out.
        """
        if not isinstance(sample, VideoFrame | AudioChunk | Gap):
            return
        track, start_us, end_us = _extent(sample)
        if track not in self._ends:
            return
        if self._begins is not None:
            self._offset_us, self._begins = self._present_us() - self._begins(start_us), None
        start_us, end_us = start_us + self._offset_us, end_us + self._offset_us
        reached_us = self._reached_us(track)
        if end_us < reached_us:  # of one track that was held up while the other went on: it was called lost
            return
        if track in self._missing:
            self._missing.remove(track)
            if start_us > reached_us:
                yield Gap(track, reached_us, start_us, "lost")
        self._ends[track] = _End(max(end_us, self._ends[track].t_us), self._now_us())
        if not isinstance(sample, Gap):
            yield replace(sample, t_us=start_us)
        elif end_us > reached_us:
            yield replace(sample, start_us=max(start_us, reached_us), end_us=end_us)

    def missing(self, patience_us: int) -> Iterator[Gap]:
        """Gaps of tracks from which nothing has come for longer than `patience_us`, up to shortly before now."""
        for track, end in self._ends.items():
            silent_us = self._now_us() - end.at_us
            start_us, until_us = self._reached_us(track), end.t_us + silent_us - STILL_UNDER_WAY_US
            if silent_us > patience_us and until_us - start_us >= LEAST_GAP_US:
                self._gap_ends[track] = until_us
                self._missing.add(track)
                yield Gap(track, start_us, until_us, "lost")
        if self._begins is None and len(self._missing) == len(self._ends):
            # Held up or broken off: in either case what comes next would lie within the gap that was said.
            self._begins = lambda start_us: start_us

    def _reached_us(self, track: Track) -> int:
        """How far a track has come, by samples or gaps."""
        return max(self._ends[track].t_us, self._gap_ends[track])

    def _present_us(self) -> int:
        return max(end.t_us + self._now_us() - end.at_us for end in self._ends.values())


def _extent(sample: VideoFrame | AudioChunk | Gap) -> tuple[Track, int, int]:
    if isinstance(sample, Gap):
        return sample.kind, sample.start_us, sample.end_us
    if isinstance(sample, AudioChunk):
        return "audio", sample.t_us, sample.t_us + len(sample.pcm) * 1_000_000 // SAMPLE_RATE_HZ
    return "video", sample.t_us, sample.t_us
