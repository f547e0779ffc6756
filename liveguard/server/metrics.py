"""What the server counts, for Prometheus. No label can hold foreign text, and none can take values without end."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector

from liveguard.types import HYPOTHESES, Alert, Detector, Event, Fault, Reading

MOST_CAUSES: Final = 64
MOST_PLACES: Final = 64
MOST_CHECKS: Final = 32
OTHER: Final = "other"
KINDS: Final = ("webcam", "meeting", "whip")
VERDICTS: Final = ("false_alarm", "real")
REFUSALS: Final = ("token", "origin", "too_many", "no_codec", "bad_offer", "bad_message")
AGE_BUCKETS_S: Final = (0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0)

_FIGURE = re.compile(r"[-+]?\d+(?:[.,]\d+)*")
_OUR_WORDS = re.compile(r"(?:[a-z# ,'()%±-]|dB|Hz){1,80}")
_PLACES = re.compile(r"face tracking|feed|tap|session|journal|on_tick|sink [A-Za-z_][A-Za-z0-9_]{0,39}")


class Bounded:
    """Lets the first `most` different values through; every later one becomes "other"."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: set[str] = set()

    def __call__(self, value: str) -> str:
        if value not in self._seen:
            if len(self._seen) >= self._most:
                return OTHER
            self._seen.add(value)
        return value


