"""The pure core in one object: samples in, events out. The same object guards a live call and scans a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from liveguard.alert import AlertMachine
from liveguard.errors import ConfigError
from liveguard.fusion import Fusion
from liveguard.policy import Policy
from liveguard.scheduler import Job, Scheduler
from liveguard.timeline import Timeline
from liveguard.types import Detector, Event, Fault, FeedInfo, Gap, Observation, Reading, Sample, Status

NO_FACE_AFTER_US = 1_000_000


class Engine:
    """One feed's core. Not thread-safe: one thread owns it and calls everything.

    `push` runs the jobs itself. A shell that wants to run heavy ones elsewhere gets them from `accept`, and hands each
    result to `take`.
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
        self._scheduler = Scheduler(detectors, self.timeline)
        self.fusion = Fusion(policy)
        self._alerts = AlertMachine(policy, session_id)
        self._face_seen_us = 0
        self._no_face_said = False

    def push(self, sample: Sample) -> list[Event]:
        """Take one sample in; the events that it brings about, in order of stream time."""
        events, jobs = self.accept(sample)
        for job in jobs:
            events += self.take(job.run())
        return events

    def accept(self, sample: Sample) -> tuple[list[Event], Iterator[Job]]:
        """Take one sample in; what is to be said of it, and the jobs that it made due."""
        self.timeline.add(sample)
        return self._gaps(sample), self._scheduler.due()

    def take(self, result: Reading | Fault) -> list[Event]:
        """Count one result in: itself, then what follows from it."""
        if isinstance(result, Fault):
            return [result]
        detector = self._detectors[result.detector]
        evidence = self.fusion.add(result, detector.hypothesis, detector.need)
        return [result, *self._alerts.add(result, detector.hypothesis, evidence)]

    def finish(self) -> list[Event]:
        """The feed has ended: judge what is left."""
        self.timeline.finish()
        events: list[Event] = []
        if self._no_face_said:
            events.append(Gap("video", self._face_seen_us, self.timeline.end_us, "no_face"))
        for jobs in (self._scheduler.due(), self._scheduler.last()):
            for job in jobs:
                events += self.take(job.run())
        return events

    def statuses(self) -> list[Status]:
        """Where each participant stands now."""
        return self._alerts.statuses(self.timeline.watermark_us)

    def _gaps(self, sample: Sample) -> list[Event]:
        """Gaps are passed on; a second without any face is one."""
        if isinstance(sample, Gap):
            return [sample]
        if not isinstance(sample, Observation):
            return []
        if sample.faces:
            since_us, self._face_seen_us, said = self._face_seen_us, sample.t_us, self._no_face_said
            self._no_face_said = False
            return [Gap("video", since_us, sample.t_us, "no_face")] if said else []
        if sample.t_us - self._face_seen_us >= NO_FACE_AFTER_US:
            self._no_face_said = True
        return []
