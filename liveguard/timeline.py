"""What is remembered of a session, and how far each track has come.

A track's samples come in order. Its mark is the time up to which it is complete. The watermark is the time up to which
*all* tracks are complete, or 600 ms behind the furthest, whichever is later: what comes in behind it is too late, is
counted and leaves a gap, so that what lies before it never changes again.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from typing import TypeVar

import numpy as np

from liveguard.audio.features import BLOCK_NEEDS, SpeechFeatures, no_speech
from liveguard.audio.ring import AudioRing
from liveguard.types import (
    LASTS,
    SAMPLE_RATE_HZ,
    AudioChunk,
    Cue,
    FaceSample,
    FeedInfo,
    FrameSample,
    Gap,
    Need,
    Observation,
    Sample,
    Track,
    Window,
)

STALL_US = 600_000  # more than sender reports may place sound and picture apart (`rtc.av_clock.TRUST_US`)
JOIN_SAMPLES = 16  # 1 ms: chunks that follow each other this closely are one sound without a seam
SEEN_GAP_US = 500_000  # pictures further apart than this leave a hole in the coverage
SPARE_US = 1_000_000

T = TypeVar("T", FaceSample, FrameSample, Cue, Gap)


def to_index(t_us: int) -> int:
    """The sample index nearest to `t_us`."""
    return (t_us * SAMPLE_RATE_HZ + 500_000) // 1_000_000


class Timeline:
    """Owned by the session's thread. Keeps `keep_us` of everything; `late` counts what came too late, by track."""

    def __init__(self, feed: FeedInfo, keep_us: int, wants_audio: bool) -> None:
        self.feed = feed
        self.late: Counter[str] = Counter()
        self.keep_us = keep_us + SPARE_US + STALL_US
        self._marks: dict[Track, int] = dict.fromkeys(sorted(feed.tracks), 0)
        self._watermark_us = 0
        self._frames: list[FrameSample] = []
        self._faces: dict[int, list[FaceSample]] = {}
        self._crowded_us: list[int] = []  # when there were more faces than may be followed
        self._cues: list[Cue] = []
        self._gaps: list[Gap] = []
        self._growing: dict[Track, Gap] = {}  # those of tracks of which nothing has come in time since
        with_audio = wants_audio and "audio" in feed.tracks
        self._ring = AudioRing(self.keep_us * SAMPLE_RATE_HZ // 1_000_000) if with_audio else None
        self._speech = SpeechFeatures(self.keep_us) if with_audio else None

    @property
    def watermark_us(self) -> int:
        return self._watermark_us

    @property
    def end_us(self) -> int:
        """How far the furthest track has come."""
        return max(self._marks.values(), default=0)

    def add(self, sample: Sample) -> None:
        """Take one sample in; one that lies behind the watermark is dropped and counted in `late`.

        What is too old by now is forgotten here, not when the watermark moved: the windows that had become due by then
        still had to be cut.
        """
        self._forget(self._watermark_us - self.keep_us)
        if isinstance(sample, Observation):
            self._add_observation(sample)
        elif isinstance(sample, AudioChunk):
            self._add_audio(sample)
        elif isinstance(sample, Gap):
            self._gaps.append(sample)
            self._advance(sample.kind, sample.end_us)
        elif sample.t_us < self._watermark_us:
            self.late["cue"] += 1
        else:
            insort(self._cues, sample, key=_time)
        low, high = min(self._marks.values(), default=0), self.end_us
        self._close(max(low, high - STALL_US))

    def finish(self) -> None:
        """The feed has ended: all tracks are complete up to the end of the longest."""
        if len(self._frames) > 1:
            steps = np.diff([frame.t_us for frame in self._frames[-25:]])
            self._advance("video", self._frames[-1].t_us + int(np.median(steps)))
        self._close(self.end_us)

    def window(self, need: Need, end_us: int, track: int | None) -> Window:
        """What `need` asks for, of the time that ends at `end_us`; at the start of a feed it may be shorter."""
        start_us = max(end_us - need.length_us, 0)
        video_from, audio_from = max(end_us - need.video_us, 0), max(end_us - need.audio_us, 0)
        frames = tuple(_between(self._frames, video_from, end_us)) if need.video_us and need.scope == "feed" else ()
        faces: tuple[FaceSample, ...] = ()
        if need.video_us and track is not None:
            faces = tuple(_between(self._faces.get(track, []), video_from, end_us))
        pcm, present, pcm_start = np.zeros(0, np.float32), np.zeros(0, np.bool_), to_index(audio_from)
        speech = no_speech()
        if need.audio_us and self._ring is not None and self._speech is not None:
            pcm, present = self._ring.read(pcm_start, to_index(end_us))
            speech = self._speech.between(audio_from, end_us)
        shares = []
        if need.video_us:
            shares.append(_seen_us(faces or frames, end_us) / need.video_us)
        if need.audio_us:
            shares.append(np.count_nonzero(present) / (need.audio_us * SAMPLE_RATE_HZ / 1e6))
        # A reading about a whole feed is about its last stretch: who left before that is no peer of it.
        peers_from = end_us - (need.evidence_us or need.length_us) if need.scope == "feed" else start_us
        return Window(
            start_us=start_us,
            end_us=end_us,
            feed=self.feed,
            track=track,
            faces=faces,
            frames=frames,
            pcm=pcm,
            pcm_start_us=pcm_start * 1_000_000 // SAMPLE_RATE_HZ,
            speech=speech,
            cues=tuple(_between(self._cues, start_us, end_us)),
            gaps=tuple(gap for gap in self._gaps if gap.end_us > start_us and gap.start_us < end_us),
            peers=tuple(other for other in self.people(peers_from, end_us) if other != track),
            coverage=min(1.0, *shares) if shares else 1.0,
            unfollowed=bisect_left(self._crowded_us, peers_from) < bisect_left(self._crowded_us, end_us),
        )

    def tracks(self, start_us: int, end_us: int) -> list[int]:
        """Numbers of the faces seen in [start_us, end_us)."""
        return sorted(track for track, faces in self._faces.items() if _between(faces, start_us, end_us))

    def people(self, start_us: int, end_us: int) -> list[int]:
        """Of these, the ones that were not taken for a picture on the wall when last seen."""
        seen = {track: _between(self._faces[track], start_us, end_us) for track in self.tracks(start_us, end_us)}
        return [track for track, faces in seen.items() if not faces[-1].picture]

    def cue_end_us(self, name: str, after_us: int) -> int | None:
        """When the first cue of this name is over that ends after `after_us`; None where there is none."""
        ends = (cue.t_us + int(cue.params.get(LASTS, 0)) for cue in self._cues if cue.name == name)
        return min((end_us for end_us in ends if end_us > after_us), default=None)

    def _add_observation(self, seen: Observation) -> None:
        if seen.t_us < self._watermark_us:
            self._too_late("video", seen.t_us, seen.t_us)
            return
        if self._frames and seen.t_us <= self._frames[-1].t_us:
            self.late["video"] += 1
            return
        self._growing.pop("video", None)
        self._frames.append(seen.frame)
        if seen.unfollowed:
            self._crowded_us.append(seen.t_us)
        for face in seen.faces:
            self._faces.setdefault(face.track, []).append(face)
        self._advance("video", seen.t_us)

    def _add_audio(self, chunk: AudioChunk) -> None:
        if self._ring is None:
            self._advance("audio", chunk.t_us + len(chunk.pcm) * 1_000_000 // SAMPLE_RATE_HZ)
            return
        index, end = to_index(chunk.t_us), self._ring.end
        if abs(index - end) <= JOIN_SAMPLES:
            index = end
        closed = to_index(self._watermark_us)
        late = min(max(closed - index, 0), len(chunk.pcm))
        if late > JOIN_SAMPLES:
            self._too_late("audio", chunk.t_us, chunk.t_us + late * 1_000_000 // SAMPLE_RATE_HZ)
        if late < len(chunk.pcm):
            self._growing.pop("audio", None)
        pcm = np.nan_to_num(chunk.pcm[late:], nan=0.0, posinf=0.0, neginf=0.0)
        self._ring.write(index + late, np.clip(pcm, -1.0, 1.0))
        self._advance("audio", self._ring.end * 1_000_000 // SAMPLE_RATE_HZ)

    def _too_late(self, track: Track, start_us: int, end_us: int) -> None:
        """Count what is left out. One gap grows for as long as nothing of the track comes in time."""
        self.late[track] += 1
        begun = self._growing.get(track)
        if begun is not None and begun in self._gaps and start_us - begun.end_us <= SEEN_GAP_US:
            self._gaps.remove(begun)
            start_us, end_us = min(begun.start_us, start_us), max(begun.end_us, end_us)
        self._growing[track] = Gap(track, start_us, end_us, "late")
        self._gaps.append(self._growing[track])

    def _advance(self, track: Track, t_us: int) -> None:
        self._marks[track] = max(self._marks.get(track, 0), t_us)

    def _close(self, t_us: int) -> None:
        if t_us <= self._watermark_us:
            return
        self._watermark_us = t_us
        if self._ring is not None and self._speech is not None:
            closed = to_index(t_us)
            self._speech.skip_to(to_index(max(t_us - self.keep_us, 0)))
            while (start := self._speech.next_block_at) + BLOCK_NEEDS <= closed:
                self._speech.add_block(*self._ring.read(start, start + BLOCK_NEEDS))

    def _forget(self, before_us: int) -> None:
        self._frames = _since(self._frames, before_us)
        del self._crowded_us[: bisect_left(self._crowded_us, before_us)]
        self._cues = _since(self._cues, before_us)
        if any(gap.end_us < before_us for gap in self._gaps):
            self._gaps = [gap for gap in self._gaps if gap.end_us >= before_us]
        for track in [track for track, faces in self._faces.items() if faces[0].t_us < before_us]:
            kept = _since(self._faces[track], before_us)
            if kept:
                self._faces[track] = kept
            else:
                del self._faces[track]


def _time(item: FaceSample | FrameSample | Cue | Gap) -> int:
    return item.start_us if isinstance(item, Gap) else item.t_us


def _between(items: list[T], start_us: int, end_us: int) -> list[T]:
    return items[bisect_left(items, start_us, key=_time) : bisect_left(items, end_us, key=_time)]


def _since(items: list[T], before_us: int) -> list[T]:
    """The items from `before_us` on; the list itself, so long as too few are old for a copy to pay."""
    old = bisect_left(items, before_us, key=_time)
    return items[old:] if old > 32 or old == len(items) else items


def _seen_us(samples: tuple[FaceSample, ...] | tuple[FrameSample, ...], end_us: int) -> int:
    """For how long there were pictures, taking each to last until the next."""
    if not samples:
        return 0
    t_us = np.array([sample.t_us for sample in samples] + [end_us])
    steps = np.diff(t_us)
    return int(steps[steps <= SEEN_GAP_US].sum())