class _Registry(CollectorRegistry):
    """Without the time at which each counter was made: nobody asks for it, and it doubles the page."""

    def collect(self) -> Iterable[Metric]:
        for metric in super().collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class Metrics:
    """The figures of one server. Any thread may call anything.

    `checks`: the guard's detectors. Only their names become labels, and only those that are part of liveguard give
    causes: a plug-in's words are not ours to publish.
    """

    def __init__(self, checks: Sequence[Detector] = ()) -> None:
        known = checks[:MOST_CHECKS]
        self._checks = frozenset(check.name for check in known)
        self._ours = frozenset(check.name for check in known if type(check).__module__.startswith("liveguard."))
        self._cause, self._place = Bounded(MOST_CAUSES), Bounded(MOST_PLACES)
        self._registry = _Registry()
        self._make_call_metrics()
        self._make_verdict_metrics()
        self._begin_at_zero()
        ProcessCollector(registry=self._registry)

    # --- what is told ----------------------------------------------------------------------------------------------

    def event(self, event: Event, simulated: bool) -> None:
        """Count a reading, alert or fault; statuses and gaps are not counted."""
        if isinstance(event, Reading):
            self._reading(event)
        elif isinstance(event, Alert):
            hypothesis = _one_of(HYPOTHESES, event.hypothesis)
            self._alerts.labels(hypothesis, event.state, "yes" if simulated else "no").inc()
        elif isinstance(event, Fault):
            self._faults.labels(self._place(self._where(event.where))).inc()

    def frame(self, age_s: float | None = None) -> None:
        """Count a picture that was judged, `age_s` after it came; None where that is not known."""
        self._frames.inc()
        if age_s is not None and math.isfinite(age_s):
            self._age.observe(max(age_s, 0.0))

    def shed(self, frames: int = 0, samples: int = 0, jobs: int = 0, events: int = 0) -> None:
        """Count what was left out since the last call: pictures, samples of sound, windows of checks, events for sinks."""
        self._frames_shed.inc(max(frames, 0))
        self._samples_shed.inc(max(samples, 0))
        self._jobs_skipped.inc(max(jobs, 0))
        self._events_dropped.inc(max(events, 0))

    def session_started(self, kind: str) -> None:
        self._started.labels(_one_of(KINDS, kind)).inc()

    def sessions(self, connected: int, waiting: int) -> None:
        """Set how many sessions there are now."""
        self._sessions.labels("connected").set(connected)
        self._sessions.labels("waiting").set(waiting)

    def feedback(self, verdict: str) -> None:
        self._feedback.labels(_one_of(VERDICTS, verdict)).inc()

    def websocket_clients(self, count: int) -> None:
        """Set how many listen now."""
        self._clients.set(count)

    def refused(self, why: str) -> None:
        """Count a connection that was not let in; `why` is one of REFUSALS."""
        self._refused.labels(_one_of(REFUSALS, why)).inc()

    def render(self) -> tuple[bytes, str]:
        """The page that Prometheus reads, and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    # --- labels -----------------------------------------------------------------------------------------------------

    def _reading(self, reading: Reading) -> None:
        check = reading.detector if reading.detector in self._checks else OTHER
        if reading.llr is not None and math.isfinite(reading.llr):
            self._readings.labels(check, "for" if reading.llr > 0 else "against").inc()
            return
        ours = reading.detector in self._ours
        self._readings.labels(check, "cannot_judge").inc()
        self._cannot_judge.labels(check, self._cause(cause(reading.why)) if ours else OTHER).inc()

    def _where(self, where: str) -> str:
        """Who has a fault, as a label: parts of ours by name, checks that were loaded, sinks by their class."""
        if where.startswith("webhook "):  # goes on with a host
            return "webhook"
        known = _PLACES.fullmatch(where) or where.removeprefix("check ") in self._checks
        return where if known else OTHER

    # --- metrics ----------------------------------------------------------------------------------------------------

    def _make_call_metrics(self) -> None:
        """How the calls are coping."""
        at = self._registry
        self._sessions = Gauge("liveguard_sessions", "Sessions now, by whether media arrives", ["state"], registry=at)
        self._started = Counter("liveguard_sessions_started", "Sessions that began", ["kind"], registry=at)
        about = "From a picture's arrival to what is said of it"
        self._age = Histogram("liveguard_frame_age_seconds", about, buckets=AGE_BUCKETS_S, registry=at)
        self._frames = Counter("liveguard_frames", "Pictures that were judged", registry=at)
        self._frames_shed = Counter("liveguard_frames_shed", "Pictures left out under load", registry=at)
        self._samples_shed = Counter(
            "liveguard_audio_samples_shed", "Samples of sound left out under load", registry=at
        )
        about = "Windows that a check did not judge, as it was still busy with an earlier one"
        self._jobs_skipped = Counter("liveguard_jobs_skipped", about, registry=at)
        about = "Events that a sink was too slow to take"
        self._events_dropped = Counter("liveguard_events_dropped", about, registry=at)
        self._clients = Gauge("liveguard_websocket_clients", "Listeners to events now", registry=at)
        self._refused = Counter("liveguard_connections_refused", "Connections not let in", ["why"], registry=at)

    def _make_verdict_metrics(self) -> None:
        """What was said, and what people said of it."""
        at = self._registry
        self._readings = Counter(
            "liveguard_readings", "Readings for or against an attack, or neither", ["check", "outcome"], registry=at
        )
        self._cannot_judge = Counter(
            "liveguard_cannot_judge", "Why a check could not judge, figures taken out", ["check", "cause"], registry=at
        )
        self._alerts = Counter(
            "liveguard_alerts", "Alerts raised and cleared", ["hypothesis", "state", "simulated"], registry=at
        )
        self._faults = Counter("liveguard_faults", "What broke, by place", ["where"], registry=at)
        self._feedback = Counter("liveguard_feedback", "What people said of alerts", ["verdict"], registry=at)

    def _begin_at_zero(self) -> None:
        """Make the series that are known: the first count of one that did not exist before is no increase."""
        self.sessions(0, 0)
        for kind in KINDS:
            self._started.labels(kind)
        for verdict in VERDICTS:
            self._feedback.labels(verdict)
        for why in REFUSALS:
            self._refused.labels(why)
        for check in sorted(self._checks):
            for outcome in ("for", "against", "cannot_judge"):
                self._readings.labels(check, outcome)
        for hypothesis in HYPOTHESES:
            for state in ("raised", "cleared"):
                for simulated in ("yes", "no"):
                    self._alerts.labels(hypothesis, state, simulated)


def cause(why: str) -> str:
    """The reason without its figures and without what comes after the first colon, "other" if these are not the words
    of a check of ours. A check must keep foreign text, such as the name of a device, behind the colon."""
    words = _FIGURE.sub("#", why.partition(":")[0]).strip()
    return words if _OUR_WORDS.fullmatch(words) else OTHER


def _one_of(allowed: Sequence[str], value: str) -> str:
    return value if value in allowed else OTHER
