"""Which window is due when: on a fixed grid of stream time, or when a cue is over, in one order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from liveguard.timeline import STALL_US, Timeline
from liveguard.types import Detector, Fault, Need, Reading, Track, Window
from liveguard.words import ONE_PICTURE

OUT_OF_SIGHT_US = 1_000_000  # and a step of the check, so that there was nothing new since its last window
LATE_SHARE = 0.5  # of what a check needs of a track: where more came too late, that is what is missing
PICTURE_WHY = "looks like a picture on the wall: it keeps still while somebody else moves"


@dataclass(frozen=True, slots=True)
class Job:
    """One detector on one window. `run` may be called by any thread, once."""

    detector: Detector
    window: Window

    def run(self) -> Reading | Fault:
        """The detector's reading; a detector that breaks gives a Fault, and the call goes on."""
        window = self.window
        if window.faces and window.faces[-1].picture and window.peers:
            return self._unjudged(PICTURE_WHY)
        if window.feed.still and not self.detector.need.still:
            return self._unjudged(ONE_PICTURE)
        if late := self._too_late():
            return self._unjudged(late)
        if unseen_us := self._unseen_us():
            return self._unjudged(f"not seen for {unseen_us / 1e6:.1f} s: stay in view")
        try:
            return _checked(self.detector.name, window, self.detector.evaluate(window))
        except Exception as error:  # noqa: BLE001 (a plug-in may raise anything; it must not take the call down with it)
            return Fault(window.end_us, f"check {self.detector.name}", f"{type(error).__name__}: {error}")

    def _unseen_us(self) -> int:
        """For how long the face has been gone, 0 while it is here: a long window would go on telling of it, as if anew."""
        need, window = self.detector.need, self.window
        if need.cue or need.scope == "feed" or window.feed.still or not window.faces:
            return 0
        unseen_us = window.end_us - window.faces[-1].t_us
        return unseen_us if unseen_us > max(need.step_us, OUT_OF_SIGHT_US) else 0

    def _too_late(self) -> str:
        """Which track came too far behind the other one to be judged, in words; empty where none did."""
        need = self.detector.need
        needed: tuple[tuple[Track, int, str], ...] = (
            ("audio", need.audio_us, "the sound comes more than {} s after the picture: too late to be judged"),
            ("video", need.video_us, "the picture comes more than {} s after the sound: too late to be judged"),
        )
        end_us = self.window.end_us
        for track, length_us, words in needed:
            since_us = max(end_us - length_us, 0)
            gaps = (gap for gap in self.window.gaps if gap.kind == track and gap.reason == "late")
            late_us = sum(max(min(gap.end_us, end_us) - max(gap.start_us, since_us), 0) for gap in gaps)
            if late_us > LATE_SHARE * (end_us - since_us):
                return words.format(f"{STALL_US / 1e6:g}")
        return ""

    def _unjudged(self, why: str) -> Reading:
        window = self.window
        return Reading(self.detector.name, window.track, window.start_us, window.end_us, None, window.coverage, why)


def _checked(name: str, window: Window, reading: object) -> Reading:
    """The reading, if it is one about this window; raises TypeError or ValueError where a check broke its promise."""
    if not isinstance(reading, Reading):
        raise TypeError(f"gave {type(reading).__name__} instead of a Reading")
    if (reading.detector, reading.track, reading.end_us) != (name, window.track, window.end_us):
        raise ValueError(f"gave a reading of {reading.detector!r} about another window or face")
    if reading.llr is not None and not math.isfinite(reading.llr):
        raise ValueError(f"gave {reading.llr} as its ratio")
    if not 0.0 <= reading.coverage <= 1.0:
        raise ValueError(f"gave {reading.coverage} as its coverage")
    return reading


class Scheduler:
    """Gives the jobs that have become due, by (end of window, name of check, track). Owned by the session's thread."""

    def __init__(self, detectors: Sequence[Detector], timeline: Timeline) -> None:
        self._timeline = timeline
        self._detectors = sorted(detectors, key=lambda detector: detector.name)
        self._cued = [detector for detector in self._detectors if detector.need.cue]
        self._regular = [detector for detector in self._detectors if not detector.need.cue]
        self._next_us: dict[str, int] = {detector.name: detector.need.step_us for detector in self._regular}
        self._judged_us = {detector.name: -1 for detector in self._cued}  # the end of the last cue that was judged

    def due(self) -> Iterator[Job]:
        """Jobs whose window ends at or before the watermark."""
        self._skip_hole()
        while (first := self._first()) and first[0] <= self._timeline.watermark_us:
            end_us, _, detector = first
            if detector.need.cue:
                self._judged_us[detector.name] = end_us
            else:
                self._next_us[detector.name] += detector.need.step_us
            yield from self._jobs(detector, end_us)

    def last(self) -> Iterator[Job]:
        """After the end of the feed: one more window for each check that more than half a step has gone by for.

        A cue that was not over by then is not judged: what was asked for could not be done.
        """
        end_us = self._timeline.end_us
        for detector in self._regular:
            step_us = detector.need.step_us
            if end_us - (self._next_us[detector.name] - step_us) > step_us // 2:
                yield from self._jobs(detector, end_us)

    def _skip_hole(self) -> None:
        """After a jump of time beyond all memory nothing is known of what lies between: it is not gone through."""
        behind_us = self._timeline.watermark_us - self._timeline.keep_us
        for detector in self._regular:
            if self._next_us[detector.name] < behind_us:
                step_us = detector.need.step_us
                self._next_us[detector.name] = -(-behind_us // step_us) * step_us

    def _first(self) -> tuple[int, str, Detector] | None:
        """The end of the window that is due first, and whose it is."""
        coming = [(self._next_us[detector.name], detector.name, detector) for detector in self._regular]
        for detector in self._cued:
            end_us = self._timeline.cue_end_us(detector.need.cue, self._judged_us[detector.name])
            if end_us is not None:
                coming.append((end_us, detector.name, detector))
        return min(coming, key=lambda due: due[:2], default=None)

    def _jobs(self, detector: Detector, end_us: int) -> Iterator[Job]:
        need = detector.need
        for track in self._tracks(need, end_us):
            yield Job(detector, self._timeline.window(need, end_us, track))

    def _tracks(self, need: Need, end_us: int) -> Sequence[int | None]:
        """One window a face; without any face one that says so."""
        if need.scope == "feed":
            return [None]
        return self._timeline.tracks(max(end_us - need.length_us, 0), end_us) or [None]
