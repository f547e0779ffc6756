"""The pure core in one object: samples in, events out. The same object guards a live call and scans a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from liveguard.alert import AlertMachine
from liveguard.errors import ConfigError
from liveguard.fusion import Fusion
from liveguard.policy import Policy
from liveguard.scheduler import Job, Scheduler
from liveguard.timeline import STALL_US, Timeline
from liveguard.types import (
    SAMPLE_RATE_HZ,
    AudioChunk,
    Detector,
    Event,
    Fault,
    FeedInfo,
    Gap,
    Observation,
    Reading,
    Sample,
    Status,
)

CORE_FAULT = "feed"  # where the core's own remarks on a feed come from
NO_FACE_AFTER_US = 1_000_000
TICK_US = 1_000_000
PIECE = SAMPLE_RATE_HZ // 5  # samples: longer chunks are taken in piece by piece, so that memory need not hold them
LATE_AGAIN_US, LATE_LATEST_US = 5_000_000, 60_000_000  # between two remarks on it: twice as long each time
LEAST_SAMPLES = 3  # of a face, before it is counted


class Engine:
    """One feed's core. Not thread-safe: one thread owns it and calls everything.

    `push` runs the jobs itself. A shell that wants to run heavy ones elsewhere gets them from `accept`, and hands each
    result to `take`. Jobs must be drawn to the end before the next sample is taken in.
    """

    def __init__(
        self, feed: FeedInfo, detectors: Sequence[Detector], policy: Policy | None = None, session_id: str = "session"
    ) -> None:
        names = [detector.name for detector in detectors]
        if len(set(names)) < len(names):
            raise ConfigError(f"two checks have the same name: {', '.join(sorted(names))}")
        self._detectors = {detector.name: detector for detector in detectors}
        keep_us = max((detector.need.length_us for detector in detectors), default=0)
        wants_audio = any(detector.need.audio_us for detector in detectors)
        policy = policy or Policy()
        self.timeline = Timeline(feed, keep_us, wants_audio)
        self._calibration = policy.calibration
        self._scheduler = Scheduler(detectors, self.timeline)
        self.fusion = Fusion(policy)
        self._alerts = AlertMachine(policy, session_id)
        self.heard = False  # any sound but silence
        self._tick_us = TICK_US
        self._face_seen_us = 0
        self._no_face_said = False
        self._late_said: Counter[str] = Counter()
        self._late_again_us, self._late_wait_us = 0, LATE_AGAIN_US
        self._seen: Counter[int] = Counter()
        self._seen_alive: Counter[int] = Counter()

    @property
    def faces(self) -> int:
        """How many people were seen so far; pictures on the wall are none."""
        return sum(self._seen_alive[track] >= max(LEAST_SAMPLES, n / 2) for track, n in self._seen.items())

    def push(self, sample: Sample) -> list[Event]:
        """Take one sample in; the events that it brings about, in order of stream time."""
        events, jobs = self.accept(sample)
        for job in jobs:
            events += self.take(job.run())
        return events

    def accept(self, sample: Sample) -> tuple[list[Event], Iterator[Job]]:
        """Take one sample in; what is to be said of it, and the jobs that it makes due as they are drawn."""
        return self._remarks(sample), self._jobs(sample)

    def take(self, result: Reading | Fault) -> list[Event]:
        """Count one result in: itself, then what follows from it, and from the time that has gone by.

        What a challenge's check says is passed on and no more: it is decided on where it was asked for. As evidence of the
        call it would count twice there, and an answer that is right would outweigh what the other checks have found.
        """
        if isinstance(result, Fault):
            return [result]
        events: list[Event] = []
        while self._tick_us < result.end_us:
            events += self._tick(self._tick_us)
            # After a long hole one tick does for all of it.
            self._tick_us = max(self._tick_us + TICK_US, (result.end_us - 1) // TICK_US * TICK_US)
        detector = self._detectors[result.detector]
        result = self._calibration.apply(result)
        if detector.need.cue:
            return [*events, result]
        evidence = self.fusion.add(result, detector.hypothesis, detector.need)
        return [*events, result, *self._alerts.add(result, detector.hypothesis, evidence)]

    def worth(self, reading: Reading) -> float:
        """What the reading adds to the evidence, in nats."""
        need = self._detectors[reading.detector].need
        return 0.0 if need.cue else self.fusion.worth(reading, need)

    def finish(self) -> list[Event]:
        """The feed has ended: judge what is left."""
        events, jobs = self.end()
        for job in jobs:
            events += self.take(job.run())
        return events

    def end(self) -> tuple[list[Event], Iterator[Job]]:
        """As `accept`, for the end of the feed."""
        events = self._late()
        self.timeline.finish()
        if self._no_face_said:
            events.append(Gap("video", self._face_seen_us, self.timeline.end_us, "no_face"))
        return events, chain(self._scheduler.due(), self._scheduler.last())

    def statuses(self) -> list[Status]:
        """Where each participant stands now."""
        return self._alerts.statuses(self.timeline.watermark_us)

    def _jobs(self, sample: Sample) -> Iterator[Job]:
        for piece in _pieces(sample):
            self.timeline.add(piece)
            yield from self._scheduler.due()

    def _tick(self, t_us: int) -> list[Event]:
        self.fusion.tick(t_us)
        said, gone = self._alerts.tick(t_us)
        for track in gone:
            self.fusion.forget(track)
        return list(said)

    def _remarks(self, sample: Sample) -> list[Event]:
        """Gaps are passed on; a second without any face is one; samples that came too late are said."""
        events: list[Event] = self._late()
        if isinstance(sample, Gap):
            events.append(sample)
        elif isinstance(sample, Observation):
            events += self._faces(sample)
        elif isinstance(sample, AudioChunk) and sample.pcm.any():
            self.heard = True
            self._alerts.heard(sample.t_us)
        return events

    def _faces(self, seen: Observation) -> list[Event]:
        self._seen.update(face.track for face in seen.faces)
        self._seen_alive.update(face.track for face in seen.faces if not face.picture)
        events: list[Event] = [*self._alerts.unfollowed(seen.unfollowed, seen.t_us)]
        if seen.faces:
            if self._no_face_said:
                events.append(Gap("video", self._face_seen_us, seen.t_us, "no_face"))
            self._face_seen_us, self._no_face_said = seen.t_us, False
        elif seen.t_us - self._face_seen_us >= NO_FACE_AFTER_US:
            self._no_face_said = True
        return events

    def _late(self) -> list[Event]:
        fresh = self.timeline.late - self._late_said
        if not fresh or self.timeline.end_us < self._late_again_us:
            return []
        self._late_said = self.timeline.late.copy()
        self._late_again_us = self.timeline.end_us + self._late_wait_us
        self._late_wait_us = min(2 * self._late_wait_us, LATE_LATEST_US)
        what = ", ".join(f"{count} of {track}" for track, count in sorted(fresh.items()))
        why = f"came more than {STALL_US / 1e6:g} s behind the other track and were left out: {what}"
        return [Fault(self.timeline.watermark_us, CORE_FAULT, why)]


def _pieces(sample: Sample) -> Iterator[Sample]:
    if not isinstance(sample, AudioChunk) or len(sample.pcm) <= PIECE:
        yield sample
        return
    for at in range(0, len(sample.pcm), PIECE):
        yield AudioChunk(sample.t_us + at * 1_000_000 // SAMPLE_RATE_HZ, sample.pcm[at : at + PIECE])
