"""Sound and picture of one WebRTC connection on one timeline.

The media times of the two tracks have nothing to do with each other. RTCP sender reports pair each with the sender's wall
clock (RFC 3550, section 6.4.1), and the difference of the two pairs is the offset; until both tracks have reports, and
where these make no sense, the earliest arrivals of late stand in: network and buffers only ever add delay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from liveguard.rtc.av_tracks import MediaTrack
from liveguard.timeline import STALL_US
from liveguard.types import Track

OffsetSource: TypeAlias = Literal["arrival", "sender_report"]

STEP_US = 20_000
SEAM_US = 10_000  # below this the clock of counted samples would not follow a step of the sound anyway
# Between reports and arrival; two figures, so as not to waver. What is placed so far apart, and wavers a little, must not be
# too late for its windows.
TRUST_US, TRUST_AGAIN_US = STALL_US - 100_000, STALL_US - 200_000
REPORT_FLOOR_US = 5_000
ARRIVAL_FLOOR_US, ARRIVAL_FEW_US = 40_000, 200_000  # the second is divided by the number of samples heard of late
UNKNOWN_US = 500_000
DRIFT_PPM = 200  # of an audio device against the wall clock
HELD_PPM = 1_000  # growth of uncertainty once something odd has happened to the reports
MOST_WANTED = 5
GIVE_UP = 4  # reports wanted of each track when what they said before is let go
WHOLE_SECOND_US = 5_000  # some stacks send no fraction of a second, or one that is next to nothing


@dataclass(frozen=True, slots=True)
class AvOffset:
    """How well sound and picture are aligned with each other, and by what.

    `step` counts how often they were aligned anew; `moved_us` is how far in all, sound against picture.
    """

    source: OffsetSource
    uncertainty_us: int
    step: int = 0
    moved_us: int = 0

    def params(self) -> dict[str, float | int | str]:
        """What a cue `av_clock` carries."""
        return {
            "source": self.source,
            "uncertainty_ms": self.uncertainty_us / 1000,
            "step": self.step,
            "moved_ms": self.moved_us / 1000,
        }


class AvClock:
    """Gives each sample its place. For one thread at a time; `offset` may be read by any.

    The track that arrives first is anchored where it arrives, and never moved against the timeline but where its own media
    times break off; the other follows the estimate, in as few steps as possible, as each is a seam. `audio_late_us`: how
    much longer the receiver holds sound back than pictures.
    """

    def __init__(self, start_us: int, audio_late_us: int) -> None:
        self.offset = AvOffset("arrival", UNKNOWN_US)
        self._start_us, self._audio_late_us = start_us, audio_late_us
        self._video, self._audio = MediaTrack(), MediaTrack()
        self._anchor: MediaTrack | None = None
        self._at_us = start_us
        self._held_us: int | None = None  # origin of the sound minus origin of the picture, as placed
        self._wanted = 1  # reports of each track; more after each jump of theirs
        self._distrusted = False
        self._last = (0, 0, 0)  # offset when reports last gave one, its uncertainty, and what arrival said then
        self._dropped_at_us = 0

    def arrived(self, track: Track, media_us: int, at_us: int) -> int:
        """`t_us` of a decoded sample with media time `media_us` that arrived at `at_us`, both of the session.

        Pictures are placed one by one, so their times always increase: where they would go back, they run at half speed
        until they have caught up. Sound may step back, which its stream takes for an overlap.
        """
        one = self._track(track)
        self._at_us = max(self._at_us, at_us)
        jump_us = one.arrive(media_us, self._at_us)
        if jump_us:
            self._begin_anew(one, jump_us)
        if self._anchor is None:
            late_us = self._audio_late_us if one is self._audio else 0
            self._anchor, one.origin_us = one, max(self._start_us, self._at_us - late_us) - media_us
        self._align()
        return one.place(media_us, self._start_us, self._at_us) if one is self._video else media_us + one.origin_us

    def reported(self, track: Track, media_us: int, ntp_us: int) -> None:
        """Take in a sender report: the sender's wall clock `ntp_us` (0: it has none) at `media_us` of the track.

        A wall clock of whole seconds says too little; a good one shows one by chance, and its next report will do.
        """
        if ntp_us <= 0 or ntp_us % 1_000_000 < WHOLE_SECOND_US:
            return
        one = self._track(track)
        if one.contradicts(ntp_us - media_us):  # the sender's clock was set, or its reports are worth nothing
            self._video.reports.clear()
            self._audio.reports.clear()
            self._wanted = min(self._wanted + 1, MOST_WANTED)
            self._dropped_at_us = self._at_us
        one.reports.append((self._at_us, ntp_us - media_us))
        self._align()

    def _track(self, track: Track) -> MediaTrack:
        return self._video if track == "video" else self._audio

    def _begin_anew(self, one: MediaTrack, jump_us: int) -> None:
        """A track's media times broke off: it goes on where it arrives, and what its reports said is void."""
        one.begin_anew(jump_us)
        if self._held_us is not None:
            self._held_us += jump_us if one is self._audio else -jump_us
        self.offset = replace(self.offset, source="arrival", step=self.offset.step + 1)

    def _align(self) -> None:
        """Bring the track that is not anchored to where the estimate puts it, if that is worth a seam."""
        if self._video.lowest_us is None or self._audio.lowest_us is None:
            return
        by_arrival_us = self._audio.lowest_us - self._audio_late_us - self._video.lowest_us
        source, wanted_us, uncertainty_us = self._by_reports(by_arrival_us) or self._by_arrival(by_arrival_us)
        step, moved_us = self.offset.step, self.offset.moved_us
        # Smaller steps than the uncertainty would exchange one error for another.
        limit_us = max(STEP_US, uncertainty_us)
        if source == "sender_report" and self.offset.source == "arrival":
            limit_us = SEAM_US
        if self._held_us is None:
            self._place(wanted_us)
        elif abs(wanted_us - self._held_us) > limit_us:
            step, moved_us = step + 1, moved_us + wanted_us - self._held_us
            self._place(wanted_us)
        still_off_us = abs(wanted_us - self._held_us) if self._held_us is not None else 0
        self.offset = AvOffset(source, uncertainty_us + still_off_us, step, moved_us)

    def _place(self, offset_us: int) -> None:
        self._held_us = offset_us
        if self._anchor is self._video:
            self._audio.origin_us = self._video.origin_us + offset_us
        else:
            self._video.origin_us = self._audio.origin_us - offset_us

    def _by_arrival(self, by_arrival_us: int) -> tuple[OffsetSource, int, int]:
        few = min(self._video.heard, self._audio.heard)
        return "arrival", by_arrival_us, ARRIVAL_FLOOR_US + ARRIVAL_FEW_US // max(few, 1)

    def _by_reports(self, by_arrival_us: int) -> tuple[OffsetSource, int, int] | None:
        """The offset by reports with its uncertainty, or the one held while they start anew; None: not to be had."""
        video, audio = self._video, self._audio
        if min(len(video.reports), len(audio.reports)) >= self._wanted:
            offset_us = audio.wall_us() - video.wall_us()
            limit_us = TRUST_AGAIN_US if self._distrusted else TRUST_US
            self._distrusted = abs(offset_us - by_arrival_us) > limit_us
            if self._distrusted:
                return None
            scatter_us = (REPORT_FLOOR_US**2 + video.scatter_us() ** 2 + audio.scatter_us() ** 2) ** 0.5
            age_us = self._at_us - min(video.reported_at_us(), audio.reported_at_us())
            uncertainty_us = round(scatter_us) + age_us * DRIFT_PPM // 1_000_000
            self._last = (offset_us, uncertainty_us, by_arrival_us)
            return "sender_report", offset_us, uncertainty_us
        offset_us, uncertainty_us, arrival_then_us = self._last
        given_up = self._wanted >= GIVE_UP
        if self.offset.source == "arrival" or given_up or abs(offset_us - by_arrival_us) > TRUST_US:
            return None
        # What arrival has moved since then, beyond its own noise, may be the offset's.
        strange_us = max(abs(by_arrival_us - arrival_then_us) - ARRIVAL_FLOOR_US, 0)
        held_for_us = self._at_us - self._dropped_at_us
        return "sender_report", offset_us, uncertainty_us + strange_us + held_for_us * HELD_PPM // 1_000_000
